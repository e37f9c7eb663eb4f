//! libFuzzer's entry to the target `v2_bill` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("v2_bill", input));
