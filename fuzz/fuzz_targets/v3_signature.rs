//! libFuzzer's entry to the target `v3_signature` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| weceive_fuzz::run("v3_signature", input));
