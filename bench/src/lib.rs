//! `cargo xtask bench`: how fast and how big, all in one run.
//!
//! The gateway is compared with a minimal Worker that does the same I/O
//! (`bench/workerd/bench.capnp`). They are measured alternately: each turn
//! starts a new `workerd` with an empty store, and WeChat is a stub in the same
//! process. The speed of a machine differs from that of the next one, and
//! changes within an hour; the ratio of two turns that follow each other
//! changes little. So the ratios are what to compare, and no number here is a
//! threshold. The turns of WeChat Pay v2 and of APIv3 alternate too.

#![allow(clippy::print_stdout, reason = "results are for the terminal")]

use std::{ops::Range, time::Duration};

use testkit::Result;
use xtask::{
    build,
    part::Part,
    setup,
    size::{self, Size},
    step,
};

mod load;
mod page;
mod signed;
mod spread;
mod subject;
mod table;

pub use subject::Rsa;

use load::Sample;
use spread::{Spread, written};
use subject::{Notices, Worker};
use table::Table;

/// The options of the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Checks in a few seconds that everything works. The numbers mean little
    /// then.
    pub quick: bool,
    /// Measures only the page in a browser.
    pub only_page: bool,
}

/// The numbers of connections over which orders are made.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// The number of connections over which notices arrive.
const NOTICE_CONNECTIONS: usize = 16;

/// How each part is compressed when it is sent, and the size to aim for, in
/// bytes.
const AIMS: [(Part, &str, u64); 2] = [
    (Part::Page, "brotli", 100_000),
    (Part::Edge, "gzip", 400_000),
];

/// How long each measurement takes.
struct Plan {
    rounds: Range<usize>,
    /// The number of visits to each page.
    visits: usize,
    warm_up: Duration,
    each: Duration,
}

impl Plan {
    fn of(options: Options) -> Self {
        let (rounds, visits, warm_up, each) = if options.quick {
            (1, 1, 300, 300)
        } else {
            (5, 9, 1000, 2000)
        };
        Self {
            rounds: 0..rounds,
            visits,
            warm_up: Duration::from_millis(warm_up),
            each: Duration::from_millis(each),
        }
    }
}

/// What one Worker achieved in one round.
struct Turn {
    /// One sample for each of [`CONNECTIONS`].
    orders: Vec<Sample>,
    /// Measured with the gateway only.
    notices: Option<Notices>,
}

impl Turn {
    fn of(worker: Worker, plan: &Plan) -> Result<Self> {
        let running = worker.start()?;
        running.orders(NOTICE_CONNECTIONS, plan.warm_up)?;
        let orders = CONNECTIONS.map(|connections| running.orders(connections, plan.each));
        let orders = orders.into_iter().collect::<Result<_>>()?;
        let notices = match worker {
            Worker::Minimal => None,
            _ => Some(running.notices(NOTICE_CONNECTIONS, plan.each)?),
        };
        Ok(Self { orders, notices })
    }
}

/// The Workers, in the order in which they are measured.
const TURNS: [Worker; 3] = [Worker::V2, Worker::V3, Worker::Minimal];

/// One turn of each of [`TURNS`].
type Round = [Turn; 3];

/// Sets up, builds, measures and prints.
///
/// # Errors
///
/// Those of any step.
pub fn run(options: Options) -> Result<()> {
    setup::all()?;
    build::run(&Part::ALL)?;
    let parts = AIMS.map(|(part, ..)| part);

    let plan = Plan::of(options);
    let page = page::run(plan.visits)?;
    if options.only_page {
        print!("\nThe page, on slow 4G and a quarter of the processor\n\n{page}");
        return Ok(());
    }
    let mut rounds = Vec::new();
    for round in plan.rounds.clone() {
        let turn = |worker: Worker| {
            let (round, all) = (round + 1, plan.rounds.end);
            let step = format!("measure {}, round {round} of {all}", worker.name());
            step::of(&step, || Turn::of(worker, &plan))
        };
        let [v2, v3, minimal] = TURNS;
        rounds.push([turn(v2)?, turn(v3)?, turn(minimal)?]);
    }
    let counted = step::of("count RSA", count)?;
    let sizes = size::measure(&parts)?;

    for (title, table) in [
        ("Making a JSAPI order", orders(&rounds)),
        ("Taking notices", notices(&rounds)),
        ("RSA in v3", rsa(&counted)),
        ("The page, on slow 4G and a quarter of the processor", page),
        ("Bytes as they are sent", bytes(&sizes)),
    ] {
        print!("\n{title}\n\n{table}");
    }
    Ok(())
}

/// Compares the orders that each Worker made.
fn orders(rounds: &[Round]) -> Table {
    let mut table = Table::new(["connections", "Worker", "per second", "p50 ms", "p99 ms"]);
    for (at, connections) in CONNECTIONS.iter().enumerate() {
        let pick = |turn: &Turn| turn.orders.get(at).copied();
        let [v2, v3, minimal] = TURNS.map(Worker::name);
        let mut first = connections.to_string();
        let mut row = |worker: &str, columns: [String; 3]| {
            let [per_second, p50, p99] = columns;
            let connections = std::mem::take(&mut first);
            table.row([connections, worker.to_owned(), per_second, p50, p99]);
        };
        row(v2, medians(rounds, |[v2, ..]| pick(v2)));
        row(v3, medians(rounds, |[_, v3, _]| pick(v3)));
        row(minimal, medians(rounds, |[.., minimal]| pick(minimal)));
        let ratio = ratios(rounds, |[v2, _, minimal]| Some((pick(v2)?, pick(minimal)?)));
        row("v2 ÷ minimal", ratio);
        let ratio = ratios(rounds, |[v2, v3, _]| Some((pick(v3)?, pick(v2)?)));
        row("v3 ÷ v2", ratio);
    }
    table
}

