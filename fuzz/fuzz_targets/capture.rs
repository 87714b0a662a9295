//! Fuzz target: any bytes as a whole capture, for the reader and the engine with all built-in decoders.
#![no_main]

use streamlens_engine::{Engine, EngineOptions};
use streamlens_pcap::CaptureReader;
use streamlens_registry::DecoderRegistry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = CaptureReader::from_bytes("fuzz", data.to_vec()) else { return };
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    engine.run(|batch| reader.read_batch(batch)).expect("memory can be read");
    let analysis = engine.finish(Default::default());
    let in_flows: u64 = analysis.flows.iter().map(|flow| flow.total_packets).sum();
    let aside: u64 = analysis.capture.not_in_flows.values().sum();
    assert_eq!(in_flows + aside, analysis.capture.packets);
});
