//! libFuzzer's entry to the target `answers_ionline` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("answers_ionline", input));
