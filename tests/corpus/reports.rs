//! What people reported of other tools: each capture of `captures/reports/` has a page that says which figures are right,
//! and `tests/corpus/reports/NAME.toml` holds those figures. Every page is a test of its own. It fails where its figures
//! don't hold or where there are none; without the corpus (`STREAMLENS_CORPUS`) it is reported as ignored.
//!
//! A figures file is a list of `[[place]]`. `flow` (`SOURCE > DESTINATION`, with ` vlan 1,2` where there are tags) starts at
//! that flow, the document is the start without it; `at` is a path from there; `decode_as` analyses the capture with
//! packets from or to a UDP port decoded as an encoding. `holds` names paths and what stands there: see [`path`] and [`Wanted`].

#[path = "reports/path.rs"]
mod path;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use serde_json::Value;
use streamlens::Analyzer;
use streamlens::engine::{DecodeAs, EngineOptions};
use streamlens::model::Transport;
use streamlens_testing::corpus;

/// Pages whose figures don't hold yet. A test fails as soon as one of them holds, so the list can only shrink.
const NOT_YET: &[&str] = &[];

/// The figures of a page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    place: Vec<Place>,
}

/// Figures with a common beginning of their paths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    flow: Option<String>,
    at: Option<String>,
    decode_as: Option<Rule>,
    holds: BTreeMap<String, Wanted>,
}

/// Packets from or to a UDP port are decoded as an encoding.
#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
struct Rule {
    udp_port: u16,
    encoding: String,
}

/// What is to stand at a path: a value, or a condition.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Integer(i64),
    Number(f64),
    Truth(bool),
    Text(String),
    List(Vec<String>),
    Absent(Absent),
    Range(Range),
    Contains(Contains),
}

/// `{ absent = true }`: nothing stands there; `{ absent = true, or = 0 }`: nothing, or a number that is as good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Absent {
    absent: bool,
    or: Option<f64>,
}

/// `{ least = 1, most = 2 }`: a number from one to the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    least: f64,
    most: f64,
}

/// `{ contains = "36" }`: a sentence with these words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contains {
    contains: String,
}

impl Wanted {
    fn is_met_by(&self, found: &[Value]) -> bool {
        let only = match found {
            [only] => Some(only),
            _ => None,
        };
        let number = only.and_then(Value::as_f64);
        match self {
            Self::Integer(wanted) => {
                only.is_some_and(|value| value.as_i64() == Some(*wanted) || number == Some(*wanted as f64))
            }
            Self::Number(wanted) => number == Some(*wanted),
            Self::Truth(wanted) => only.and_then(Value::as_bool) == Some(*wanted),
            Self::Text(wanted) => only.and_then(Value::as_str) == Some(wanted),
            Self::List(wanted) => only.is_some_and(|value| *value == serde_json::json!(wanted)),
            Self::Absent(Absent { absent, or }) => {
                *absent && (found.is_empty() || or.is_some_and(|or| number == Some(or)))
            }
            Self::Range(range) => number.is_some_and(|number| (range.least..=range.most).contains(&number)),
            Self::Contains(words) => only.and_then(Value::as_str).is_some_and(|text| text.contains(&words.contains)),
        }
    }
}

