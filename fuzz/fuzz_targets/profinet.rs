//! Fuzz target: any payloads, for the PROFINET decoder, its flow decoder and its monitors.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| streamlens_fuzz::drive("PROFINET", data));
