//! Payloads of TCP: the bytes of a direction in order, from which PDUs are taken as they become whole.

use streamlens_decoders::{DecodeError, PduState};
use streamlens_model::words::Counted;
use streamlens_model::{FindingLog, Occurrence, Packet, Severity, Subject, Timestamp};

use super::PacketContext;
use super::decode::decode;
use crate::dissect::TcpFacts;
use crate::flow::{EncodingEntry, FrameFacts, IntervalSeries, LISTS_FRAMES, STREAM_GAP, TransportEntry};
use crate::identify::{IdentificationWindow, Identified, MIN_CONFIDENCE};
use crate::tcp::{Delivery, MAX_PENDING, SegmentKind, TcpStream};

/// How often in one segment the search for the next PDU begins again.
const SEARCHES: usize = 16;
/// Segments with payload after which an unknown stream is looked at again, whenever they have doubled.
const LOOK_AGAIN: u64 = 16;

/// Bytes of a stream that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    /// The segments that held them are not in the capture.
    Lost(u64),
    /// The capture has cut them off, or reading begins anew: they were on the wire, as far as there are any.
    Cut(u64),
}

impl Hole {
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Lost(bytes) | Self::Cut(bytes) => bytes,
        }
    }

    /// This hole and a further one behind it.
    pub(crate) fn and(self, more: Self) -> Self {
        let bytes = self.bytes().saturating_add(more.bytes());
        match (self, more) {
            (Self::Cut(_), Self::Cut(_)) => Self::Cut(bytes),
            _ => Self::Lost(bytes),
        }
    }
}

/// Notes a hole of so many bytes. Where nothing was identified in the stream, it is not known what that means.
fn log_hole(log: &mut FindingLog, severity: Severity, lost: u64, at: Occurrence) {
    let lost = i64::try_from(lost).unwrap_or(i64::MAX);
    log.add_figure((STREAM_GAP, severity), (None, Subject::default()), at, lost, in_bytes, || {
        let are = Counted(lost.unsigned_abs(), "").are();
        format!("{} of the stream in front of this frame {are} not in the capture", in_bytes(lost))
    });
}

fn in_bytes(bytes: i64) -> String {
    Counted(bytes.unsigned_abs(), "byte").to_string()
}

/// What became of the bytes where a PDU is to begin.
enum Step {
    /// A PDU of so many bytes was taken.
    Pdu(usize),
    /// A PDU begins here, and is not whole yet.
    Incomplete,
    /// A PDU begins here, and is none that can be read.
    Malformed,
    /// No PDU begins here.
    Refused,
}

