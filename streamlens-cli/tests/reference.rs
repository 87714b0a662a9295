//! `docs/reference.md` is made from what the command says of its decoders and codes; `STREAMLENS_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![cfg(feature = "all-decoders")]

mod common;

use std::fmt::Write as _;

use common::Scratch;
use serde_json::Value;
use streamlens::engine::terms;
use streamlens::model::Term;

const HEAD: &str = "\
# Reference

What results hold: the codes of findings and warnings, and the names of values that decoders give, each with its type, unit and
meaning. `streamlens decoders --format json` and `streamlens findings --format json` have the same for programs. The page is
generated from what the decoders declare; a test holds it to that. The keys of the document around these values are described in
[document.md](document.md), the columns of the table by `streamlens fields`.

Names and codes may be added, never renamed or removed while the document's schema has the same number. What is undefined is
absent. Types are those of JSON; a `time` is RFC 3339 text in UTC. Of a list or a map the unit is that of the values in it. In
filters, facts are `meta.NAME` and measures `measure.NAME`.

## Rates

A rate is what came, less the last packet, over the time from the earliest to the latest: of n packets with b bytes on the wire
b x 8 x (n - 1) / n bits and n - 1 packets, for the bits of the last one come after that time. Below two packets, or where no time
passed, there is none. Live rates (columns `rate` and `pps`) are those of the last second; those of files:

| of | bits per second | packets per second | over the time of |
|---|---|---|---|
| the capture | `Total` of the table: all frames, with layers that were taken off | | all its frames |
| a flow | `bit_rate`, column `rate`: its frames | column `pps` | its frames |
| a transport, an encoding | column `rate`: its frames | column `pps` | its frames |
| a packet type | column `rate`: the bytes that its PDUs share of their frames | column `pps`: its PDUs | its PDUs |
| a stream | none, for several may share a datagram | column `pps`, `--expect`: its packets | its encoding |
| a stream of IENA, iNetX, TmNS or NPD | measure `bit_rate`: its frames | measure `rate_hz` | its packets |
| a stream of RTP | measure `payload_bit_rate`: its payloads | | its packets |

Copies of frames that a mirror port made count among the frames, and not for the time of transports and what lies below. Where
times run backwards, `timing_stats.span_ns` is the time from the earliest to the latest; else it is `count` times `mean_ns`.
";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A line of a table.
fn line(out: &mut String, cells: &[&str]) {
    assert!(cells.iter().all(|cell| !cell.contains(['|', '\n'])), "{cells:?}");
    writeln!(out, "| {} |", cells.join(" | ")).unwrap();
}

/// A table of terms under a title; nothing where there are none.
fn table(out: &mut String, title: &str, terms: &[Value]) {
    if terms.is_empty() {
        return;
    }
    writeln!(out, "\n{title}\n").unwrap();
    line(out, &["name", "type", "unit", "meaning"]);
    out.push_str("|---|---|---|---|\n");
    for term in terms {
        let name = format!("`{}`", text(&term["name"]));
        line(out, &[&name, text(&term["type"]), text(&term["unit"]), text(&term["meaning"])]);
    }
}

fn values(terms: &[Term]) -> Vec<Value> {
    terms.iter().map(|term| serde_json::to_value(term).unwrap()).collect()
}

