//! A number of seeds of the whole system under simulation
//! (`docs/simulation.md`).

#[test]
fn the_same_seed_is_the_same_history() {}
