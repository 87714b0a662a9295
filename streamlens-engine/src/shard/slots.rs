//! The flows of a shard. A flow keeps its place for as long as it lives; the places of flows that ended are used again.

use crate::chunked_vec::ChunkedVec;
use crate::flow::FlowEntry;

/// Flows by their place.
#[derive(Default)]
pub(crate) struct FlowList {
    slots: ChunkedVec<FlowEntry, 64>,
    /// Places without a flow, the last to be used again first.
    vacant: Vec<u32>,
}

impl FlowList {
    /// Adds a flow and returns its place.
    pub(crate) fn push(&mut self, mut flow: FlowEntry) -> usize {
        let Some(place) = self.vacant.pop() else { return self.slots.push(flow) };
        if let Some(slot) = self.slots.get_mut(place as usize) {
            flow.generation = slot.generation + 1;
            *slot = flow;
        }
        place as usize
    }

    /// The flow at a place that has one.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&FlowEntry> {
        self.slots.get(place)
    }

    /// The flow at a place that has one, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut FlowEntry> {
        self.slots.get_mut(place)
    }

    /// Number of flows.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// The flows with their places, in the order of these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &FlowEntry)> {
        (0..).zip(self.slots.iter()).filter(|(_, flow)| !flow.is_vacant)
    }

    /// The flows, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut FlowEntry> {
        self.slots.iter_mut().filter(|flow| !flow.is_vacant)
    }

    /// Takes a flow out; `None` where there is none.
    pub(crate) fn remove(&mut self, place: u32) -> Option<FlowEntry> {
        let slot = self.slots.get_mut(place as usize).filter(|slot| !slot.is_vacant)?;
        let vacant = FlowEntry::vacant(slot);
        self.vacant.push(place);
        Some(std::mem::replace(slot, vacant))
    }

    /// Takes all flows out, and keeps some of their memory.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.vacant.clear();
    }
}
