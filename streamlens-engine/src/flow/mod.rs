//! What is kept of a flow: counts and statistics at each level, in as little memory as its traffic allows.
//!
//! Most flows have one transport, one encoding and one packet type, and then the intervals at all four levels are the
//! same. So a level keeps timing statistics of its own only from the frame on at which they begin to differ from
//! those of the level above: until then it is *shared*, and one update serves all four.

mod bursts;
mod copies;
mod encoding;
mod ether_types;
mod facts;
mod joined;
mod listed;
pub(crate) mod pdu;
mod sample;
mod series;

use streamlens_decoders::Confidence;
use streamlens_model::{FlowKey, Timestamp, TimingStatistics, Transport};
use streamlens_registry::DecoderIndex;

pub(crate) use self::bursts::Bursts;
pub(crate) use self::copies::MirrorFilter;
pub(crate) use self::encoding::{EncodingEntry, STREAM_GAP, TypeEntry};
pub(crate) use self::ether_types::EtherTypes;
pub(crate) use self::facts::LinkProperties;
pub(crate) use self::joined::{JoinedCounts, JoinedDatagrams, parts};
pub(crate) use self::listed::LISTS_FRAMES;
pub(crate) use self::pdu::{FrameFacts, Pdu, Pdus};
pub(crate) use self::sample::Sample;
pub(crate) use self::series::{IntervalSeries, MOST_INTERVALS, add_up};
use crate::dissect::Dissected;
use crate::identify::IdentificationWindow;
use crate::key::PackedKey;
use crate::look::ShownFlow;
use crate::tcp::TcpStream;

/// One direction between two endpoints.
#[derive(Debug)]
pub(crate) struct FlowEntry {
    pub(crate) packed: PackedKey,
    pub(crate) key: FlowKey,
    /// How many flows had its place in the table before.
    pub(crate) generation: u32,
    /// Whether its place in the table has no flow.
    pub(crate) is_vacant: bool,
    /// The last epoch in which it had a frame; 0 before the first look.
    pub(crate) touched: u32,
    /// What readers were shown of it; `None` where nobody looks.
    pub(crate) shown: Option<Box<ShownFlow>>,
    /// The frame that made it.
    pub(crate) created: u64,
    /// The frame that last changed it.
    pub(crate) changed: u64,
    pub(crate) first_seen: Option<Timestamp>,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) facts: LinkProperties,
    pub(crate) copies: MirrorFilter,
    /// The first transport; nearly always the only one.
    pub(crate) transport: TransportEntry,
    pub(crate) others: Vec<TransportEntry>,
    /// Intervals of the flow, from the second transport on.
    timing: Option<Box<TimingStatistics>>,
    pub(crate) series: Option<Box<IntervalSeries>>,
    /// Its fullest moments, where they are asked for.
    pub(crate) bursts: Option<Box<Bursts>>,
}

impl FlowEntry {
    pub(crate) fn new(packed: PackedKey, packet: &Dissected<'_>, frame: u64) -> Self {
        Self {
            packed,
            key: packet.flow_key(),
            generation: 0,
            is_vacant: false,
            touched: 0,
            shown: None,
            created: frame,
            changed: frame,
            first_seen: None,
            last_seen: None,
            facts: LinkProperties::default(),
            copies: MirrorFilter::default(),
            transport: TransportEntry::new(packet.transport),
            others: Vec::new(),
            timing: None,
            series: None,
            bursts: None,
        }
    }

    /// What is left in the place of a flow that ended: only the generation means anything.
    pub(crate) fn vacant(of: &Self) -> Self {
        Self {
            packed: of.packed,
            key: of.key,
            generation: of.generation,
            is_vacant: true,
            touched: 0,
            shown: None,
            created: 0,
            changed: 0,
            first_seen: None,
            last_seen: None,
            facts: LinkProperties::default(),
            copies: MirrorFilter::default(),
            transport: TransportEntry::new(of.transport.transport),
            others: Vec::new(),
            timing: None,
            series: None,
            bursts: None,
        }
    }

