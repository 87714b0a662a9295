//! Who receives a report.

use streamlens_model::{CaptureSummary, Finding, Flow};

/// Receives the flows and findings of a report in their order, as they are made. So a million flows can be written that would
/// not fit into memory.
///
/// Several threads fill chunks, each its own; [`write`](Self::write) gets the chunks in order, on the thread that asked for the
/// report. First come the flows, then, in chunks of their own, the findings.
pub trait ReportSink {
    /// What a thread makes of some flows or findings.
    type Chunk: ReportChunk;

    /// Returns an empty chunk, of which others are [made](ReportChunk::empty).
    fn chunk(&self) -> Self::Chunk;

    /// Takes over what is in a chunk and empties it, for its memory is used again. `capture` is what is known of the capture.
    /// Returns whether more is wanted; where not, `write` is not called again, and what is left is only counted.
    fn write(&mut self, capture: &CaptureSummary, chunk: &mut Self::Chunk) -> bool;
}

/// Some consecutive flows, or some consecutive findings, in the form in which a [`ReportSink`] wants them.
pub trait ReportChunk: Sized + Send + Sync {
    /// Returns an empty chunk like this one.
    #[must_use]
    fn empty(&self) -> Self;

    /// Adds a flow, which may be taken out: nobody else reads it.
    fn add_flow(&mut self, flow: &mut Flow);

    /// Adds a finding, whose memory is used again for the next one.
    fn add_finding(&mut self, finding: &Finding);
}

/// Flows and findings as the document lists them.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) flows: Vec<Flow>,
    pub(crate) findings: Vec<Finding>,
}

impl ReportChunk for Collected {
    fn empty(&self) -> Self {
        Self::default()
    }

    fn add_flow(&mut self, flow: &mut Flow) {
        self.flows.push(std::mem::take(flow));
    }

    fn add_finding(&mut self, finding: &Finding) {
        self.findings.push(finding.clone());
    }
}

impl ReportSink for Collected {
    type Chunk = Self;

    fn chunk(&self) -> Self {
        Self::default()
    }

    fn write(&mut self, _: &CaptureSummary, chunk: &mut Self) -> bool {
        self.flows.append(&mut chunk.flows);
        self.findings.append(&mut chunk.findings);
        true
    }
}
