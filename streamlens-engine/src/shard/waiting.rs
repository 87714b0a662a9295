//! Flows that wait: their frames are decoded when more come than may wait, when a result is made, or to show what they hold.

use smallvec::SmallVec;
use streamlens_model::{Frame, Packet};

use super::Shard;
use super::table::HELD;
use crate::dissect::{Dissected, dissect};
use crate::flow::{FlowEntry, FrameFacts};
use crate::held::HeldFlows;
use crate::key::PackedKey;
use crate::work::Env;

/// Flows that are decoded before these are shown. To decode one takes about as many instructions as a processor's nearest cache
/// holds, and so does what is made of it: each of them has to be fetched again for every flow where the two are done in turn.
pub(crate) const TOGETHER: usize = 8;

impl Shard {
    /// A share that shows flows of others.
    pub(crate) fn for_replay() -> Self {
        Self { is_replay: true, ..Self::default() }
    }

    /// Decodes the frames of a flow that waits, and gives its place among the others.
    pub(super) fn release(&mut self, env: Env<'_>, waiting: usize) -> Option<usize> {
        let (held, mut room) = (std::mem::take(&mut self.held), std::mem::take(&mut self.room));
        let mut place = None;
        held.frames(waiting, &mut room, |frame| {
            let mut packet = Dissected::new(frame);
            // they were dissected before
            if dissect(frame, &mut packet).is_ok() {
                let new = || FlowEntry::new(PackedKey::of(&packet), &packet, frame.number);
                let place = *place.get_or_insert_with(|| self.flows.push(new()));
                self.whole(env, place, &packet, FrameFacts::of(frame), &[]);
            }
        });
        (self.held, self.room) = (held, room);
        let hash = self.held.key(waiting).map(|key| key.hash(&self.seeds));
        if let (Some(hash), Some(place)) = (hash, place) {
            self.index.replace(hash, waiting as u32 | HELD, place as u32);
        }
        self.held.release(waiting);
        place
    }

    /// Decodes all flows that wait.
    pub(crate) fn release_all(&mut self, env: Env<'_>) {
        let waiting: Vec<_> = self.held.places().collect();
        waiting.into_iter().for_each(|place| {
            self.release(env, place);
        });
    }

    /// Decodes flows that wait in other shares, in place of what was here. Gives their places here, in the same order.
    pub(crate) fn replay<'h>(
        &mut self,
        env: Env<'_>,
        waiting: impl Iterator<Item = (&'h HeldFlows, usize)>,
    ) -> SmallVec<[Option<usize>; TOGETHER]> {
        self.index.clear();
        self.flows.clear();
        self.repeats.clear();
        self.outbox.clear();
        let mut room = std::mem::take(&mut self.room);
        let mut replay = |(held, place): (&HeldFlows, usize)| {
            let next = self.flows.len();
            held.frames(place, &mut room, |frame| self.frame(env, frame));
            (next < self.flows.len()).then_some(next)
        };
        let places = waiting.map(&mut replay).collect();
        self.room = room;
        self.finish(env);
        places
    }
}

/// Whether a frame may be decoded later than those of other flows.
pub(super) fn may_wait(env: Env<'_>, dissected: &Dissected<'_>, frame: &Frame<'_>) -> bool {
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