    /// The transports, in order of their first frames.
    pub(crate) fn transports(&self) -> impl Iterator<Item = &TransportEntry> {
        std::iter::once(&self.transport).chain(&self.others)
    }

    /// The transports, to be changed.
    pub(crate) fn transports_mut(&mut self) -> impl Iterator<Item = &mut TransportEntry> {
        std::iter::once(&mut self.transport).chain(&mut self.others)
    }

    pub(crate) fn packets(&self) -> u64 {
        self.transports().map(|transport| transport.packets).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.transports().map(|transport| transport.bytes).sum()
    }

    pub(crate) fn timing(&self) -> &TimingStatistics {
        self.timing.as_deref().unwrap_or(&self.transport.timing)
    }

    /// Place of a transport among [`Self::transports`]; made where it is new.
    #[inline(always)]
    pub(crate) fn transport_place(&mut self, transport: Transport) -> usize {
        if self.transport.transport == transport {
            return 0;
        }
        if let Some(place) = self.others.iter().position(|other| other.transport == transport) {
            return place + 1;
        }
        if self.timing.is_none() {
            self.timing = Some(Box::new(self.transport.timing.clone()));
        }
        self.others.push(TransportEntry::new(transport));
        self.others.len()
    }

    /// Records a frame at the level of the flow.
    #[inline(always)]
    pub(crate) fn note_frame(&mut self, frame: &FrameFacts, interval_ns: Option<u64>) {
        self.changed = self.changed.max(frame.at.frame);
        match (frame.at.time, self.last_seen) {
            (Some(time), Some(last)) if last <= time => self.last_seen = Some(time),
            (Some(time), _) => self.note_time(time),
            (None, _) => {}
        }
        if let Some(timing) = &mut self.timing {
            timing.push(frame.at.time, frame.at.frame);
        }
        IntervalSeries::note(&mut self.series, interval_ns, frame.at.time, u64::from(frame.wire_length));
    }

    /// Records a frame for the fullest moments.
    #[cold]
    pub(crate) fn note_burst(&mut self, frame: &FrameFacts, windows_ns: &[u64]) {
        if let Some(time) = frame.at.time {
            self.bursts.get_or_insert_with(|| Box::new(Bursts::new(windows_ns))).push(time, frame.wire_length);
        }
    }

    /// The time of the first frame that has one, or of one that is earlier than another.
    #[cold]
    fn note_time(&mut self, time: Timestamp) {
        self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
        self.last_seen = Some(self.last_seen.map_or(time, |last| last.max(time)));
    }
}

/// One transport of a flow.
#[derive(Debug)]
pub(crate) struct TransportEntry {
    pub(crate) transport: Transport,
    /// Which encoding took the last payload: it is asked first.
    pub(crate) current: u8,
    /// Whether the intervals of the first encoding are those of the transport.
    shared: bool,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) timing: TimingStatistics,
    pub(crate) encodings: Vec<EncodingEntry>,
    /// Payloads, and how many of them no decoder has taken.
    pub(crate) unclaimed: u64,
    /// Of Ethernet: the types of frames that no decoder has taken.
    pub(crate) foreign_types: EtherTypes,
    /// What is held while nothing is identified.
    pub(crate) young: Option<Box<IdentificationWindow>>,
    /// What remains of the candidates of its identification window.
    pub(crate) candidates: Vec<(DecoderIndex, Confidence)>,
    pub(crate) tcp: Option<Box<TcpStream>>,
    pub(crate) series: Option<Box<IntervalSeries>>,
    /// What its payloads look like, where that is asked for.
    pub(crate) sample: Option<Box<Sample>>,
}

impl TransportEntry {
    fn new(transport: Transport) -> Self {
        Self {
            transport,
            current: 0,
            shared: false,
            packets: 0,
            bytes: 0,
            timing: TimingStatistics::default(),
            encodings: Vec::new(),
            unclaimed: 0,
            foreign_types: EtherTypes::default(),
            young: None,
            candidates: Vec::new(),
            tcp: None,
            series: None,
            sample: None,
        }
    }

