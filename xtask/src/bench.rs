//! `cargo xtask bench`: how fast and how big, all in one run.
//!
//! The gateway is measured beside the least that a Worker with the same I/O does (`xtask/workerd/bench.capnp`), in
//! turns: each turn is a new `workerd` with an empty store, and WeChat is a stub in the same process. What a machine
//! can do differs from the next one's, and from what it could do an hour ago; the ratio of two turns that follow each
//! other differs little. So ratios are what to compare, and nothing here is a threshold.

use std::{ops::Range, time::Duration};

use crate::{
    Result,
    build::{self, Part},
    setup,
    size::{self, Size},
    step,
};

mod load;
mod signed;
mod subject;
mod table;

use load::Sample;
use subject::{Notices, Worker};
use table::Table;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// See that it works, in a few seconds. The numbers mean little then.
    pub quick: bool,
}

/// How many connections orders are made over.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How many connections notices come over.
const NOTICE_CONNECTIONS: usize = 16;

/// How the parts are sent, and how many bytes they are meant to be then at most.
const AIMS: [(Part, &str, u64); 2] = [
    (Part::Page, "brotli", 100_000),
    (Part::Edge, "gzip", 400_000),
];

/// How long to measure.
struct Plan {
    rounds: Range<usize>,
    warm_up: Duration,
    each: Duration,
}

impl Plan {
    fn of(options: Options) -> Self {
        let (rounds, warm_up, each) = if options.quick {
            (1, 300, 300)
        } else {
            (5, 1000, 2000)
        };
        Self {
            rounds: 0..rounds,
            warm_up: Duration::from_millis(warm_up),
            each: Duration::from_millis(each),
        }
    }
}

/// What one Worker showed in one round.
struct Turn {
    /// One for each of [`CONNECTIONS`].
    orders: Vec<Sample>,
    /// The gateway's.
    notices: Option<Notices>,
}

impl Turn {
    fn of(worker: Worker, plan: &Plan) -> Result<Self> {
        let running = worker.start()?;
        running.orders(NOTICE_CONNECTIONS, plan.warm_up)?;
        let orders = CONNECTIONS.map(|connections| running.orders(connections, plan.each));
        let orders = orders.into_iter().collect::<Result<_>>()?;
        let notices = match worker {
            Worker::Gateway => Some(running.notices(NOTICE_CONNECTIONS, plan.each)?),
            Worker::Minimal => None,
        };
        Ok(Self { orders, notices })
    }
}

/// Sets up, builds, measures and prints.
///
/// # Errors
///
/// Any step's.
pub fn run(options: Options) -> Result<()> {
    setup::all()?;
    let parts = AIMS.map(|(part, ..)| part);
    build::run(&parts)?;

    let plan = Plan::of(options);
    let mut rounds = Vec::new();
    for round in plan.rounds.clone() {
        let turn = |worker: Worker| {
            let (round, all) = (round + 1, plan.rounds.end);
            let step = format!("measure {}, round {round} of {all}", worker.name());
            step::of(&step, || Turn::of(worker, &plan))
        };
        rounds.push((turn(Worker::Gateway)?, turn(Worker::Minimal)?));
    }
    let sizes = size::measure(&parts)?;

    for (title, table) in [
        ("Making a JSAPI order", orders(&rounds)),
        ("Taking notices", notices(&rounds)),
        ("Bytes as they are sent", bytes(&sizes)),
    ] {
        print!("\n{title}\n\n{table}");
    }
    Ok(())
}

/// Orders made, beside the same by the minimal Worker.
fn orders(rounds: &[(Turn, Turn)]) -> Table {
    let mut table = Table::new(["connections", "Worker", "a second", "p50 ms", "p99 ms"]);
    for (at, connections) in CONNECTIONS.iter().enumerate() {
        let samples = |pick: fn(&Sample) -> f64| {
            let of = |turn: &Turn| turn.orders.get(at).map_or(f64::NAN, pick);
            let pairs = rounds.iter().map(|(ours, theirs)| (of(ours), of(theirs)));
            pairs.collect::<Vec<_>>()
        };
        let columns = [
            samples(|sample| sample.per_second),
            samples(|sample| sample.p50_ms),
            samples(|sample| sample.p99_ms),
        ];
        let row = |pick: fn(&(f64, f64)) -> f64| {
            let [per_second, p50, p99] = columns.each_ref().map(|c| Spread::of(c.iter().map(pick)));
            [
                format!("{:.0}", per_second.median),
                format!("{:.2}", p50.median),
                format!("{:.2}", p99.median),
            ]
        };
        let ratios = columns
            .each_ref()
            .map(|pairs| Spread::of(pairs.iter().map(|(ours, theirs)| ours / theirs)).shown());
        for (connections, worker, columns) in [
            (connections.to_string(), "gateway", row(|pair| pair.0)),
            (String::new(), "minimal", row(|pair| pair.1)),
            (String::new(), "gateway ÷ minimal", ratios),
        ] {
            let [per_second, p50, p99] = columns;
            table.row([connections, worker.to_owned(), per_second, p50, p99]);
        }
    }
    table
}

/// Notices taken, and what follows from them.
fn notices(rounds: &[(Turn, Turn)]) -> Table {
    let notices: Vec<&Notices> = rounds
        .iter()
        .filter_map(|(ours, _)| ours.notices.as_ref())
        .collect();
    let median = |pick: &dyn Fn(&Notices) -> f64| {
        Spread::of(notices.iter().map(|notices| pick(notices))).median
    };
    let mut table = Table::new(["over 16 connections", "a second", "p50 ms", "p99 ms"]);
    let mut sample = |what: &str, pick: fn(&Notices) -> Sample| {
        table.row([
            what.to_owned(),
            format!("{:.0}", median(&|n| pick(n).per_second)),
            format!("{:.2}", median(&|n| pick(n).p50_ms)),
            format!("{:.2}", median(&|n| pick(n).p99_ms)),
        ]);
    };
    sample("verified and written down", |notices| notices.first);
    sample("the same again", |notices| notices.again);
    table.row([
        "delivered to the merchant".to_owned(),
        format!("{:.0}", median(&|n| n.delivered_per_second)),
        String::new(),
        String::new(),
    ]);
    table
}

/// The parts, and how large each is meant to be at most.
fn bytes(sizes: &[Size]) -> Table {
    let mut table = Table::new(["", "bytes", "aim"]);
    for (part, compression, aim) in AIMS {
        let files = sizes.iter().filter(|size| size.part == part);
        let mut all = 0;
        for Size { file, sent, .. } in files {
            all += sent;
            let kind = file.extension().unwrap_or_default().to_string_lossy();
            table.row([
                format!("{}: {kind}", part.name()),
                sent.to_string(),
                String::new(),
            ]);
        }
        table.row([
            format!("{} in all, {compression}", part.name()),
            all.to_string(),
            format!("{aim} at most"),
        ]);
    }
    table
}

/// The middle of some numbers, and how far apart they are.
#[derive(Debug, PartialEq)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let at = |at: usize| numbers.get(at).copied().unwrap_or(f64::NAN);
        Self {
            least: at(0),
            median: at(numbers.len() / 2),
            most: at(numbers.len().saturating_sub(1)),
        }
    }

    fn shown(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_in_order() {
        let spread = Spread::of([3.0, 1.0, 10.0].into_iter());
        assert_eq!(spread.shown(), "3.00 (1.00–10.00)");
    }
}
