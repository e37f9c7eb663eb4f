//! What the targets share.

/// Hands an input to a target of `tests/src/fuzz`.
///
/// # Panics
///
/// There is no such target; or it does not take the input, which is what a
/// fuzzer looks for.
pub fn run(name: &str, input: &[u8]) {
    let target = tests::fuzz::Target::named(name).expect("a target");
    (target.run)(input);
}
