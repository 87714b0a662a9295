//! What is kept of an encoding and its packet types.

use std::fmt;

use streamlens_decoders::{FlowDecoder, PacketType, PduState};
use streamlens_model::{FindingLog, TimingStatistics};
use streamlens_registry::DecoderIndex;

use super::{FrameFacts, IntervalSeries, JoinedDatagrams, LISTS_FRAMES, Pdu, Pdus};
use crate::health::Streams;

/// An application protocol found in a transport of a flow.
pub(crate) struct EncodingEntry {
    pub(crate) decoder: DecoderIndex,
    /// Whether every frame so far brought exactly one PDU of the first type.
    type_shared: bool,
    pub(crate) counted_from_start: bool,
    /// The ether type of the last payload it took, which need not be asked about again.
    pub(crate) ether_type: Option<u16>,
    pub(crate) packets: u64,
    /// Of these, copies of others.
    pub(crate) copies: u64,
    pub(crate) bytes: u64,
    /// Intervals of its frames; `None` while they are those of the transport.
    pub(crate) timing: Option<Box<TimingStatistics>>,
    /// Wire bytes that no PDU has taken yet.
    unassigned: u64,
    pub(crate) types: Vec<TypeEntry>,
    last_type: usize,
    /// Kinds of PDUs that lie in others.
    pub(crate) nested: Vec<NestedEntry>,
    pub(crate) streams: Streams,
    pub(crate) flow_decoder: Option<Box<dyn FlowDecoder>>,
    /// The interface that captured the last payload it took.
    pub(crate) interface: Option<u16>,
    /// The paths by which its payloads came, where they are several.
    paths: Vec<PathEntry>,
    /// Place of its conversation's monitor.
    pub(crate) conversation: Option<u32>,
    /// The evidence at identification.
    pub(crate) confidence: f32,
    pub(crate) reason: &'static str,
    /// What else was possible then, if anything.
    pub(crate) preferred_to: Option<(DecoderIndex, f32)>,
    pub(crate) identified_at: u64,
    /// Payloads (segments of a stream: PDUs) taken.
    pub(crate) taken: u64,
    /// Payloads refused by it and by all others.
    pub(crate) refused: u64,
    pub(crate) malformed: u64,
    /// Sequence numbers that ran on.
    pub(crate) follows: u64,
    pub(crate) findings: Option<Box<FindingLog>>,
    pub(crate) joined: JoinedDatagrams,
    pub(crate) series: Option<Box<IntervalSeries>>,
}

impl fmt::Debug for EncodingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodingEntry").field("decoder", &self.decoder).field("packets", &self.packets).finish()
    }
}

/// Paths of an encoding that are kept apart; what comes by further ones counts as come by the last.
const MAX_PATHS: usize = 8;

/// A path by which payloads of an encoding come: an interface of the capture. The legs of a redundant pair (ST 2022-7) may have
/// the same addresses, so it is not the addresses of a flow that tell them from each other.
struct PathEntry {
    interface: u16,
    /// Its decoder of the flow, while payloads come by another path.
    flow_decoder: Option<Box<dyn FlowDecoder>>,
}

/// The code of the finding about a hole in a byte stream.
pub(crate) const STREAM_GAP: &str = "tcp.gap";

/// One kind of PDU.
#[derive(Debug)]
pub(crate) struct TypeEntry {
    pub(crate) kind: PacketType,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) incomplete: u64,
    pub(crate) shortest: u32,
    pub(crate) longest: u32,
    /// Sum of the PDUs' own lengths.
    pub(crate) length_sum: u64,
    timing: Option<Box<TimingStatistics>>,
    pub(crate) series: Option<Box<IntervalSeries>>,
}

/// One kind of PDU that lies in PDUs of another.
#[derive(Debug)]
pub(crate) struct NestedEntry {
    pub(crate) within: PacketType,
    pub(crate) entry: TypeEntry,
}

impl EncodingEntry {
    /// Holes in the byte stream that carries it: so often was that found.
    pub(crate) fn stream_gaps(&self) -> u64 {
        let log = self.findings.iter().flat_map(|log| log.iter());
        log.filter(|(code, ..)| *code == STREAM_GAP).map(|(_, _, found)| found.count).sum()
    }

    pub(crate) fn new(decoder: DecoderIndex, flow_decoder: Option<Box<dyn FlowDecoder>>) -> Self {
        Self {
            decoder,
            type_shared: false,
            ether_type: None,
            counted_from_start: true,
            packets: 0,
            copies: 0,
            bytes: 0,
            timing: None,
            unassigned: 0,
            types: Vec::new(),
            last_type: 0,
            nested: Vec::new(),
            streams: Streams::default(),
            flow_decoder,
            interface: None,
            paths: Vec::new(),
            conversation: None,
            confidence: 0.0,
            reason: "",
            preferred_to: None,
            identified_at: 0,
            taken: 0,
            refused: 0,
            malformed: 0,
            follows: 0,
            findings: None,
            joined: JoinedDatagrams::default(),
            series: None,
        }
    }

