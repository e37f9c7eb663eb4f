//! The history of a seed, and the invariant that it broke.
//!
//! Nothing is recorded while seeds run. A seed that fails is run again with the
//! history recorded: the same seed has the same history.

use memory_runtime::START_MS;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The most lines that are shown: of a long history the beginning and the end.
const SHOWN_LINES: usize = 120;

/// One event.
struct Line {
    at_ms: i64,
    /// The merchant that it is about, if any.
    shop: Option<Rc<str>>,
    text: String,
}

/// The events so far, if they are recorded.
pub(super) struct History {
    lines: Option<RefCell<Vec<Line>>>,
    broken: RefCell<Option<Box<Broken>>>,
}

/// A broken invariant.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its number in `docs/simulation.md`.
    pub invariant: &'static str,
    /// The observation that breaks it.
    pub found: String,
    /// The merchant and the order number that it is about.
    subject: Option<(String, String)>,
    at_ms: i64,
    history: Vec<String>,
}

impl History {
    pub(super) fn new(on: bool) -> Self {
        Self {
            lines: on.then(RefCell::default),
            broken: RefCell::new(None),
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Stops the run when an invariant is broken.
    pub(super) fn broken(&self) -> Result<(), Box<Broken>> {
        match &*self.broken.borrow() {
            None => Ok(()),
            Some(broken) => Err(broken.clone()),
        }
    }

    /// Writes down something, about a merchant where it is about one.
    pub(super) fn write(&self, at_ms: i64, shop: Option<&str>, text: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lines.borrow_mut().push(Line {
                at_ms,
                shop: shop.map(Rc::from),
                text: text(),
            });
        }
    }

    /// An invariant is broken. The first one stops the run.
    pub(super) fn break_off(
        &self,
        at_ms: i64,
        invariant: &'static str,
        subject: Option<(&str, &str)>,
        found: String,
    ) {
        let mut broken = self.broken.borrow_mut();
        if broken.is_none() {
            // The lines of an attempt's purchase are shown.
            let base = |number: &str| number.split('-').next().unwrap_or(number).to_owned();
            let subject = subject.map(|(shop, number)| (shop.to_owned(), base(number)));
            let history = self.about(subject.as_ref());
            *broken = Some(Box::new(Broken {
                invariant,
                found,
                subject,
                at_ms,
                history,
            }));
        }
    }

    /// All lines, to compare two runs.
    pub(super) fn whole(&self) -> Vec<String> {
        let lines = self.lines.iter().flat_map(|lines| {
            let lines = lines.borrow();
            lines.iter().map(shown).collect::<Vec<_>>()
        });
        lines.collect()
    }

    /// The lines about one order and about no merchant.
    fn about(&self, subject: Option<&(String, String)>) -> Vec<String> {
        let Some(lines) = &self.lines else {
            return Vec::new();
        };
        let lines = lines.borrow();
        let about: Vec<&Line> = lines
            .iter()
            .filter(|line| {
                let Some((shop, number)) = subject else {
                    return true;
                };
                let of = line.shop.as_deref().unwrap_or_default();
                (of.is_empty() || of == shop) && names(&line.text, number)
            })
            .collect();
        let mut shown: Vec<String> = about.iter().map(|line| shown(line)).collect();
        if shown.len() > SHOWN_LINES {
            let end = shown.split_off(shown.len() - SHOWN_LINES / 2);
            shown.truncate(SHOWN_LINES / 2);
            shown.push("            …".to_owned());
            shown.extend(end);
        }
        shown
    }
}

/// Whether a line names this order, one of its attempts, or no order at all.
fn names(text: &str, number: &str) -> bool {
    match text.split_once('#') {
        None => true,
        Some((_, rest)) => rest
            .strip_prefix(number)
            .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit())),
    }
}

fn shown(line: &Line) -> String {
    let ms = line.at_ms - START_MS;
    let (minutes, seconds, ms) = (ms / 60_000, ms / 1000 % 60, ms % 1000);
    let shop = line.shop.as_deref().unwrap_or("");
    format!("{minutes:4}:{seconds:02}.{ms:03}  {shop:6} {}", line.text)
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.history {
            writeln!(f, "{line}")?;
        }
        let ms = self.at_ms - START_MS;
        write!(
            f,
            "{:4}:{:02}.{:03}  ",
            ms / 60_000,
            ms / 1000 % 60,
            ms % 1000
        )?;
        write!(f, "INVARIANT {} IS BROKEN", self.invariant)?;
        if let Some((shop, number)) = &self.subject {
            write!(f, " for {shop} #{number}")?;
        }
        write!(f, ": {}", self.found)
    }
}
