//! Nothing is allocated per frame once flows are identified.

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Flow, FrameBatch};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::telemetry;

fn batch(from: u32, to: u32) -> FrameBatch {
    let mut batch = FrameBatch::default();
    for n in from..to {
        assert!(batch.push(&telemetry(n).frame()));
    }
    batch
}

#[test]
fn nothing_is_allocated_per_frame_of_identified_flows() {
    const FRAMES: u32 = 32_000;
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    (0..4).for_each(|part| engine.push_batch(&batch(part * FRAMES, (part + 1) * FRAMES)));
    let next = batch(4 * FRAMES, 5 * FRAMES);
    let counted = allocation_counter::measure(|| engine.push_batch(&next));
    // the few that remain are per batch, or tables that grow with the logarithm of the time
    eprintln!("{} allocations for {FRAMES} frames", counted.count_total);
    assert!(counted.count_total < u64::from(FRAMES) / 500, "{counted:?}");
    let analysis = engine.finish(Default::default());
    let encodings: Vec<&str> =
        analysis.flows.iter().flat_map(Flow::encodings).map(|encoding| &*encoding.encoding_name).collect();
    assert_eq!(encodings, ["PTP", "PTP", "IENA", "AES67", "Chapter10", "PROFINET", "EtherCAT"]);
}
