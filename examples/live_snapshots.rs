//! Results while frames come in: after every second of capture time, which flows have changed and how they stand.
//!
//! A live program would push frames from an interface; here a capture stands in for it. The engine has no clock:
//! when to look is decided by the times of the frames.
//!
//! `cargo run --example live_snapshots [CAPTURE]`

use std::error::Error;

use streamlens::engine::{Engine, EngineOptions, FlowSelection};
use streamlens::model::CaptureSummary;
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

fn main() -> Result<(), Box<dyn Error>> {
    const SECOND: i64 = 1_000_000_000;
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let mut reader = CaptureReader::open(path)?;
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    let (mut next_look, mut looked_at) = (None, 0);

    while let Some(frame) = reader.next_frame()? {
        if let Some(now) = frame.time {
            let due = *next_look.get_or_insert(now.as_nanos() + SECOND);
            if now.as_nanos() >= due {
                let changes = engine.changes_since(looked_at, CaptureSummary::default());
                println!("{now}: {} flows changed since frame {looked_at}", changes.flows.len());
                for flow in &changes.flows {
                    let names: Vec<&str> = flow.encodings().map(|encoding| &*encoding.encoding_name).collect();
                    let rate = flow.bit_rate.map_or("-".into(), |rate| format!("{:.0} kbit/s", rate / 1000.0));
                    println!(
                        "  {} -> {} {}: {} frames, {rate}",
                        flow.key.src,
                        flow.key.dst,
                        names.join(", "),
                        flow.total_packets
                    );
                }
                looked_at = engine.frames();
                // a silence of several seconds is looked at once
                next_look = Some(due + (now.as_nanos() - due) / SECOND * SECOND + SECOND);
            }
        }
        engine.push(&frame);
    }

    // a report is a whole result and leaves the engine as it is; finish() returns what was still held back, too
    let so_far = engine.report(CaptureSummary::of(&reader), FlowSelection::default());
    let end = engine.finish(CaptureSummary::of(&reader));
    println!(
        "at the end: {} frames of {}, {} flows, {} findings",
        end.capture.packets,
        end.capture.format.as_deref().unwrap_or("no format"),
        so_far.flows.len(),
        end.findings.len()
    );
    Ok(())
}
