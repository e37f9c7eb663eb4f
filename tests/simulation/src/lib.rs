//! The whole gateway under simulation: API, books, notices, deliveries and
//! timers on real SQLite, connected to the sandbox, under one seed that decides
//! everything: who acts and when, which messages the network loses, repeats,
//! delays and corrupts, which isolates and objects crash, and how clocks jump.
//! `docs/simulation.md` has the invariants.
//!
//! From the ground up: a file imports only files of the rows above its own, or
//! of its own row.
//!
//! | file | contents |
//! |---|---|
//! | `history.rs` | the history of a seed, for people |
//! | `fault_profile.rs`, `days.rs` | the fault profile of a seed, and of the days that follow |
//! | `rsa.rs` | a stand-in for RSA |
//! | `shop.rs`, `ledger.rs`, `seen.rs` | a merchant, WeChat's ledger, what was seen of the books |
//! | `machine.rs` | isolates, objects, their databases and alarms |
//! | `world.rs` | the state, the clock, the executor, the scheduled events |
//! | `runtime.rs` | the runtime of isolates and objects |
//! | `network.rs` | the faults of the network between all actors |
//! | `wechat.rs`, `notices.rs` | WeChat: the sandbox, and its notices |
//! | `watch.rs`, `deliveries.rs`, `quiescence.rs` | the invariants, at each step and at the end |
//! | `calls.rs`, `accounts.rs` | the merchants' calls, and their accounts |
//! | `merchants_staff.rs`, `payers.rs`, `operator.rs`, `adversaries.rs` | the people and attackers |
//! | `statements.rs`, `compared.rs` | the days that follow, compared with WeChat's statements |
//! | `scenes.rs`, `unreadable.rs`, `floods.rs`, `devices.rs`, `races.rs` | scenes, which happen in some seeds only |

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation stops at the first thing that is not as it should be"
)]

mod accounts;
mod adversaries;
mod calls;
mod compared;
mod days;
mod deliveries;
mod devices;
mod events;
mod fault_profile;
mod floods;
mod history;
mod ledger;
mod machine;
mod merchants_staff;
mod network;
mod notices;
mod operator;
mod payers;
mod quiescence;
mod races;
mod rsa;
mod runtime;
mod scenes;
mod seen;
mod shop;
mod statements;
mod unreadable;
mod watch;
mod wechat;
mod world;

pub use history::Broken;

use fault_profile::{FaultProfile, WrongCertificate};
use memory_runtime::START_MS;
use serde_json::json;
use shop::Kind;
use std::fmt;
use std::ops::Range;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use wechatpay::common::SignType;
use world::World;

/// The numbers of a seed that has run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Polls and events.
    pub steps: u64,
    /// The simulated time, in milliseconds.
    pub elapsed_ms: i64,
    /// Orders in the gateway's books.
    pub orders: usize,
    /// The paid ones.
    pub paid: usize,
    /// Refunds at WeChat.
    pub refunds: usize,
    /// The history, if it was recorded.
    pub history: Vec<String>,
}

/// A seed that breaks an invariant.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The broken invariant, with the history.
    pub broken: Box<Broken>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        write!(f, "Again with: cargo xtask simulate --seed {}", self.seed)
    }
}

/// The combinations of merchants' accounts.
const KINDS: [&[Kind]; 12] = [
    &[Kind::Direct(SignType::Md5)],
    &[
        Kind::Direct(SignType::Md5),
        Kind::Direct(SignType::HmacSha256),
    ],
    &[Kind::SubMerchant(0), Kind::SubMerchant(1)],
    &[
        Kind::Direct(SignType::HmacSha256),
        Kind::SubMerchant(0),
        Kind::SubMerchant(1),
    ],
    &[Kind::Global],
    &[Kind::Global, Kind::Global],
    &[Kind::SubGlobal(0), Kind::SubGlobal(1)],
    &[Kind::SubGlobal(0), Kind::SubMerchant(1)],
    &[Kind::Mainland],
    &[Kind::Global, Kind::Mainland, Kind::Direct(SignType::Md5)],
    &[Kind::Ionline],
    &[Kind::Ionline, Kind::Direct(SignType::Md5), Kind::Global],
];

