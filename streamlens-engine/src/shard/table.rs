//! Where the flows of a share are found, made, and let go.

use super::{FlowList, Shard};
use crate::dissect::{Aside, Dissected};
use crate::flow::FlowEntry;
use crate::held::HeldFlows;
use crate::key::PackedKey;
use crate::route::SHARES;
use crate::work::Env;

/// Marks the places of flows that wait. There is no room for so many flows.
pub(super) const HELD: u32 = 1 << 31;
/// With more decoders than this no flow waits: which of them a flow has is remembered in as many bits.
const MOST_DECODERS: usize = 64;

impl Shard {
    /// The place of a packet's flow; made where it is new and there is room.
    pub(super) fn place(&mut self, env: Env<'_>, packet: &Dissected<'_>, frame: u64) -> Option<usize> {
        let key = PackedKey::of(packet);
        let hash = key.hash(&self.seeds);
        match self.find(hash, &key) {
            Some(place) if place & HELD == 0 => Some(place as usize),
            Some(held) => self.release(env, (held & !HELD) as usize),
            None => self.add(env, (hash, key), packet, frame),
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &PackedKey) -> Option<u32> {
        self.index.find(hash, |place| key_at(&self.flows, &self.held, place) == Some(key))
    }

    /// Flows, those that wait among them.
    pub(crate) fn flow_count(&self) -> usize {
        self.flows.len() + self.held.count()
    }

    pub(super) fn has_room(&self, env: Env<'_>) -> bool {
        !self.is_closed && self.flow_count() < env.options.max_flows
    }

    pub(super) fn is_crowded(&self, env: Env<'_>) -> bool {
        self.flow_count() >= env.options.crowded_from / SHARES && !self.is_replay && env.registry.len() <= MOST_DECODERS
    }

    /// Makes a flow with a key and its hash, where there is room.
    pub(super) fn add(
        &mut self,
        env: Env<'_>,
        (hash, key): (u64, PackedKey),
        packet: &Dissected<'_>,
        frame: u64,
    ) -> Option<usize> {
        if !self.has_room(env) {
            return None;
        }
        let place = self.flows.push(FlowEntry::new(key, packet, frame));
        self.index.insert(hash, place as u32);
        Some(place)
    }

    /// Numbers of the frames that made the flows.
    pub(crate) fn created(&self) -> impl Iterator<Item = u64> {
        let held = self.held.places().map(|place| self.held.created(place));
        self.flows.iter().map(|(_, flow)| flow.created).chain(held)
    }

    /// Takes out the flows that were made from this frame on, and counts their frames as finding no room.
    pub(crate) fn drop_since(&mut self, frame: u64) {
        let young = self.flows.iter().filter(|(_, flow)| flow.created >= frame).map(|(place, _)| place);
        for place in young.collect::<Vec<_>>().into_iter().rev() {
            if let Some(flow) = self.end_flow(place) {
                self.aside(Aside::TableFull, flow.packets());
            }
        }
        let waiting: Vec<_> = self.held.places().filter(|&place| self.held.created(place) >= frame).collect();
        for place in waiting {
            let hash = self.held.key(place).map_or(0, |key| key.hash(&self.seeds));
            self.index.remove(hash, place as u32 | HELD);
            self.aside(Aside::TableFull, self.held.frame_count(place));
            self.held.release(place);
        }
        self.repeats.clear();
    }

    /// Takes a flow out of the table. What repeats its headers is looked up again; the caller clears that.
    pub(super) fn remove(&mut self, place: u32) -> Option<FlowEntry> {
        let flow = self.flows.remove(place)?;
        self.index.remove(flow.packed.hash(&self.seeds), place);
        Some(flow)
    }
}

/// The key of the flow at a place of the table.
#[inline]
pub(super) fn key_at<'s>(flows: &'s FlowList, held: &'s HeldFlows, place: u32) -> Option<&'s PackedKey> {
    if place & HELD == 0 {
        flows.get(place as usize).map(|flow| &flow.packed)
    } else {
        held.key((place & !HELD) as usize)
    }
}
