//! `streamlens findings`: the codes that findings and warnings about captures may have.

use std::io::{self, Write};

use serde::Serialize;
use streamlens::engine::terms;
use streamlens::model::{FindingInfo, Severity, WarningInfo};
use streamlens::registry::DecoderRegistry;

use super::args::ListFormat;
use super::{expect, source, text};

/// Width of the list in characters. It is the same for a terminal and a pipe.
const WIDTH: usize = 120;
/// Characters of a line before the meaning.
const LEAD: usize = 48;
/// The word that the list shows in place of the prefix of a decoder's findings.
const PREFIX: &str = "PREFIX";

#[derive(Serialize)]
struct Entry<'a> {
    code: String,
    /// `finding`; or `warning` for a code of `capture.warnings`.
    kind: &'static str,
    /// The gravest severity that findings with this code may have; `None` for warnings about captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    /// The decoders that report the finding; empty if it is reported whatever the encoding.
    decoders: Vec<&'a str>,
    meaning: &'a str,
}

impl<'a> Entry<'a> {
    fn finding(info: &'a FindingInfo) -> Self {
        Self {
            code: info.code.clone().into_owned(),
            kind: "finding",
            severity: Some(info.severity),
            decoders: Vec::new(),
            meaning: &info.meaning,
        }
    }

    fn warning(info: &'a WarningInfo) -> Self {
        Self {
            code: info.code.clone().into_owned(),
            kind: "warning",
            severity: None,
            decoders: Vec::new(),
            meaning: &info.meaning,
        }
    }
}

/// Returns the codes of findings in order, then those of warnings in order.
fn entries(registry: &DecoderRegistry) -> Vec<Entry<'_>> {
    let mut findings: Vec<_> = terms::FINDINGS.iter().chain(expect::FINDINGS).map(Entry::finding).collect();
    findings.extend(terms::STREAM_FINDINGS.iter().map(|info| {
        let entry = Entry::finding(info);
        Entry { code: format!("{PREFIX}{}", entry.code), ..entry }
    }));
    for decoder in registry.iter().map(|decoder| decoder.info()) {
        for info in decoder.findings.iter() {
            match findings.iter_mut().find(|known| known.code == info.code) {
                Some(known) => known.decoders.push(&decoder.name),
                None => findings.push(Entry { decoders: vec![&decoder.name], ..Entry::finding(info) }),
            }
        }
    }
    findings.sort_by(|a, b| a.code.cmp(&b.code));
    let mut warnings: Vec<_> = [streamlens::pcap::WARNINGS, streamlens_live::WARNINGS, source::WARNINGS]
        .into_iter()
        .flatten()
        .map(Entry::warning)
        .collect();
    warnings.sort_by(|a, b| a.code.cmp(&b.code));
    findings.extend(warnings);
    findings
}

pub(crate) fn write(out: &mut impl Write, registry: &DecoderRegistry, format: ListFormat) -> io::Result<()> {
    let entries = entries(registry);
    match format {
        ListFormat::Json => {
            serde_json::to_writer(&mut *out, &entries)?;
            out.write_all(b"\n")
        }
        ListFormat::Table => write_table(out, &entries),
    }
}

fn write_table(out: &mut impl Write, entries: &[Entry<'_>]) -> io::Result<()> {
    let (findings, warnings): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.severity.is_some());
    for (title, list) in [("findings", findings), ("warnings about captures", warnings)] {
        writeln!(out, "{title}:")?;
        for entry in list {
            let severity = entry.severity.map_or("", Severity::name);
            for (index, line) in text::wrapped(entry.meaning, WIDTH - LEAD).iter().enumerate() {
                let (code, severity) = if index == 0 { (entry.code.as_str(), severity) } else { ("", "") };
                writeln!(out, "  {code:<36} {severity:<8} {line}")?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "{PREFIX} stands for that of a decoder, which `streamlens decoders --format json` lists: rtp.loss")
}
