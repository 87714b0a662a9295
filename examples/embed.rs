//! Analyses a capture and walks the hierarchy: flows, transports, encodings, packet types.
//!
//! `cargo run --example embed [CAPTURE]`

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let analysis = streamlens::analyze(path)?;
    for flow in &analysis.flows {
        println!("{} -> {}: {} frames, {} bytes", flow.key.src, flow.key.dst, flow.total_packets, flow.total_bytes);
        for transport in &flow.transport_protocols {
            for encoding in &transport.application_encodings {
                let (name, confidence) = (&encoding.encoding_name, encoding.confidence_score);
                println!("  {} {name}, confidence {confidence}", transport.protocol_name);
                for kind in &encoding.packet_types {
                    println!("    {}: {}", kind.type_name, kind.packet_count);
                }
                for stream in encoding.health.streams.iter().filter(|stream| stream.lost > Some(0)) {
                    println!(
                        "    {}: {} lost of {}",
                        stream.id,
                        stream.lost.unwrap_or(0),
                        stream.expected.unwrap_or(0)
                    );
                }
            }
        }
    }
    for finding in &analysis.findings {
        println!("{:?} {} x{}: {}", finding.severity, finding.code, finding.count, finding.text);
    }
    Ok(())
}
