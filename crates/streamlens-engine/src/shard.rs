//! A share of the conversations, with all state that belongs to them. Shares know nothing of each other, so they can
//! be worked on by different threads; which share a conversation is in depends on its addresses alone.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use streamlens_model::{Frame, Packet, Timestamp};

use crate::dissect::{Aside, Content, Dissected, Known, Repeats, dissect, transport_payload};
use crate::flow::{FlowEntry, FrameFacts};
use crate::fragments::{Fragments, Outcome, Waiting};
use crate::held::HeldFlows;
use crate::key::PackedKey;
use crate::pieces::Pieces;
use crate::route::SHARES;
use crate::work::{Conversations, Env, Outbox, Scratch, Work};

/// Flows in the order in which they were made.
pub(crate) type FlowList = Pieces<FlowEntry, 64>;

/// Marks the places of flows that wait. There is no room for so many flows.
const HELD: u32 = 1 << 31;
/// With more decoders than this no flow waits: which of them a flow has is remembered in as many bits.
const MOST_DECODERS: usize = 64;

/// Frames that are fetched together, and looked up together where there are very many flows.
const AHEAD: usize = 16;
/// Bytes that memory is fetched in.
const CACHE_LINE: usize = 64;

/// What is known of a frame once it is dissected.
#[derive(Clone, Copy)]
enum LookedUp<'f> {
    /// It repeats headers.
    Again(Known, Content<'f>),
    /// The key of its flow, and where that seems to be.
    Key {
        key: PackedKey,
        hash: u64,
        place: Option<u32>,
    },
    Fragment,
    Aside(Aside),
}

impl<'f> LookedUp<'f> {
    /// Dissects a frame.
    #[inline(always)]
    fn of(frame: &Frame<'f>, packet: &mut Dissected<'f>, seeds: &foldhash::fast::RandomState) -> Self {
        match dissect(frame, packet) {
            Err(aside) => Self::Aside(aside),
            Ok(()) if packet.fragment.is_some() => Self::Fragment,
            Ok(()) => {
                let key = PackedKey::of(packet);
                Self::Key { key, hash: key.hash(seeds), place: None }
            }
        }
    }
}

/// A share of the conversations.
#[derive(Default)]
pub(crate) struct Shard {
    /// Its number.
    pub(crate) share: usize,
    /// Places of flows, and with [`HELD`] those of flows that wait.
    table: HashTable<u32>,
    seeds: foldhash::fast::RandomState,
    repeats: Repeats,
    pub(crate) flows: FlowList,
    pub(crate) held: HeldFlows,
    /// Whether all flows are decoded at once.
    is_replay: bool,
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