impl PacketContext<'_> {
    /// A TCP segment: finds out which encoding its payload belongs to, and counts the frame with the PDUs that it completed.
    #[inline(never)]
    pub(crate) fn segment(
        mut self,
        transport: &mut TransportEntry,
        tcp: &TcpFacts,
        packet: &Packet<'_>,
        frame: FrameFacts,
    ) {
        self.scratch.pdus.clear();
        let mut stream = transport.tcp.take().unwrap_or_default();
        if let Some(acknowledges) = tcp.acknowledged.zip(frame.at.time) {
            stream.acknowledges = Some(acknowledges);
        }
        let connections = stream.connections;
        let kind = stream.place(tcp.sequence, tcp.syn, packet.payload, packet.missing, frame);
        if stream.connections > connections
            && let Some(encoding) = transport.encodings.first_mut()
        {
            if connections > 0
                && let Some(own) = encoding.flow_decoder.as_mut()
            {
                own.on_gap(None, frame.at);
            }
            self.note_connection(encoding, Some(frame.at));
        }
        let claim = match kind {
            SegmentKind::Empty | SegmentKind::Retransmission => None,
            SegmentKind::Ahead => (!transport.encodings.is_empty() && !stream.is_lost).then_some(0),
            SegmentKind::Next { skip } => {
                let bytes = packet.payload.get(skip..).unwrap_or_default();
                stream.advance(bytes.len());
                self.bytes(transport, &mut stream, packet, bytes, frame)
            }
        };
        if packet.missing > 0 && matches!(kind, SegmentKind::Next { .. }) {
            stream.skip_missing(packet.missing);
            self.gap(transport, &mut stream, packet, Hole::Cut(packet.missing as u64), frame.at);
        }
        let delivered = self.deliveries(transport, &mut stream, packet, frame, tcp.rst);
        self.scratch.has_hole = stream.has_held();
        transport.tcp = Some(stream);
        let claim = claim.or(delivered.filter(|_| kind == SegmentKind::Ahead));
        if claim.is_none() {
            // an acknowledgement may show that a hole will not close: what lay behind it is the encoding's, the frame not
            self.count_delivered(transport, frame);
        }
        transport.count(&frame, claim, &self.scratch.pdus, self.env.options.interval_ns);
        if self.env.options.interval_ns == Some(LISTS_FRAMES) {
            let has_begun = transport.tcp.as_ref().is_some_and(|stream| !stream.pending.is_empty());
            let encoding = transport.encodings.first_mut();
            encoding.into_iter().for_each(|encoding| encoding.note_beginning(frame.at.frame, has_begun));
        }
    }

    /// Tells the monitor of the conversation that the capture holds the beginning of the connection.
    fn note_connection(&mut self, encoding: &EncodingEntry, began: Option<Occurrence>) {
        let monitor = encoding.conversation.and_then(|place| self.conversations.monitor_mut(place));
        if let (Some(monitor), Some(at)) = (monitor, began) {
            monitor.on_connection(at);
        }
    }

    /// Counts the PDUs in `scratch.pdus` for the encoding, without a frame.
    fn count_delivered(&mut self, transport: &mut TransportEntry, frame: FrameFacts) {
        if let Some(encoding) = transport.encodings.first_mut().filter(|_| self.scratch.pdus.first.is_some()) {
            encoding.count_pdus(frame, &self.scratch.pdus, &transport.timing, self.env.options.interval_ns);
            if self.env.options.interval_ns == Some(LISTS_FRAMES) {
                encoding.list_pdus(frame.at.frame, &self.scratch.pdus);
            }
            self.scratch.pdus.clear();
        }
    }

    /// Lets decoders have what lies behind a hole whose bytes the other direction `acknowledges`. `like` is the last packet of
    /// the stream; its frame was counted.
    #[cold]
    pub(crate) fn acknowledged(
        &mut self,
        transport: &mut TransportEntry,
        like: &Packet<'_>,
        acknowledges: (u32, Timestamp),
        frame: FrameFacts,
    ) {
        let Some(mut stream) = transport.tcp.take() else { return };
        self.scratch.pdus.clear();
        if frame.at.time.is_some_and(|now| stream.note_acknowledged(acknowledges, now)) {
            self.deliveries(transport, &mut stream, like, frame, false);
            self.count_delivered(transport, frame);
        }
        transport.tcp = Some(stream);
    }

    /// Lets decoders have what lies behind closed holes, or behind holes that will not close. Behind a closed one PDUs count with
    /// the frame at hand, which closed it; behind one that stays, with the frames that brought them.
    fn deliveries(
        &mut self,
        transport: &mut TransportEntry,
        stream: &mut TcpStream,
        packet: &Packet<'_>,
        frame: FrameFacts,
        flush: bool,
    ) -> Option<usize> {
        let (mut claim, mut stays_open) = (None, false);
        while stream.has_held()
            && let Some(delivery) = stream.deliver(frame.at.time, flush)
        {
            match delivery {
                Delivery::Gap { bytes, frame: own } => {
                    self.count_delivered(transport, frame);
                    stays_open = true;
                    self.gap(transport, stream, packet, Hole::Lost(bytes), own.at);
                }
                Delivery::Bytes { bytes, missing, frame: own } => {
                    // a young stream too holds the bytes' own
                    let counts_own = stays_open || transport.encodings.is_empty();
                    let with = if counts_own { own } else { frame };
                    let Occurrence { frame: number, time } = with.at;
                    let like = Packet { frame: number, time, wire_length: with.wire_length, ..*packet };
                    claim = self.bytes(transport, stream, &like, &bytes, with).or(claim);
                    if stays_open && own.at.frame != frame.at.frame {
                        self.count_delivered(transport, own);
                    }
                    if missing > 0 {
                        stream.skip_missing(missing);
                        self.gap(transport, stream, packet, Hole::Cut(missing as u64), own.at);
                    }
                }
            }
        }
        claim
    }

    /// The next bytes of the stream. Says which encoding they belong to.
    fn bytes(
        &mut self,
        transport: &mut TransportEntry,
        stream: &mut TcpStream,
        packet: &Packet<'_>,
        bytes: &[u8],
        frame: FrameFacts,
    ) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        if let Some(encoding) = transport.encodings.first_mut() {
            let taken = self.feed(encoding, stream, &Packet { payload: bytes, ..*packet }, frame);
            if !taken {
                encoding.refused += 1;
                transport.unclaimed += 1;
            }
            return taken.then_some(0);
        }
        self.unknown_bytes(transport, stream, packet, bytes, frame)
    }

    /// The next bytes of a stream of which no encoding is known. Returns the encoding that they were identified as.
    fn unknown_bytes(
        &mut self,
        transport: &mut TransportEntry,
        stream: &mut TcpStream,
        packet: &Packet<'_>,
        bytes: &[u8],
        frame: FrameFacts,
    ) -> Option<usize> {
        if let Some(pinned) = self.pinned(transport, packet) {
            return self.identify_stream(
                transport,
                stream,
                IdentificationWindow::default(),
                pinned,
                packet,
                bytes,
                frame,
            );
        }
        transport.unclaimed += 1;
        let unclaimed = transport.unclaimed;
        let mut young = match transport.young.take() {
            Some(young) => young,
            None if unclaimed == 1 || (unclaimed >= LOOK_AGAIN && unclaimed.is_power_of_two()) => {
                Box::new(IdentificationWindow::new(unclaimed > 1))
            }
            None => return None,
        };
        // the whole of what came so far is ranked: a first segment alone may be too short
        let mut joined = std::mem::take(&mut self.scratch.joined);
        joined.clear();
        young.contiguous().iter().for_each(|held| joined.extend_from_slice(&held.payload));
        joined.extend_from_slice(bytes);
        let mut whole = Packet { payload: &joined, ..*packet };
        let scratch = &mut *self.scratch;
        self.env.registry.rank(&whole, &mut scratch.ranked);
        if scratch.ranked.is_empty() && joined.len() > bytes.len() {
            // what came before may be no part of it: a name that a device sends when it is called
            whole.payload = bytes;
            self.env.registry.rank(&whole, &mut scratch.ranked);
            if !scratch.ranked.is_empty() {
                young.begin_anew();
            }
        }
        let at_once = young.weigh(&whole, self.env.registry, &scratch.ranked, &mut scratch.result);
        self.scratch.joined = joined;
        if let Some(identified) = at_once {
            transport.unclaimed = 0;
            return self.identify_stream(transport, stream, *young, identified, packet, bytes, frame);
        }
        young.hold(&Packet { payload: bytes, ..*packet }, frame, &[], true);
        if !young.is_over_for_stream() {
            transport.young = Some(young);
        } else if let Some(identified) = young.best(MIN_CONFIDENCE) {
            young.take_back();
            return self.identify_stream(transport, stream, *young, identified, packet, bytes, frame);
        } else {
            transport.candidates = young.candidates(None);
        }
        None
    }

    /// Adds the encoding, feeds it what was held, and then the bytes at hand.
    #[expect(clippy::too_many_arguments, reason = "the parts of one segment at the moment it decides")]
    fn identify_stream(
        &mut self,
        transport: &mut TransportEntry,
        stream: &mut TcpStream,
        young: IdentificationWindow,
        identified: Identified,
        packet: &Packet<'_>,
        bytes: &[u8],
        frame: FrameFacts,
    ) -> Option<usize> {
        let place = self.add_encoding(transport, &young, &identified, packet, frame.at.frame)?;
        if let Some(encoding) = transport.encodings.get(place) {
            self.note_connection(encoding, stream.began);
        }
        self.replay_stream(transport, place, stream, young, packet);
        let encoding = transport.encodings.get_mut(place)?;
        self.feed(encoding, stream, &Packet { payload: bytes, ..*packet }, frame).then_some(place)
    }

    /// Feeds an encoding the segments that were held.
    fn replay_stream(
        &mut self,
        transport: &mut TransportEntry,
        place: usize,
        stream: &mut TcpStream,
        young: IdentificationWindow,
        packet: &Packet<'_>,
    ) {
        for held in young.held {
            let Some(&frame) = held.frames.last() else { continue };
            self.scratch.pdus.clear();
            if let Some(hole) = held.behind_gap {
                self.gap(transport, stream, packet, hole, frame.at);
            }
            let Some(encoding) = transport.encodings.get_mut(place) else { return };
            let (at, wire_length, payload) = (frame.at, frame.wire_length, held.payload.as_slice());
            let like = Packet { frame: at.frame, time: at.time, wire_length, payload, ..*packet };
            if self.feed(encoding, stream, &like, frame) {
                transport.count_again(frame, place, &self.scratch.pdus, self.env.options.interval_ns);
                if self.env.options.interval_ns == Some(LISTS_FRAMES)
                    && let Some(encoding) = transport.encodings.get_mut(place)
                {
                    encoding.note_beginning(frame.at.frame, !stream.pending.is_empty());
                }
            }
        }
        self.scratch.pdus.clear();
        if let Some(hole) = young.gap {
            self.gap(transport, stream, packet, hole, Occurrence { frame: packet.frame, time: packet.time });
        }
        transport.share_if_whole();
    }

    /// Takes PDUs off what is pending and the new bytes behind it, which are the payload of `packet`. Returns whether these are of
    /// the encoding.
    fn feed(
        &mut self,
        encoding: &mut EncodingEntry,
        stream: &mut TcpStream,
        packet: &Packet<'_>,
        frame: FrameFacts,
    ) -> bool {
        let mut joined = std::mem::take(&mut stream.pending);
        let is_joined = !joined.is_empty();
        if is_joined {
            joined.extend_from_slice(packet.payload);
        }
        let data = if is_joined { joined.as_slice() } else { packet.payload };
        let (taken, is_claimed) =
            self.take_pdus(encoding, &mut stream.is_lost, &Packet { payload: data, ..*packet }, frame);
        if is_joined {
            joined.drain(..taken.min(joined.len()));
        } else {
            joined.extend_from_slice(packet.payload.get(taken..).unwrap_or_default());
        }
        stream.pending = joined;
        is_claimed
    }

    /// Takes PDUs off bytes of a stream. Returns how many bytes are done with, and whether any PDU was taken or begun. Where the
    /// place of the next PDU `is_lost`, it is searched for.
    fn take_pdus(
        &mut self,
        encoding: &mut EncodingEntry,
        is_lost: &mut bool,
        whole: &Packet<'_>,
        frame: FrameFacts,
    ) -> (usize, bool) {
        let data = whole.payload;
        let at_offset = |at| Packet { payload: data.get(at..).unwrap_or_default(), offset: at, ..*whole };
        let (mut at, mut is_claimed, mut searches) = (0, false, 0);
        while at < data.len() {
            let is_found = std::mem::take(is_lost);
            if is_found {
                searches += 1;
                match self.resynchronise(encoding, &at_offset(at)).filter(|_| searches <= SEARCHES) {
                    Some(skip) => at += skip,
                    None => {
                        *is_lost = true;
                        return (data.len(), is_claimed);
                    }
                }
            }
            let packet = Packet { missing: 0, is_stream: true, ..at_offset(at) };
            match self.take_pdu(encoding, &packet, frame) {
                Step::Pdu(length) => (at, is_claimed) = (at + length, true),
                Step::Incomplete => return (at, true),
                Step::Malformed => (at, *is_lost) = (at + 1, true),
                // what was found is none after all
                Step::Refused => (at, *is_lost) = (at + usize::from(is_found), true),
            }
        }
        (at, is_claimed)
    }

    /// Returns the bytes in front of what may be the next PDU. `packet.missing` says how many bytes the capture has cut off
    /// behind its payload.
    fn resynchronise(&self, encoding: &EncodingEntry, packet: &Packet<'_>) -> Option<usize> {
        let decoder = self.env.registry.decoder(encoding.decoder)?;
        let skip = decoder.resynchronise(&Packet { is_stream: true, ..*packet })?;
        (skip < packet.payload.len()).then_some(skip)
    }

    /// Takes the PDU at the front of a stream's bytes.
    fn take_pdu(&mut self, encoding: &mut EncodingEntry, packet: &Packet<'_>, frame: FrameFacts) -> Step {
        match decode(encoding, self.env.registry, packet, &mut self.scratch.result) {
            Ok(taken) if taken > 0 => {
                let taken = taken.min(packet.payload.len());
                self.note_pdu(encoding, packet, taken, &frame);
                encoding.taken += 1;
                Step::Pdu(taken)
            }
            Err(DecodeError::Incomplete { .. }) if packet.payload.len() < MAX_PENDING => Step::Incomplete,
            Err(DecodeError::Malformed { .. } | DecodeError::Incomplete { .. }) => {
                encoding.malformed += 1;
                Step::Malformed
            }
            Ok(_) | Err(DecodeError::Refused { .. }) => Step::Refused,
        }
    }

    /// A hole in the stream: what was begun is cut, and the next PDU has to be found.
    fn gap(
        &mut self,
        transport: &mut TransportEntry,
        stream: &mut TcpStream,
        packet: &Packet<'_>,
        hole: Hole,
        at: Occurrence,
    ) {
        let Some(encoding) = transport.encodings.first_mut() else {
            if let Hole::Lost(lost @ 1..) = hole {
                log_hole(stream.holes.get_or_insert_default(), Severity::Warning, lost, at);
            }
            if let Some(young) = &mut transport.young {
                young.note_gap(hole);
            }
            return;
        };
        let bytes = hole.bytes();
        if let Hole::Lost(lost @ 1..) = hole {
            IntervalSeries::note_lost(&mut encoding.series, self.env.options.interval_ns, at.time, 1);
            log_hole(encoding.findings.get_or_insert_default(), Severity::Error, lost, at);
        }
        let pending = std::mem::take(&mut stream.pending);
        let mut ends_there = false;
        if !pending.is_empty() {
            let missing = usize::try_from(bytes).unwrap_or(usize::MAX / 2);
            let cut = Packet { payload: &pending, offset: 0, missing, is_stream: false, ..*packet };
            if decode(encoding, self.env.registry, &cut, &mut self.scratch.result).is_ok_and(|taken| taken > 0) {
                self.scratch.result.state = PduState::Cut;
                let length = self.scratch.result.pdu_length.map(u64::from);
                ends_there = length == Some((pending.len() as u64).saturating_add(bytes));
                let frame = FrameFacts { at, wire_length: 0, interface: 0, is_copy: false };
                self.note_pdu(encoding, &cut, pending.len(), &frame);
            }
        }
        // where the hole ends with the PDU, the next one is in step
        stream.is_lost = !ends_there;
        if let Some(own) = &mut encoding.flow_decoder {
            own.on_gap(Some(bytes), at);
        }
    }

    /// The end of the stream: what waits behind holes is delivered, and what is likely enough believed.
    pub(crate) fn settle_stream(&mut self, transport: &mut TransportEntry, like: &Packet<'_>) {
        let Some(mut stream) = transport.tcp.take() else { return };
        self.scratch.pdus.clear();
        let frame = FrameFacts {
            at: Occurrence { frame: like.frame, time: like.time },
            wire_length: 0,
            interface: 0,
            is_copy: false,
        };
        self.deliveries(transport, &mut stream, like, frame, true);
        self.count_delivered(transport, frame);
        if let Some(young) = transport.young.take() {
            match young.best(MIN_CONFIDENCE) {
                None => transport.candidates = young.candidates(None),
                Some(identified) => {
                    if let Some(place) = self.add_encoding(transport, &young, &identified, like, like.frame) {
                        if let Some(encoding) = transport.encodings.get(place) {
                            self.note_connection(encoding, stream.began);
                        }
                        self.replay_stream(transport, place, &mut stream, *young, like);
                        if transport.encodings.get(place).is_some_and(|encoding| encoding.packets == 0) {
                            transport.drop_last_encoding();
                        }
                    }
                }
            }
        }
        transport.tcp = Some(stream);
    }
}
