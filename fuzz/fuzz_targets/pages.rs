//! libFuzzer's entry to the target `pages` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("pages", input));
