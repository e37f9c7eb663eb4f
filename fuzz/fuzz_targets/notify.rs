//! libFuzzer's entry to the target `notify` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("notify", input));
