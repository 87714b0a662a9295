//! All flows of an engine, as a result sees them: those of the flow tables as they are, deferred ones decoded some at a time.

use smallvec::SmallVec;
use streamlens_model::row::FlowId;
use streamlens_model::{FlowKey, Timestamp};
use streamlens_registry::DecoderIndex;

use super::Lobby;
use super::arena::{FIRST_LINES, Headers, LATER_LINES};
use super::header::FrameHeader;
use crate::dissect::{Dissected, dissect};
use crate::flow::FlowEntry;
use crate::look::id_of;
use crate::shard::Shard;
use crate::work::{Conversations, Settings};

/// Flows that are decoded before these are shown. To decode one takes about as many instructions as a processor's nearest cache
/// holds, and so does what is made of it: each of them has to be fetched again for every flow where the two are done in turn
/// (eight together take 0.9 of the time).
pub(crate) const TOGETHER: usize = 8;

/// Says which flow is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FlowHandle {
    shard: u16,
    index: u32,
    is_deferred: bool,
}

impl FlowHandle {
    /// The identifier of the flow, of this generation. Deferred flows are only met in files, where no place is used again:
    /// they have a generation of their own.
    pub(crate) fn flow_id(self, generation: u32) -> FlowId {
        let generation = if self.is_deferred { u32::MAX } else { generation };
        id_of(usize::from(self.shard), self.index, generation)
    }

    /// The handle as a number of at most 48 bits.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.shard) << 33 | u64::from(self.is_deferred) << 32 | u64::from(self.index)
    }

    /// The handle of a flow of a table.
    pub(crate) fn resident(shard: usize, index: u32) -> Self {
        Self { shard: shard as u16, index, is_deferred: false }
    }

    /// Number of the shard, and index of the flow in its table.
    pub(crate) fn position(self) -> (usize, u32) {
        (usize::from(self.shard), self.index)
    }

    /// The handle that has these [bits](Self::to_bits).
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { shard: (bits >> 33) as u16, index: bits as u32, is_deferred: bits >> 32 & 1 == 1 }
    }
}

/// A flow that is shown.
#[derive(Clone, Copy)]
pub(crate) struct VisitedFlow<'s> {
    pub(crate) handle: FlowHandle,
    pub(crate) flow: &'s FlowEntry,
    /// The monitors of its conversations.
    pub(crate) conversations: &'s Conversations,
}

/// What flows are ordered by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlowFigures {
    pub(crate) first_seen: Option<Timestamp>,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl FlowFigures {
    pub(crate) fn of(flow: &FlowEntry) -> Self {
        let (packets, bytes) = (flow.packets(), flow.bytes());
        Self { first_seen: flow.first_seen, last_seen: flow.last_seen, packets, bytes }
    }

    /// Adds a frame of a deferred flow: all of these are whole packets.
    fn add(&mut self, header: &FrameHeader) {
        self.packets += 1;
        self.bytes += u64::from(header.original_length);
        self.first_seen = self.first_seen.into_iter().chain(header.time).min();
        self.last_seen = self.last_seen.max(header.time);
    }
}

/// Where the flows of a few handles are decoded; kept for its memory.
#[derive(Default)]
pub(crate) struct ScratchShard {
    shard: Shard,
    buffer: Vec<u8>,
}

/// All flows of an engine.
#[derive(Clone, Copy)]
pub(crate) struct FlowStore<'e> {
    pub(crate) shards: &'e [Shard],
    pub(crate) env: Settings<'e>,
    /// Whether nothing more will come: young flows are then identified by what there is of them.
    pub(crate) is_final: bool,
}

