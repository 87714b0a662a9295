//! What no decoder takes: with `--unidentified` what a user needs to report it or to begin a decoder, else a few words.

use std::io::{self, Write};

use streamlens::model::customary::{ether_type, ip_protocol, service};
use streamlens::model::words::{counted, grouped};
use streamlens::model::{Analysis, Flow, TransportProtocol, Value};

use super::{FAINT, Look, TITLE};
use crate::text::escaped;

/// Writes a paragraph for each transport of a flow in which nothing is identified, those of most frames first.
pub(super) fn write(out: &mut impl Write, analysis: &Analysis, look: Look) -> io::Result<()> {
    let all = analysis.flows.iter().flat_map(|flow| flow.transport_protocols.iter().map(move |of| (flow, of)));
    let mut all: Vec<_> = all.filter(|(_, of)| of.application_encodings.is_empty()).collect();
    all.sort_by_key(|(_, of)| std::cmp::Reverse(of.packet_count));
    let title = if all.is_empty() { "none".to_owned() } else { counted(all.len() as u64, "flow") };
    writeln!(out, "{}", look.paint(TITLE, &format!("Unidentified  {title}")))?;
    for (flow, of) in all {
        writeln!(out, "  {}, {}: {}", flow.key, protocol(of), counted(of.packet_count, "frame"))?;
        if let Some(hint) = hint(flow, of) {
            writeln!(out, "    {}", look.paint(FAINT, &hint))?;
        }
        match &of.sample {
            None => writeln!(out, "    no payload")?,
            Some(sample) => {
                let (least, most) = (grouped(sample.shortest.into()), counted(sample.longest.into(), "byte"));
                let lengths = if sample.shortest == sample.longest { most } else { format!("{least} to {most}") };
                let pairs: Vec<_> = sample.first_bytes.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
                writeln!(
                    out,
                    "    {} of {lengths}; the first begins {}",
                    counted(sample.payloads, "payload"),
                    pairs.join(" ")
                )?;
            }
        }
        for candidate in of.candidates.iter().take(3) {
            let (name, reason) = (escaped(&candidate.encoding_name), escaped(&candidate.reason));
            writeln!(out, "    candidate {name}, {:.0} %: {reason}", candidate.confidence_score * 100.0)?;
        }
    }
    writeln!(out)
}

/// The transport, an Ethernet type or a protocol number in words.
fn protocol(of: &TransportProtocol) -> String {
    if let Some(kind) = of.sample.as_ref().and_then(|sample| sample.ether_type) {
        let name = ether_type(kind).unwrap_or("no known name");
        // below, it is a length
        return if kind < 0x0600 { name.to_owned() } else { format!("EtherType 0x{kind:04x} ({name})") };
    }
    match ip_number(of) {
        Some(number) => format!("IP protocol {number} ({})", ip_protocol(number).unwrap_or("no known name")),
        None => escaped(&of.protocol_name).into_owned(),
    }
}

/// The protocol number of a transport that has no name.
fn ip_number(of: &TransportProtocol) -> Option<u8> {
    of.protocol_name.strip_prefix("IP-")?.parse().ok()
}

/// What is customary at the ports: a hint, and no proof.
fn hint(flow: &Flow, of: &TransportProtocol) -> Option<String> {
    of.ports?;
    let named = |port: Option<u16>| port.and_then(|port| Some(format!("{port} is customarily {}", service(port)?)));
    let mut parts: Vec<_> = [flow.key.dst.port, flow.key.src.port].into_iter().filter_map(named).collect();
    parts.dedup();
    (!parts.is_empty()).then(|| format!("[port {}; a hint, not what was seen]", parts.join(", ")))
}

/// What it is that no decoder takes, in a few words for the table: the names of Ethernet types and protocol numbers, and in
/// brackets what is customary at its ports.
pub(super) fn customary(flow: &Flow, of: &TransportProtocol) -> Option<String> {
    if !of.application_encodings.is_empty() {
        return None;
    }
    if let Some(Value::List(types)) = of.metadata.get("ether_types") {
        let named = |kind: &Value| match kind.to_string() {
            number if number.starts_with("0x") => format!("EtherType {number}"),
            name => name,
        };
        return Some(types.iter().map(named).collect::<Vec<_>>().join(", "));
    }
    if let Some(number) = ip_number(of) {
        return ip_protocol(number).map(|name| format!("IP protocol {number} ({name})"));
    }
    of.ports?;
    let ports = [flow.key.dst.port, flow.key.src.port].into_iter().flatten();
    let (port, name) = ports.filter_map(|port| Some((port, service(port)?))).next()?;
    Some(format!("[{name}? by port {port}]"))
}
