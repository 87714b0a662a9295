//! Properties of a flow that hold for many frames and change now and then.

use streamlens_model::stats::RunLength;
use streamlens_model::{Address, Change, MacAddress, MacPair, TrafficType};

use crate::dissect::Dissected;

/// Changes of one property that are kept.
const MAX_CHANGES: usize = 16;

/// A property with the changes it went through.
#[derive(Clone, Debug, Default)]
struct Tracked<T> {
    now: Option<Change<T>>,
    before: Vec<Change<T>>,
    not_kept: u64,
}

impl<T: Copy + PartialEq> Tracked<T> {
    fn note(&mut self, value: T, since_frame: u64, packets: u64) {
        match &mut self.now {
            Some(now) if now.value == value => now.packets += packets,
            now => {
                if let Some(old) = now.replace(Change { value, since_frame, packets }) {
                    if self.before.len() < MAX_CHANGES {
                        self.before.push(old);
                    } else {
                        self.not_kept += 1;
                    }
                }
            }
        }
    }

    fn list(&self) -> Vec<Change<T>> {
        self.before.iter().chain(&self.now).copied().collect()
    }
}

/// Link-layer addresses, DSCP and TTL of a flow.
///
/// All of them together are a few bytes that hardly ever change, so the packet path compares them as one and counts;
/// what that count stands for is given to the properties when one of them changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkProperties {
    /// The current value; frames that repeat it are not in `changes` yet, nor is the first of them.
    run: RunLength<PropertySet>,
    /// The first frame of the run.
    run_from: u64,
    /// How often the value has changed.
    epoch: u64,
    changes: Option<Box<Changes>>,
    /// To how many receivers the link says that frames went, of all frames the most.
    link_cast: Option<TrafficType>,
}

/// The properties of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct PropertySet {
    macs: (Option<MacAddress>, Option<MacAddress>),
    ip: Option<(u8, u8)>,
    link_cast: Option<TrafficType>,
}

/// The properties one by one; only flows in which one has changed have them.
#[derive(Clone, Debug, Default)]
struct Changes {
    macs: Tracked<MacPair>,
    dscp: Tracked<u8>,
    ttl: Tracked<u8>,
}

impl Changes {
    fn note(&mut self, word: &PropertySet, since_frame: u64, packets: u64) {
        let PropertySet { macs: (src, dst), ip, .. } = *word;
        if src.is_some() || dst.is_some() {
            self.macs.note(MacPair { src, dst }, since_frame, packets);
        }
        if let Some((dscp, ttl)) = ip {
            self.dscp.note(dscp, since_frame, packets);
            self.ttl.note(ttl, since_frame, packets);
        }
    }
}

impl LinkProperties {
    /// Records the properties of a frame.
    pub(crate) fn note(&mut self, packet: &Dissected<'_>, frame: u64) {
        let (macs, ip) = ((packet.src_mac, packet.dst_mac), packet.ip.map(|ip| (ip.dscp, ip.ttl)));
        let word = PropertySet { macs, ip, link_cast: packet.link_cast };
        if !self.run.repeats(&word) {
            self.change(word, frame);
        }
    }

    /// Counts a frame whose properties are those that were noted when the [epoch](Self::epoch) was this. Says whether it
    /// still is: else the properties have to be noted.
    #[inline]
    pub(crate) fn note_again(&mut self, epoch: u64) -> bool {
        let is_now = self.epoch == epoch;
        if is_now {
            self.run.repeat();
        }
        is_now
    }

    /// A number that is another one whenever a property has changed.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    #[cold]
    fn change(&mut self, word: PropertySet, frame: u64) {
        if let Some((before, repeats)) = self.run.replace(Some(word)) {
            self.changes.get_or_insert_default().note(&before, self.run_from, repeats + 1);
        }
        self.run_from = frame;
        self.epoch += 1;
        let by_address = word.macs.1.filter(|mac| mac.is_broadcast()).map(|_| TrafficType::Broadcast);
        self.link_cast = self.link_cast.max(by_address).max(word.link_cast);
    }

    /// Whether frames of a flow to this address went to one receiver, to a group, or to all; `None` where neither the link nor
    /// the address says so.
    pub(crate) fn cast(&self, to: Address) -> Option<TrafficType> {
        match (self.link_cast, to) {
            (Some(TrafficType::Broadcast), _) | (_, Address::None) => self.link_cast,
            _ => Some(to.traffic_type()),
        }
    }

    /// All properties with their changes so far.
    pub(crate) fn lists(&self) -> PropertyHistory {
        let mut settled = self.changes.as_deref().cloned().unwrap_or_default();
        if let Some((now, repeats)) = self.run.run() {
            settled.note(&now, self.run_from, repeats + 1);
        }
        let Changes { macs, dscp, ttl } = settled;
        let not_kept = macs.not_kept + dscp.not_kept + ttl.not_kept;
        PropertyHistory { macs: macs.list(), dscp: dscp.list(), ttl: ttl.list(), not_kept }
    }
}

/// The properties of a flow with their changes.
pub(crate) struct PropertyHistory {
    pub(crate) macs: Vec<Change<MacPair>>,
    pub(crate) dscp: Vec<Change<u8>>,
    pub(crate) ttl: Vec<Change<u8>>,
    /// Changes that found no room.
    pub(crate) not_kept: u64,
}