    /// Analyses frames, some at a time: the memory that these lie in is waited for once for all of them.
    pub(crate) fn frames<'f>(&mut self, env: Env<'_>, mut frames: impl Iterator<Item = Frame<'f>>) {
        loop {
            let (mut ahead, mut touched) = ([const { None::<Frame<'f>> }; AHEAD], 0);
            for (slot, frame) in ahead.iter_mut().zip(&mut frames) {
                let byte = |at: usize| frame.data.get(at).copied().unwrap_or_default();
                touched ^= byte(0) ^ byte(CACHE_LINE);
                *slot = Some(frame);
            }
            std::hint::black_box(touched);
            if ahead[0].is_none() {
                return;
            }
            if self.is_crowded(env) {
                self.frames_of_many(env, &ahead);
            } else {
                ahead.iter().flatten().for_each(|frame| self.frame(env, frame));
            }
        }
    }

    /// Analyses frames where there are very many flows: they are looked up together before the first of them is worked on.
    /// Then the memory of their flows, which no cache holds, is waited for once and not for each.
    #[inline(never)]
    fn frames_of_many<'f>(&mut self, env: Env<'_>, frames: &[Option<Frame<'f>>; AHEAD]) {
        let mut ahead = [const { None }; AHEAD];
        for (slot, frame) in ahead.iter_mut().zip(frames.iter().flatten()) {
            let (frame, packet, looked_up) = slot.insert((frame, Dissected::new(frame), LookedUp::Fragment));
            *looked_up = match self.repeats.find(frame) {
                Some((known, content)) => LookedUp::Again(known, content),
                None => LookedUp::of(frame, packet, &self.seeds),
            };
        }
        // two loops, so that neither memory of the table nor that of the flows is waited for one after the other
        for (.., looked_up) in ahead.iter_mut().flatten() {
            if let LookedUp::Key { hash, place, .. } = looked_up {
                *place = self.table.find(*hash, |_| true).copied();
            }
        }
        for (.., looked_up) in ahead.iter_mut().flatten() {
            if let LookedUp::Key { key, place, .. } = looked_up {
                *place = place.filter(|&place| key_at(&self.flows, &self.held, place) == Some(key));
            }
        }
        for (frame, packet, looked_up) in ahead.iter_mut().flatten() {
            self.expire(env, frame);
            match looked_up {
                LookedUp::Again(known, content) => self.again(env, frame, *known, content),
                looked_up => self.dissected(env, frame, packet, looked_up),
            }
        }
    }

    /// Analyses a frame.
    #[inline(never)]
    pub(crate) fn frame(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        self.expire(env, frame);
        match self.repeats.find(frame) {
            Some((known, content)) => self.again(env, frame, known, &content),
            None => self.anew(env, frame),
        }
    }

    /// A frame that repeats headers.
    #[inline(always)]
    fn again(&mut self, env: Env<'_>, frame: &Frame<'_>, known: Known, content: &Content<'_>) {
        let Self { flows, repeats, conversations, outbox, scratch, .. } = self;
        let Some(flow) = flows.get_mut(known.flow) else { return };
        if !flow.facts.note_again(known.epoch) {
            note_facts(flow, repeats, frame);
        }
        count(Work { env, scratch, conversations, outbox }, flow, known.transport, content, &[FrameFacts::of(frame)]);
    }

    /// A frame with headers of its own.
    #[inline(never)]
    fn anew(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        let mut packet = Dissected::new(frame);
        let looked_up = LookedUp::of(frame, &mut packet, &self.seeds);
        self.dissected(env, frame, &mut packet, &looked_up);
    }

    /// A frame that was dissected.
    fn dissected(&mut self, env: Env<'_>, frame: &Frame<'_>, packet: &mut Dissected<'_>, looked_up: &LookedUp<'_>) {
        match looked_up {
            LookedUp::Key { key, hash, place } => {
                // a flow that waited when it was looked up may have been released by now
                let known = place.filter(|&place| place & HELD == 0 || self.held.holds((place & !HELD) as usize));
                let place = known.or_else(|| self.find(*hash, key));
                let Some(place) = self.keyed(env, frame, packet, (*hash, *key), place) else { return };
                if let Some(known) = self.whole(env, place, packet, &[FrameFacts::of(frame)]) {
                    self.repeats.note(frame, packet, known);
                }
            }
            LookedUp::Fragment => self.fragment(env, packet, FrameFacts::of(frame)),
            LookedUp::Aside(aside) => self.aside(*aside, 1),
            LookedUp::Again(..) => {}
        }
    }

    /// Finds the flow of a packet; `None` where it waits, or finds no room.
    fn keyed(
        &mut self,
        env: Env<'_>,
        frame: &Frame<'_>,
        packet: &mut Dissected<'_>,
        (hash, key): (u64, PackedKey),
        place: Option<u32>,
    ) -> Option<usize> {
        let place = match place {
            Some(place) if place & HELD == 0 => Some(place as usize),
            Some(held) => {
                let held = (held & !HELD) as usize;
                if may_wait(env, packet, frame) && self.held.add(held, frame) {
                    return None;
                }
                self.release(env, held)
            }
            None if self.is_crowded(env) && self.has_room(env) && may_wait(env, packet, frame) => {
                match self.held.begin(key, frame) {
                    Some(held) => {
                        self.enter(hash, held as u32 | HELD);
                        return None;
                    }
                    None => self.add(env, (hash, key), packet, frame.number),
                }
            }
            None => self.add(env, (hash, key), packet, frame.number),
        };
        if place.is_none() {
            self.aside(Aside::TableFull, 1);
        }
        place
    }

    fn aside(&mut self, reason: Aside, frames: u64) {
        *self.asides.entry(reason).or_default() += frames;
    }

    /// The place of a packet's flow; made where it is new and there is room.
    fn place(&mut self, env: Env<'_>, packet: &Dissected<'_>, frame: u64) -> Option<usize> {
        let key = PackedKey::of(packet);
        let hash = key.hash(&self.seeds);
        match self.find(hash, &key) {
            Some(place) if place & HELD == 0 => Some(place as usize),
            Some(held) => self.release(env, (held & !HELD) as usize),
            None => self.add(env, (hash, key), packet, frame),
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &PackedKey) -> Option<u32> {
        self.table.find(hash, |&place| key_at(&self.flows, &self.held, place) == Some(key)).copied()
    }

    /// Enters the place of a flow in the table.
    fn enter(&mut self, hash: u64, place: u32) {
        let (flows, held, seeds) = (&self.flows, &self.held, &self.seeds);
        let rehash = |&place: &u32| key_at(flows, held, place).map_or(0, |key| key.hash(seeds));
        self.table.insert_unique(hash, place, rehash);
    }

    /// Flows, those that wait among them.
    pub(crate) fn flow_count(&self) -> usize {
        self.flows.len() + self.held.count()
    }

    fn has_room(&self, env: Env<'_>) -> bool {
        !self.is_closed && self.flow_count() < env.options.max_flows
    }

    fn is_crowded(&self, env: Env<'_>) -> bool {
        self.flow_count() >= env.options.crowded_from / SHARES && !self.is_replay && env.registry.len() <= MOST_DECODERS
    }

    /// Makes a flow with a key and its hash, where there is room.
    fn add(
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
        self.enter(hash, place as u32);
        Some(place)
    }

    /// Decodes the frames of a flow that waits, and gives its place among the others.
    fn release(&mut self, env: Env<'_>, waiting: usize) -> Option<usize> {
        let held = std::mem::take(&mut self.held);
        let mut place = None;
        for frame in held.frames(waiting) {
            let mut packet = Dissected::new(&frame);
            // they were dissected before
            if dissect(&frame, &mut packet).is_ok() {
                let new = || FlowEntry::new(PackedKey::of(&packet), &packet, frame.number);
                let place = *place.get_or_insert_with(|| self.flows.push(new()));
                self.whole(env, place, &packet, &[FrameFacts::of(&frame)]);
            }
        }
        self.held = held;
        let hash = self.held.key(waiting).map(|key| key.hash(&self.seeds));
        if let (Some(hash), Some(place)) = (hash, place)
            && let Some(entry) = self.table.find_mut(hash, |&entry| entry == waiting as u32 | HELD)
        {
            *entry = place as u32;
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
        self.table.clear();
        self.flows.clear();
        self.repeats.clear();
        self.outbox.clear();
        held.frames(place).for_each(|frame| self.frame(env, &frame));
        self.finish(env);
        Some(see(self, self.flows.get(0)?))
    }

    /// A packet whose payload is whole. `frames` brought it: the last is counted here, the others have been. Gives what is
    /// known of its headers from now on.
    #[inline(never)]
    fn whole(&mut self, env: Env<'_>, place: usize, packet: &Dissected<'_>, frames: &[FrameFacts]) -> Option<Known> {
        let Self { flows, conversations, outbox, scratch, .. } = self;
        let flow = flows.get_mut(place)?;
        let transport = flow.transport_place(packet.transport);
        flow.facts.note(packet, frames.last()?.at.frame);
        let known = Known { flow: place, transport, epoch: flow.facts.epoch() };
        count(Work { env, scratch, conversations, outbox }, flow, transport, &packet.content(), frames);
        Some(known)
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
                    Some(place) => drop(self.whole(env, place, &whole, &frames)),
                    None => self.aside(Aside::TableFull, 1),
                }
            }
        }
    }

    /// Lets go of fragments that have waited too long when a frame comes.
    #[inline(always)]
    fn expire(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        if !self.fragments.is_idle() && frame.time.is_some() {
            self.release_expired(env, frame.time);
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

    /// Numbers of the frames that made the flows.
    pub(crate) fn created(&self) -> impl Iterator<Item = u64> {
        let held = self.held.places().map(|place| self.held.created(place));
        self.flows.iter().map(|flow| flow.created).chain(held)
    }

    /// Takes out the flows that were made from this frame on, and counts their frames as finding no room.
    pub(crate) fn drop_since(&mut self, frame: u64) {
        for place in (0..self.flows.len()).rev() {
            if self.flows.get(place).is_some_and(|flow| flow.created >= frame) {
                self.drop_flow(place);
            }
        }
        let waiting: Vec<_> = self.held.places().filter(|&place| self.held.created(place) >= frame).collect();
        for place in waiting {
            let hash = self.held.key(place).map_or(0, |key| key.hash(&self.seeds));
            self.leave(hash, place as u32 | HELD);
            self.aside(Aside::TableFull, self.held.frame_count(place));
            self.held.release(place);
        }
        self.repeats.clear();
    }

    fn drop_flow(&mut self, place: usize) {
        let Some(flow) = self.flows.swap_remove(place) else { return };
        self.leave(flow.packed.hash(&self.seeds), place as u32);
        let moved = self.flows.len() as u32;
        let hash = self.flows.get(place).map(|moved| moved.packed.hash(&self.seeds));
        if let Some(entry) = hash.and_then(|hash| self.table.find_mut(hash, |&entry| entry == moved)) {
            *entry = place as u32;
        }
        self.aside(Aside::TableFull, flow.packets());
    }

    /// Takes the place of a flow out of the table.
    fn leave(&mut self, hash: u64, place: u32) {
        if let Ok(entry) = self.table.find_entry(hash, |&found| found == place) {
            entry.remove();
        }
    }

    /// A share that shows flows of others.
    pub(crate) fn for_replay() -> Self {
        Self { is_replay: true, ..Self::default() }
    }
}

/// Counts and decodes a packet. `frames` brought it: the last is counted here, the others have been.
#[inline(always)]
fn count(mut work: Work<'_>, flow: &mut FlowEntry, transport: usize, content: &Content<'_>, frames: &[FrameFacts]) {
    let Some(mut frame) = frames.last().copied() else { return };
    let interval_ns = work.env.options.interval_ns;
    frame.is_copy = flow.copies.is_copy(content, frame.at.frame);
    flow.note_frame(&frame, interval_ns);
    let FlowEntry { key, transport: first, others, .. } = flow;
    let Some(transport) = transport.checked_sub(1).map_or(Some(first), |other| others.get_mut(other)) else { return };
    let packet = Packet {
        frame: frame.at.frame,
        time: frame.at.time,
        flow: key,
        transport: content.transport,
        ether_type: content.ether_type,
        wire_length: frame.wire_length,
        payload: content.payload,
        offset: 0,
        missing: content.missing,
        is_stream: content.tcp.is_some(),
    };
    let claim = match &content.tcp {
        Some(tcp) => work.segment(transport, tcp, &packet, &frame),
        None => {
            let frames = if frames.len() == 1 { std::slice::from_ref(&frame) } else { frames };
            work.datagram(transport, &packet, frames)
        }
    };
    transport.count(&frame, claim, &work.scratch.pdus, interval_ns);
}

/// Tells a flow of the facts in a frame that repeats headers, where others were told meanwhile.
#[cold]
fn note_facts(flow: &mut FlowEntry, repeats: &mut Repeats, frame: &Frame<'_>) {
    let facts = &mut flow.facts;
    let is_known = repeats.note_again(frame, |packet| {
        facts.note(packet, frame.number);
        facts.epoch()
    });
    let mut packet = Dissected::new(frame);
    if !is_known && dissect(frame, &mut packet).is_ok() {
        facts.note(&packet, frame.number);
    }
}

/// The key of the flow at a place of the table.
#[inline]
fn key_at<'s>(flows: &'s FlowList, held: &'s HeldFlows, place: u32) -> Option<&'s PackedKey> {
    if place & HELD == 0 {
        flows.get(place as usize).map(|flow| &flow.packed)
    } else {
        held.key((place & !HELD) as usize)
    }
}

/// Whether a frame may be decoded later than those of other flows.
fn may_wait(env: Env<'_>, dissected: &Dissected<'_>, frame: &Frame<'_>) -> bool {
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