/// The page, from the lists that the command prints.
fn page(decoders: &Value, codes: &Value) -> String {
    let mut out = HEAD.to_owned();
    out.push_str(
        "\n## Findings\n\nThe severity is the gravest that findings of the code have. `PREFIX` stands for that of a decoder, given \
         with each below:\n`rtp.loss`, `iena.loss`. Codes without a decoder are found whatever the encoding.\n\n",
    );
    line(&mut out, &["code", "gravest", "decoders", "meaning"]);
    out.push_str("|---|---|---|---|\n");
    for code in list(codes).filter(|code| code["kind"] == "finding") {
        let of: Vec<_> = list(&code["decoders"]).map(text).collect();
        let name = format!("`{}`", text(&code["code"]));
        line(&mut out, &[&name, text(&code["severity"]), &of.join(", "), text(&code["meaning"])]);
    }
    out.push_str("\n## Warnings about captures\n\nThe codes of `capture.warnings`.\n\n");
    line(&mut out, &["code", "meaning"]);
    out.push_str("|---|---|\n");
    for code in list(codes).filter(|code| code["kind"] == "warning") {
        line(&mut out, &[&format!("`{}`", text(&code["code"])), text(&code["meaning"])]);
    }
    out.push_str("\n## Whatever the encoding\n");
    table(&mut out, "Facts of a transport (`metadata`):", &values(terms::TRANSPORT_FACTS));
    table(&mut out, "Facts of any encoding (`decoder_metadata`):", &values(terms::ENCODING_FACTS));
    table(&mut out, "Facts of any packet type (`payload_characteristics`):", &values(terms::PACKET_TYPE_FACTS));
    for decoder in list(decoders) {
        let name = text(&decoder["encoding_name"]);
        writeln!(out, "\n## {name}\n\n{}.", text(&decoder["standard"])).unwrap();
        let refined: Vec<_> = list(&decoder["refinements"]).map(text).collect();
        if !refined.is_empty() {
            writeln!(out, "Its streams may turn out to be {}, which have the same names.", refined.join(", ")).unwrap();
        }
        writeln!(out, "Findings about the numbers of its streams begin with `{}`.", text(&decoder["finding_prefix"]))
            .unwrap();
        for (key, title) in [
            ("facts", "Facts of the encoding in a flow (`decoder_metadata`):"),
            ("packet_type_facts", "Facts of its packet types (`payload_characteristics`):"),
            ("measures", "Measures of its streams (`measures`):"),
            ("network_facts", "Facts across flows (`networks`):"),
            ("fields", "Fields of its PDUs, for programs that ask a decoder for them:"),
        ] {
            table(&mut out, title, decoder[key].as_array().unwrap());
        }
    }
    out
}

#[test]
fn the_reference_is_what_the_command_says() {
    let scratch = Scratch::new("reference");
    let list_of = |what: &str| scratch.run(&[what, "--format", "json"]).json();
    let page = page(&list_of("decoders"), &list_of("findings"));
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    if std::env::var_os("STREAMLENS_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/reference.md is another; STREAMLENS_BLESS=1 writes it anew:\n{page}");
}

#[test]
fn codes_are_listed_for_people_and_programs() {
    let scratch = Scratch::new("codes");
    let list_of = scratch.run(&["findings", "--format", "json"]).json();
    let table = scratch.run(&["findings"]).stdout;
    for entry in list(&list_of) {
        let code = text(&entry["code"]);
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(code)), "{code}");
        assert_eq!(entry["severity"].is_null(), entry["kind"] == "warning", "{code}");
    }
    let named = |code: &str| list(&list_of).find(|entry| entry["code"] == code).unwrap_or_else(|| panic!("no {code}"));
    assert_eq!(named("mpegts.continuity")["decoders"], serde_json::json!(["MPEG-TS", "RTP"]));
    assert_eq!(
        (&named("PREFIX.loss")["severity"], &named("tcp.gap")["decoders"]),
        (&"error".into(), &serde_json::json!([]))
    );
    for code in ["expect.absent", "capture.truncated", "capture.small-ring", "capture.given-twice"] {
        named(code);
    }
}

/// Collects the keys of a document, but for names that are data and what decoders declare.
fn keys(value: &Value, into: &mut std::collections::BTreeSet<String>) {
    const NAMED: [&str; 6] =
        ["transport_protocols", "application_encodings", "packet_types", "dropped", "dropped_by", "not_in_flows"];
    const DECLARED: [&str; 5] = ["decoder_metadata", "payload_characteristics", "measures", "networks", "metadata"];
    match value {
        Value::Array(list) => list.iter().for_each(|one| keys(one, into)),
        Value::Object(members) => {
            for (key, value) in members {
                into.insert(key.clone());
                match value {
                    _ if DECLARED.contains(&key.as_str()) => {}
                    Value::Object(named) if NAMED.contains(&key.as_str()) => {
                        named.values().for_each(|one| keys(one, into))
                    }
                    _ => keys(value, into),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_of_the_document_is_described() {
    let scratch = Scratch::new("keys");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    scratch.file("faults.pcapng", &streamlens_testing::faults::capture());
    let mut all = std::collections::BTreeSet::new();
    for capture in ["demo.pcapng", "faults.pcapng"] {
        let more = ["--interval", "1s", "--bursts", "--link-speed", "1G", "--unidentified", "--decap", "all"];
        keys(&scratch.run(&[&[capture, "--format", "json"][..], &more].concat()).json(), &mut all);
    }
    assert!(all.len() > 90, "{all:?}");
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/document.md");
    let page = std::fs::read_to_string(page).unwrap();
    all.retain(|key| !page.contains(&format!("`{key}`")));
    assert!(all.is_empty(), "docs/document.md has nothing of {all:?}");
}
