//! A share of the conversations, with all state that belongs to them. Shares know nothing of each other, so they can
//! be worked on by different threads; which share a conversation is in depends on its addresses alone.

mod fragments;
mod index;
mod slots;
mod table;
mod waiting;

use std::collections::BTreeMap;

use streamlens_model::{Frame, Packet};

use self::index::Index;
pub(crate) use self::slots::FlowList;
use self::table::{HELD, key_at};
pub(crate) use self::waiting::TOGETHER;
use self::waiting::may_wait;
use crate::dissect::{Aside, Content, Dissected, Known, Repeats, dissect};
use crate::flow::{FlowEntry, FrameFacts};
use crate::fragments::{Fragments, Waiting};
use crate::held::HeldFlows;
use crate::key::PackedKey;
use crate::work::{Conversations, Env, Outbox, Scratch, Work};

/// Frames that are fetched together, and looked up together where there are very many flows.
const AHEAD: usize = 32;
/// Bytes that memory is fetched in.
pub(crate) const CACHE_LINE: usize = 64;

/// What is known of a frame once its headers were compared with those before, or dissected.
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
    index: Index,
    seeds: foldhash::fast::RandomState,
    repeats: Repeats,
    pub(crate) flows: FlowList,
    /// Number of the epoch; 0 until somebody looks.
    pub(crate) epoch: u32,
    /// Places of the flows that had a frame in this epoch, in the order of the first one.
    pub(crate) changed: Vec<u32>,
    pub(crate) held: HeldFlows,
    /// Where frames that waited are made; only for its memory.
    room: Vec<u8>,
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
    pub(crate) fn frames<'f>(&mut self, env: Env<'_>, places: &[u32], frame_at: impl Fn(u32) -> Option<Frame<'f>>) {
        for places in places.chunks(AHEAD) {
            let frames = places.iter().filter_map(|&place| frame_at(place));
            let byte = |frame: &Frame<'f>, at: usize| frame.data.get(at).copied().unwrap_or_default();
            let touched = frames.clone().fold(0, |all, frame| all ^ byte(&frame, 0) ^ byte(&frame, CACHE_LINE));
            std::hint::black_box(touched);
            if self.is_crowded(env) {
                self.frames_of_many(env, frames);
            } else {
                frames.for_each(|frame| self.next(env, &frame));
            }
        }
    }

    /// Analyses frames where there are very many flows: they are looked up together before the first of them is worked on.
    /// Then the memory of their flows, which no cache holds, is waited for once and not for each.
    #[inline(never)]
    fn frames_of_many<'f>(&mut self, env: Env<'_>, frames: impl Iterator<Item = Frame<'f>>) {
        let mut ahead = [const { None }; AHEAD];
        for (slot, frame) in ahead.iter_mut().zip(frames) {
            let (frame, packet, looked_up) = slot.insert((frame, Dissected::new(&frame), LookedUp::Fragment));
            *looked_up = match self.repeats.find(frame) {
                Some((known, content)) => LookedUp::Again(known, content),
                None => LookedUp::of(frame, packet, &self.seeds),
            };
        }
        // in loops, so that neither memory of the table, of the flows nor of their frames is waited for one after the other
        for (.., looked_up) in ahead.iter_mut().flatten() {
            if let LookedUp::Key { hash, place, .. } = looked_up {
                *place = self.index.find(*hash, |_| true);
            }
        }
        for (.., looked_up) in ahead.iter_mut().flatten() {
            if let LookedUp::Key { key, place, .. } = looked_up {
                *place = place.filter(|&place| key_at(&self.flows, &self.held, place) == Some(key));
            }
        }
        for (.., looked_up) in ahead.iter().flatten() {
            match looked_up {
                LookedUp::Key { place: Some(place), .. } if place & HELD != 0 => {
                    self.held.look_at_first((place & !HELD) as usize);
                }
                LookedUp::Key { place: Some(place), .. } => {
                    self.flows.get(*place as usize).into_iter().for_each(FlowEntry::look_at);
                }
                _ => {}
            }
        }
        for (frame, packet, looked_up) in ahead.iter_mut().flatten() {
            self.expire(env, frame.time);
            self.looked_up(env, frame, packet, looked_up);
        }
    }

    /// Analyses a frame that stands alone.
    pub(crate) fn frame(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        self.next(env, frame);
    }

    /// Analyses a frame: what most frames need lies here in one piece.
    #[inline(always)]
    fn next(&mut self, env: Env<'_>, frame: &Frame<'_>) {
        self.expire(env, frame.time);
        match self.repeats.find_datagram(frame) {
            Some((known, content)) => self.again(env, frame, known, &content),
            None => self.anew(env, *frame),
        }
    }

    /// A frame that repeats headers.
    #[inline(always)]
    fn again(&mut self, env: Env<'_>, frame: &Frame<'_>, known: Known, content: &Content<'_>) {
        let Self { flows, epoch, changed, repeats, conversations, outbox, scratch, .. } = self;
        let Some(flow) = flows.get_mut(known.flow) else { return };
        if flow.touched != *epoch {
            flow.touched = *epoch;
            changed.push(known.flow as u32);
        }
        if !flow.facts.note_again(known.epoch) {
            note_facts(flow, repeats, *frame);
        }
        count(Work { env, scratch, conversations, outbox }, flow, known.transport, content, FrameFacts::of(frame), &[]);
    }

    /// A frame with headers of its own, or of TCP.
    #[inline(never)]
    fn anew(&mut self, env: Env<'_>, frame: Frame<'_>) {
        let mut packet = Dissected::new(&frame);
        let looked_up = match self.repeats.find_segment(&frame) {
            Some((known, content)) => LookedUp::Again(known, content),
            None => LookedUp::of(&frame, &mut packet, &self.seeds),
        };
        self.looked_up(env, &frame, &mut packet, &looked_up);
    }

    /// A frame of which it is known what it is.
    fn looked_up(&mut self, env: Env<'_>, frame: &Frame<'_>, packet: &mut Dissected<'_>, looked_up: &LookedUp<'_>) {
        match looked_up {
            LookedUp::Again(known, content) => self.again(env, frame, *known, content),
            LookedUp::Key { key, hash, place } => {
                // a flow that waited when it was looked up may have been released by now
                let known = place.filter(|&place| place & HELD == 0 || self.held.holds((place & !HELD) as usize));
                let place = known.or_else(|| self.find(*hash, key));
                let Some(place) = self.keyed(env, frame, packet, (*hash, *key), place) else { return };
                if let Some(known) = self.whole(env, place, packet, FrameFacts::of(frame), &[]) {
                    self.repeats.note(frame, packet, known);
                }
            }
            LookedUp::Fragment => self.fragment(env, packet, FrameFacts::of(frame)),
            LookedUp::Aside(aside) => self.aside(*aside, 1),
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
                        self.index.insert(hash, held as u32 | HELD);
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

    /// A packet whose payload is whole. `frame` brought it, and is counted here; where it was put together, `earlier` ones did,
    /// which have been. Gives what is known of its headers from now on.
    #[inline(never)]
    fn whole(
        &mut self,
        env: Env<'_>,
        place: usize,
        packet: &Dissected<'_>,
        frame: FrameFacts,
        earlier: &[FrameFacts],
    ) -> Option<Known> {
        let Self { flows, epoch, changed, conversations, outbox, scratch, .. } = self;
        let flow = flows.get_mut(place)?;
        if flow.touched != *epoch {
            flow.touched = *epoch;
            changed.push(place as u32);
        }
        let transport = flow.transport_place(packet.transport);
        flow.facts.note(packet, frame.at.frame);
        let known = Known { flow: place, transport, epoch: flow.facts.epoch() };
        count(Work { env, scratch, conversations, outbox }, flow, transport, &packet.content(), frame, earlier);
        Some(known)
    }

    /// Nothing more will come: what waits is counted, and what is likely enough is believed.
    pub(crate) fn finish(&mut self, env: Env<'_>) {
        self.release_expired(env, None);
        let Self { flows, conversations, outbox, scratch, .. } = self;
        let mut work = Work { env, scratch, conversations, outbox };
        flows.iter_mut().for_each(|flow| settle(&mut work, flow));
    }

    /// Nothing more will come of one flow: what is likely enough is believed.
    pub(crate) fn settle(&mut self, env: Env<'_>, place: usize) {
        let Self { flows, conversations, outbox, scratch, .. } = self;
        if let Some(flow) = flows.get_mut(place) {
            settle(&mut Work { env, scratch, conversations, outbox }, flow);
        }
    }

    /// Takes a flow out for good, and its share in the monitors of its conversations.
    pub(crate) fn end_flow(&mut self, place: u32) -> Option<FlowEntry> {
        let flow = self.remove(place)?;
        let encodings = flow.transports().flat_map(|transport| &transport.encodings);
        encodings.filter_map(|encoding| encoding.conversation).for_each(|place| self.conversations.leave(place));
        Some(flow)
    }

    /// Forgets to which flows recent headers belong, where flows were taken out.
    pub(crate) fn forget_headers(&mut self) {
        self.repeats.clear();
    }
}
/// Believes what is likely enough of a flow.
fn settle(work: &mut Work<'_>, flow: &mut FlowEntry) {
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

/// Counts and decodes a packet. `frame` brought it, and is counted here; `earlier` ones have been.
#[inline(always)]
fn count(
    mut work: Work<'_>,
    flow: &mut FlowEntry,
    transport: usize,
    content: &Content<'_>,
    mut frame: FrameFacts,
    earlier: &[FrameFacts],
) {
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
    match &content.tcp {
        Some(tcp) => work.segment(transport, tcp, &packet, frame),
        None => work.datagram(transport, &packet, &frame, earlier),
    }
}

/// Tells a flow of the facts in a frame that repeats headers, where others were told meanwhile.
#[cold]
fn note_facts(flow: &mut FlowEntry, repeats: &mut Repeats, frame: Frame<'_>) {
    let facts = &mut flow.facts;
    let is_known = repeats.note_again(&frame, |packet| {
        facts.note(packet, frame.number);
        facts.epoch()
    });
    let mut packet = Dissected::new(&frame);
    if !is_known && dissect(&frame, &mut packet).is_ok() {
        facts.note(&packet, frame.number);
    }
}
