//! JSON, as one document or by line.

use std::io::{self, Write};

use serde::Serialize;
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Metadata};

/// The document of schema `streamlens.analysis/1`: the analysis as it serializes, and a line feed.
pub(crate) fn write_json(out: &mut impl Write, analysis: &Analysis) -> io::Result<()> {
    line(out, analysis)
}

/// A line of NDJSON; the key says what it is.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Flow(&'a Flow),
    Finding(&'a Finding),
    Networks(&'a std::collections::BTreeMap<String, Metadata>),
}

/// The first line of NDJSON.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'a str,
    capture: &'a CaptureSummary,
}

/// The parts of the document, one a line: first schema and capture, then flows, findings and networks.
pub(crate) fn write_ndjson(out: &mut impl Write, analysis: &Analysis) -> io::Result<()> {
    line(out, &Head { schema: analysis.schema, capture: &analysis.capture })?;
    for flow in &analysis.flows {
        line(out, &Line::Flow(flow))?;
    }
    for finding in &analysis.findings {
        line(out, &Line::Finding(finding))?;
    }
    if analysis.networks.is_empty() { Ok(()) } else { line(out, &Line::Networks(&analysis.networks)) }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
