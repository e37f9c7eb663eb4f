//! Reads a statement as it is received, in chunks of any size. At most two
//! lines are in memory, however long the statement is.
//!
//! ```text
//! push(bytes) ─▶ Entry::Row | Entry::Odd …  ─▶ finish() ─▶ Summary | BillError
//! ```
//!
//! A row that cannot be parsed is an [`OddRow`]; the others are parsed
//! nevertheless. An error of the whole statement (no header, cut short, totals
//! that disagree with the rows) is a [`BillError`].

use super::column::{Column, Total};
use super::decimal::Decimal;
use super::error::{BillError, MAX_LINE_BYTES, read_refusal};
use super::header::{Cells, Header};
use super::row::{Row, RowState, sum_of};
use crate::common::field::{FieldError, Problem};
use order::Currency;
use std::fmt;

/// The contents of a line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A payment, or a refund.
    Row(Box<Row>),
    /// A row that cannot be read.
    Odd(OddRow),
}

/// A row that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddRow {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, by WeChat's name in messages; `None` where the whole row is
    /// wrong.
    pub column: Option<&'static str>,
    /// What is wrong; reads as the end of a sentence.
    pub problem: String,
}

impl fmt::Display for OddRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
        } = self;
        match column {
            Some(column) => write!(f, "line {line}: {column} {problem}"),
            None => write!(f, "line {line} {problem}"),
        }
    }
}

/// A statement's summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of rows that were read.
    pub rows: usize,
    /// The number of rows that could not be read.
    pub odd: usize,
    /// The totals as the statement gives them.
    pub totals: Vec<(Total, Decimal)>,
}

/// Whether a statement ends with totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Always: without them it is incomplete.
    Required,
    /// Perhaps: a signed hash shows that it is complete.
    Optional,
}

/// Reads a statement as it arrives.
#[derive(Debug)]
pub struct Reader {
    totals: Totals,
    state: State,
    /// The beginning of an incomplete line, or of a refusal.
    part: Vec<u8>,
    /// How many lines have been read.
    lines: usize,
    /// The last row, until the next line shows that it is complete: a value may
    /// contain a line feed.
    held: Option<(usize, String)>,
    /// Whether values are marked by back-ticks: the first row shows it.
    is_marked: bool,
    sums: Sums,
}

#[derive(Debug)]
enum State {
    Header,
    Refusal,
    Rows(Header<Column>),
    TotalsHeader(Header<Column>, Header<Total>),
    /// With the line of the totals.
    Totals(Header<Column>, Vec<(Total, Decimal)>, usize),
}

impl Reader {
    /// A reader of a statement that ends in this way.
    pub fn new(totals: Totals) -> Self {
        Self {
            totals,
            state: State::Header,
            part: Vec::new(),
            lines: 0,
            held: None,
            is_marked: false,
            sums: Sums::default(),
        }
    }

    /// Whether the header has been read: the rest is a table.
    pub const fn is_table(&self) -> bool {
        !matches!(self.state, State::Header | State::Refusal)
    }

    /// How many bytes are in memory: less than two lines.
    pub fn held_bytes(&self) -> usize {
        let held = self.held.as_ref().map_or(0, |(_, text)| text.len());
        self.part.len() + held
    }

