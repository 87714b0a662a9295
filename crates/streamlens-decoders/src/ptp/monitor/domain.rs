//! One domain: hands each message to what follows its kind.

use std::collections::BTreeMap;

use streamlens_model::{FindingLog, Occurrence, Severity};

use super::super::names::{self, message};
use super::super::wire::{DomainKey, PortIdentity, TimeInterval};
use super::grants::Grants;
use super::masters::Masters;
use super::message::Message;
use super::paths::{Link, Path};
use super::port::{MAX_PORTS, Port};
use super::stats::readable;
use super::told::Told;

/// A correction beyond this, in nanoseconds, is no residence time of a working network.
const MAX_CORRECTION_NS: i64 = 1_000_000_000;

/// One domain of the network.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) key: DomainKey,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    /// The newest edition seen, as in [`Message::edition`].
    pub(super) edition: u8,
    pub(super) ports: BTreeMap<PortIdentity, Port>,
    /// Ports that send Syncs, in order of appearance; bounded.
    pub(super) sync_senders: Vec<PortIdentity>,
    pub(super) masters: Masters,
    /// By master and requester.
    pub(super) paths: BTreeMap<(PortIdentity, PortIdentity), Path>,
    /// By requester and responder.
    pub(super) links: BTreeMap<(PortIdentity, PortIdentity), Link>,
    pub(super) grants: Grants,
    pub(super) told: BTreeMap<PortIdentity, Told>,
    /// Messages by type.
    pub(super) totals: [u64; 16],
    pub(super) on_ethernet: u64,
    pub(super) unicast: u64,
    /// Messages of ports beyond the bound.
    pub(super) unfollowed: u64,
}

impl Domain {
    pub(super) fn new(m: &Message<'_>) -> Self {
        Self {
            key: m.domain,
            first: m.at,
            last: m.at,
            edition: m.edition,
            ports: BTreeMap::new(),
            sync_senders: Vec::new(),
            masters: Masters::default(),
            paths: BTreeMap::new(),
            links: BTreeMap::new(),
            grants: Grants::default(),
            told: BTreeMap::new(),
            totals: [0; 16],
            on_ethernet: 0,
            unicast: 0,
            unfollowed: 0,
        }
    }

    #[inline(never)]
    pub(super) fn observe(&mut self, m: &Message<'_>, log: &mut FindingLog) {
        self.last = m.at;
        self.edition = self.edition.max(m.edition);
        if let Some(total) = self.totals.get_mut(usize::from(m.kind)) {
            *total += 1;
        }
        self.on_ethernet += u64::from(m.is_ethernet());
        self.unicast += u64::from(m.is_unicast());
        if self.ports.len() >= MAX_PORTS && !self.ports.contains_key(&m.source) {
            self.unfollowed += 1;
            return;
        }
        self.check_correction(m, log);
        if let Some(now) = m.time {
            self.masters.on_time(now, m, log);
        }
        let grants = &self.grants;
        let port = self.ports.entry(m.source).or_default();
        let patience = port.count(m, || grants.interval(m.source, m.to(), m.kind));
        match m.kind {
            message::SYNC => {
                if self.key.version() == 1 {
                    self.masters.on_v1_sync(m, log);
                }
                if let Some(master) = port.as_master(m.source, &mut self.sync_senders) {
                    master.on_sync(m, patience, self.key, log);
                }
            }
            message::FOLLOW_UP => {
                if let Some(master) = port.as_master(m.source, &mut self.sync_senders) {
                    master.on_follow_up(m, patience, self.key, log);
                }
            }
            message::DELAY_REQ => self.on_request(m, log, false),
            message::PDELAY_REQ => self.on_request(m, log, true),
            message::DELAY_RESP => self.on_delay_resp(m, log),
            message::PDELAY_RESP => self.on_peer_resp(m, log),
            message::PDELAY_RESP_FOLLOW_UP => self.on_peer_follow_up(m),
            message::ANNOUNCE => self.masters.on_announce(m, log),
            message::SIGNALING => {
                self.grants.observe(m, log);
                self.hear_signaling(m);
            }
            message::MANAGEMENT => self.hear_management(m),
            _ => {}
        }
    }

    fn check_correction(&self, m: &Message<'_>, log: &mut FindingLog) {
        let nanos = m.correction.as_nanos();
        if nanos.abs() <= MAX_CORRECTION_NS {
            return;
        }
        let stream = Some(self.key.stream(m.kind, m.source));
        log.add("ptp.correction", Severity::Warning, stream, m.at, || {
            let kind = names::message_type(m.kind.into());
            if m.correction == TimeInterval::TOO_BIG {
                format!("the correctionField of {kind} {} says that it is too big to be expressed", m.sequence)
            } else {
                format!(
                    "the correctionField of {kind} {} is {}: no sum of residence times is beyond 1 s",
                    m.sequence,
                    readable(nanos)
                )
            }
        });
    }
}
