//! IP fragment reassembly (RFC 791 §3.2, RFC 8200 §4.5): out of order, overlapping, bounded by bytes and age.
//!
//! All fragments of a datagram count for the flow of its first fragment, the one with the ports. Those that come
//! before it wait for it, for at most a minute of capture time, and then count for a flow without ports.

use std::collections::VecDeque;

use hashbrown::HashMap;
use streamlens_model::{Address, Timestamp, VlanStack};

use crate::dissect::{Dissected, FragmentFacts};
use crate::flow::pdu::FrameFacts;

/// How long a fragment waits, in nanoseconds of capture time.
const AGE_NS: i64 = 60_000_000_000;
/// Bytes of fragments that one shard of the conversations holds; the oldest datagrams are given up first.
const MAX_BYTES: usize = 4 << 20;
/// Datagrams that one shard of the conversations holds.
const MAX_DATAGRAMS: usize = 4096;
/// The largest datagram there can be, headers aside.
const MAX_DATAGRAM: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FragmentKey {
    src: Address,
    dst: Address,
    vlan: VlanStack,
    identification: u32,
    /// IPv4 tells datagrams of several protocols apart; later IPv6 fragments do not know theirs.
    protocol: u8,
    is_v6: bool,
}

impl FragmentKey {
    fn of(packet: &Dissected<'_>, fragment: FragmentFacts) -> Self {
        Self {
            src: packet.src,
            dst: packet.dst,
            vlan: packet.vlan,
            identification: fragment.identification,
            protocol: if fragment.is_v6 { 0 } else { fragment.protocol },
            is_v6: fragment.is_v6,
        }
    }
}

/// A fragment before its first one: everything that counting needs.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) frame: FrameFacts,
    pub(crate) header: Header,
    key: FragmentKey,
}

/// A dissected frame without its payload.
pub(crate) type Header = Dissected<'static>;

#[derive(Debug, Default)]
struct Datagram {
    /// Whole runs of bytes, by offset, not touching each other.
    runs: Vec<(usize, Vec<u8>)>,
    /// Length, from the last fragment.
    length: Option<usize>,
    bytes: usize,
    first: Option<Header>,
    /// The frames that brought its pieces, for the encoding to count.
    frames: Vec<FrameFacts>,
    newest: Option<Timestamp>,
    /// Order of arrival, for giving up the oldest.
    serial: u64,
    /// Snap length or a bound has cut it: it will never be whole.
    is_spoilt: bool,
}

/// What a fragment led to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its first fragment has not come yet: nothing is to be counted now.
    Wait,
    /// The frame counts for the flow of `header`, and the datagram is not whole yet.
    Part(Header),
    /// The frame counts for the flow of `header`, and completes the datagram.
    Whole(Header, Vec<u8>, Vec<FrameFacts>),
}

/// The fragments of one shard of the conversations.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    datagrams: HashMap<FragmentKey, Datagram, foldhash::fast::RandomState>,
    waiting: VecDeque<Waiting>,
    order: VecDeque<(FragmentKey, u64)>,
    bytes: usize,
    serial: u64,
    /// Datagrams that were given up before they were whole.
    pub(crate) given_up: u64,
}

