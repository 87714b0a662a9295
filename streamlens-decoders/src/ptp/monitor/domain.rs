//! One domain: hands each message to what follows its kind.

use std::collections::BTreeMap;

use streamlens_model::{Address, FindingLog, Occurrence, Severity, Subject};

use super::super::names::{self, message};
use super::super::wire::{DomainKey, PortIdentity, TimeInterval};
use super::announcer::Announcer;
use super::by_port::ByPort;
use super::grants::Grants;
use super::masters::Masters;
use super::message::{Message, is_unicast};
use super::paths::{Link, Path};
use super::port::{MAX_PORTS, PATIENCE_NS, Port};
use super::room::Room;
use super::self_reports::SelfReport;
use super::stats::readable;

/// Bytes of the path trace of an Announce: a published message is short.
const PATH_BYTES: usize = 512;

/// A correction beyond this, in nanoseconds, is no residence time of a working network.
const MAX_CORRECTION_NS: i64 = 1_000_000_000;

/// How many messages there are, by what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) by_type: [u64; 16],
    pub(super) on_ethernet: u64,
    pub(super) unicast: u64,
    /// The newest edition seen, as in [`Message::edition`].
    pub(super) edition: u8,
}

impl Totals {
    fn add(&mut self, kind: u8, to: Address, edition: u8, count: u64) {
        if let Some(total) = self.by_type.get_mut(usize::from(kind)) {
            *total += count;
        }
        self.on_ethernet += if matches!(to, Address::Mac(_)) { count } else { 0 };
        self.unicast += if is_unicast(to) { count } else { 0 };
        self.edition = self.edition.max(edition);
    }

    /// How many messages of a type there are.
    pub(super) fn of(&self, kind: u8) -> u64 {
        self.by_type.get(usize::from(kind)).copied().unwrap_or(0)
    }
}

/// One domain of the network.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) key: DomainKey,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    pub(super) ports: ByPort<Port>,
    /// Ports that send Syncs, in order of appearance; bounded.
    pub(super) sync_senders: Vec<PortIdentity>,
    pub(super) masters: Masters,
    /// By master and requester.
    pub(super) paths: BTreeMap<(PortIdentity, PortIdentity), Path>,
    /// By requester and responder.
    pub(super) links: BTreeMap<(PortIdentity, PortIdentity), Link>,
    pub(super) grants: Grants,
    pub(super) told: BTreeMap<PortIdentity, SelfReport>,
    /// Of the messages that no port counts: there was no room for it, or in it.
    uncounted: Totals,
    /// Messages of ports beyond the bound.
    pub(super) unfollowed: u64,
}

impl Domain {
    /// See [`PtpMonitor::capture_offset`](super::PtpMonitor::capture_offset).
    #[cfg(feature = "sap")]
    pub(super) fn capture_offset(&self) -> Option<i64> {
        let by_requests = self.paths.values().map(|path| path.offset);
        let masters = || self.ports.values().filter_map(|port| port.master.as_ref());
        let by_links = masters().map(|master| master.offset);
        let surest =
            by_requests.chain(by_links).filter(|offset| offset.count() > 0).max_by_key(|offset| offset.count());
        let summary =
            surest.or_else(|| masters().map(|master| master.arrival).max_by_key(|arrival| arrival.count()))?;
        summary.mean().map(|mean| mean.round() as i64)
    }

    pub(super) fn new(m: &Message<'_>) -> Self {
        Self {
            key: m.domain,
            first: m.at,
            last: m.at,
            ports: ByPort::default(),
            sync_senders: Vec::new(),
            masters: Masters::default(),
            paths: BTreeMap::new(),
            links: BTreeMap::new(),
            grants: Grants::default(),
            told: BTreeMap::new(),
            uncounted: Totals::default(),
            unfollowed: 0,
        }
    }

