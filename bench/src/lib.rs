//! `cargo xtask bench`: how fast and how big, all in one run.
//!
//! The gateway's two runtimes are compared with each other and with a minimal
//! Worker that does the same I/O (`bench/workerd/bench.capnp`). They are measured
//! alternately: each turn starts a new process with an empty store, and WeChat
//! is a stub in the benchmark's own process. The speed of a machine differs from
//! that of the next one, and changes within an hour; the ratio of two turns that
//! follow each other changes little. So the ratios are what to compare, and no
//! number here is a threshold. The turns of WeChat Pay v2 and of APIv3 alternate
//! too.

#![allow(clippy::print_stdout, reason = "results are for the terminal")]

use std::{ops::Range, time::Duration};

use testkit::Result;
use xtask::{
    build, native,
    part::Part,
    setup,
    size::{self, Size},
    step,
};

mod fill;
mod load;
mod page;
mod pages;
mod profile;
mod rate;
mod signed;
mod spread;
mod stub;
mod subject;
mod table;

pub use subject::Rsa;

use load::Sample;
use spread::{Spread, written};
use stub::Stub;
use subject::{Notices, Subject};
use table::Table;

/// The options of the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Checks in a few seconds that everything works. The numbers mean little
    /// then.
    pub quick: bool,
    /// Measures only the page in a browser.
    pub only_page: bool,
    /// Measures only the gateway under load.
    pub only_load: bool,
    /// Shows only where the Worker's time goes.
    pub only_profile: bool,
}

/// The numbers of connections over which orders are made.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// The number of connections over which notices and queries arrive.
const NOTICE_CONNECTIONS: usize = 16;

/// The fixed rates at which orders are made, for each second.
const RATES: [u32; 3] = [50, 150, 500];
/// A rate is measured where it is at most this share of the highest one.
const LOAD: f64 = 0.8;

/// The orders in a large book.
const MANY: u64 = 1_000_000;
/// The pages that wait.
const PAGES: usize = 10_000;

/// How each part is compressed when it is sent, and the size to aim for, in
/// bytes.
const AIMS: [(Part, &str, u64); 2] = [
    (Part::Page, "brotli", 60_000),
    (Part::Edge, "gzip", 1_500_000),
];

/// How long each measurement takes.
struct Plan {
    rounds: Range<usize>,
    /// The number of visits to each page.
    visits: usize,
    warm_up: Duration,
    each: Duration,
    /// The orders in a large book.
    many: u64,
    /// The pages that wait.
    pages: usize,
}

impl Plan {
    fn of(options: Options) -> Self {
        let (rounds, visits, warm_up, each, many, pages) = if options.quick {
            (1, 1, 300, 300, 10_000, 100)
        } else {
            (3, 9, 1000, 2000, MANY, PAGES)
        };
        Self {
            rounds: 0..rounds,
            visits,
            warm_up: Duration::from_millis(warm_up),
            each: Duration::from_millis(each),
            many,
            pages,
        }
    }
}

/// What one subject achieved in one round.
struct Turn {
    /// One sample for each of [`CONNECTIONS`].
    orders: Vec<Sample>,
    /// One for each of [`RATES`] that it can sustain.
    at_rates: Vec<Option<Sample>>,
    /// Notices, and queries of a paid order. Measured with the gateway only.
    notices: Option<(Notices, Sample)>,
}

impl Turn {
    fn of(subject: Subject, stub: &Stub, plan: &Plan) -> Result<Self> {
        let running = subject.start(stub)?;
        running.orders(NOTICE_CONNECTIONS, plan.warm_up)?;
        let orders = CONNECTIONS.map(|connections| running.orders(connections, plan.each));
        let orders = orders.into_iter().collect::<Result<Vec<Sample>>>()?;
        let most = orders.iter().map(|sample| sample.per_second);
        let most = most.fold(0.0, f64::max) * LOAD;
        let at_rates = RATES.map(|rate| {
            let is_sustained = f64::from(rate) <= most;
            is_sustained
                .then(|| running.orders_at(rate, plan.each * 2))
                .transpose()
        });
        let at_rates = at_rates.into_iter().collect::<Result<_>>()?;
        let notices = match subject {
            Subject::Minimal => None,
            _ => {
                let notices = running.notices(NOTICE_CONNECTIONS, plan.each)?;
                let queries = running.queries(NOTICE_CONNECTIONS, plan.each, notices.taken)?;
                Some((notices, queries))
            }
        };
        Ok(Self {
            orders,
            at_rates,
            notices,
        })
    }
}

/// The subjects, in the order in which they are measured.
const TURNS: [Subject; 5] = [
    Subject::NativeV2,
    Subject::WorkerV2,
    Subject::NativeV3,
    Subject::WorkerV3,
    Subject::Minimal,
];

