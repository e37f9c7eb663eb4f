//! What the targets share.

/// Gives an input to a target of `tests/src/fuzz`.
///
/// # Panics
///
/// There is no such target; or the target panicked on the input, which is what
/// a fuzzer looks for.
pub fn run(name: &str, input: &[u8]) {
    let target = tests::fuzz::Target::named(name).expect("a target");
    (target.run)(input);
}