impl Fragments {
    /// Whether nothing is held.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a fragment. `released` receives the fragments that waited for this first one.
    pub(crate) fn push(
        &mut self,
        packet: &Dissected<'_>,
        frame: FrameFacts,
        released: &mut Vec<Waiting>,
    ) -> Option<Outcome> {
        let fragment = packet.fragment?;
        let key = FragmentKey::of(packet, fragment);
        let header = Dissected { payload: &[], ..*packet };
        let now = frame.at.time;
        let stale = self.datagrams.get(&key).is_some_and(|datagram| {
            now.zip(datagram.newest).is_some_and(|(now, newest)| now.since(newest) > AGE_NS)
                || (fragment.offset == 0 && datagram.first.is_some() && datagram.is_whole_or_repeated(packet))
        });
        if stale {
            self.give_up(&key);
        }
        self.shorten_order();
        let serial = self.serial;
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            self.order.push_back((key, serial));
            Datagram { serial, ..Datagram::default() }
        });
        self.serial += 1;
        datagram.newest = now.or(datagram.newest);
        let is_first = fragment.offset == 0;
        if is_first && datagram.first.is_none() {
            datagram.first = Some(header);
            if !datagram.frames.is_empty() {
                let (mine, rest) = self.waiting.drain(..).partition(|waiting| waiting.key == key);
                self.waiting = rest;
                released.extend::<VecDeque<_>>(mine);
            }
        }
        if !datagram.is_spoilt {
            datagram.frames.push(frame);
        }
        let before = datagram.bytes;
        datagram.add(fragment.offset as usize, packet.payload, fragment.more, packet.missing);
        self.bytes = self.bytes + datagram.bytes - before;
        let Some(first) = datagram.first else {
            self.waiting.push_back(Waiting { frame, header, key });
            self.enforce_bounds();
            return Some(Outcome::Wait);
        };
        let first = Dissected { ip: packet.ip.or(first.ip), ..first };
        let outcome = match datagram.take_whole() {
            Some(bytes) => {
                let frames = std::mem::take(&mut datagram.frames);
                self.bytes -= datagram.bytes.min(self.bytes);
                datagram.bytes = 0;
                // kept without bytes, so that a fragment that comes again still finds its flow
                datagram.is_spoilt = true;
                Outcome::Whole(first, bytes, frames)
            }
            None => Outcome::Part(first),
        };
        self.enforce_bounds();
        Some(outcome)
    }

    /// Removes the entries of datagrams that are gone, which a sender of few identifications leaves behind.
    fn shorten_order(&mut self) {
        if self.order.len() > 2 * self.datagrams.len() + MAX_DATAGRAMS {
            let datagrams = &self.datagrams;
            self.order.retain(|(key, serial)| datagrams.get(key).is_some_and(|datagram| datagram.serial == *serial));
        }
    }

    fn enforce_bounds(&mut self) {
        while self.bytes > MAX_BYTES || self.datagrams.len() > MAX_DATAGRAMS {
            let Some((key, serial)) = self.order.pop_front() else { break };
            if self.datagrams.get(&key).is_some_and(|datagram| datagram.serial == serial) {
                self.give_up(&key);
            }
        }
    }

    fn give_up(&mut self, key: &FragmentKey) {
        if let Some(datagram) = self.datagrams.remove(key) {
            self.bytes -= datagram.bytes.min(self.bytes);
            self.given_up += u64::from(!datagram.is_spoilt);
        }
    }

    /// The next fragment that has waited long enough at `now`; at the end of the capture (`None`) all of them.
    pub(crate) fn expired(&mut self, now: Option<Timestamp>) -> Option<Waiting> {
        let first = self.waiting.front()?;
        let is_due = match (now, first.frame.at.time) {
            (None, _) => true,
            _ if self.waiting.len() > MAX_DATAGRAMS => true,
            (Some(now), Some(then)) => now.since(then) > AGE_NS,
            (Some(_), None) => false,
        };
        is_due.then(|| self.waiting.pop_front()).flatten()
    }

    /// Fragments that wait for the first one of their datagram.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Datagrams that are not whole.
    pub(crate) fn unfinished(&self) -> u64 {
        self.datagrams.values().filter(|datagram| !datagram.is_spoilt).count() as u64 + self.given_up
    }
}

impl Datagram {
    /// Whether another first fragment begins another datagram with the same identification.
    fn is_whole_or_repeated(&self, packet: &Dissected<'_>) -> bool {
        self.is_spoilt && self.runs.is_empty() && !packet.payload.is_empty()
    }

    /// Adds a piece. Bytes that are there already stay as they are.
    fn add(&mut self, offset: usize, piece: &[u8], more: bool, missing: usize) {
        let end = offset + piece.len();
        if missing > 0 || end > MAX_DATAGRAM {
            self.is_spoilt = true;
        }
        if !more && self.length.is_none() {
            self.length = Some(end);
        }
        if self.is_spoilt {
            return;
        }
        let mut at = offset;
        let mut place = self.runs.partition_point(|(start, run)| start + run.len() < offset);
        while at < end {
            match self.runs.get_mut(place) {
                // touches or covers: append what goes beyond, up to the next run
                Some((start, run)) if *start <= at => {
                    let run_end = *start + run.len();
                    at = at.max(run_end);
                    let limit = self.runs.get(place + 1).map_or(end, |(next, _)| end.min(*next));
                    if at < limit
                        && let Some((_, run)) = self.runs.get_mut(place)
                    {
                        run.extend_from_slice(piece.get(at - offset..limit - offset).unwrap_or_default());
                        self.bytes += limit - at;
                        at = limit;
                    }
                    self.join(place);
                    if at < end && self.runs.get(place).is_some_and(|(start, run)| start + run.len() <= at) {
                        place += 1;
                    }
                }
                following => {
                    let limit = following.map_or(end, |(next, _)| end.min(*next));
                    self.runs.insert(place, (at, piece.get(at - offset..limit - offset).unwrap_or_default().to_vec()));
                    self.bytes += limit - at;
                    at = limit;
                    self.join(place);
                }
            }
        }
    }

    /// Joins a run with its successor where they touch.
    fn join(&mut self, place: usize) {
        let Some((start, run)) = self.runs.get(place) else { return };
        if self.runs.get(place + 1).is_some_and(|(next, _)| *next == start + run.len()) {
            let (_, tail) = self.runs.remove(place + 1);
            if let Some((_, run)) = self.runs.get_mut(place) {
                run.extend_from_slice(&tail);
            }
        }
    }

    fn take_whole(&mut self) -> Option<Vec<u8>> {
        let is_whole = matches!(self.runs.as_slice(), [(0, run)] if Some(run.len()) == self.length);
        (is_whole && !self.is_spoilt).then(|| self.runs.pop().map(|(_, run)| run)).flatten()
    }
}

#[cfg(test)]
mod tests;