/// Runs one seed. A seed that fails is run once more with its history recorded.
///
/// # Errors
///
/// The first invariant that is broken.
pub fn run(seed: u64) -> Result<Summary, Failure> {
    match catch_unwind(|| live(seed, false)) {
        Ok(Ok(summary)) => Ok(summary),
        Ok(Err(first)) => Err(Failure {
            seed,
            broken: live(seed, true).err().unwrap_or(first),
        }),
        Err(panic) => {
            eprintln!("That was seed {seed}.");
            resume_unwind(panic)
        }
    }
}

/// Runs one seed and records its history.
///
/// # Errors
///
/// The first invariant that is broken.
pub fn run_with_history(seed: u64) -> Result<Summary, Failure> {
    live(seed, true).map_err(|broken| Failure { seed, broken })
}

fn live(seed: u64, history: bool) -> Result<Summary, Box<Broken>> {
    let world = World::new(seed, FaultProfile::of(seed), history);
    let outcome = life(&world);
    let outcome = outcome.map(|()| summary(&world));
    world.end();
    outcome
}

/// Runs with faults for a while, then without, until nothing is due.
fn life(world: &World) -> Result<(), Box<Broken>> {
    let random = &world.0.random;
    let kinds = random.pick(&KINDS);
    let opening = world.clone();
    world.outside(async move {
        for (number, kind) in kinds.iter().enumerate() {
            opening.open_shop(number, *kind).await;
        }
    });
    world.run()?;

    world.0.calm.set(false);
    world.note(|| format!("{:?}", world.0.profile));
    let shops = world.0.shops.borrow().clone();
    let minutes = random.between(1, 6);
    let spread_ms = minutes * 60_000;
    for _ in 0..random.between(1, 5) {
        let (at_ms, shop) = (random.between(0, spread_ms), random.pick(&shops));
        world.after(at_ms, move |world| {
            world.outside(world.clone().purchase(shop))
        });
    }
    for _ in 0..random.below(3) {
        let (at_ms, shop) = (random.between(0, spread_ms), random.pick(&shops));
        world.after(at_ms, move |world| {
            world.outside(world.clone().interfere(shop))
        });
    }
    if random.one_in(3) {
        let (at_ms, shop) = (random.between(0, spread_ms), random.pick(&shops));
        world.after(at_ms, move |world| {
            world.outside(world.clone().rotate(shop))
        });
    }
    if random.one_in(3) {
        let (at_ms, shop) = (random.between(0, spread_ms), random.pick(&shops));
        world.after(at_ms, move |world| {
            world.outside(world.clone().order_elsewhere(shop))
        });
    }
    if random.one_in(3) {
        let (at_ms, shop) = (random.between(0, spread_ms + 60_000), random.pick(&shops));
        world.after(at_ms, move |world| {
            world.outside(world.clone().change_by_hand(shop))
        });
    }
    for _ in 0..world.0.profile.jumps {
        let by_ms = match random.one_in(4) {
            true => -random.between(1, 30_000),
            false => random.between(1, 20 * 60_000),
        };
        world.after(random.between(0, spread_ms), move |world| {
            // Its clock is right at the end, where WeChat compares the two.
            if !world.0.calm.get() {
                world.jump(by_ms);
            }
        });
    }
    if random.one_in(4) {
        let wrong = random.pick(&[
            WrongCertificate::Missing,
            WrongCertificate::Expired,
            WrongCertificate::AnotherMerchants,
        ]);
        world.after(random.between(0, spread_ms), move |world| {
            world.note(|| format!("v2's client certificates: {wrong:?}"));
            world.0.wrong_certificate.set(Some(wrong));
        });
    }
    for _ in 0..random.below(3) {
        world.after(random.between(0, spread_ms), |world| {
            world.end_refunds(&["SUCCESS", "SUCCESS", "REFUNDCLOSE", "CHANGE"]);
        });
    }
    world.plan_hardships(spread_ms);
    world.run_until(START_MS + spread_ms + 60_000)?;

    world.0.calm.set(true);
    world.note(|| "from here on nothing goes wrong any more".to_owned());
    world.control("/sandbox/faults", &json!({}));
    world.0.wrong_certificate.set(None);
    // Two hours in which an unpaid order is queried a few times show little:
    // most seeds skip them.
    world.set_the_clock_right();
    world.make_readable();
    if let Some(scene) = world.scene() {
        // The effects of earlier faults end first.
        world.run_until(world.now_ms() + 75_000)?;
        world.outside(world.clone().play(scene));
        world.run_until(world.now_ms() + scenes::LONGEST_MS)?;
    }
    if !random.one_in(4) {
        // No message is in flight for hours.
        world.run_until(world.now_ms() + network::SLOWEST_MS)?;
        world.leap(2 * 3_600_000);
    }
    world.end_refunds(&["SUCCESS"]);
    world.live_through_days()?;
    world.run()?;
    let by_hand = world.0.ledger.borrow().by_hand.clone();
    for (id, number) in by_hand {
        if let Some(shop) = world.shop(&id) {
            world.outside(world.clone().refresh(shop, number));
        }
    }
    world.run()?;
    world.look_at_links();
    world.run()?;
    world.read_the_month();
    world.run()?;
    world.watch_the_end();
    world.end_of_days();
    world.0.history.broken()
}