fn main() -> ExitCode {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/reports");
    let pages = corpus().map(|corpus| corpus.join("captures/reports"));
    let mut names = names_in(&own, "toml");
    if let Some(pages) = &pages {
        let mut on_pages = names_in(pages, "md");
        on_pages.remove("SOURCES");
        names.extend(on_pages);
    }
    names.extend(NOT_YET.iter().map(|name| (*name).to_owned()));
    let trials = names.into_iter().map(|name| {
        let is_compressed = !cfg!(feature = "zstd")
            && pages
                .as_deref()
                .and_then(|pages| capture_of(pages, &name))
                .is_some_and(|capture| capture.extension().is_some_and(|extension| extension == "zst"));
        let is_ignored = pages.is_none() || is_compressed;
        let figures = own.join(format!("{name}.toml"));
        let pages = pages.clone().unwrap_or_default();
        Trial::test(name.clone(), move || holds(&pages, &name, &figures)).with_ignored_flag(is_ignored)
    });
    let trials = trials.chain(path::tests()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Names of the files of a folder that end in `.ending`, without it.
fn names_in(folder: &Path, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

/// The capture that a page describes.
fn capture_of(pages: &Path, name: &str) -> Option<PathBuf> {
    let endings = ["pcap", "pcapng", "pcap.zst"];
    endings.iter().map(|ending| pages.join(format!("{name}.{ending}"))).find(|path| path.is_file())
}

/// Whether a page holds, as the list of pages that don't yet says.
fn holds(pages: &Path, name: &str, figures: &Path) -> Result<(), Failed> {
    let capture = capture_of(pages, name).ok_or("no page of the corpus has this name")?;
    let text = std::fs::read_to_string(figures).map_err(|error| format!("the page has no figures: {error}"))?;
    let figures: Figures = toml::from_str(&text).map_err(|error| format!("{}: {error}", figures.display()))?;
    let mut documents = BTreeMap::new();
    let mut differences = Vec::new();
    for place in &figures.place {
        let document =
            documents.entry(place.decode_as.clone()).or_insert_with(|| document(&capture, place.decode_as.as_ref()));
        place.check(document, &mut differences);
    }
    match (NOT_YET.contains(&name), differences.is_empty()) {
        (false, true) | (true, false) => Ok(()),
        (false, false) => Err(differences.join("\n").into()),
        (true, true) => Err("all its figures hold: take it off the list NOT_YET".into()),
    }
}

impl Place {
    fn check(&self, document: &Value, differences: &mut Vec<String>) {
        let start = match &self.flow {
            None => Some(document),
            Some(wanted) => document["flows"].as_array().into_iter().flatten().find(|flow| name_of(flow) == *wanted),
        };
        let Some(start) = start else {
            differences.push(format!("no flow {}", self.flow.as_deref().unwrap_or_default()));
            return;
        };
        for (path, wanted) in &self.holds {
            let path = match &self.at {
                Some(at) => format!("{at}.{path}"),
                None => path.clone(),
            };
            let found = path::values(start, &path);
            if !wanted.is_met_by(&found) {
                let mut there = serde_json::to_string(&found).expect("JSON");
                there.truncate(there.floor_char_boundary(300));
                differences.push(format!("{path}: {there} is there, {wanted:?} is right"));
            }
        }
    }
}

/// A flow as figures name it.
fn name_of(flow: &Value) -> String {
    let end = |end: &Value| {
        let address = end["address"].as_str().unwrap_or("-");
        match &end["port"] {
            Value::Null => address.to_owned(),
            port if address.contains(':') => format!("[{address}]:{port}"),
            port => format!("{address}:{port}"),
        }
    };
    let tags: Vec<_> = flow["vlan"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let tags = if tags.is_empty() { String::new() } else { format!(" vlan {}", tags.join(",")) };
    format!("{} > {}{tags}", end(&flow["src"]), end(&flow["dst"]))
}

/// The document of a capture, as the command prints it.
fn document(capture: &Path, rule: Option<&Rule>) -> Value {
    let decode_as = rule.cloned().map(|rule| DecodeAs {
        selector: Arc::new(move |key, transport| {
            transport == Transport::UDP && [key.src.port, key.dst.port].contains(&Some(rule.udp_port))
        }),
        rule: format!("udp.port=={},{}", rule.udp_port, rule.encoding),
        encoding_name: rule.encoding,
    });
    let options = EngineOptions { decode_as: decode_as.into_iter().collect(), ..EngineOptions::default() };
    let analyzer = Analyzer { options, ..Analyzer::default() };
    let analysis = analyzer.run_files(&[capture]).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(&analysis).expect("it serializes")
}
