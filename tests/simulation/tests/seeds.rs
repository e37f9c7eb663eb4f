//! A number of seeds of the whole system under simulation; `docs/simulation.md`
//! has the invariants. `cargo xtask simulate` runs more.

#![allow(
    clippy::panic,
    reason = "a test stops at the first thing that is not as it should be"
)]

/// As many as the tests have time for; `cargo xtask simulate` has more.
const SEEDS: u64 = 1_000;

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 5001, 5003] {
        let [one, other] = [
            simulation::run_with_history(seed),
            simulation::run_with_history(seed),
        ];
        let (Ok(one), Ok(other)) = (one, other) else {
            panic!("seed {seed} fails");
        };
        assert!(one.history.len() > 20, "seed {seed} shows nothing");
        assert_eq!(one, other, "seed {seed}");
    }
}

#[test]
fn every_payment_is_found_and_none_is_invented() {
    match simulation::run_many(0..SEEDS, |_| {}) {
        Ok(total) => {
            assert!(total.paid > 500 && total.refunds > 100, "{total:?}");
        }
        Err((_, failure)) => panic!("\n{failure}"),
    }
}