fn summary(world: &World) -> Summary {
    let watch = world.0.watch.borrow();
    let orders = || watch.books.values().flat_map(|seen| seen.orders.values());
    Summary {
        steps: world.steps(),
        elapsed_ms: world.now_ms() - START_MS,
        orders: orders().count(),
        paid: orders().filter(|(_, order)| order.paid().is_some()).count(),
        refunds: world.0.ledger.borrow().refunds.len(),
        history: world.0.history.whole(),
    }
}

/// The sums of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// The number of seeds.
    pub seeds: u64,
    /// Polls and events.
    pub steps: u64,
    /// Orders.
    pub orders: usize,
    /// The paid ones.
    pub paid: usize,
    /// Refunds at WeChat.
    pub refunds: usize,
}

impl Total {
    fn add(&mut self, summary: &Summary) {
        self.seeds += 1;
        self.steps += summary.steps;
        self.orders += summary.orders;
        self.paid += summary.paid;
        self.refunds += summary.refunds;
    }

    /// One line, with the speed.
    pub fn in_words(&self, took: Duration) -> String {
        let per_second = u128::from(self.seeds) * 1000 / took.as_millis().max(1);
        format!(
            "{} seeds hold ({per_second} a second): {} orders, {} paid, {} refunds, {} steps",
            self.seeds, self.orders, self.paid, self.refunds, self.steps
        )
    }
}

/// Runs seeds on every core, and prints the progress.
///
/// # Errors
///
/// The lowest seed among those that failed first.
pub fn run_many(
    seeds: Range<u64>,
    mut progress: impl FnMut(&Total),
) -> Result<Total, (Total, Failure)> {
    let next = AtomicU64::new(seeds.start);
    let (sender, outcomes) = mpsc::channel();
    let mut total = Total::default();
    let mut failed: Option<Failure> = None;
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            let (next, sender, end) = (&next, sender.clone(), seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed);
                    if outcome.is_err() {
                        next.store(end, Ordering::Relaxed);
                    }
                    if sender.send(outcome).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for outcome in outcomes {
            match outcome {
                Ok(summary) => total.add(&summary),
                Err(failure) => {
                    let lowest = failed
                        .as_ref()
                        .is_none_or(|known| failure.seed < known.seed);
                    if lowest {
                        failed = Some(failure);
                    }
                }
            }
            progress(&total);
        }
    });
    match failed {
        None => Ok(total),
        Some(failure) => Err((total, failure)),
    }
}