/// The notices that the gateway took, and the deliveries to the merchant that
/// followed.
fn notices(rounds: &[Round]) -> Table {
    let mut table = Table::new([
        "over 16 connections",
        "dialect",
        "per second",
        "p50 ms",
        "p99 ms",
    ]);
    let pick: [fn(&Notices) -> Sample; 3] = [
        |notices| notices.first,
        |notices| notices.again,
        |notices| notices.delivered,
    ];
    let whats = [
        "verified and written",
        "the same notices repeated",
        "delivered to the merchant",
    ];
    for (what, kind) in whats.into_iter().zip(pick) {
        let pick = |turn: &Turn| turn.notices.as_ref().map(kind);
        for (what, dialect, [per_second, p50, p99]) in [
            (what, "v2", medians(rounds, |[v2, ..]| pick(v2))),
            ("", "v3", medians(rounds, |[_, v3, _]| pick(v3))),
            (
                "",
                "v3 ÷ v2",
                ratios(rounds, |[v2, v3, _]| Some((pick(v3)?, pick(v2)?))),
            ),
        ] {
            table.row([what.to_owned(), dialect.to_owned(), per_second, p50, p99]);
        }
    }
    table
}

/// The numbers of a sample: the columns of most tables.
const COLUMNS: [fn(&Sample) -> f64; 3] = [
    |sample| sample.per_second,
    |sample| sample.p50_ms,
    |sample| sample.p99_ms,
];

/// The medians over all rounds.
fn medians(rounds: &[Round], pick: impl Fn(&Round) -> Option<Sample>) -> [String; 3] {
    let samples: Vec<Sample> = rounds.iter().filter_map(pick).collect();
    let [per_second, p50, p99] =
        COLUMNS.map(|column| Spread::of(samples.iter().map(column)).median);
    [written(per_second, 0), written(p50, 2), written(p99, 2)]
}

/// The median, the least and the greatest of the rounds' ratios.
fn ratios(rounds: &[Round], pick: impl Fn(&Round) -> Option<(Sample, Sample)>) -> [String; 3] {
    let pairs: Vec<(Sample, Sample)> = rounds.iter().filter_map(pick).collect();
    COLUMNS.map(|column| {
        let ratios = pairs.iter().map(|(one, other)| column(one) / column(other));
        Spread::of(ratios).shown()
    })
}

/// How many operations APIv3 asks of the runtime's RSA.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The number of JSAPI orders.
    pub orders: u64,
    /// The RSA operations for them.
    pub by_orders: Rsa,
    /// The requests to WeChat, and its signed answers, while the orders were
    /// made.
    pub exchanged_for_orders: (u64, u64),
    /// The number of notices.
    pub notices: u64,
    /// The RSA operations for them.
    pub by_notices: Rsa,
    /// The requests to WeChat, and its signed answers, while the notices were
    /// taken.
    pub exchanged_for_notices: (u64, u64),
    /// The number of keys imported in all.
    pub imports: u64,
}

/// The number of orders for which operations are counted.
const COUNTED_ORDERS: u64 = 60;

/// Counts the RSA operations of the gateway for a number of orders and for the
/// notice of each, which is sent twice. The Worker must be built. The number of
/// orders is fixed, and the stub counts the requests that it received, so the
/// result does not depend on the speed of the machine.
///
/// # Errors
///
/// The gateway did not start, or refused a request.
pub fn count() -> Result<Counted> {
    let patience = Duration::from_mins(2);
    let running = Worker::Counting.start()?;
    // The first order also asks for certificates, and the stub has none.
    running.orders_until(1, 1, patience)?;
    let (before, exchanged_before) = (running.rsa()?, running.exchanged()?);
    running.orders_until(1 + COUNTED_ORDERS, NOTICE_CONNECTIONS, patience)?;
    let (ordered, exchanged) = (running.rsa()?, running.exchanged()?);
    let taken = running.notices(NOTICE_CONNECTIONS, patience)?.taken;
    let (after, exchanged_after) = (running.rsa()?, running.exchanged()?);
    let since = |now: (u64, u64), then: (u64, u64)| (now.0 - then.0, now.1 - then.1);
    Ok(Counted {
        orders: COUNTED_ORDERS,
        by_orders: ordered.since(before),
        exchanged_for_orders: since(exchanged, exchanged_before),
        // Each notice was sent twice.
        notices: u64::try_from(taken).unwrap_or(u64::MAX).saturating_mul(2),
        by_notices: after.since(ordered),
        exchanged_for_notices: since(exchanged_after, exchanged),
        imports: after.imports,
    })
}

/// The RSA operations for an order and for a notice of APIv3.
fn rsa(counted: &Counted) -> Table {
    let Counted {
        orders, notices, ..
    } = *counted;
    let mut table = Table::new(["", "an order", "a notice"]);
    let mut row = |what: &str, pick: fn(&Rsa) -> u64| {
        let each = |of: &Rsa, times: u64| {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            let each = pick(of) as f64 / times as f64;
            format!("{each:.2}")
        };
        table.row([
            what.to_owned(),
            each(&counted.by_orders, orders),
            each(&counted.by_notices, notices),
        ]);
    };
    row("signatures made", |rsa| rsa.signatures);
    row("signatures verified", |rsa| rsa.verifications);
    table.row([
        format!("keys imported, over {orders} orders and {notices} notices"),
        counted.imports.to_string(),
        String::new(),
    ]);
    table
}

/// The size of each part, and the size to aim for.
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
            format!("{} total, {compression}", part.name()),
            all.to_string(),
            format!("{aim} at most"),
        ]);
    }
    table
}