    /// What comes from now on was captured by another interface: it comes by another path, which has numbers, clocks and a
    /// decoder of its own, that `make` makes.
    #[cold]
    #[inline(never)]
    pub(crate) fn turn_to_interface(&mut self, interface: u16, make: impl FnOnce() -> Option<Box<dyn FlowDecoder>>) {
        let Some(before) = self.interface.replace(interface) else { return };
        if self.paths.is_empty() {
            self.paths.push(PathEntry { interface: before, flow_decoder: None });
        }
        let known = self.paths.iter().position(|path| path.interface == interface);
        let place = match known {
            Some(place) => place,
            None if self.paths.len() < MAX_PATHS => {
                self.paths.push(PathEntry { interface, flow_decoder: make() });
                self.paths.len() - 1
            }
            None => MAX_PATHS - 1,
        };
        let now = usize::from(self.streams.path());
        if now == place {
            return;
        }
        if let Some(path) = self.paths.get_mut(now) {
            path.flow_decoder = self.flow_decoder.take();
        }
        if let Some(path) = self.paths.get_mut(place) {
            self.flow_decoder = path.flow_decoder.take();
        }
        self.streams.turn_to_path(place as u8);
    }

    /// The interface of a path, where there are several.
    pub(crate) fn interface_of(&self, path: u8) -> Option<u16> {
        self.paths.get(usize::from(path)).map(|path| path.interface)
    }

    /// How many paths there are.
    pub(crate) fn path_count(&self) -> u8 {
        self.paths.len().max(1) as u8
    }

    /// The decoder of the flow for a path, where there is one.
    pub(crate) fn decoder_of(&self, path: u8) -> Option<&dyn FlowDecoder> {
        if path == self.streams.path() {
            return self.flow_decoder.as_deref();
        }
        self.paths.get(usize::from(path))?.flow_decoder.as_deref()
    }