    /// Reads the next piece.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Entry)) -> Result<(), BillError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.part.len() + piece.len() > MAX_LINE_BYTES {
                let line = self.lines + 1;
                return Err(BillError::LineTooLong { line });
            }
            self.part.extend_from_slice(piece);
            if piece.ends_with(b"\n") && !matches!(self.state, State::Refusal) {
                let line = std::mem::take(&mut self.part);
                self.take_line(line, each)?;
            }
        }
        Ok(())
    }

    /// Ends the statement.
    pub fn finish(mut self, each: &mut dyn FnMut(Entry)) -> Result<Summary, BillError> {
        if !matches!(self.state, State::Refusal) {
            let line = std::mem::take(&mut self.part);
            self.take_line(line, each)?;
        }
        self.end_row(each);
        let state = std::mem::replace(&mut self.state, State::Header);
        let (header, totals, line) = match state {
            State::Header => return Err(BillError::NoHeader),
            State::Refusal => {
                let text = std::str::from_utf8(&self.part).map_err(|_| BillError::NotUtf8)?;
                return Err(read_refusal(text)?);
            }
            State::Rows(header) if self.totals == Totals::Optional => {
                (header, Vec::new(), self.lines)
            }
            State::Rows(_) | State::TotalsHeader(..) => return Err(BillError::NoTotals),
            State::Totals(header, totals, line) => (header, totals, line),
        };
        // Rows that could not be read count for the totals, too: only their
        // number can be compared.
        match self.sums.odd {
            0 => self.sums.check(&totals, &header)?,
            _ => self.check_number(&totals, line, each),
        }
        Ok(Summary {
            rows: self.sums.rows,
            odd: self.sums.odd,
            totals,
        })
    }

    fn take_line(&mut self, bytes: Vec<u8>, each: &mut dyn FnMut(Entry)) -> Result<(), BillError> {
        self.lines += 1;
        let line = self.lines;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}'),
            Err(_) if matches!(self.state, State::Rows(_)) => {
                // Any other line than a row is part of the row before it.
                let line = match self.held.take_if(|_| !bytes.starts_with(b"`")) {
                    Some((begun, _)) => begun,
                    None => line,
                };
                self.end_row(each);
                self.odd(line, None, "is not UTF-8".to_owned(), each);
                return Ok(());
            }
            Err(_) => return Err(BillError::NotUtf8),
        };
        if text.is_empty() {
            return Ok(());
        }
        match &self.state {
            State::Header if text.starts_with('<') => {
                self.part = text.as_bytes().to_vec();
                self.part.push(b'\n');
                self.state = State::Refusal;
            }
            State::Header => self.state = State::Rows(Header::of_rows(text)?),
            State::Rows(header) if begins_totals(text) => {
                let totals = Header::read(text, Total::from_name, Total::field)?;
                let header = header.clone();
                self.end_row(each);
                self.state = State::TotalsHeader(header, totals);
            }
            State::Rows(_) => self.take_row(line, text, each),
            State::TotalsHeader(header, totals) => {
                let cells = totals.cells(line, text)?;
                let totals = read_totals(&cells);
                let totals = totals.map_err(|error| BillError::Value { line, error })?;
                self.state = State::Totals(header.clone(), totals, line);
            }
            State::Totals(..) => return Err(BillError::TrailingContent { line }),
            State::Refusal => {}
        }
        Ok(())
    }

    /// A row whose values are marked begins with a back-tick, so any other line
    /// continues a row whose value contains a line feed. Such a row is complete
    /// when the next one begins: a product's name must not replace the values
    /// that follow it.
    fn take_row(&mut self, line: usize, text: &str, each: &mut dyn FnMut(Entry)) {
        if text.starts_with('`') {
            self.end_row(each);
            self.is_marked = true;
            self.held = Some((line, text.to_owned()));
            return;
        }
        match self.held.take() {
            Some((begun, row)) if row.len() + text.len() < MAX_LINE_BYTES => {
                self.held = Some((begun, format!("{row}\n{text}")));
            }
            Some((begun, _)) => {
                let problem = format!("has more than {MAX_LINE_BYTES} bytes");
                self.odd(begun, None, problem, each);
            }
            None if self.is_marked => {
                let problem = "does not begin with a back-tick".to_owned();
                self.odd(line, None, problem, each);
            }
            None => self.read_row(line, text, each),
        }
    }

    /// Reads the row that is complete now.
    fn end_row(&mut self, each: &mut dyn FnMut(Entry)) {
        if let Some((line, text)) = self.held.take() {
            self.read_row(line, &text, each);
        }
    }

    fn read_row(&mut self, line: usize, text: &str, each: &mut dyn FnMut(Entry)) {
        let State::Rows(header) = &self.state else {
            return;
        };
        let read = match header.cells(line, text) {
            Ok(cells) => {
                Row::read(&cells).map_err(|error| (Some(error.field), error.problem.to_string()))
            }
            Err(BillError::WrongWidth {
                values, columns, ..
            }) => Err((None, format!("has {values} values for {columns} columns"))),
            Err(error) => Err((None, error.to_string())),
        };
        match read {
            Ok(row) => {
                self.sums.add(&row);
                each(Entry::Row(Box::new(row)));
            }
            Err((column, problem)) => self.odd(line, column, problem, each),
        }
    }

    /// Names the totals where they count another number of rows.
    fn check_number(
        &mut self,
        totals: &[(Total, Decimal)],
        line: usize,
        each: &mut dyn FnMut(Entry),
    ) {
        let stated = totals.iter().find(|(total, _)| *total == Total::Count);
        let read = self.sums.rows + self.sums.odd;
        if let Some((_, stated)) = stated
            && Decimal::parse(&read.to_string()) != Some(*stated)
        {
            let problem = format!("counts {stated} rows, and the statement has {read}");
            self.odd(line, None, problem, each);
        }
    }

    fn odd(
        &mut self,
        line: usize,
        column: Option<&'static str>,
        problem: String,
        each: &mut dyn FnMut(Entry),
    ) {
        self.sums.odd += 1;
        each(Entry::Odd(OddRow {
            line,
            column,
            problem,
        }));
    }
}

