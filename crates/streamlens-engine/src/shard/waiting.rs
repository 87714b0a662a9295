//! Flows that wait: their frames are decoded when more come than may wait, when a result is made, or to show what they hold.

use streamlens_model::{Frame, Packet};

use super::Shard;
use super::table::HELD;
use crate::dissect::{Dissected, dissect};
use crate::flow::{FlowEntry, FrameFacts};
use crate::held::HeldFlows;
use crate::key::PackedKey;
use crate::work::Env;

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
                self.whole(env, place, &packet, &[FrameFacts::of(frame)]);
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

    /// Decodes a flow that waits in another share, and shows it as it would be in the end.
    pub(crate) fn replay<R>(
        &mut self,
        env: Env<'_>,
        held: &HeldFlows,
        place: usize,
        see: impl FnOnce(&Self, &FlowEntry) -> R,
    ) -> Option<R> {
        self.index.clear();
        self.flows.clear();
        self.repeats.clear();
        self.outbox.clear();
        let mut room = std::mem::take(&mut self.room);
        held.frames(place, &mut room, |frame| self.frame(env, frame));
        self.room = room;
        self.finish(env);
        Some(see(self, self.flows.get(0)?))
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
