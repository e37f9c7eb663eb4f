//! The header line of a statement, and the values of one line by column.

use super::column::Column;
use super::error::BillError;

/// The most columns that a header may have.
const MAX_COLUMNS: usize = 128;

/// Values are separated by commas and, where they are marked by back-ticks, by
/// a comma before a back-tick only.
fn split(line: &str) -> Vec<&str> {
    match line.strip_prefix('`') {
        Some(rest) => rest.split(",`").map(str::trim).collect(),
        None => line.split(',').map(str::trim).collect(),
    }
}

/// The position of each column.
#[derive(Clone, Debug)]
pub(super) struct Header<C> {
    columns: Vec<Option<C>>,
    /// Whether pricing and settlement are two pairs of columns (`APIv3` Global).
    pub(super) is_priced: bool,
}

impl<C: Copy + PartialEq> Header<C> {
    pub(super) fn read(
        line: &str,
        from_name: fn(&str) -> Option<C>,
        field: fn(C) -> &'static str,
    ) -> Result<Self, BillError> {
        let names = split(line);
        if names.len() > MAX_COLUMNS {
            return Err(BillError::NoHeader);
        }
        let columns: Vec<_> = names.into_iter().map(from_name).collect();
        for (at, column) in columns.iter().enumerate() {
            if let Some(known) = column
                && columns.iter().skip(at + 1).any(|other| other == column)
            {
                let column = field(*known);
                return Err(BillError::DuplicateColumn { column });
            }
        }
        if columns.iter().all(Option::is_none) {
            return Err(BillError::NoHeader);
        }
        Ok(Self {
            columns,
            is_priced: false,
        })
    }

    pub(super) fn at(&self, column: C) -> Option<usize> {
        self.columns.iter().position(|c| *c == Some(column))
    }

    pub(super) fn has(&self, column: C) -> bool {
        self.at(column).is_some()
    }

    pub(super) fn cells<'a>(
        &'a self,
        line: usize,
        text: &'a str,
    ) -> Result<Cells<'a, C>, BillError> {
        let values = split(text);
        let columns = self.columns.len();
        // A value that contains a separator shifts those behind it, so no
        // surplus value is accepted, not even an empty one. Some exports end each
        // line with a comma; the header, too.
        if values.len() != columns {
            let values = values.len();
            return Err(BillError::WrongWidth {
                line,
                values,
                columns,
            });
        }
        Ok(Cells {
            header: self,
            values,
        })
    }
}

impl Header<Column> {
    /// The header of the rows, with every required column.
    pub(super) fn of_rows(line: &str) -> Result<Self, BillError> {
        let mut header = Self::read(line, Column::from_name, Column::field)?;
        header.tell_pricing_from_settlement();
        for column in [
            Column::TradeTime,
            Column::TransactionId,
            Column::OutTradeNo,
            Column::TradeState,
            Column::TotalFee,
        ] {
            if !header.has(column) {
                let column = column.field();
                return Err(BillError::MissingColumn { column });
            }
        }
        Ok(header)
    }

    /// `APIv3` Global's statement has two pairs of columns: 标价币种 with 订单金额 is
    /// the order's currency and amount, 结算币种 with 应结订单金额 those of the
    /// settlement. v2 calls the order's own amount 应结订单金额, and the mainland's
    /// 订单金额 is the amount before coupons, without 结算币种. A refund's amount is
    /// 申请退款金额 there; its settlement is 退款应结订单金额.
    fn tell_pricing_from_settlement(&mut self) {
        self.is_priced = self.has(Column::SettlementFeeType)
            && self.has(Column::TotalFee)
            && self.has(Column::OrderFee)
            && !self.has(Column::SettlementFee);
        if !self.is_priced {
            return;
        }
        let has_refund_fee = self.has(Column::RefundFee);
        for column in self.columns.iter_mut().flatten() {
            *column = match *column {
                Column::TotalFee => Column::SettlementFee,
                Column::OrderFee => Column::TotalFee,
                Column::ApplyRefundFee if !has_refund_fee => Column::RefundFee,
                other => other,
            };
        }
    }
}

/// One line's values, by column.
pub(super) struct Cells<'a, C> {
    header: &'a Header<C>,
    values: Vec<&'a str>,
}

impl<C: Copy + PartialEq> Cells<'_, C> {
    pub(super) fn get(&self, column: C) -> Option<&str> {
        let value = self.values.get(self.header.at(column)?)?;
        Some(*value).filter(|value| !value.is_empty())
    }
}