/// The pairs of which ratios are shown, as indexes of [`TURNS`].
const PAIRS: [(usize, usize); 4] = [(0, 1), (2, 3), (0, 4), (1, 4)];

/// One turn of each of [`TURNS`].
type Round = Vec<Turn>;

/// Sets up, builds, measures and prints.
///
/// # Errors
///
/// Those of any step.
pub fn run(options: Options) -> Result<()> {
    if options.only_profile {
        return profiled(&Plan::of(options));
    }
    build::run(&Part::ALL)?;
    let parts = AIMS.map(|(part, ..)| part);

    let plan = Plan::of(options);
    let page = match options.only_load {
        true => None,
        false => Some(page::run(plan.visits)?),
    };
    if options.only_page {
        if let Some(page) = page {
            print!("\nThe page, on slow 4G and a quarter of the processor\n\n{page}");
        }
        return Ok(());
    }
    native::build(false)?;
    setup::load_generator()?;
    let stub = Stub::start()?;
    let mut rounds = Vec::new();
    for round in plan.rounds.clone() {
        let turn = |subject: Subject| {
            let (round, all) = (round + 1, plan.rounds.end);
            let step = format!("measure {}, round {round} of {all}", subject.name());
            step::of(&step, || Turn::of(subject, &stub, &plan))
        };
        rounds.push(TURNS.into_iter().map(turn).collect::<Result<Round>>()?);
    }
    let [books, lists] = books(&stub, &plan)?;
    let events = events(&stub, &plan)?;
    let waiting = step::of("let pages wait", || {
        pages::wait(&Subject::NativeV2.start(&stub)?, plan.pages)
    })?;
    let counted = step::of("count RSA", count)?;
    let sizes = size::measure(&parts)?;

    for (title, table) in [
        ("Making a JSAPI order", orders(&rounds)),
        ("Making orders at a fixed rate", at_rates(&rounds)),
        ("Taking notices, and queries", notices(&rounds)),
        ("A large book", books),
        ("Lists of a large book", lists),
        ("What events cost", events),
        ("RSA in v3", rsa(&counted)),
        ("Bytes as they are sent", bytes(&sizes)),
    ] {
        print!("\n{title}\n\n{table}");
    }
    let megabytes = |bytes: u64| bytes / 1_000_000;
    println!(
        "\n{} pages that wait: {} MB, and {} MB without them",
        waiting.pages,
        megabytes(waiting.after),
        megabytes(waiting.before)
    );
    if let Some(page) = page {
        print!("\nThe page, on slow 4G and a quarter of the processor\n\n{page}");
    }
    Ok(())
}

/// Shows where the Worker's time goes when it makes orders.
fn profiled(plan: &Plan) -> Result<()> {
    build::run(&[Part::Edge])?;
    let stub = Stub::start()?;
    let table = step::of("profile orders of the Worker, v2", || {
        profile::run(&stub, NOTICE_CONNECTIONS, plan.warm_up * 5, plan.each * 5)
    })?;
    print!("\nMaking a JSAPI order over {NOTICE_CONNECTIONS} connections\n\n{table}");
    Ok(())
}

/// Calls that read lists, with their names.
const LISTS: [(&str, &str); 8] = [
    ("orders, the newest 20", "/v1/orders"),
    (
        "orders, paid, of some amounts",
        "/v1/orders?state=SUCCESS&amount_from=1&amount_to=900000",
    ),
    (
        "orders paid in a month",
        "/v1/orders?paid_from_ms=1775001600000&paid_to_ms=1777593600000",
    ),
    (
        "orders whose number begins so",
        "/v1/orders?q=FILL000000001",
    ),
    ("deliveries, the newest 20", "/v1/deliveries"),
    ("events, the newest 20", "/v1/events?order=newest"),
    (
        "totals of a month",
        "/v1/totals?from=2026-04-01&to=2026-04-30",
    ),
    (
        "the timeline of an order",
        "/v1/timeline?out_trade_no=FILL0000000010",
    ),
];

/// What a book with so many orders achieved.
struct InBook {
    /// How many orders, in words.
    size: &'static str,
    /// Orders, notices and queries.
    samples: [Sample; 3],
    /// One for each of [`LISTS`].
    lists: Vec<Sample>,
}