impl<'e> FlowStore<'e> {
    /// Number of flows.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(Shard::flow_count).sum()
    }

    /// The handles of all flows, in no particular order.
    pub(crate) fn handles(&self) -> Vec<FlowHandle> {
        let mut handles = Vec::with_capacity(self.len());
        for (shard, state) in (0..).zip(self.shards) {
            let resident = state.flows.iter().map(|(index, _)| (index, false));
            let deferred = state.lobby.indices().map(|index| (index, true));
            let both = resident.chain(deferred);
            handles.extend(both.map(|(index, is_deferred)| FlowHandle { shard, index, is_deferred }));
        }
        handles
    }

    /// The flows of which `wants` may say that they are worth a visit: it gets the number of frames, and a bit for each decoder
    /// (of the first 64) that the flow may have. What need not be decoded is always worth one.
    pub(crate) fn worth_visiting(&self, wants: impl Fn(u64, u64) -> bool) -> Vec<FlowHandle> {
        let deferrable = (0..64).filter(|&index| self.env.registry.is_deferrable(DecoderIndex(index)));
        let decoders = deferrable.fold(0, |all, index| all | 1 << index);
        let mut handles = self.handles();
        handles.retain(|handle| match self.deferred(*handle) {
            Some((lobby, index)) => wants(lobby.frame_count(index).into(), decoders),
            None => true,
        });
        handles
    }

    /// The key of a flow.
    pub(crate) fn key(&self, handle: FlowHandle) -> FlowKey {
        let Some((lobby, index)) = self.deferred(handle) else {
            return self.resident(handle).map(|(_, flow)| flow.key).unwrap_or_default();
        };
        let Some(frame) = lobby.first(index) else { return FlowKey::default() };
        let mut packet = Dissected::new(&frame);
        dissect(&frame, &mut packet).map(|()| packet.flow_key()).unwrap_or_default()
    }

    /// The figures of flows, which need not be decoded for that. Where `first_frame` says that the time at which they were
    /// first seen is all that is asked for, the rest may be less than it is.
    pub(crate) fn figures(&self, handles: &[FlowHandle], first_frame: bool) -> Vec<(FlowHandle, FlowFigures)> {
        let is_brief = first_frame && self.shards.iter().all(|shard| shard.lobby.arena.begins_with_earliest());
        let depth = if is_brief { 1 } else { usize::MAX };
        let mut deferred =
            self.side_by_side(handles, depth, |figures: &mut FlowFigures, header| figures.add(header)).into_iter();
        let figures = |handle| match self.resident(handle) {
            Some((_, flow)) => Some((handle, FlowFigures::of(flow))),
            None => deferred.next().map(|figures| (handle, figures)),
        };
        handles.iter().copied().filter_map(figures).collect()
    }

    /// Calls `see` with flows, some at a time. Deferred ones are decoded in `scratch` for that.
    pub(crate) fn visit(
        &self,
        scratch: &mut ScratchShard,
        handles: &[FlowHandle],
        mut see: impl FnMut(&[VisitedFlow<'_>]),
    ) {
        for handles in handles.chunks(TOGETHER) {
            self.prefetch(handles);
            let mut decoded = self.decode(scratch, handles).into_iter();
            let visited = handles.iter().filter_map(|&handle| {
                let (shard, flow) = match self.deferred(handle) {
                    Some(_) => (&scratch.shard, scratch.shard.flows.get(decoded.next()??)?),
                    None => self.resident(handle)?,
                };
                Some(VisitedFlow { handle, flow, conversations: &shard.conversations })
            });
            see(&visited.collect::<SmallVec<[_; TOGETHER]>>());
        }
    }

    /// Decodes the deferred flows among these in place of what `scratch` held, and returns where they are there.
    fn decode(&self, scratch: &mut ScratchShard, handles: &[FlowHandle]) -> SmallVec<[Option<usize>; TOGETHER]> {
        let ScratchShard { shard, buffer } = scratch;
        shard.clear();
        let deferred = handles.iter().filter_map(|&handle| self.deferred(handle));
        let decoded = deferred.map(|(lobby, index)| {
            let next = shard.flows.len();
            lobby.frames(index, buffer, |frame| shard.process(self.env, frame));
            (next < shard.flows.len()).then_some(next)
        });
        let decoded = decoded.collect();
        if self.is_final {
            shard.finish(self.env);
        }
        decoded
    }

    fn prefetch(&self, handles: &[FlowHandle]) {
        self.side_by_side(handles, usize::MAX, |(), _| {});
    }

    /// Goes through the headers of deferred flows, `depth` of each, and returns what `see` has made of those of each flow. A frame
    /// says where the one before it lies, which has to be waited for: so one frame of each flow is read before the next of any,
    /// and these misses overlap.
    fn side_by_side<T: Default>(
        &self,
        handles: &[FlowHandle],
        depth: usize,
        mut see: impl FnMut(&mut T, &FrameHeader),
    ) -> Vec<T> {
        let deferred = handles.iter().filter_map(|&handle| self.deferred(handle));
        let mut walks: Vec<_> = deferred.map(|(lobby, index)| (lobby.headers(index), T::default())).collect();
        walks.iter().for_each(|(headers, _)| headers.prefetch::<FIRST_LINES>());
        for _ in 0..depth {
            let mut is_over = true;
            for (headers, seen) in &mut walks {
                if let Some((header, _)) = headers.next() {
                    see(seen, &header);
                    is_over = false;
                }
            }
            if is_over {
                break;
            }
            walks.iter().for_each(|(headers, _)| Headers::prefetch::<LATER_LINES>(headers));
        }
        walks.into_iter().map(|(_, seen)| seen).collect()
    }

    fn deferred(&self, handle: FlowHandle) -> Option<(&'e Lobby, u32)> {
        let shard = self.shards.get(usize::from(handle.shard)).filter(|_| handle.is_deferred)?;
        Some((&shard.lobby, handle.index))
    }

    /// The flow of a table, with its shard; `None` where it is deferred.
    pub(crate) fn resident(&self, handle: FlowHandle) -> Option<(&'e Shard, &'e FlowEntry)> {
        let shard = self.shards.get(usize::from(handle.shard)).filter(|_| !handle.is_deferred)?;
        Some((shard, shard.flows.get(handle.index as usize)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_from_its_bits() {
        for (shard, index, is_deferred) in [(63, 7, true), (255, u32::MAX, false), (1, 0, true), (0, 0, false)] {
            let handle = FlowHandle { shard, index, is_deferred };
            assert_eq!(FlowHandle::from_bits(handle.to_bits()), handle);
            assert!(handle.to_bits() < 1 << 48);
        }
    }
}
