//! A shard: a part of the conversations, with all state that belongs to them. Shards know nothing of each other, so they can
//! be worked on by different threads; which shard a conversation is in depends on its addresses alone.

mod fragments;
mod slots;
mod table;

use std::collections::BTreeMap;

use streamlens_model::{FlowKey, Frame, Occurrence, Packet};

pub(crate) use self::slots::FlowList;
use crate::deferred::{Admission, Arrival, Lobby};
use crate::dissect::{CachedFlow, Dissected, HeaderCache, NotInFlow, PacketBody, dissect};
use crate::flow::{FlowEntry, FrameFacts, Sample, TransportEntry};
use crate::fragments::{Fragments, Waiting};
use crate::index::Index;
use crate::key::PackedKey;
use crate::work::{Conversations, Outbox, PacketContext, Scratch, Settings};

/// Frames whose memory is fetched together.
const GROUP: usize = 32;
/// Where the second cache line of a frame begins.
const SECOND_LINE: usize = 64;

/// What is known of a frame once its headers were compared with those before, or dissected.
#[derive(Clone, Copy)]
enum Resolution<'f> {
    /// It repeats headers.
    Again(CachedFlow, PacketBody<'f>),
    /// The key of its flow, with the hash of that.
    Key(PackedKey, u64),
    Fragment,
    NotInFlow(NotInFlow),
}

/// A part of the conversations.
#[derive(Default)]
pub(crate) struct Shard {
    /// Its number.
    pub(crate) number: usize,
    /// Keeps the frames of new flows where there are very many.
    pub(crate) lobby: Lobby,
    /// Places of flows.
    index: Index,
    seeds: foldhash::fast::RandomState,
    header_cache: HeaderCache,
    pub(crate) flows: FlowList,
    /// Number of the epoch; 0 until somebody looks.
    pub(crate) epoch: u32,
    /// Places of the flows that had a frame in this epoch, in the order of the first one.
    pub(crate) changed: Vec<u32>,
    fragments: Fragments,
    pub(crate) conversations: Conversations,
    pub(crate) outbox: Outbox,
    pub(crate) not_in_flows: BTreeMap<NotInFlow, u64>,
    /// Whether the flow table is full: flows that are not in it yet find no room.
    pub(crate) is_closed: bool,
    scratch: Scratch,
    released: Vec<Waiting>,
}

impl Shard {
    pub(crate) fn new(number: usize, lobby: Lobby) -> Self {
        Self { number, lobby, ..Self::default() }
    }

