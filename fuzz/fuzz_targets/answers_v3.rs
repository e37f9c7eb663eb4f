//! libFuzzer's entry to the target `answers_v3` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("answers_v3", input));
