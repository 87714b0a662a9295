//! The devices of a plant: names, roles, cycle times and faults, over PROFINET, EtherCAT and Modbus TCP.
//!
//! `cargo run --example plant_overview [CAPTURE]`

use std::error::Error;

use streamlens::model::{Analysis, ApplicationEncoding, Flow, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let analysis = streamlens::analyze(path)?;
    stations(&analysis);
    for (title, encoding, show) in [
        ("PROFINET cyclic data", "PROFINET", profinet as fn(&Flow, &ApplicationEncoding)),
        ("EtherCAT", "EtherCAT", ethercat),
        ("Modbus TCP", "ModbusTCP", modbus),
    ] {
        println!("\n{title}");
        for flow in &analysis.flows {
            flow.encodings().filter(|one| one.encoding_name == encoding).for_each(|one| show(flow, one));
        }
    }
    println!("\nFaults");
    let prefixes = ["profinet.", "ethercat.", "modbus."];
    for finding in analysis.findings.iter().filter(|one| prefixes.iter().any(|prefix| one.code.starts_with(prefix))) {
        println!("  frame {:>6} {} x{}: {}", finding.first.frame, finding.code, finding.count, finding.text);
    }
    Ok(())
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).map_or_else(|| "-".to_owned(), Value::to_string)
}

/// Nanoseconds as milliseconds.
fn milliseconds(value: Option<&Value>) -> String {
    value.and_then(Value::as_f64).map_or_else(|| "-".to_owned(), |ns| format!("{:.3} ms", ns / 1e6))
}

fn stations(analysis: &Analysis) {
    println!("PROFINET stations");
    let network = analysis.networks.get("PROFINET").and_then(|network| network.get("profinet"));
    for station in network.and_then(|network| network.get("stations")).map(Value::items).unwrap_or_default() {
        let fact = |name| text(station, name);
        println!(
            "  {:<20} {:<10} {:<18} {:<16} {}",
            fact("name"),
            fact("role"),
            fact("mac"),
            fact("address"),
            fact("type")
        );
    }
}

fn profinet(flow: &Flow, encoding: &ApplicationEncoding) {
    for stream in encoding.health.streams.iter().filter(|stream| stream.measures.contains_key("update_time_ns")) {
        let provider = encoding.decoder_metadata.get("src_station").and_then(Value::as_str);
        println!(
            "  {} from {}: nominal cycle {}, measured {}, {} of {} lost, status {}",
            stream.id,
            provider.map_or_else(|| flow.key.src.to_string(), str::to_owned),
            milliseconds(stream.measures.get("nominal_update_time_ns")),
            milliseconds(stream.measures.get("interval_ns").and_then(|interval| interval.get("mean"))),
            stream.lost.unwrap_or(0),
            stream.expected.unwrap_or(0),
            stream.measures.get("data_status").map_or_else(|| "-".to_owned(), Value::to_string),
        );
    }
}

fn ethercat(flow: &Flow, encoding: &ApplicationEncoding) {
    let facts = &encoding.decoder_metadata;
    for cycle in facts.get("cycles").map(Value::items).unwrap_or_default() {
        let mean = cycle.get("interval").and_then(|interval| interval.get("mean_ns"));
        let (sent, commands) = (text(cycle, "sent"), text(cycle, "commands"));
        println!("  master {}: {sent} frames of {commands}, cycle {}", flow.key.src, milliseconds(mean));
    }
    if let Some(stations) = facts.get("station_count") {
        println!("  {stations} slaves answer");
    }
    if let Some(frames) = facts.get("frames").filter(|frames| frames.get("sent").is_some()) {
        let fact = |name| text(frames, name);
        println!(
            "  {} sent, {} came back, {} lost, {} bad cycles",
            fact("sent"),
            fact("returned"),
            fact("lost"),
            fact("bad_cycles")
        );
    }
}

fn modbus(flow: &Flow, encoding: &ApplicationEncoding) {
    let facts = &encoding.decoder_metadata;
    if facts.get("role").and_then(Value::as_str) != Some("client") {
        return;
    }
    println!("  client {} asks {}", flow.key.src, flow.key.dst);
    for function in facts.get("functions").map(Value::items).unwrap_or_default() {
        let fact = |name| text(function, name);
        let time = function.get("response_time");
        println!(
            "    unit {} {}: {} requests, {} answers, {} exceptions, answered in {} (mean), {} (worst)",
            fact("unit"),
            fact("name"),
            fact("requests"),
            fact("responses"),
            fact("exceptions"),
            milliseconds(time.and_then(|time| time.get("mean_ns"))),
            milliseconds(time.and_then(|time| time.get("max_ns"))),
        );
    }
}