    /// Processes frames in groups and touches each group first, so that its cache misses overlap.
    pub(crate) fn process_batch<'f>(
        &mut self,
        env: Settings<'_>,
        places: &[u32],
        frame_at: impl Fn(u32) -> Option<Frame<'f>>,
    ) {
        for places in places.chunks(GROUP) {
            let frames = places.iter().filter_map(|&place| frame_at(place));
            let byte = |frame: &Frame<'f>, at: usize| frame.data.get(at).copied().unwrap_or_default();
            let touched = frames.clone().fold(0, |all, frame| all ^ byte(&frame, 0) ^ byte(&frame, SECOND_LINE));
            std::hint::black_box(touched);
            if self.lobby.is_empty() {
                frames.for_each(|frame| self.process_inline(env, &frame));
            } else {
                self.process_group(env, frames);
            }
        }
    }

    /// Processes a group of frames where flows are deferred: the keys of all are found first, so that the lobby can prefetch.
    #[inline(never)]
    fn process_group<'f>(&mut self, env: Settings<'_>, frames: impl Iterator<Item = Frame<'f>>) {
        let mut group = [const { None }; GROUP];
        for (slot, frame) in group.iter_mut().zip(frames) {
            let (frame, packet, resolution) = slot.insert((frame, Dissected::new(&frame), Resolution::Fragment));
            *resolution = match self.header_cache.find(frame) {
                Some((known, content)) => Resolution::Again(known, content),
                None => self.resolve(frame, packet),
            };
        }
        self.lobby.prefetch(std::array::from_fn::<_, GROUP, _>(|at| match group.get(at) {
            Some(Some((.., Resolution::Key(_, hash)))) => Some(*hash),
            _ => None,
        }));
        for (frame, packet, resolution) in group.iter_mut().flatten() {
            self.expire(env, frame.time);
            self.apply(env, frame, packet, resolution);
        }
    }

    /// Processes a frame.
    pub(crate) fn process(&mut self, env: Settings<'_>, frame: &Frame<'_>) {
        self.process_inline(env, frame);
    }

    /// Processes a frame: what most frames need lies here in one piece.
    #[inline(always)]
    fn process_inline(&mut self, env: Settings<'_>, frame: &Frame<'_>) {
        self.expire(env, frame.time);
        match self.header_cache.find_datagram(frame) {
            Some((known, content)) => self.count_repeated(env, frame, known, &content),
            None => self.process_new(env, *frame),
        }
    }

    /// A frame that repeats headers.
    #[inline(always)]
    fn count_repeated(&mut self, env: Settings<'_>, frame: &Frame<'_>, known: CachedFlow, content: &PacketBody<'_>) {
        let Self { flows, epoch, changed, header_cache, conversations, outbox, scratch, .. } = self;
        let Some(flow) = flows.get_mut(known.flow) else { return };
        if flow.touched != *epoch {
            flow.touched = *epoch;
            changed.push(known.flow as u32);
        }
        if !flow.facts.note_again(known.epoch) {
            note_facts(flow, header_cache, *frame);
        }
        count_body(
            PacketContext { env, scratch, conversations, outbox },
            flow,
            known.transport,
            content,
            FrameFacts::of(frame),
            &[],
        );
        if self.scratch.has_hole {
            self.look_for_acknowledgement(env, known.flow, known.transport, FrameFacts::of(frame));
        }
    }

    /// A frame with headers of its own, or of TCP.
    #[inline(never)]
    fn process_new(&mut self, env: Settings<'_>, frame: Frame<'_>) {
        let mut packet = Dissected::new(&frame);
        let resolution = match self.header_cache.find_segment(&frame) {
            Some((known, content)) => Resolution::Again(known, content),
            None => self.resolve(&frame, &mut packet),
        };
        self.apply(env, &frame, &mut packet, &resolution);
    }

    /// Dissects a frame.
    #[inline(always)]
    fn resolve<'f>(&self, frame: &Frame<'f>, packet: &mut Dissected<'f>) -> Resolution<'f> {
        match dissect(frame, packet) {
            Err(NotInFlow::TooShort) if frame.data.len() < frame.original_length as usize => {
                Resolution::NotInFlow(NotInFlow::Cut)
            }
            Err(reason) => Resolution::NotInFlow(reason),
            Ok(()) if packet.fragment.is_some() => Resolution::Fragment,
            Ok(()) => {
                let key = PackedKey::of(packet);
                Resolution::Key(key, key.hash(&self.seeds))
            }
        }
    }

    /// Counts a frame where it belongs.
    fn apply(&mut self, env: Settings<'_>, frame: &Frame<'_>, packet: &mut Dissected<'_>, resolution: &Resolution<'_>) {
        match resolution {
            Resolution::Again(known, content) => self.count_repeated(env, frame, *known, content),
            Resolution::Key(key, hash) => {
                let place = match self.find(*hash, key) {
                    Some(place) => place as usize,
                    None => match self.admit(env, frame, packet, (*hash, key)) {
                        Some(place) => place,
                        None => return,
                    },
                };
                if let Some(known) = self.count_packet(env, place, packet, FrameFacts::of(frame), &[]) {
                    self.header_cache.note(frame, packet, known);
                }
            }
            Resolution::Fragment => self.fragment(env, packet, FrameFacts::of(frame)),
            Resolution::NotInFlow(reason) => self.not_in_flow(*reason, 1),
        }
    }

    /// The place of the flow of a packet that the table doesn't have yet; `None` where the lobby keeps its frame, or the table
    /// is full.
    #[inline(never)]
    fn admit(
        &mut self,
        env: Settings<'_>,
        frame: &Frame<'_>,
        packet: &Dissected<'_>,
        (hash, key): (u64, &PackedKey),
    ) -> Option<usize> {
        let resident = self.has_room(env).then(|| self.flows.len());
        let place = match self.lobby.admit(env, frame, &Arrival { hash, key, packet, resident }) {
            Admission::Kept => return None,
            Admission::Through(Some(deferred)) => self.let_through(env, hash, deferred),
            Admission::Through(None) => self.add(env, (hash, *key), packet, frame.number),
        };
        if place.is_none() {
            self.not_in_flow(NotInFlow::TableFull, 1);
        }
        place
    }

    /// Decodes the frames of a deferred flow, and returns its place in the table.
    fn let_through(&mut self, env: Settings<'_>, hash: u64, deferred: u32) -> Option<usize> {
        let mut lobby = std::mem::take(&mut self.lobby);
        let mut place = None;
        lobby.let_through(hash, deferred, |frame| {
            let mut packet = Dissected::new(frame);
            // they were dissected before
            if dissect(frame, &mut packet).is_ok() {
                let new = || self.insert((hash, PackedKey::of(&packet)), &packet, frame.number);
                let place = *place.get_or_insert_with(new);
                self.count_packet(env, place, &packet, FrameFacts::of(frame), &[]);
            }
        });
        self.lobby = lobby;
        place
    }

    fn not_in_flow(&mut self, reason: NotInFlow, frames: u64) {
        *self.not_in_flows.entry(reason).or_default() += frames;
    }

    /// A packet whose payload is whole. `frame` brought it, and is counted here; where it was put together, `earlier` ones did,
    /// which have been. Gives what is known of its headers from now on.
    #[inline(never)]
    fn count_packet(
        &mut self,
        env: Settings<'_>,
        place: usize,
        packet: &Dissected<'_>,
        frame: FrameFacts,
        earlier: &[FrameFacts],
    ) -> Option<CachedFlow> {
        let Self { flows, epoch, changed, conversations, outbox, scratch, .. } = self;
        let flow = flows.get_mut(place)?;
        if flow.touched != *epoch {
            flow.touched = *epoch;
            changed.push(place as u32);
        }
        let transport = flow.transport_place(packet.transport);
        flow.facts.note(packet, frame.at.frame);
        let known = CachedFlow { flow: place, transport, epoch: flow.facts.epoch() };
        count_body(
            PacketContext { env, scratch, conversations, outbox },
            flow,
            transport,
            &packet.content(),
            frame,
            earlier,
        );
        if self.scratch.has_hole {
            self.look_for_acknowledgement(env, place, transport, frame);
        }
        Some(known)
    }

    /// A TCP stream waits behind a hole: where the other direction has acknowledged its bytes, waiting is in vain.
    #[cold]
    fn look_for_acknowledgement(&mut self, env: Settings<'_>, place: usize, transport: usize, frame: FrameFacts) {
        self.scratch.has_hole = false;
        let Some(FlowKey { src, dst, vlan }) = self.flows.get(place).map(|flow| flow.key) else { return };
        let back = PackedKey::of_key(&FlowKey { src: dst, dst: src, vlan });
        let Some(other) = self.find(back.hash(&self.seeds), &back) else { return };
        let other = self.flows.get(other as usize);
        let acknowledges = other.and_then(|other| other.transports().find_map(|of| of.tcp.as_ref()?.acknowledges));
        let Some(acknowledges) = acknowledges else { return };
        let Self { flows, conversations, outbox, scratch, .. } = self;
        let Some(FlowEntry { key, transport: first, others, .. }) = flows.get_mut(place) else { return };
        let Some(transport) = transport.checked_sub(1).map_or(Some(first), |other| others.get_mut(other)) else {
            return;
        };
        let like = last_packet(key, transport, frame.at);
        PacketContext { env, scratch, conversations, outbox }.acknowledged(transport, &like, acknowledges, frame);
    }

    /// Decodes all deferred flows, and defers none from now on.
    pub(crate) fn let_all_through(&mut self, env: Settings<'_>) {
        for (hash, deferred) in self.lobby.close(|key| key.hash(&self.seeds)) {
            self.let_through(env, hash, deferred);
        }
    }

    /// Forgets all flows, and keeps some of their memory.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.flows.clear();
        self.header_cache.clear();
        self.outbox.clear();
    }

    /// Nothing more will come: what waits is counted, and what is likely enough is believed.
    pub(crate) fn finish(&mut self, env: Settings<'_>) {
        self.release_expired(env, None);
        let Self { flows, conversations, outbox, scratch, .. } = self;
        let mut work = PacketContext { env, scratch, conversations, outbox };
        flows.iter_mut().for_each(|flow| conclude(&mut work, flow));
    }

    /// Nothing more will come of one flow: what is likely enough is believed.
    pub(crate) fn conclude(&mut self, env: Settings<'_>, place: usize) {
        let Self { flows, conversations, outbox, scratch, .. } = self;
        if let Some(flow) = flows.get_mut(place) {
            conclude(&mut PacketContext { env, scratch, conversations, outbox }, flow);
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
        self.header_cache.clear();
    }
}

