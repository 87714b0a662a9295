//! A share of the conversations, with all state that belongs to them. Shares know nothing of each other, so they can
//! be worked on by different threads; which share a conversation is in depends on its addresses alone.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use streamlens_model::{Frame, Occurrence, Packet, Timestamp};

use crate::dissect::{Aside, Dissected, Repeats, dissect, transport_payload};
use crate::flow::{FlowEntry, FrameFacts};
use crate::fragments::{Fragments, Outcome, Waiting};
use crate::key::PackedKey;
use crate::work::{Conversations, Env, Outbox, Scratch, Work};

/// Flows that are allocated together.
const CHUNK: usize = 64;

/// Flows in the order in which they were made, in chunks, so that growing never moves them.
#[derive(Default)]
pub(crate) struct FlowList {
    chunks: Vec<Vec<FlowEntry>>,
    length: usize,
}

impl FlowList {
    fn push(&mut self, flow: FlowEntry) -> usize {
        if self.length == self.chunks.len() * CHUNK {
            // the first chunk grows as it is needed: most captures have few flows
            self.chunks.push(if self.length == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(flow);
            self.length += 1;
        }
        self.length - 1
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&FlowEntry> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    #[inline]
    fn get_mut(&mut self, place: usize) -> Option<&mut FlowEntry> {
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FlowEntry> {
        self.chunks.iter().flatten()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut FlowEntry> {
        self.chunks.iter_mut().flatten()
    }

    fn pop(&mut self) -> Option<FlowEntry> {
        let flow = self.chunks.last_mut()?.pop()?;
        self.length -= 1;
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        Some(flow)
    }
}

/// A share of the conversations.
#[derive(Default)]
pub(crate) struct Shard {
    /// Its number.
    pub(crate) share: usize,
    table: HashTable<u32>,
    seeds: foldhash::fast::RandomState,
    repeats: Repeats,
    pub(crate) flows: FlowList,
    fragments: Fragments,
    pub(crate) conversations: Conversations,
    pub(crate) outbox: Outbox,
    pub(crate) asides: BTreeMap<Aside, u64>,
    /// Whether the flow table is full: flows that are not in it yet find no room.
    pub(crate) is_closed: bool,
    scratch: Scratch,
    released: Vec<Waiting>,
}

impl Shard {
    pub(crate) fn new(share: usize) -> Self {
        Self { share, ..Self::default() }
    }

    /// Analyses a frame.
    #[inline(never)]
    pub(crate) fn frame(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        if !self.fragments.is_idle() && frame.time.is_some() {
            self.release_expired(env, frame.time);
        }
        let at = Occurrence { frame: frame.number, time: frame.time };
        let facts = FrameFacts { at, wire_length: frame.original_length, is_copy: false };
        let mut packet = Dissected::new(frame);
        let place = match self.repeats.find(frame, &mut packet) {
            Some(place) => place,
            None => match self.dissected(env, frame, &mut packet, facts) {
                Some(place) => place,
                None => return,
            },
        };
        self.whole(env, place, &packet, &[facts]);
    }

    /// Dissects a frame, and finds its flow; `None` where it is no whole packet of a flow.
    fn dissected<'a>(
        &mut self,
        env: Env<'_>,
        frame: &Frame<'a>,
        packet: &mut Dissected<'a>,
        facts: FrameFacts,
    ) -> Option<usize> {
        if let Err(aside) = dissect(frame, packet) {
            self.aside(aside, 1);
            return None;
        }
        if packet.fragment.is_some() {
            self.fragment(env, packet, facts);
            return None;
        }
        let place = self.place(env, packet, frame.number);
        match place {
            Some(place) => self.repeats.note(frame, packet, place),
            None => self.aside(Aside::TableFull, 1),
        }
        place
    }

    fn aside(&mut self, reason: Aside, frames: u64) {
        *self.asides.entry(reason).or_default() += frames;
    }

    /// The place of a packet's flow; made where it is new and there is room.
    #[inline]
    fn place(&mut self, env: Env<'_>, packet: &Dissected<'_>, frame: u64) -> Option<usize> {
        let packed = PackedKey::of(packet);
        let hash = packed.hash(&self.seeds);
        let flows = &self.flows;
        let is_same = |&place: &u32| flows.get(place as usize).is_some_and(|flow| flow.packed == packed);
        if let Some(&place) = self.table.find(hash, is_same) {
            return Some(place as usize);
        }
        if self.is_closed || self.flows.len() >= env.options.max_flows {
            return None;
        }
        let place = self.flows.push(FlowEntry::new(packed, packet, frame));
        let (flows, seeds) = (&self.flows, &self.seeds);
        let rehash = |&place: &u32| flows.get(place as usize).map_or(0, |flow| flow.packed.hash(seeds));
        self.table.insert_unique(hash, place as u32, rehash);
        Some(place)
    }

    /// A packet whose payload is whole. `frames` brought it: the last is counted here, the others have been.
    #[inline(always)]
    fn whole(&mut self, env: Env<'_>, place: usize, dissected: &Dissected<'_>, frames: &[FrameFacts]) {
        let Some(flow) = self.flows.get_mut(place) else { return };
        let Some(mut frame) = frames.last().copied() else { return };
        let transport = flow.transport_place(dissected.transport);
        frame.is_copy = flow.copies.is_copy(dissected, frame.at.frame);
        flow.facts.note(dissected, frame.at.frame);
        flow.note_frame(&frame, env.options.interval_ns);
        let FlowEntry { key, transport: first, others, .. } = flow;
        let Some(transport) = transport.checked_sub(1).map_or(Some(first), |other| others.get_mut(other)) else {
            return;
        };
        let packet = Packet {
            frame: frame.at.frame,
            time: frame.at.time,
            flow: key,
            transport: dissected.transport,
            ether_type: dissected.ether_type,
            wire_length: frame.wire_length,
            payload: dissected.payload,
            offset: 0,
            missing: dissected.missing,
            is_stream: dissected.tcp.is_some(),
        };
        let Self { conversations, outbox, scratch, .. } = self;
        let mut work = Work { env, scratch, conversations, outbox };
        let claim = match &dissected.tcp {
            Some(tcp) => work.segment(transport, tcp, &packet, &frame),
            None => {
                let frames = if frames.len() == 1 { std::slice::from_ref(&frame) } else { frames };
                work.datagram(transport, &packet, frames)
            }
        };
        transport.count(&frame, claim, &scratch.pdus, env.options.interval_ns);
    }

    /// A frame that counts for a flow and whose payload is not to be looked at (yet).
    fn part(&mut self, env: Env<'_>, packet: &Dissected<'_>, frame: &FrameFacts) {
        let Some(place) = self.place(env, packet, frame.at.frame) else {
            self.aside(Aside::TableFull, 1);
            return;
        };
        let Some(flow) = self.flows.get_mut(place) else { return };
        let transport = flow.transport_place(packet.transport);
        flow.facts.note(packet, frame.at.frame);
        flow.note_frame(frame, env.options.interval_ns);
        if let Some(transport) = flow.transports_mut().nth(transport) {
            transport.count(frame, None, &[], env.options.interval_ns);
        }
    }

    fn fragment(&mut self, env: Env<'_>, packet: &Dissected<'_>, facts: FrameFacts) {
        let mut released = std::mem::take(&mut self.released);
        let outcome = self.fragments.push(packet, facts, &mut released);
        let first = match &outcome {
            Some(Outcome::Part(first) | Outcome::Whole(first, ..)) => Some(*first),
            _ => None,
        };
        for waiting in released.drain(..) {
            if let Some(first) = first {
                let own = Dissected { ip: waiting.header.ip, ..first };
                self.part(env, &Dissected { fragment: None, ..own }, &waiting.frame);
            }
        }
        self.released = released;
        match outcome {
            None | Some(Outcome::Wait) => {}
            Some(Outcome::Part(first)) => self.part(env, &first, &facts),
            Some(Outcome::Whole(first, bytes, frames)) => {
                let mut whole = Dissected { payload: &bytes, missing: 0, fragment: None, ..first };
                transport_payload(first.protocol(), &mut whole);
                match self.place(env, &whole, facts.at.frame) {
                    Some(place) => self.whole(env, place, &whole, &frames),
                    None => self.aside(Aside::TableFull, 1),
                }
            }
        }
    }

    /// Fragments whose first one did not come in time count for a flow without ports.
    fn release_expired(&mut self, env: Env<'_>, now: Option<Timestamp>) {
        while let Some(waiting) = self.fragments.expired(now) {
            self.part(env, &Dissected { fragment: None, ..waiting.header }, &waiting.frame);
        }
    }

    /// Nothing more will come: what waits is counted, and what is likely enough is believed.
    pub(crate) fn finish(&mut self, env: Env<'_>) {
        self.release_expired(env, None);
        let Self { flows, conversations, outbox, scratch, .. } = self;
        let mut work = Work { env, scratch, conversations, outbox };
        for flow in flows.iter_mut() {
            let (key, changed, last_seen) = (flow.key, flow.changed, flow.last_seen);
            for transport in flow.transports_mut() {
                let like = Packet {
                    frame: changed,
                    time: last_seen,
                    flow: &key,
                    transport: transport.transport,
                    ether_type: None,
                    wire_length: 0,
                    payload: &[],
                    offset: 0,
                    missing: 0,
                    is_stream: transport.tcp.is_some(),
                };
                if transport.tcp.is_some() {
                    work.settle_stream(transport, &like);
                } else {
                    work.settle(transport, &like);
                }
            }
        }
    }

    /// Datagrams of which fragments are missing.
    pub(crate) fn unfinished_datagrams(&self) -> u64 {
        self.fragments.unfinished()
    }

    /// Takes out the flow that was made last, and counts its frames as finding no room.
    pub(crate) fn drop_newest(&mut self) {
        let place = self.flows.len().wrapping_sub(1) as u32;
        let Some(flow) = self.flows.pop() else { return };
        self.repeats.clear();
        if let Ok(entry) = self.table.find_entry(flow.packed.hash(&self.seeds), |&found| found == place) {
            entry.remove();
        }
        self.aside(Aside::TableFull, flow.packets());
    }
}
