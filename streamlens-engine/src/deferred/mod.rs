//! Deferred flows: flows of few frames, kept as these frames.
//!
//! Where a capture has very many flows, most of them have so few frames that these take less memory than all that would be
//! known of them. So from a number of flows on a shard's [`Lobby`] keeps the frames of new flows, in front of its flow table,
//! and lets them through when more come than it may keep. The rest is decoded when a result is made, some flows at a time, by
//! the [`FlowStore`](store::FlowStore), in the same small memory. The result is the same. What is in this folder takes half of the time and a
//! third of the memory for four million frames of 0.8 million flows, and nothing outside knows of it.

mod arena;
mod differences;
mod header;
pub(crate) mod store;

use streamlens_model::{Frame, Packet};
use streamlens_registry::DecoderRegistry;

use self::arena::{Arena, Chain, FIRST_LINES, Headers};
use crate::chunked_vec::ChunkedVec;
use crate::dissect::Dissected;
use crate::index::Index;
use crate::key::PackedKey;
use crate::options::EngineOptions;
use crate::route::SHARD_COUNT;
use crate::work::Settings;

/// With more decoders than this no flow is deferred: which of them a flow may have is kept in as many bits.
const MOST_DECODERS: usize = 64;

/// Keeps the frames of new flows in front of the flow table of a shard.
#[derive(Default)]
pub(crate) struct Lobby {
    /// Flows of the shard, deferred ones among them, from which on new ones are deferred; `None` where none ever is.
    opens_at: Option<usize>,
    index: Index,
    flows: ChunkedVec<DeferredFlow, 256>,
    /// Entries of flows that were let through.
    free_list: Vec<u32>,
    arena: Arena,
    /// Where frames are put together again; kept for its memory.
    buffer: Vec<u8>,
}

/// A deferred flow: one cache line, since every frame of it comes to another place of memory.
#[repr(align(64))]
struct DeferredFlow {
    key: PackedKey,
    /// Without frames where the entry is free.
    chain: Chain,
}

/// What becomes of a frame of a flow that the table doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The lobby keeps it.
    Kept,
    /// It goes on to the flow table, behind the frames of its flow that were kept so far, if any.
    Through(Option<u32>),
}

/// What decides on admission beside the frame.
pub(crate) struct Arrival<'a, 'f> {
    pub(crate) hash: u64,
    pub(crate) key: &'a PackedKey,
    pub(crate) packet: &'a Dissected<'f>,
    /// Number of flows in the table; `None` where it is full.
    pub(crate) resident: Option<usize>,
}

impl Lobby {
    /// The lobby of a shard.
    pub(crate) fn new(options: &EngineOptions, registry: &DecoderRegistry) -> Self {
        let opens_at = (registry.len() <= MOST_DECODERS).then_some(options.defer_above_flows / SHARD_COUNT);
        Self { opens_at, ..Self::default() }
    }

    /// Whether new flows are deferred where so many are in the table.
    #[inline]
    fn is_open(&self, resident: usize) -> bool {
        self.opens_at.is_some_and(|from| resident + self.len() >= from)
    }

    /// Defers no new flow from now on, and returns those there are, each with the hash of its key.
    pub(crate) fn close(&mut self, hash: impl Fn(&PackedKey) -> u64) -> Vec<(u64, u32)> {
        self.opens_at = None;
        let flow = |index| Some((hash(&self.flows.get(index as usize)?.key), index));
        self.indices().filter_map(flow).collect()
    }

    /// Decides whether a frame of a flow that is not in the table is kept.
    pub(crate) fn admit(&mut self, env: Settings<'_>, frame: &Frame<'_>, arrival: &Arrival<'_, '_>) -> Admission {
        let Arrival { hash, key, packet, resident } = *arrival;
        let known = self.find(hash, key);
        let may_be_kept = known.is_some() || resident.is_some_and(|flows| self.is_open(flows));
        let is_kept = may_be_kept
            && is_deferrable(env, packet, frame)
            && match known {
                Some(index) => self.append(index, frame),
                None => self.begin(hash, *key, frame),
            };
        if is_kept { Admission::Kept } else { Admission::Through(known) }
    }