/// Believes what is likely enough of a flow.
fn conclude(work: &mut PacketContext<'_>, flow: &mut FlowEntry) {
    let (key, changed, last_seen) = (flow.key, flow.changed, flow.last_seen);
    for transport in flow.transports_mut() {
        let like = last_packet(&key, transport, Occurrence { frame: changed, time: last_seen });
        if transport.tcp.is_some() {
            work.settle_stream(transport, &like);
        } else {
            work.conclude(transport, &like);
        }
    }
}

/// A packet without payload like the last one of a flow, for what waited for further ones.
fn last_packet<'k>(flow: &'k FlowKey, transport: &TransportEntry, at: Occurrence) -> Packet<'k> {
    Packet {
        frame: at.frame,
        time: at.time,
        flow,
        transport: transport.transport,
        ether_type: None,
        wire_length: 0,
        payload: &[],
        offset: 0,
        missing: 0,
        is_stream: transport.tcp.is_some(),
    }
}

/// Counts and decodes a packet. `frame` brought it, and is counted here; `earlier` ones have been.
#[inline(always)]
fn count_body(
    mut work: PacketContext<'_>,
    flow: &mut FlowEntry,
    transport: usize,
    content: &PacketBody<'_>,
    mut frame: FrameFacts,
    earlier: &[FrameFacts],
) {
    let interval_ns = work.env.options.interval_ns;
    frame.is_copy = flow.copies.is_copy(content, &frame, work.env.options.copy_window_ns);
    flow.note_frame(&frame, interval_ns);
    if !work.env.options.burst_windows_ns.is_empty() {
        flow.note_burst(&frame, &work.env.options.burst_windows_ns);
    }
    let FlowEntry { key, transport: first, others, .. } = flow;
    let Some(transport) = transport.checked_sub(1).map_or(Some(first), |other| others.get_mut(other)) else { return };
    if work.env.options.samples_unidentified && !frame.is_copy {
        Sample::note(&mut transport.sample, content);
    }
    if frame.is_copy {
        transport.count_copy(&frame, !content.payload.is_empty(), interval_ns);
        return;
    }
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

/// Records the properties of a cached header again after they have changed.
#[cold]
fn note_facts(flow: &mut FlowEntry, header_cache: &mut HeaderCache, frame: Frame<'_>) {
    let facts = &mut flow.facts;
    let is_known = header_cache.note_again(&frame, |packet| {
        facts.note(packet, frame.number);
        facts.epoch()
    });
    let mut packet = Dissected::new(&frame);
    if !is_known && dissect(&frame, &mut packet).is_ok() {
        facts.note(&packet, frame.number);
    }
}
