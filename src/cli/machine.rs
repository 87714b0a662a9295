//! JSON, as one document or by line, written flow by flow.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Metadata, SCHEMA};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The document of schema `streamlens.analysis/1`, as an [`Analysis`] serializes, and a line feed.
    Json,
    /// The parts of that document, one a line: first schema and capture, then flows, findings and networks.
    Ndjson,
}

/// A line of NDJSON; the key says what it is.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Flow(&'a Flow),
    Finding(&'a Finding),
    Networks(&'a BTreeMap<String, Metadata>),
}

/// The first line of NDJSON.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'a str,
    capture: &'a CaptureSummary,
}

impl Form {
    /// A flow, as it stands in the output.
    pub(crate) fn of_flow(self, flow: &Flow) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(4096);
        match self {
            Self::Json => serde_json::to_writer(&mut bytes, flow)?,
            Self::Ndjson => line(&mut bytes, &Line::Flow(flow))?,
        }
        Ok(bytes)
    }
}

/// An output that is being written.
pub(crate) struct Document<W> {
    out: W,
    form: Form,
    has_flow: bool,
    /// What went wrong; nothing is written any more then.
    failure: Option<io::Error>,
}

impl<W: Write> Document<W> {
    pub(crate) fn new(out: W, form: Form) -> Self {
        Self { out, form, has_flow: false, failure: None }
    }

    /// Writes the next flow, made by [`Form::of_flow`]; false where nothing can be written any more.
    pub(crate) fn flow(&mut self, capture: &CaptureSummary, flow: io::Result<Vec<u8>>) -> bool {
        if self.failure.is_none() {
            self.failure = flow.and_then(|flow| self.try_flow(capture, &flow)).err();
        }
        self.failure.is_none()
    }

    fn try_flow(&mut self, capture: &CaptureSummary, flow: &[u8]) -> io::Result<()> {
        if !self.has_flow {
            self.head(capture)?;
        } else if self.form == Form::Json {
            self.out.write_all(b",")?;
        }
        self.has_flow = true;
        self.out.write_all(flow)
    }

    fn head(&mut self, capture: &CaptureSummary) -> io::Result<()> {
        let out = &mut self.out;
        match self.form {
            Form::Ndjson => line(out, &Head { schema: SCHEMA, capture }),
            Form::Json => {
                out.write_all(b"{\"schema\":")?;
                serde_json::to_writer(&mut *out, SCHEMA)?;
                out.write_all(b",\"capture\":")?;
                serde_json::to_writer(&mut *out, capture)?;
                out.write_all(b",\"flows\":[")
            }
        }
    }

    /// Writes what follows on the flows; those of `analysis` itself are not looked at.
    pub(crate) fn end(mut self, analysis: &Analysis) -> io::Result<()> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if !self.has_flow {
            self.head(&analysis.capture)?;
        }
        let (out, networks) = (&mut self.out, &analysis.networks);
        match self.form {
            Form::Json => {
                out.write_all(b"],\"findings\":")?;
                serde_json::to_writer(&mut *out, &analysis.findings)?;
                if !networks.is_empty() {
                    out.write_all(b",\"networks\":")?;
                    serde_json::to_writer(&mut *out, networks)?;
                }
                out.write_all(b"}\n")
            }
            Form::Ndjson => {
                analysis.findings.iter().try_for_each(|finding| line(out, &Line::Finding(finding)))?;
                if networks.is_empty() { Ok(()) } else { line(out, &Line::Networks(networks)) }
            }
        }
    }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use streamlens::engine::{Engine, EngineOptions};
    use streamlens::model::{Frame, LinkType};
    use streamlens::registry::DecoderRegistry;

    use super::*;

    #[test]
    fn the_document_is_the_analysis_as_it_serializes() {
        for flows in 0..3_u8 {
            let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
            for flow in 0..flows {
                let (number, data) = (u64::from(flow) + 1, [flow; 60]);
                let (link_type, interface) = (LinkType::ETHERNET, 0);
                engine.push(&Frame { number, time: None, link_type, interface, original_length: 60, data: &data });
            }
            let analysis = engine.finish(CaptureSummary::default());
            assert_eq!(analysis.flows.len(), usize::from(flows));
            let mut written = Vec::new();
            let mut document = Document::new(&mut written, Form::Json);
            for flow in &analysis.flows {
                assert!(document.flow(&analysis.capture, Form::Json.of_flow(flow)));
            }
            document.end(&analysis).expect("a vector takes all");
            let wanted = serde_json::to_string(&analysis).expect("it serializes") + "\n";
            assert_eq!(String::from_utf8(written).expect("JSON is UTF-8"), wanted);
        }
    }
}
