//! Watching while frames come in: after every second of capture time, what has changed and how it stands.
//!
//! The engine has no clock: a look is due by the times of the frames. `streamlens_live::Driver` does the same on a thread of
//! its own, for any number of readers.
//!
//! `cargo run --example watch [CAPTURE]`

use std::error::Error;

use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::CaptureSummary;
use streamlens::model::row::{FindingState, Level, RowName, RowTable};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;
use streamlens_live::{DriverOptions, drive};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let mut source = CaptureReader::open(path)?;
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::live());
    let look = LookOptions { depth: Level::Encoding, ..LookOptions::default() };
    let options = DriverOptions { period_ns: Some(1_000_000_000), look };

    // what this reader knows: every look adds what changed
    let mut table = RowTable::default();
    drive(&mut engine, &mut source, &options, |_, delta| {
        table.apply(delta);
        let changed = delta.rows.iter().filter(|row| row.id.level == Level::Flow).count();
        let now = delta.now.map_or_else(|| "-".to_owned(), |now| now.to_string());
        println!("{now}: {changed} flows changed, {} frames", delta.capture.packets);
        for row in delta.rows.iter().filter(|row| row.id.level == Level::Encoding) {
            let name = |id| table.rows.get(&id).and_then(|(_, name)| name.as_ref());
            let flow = streamlens::model::row::RowId::flow(row.id.flow);
            if let (Some(RowName::Flow(key, _)), Some(RowName::Named(encoding))) = (name(flow), name(row.id)) {
                let rate = row.bit_rate.map_or("-".to_owned(), |rate| format!("{:.0} kbit/s", rate / 1000.0));
                let lost = row.health.lost.map_or(String::new(), |lost| format!(", {lost} lost"));
                println!("  {key} {encoding}: {} frames, {rate}{lost}", row.packets);
            }
        }
        for change in delta.findings.iter().filter(|change| change.state == FindingState::New) {
            println!("  {:?} {}: {}", change.finding.severity, change.finding.code, change.finding.text);
        }
        true
    })?;

    let end = engine.finish(CaptureSummary::of(&source));
    println!(
        "at the end: {} frames of {}, {} flows, {} findings",
        end.capture.packets,
        end.capture.format.as_deref().unwrap_or("no format"),
        end.flows.len(),
        end.findings.len()
    );
    Ok(())
}