    /// The deferred flow of a key.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &PackedKey) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        self.index.find(hash, |index| self.flows.get(index as usize).is_some_and(|flow| flow.key == *key))
    }

    /// Gives up a flow, and calls `see` with its frames in the order in which they came. `hash` is that of its key.
    pub(crate) fn let_through(&mut self, hash: u64, index: u32, see: impl FnMut(&Frame<'_>)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.frames(index, &mut buffer, see);
        self.buffer = buffer;
        self.remove(hash, index);
    }

    /// Prefetches what the admission of frames whose keys have these hashes reads: separate loops let the misses for index, flows
    /// and frames overlap.
    pub(crate) fn prefetch<const COUNT: usize>(&self, hashes: [Option<u64>; COUNT]) {
        let found = hashes.map(|hash| self.index.find(hash?, |_| true));
        let headers = found.map(|index| Some(self.headers(index?)));
        headers.iter().flatten().for_each(Headers::prefetch::<FIRST_LINES>);
    }

    /// Whether nothing is deferred.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of deferred flows.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.flows.len() - self.free_list.len()
    }

    /// Numbers of the first frames of all.
    pub(crate) fn created(&self) -> impl Iterator<Item = u64> {
        self.indices().map(|index| self.first_number(index))
    }

    /// Gives up the flows that began with this frame or a later one, and returns how many frames they had. `hash` is that of a
    /// key.
    pub(crate) fn drop_since(&mut self, number: u64, hash: impl Fn(&PackedKey) -> u64) -> u64 {
        let dropped: Vec<u32> = self.indices().filter(|&index| self.first_number(index) >= number).collect();
        let mut frames = 0;
        for index in dropped {
            let Some(flow) = self.flows.get(index as usize) else { continue };
            frames += u64::from(flow.chain.frames);
            self.remove(hash(&flow.key), index);
        }
        frames
    }

    fn indices(&self) -> impl Iterator<Item = u32> {
        (0..).zip(self.flows.iter()).filter(|(_, flow)| flow.chain.frames > 0).map(|(index, _)| index)
    }

    fn first(&self, index: u32) -> Option<Frame<'_>> {
        self.arena.first(&self.flows.get(index as usize)?.chain)
    }

    fn first_number(&self, index: u32) -> u64 {
        self.first(index).map_or(0, |frame| frame.number)
    }

    fn frame_count(&self, index: u32) -> u8 {
        self.flows.get(index as usize).map_or(0, |flow| flow.chain.frames)
    }

    #[inline]
    fn headers(&self, index: u32) -> Headers<'_> {
        const NONE: &Chain = &Chain::NONE;
        self.arena.headers(self.flows.get(index as usize).map_or(NONE, |flow| &flow.chain))
    }

    fn frames(&self, index: u32, buffer: &mut Vec<u8>, see: impl FnMut(&Frame<'_>)) {
        if let Some(flow) = self.flows.get(index as usize) {
            self.arena.frames(&flow.chain, buffer, see);
        }
    }

    /// Begins a flow with its first frame; false where that is too long.
    fn begin(&mut self, hash: u64, key: PackedKey, frame: &Frame<'_>) -> bool {
        let mut chain = Chain::NONE;
        if !self.arena.append(&mut chain, frame) {
            return false;
        }
        let flow = DeferredFlow { key, chain };
        let free = self.free_list.pop();
        let index = match free.and_then(|free| self.flows.get_mut(free as usize)) {
            Some(entry) => {
                *entry = flow;
                free.unwrap_or_default()
            }
            None => self.flows.push(flow) as u32,
        };
        self.index.insert(hash, index);
        true
    }

    /// Adds a frame to a flow; false where the bounds of a deferred flow are reached.
    fn append(&mut self, index: u32, frame: &Frame<'_>) -> bool {
        self.flows.get_mut(index as usize).is_some_and(|flow| self.arena.append(&mut flow.chain, frame))
    }

    fn remove(&mut self, hash: u64, index: u32) {
        let Some(flow) = self.flows.get_mut(index as usize).filter(|flow| flow.chain.frames > 0) else { return };
        self.arena.free(&mut flow.chain);
        self.free_list.push(index);
        self.index.remove(hash, index);
    }
}

/// Whether a frame may be decoded later than those of other flows.
fn is_deferrable(env: Settings<'_>, dissected: &Dissected<'_>, frame: &Frame<'_>) -> bool {
    if dissected.tcp.is_some() || !env.options.decode_as.is_empty() {
        return false;
    }
    let packet = Packet {
        frame: frame.number,
        time: frame.time,
        flow: &dissected.flow_key(),
        transport: dissected.transport,
        ether_type: dissected.ether_type,
        wire_length: frame.original_length,
        payload: dissected.payload,
        offset: 0,
        missing: dissected.missing,
        is_stream: false,
    };
    dissected.payload.is_empty() || env.registry.may_wait(&packet)
}

#[cfg(test)]
mod tests;
