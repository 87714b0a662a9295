//! Holds the decoders to what they declare: that all they find, state and read is declared, and that nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use streamlens_model::{Declared, Term, Value, ValueType};

use crate::testing::{Captured, captures, corpus, payloads};
use crate::{DecoderInfo, DecodingResult, StreamDecoder};

/// The decoders with the folder of each.
fn decoders() -> Vec<(&'static str, Box<dyn StreamDecoder>)> {
    vec![
        ("chapter10", Box::new(crate::chapter10::Chapter10Decoder::new())),
        ("ethercat", Box::new(crate::ethercat::EtherCatDecoder)),
        ("iena", Box::new(crate::iena::IenaDecoder::default())),
        ("inetx", Box::new(crate::inetx::InetxDecoder)),
        ("modbus", Box::new(crate::modbus::ModbusTcpDecoder)),
        ("modbus", Box::new(crate::modbus::ModbusRtuDecoder)),
        ("mpegts", Box::new(crate::mpegts::MpegTsDecoder)),
        ("ndi", Box::new(crate::ndi::NdiDecoder)),
        ("npd", Box::new(crate::npd::NpdDecoder)),
        ("profinet", Box::new(crate::profinet::ProfinetDecoder::new())),
        ("ptp", Box::new(crate::ptp::PtpDecoder::new())),
        ("rtcp", Box::new(crate::rtcp::RtcpDecoder)),
        ("rtp", Box::new(crate::rtp::RtpDecoder)),
        ("sap", Box::new(crate::sap::SapDecoder::default())),
        ("tmns", Box::new(crate::tmns::TmnsDecoder)),
    ]
}

/// The lists of terms of a decoder, by what they are.
fn lists(info: &DecoderInfo) -> [(&'static str, &Declared<Term>); 5] {
    [
        ("facts", &info.facts),
        ("packet type facts", &info.packet_type_facts),
        ("measures", &info.measures),
        ("network facts", &info.network_facts),
        ("fields", &info.fields),
    ]
}

/// The sources in a folder but for those of tests and declarations, each up to its own tests.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with("tests") || ["testing", "terms", "declarations"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            out.push((path, text[..end].to_owned()));
        }
    }
    out
}

/// The literals that are the first argument of calls of a function.
fn first_arguments<'t>(text: &'t str, call: &'t str) -> impl Iterator<Item = &'t str> {
    let calls = text.match_indices(call).map(move |(at, _)| text[at + call.len()..].trim_start());
    calls.filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

/// The literals that look like codes of findings.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let literals = text.split('"');
    literals.filter(move |literal| literal.split_once('.').is_some_and(|(of, what)| is_word(of) && is_word(what)))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn codes_in_the_sources_are_those_that_are_declared() {
    let decoders = decoders();
    let declared: BTreeSet<&str> =
        decoders.iter().flat_map(|(_, decoder)| decoder.info().findings.iter()).map(|info| &*info.code).collect();
    let sources = sources(&root());
    let written: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| codes(text)).collect();
    let undeclared: Vec<_> = written.difference(&declared).collect();
    let nowhere: Vec<_> = declared.difference(&written).collect();
    assert!(undeclared.is_empty(), "findings that no DecoderInfo declares: {undeclared:?}");
    assert!(nowhere.is_empty(), "declared, and no source has them: {nowhere:?}");
    assert!(written.len() > 100, "the sources were read");
}

#[test]
fn facts_and_fields_in_the_sources_are_declared() {
    for (folder, decoder) in decoders() {
        let info = decoder.info();
        let has = |list: &Declared<Term>, name: &str| list.iter().any(|term| term.name == name);
        // two decoders of one folder share its sources
        let others: Vec<_> = decoders().into_iter().filter(|(of, _)| *of == folder).collect();
        for (path, text) in sources(&root().join(folder)) {
            for name in first_arguments(&text, ".fact(") {
                // facts that SAP and NDI state of flows are those of other encodings, or their own
                let of_rtp = folder == "sap" && has(&crate::rtp::RtpDecoder.info().facts, name);
                assert!(has(&info.facts, name) || of_rtp, "{}: fact {name}", path.display());
            }
            for name in first_arguments(&text, ".field(") {
                let is_declared = others.iter().any(|(_, other)| has(&other.info().fields, name));
                assert!(is_declared, "{}: field {name}", path.display());
            }
        }
    }
}