/// A row begins with a time, so the names of most lines need not be compared.
fn begins_totals(line: &str) -> bool {
    let first = line.split(',').next().unwrap_or_default();
    !first.contains(|c: char| c.is_ascii_digit()) && Total::from_name(first) == Some(Total::Count)
}

fn read_totals(cells: &Cells<'_, Total>) -> Result<Vec<(Total, Decimal)>, FieldError> {
    let mut totals = Vec::new();
    for total in Total::ALL {
        if let Some(value) = cells.get(*total) {
            let number = Decimal::parse(value).ok_or(Problem::BadFormat.of(total.field()))?;
            totals.push((*total, number));
        }
    }
    Ok(totals)
}

/// The sums of the rows so far.
#[derive(Debug, Default)]
struct Sums {
    rows: usize,
    odd: usize,
    /// By [`Total::ALL`]: of all rows, and of those that are not refunds.
    sums: [(Decimal, Decimal); Total::ALL.len()],
    currency: Option<Currency>,
    several_currencies: bool,
}

impl Sums {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.several_currencies |= self.currency.is_some_and(|c| c != row.fee_type);
        self.currency = Some(row.fee_type);
        for (total, (all, paid)) in Total::ALL.iter().zip(&mut self.sums) {
            if let Some(number) = sum_of(*total, row) {
                *all = all.plus(number);
                if row.trade_state != RowState::Refund {
                    *paid = paid.plus(number);
                }
            }
        }
    }

    /// Compares the totals. Rows in several currencies have no common sum; only
    /// their number is compared. Whether rows of refunds repeat the order's
    /// amount and count for its sum differs by merchant: both are accepted. The
    /// meaning of the totals of `APIv3` Global is not documented.
    fn check(&self, totals: &[(Total, Decimal)], header: &Header<Column>) -> Result<(), BillError> {
        for (total, stated) in totals {
            let comparable = match total.column() {
                None => true,
                Some(column) => !self.several_currencies && !header.is_priced && header.has(column),
            };
            let mut sums = Total::ALL.iter().zip(&self.sums);
            let Some((_, (counted, paid))) = sums.find(|(one, _)| *one == total) else {
                continue;
            };
            let agrees = counted == stated
                || matches!(total, Total::TotalFee | Total::OrderFee) && paid == stated;
            if comparable && !agrees {
                return Err(BillError::TotalsDisagree {
                    total: total.field(),
                    stated: *stated,
                    counted: *counted,
                });
            }
        }
        Ok(())
    }
}
