//! What a decoder says of one PDU: the buffer that the engine reuses from PDU to PDU.

use std::borrow::Cow;

use streamlens_model::stats::Sequence;
use streamlens_model::{Severity, StreamId, Value};

/// A decoder's own number for a kind of PDU: a message type, a payload type, a command. Its name is made from it by
/// [`StreamDecoder::packet_type`](crate::StreamDecoder::packet_type) when a result is shown, so that nothing is
/// formatted per packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketType(pub u32);

/// Whether the bytes taken end a PDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PduState {
    /// A whole PDU.
    #[default]
    Whole,
    /// A PDU that loss or a snap length has cut: it counts under its type, marked incomplete.
    Cut,
    /// The bytes are of this protocol and end no PDU: a segment in the middle, keep-alive filling.
    Unfinished,
}

/// A time carried in a packet, on a clock of a known rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaClock {
    /// The reading.
    pub ticks: u64,
    /// Its width in bits, 1 to 64; it wraps at two to that power.
    pub bits: u8,
    /// Ticks per second, above 0.
    pub rate_hz: u64,
}

impl MediaClock {
    /// A drift against the capture's clock is given where its standard error leaves it known within so many parts per million, or
    /// within half of itself.
    pub const KNOWN_WITHIN_PPM: f64 = 10.0;
}

/// One stream that a PDU belongs to, with its number and time there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamMark {
    /// Which stream.
    pub id: StreamId,
    /// Its number in that stream.
    pub sequence: Option<Sequence>,
    /// Its time on that stream's clock.
    pub clock: Option<MediaClock>,
}

/// What a decoder says of one PDU. The engine clears it before each call; `Default` makes an empty one.
#[derive(Debug, Default)]
pub struct DecodingResult {
    /// The kind of PDU.
    pub packet_type: PacketType,
    /// Whether it is whole.
    pub state: PduState,
    /// Whether it could as well be another protocol's: it decodes, and is no evidence that the flow is of this one. A decoder
    /// that has to be proved by its neighbours says so of what they don't bear out.
    pub is_doubtful: bool,
    /// Its length in bytes where that differs from the bytes taken: a PDU put together from several datagrams.
    pub pdu_length: Option<u32>,
    marks: [StreamMark; Self::MAX_MARKS],
    mark_count: usize,
    flags: Vec<Flag>,
    wants_fields: bool,
    fields: Vec<(&'static str, Value)>,
    nested: Vec<(PacketType, u32)>,
    published: Vec<u8>,
    is_published: bool,
    /// Whether there is anything but marks: most PDUs have no more.
    has_more: bool,
    /// Whether there is anything in the lists, which what is published is not.
    has_lists: bool,
}

/// A fault that a stateless decoder saw in one PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Stable code of the finding.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// In which stream.
    pub stream: Option<StreamId>,
    /// What is wrong, in a sentence.
    pub text: Cow<'static, str>,
}

impl DecodingResult {
    /// The most streams that one PDU can belong to; further ones are not kept.
    pub const MAX_MARKS: usize = 4;

    /// An empty result; `wants_fields` says whether fields beyond the packet type are asked for.
    #[must_use]
    pub fn new(wants_fields: bool) -> Self {
        Self { wants_fields, ..Self::default() }
    }

    /// Empties it for the next PDU and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.packet_type = PacketType(0);
        self.state = PduState::Whole;
        self.is_doubtful = false;
        self.pdu_length = None;
        self.mark_count = 0;
        if self.has_more {
            self.published.clear();
            (self.is_published, self.has_more) = (false, false);
            if self.has_lists {
                self.clear_lists();
            }
        }
    }

    #[inline(never)]
    fn clear_lists(&mut self) {
        self.flags.clear();
        self.fields.clear();
        self.nested.clear();
        self.has_lists = false;
    }

    /// Says that a PDU of a protocol of its own lies whole inside this one: a mailbox message in an EtherCAT datagram. It
    /// is counted below this one's packet type, under a packet type of its own; its `length` in bytes is part of this
    /// one's.
    pub fn nest(&mut self, packet_type: PacketType, length: u32) {
        self.nested.push((packet_type, length));
        (self.has_more, self.has_lists) = (true, true);
    }

    /// Whether there is more than a packet type and marks: flags, fields, PDUs inside this one, or bytes that were published.
    #[must_use]
    #[inline]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The PDUs inside this one: packet type and length in bytes.
    #[must_use]
    #[inline]
    pub fn nested(&self) -> &[(PacketType, u32)] {
        &self.nested
    }

    /// Says that the PDU belongs to a stream.
    #[inline]
    pub fn mark(&mut self, mark: StreamMark) {
        if let Some(slot) = self.marks.get_mut(self.mark_count) {
            *slot = mark;
            self.mark_count += 1;
        }
    }

    /// Says that the PDU belongs to a stream in which it has a sequence number.
    #[inline]
    pub fn sequence(&mut self, id: StreamId, sequence: Sequence) {
        self.mark(StreamMark { id, sequence: Some(sequence), clock: None });
    }

    /// The streams that the PDU belongs to.
    #[must_use]
    #[inline]
    pub fn marks(&self) -> &[StreamMark] {
        self.marks.get(..self.mark_count).unwrap_or_default()
    }

    /// Points out a fault in this PDU. For decoders without state; those with state keep a
    /// [`FindingLog`](streamlens_model::FindingLog) and make the sentence only once.
    pub fn flag(&mut self, code: &'static str, severity: Severity, stream: Option<StreamId>, text: &'static str) {
        (self.has_more, self.has_lists) = (true, true);
        self.flags.push(Flag { code, severity, stream, text: Cow::Borrowed(text) });
    }

    /// The faults pointed out.
    #[must_use]
    pub fn flags(&self) -> &[Flag] {
        &self.flags
    }

    /// Whether fields are asked for. Making them may allocate, so a decoder looks here first.
    #[must_use]
    #[inline]
    pub fn wants_fields(&self) -> bool {
        self.wants_fields
    }

    /// Adds a named field, where fields are asked for: by whoever decodes single packets. The engine asks for none, and an analysis
    /// has none; what is to be in its result are marks, measures of a stream, and facts of a report.
    #[inline]
    pub fn field(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.wants_fields {
            self.fields.push((name, value.into()));
            (self.has_more, self.has_lists) = (true, true);
        }
    }

    /// The fields, in the order of the wire.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, Value)] {
        &self.fields
    }

    /// Hands bytes of this PDU (the PDU itself, or a compact record of the decoder's own making) on to the decoder's
    /// [`NetworkMonitor`](crate::NetworkMonitor). They are copied, so a decoder publishes only what spans flows.
    #[inline]
    pub fn publish(&mut self, bytes: &[u8]) {
        self.published.extend_from_slice(bytes);
        (self.is_published, self.has_more) = (true, true);
    }

    /// What was published; `None` where nothing was.
    #[must_use]
    #[inline]
    pub fn published(&self) -> Option<&[u8]> {
        self.is_published.then_some(self.published.as_slice())
    }
}