    /// All messages of the domain. The ports count theirs by type and destination, which says the rest.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.uncounted.clone();
        for state in self.ports.values().flat_map(|port| &port.types) {
            totals.add(state.kind, state.to, state.edition, state.count);
        }
        totals
    }

    #[inline(never)]
    pub(super) fn observe(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        self.last = m.at;
        let place = match self.ports.place(m.source) {
            Some(place) => place,
            None if self.ports.len() >= MAX_PORTS || !room.take(Port::BYTES) => {
                self.unfollowed += 1;
                self.uncounted.add(m.kind, m.to(), m.edition, 1);
                return;
            }
            None => self.ports.add(m.source, Port::default()),
        };
        self.check_correction(m, log);
        self.check_unicast_flag(m, log);
        if let Some(now) = m.time() {
            self.masters.on_time(now, m, log);
        }
        let grants = &self.grants;
        let Some(port) = self.ports.at_mut(place) else { return };
        let patience = port.count(m, room, || grants.interval(m.source, m.to(), m.kind)).unwrap_or_else(|| {
            self.uncounted.add(m.kind, m.to(), m.edition, 1);
            PATIENCE_NS
        });
        match m.kind {
            message::SYNC => {
                if self.key.version() == 1 {
                    self.masters.on_v1_sync(m, log);
                }
                if let Some(master) = port.as_master(m.source, &mut self.sync_senders, room) {
                    master.on_sync(m, patience, self.key, log);
                }
            }
            message::FOLLOW_UP => {
                if let Some(master) = port.as_master(m.source, &mut self.sync_senders, room) {
                    master.on_follow_up(m, patience, self.key, log);
                }
            }
            message::ANNOUNCE => {
                if self.masters.announcers.place(m.source).is_some() || room.take(size_of::<Announcer>() + PATH_BYTES) {
                    self.masters.on_announce(m, log);
                }
            }
            _ => self.observe_other(m, room, log),
        }
    }

    /// A message that is not of those that masters send all the time.
    #[inline(never)]
    fn observe_other(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        match m.kind {
            message::DELAY_REQ => self.on_request(m, room, log, false),
            message::PDELAY_REQ => self.on_request(m, room, log, true),
            message::DELAY_RESP => self.on_delay_resp(m, room, log),
            message::PDELAY_RESP => self.on_peer_resp(m, room, log),
            message::PDELAY_RESP_FOLLOW_UP => self.on_peer_follow_up(m, room, log),
            message::SIGNALING => {
                self.grants.observe(m, room, log);
                self.hear_signaling(m);
            }
            message::MANAGEMENT => self.hear_management(m),
            _ => {}
        }
    }

    /// The flag of version 2 that tells receivers to answer by unicast too (IEEE 1588-2019 13.3.2.8).
    #[inline]
    fn check_unicast_flag(&self, m: &Message<'_>, log: &mut FindingLog) {
        const UNICAST: u16 = 0x0400;
        let is_flagged = m.flags & UNICAST != 0;
        if m.edition >= 20 && is_flagged != is_unicast(m.to()) && m.to() != Address::None {
            self.wrong_unicast_flag(m, is_flagged, log);
        }
    }

    #[cold]
    #[inline(never)]
    fn wrong_unicast_flag(&self, m: &Message<'_>, is_flagged: bool, log: &mut FindingLog) {
        let (stream, subject) = (Some(self.key.stream(m.kind, m.source)), Subject::of([u16::from(is_flagged)]));
        log.add_about("ptp.unicast-flag", Severity::Info, stream, subject, m.at, || {
            let (kind, port) = (names::message_type(m.kind.into()), self.key.port_name(m.source));
            let (way, flag) = if is_flagged { ("multicast", "is set") } else { ("unicast", "is not set") };
            format!("{kind} of {port} goes out by {way} to {}, and its unicastFlag {flag}", m.to())
        });
    }

    #[inline]
    fn check_correction(&self, m: &Message<'_>, log: &mut FindingLog) {
        if m.correction.0.unsigned_abs() > (MAX_CORRECTION_NS as u64) << 16 {
            self.large_correction(m, log);
        }
    }

    #[cold]
    #[inline(never)]
    fn large_correction(&self, m: &Message<'_>, log: &mut FindingLog) {
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
