//! What several probes saw of one flow.

use std::sync::Arc;

use super::Row;
use crate::VlanStack;

/// Who saw a flow, where the rows of several probes are shown as one. Figures are never added up: those of the flow's own rows
/// are of one of the probes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The probe that the figures of the flow's rows are of: that which saw most packets.
    pub totals_of: Arc<str>,
    /// What each of them saw, in order of their names; empty where only one is asked.
    pub lines: Vec<SightingLine>,
    /// What stands behind the flow's key in its name: another flow between the same endpoints is shown beside it. Empty else.
    pub suffix: Arc<str>,
}

/// What one probe saw of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct SightingLine {
    /// Name of the probe.
    pub probe: Arc<str>,
    /// The flow's row as that probe has it.
    pub row: Row,
    /// Numbers that never came, over all streams; `None` where none has numbers.
    pub lost: Option<u64>,
    /// The VLAN tags in front of the frames there.
    pub vlan: VlanStack,
}

impl Sighting {
    /// What one probe alone saw.
    #[must_use]
    pub fn of_one(probe: Arc<str>) -> Self {
        Self { totals_of: probe, lines: Vec::new(), suffix: Arc::from("") }
    }

    /// The names of the probes that saw it, each once.
    pub fn probes(&self) -> impl Iterator<Item = &str> {
        let alone = self.lines.is_empty().then_some(&*self.totals_of);
        alone.into_iter().chain(self.lines.iter().map(|line| &*line.probe))
    }
}