#[test]
fn declarations_are_sound() {
    for (_, decoder) in decoders() {
        let info = decoder.info();
        let (name, mut seen) = (&info.name, BTreeSet::new());
        for finding in info.findings.iter() {
            assert!(seen.insert(finding.code.clone()), "{name}: {} twice", finding.code);
            assert!(is_sentence(&finding.meaning), "{name}: {}: {}", finding.code, finding.meaning);
        }
        for (kind, list) in lists(info) {
            let mut seen = BTreeSet::new();
            for term in list.iter() {
                assert!(seen.insert(term.name.clone()), "{name}: {kind}: {} twice", term.name);
                assert!(is_sentence(&term.meaning), "{name}: {kind}: {}: {}", term.name, term.meaning);
                for (end, unit) in [("_ns", "ns"), ("_us", "us"), ("_hz", "Hz"), ("_ppm", "ppm")] {
                    assert!(!term.name.ends_with(end) || term.unit == unit, "{name}: {kind}: {} in {unit}", term.name);
                }
            }
        }
    }
}

/// Whether it is one sentence or more that fit into a cell of a table.
fn is_sentence(text: &str) -> bool {
    text.len() > 5 && text.ends_with('.') && !text.contains(['|', '\n']) && !text.contains("  ")
}

#[test]
fn fields_of_the_corpus_are_those_that_are_declared() {
    let Some(corpus) = corpus() else { return };
    let decoders = decoders();
    let mut read = Read::new();
    let mut result = DecodingResult::new(true);
    for folder in ["ptp", "industrial", "broadcast", "flight-test", "link", "negative", "reports"] {
        for capture in captures(&corpus, folder) {
            if corpus.join("captures").join(&capture).metadata().is_ok_and(|data| data.len() > 2 << 20) {
                continue;
            }
            for captured in payloads(&corpus, &capture).iter().take(500) {
                for (_, decoder) in &decoders {
                    if decoder.can_decode(&captured.packet()).value() >= 0.5 {
                        read_all(&**decoder, captured, &mut result, &mut read);
                    }
                }
            }
        }
    }
    assert!(read.len() > 60, "fields were read: {read:?}");
    let mut nowhere = BTreeSet::new();
    for (folder, decoder) in &decoders {
        let tests = test_sources(&root().join(folder));
        let info = decoder.info();
        for field in info.fields.iter() {
            let is_read = read.keys().any(|(of, name)| *of == info.name && *name == field.name);
            if !is_read && !tests.contains(&format!("\"{}\"", field.name)) {
                nowhere.insert(format!("{} {}", info.name, field.name));
            }
        }
    }
    assert!(nowhere.is_empty(), "declared, and neither a capture of the corpus nor a test has it: {nowhere:?}");
}

/// The tests of a folder.
fn test_sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            all.push_str(&test_sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).expect("a source");
            let is_test = name.ends_with("tests") || folder.ends_with("tests");
            let from = if is_test { Some(0) } else { text.find("#[cfg(test)]\nmod tests {") };
            all.push_str(from.map_or("", |from| &text[from..]));
        }
    }
    all
}

/// Fields by decoder and name, with how often they were read.
type Read = BTreeMap<(String, &'static str), usize>;

/// Reads all PDUs of a payload, and holds their fields to what is declared.
fn read_all(decoder: &dyn StreamDecoder, captured: &Captured, result: &mut DecodingResult, read: &mut Read) {
    let (mut packet, info) = (captured.packet(), decoder.info());
    while !packet.payload.is_empty() {
        result.clear();
        let Ok(taken) = decoder.decode_packet(&packet, result) else { return };
        for (name, value) in result.fields() {
            let term = info.fields.iter().find(|term| term.name == *name);
            let term = term.unwrap_or_else(|| panic!("{} has an undeclared field {name}", info.name));
            assert!(is_of(value, term.value), "{} {name}: {value:?} is no {}", info.name, term.value.name());
            *read.entry((info.name.to_string(), name)).or_default() += 1;
        }
        packet.payload = packet.payload.get(taken..).unwrap_or_default();
        packet.offset += taken;
    }
}

/// Whether a value has a type.
fn is_of(value: &Value, kind: ValueType) -> bool {
    match kind {
        ValueType::Boolean => matches!(value, Value::Bool(_)),
        ValueType::Integer => matches!(value, Value::Unsigned(_) | Value::Signed(_)),
        ValueType::Number => matches!(value, Value::Unsigned(_) | Value::Signed(_) | Value::Float(_)),
        ValueType::Text => matches!(value, Value::Text(_)),
        ValueType::Time => matches!(value, Value::Time(_)),
        ValueType::List => matches!(value, Value::List(_)),
        ValueType::Map => matches!(value, Value::Map(_)),
        ValueType::Any => true,
    }
}
