//! A result in parts, and as a whole.

use streamlens_model::{Analysis, CaptureSummary, Finding, Flow};

/// Something of the result that there may be a million of.
pub enum Part<'p> {
    /// A flow, which nobody else wants.
    Flow(&'p mut Flow),
    /// A finding, whose memory is used again for the next one.
    Finding(&'p Finding),
}

/// Flows and findings of a result.
#[derive(Default)]
pub(crate) struct Lists {
    flows: Vec<Flow>,
    findings: Vec<Finding>,
}

impl Lists {
    fn add(&mut self, part: Part<'_>) {
        match part {
            Part::Flow(flow) => self.flows.push(std::mem::take(flow)),
            Part::Finding(finding) => self.findings.push(finding.clone()),
        }
    }
}

/// A document with its flows and findings, of one that hands them on in pieces.
pub(crate) fn whole(
    in_pieces: impl FnOnce(
        &(dyn Fn(&mut Lists, Part<'_>) + Sync),
        &mut dyn FnMut(&CaptureSummary, &mut Lists) -> bool,
    ) -> Analysis,
) -> Analysis {
    let mut all = Lists::default();
    let mut analysis = in_pieces(&|lists: &mut Lists, part: Part<'_>| lists.add(part), &mut |_, piece| {
        all.flows.append(&mut piece.flows);
        all.findings.append(&mut piece.findings);
        true
    });
    (analysis.flows, analysis.findings) = (all.flows, all.findings);
    analysis
}