    /// Adds an encoding and gives its place. Where no frame of the transport has been counted yet, it shares the
    /// transport's intervals for as long as every frame is its own.
    pub(crate) fn add_encoding(&mut self, mut entry: EncodingEntry) -> usize {
        if self.encodings.is_empty() && self.packets == 0 {
            self.shared = true;
        } else {
            entry.timing = Some(Box::default());
        }
        if self.encodings.capacity() == 0 {
            self.encodings.reserve_exact(1);
        }
        self.encodings.push(entry);
        self.encodings.len() - 1
    }

    /// Takes out the encoding that was added last, where it has come to nothing.
    pub(crate) fn drop_last_encoding(&mut self) -> Option<EncodingEntry> {
        let last = self.encodings.pop();
        self.shared &= !self.encodings.is_empty();
        self.current = 0;
        last
    }

    /// Lets an encoding that has taken every frame of the transport share its intervals.
    pub(crate) fn share_if_whole(&mut self) {
        if let [only] = self.encodings.as_mut_slice()
            && only.packets == self.packets
            && !only.has_copies()
        {
            only.timing = None;
            self.shared = true;
        }
    }

    /// Intervals of an encoding's frames.
    pub(crate) fn encoding_timing<'a>(&'a self, encoding: &'a EncodingEntry) -> &'a TimingStatistics {
        encoding.timing.as_deref().unwrap_or(&self.timing)
    }

    /// Counts a frame: for the transport, and for the encoding whose payload it brought, with the PDUs it completed.
    #[inline(always)]
    pub(crate) fn count(&mut self, frame: &FrameFacts, claim: Option<usize>, pdus: &Pdus, interval_ns: Option<u64>) {
        if self.shared && claim != Some(0) {
            self.unshare();
        }
        if let Some(encoding) = claim.and_then(|place| self.encodings.get_mut(place)) {
            encoding.count(frame, pdus, &self.timing, interval_ns);
        }
        self.packets += 1;
        self.bytes += u64::from(frame.wire_length);
        self.timing.push(frame.at.time, frame.at.frame);
        self.note_interval(interval_ns, frame);
    }

    /// Counts a frame in its interval of time, or lists it, where either is asked for.
    #[inline(always)]
    fn note_interval(&mut self, interval_ns: Option<u64>, frame: &FrameFacts) {
        match interval_ns {
            None => {}
            Some(LISTS_FRAMES) => self.list(frame.at.frame),
            Some(length) => {
                IntervalSeries::count(&mut self.series, length, frame.at.time, u64::from(frame.wire_length));
            }
        }
    }

    /// Counts a copy of a frame: it was captured, and enters the intervals of the flow and the transport, which are those of
    /// all frames. An encoding that takes the payloads of its flow counts it, and nothing else there is new.
    #[cold]
    pub(crate) fn count_copy(&mut self, frame: &FrameFacts, has_payload: bool, interval_ns: Option<u64>) {
        if self.shared {
            self.unshare();
        }
        self.packets += 1;
        self.bytes += u64::from(frame.wire_length);
        self.timing.push(frame.at.time, frame.at.frame);
        self.note_interval(interval_ns, frame);
        if !has_payload {
            return;
        }
        match (&mut self.young, self.encodings.get_mut(usize::from(self.current))) {
            (_, Some(encoding)) => encoding.count_copy(frame, interval_ns),
            (Some(young), None) => young.hold_copy(*frame),
            (None, None) => {}
        }
    }

    /// Gives the first encoding intervals of its own.
    #[cold]
    fn unshare(&mut self) {
        self.shared = false;
        if let Some(first) = self.encodings.first_mut() {
            first.timing = Some(Box::new(self.timing.clone()));
        }
    }

    /// Counts a frame for an encoding alone, where the transport has counted it before.
    #[inline(never)]
    pub(crate) fn count_again(&mut self, frame: FrameFacts, claim: usize, pdus: &Pdus, interval_ns: Option<u64>) {
        if let Some(encoding) = self.encodings.get_mut(claim) {
            encoding.count(&frame, pdus, &self.timing, interval_ns);
        }
    }
}
