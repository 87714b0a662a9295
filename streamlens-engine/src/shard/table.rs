//! Where the flows of a shard are found, made, and let go.

use super::Shard;
use crate::dissect::{Dissected, NotInFlow};
use crate::flow::FlowEntry;
use crate::key::PackedKey;
use crate::work::Settings;

impl Shard {
    /// The place of a packet's flow, whose frames count now; made where it is new and there is room.
    pub(super) fn place(&mut self, env: Settings<'_>, packet: &Dissected<'_>, frame: u64) -> Option<usize> {
        let key = PackedKey::of(packet);
        let hash = key.hash(&self.seeds);
        if let Some(place) = self.find(hash, &key) {
            return Some(place as usize);
        }
        match self.lobby.find(hash, &key) {
            Some(deferred) => self.let_through(env, hash, deferred),
            None => self.add(env, (hash, key), packet, frame),
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &PackedKey) -> Option<u32> {
        self.index.find(hash, |place| self.flows.get(place as usize).is_some_and(|flow| flow.packed == *key))
    }

    /// Flows, deferred ones among them.
    pub(crate) fn flow_count(&self) -> usize {
        self.flows.len() + self.lobby.len()
    }

    pub(super) fn has_room(&self, env: Settings<'_>) -> bool {
        !self.is_closed && self.flow_count() < env.options.max_flows
    }

    /// Makes a flow with a key and its hash, where there is room.
    pub(super) fn add(
        &mut self,
        env: Settings<'_>,
        (hash, key): (u64, PackedKey),
        packet: &Dissected<'_>,
        frame: u64,
    ) -> Option<usize> {
        if !self.has_room(env) {
            return None;
        }
        Some(self.insert((hash, key), packet, frame))
    }

    /// Makes a flow with a key and its hash, which counts among those that have room already.
    pub(super) fn insert(&mut self, (hash, key): (u64, PackedKey), packet: &Dissected<'_>, frame: u64) -> usize {
        let place = self.flows.push(FlowEntry::new(key, packet, frame));
        self.index.insert(hash, place as u32);
        place
    }

    /// Numbers of the frames that made the flows.
    pub(crate) fn created(&self) -> impl Iterator<Item = u64> {
        self.flows.iter().map(|(_, flow)| flow.created).chain(self.lobby.created())
    }

    /// Takes out the flows that were made from this frame on, and counts their frames as finding no room.
    pub(crate) fn drop_since(&mut self, frame: u64) {
        let young = self.flows.iter().filter(|(_, flow)| flow.created >= frame).map(|(place, _)| place);
        for place in young.collect::<Vec<_>>().into_iter().rev() {
            if let Some(flow) = self.end_flow(place) {
                self.not_in_flow(NotInFlow::TableFull, flow.packets());
            }
        }
        let frames = self.lobby.drop_since(frame, |key| key.hash(&self.seeds));
        if frames > 0 {
            self.not_in_flow(NotInFlow::TableFull, frames);
        }
        self.header_cache.clear();
    }

    /// Takes a flow out of the table. What repeats its headers is looked up again; the caller clears that.
    pub(super) fn remove(&mut self, place: u32) -> Option<FlowEntry> {
        let flow = self.flows.remove(place)?;
        self.index.remove(flow.packed.hash(&self.seeds), place);
        Some(flow)
    }
}
