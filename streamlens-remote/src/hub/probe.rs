//! What a hub knows of one probe.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streamlens_model::Timestamp;
use streamlens_model::row::Sighting;
use streamlens_protocol::{self as protocol, ProbeClock, ProbeIdentity, ProbeState, ProbeStatus};
use streamlens_web::Feed;

use super::history::History;
use super::offset::Offsets;
use super::rows::ProbeRows;

/// A probe that was heard later is late.
const LATE: Duration = Duration::from_secs(3);

/// A probe.
pub(super) struct Probe {
    pub(super) identity: ProbeIdentity,
    /// Its name, which no other has.
    pub(super) name: Arc<str>,
    pub(super) sighting: Arc<Sighting>,
    /// The connection that it has.
    pub(super) session: Option<u64>,
    pub(super) address: String,
    pub(super) version: String,
    pub(super) heard: (Instant, Timestamp),
    pub(super) feed: Feed,
    pub(super) rows: ProbeRows,
    pub(super) dropped: u64,
    pub(super) offsets: Offsets,
    pub(super) history: History,
    pub(super) status: Option<ProbeStatus>,
    /// Number of its last message of changes.
    pub(super) seq: u64,
    /// Rows of it that somebody watches, and the filter by which it tells of their flows more often.
    pub(super) watched: BTreeSet<String>,
    pub(super) closer: Option<String>,
    /// The token that it came with.
    pub(super) token: Option<String>,
}

impl Probe {
    pub(super) fn state(&self, now: Instant) -> ProbeState {
        match self.session {
            None => ProbeState::Away,
            Some(_) if now.saturating_duration_since(self.heard.0) > LATE => ProbeState::Late,
            Some(_) => ProbeState::Live,
        }
    }

    /// As the list has it.
    pub(super) fn info(&self, now: Instant) -> protocol::Probe {
        let status = self.status.as_ref();
        protocol::Probe {
            id: self.identity.id.clone(),
            name: self.name.to_string(),
            site: self.identity.site.clone(),
            state: self.state(now),
            reason: None,
            start: Some(self.identity.start.clone()),
            version: Some(self.version.clone()),
            address: Some(self.address.clone()),
            heard: Some(self.heard.1.to_string()),
            analysis: Some(self.feed.id().to_owned()),
            frames: self.rows.capture.packets,
            dropped: self.dropped,
            flows: self.rows.flows.len() as u64,
            clock: self.offsets.clock().map(|clock| ProbeClock { corrected: self.rows.is_corrected(), ..clock }),
            stamps: self.identity.stamps.as_ref().map(|stamps| match self.rows.is_corrected() {
                true => format!("{stamps}, times corrected"),
                false => stamps.clone(),
            }),
            spool: status.map(|status| status.spool),
            pending: self.history.pending(),
            load: status.and_then(|status| status.load),
        }
    }
}