/// Compares a book with few orders with one that has many: what writes and queries
/// cost, and what lists cost.
fn books(stub: &Stub, plan: &Plan) -> Result<[Table; 2]> {
    let mut table = Table::new([
        "over 16 connections",
        "orders in the book",
        "per second",
        "processor ms",
        "p50 ms",
        "p99 ms",
    ]);
    let mut of_lists = Table::new([
        "over 16 connections",
        "",
        "a thousand orders: processor ms",
        "a million",
        "a million ÷ a thousand",
    ]);
    for subject in [Subject::NativeV2, Subject::WorkerV2] {
        let measured = [("a thousand", 1000), ("a million", plan.many)].map(|(size, orders)| {
            let step = format!("measure {} with {orders} orders", subject.name());
            step::of(&step, || in_book(subject, stub, plan, size, orders))
        });
        let measured = measured.into_iter().collect::<Result<Vec<_>>>()?;
        for (at, what) in ["orders", "notices", "queries"].into_iter().enumerate() {
            let mut first = format!("{}: {what}", subject.name());
            for InBook { size, samples, .. } in &measured {
                let sample = samples.get(at).copied();
                let [per_second, cpu, p50, p99] = shown(sample.as_slice());
                let first = std::mem::take(&mut first);
                table.row([first, (*size).to_owned(), per_second, cpu, p50, p99]);
            }
        }
        let mut first = subject.name().to_owned();
        for (at, (what, _)) in LISTS.iter().enumerate() {
            let cpu = measured.iter().filter_map(|book| book.lists.get(at));
            let cpu: Vec<f64> = cpu.map(|sample| sample.cpu_ms).collect();
            if let [few, many] = cpu[..] {
                let first = std::mem::take(&mut first);
                let [few_ms, many_ms, ratio] = [few, many, many / few].map(|n| written(n, 2));
                of_lists.row([first, (*what).to_owned(), few_ms, many_ms, ratio]);
            }
        }
    }
    Ok([table, of_lists])
}

/// Measures a gateway with so many orders in the book.
fn in_book(
    subject: Subject,
    stub: &Stub,
    plan: &Plan,
    size: &'static str,
    orders: u64,
) -> Result<InBook> {
    let running = subject.start(stub)?.with_orders(orders)?;
    let read = |(_, path): &(&str, &str)| {
        let line = format!("GET {path}");
        // The index and the code of the first call are not measured.
        running.reads(&line, NOTICE_CONNECTIONS, plan.each / 20)?;
        running.reads(&line, NOTICE_CONNECTIONS, plan.each / 4)
    };
    let lists = LISTS.iter().map(read).collect::<Result<_>>()?;
    running.orders(NOTICE_CONNECTIONS, plan.warm_up)?;
    let orders = running.orders(NOTICE_CONNECTIONS, plan.each)?;
    let notices = running.notices(NOTICE_CONNECTIONS, plan.each)?;
    let queries = running.queries(NOTICE_CONNECTIONS, plan.each, notices.taken)?;
    Ok(InBook {
        size,
        samples: [orders, notices.first, queries],
        lists,
    })
}

/// What an event costs that is delivered to an endpoint: orders, their notices and
/// deliveries, without an endpoint and with one.
fn events(stub: &Stub, plan: &Plan) -> Result<Table> {
    let mut table = Table::new([
        "over 16 connections",
        "",
        "without an endpoint: processor ms",
        "with one",
        "with ÷ without",
    ]);
    for subject in [Subject::NativeV2, Subject::WorkerV2] {
        let mut pairs = Vec::new();
        for round in plan.rounds.clone() {
            let one = |has_endpoint: bool| {
                let running = subject.start(stub)?;
                if has_endpoint {
                    running.make_endpoint()?;
                }
                running.orders(NOTICE_CONNECTIONS, plan.warm_up)?;
                let order = running.orders(NOTICE_CONNECTIONS, plan.each)?.cpu_ms;
                let sale = running.sale_ms(NOTICE_CONNECTIONS, plan.each, has_endpoint)?;
                Ok([order, sale])
            };
            let (round, all) = (round + 1, plan.rounds.end);
            let step = format!(
                "measure {} with events, round {round} of {all}",
                subject.name()
            );
            pairs.push(step::of(&step, || Ok((one(false)?, one(true)?)))?);
        }
        let mut first = subject.name().to_owned();
        for (at, what) in ["an order", "its notice and deliveries"]
            .into_iter()
            .enumerate()
        {
            let of = |measured: &[f64; 2]| measured.get(at).copied().unwrap_or(f64::NAN);
            let of_pairs = || pairs.iter().map(|(without, with)| (of(without), of(with)));
            let median = |numbers: Spread| written(numbers.median, 2);
            table.row([
                std::mem::take(&mut first),
                what.to_owned(),
                median(Spread::of(of_pairs().map(|(without, _)| without))),
                median(Spread::of(of_pairs().map(|(_, with)| with))),
                Spread::of(of_pairs().map(|(without, with)| with / without)).shown(),
            ]);
        }
    }
    Ok(table)
}

