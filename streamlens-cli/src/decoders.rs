//! `streamlens decoders`: what can be recognised, and where it is customarily found.

use std::io::{self, Write};

use serde::Serialize;
use streamlens::decoders::{Carrier, Declared, StreamDecoder};
use streamlens::model::{FindingInfo, Term};
use streamlens::registry::DecoderRegistry;

use super::args::ListFormat;
use super::text;

/// Columns of the list where nothing says how wide the output is.
const WIDTH: usize = 100;

#[derive(Serialize)]
struct Entry<'a> {
    encoding_name: &'a str,
    standard: &'a str,
    carriers: Vec<String>,
    detection_ports: &'a [u16],
    packet_types: Vec<&'a str>,
    /// More exact names that its streams may be found to have.
    refinements: Vec<&'a str>,
    /// How the codes of findings about its streams' numbers begin.
    finding_prefix: &'a str,
    findings: Vec<&'a FindingInfo>,
    /// Keys of `decoder_metadata`.
    facts: Vec<&'a Term>,
    /// Keys of `payload_characteristics`.
    packet_type_facts: Vec<&'a Term>,
    /// Keys of `measures` of its streams.
    measures: Vec<&'a Term>,
    /// Keys of what stands under its name in `networks`.
    network_facts: Vec<&'a Term>,
    /// Names of the fields of its PDUs.
    fields: Vec<&'a Term>,
}

impl<'a> Entry<'a> {
    fn of(decoder: &'a dyn StreamDecoder, registry: &'a DecoderRegistry) -> Self {
        let info = decoder.info();
        let mut carriers: Vec<_> = info.carriers.iter().map(carrier_name).collect();
        carriers.dedup();
        Self {
            encoding_name: &info.name,
            standard: &info.standards,
            carriers,
            detection_ports: &info.ports,
            packet_types: info.packet_types.iter().collect(),
            refinements: registry
                .encodings()
                .filter(|(_, base)| *base == Some(&*info.name))
                .map(|(name, _)| name)
                .collect(),
            finding_prefix: &info.finding_prefix,
            findings: info.findings.iter().collect(),
            facts: in_order(&info.facts),
            packet_type_facts: in_order(&info.packet_type_facts),
            measures: in_order(&info.measures),
            network_facts: in_order(&info.network_facts),
            fields: in_order(&info.fields),
        }
    }
}

/// The terms in order of their names, as the document has them.
fn in_order(terms: &Declared<Term>) -> Vec<&Term> {
    let mut terms: Vec<_> = terms.iter().collect();
    terms.sort_by(|a, b| a.name.cmp(&b.name));
    terms
}

pub(crate) fn write(out: &mut impl Write, registry: &DecoderRegistry, format: ListFormat) -> io::Result<()> {
    let entries: Vec<_> = registry.iter().map(|decoder| Entry::of(decoder, registry)).collect();
    match format {
        ListFormat::Json => {
            serde_json::to_writer(&mut *out, &entries)?;
            out.write_all(b"\n")
        }
        ListFormat::Table => entries.iter().try_for_each(|entry| write_entry(out, entry)),
    }
}

fn write_entry(out: &mut impl Write, entry: &Entry<'_>) -> io::Result<()> {
    writeln!(out, "{:<12}{}", entry.encoding_name, entry.standard)?;
    let ports: Vec<_> = entry.detection_ports.iter().map(u16::to_string).collect();
    let list = [
        ("carriers", entry.carriers.join(", ")),
        ("ports", ports.join(", ")),
        ("types", entry.packet_types.join(", ")),
        ("refined", entry.refinements.join(", ")),
    ];
    for (title, text) in list.iter().filter(|(_, text)| !text.is_empty()) {
        for (index, line) in text::wrapped(text, WIDTH - 12).iter().enumerate() {
            writeln!(out, "  {:<10}{line}", if index == 0 { title } else { "" })?;
        }
    }
    Ok(())
}

fn carrier_name(carrier: &Carrier) -> String {
    match carrier {
        Carrier::Udp => "UDP".to_owned(),
        Carrier::Tcp => "TCP".to_owned(),
        Carrier::EtherType(length) if *length < 0x0600 => "IEEE 802.3".to_owned(),
        Carrier::EtherType(ether_type) => format!("EtherType {ether_type:#06x}"),
        Carrier::IpProtocol(number) => format!("IP protocol {number}"),
        Carrier::Chapter10File => "Chapter 10 file".to_owned(),
    }
}
