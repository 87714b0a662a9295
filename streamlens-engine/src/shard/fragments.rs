//! Frames that are parts of a datagram, and what becomes of them.

use streamlens_model::Timestamp;

use super::Shard;
use crate::dissect::{Dissected, NotInFlow, transport_payload};
use crate::flow::{FrameFacts, Pdus};
use crate::fragments::Outcome;
use crate::work::Settings;

impl Shard {
    /// A frame that counts for a flow and whose payload is not to be looked at (yet).
    pub(super) fn count_part(&mut self, env: Settings<'_>, packet: &Dissected<'_>, frame: FrameFacts) {
        let Some(place) = self.place(env, packet, frame.at.frame) else {
            self.not_in_flow(NotInFlow::TableFull, 1);
            return;
        };
        let Some(flow) = self.flows.get_mut(place) else { return };
        if flow.touched != self.epoch {
            flow.touched = self.epoch;
            self.changed.push(place as u32);
        }
        let transport = flow.transport_place(packet.transport);
        flow.facts.note(packet, frame.at.frame);
        flow.note_frame(&frame, env.options.interval_ns);
        if !env.options.burst_windows_ns.is_empty() {
            flow.note_burst(&frame, &env.options.burst_windows_ns);
        }
        if let Some(transport) = flow.transports_mut().nth(transport) {
            transport.count(&frame, None, &Pdus::default(), env.options.interval_ns);
        }
    }

    pub(super) fn fragment(&mut self, env: Settings<'_>, packet: &Dissected<'_>, facts: FrameFacts) {
        let mut released = std::mem::take(&mut self.released);
        let outcome = self.fragments.push(packet, facts, &mut released);
        let first = match &outcome {
            Some(Outcome::Part(first) | Outcome::Whole(first, ..)) => Some(*first),
            _ => None,
        };
        for waiting in released.drain(..) {
            if let Some(first) = first {
                let own = Dissected { ip: waiting.header.ip, ..first };
                self.count_part(env, &Dissected { fragment: None, ..own }, waiting.frame);
            }
        }
        self.released = released;
        match outcome {
            None | Some(Outcome::Wait) => {}
            Some(Outcome::Part(first)) => self.count_part(env, &first, facts),
            Some(Outcome::Whole(first, bytes, frames)) => {
                let mut whole = Dissected { payload: &bytes, missing: 0, fragment: None, ..first };
                transport_payload(first.protocol(), &mut whole);
                let Some((&frame, earlier)) = frames.split_last() else { return };
                match self.place(env, &whole, facts.at.frame) {
                    Some(place) => drop(self.count_packet(env, place, &whole, frame, earlier)),
                    None => self.not_in_flow(NotInFlow::TableFull, 1),
                }
            }
        }
    }

    /// Lets go of fragments that have waited too long when a frame comes.
    #[inline(always)]
    pub(super) fn expire(&mut self, env: Settings<'_>, now: Option<Timestamp>) {
        if !self.fragments.is_idle() && now.is_some() {
            self.release_expired(env, now);
        }
    }

    /// Fragments whose first one did not come in time count for a flow without ports.
    #[inline(never)]
    pub(super) fn release_expired(&mut self, env: Settings<'_>, now: Option<Timestamp>) {
        while let Some(waiting) = self.fragments.expired(now) {
            self.count_part(env, &Dissected { fragment: None, ..waiting.header }, waiting.frame);
        }
    }

    /// Fragments that wait for the first one of their datagram: they are not counted yet.
    pub(crate) fn waiting_fragments(&self) -> u64 {
        self.fragments.waiting()
    }

    /// Datagrams of which fragments are missing.
    pub(crate) fn unfinished_datagrams(&self) -> u64 {
        self.fragments.unfinished()
    }
}
