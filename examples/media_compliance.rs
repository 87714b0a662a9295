//! A sheet of passes and failures for every media stream: loss, ST 2110-21 timing, RTP offset, audio delay factor.
//! What can't be judged from the capture is said to be so.
//!
//! `cargo run --example media_compliance [CAPTURE]`

use std::error::Error;

use streamlens::model::{ApplicationEncoding, StreamHealth, Value};

const MEDIA: [&str; 9] =
    ["RTP", "AES67", "ST2110-20", "ST2110-22", "ST2110-30", "ST2110-31", "ST2110-40", "ST2022-2", "ST2022-6"];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let analysis = streamlens::analyze(path)?;
    for flow in &analysis.flows {
        for encoding in flow.encodings().filter(|encoding| MEDIA.contains(&&*encoding.encoding_name)) {
            for stream in &encoding.health.streams {
                println!("{} -> {}", flow.key.src, flow.key.dst);
                sheet(encoding, stream);
            }
        }
    }
    let about_media = |code: &str| {
        ["rtp.", "rtcp.", "sap.", "sdp.", "st2", "audio.", "mpegts."].iter().any(|start| code.starts_with(start))
    };
    println!("Findings");
    for finding in analysis.findings.iter().filter(|finding| about_media(&finding.code)) {
        println!("  frame {:>6} {}: {}", finding.first.frame, finding.code, finding.text);
    }
    Ok(())
}

fn sheet(encoding: &ApplicationEncoding, stream: &StreamHealth) {
    let measures = &stream.measures;
    let name = stream.name.as_deref().unwrap_or("no name announced");
    println!("  {} ({}), {name}, SSRC {}", encoding.encoding_name, encoding.confidence_score, stream.id);
    if let Some(format) = measures.get("format").and_then(Value::as_str) {
        println!("  format {format}");
    }
    if let Some(video) = measures.get("st2110_20") {
        let fact = |name: &str| video.get(name).map_or_else(|| "?".to_owned(), Value::to_string);
        println!("  {} x {}, {} pictures a second", fact("width"), fact("height"), fact("rate"));
    }
    if let Some(standards) = measures.get("conforms_to") {
        println!("  fits {standards}");
    }

    let (lost, expected) = (stream.lost.unwrap_or(0), stream.expected.unwrap_or(0));
    let at = stream.longest_gap_at.map_or(String::new(), |at| format!(", longest gap before frame {}", at.frame));
    check("every packet is there", Some(lost == 0), &format!("{lost} of {expected} lost{at}"));

    if let Some(factor) = measures.get("ts_df") {
        let verdict = factor.get("verdict").and_then(Value::as_str);
        check("audio delay factor", verdict.map(|verdict| verdict != "not compliant"), &factor.to_string());
    }
    if let Some(timing) = measures.get("st2110_21") {
        timing_sheet(timing);
    }
    println!();
}

/// ST 2110-21: each sender type with its limits, and the times against the RTP time stamps.
fn timing_sheet(timing: &Value) {
    let number = |value: &Value, name: &str| value.get(name).map_or_else(|| "?".to_owned(), Value::to_string);
    for (class, verdict) in timing.get("verdicts").and_then(Value::as_map).into_iter().flatten() {
        for (model, judged) in verdict.as_map().into_iter().flatten() {
            let (worst, limit) = (number(judged, "worst"), number(judged, "limit"));
            let frame = judged.get("at").map_or_else(|| "?".to_owned(), |at| number(at, "frame"));
            let text = format!("worst {worst}, limit {limit}, at frame {frame}");
            check(&format!("ST 2110-21 {class} {model}"), judged.get("passes").and_then(Value::as_bool), &text);
        }
    }
    let passes = |name: &str| timing.get(name).and_then(Value::as_bool);
    check("first packet time", passes("first_packet_time_passes"), &number(timing, "first_packet_time_ns"));
    check("RTP offset in ticks", passes("rtp_offset_passes"), &number(timing, "rtp_offset_ticks"));
    check("packet time against RTP", passes("packet_vs_rtp_passes"), &number(timing, "packet_vs_rtp_ns"));
    check("sender type", None, &number(timing, "class"));
}

/// `None` is something that is stated and not judged.
fn check(what: &str, passes: Option<bool>, text: &str) {
    let verdict = match passes {
        Some(true) => "PASS",
        Some(false) => "FAIL",
        None => "    ",
    };
    println!("  {verdict} {what}: {text}");
}
