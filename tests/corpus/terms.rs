//! What documents hold against what decoders, engine and reader declare of it, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use streamlens::decoders::{Declared, DecoderInfo, Term, ValueType};
use streamlens::engine::terms;
use streamlens::model::{FindingInfo, Severity};
use streamlens::registry::DecoderRegistry;

use crate::{FOLDERS, corpus, document, entries, list, text};

/// What the documents of the corpus hold.
#[derive(Default)]
struct Produced {
    /// Decoder, kind of term and name.
    terms: BTreeSet<(String, &'static str, String)>,
    codes: BTreeSet<String>,
    /// What is not declared, or otherwise, with the first capture that shows it.
    faults: BTreeMap<String, String>,
}

const FACT: &str = "fact";
const TYPE_FACT: &str = "packet type fact";
const MEASURE: &str = "measure";
const NETWORK_FACT: &str = "network fact";

/// The lists of a decoder that documents show.
fn lists(info: &DecoderInfo) -> [(&'static str, &Declared<Term>); 4] {
    [
        (FACT, &info.facts),
        (TYPE_FACT, &info.packet_type_facts),
        (MEASURE, &info.measures),
        (NETWORK_FACT, &info.network_facts),
    ]
}

/// The codes of all findings, with the gravest severity of each.
fn codes(registry: &DecoderRegistry) -> BTreeMap<String, Severity> {
    let mut codes = BTreeMap::new();
    let mut add = |code: String, info: &FindingInfo| {
        let known = codes.entry(code).or_insert(info.severity);
        *known = info.severity.max(*known);
    };
    terms::FINDINGS.iter().for_each(|info| add(info.code.to_string(), info));
    for decoder in registry.iter().map(|decoder| decoder.info()) {
        decoder.findings.iter().for_each(|info| add(info.code.to_string(), info));
        terms::STREAM_FINDINGS.iter().for_each(|info| add(format!("{}{}", decoder.finding_prefix, info.code), info));
    }
    codes
}

impl Produced {
    /// Whether a JSON value has the type of its term.
    fn is_of(value: &Value, kind: ValueType) -> bool {
        match kind {
            ValueType::Boolean => value.is_boolean(),
            ValueType::Integer => value.is_u64() || value.is_i64(),
            ValueType::Number => value.is_number(),
            ValueType::Text => value.is_string(),
            ValueType::Time => value.as_str().is_some_and(|text| text.len() == 30 && text.ends_with('Z')),
            ValueType::List => value.is_array(),
            ValueType::Map => value.is_object(),
            ValueType::Any => true,
        }
    }

    /// Notes the names of a map, each of which one of the terms has to declare.
    fn names(&mut self, (of, kind): (&str, &'static str), map: &Value, terms: &[&Term], capture: &str) {
        for (name, value) in entries(map) {
            self.terms.insert((of.to_owned(), kind, name.clone()));
            let fault = match terms.iter().find(|term| term.name == *name) {
                None => format!("{of}: {kind} {name} is not declared"),
                Some(term) if !Self::is_of(value, term.value) => {
                    format!("{of}: {kind} {name} is declared as {}: {value}", term.value.name())
                }
                Some(_) => continue,
            };
            self.faults.entry(fault).or_insert_with(|| capture.to_owned());
        }
    }

    fn document(&mut self, document: &Value, registry: &DecoderRegistry, capture: &str) {
        let codes = codes(registry);
        for finding in list(&document["findings"]) {
            let (code, severity) = (text(&finding["code"]), text(&finding["severity"]));
            let declared = codes.get(&code).map(|severity| severity.name());
            let grave = |name: &str| Severity::ALL.iter().position(|severity| severity.name() == name);
            if declared.is_none_or(|declared| grave(declared) < grave(&severity)) {
                let fault = format!("finding {code} ({severity}) is declared as {declared:?}");
                self.faults.entry(fault).or_insert_with(|| capture.to_owned());
            }
            self.codes.insert(code);
        }
        for warning in list(&document["capture"]["warnings"]) {
            let code = text(&warning["code"]);
            if !streamlens::pcap::WARNINGS.iter().any(|info| info.code == code) {
                self.faults.entry(format!("warning {code} is not declared")).or_insert_with(|| capture.to_owned());
            }
        }
        for (name, facts) in entries(&document["networks"]) {
            let declared: Option<Vec<_>> =
                registry.get(name).map(|decoder| decoder.info().network_facts.iter().collect());
            self.names((name, NETWORK_FACT), facts, &declared.unwrap_or_default(), capture);
        }
        for (_, transport) in list(&document["flows"]).flat_map(|flow| entries(&flow["transport_protocols"])) {
            let declared: Vec<_> = terms::TRANSPORT_FACTS.iter().collect();
            self.names(("transport", FACT), &transport["metadata"], &declared, capture);
            for (name, encoding) in entries(&transport["application_encodings"]) {
                self.encoding(name, encoding, registry, capture);
            }
        }
    }

    fn encoding(&mut self, name: &str, encoding: &Value, registry: &DecoderRegistry, capture: &str) {
        let facts = &encoding["decoder_metadata"];
        let base = facts["base_encoding"].as_str().unwrap_or(name);
        let info = registry.get(base).unwrap_or_else(|| panic!("{capture}: no decoder {base}")).info();
        let declared: Vec<_> = info.facts.iter().chain(terms::ENCODING_FACTS).collect();
        self.names((base, FACT), facts, &declared, capture);
        let declared: Vec<_> = info.measures.iter().collect();
        for stream in list(&encoding["health"]["streams"]) {
            self.names((base, MEASURE), &stream["measures"], &declared, capture);
        }
        let declared: Vec<_> = info.packet_type_facts.iter().chain(terms::PACKET_TYPE_FACTS).collect();
        for (_, kind) in entries(&encoding["packet_types"]) {
            let nested = entries(&kind["packet_types"]).map(|(_, nested)| nested);
            for kind in std::iter::once(kind).chain(nested) {
                self.names((base, TYPE_FACT), &kind["payload_characteristics"], &declared, capture);
            }
        }
    }
}

/// What the captures of the corpus below 2 MiB produce; `None` without a corpus.
fn produced() -> Option<&'static Produced> {
    static PRODUCED: OnceLock<Option<Produced>> = OnceLock::new();
    let produce = || {
        let (corpus, registry) = (corpus()?.join("captures"), DecoderRegistry::with_builtins());
        let mut produced = Produced::default();
        let mut captures = 0;
        for folder in FOLDERS.into_iter().chain(["reports"]) {
            for capture in files(&corpus.join(folder), &["pcap", "pcapng", "c10", "ch10"]) {
                if capture.metadata().is_ok_and(|data| data.len() < 2 << 20) {
                    let name = capture.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let document = serde_json::from_str(&document(&capture, 1)).expect("a document");
                    produced.document(&document, &registry, &name);
                    captures += 1;
                }
            }
        }
        assert!(captures > 200, "{captures} captures");
        Some(produced)
    };
    PRODUCED.get_or_init(produce).as_ref()
}

/// The files in a folder and below it that have one of these endings, in order.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in folder.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
            files.extend(self::files(&path, endings));
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn all_that_a_document_holds_is_declared() {
    let Some(produced) = produced() else { return };
    assert!(produced.faults.is_empty(), "{:#?}", produced.faults);
    assert!(produced.terms.len() > 200 && produced.codes.len() > 50, "the documents were read");
}

/// What no capture of the corpus and no test produces yet. The list has to be exact, so it can only shrink.
const NOT_YET: &[&str] = &[
    "ModbusRTU: fact requests_of_further_polls",
    "NDI: network fact announcements_not_kept",
    "PROFINET: fact frames_of_further_ids",
    "RTP: fact streams_forgotten",
    "warning capture.many-interfaces",
    "warning capture.more-warnings",
];

/// The sources of all tests and the figures of reported captures.
fn test_sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for path in files(root, &["rs", "toml"]) {
        let inside = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        if inside.ends_with("corpus/terms.rs") || inside.ends_with("declarations.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        if inside.contains("tests") || inside.ends_with("benches/common/mod.rs") {
            all.push_str(&text);
        } else if let Some(at) = text.find("#[cfg(test)]\nmod tests {") {
            all.push_str(&text[at..]);
        }
    }
    all
}

/// The words of a text: what names of terms and codes are made of.
fn words(text: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain = text.split(move |c: char| !is_word(c));
    let dotted = text.split(move |c: char| !is_word(c) && c != '.');
    plain.chain(dotted).collect()
}

#[test]
fn all_that_is_declared_is_produced_or_tested() {
    let Some(produced) = produced() else { return };
    let (registry, sources) = (DecoderRegistry::with_builtins(), test_sources());
    let words = words(&sources);
    let mut nowhere = BTreeSet::new();
    for info in registry.iter().map(|decoder| decoder.info()) {
        for (kind, list) in lists(info) {
            for term in list.iter() {
                let place = (info.name.to_string(), kind, term.name.to_string());
                if !produced.terms.contains(&place) && !words.contains(&*term.name) {
                    nowhere.insert(format!("{}: {kind} {}", info.name, term.name));
                }
            }
        }
        for finding in info.findings.iter().chain(terms::FINDINGS) {
            // tests that speak of one protocol leave its prefix away
            let (_, short) = finding.code.split_once('.').expect("a prefix");
            let is_named = words.contains(&*finding.code) || sources.contains(&format!("\"{short}\""));
            if !produced.codes.contains(&*finding.code) && !is_named {
                nowhere.insert(format!("finding {}", finding.code));
            }
        }
    }
    for info in streamlens::pcap::WARNINGS.iter().filter(|info| !words.contains(&*info.code)) {
        nowhere.insert(format!("warning {}", info.code));
    }
    let not_yet = NOT_YET.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(nowhere, not_yet, "declared, and neither a capture of the corpus nor a test has it");
}
