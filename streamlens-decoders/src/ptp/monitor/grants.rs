//! Unicast negotiation: what was asked for, granted, refused and cancelled.

use std::collections::BTreeMap;

use streamlens_model::{Address, FindingLog, Occurrence, Severity, Subject};

use super::super::names;
use super::super::signaling::Transmission;
use super::super::wire::{PortIdentity, tlvs, u8_at};
use super::message::{Message, is_unicast};
use super::room::Room;

/// The most grants that are followed in one domain.
const MAX_GRANTS: usize = 4096;

/// What one receiver was granted of one message type by one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grant {
    pub(super) log_interval: i8,
    pub(super) duration_s: u32,
    /// Capture time of the last grant.
    pub(super) granted_at: Option<i64>,
    pub(super) granted: u64,
    pub(super) refused: u64,
    pub(super) cancelled: u64,
}

impl Grant {
    /// When it ends, by the capture's clock; `None` where it was not granted or was cancelled.
    pub(super) fn expires(&self) -> Option<i64> {
        self.granted_at?.checked_add(i64::from(self.duration_s) * 1_000_000_000)
    }
}

/// What one asked another for of one message type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Who asked.
    pub(super) port: PortIdentity,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    /// Requests since the last answer.
    pub(super) unanswered: u64,
}

/// The grants of a domain, by granting port, receiver's address and message type.
#[derive(Clone, Debug, Default)]
pub(super) struct Grants {
    pub(super) table: BTreeMap<(PortIdentity, Address, u8), Grant>,
    pub(super) requests: u64,
    pub(super) cancels: u64,
    /// By the address that asked, the one that was asked, and message type.
    pub(super) asked: BTreeMap<(Address, Address, u8), Asked>,
}

impl Grants {
    /// Whether a port has granted messages of a type to anybody.
    pub(super) fn has_any(&self, from: PortIdentity, kind: u8) -> bool {
        self.table.iter().any(|((port, _, of), grant)| (*port, *of) == (from, kind) && grant.granted > 0)
    }

    /// The interval granted for a type to a receiver.
    pub(super) fn interval(&self, from: PortIdentity, to: Address, kind: u8) -> Option<i8> {
        if self.table.is_empty() {
            return None;
        }
        let grant = self.table.get(&(from, to, kind))?;
        grant.granted_at.map(|_| grant.log_interval)
    }

    pub(super) fn observe(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        for (kind, value) in tlvs(m.bytes.get(44..).unwrap_or_default()) {
            match kind {
                0x0004 => self.request(m, value, room),
                0x0005 => self.grant(m, value, room, log),
                0x0006 => {
                    self.cancels += 1;
                    let Some(octet) = u8_at(value, 0) else { continue };
                    // Either side may cancel: the sender of the messages, or their receiver.
                    for (key, grant) in &mut self.table {
                        let concerns = key.0 == m.source && key.1 == m.to() || key.1 == m.flow.src.address;
                        if concerns && key.2 == octet >> 4 {
                            grant.cancelled += 1;
                            grant.granted_at = None;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn request(&mut self, m: &Message<'_>, value: &[u8], room: &mut Room) {
        self.requests += 1;
        let Some(said) = Transmission::parse(value) else { return };
        let key = (m.flow.src.address, m.to(), said.message_type);
        if !is_unicast(m.to()) {
            return;
        }
        let is_known = self.asked.contains_key(&key);
        if !is_known && (self.asked.len() >= MAX_GRANTS || !room.take(2 * size_of::<(Address, Address, Asked)>())) {
            return;
        }
        let new = Asked { port: m.source, first: m.at, last: m.at, unanswered: 0 };
        let asked = self.asked.entry(key).or_insert(new);
        if asked.unanswered == 0 {
            asked.first = m.at;
        }
        (asked.port, asked.last) = (m.source, m.at);
        asked.unanswered += 1;
    }

    fn grant(&mut self, m: &Message<'_>, value: &[u8], room: &mut Room, log: &mut FindingLog) {
        let Some(said) = Transmission::parse(value) else { return };
        if let Some(asked) = self.asked.get_mut(&(m.to(), m.flow.src.address, said.message_type)) {
            asked.unanswered = 0;
        }
        let key = (m.source, m.to(), said.message_type);
        let is_known = self.table.contains_key(&key);
        if !is_known && (self.table.len() >= MAX_GRANTS || !room.take(2 * size_of::<(PortIdentity, Address, Grant)>()))
        {
            return;
        }
        let grant = self.table.entry(key).or_default();
        if said.duration == 0 {
            grant.refused += 1;
            let (stream, subject) = (m.domain.all_of_port(m.source), Subject::of([said.message_type.into()]));
            log.add_about("ptp.grant-refused", Severity::Warning, Some(stream), subject, m.at, || {
                format!("{} refused {} messages to {}", m.source, names::message_type(said.message_type.into()), m.to())
            });
            return;
        }
        grant.granted += 1;
        (grant.log_interval, grant.duration_s, grant.granted_at) = (said.log_interval, said.duration, m.time());
    }
}
