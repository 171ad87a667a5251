//! libFuzzer target around the body of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::codec::jpeg_ls(input));