    /// Intervals of a type's PDUs.
    pub(crate) fn type_timing<'a>(
        &'a self,
        kind: &'a TypeEntry,
        transport: &'a TimingStatistics,
    ) -> &'a TimingStatistics {
        kind.timing.as_deref().or(self.timing.as_deref()).unwrap_or(transport)
    }

    /// Gives the only type intervals of its own, where it shares the encoding's: a frame follows that is not one PDU of it.
    /// `transport` are the intervals of the transport before that frame.
    #[cold]
    fn unshare_type(&mut self, transport: &TimingStatistics) {
        if !std::mem::take(&mut self.type_shared) {
            return;
        }
        let so_far = self.timing.as_deref().unwrap_or(transport);
        if let Some(only) = self.types.first_mut() {
            only.timing = Some(Box::new(so_far.clone()));
        }
    }

    /// Counts a frame and the PDUs that it completed. The first PDU takes all wire bytes not yet given to one, less
    /// the lengths of the others; each of those takes its own. `transport` are the intervals of the transport, in which this
    /// frame is not counted yet.
    #[inline(always)]
    pub(super) fn count(
        &mut self,
        frame: &FrameFacts,
        pdus: &Pdus,
        transport: &TimingStatistics,
        interval_ns: Option<u64>,
    ) {
        if frame.is_copy {
            return self.count_copy(frame, interval_ns);
        }
        if self.taken_none() {
            self.type_shared = self.types.is_empty() && pdus.only().is_some();
        }
        let wire = u64::from(frame.wire_length);
        self.unassigned += wire;
        match (pdus.only(), self.types.get_mut(self.last_type)) {
            (Some(pdu), Some(last)) if last.kind == pdu.kind => {
                let share = std::mem::take(&mut self.unassigned);
                last.count(frame, pdu, share, !self.type_shared, interval_ns);
            }
            _ => self.count_pdus(*frame, pdus, transport, interval_ns),
        }
        self.packets += 1;
        self.bytes += wire;
        if let Some(timing) = &mut self.timing {
            timing.push(frame.at.time, frame.at.frame);
        }
        if let Some(length) = interval_ns {
            self.note_interval(length, *frame, pdus);
        }
    }

    /// Counts a frame in its interval of time, or lists it.
    #[inline(never)]
    fn note_interval(&mut self, length: u64, frame: FrameFacts, pdus: &Pdus) {
        if length == LISTS_FRAMES {
            self.list(frame.at.frame, pdus);
        } else {
            IntervalSeries::count(&mut self.series, length, frame.at.time, u64::from(frame.wire_length));
        }
    }

    /// Whether no frame is counted yet that brought anything new.
    #[inline(always)]
    fn taken_none(&self) -> bool {
        self.packets == self.copies
    }

    /// Whether it counts copies of frames, whose intervals are not its own.
    pub(crate) fn has_copies(&self) -> bool {
        self.copies > 0
    }

    /// Counts a copy of a frame: it brings no PDU.
    #[cold]
    pub(super) fn count_copy(&mut self, frame: &FrameFacts, interval_ns: Option<u64>) {
        self.packets += 1;
        self.copies += 1;
        self.bytes += u64::from(frame.wire_length);
        if interval_ns == Some(LISTS_FRAMES) {
            // it brings nothing that packet types or streams have
            self.series.get_or_insert_default().frames.push(frame.at.frame);
        }
        IntervalSeries::note(&mut self.series, interval_ns, frame.at.time, u64::from(frame.wire_length));
    }

    /// Counts PDUs that are not one of the type of the last one alone, or whose frame is counted already.
    #[inline(never)]
    pub(crate) fn count_pdus(
        &mut self,
        frame: FrameFacts,
        pdus: &Pdus,
        transport: &TimingStatistics,
        interval_ns: Option<u64>,
    ) {
        if !self.types.is_empty() {
            self.unshare_type(transport);
        }
        let Some(first) = &pdus.first else { return };
        let mut rest = std::mem::take(&mut self.unassigned);
        if !pdus.others.is_empty() {
            rest = self.count_others(frame, &pdus.others, rest, interval_ns);
        }
        self.count_pdu(frame, first, rest, interval_ns);
    }

    /// Counts PDUs behind the first of a frame, and gives what they leave of its wire bytes.
    fn count_others(&mut self, frame: FrameFacts, others: &[Pdu], mut rest: u64, interval_ns: Option<u64>) -> u64 {
        for pdu in others {
            if let Some(within) = pdu.within {
                self.count_nested(frame, pdu, within, interval_ns);
                continue;
            }
            let share = u64::from(pdu.length).min(rest);
            rest -= share;
            self.count_pdu(frame, pdu, share, interval_ns);
        }
        rest
    }

    #[inline(always)]
    fn count_pdu(&mut self, frame: FrameFacts, pdu: &Pdu, share: u64, interval_ns: Option<u64>) {
        if self.types.get(self.last_type).is_none_or(|last| last.kind != pdu.kind) {
            self.turn_to(pdu.kind);
        }
        if let Some(kind) = self.types.get_mut(self.last_type) {
            kind.count(&frame, pdu, share, !self.type_shared, interval_ns);
        }
    }

    /// Finds a type, or makes it.
    fn turn_to(&mut self, kind: PacketType) {
        self.last_type = self.types.iter().position(|known| known.kind == kind).unwrap_or_else(|| {
            if self.types.capacity() == 0 {
                self.types.reserve_exact(1);
            }
            self.types.push(TypeEntry::new(kind));
            self.types.len() - 1
        });
    }

    /// Counts a PDU that lies in another: its bytes are part of that one's.
    #[cold]
    fn count_nested(&mut self, frame: FrameFacts, pdu: &Pdu, within: PacketType, interval_ns: Option<u64>) {
        let known = self.nested.iter().position(|known| known.within == within && known.entry.kind == pdu.kind);
        let place = known.unwrap_or_else(|| {
            self.nested.push(NestedEntry { within, entry: TypeEntry::new(pdu.kind) });
            self.nested.len() - 1
        });
        if let Some(NestedEntry { entry, .. }) = self.nested.get_mut(place) {
            entry.count(&frame, pdu, u64::from(pdu.length), true, interval_ns);
        }
    }
}

impl TypeEntry {
    #[inline(always)]
    fn count(&mut self, frame: &FrameFacts, pdu: &Pdu, share: u64, has_timing: bool, interval_ns: Option<u64>) {
        self.packets += 1;
        self.bytes += share;
        self.incomplete += u64::from(pdu.state == PduState::Cut);
        self.shortest = self.shortest.min(pdu.length);
        self.longest = self.longest.max(pdu.length);
        self.length_sum += u64::from(pdu.length);
        if has_timing {
            self.timing.get_or_insert_default().push(frame.at.time, frame.at.frame);
        }
        IntervalSeries::note(&mut self.series, interval_ns, frame.at.time, share);
    }

    fn new(kind: PacketType) -> Self {
        Self {
            kind,
            packets: 0,
            bytes: 0,
            incomplete: 0,
            shortest: u32::MAX,
            longest: 0,
            length_sum: 0,
            timing: None,
            series: None,
        }
    }
}
