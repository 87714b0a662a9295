//! Fuzz target: any payloads, for the IENA decoder, its flow decoder and its monitors.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| streamlens_fuzz::drive("IENA", data));