/// Compares the orders that each subject made.
fn orders(rounds: &[Round]) -> Table {
    let mut table = Table::new([
        "connections",
        "",
        "per second",
        "processor ms",
        "p50 ms",
        "p99 ms",
    ]);
    for (at, connections) in CONNECTIONS.iter().enumerate() {
        compared(&mut table, &connections.to_string(), rounds, |turn| {
            turn.orders.get(at).copied()
        });
    }
    table
}

/// Compares the orders that each subject made at a fixed rate.
fn at_rates(rounds: &[Round]) -> Table {
    let mut table = Table::new([
        "asked for in a second",
        "",
        "per second",
        "processor ms",
        "p50 ms",
        "p99 ms",
    ]);
    for (at, rate) in RATES.iter().enumerate() {
        compared(&mut table, &rate.to_string(), rounds, |turn| {
            turn.at_rates.get(at).copied().flatten()
        });
    }
    table
}

/// A kind of request, by its name.
type Kind = (&'static str, fn(&(Notices, Sample)) -> Sample);

/// The notices that the gateway took, the deliveries to the merchant that
/// followed, and queries.
fn notices(rounds: &[Round]) -> Table {
    let mut table = Table::new([
        "over 16 connections",
        "",
        "per second",
        "processor ms",
        "p50 ms",
        "p99 ms",
    ]);
    let pick: [Kind; 4] = [
        ("verified and written", |(notices, _)| notices.first),
        ("the same notices repeated", |(notices, _)| notices.again),
        ("delivered to the merchant", |(notices, _)| {
            notices.delivered
        }),
        ("queries of a paid order", |(_, queries)| *queries),
    ];
    for (what, kind) in pick {
        compared(&mut table, what, rounds, |turn| {
            turn.notices.as_ref().map(kind)
        });
    }
    table
}

/// A row for each subject that was measured, and one for each pair of them.
fn compared(
    table: &mut Table,
    first: &str,
    rounds: &[Round],
    pick: impl Fn(&Turn) -> Option<Sample>,
) {
    let of = |round: &Round, subject: usize| round.get(subject).and_then(&pick);
    let mut first = first.to_owned();
    let mut row = |name: String, [per_second, cpu, p50, p99]: [String; 4]| {
        let first = std::mem::take(&mut first);
        table.row([first, name, per_second, cpu, p50, p99]);
    };
    for (at, subject) in TURNS.iter().enumerate() {
        let samples: Vec<Sample> = rounds.iter().filter_map(|round| of(round, at)).collect();
        if samples.len() == rounds.len() {
            row(subject.name().to_owned(), shown(&samples));
        }
    }
    for (one, other) in PAIRS {
        let pairs: Vec<(Sample, Sample)> = rounds
            .iter()
            .filter_map(|round| Some((of(round, one)?, of(round, other)?)))
            .collect();
        if pairs.len() == rounds.len() {
            let [one, other] = [one, other].map(|at| TURNS.get(at).map_or("", |s| s.name()));
            row(format!("{one} ÷ {other}"), ratios(&pairs));
        }
    }
}

/// A number of a sample, and its digits after the point.
type Column = (fn(&Sample) -> f64, usize);

/// The numbers of a sample, and their digits after the point: the columns of
/// most tables.
const COLUMNS: [Column; 4] = [
    (|sample| sample.per_second, 0),
    (|sample| sample.cpu_ms, 2),
    (|sample| sample.p50_ms, 2),
    (|sample| sample.p99_ms, 2),
];

/// The medians of all samples.
fn shown(samples: &[Sample]) -> [String; 4] {
    COLUMNS.map(|(column, digits)| {
        let median = Spread::of(samples.iter().map(column)).median;
        written(median, digits)
    })
}

/// The median, the least and the greatest of the pairs' ratios.
fn ratios(pairs: &[(Sample, Sample)]) -> [String; 4] {
    COLUMNS.map(|(column, _)| {
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
    let stub = Stub::start()?;
    let running = Subject::Counting.start(&stub)?;
    // The first order also asks for certificates, and the stub has none.
    running.orders_until(1, 1, patience)?;
    let (before, exchanged_before) = (running.rsa()?, stub.exchanged());
    running.orders_until(1 + COUNTED_ORDERS, NOTICE_CONNECTIONS, patience)?;
    let (ordered, exchanged) = (running.rsa()?, stub.exchanged());
    let taken = running.notices(NOTICE_CONNECTIONS, patience)?.taken;
    let (after, exchanged_after) = (running.rsa()?, stub.exchanged());
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
