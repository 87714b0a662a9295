//! Which protocol a flow carries: decoders are ranked while it is young, the evidence of its neighbours lets a
//! confidence grow or fall, and what was held is replayed as if it had been known from the start.

use std::fmt;

use smallvec::SmallVec;
use streamlens_decoders::{
    Confidence, DecodeError, DecodingResult, FlowDecoder, Joined, Sequence, StreamDecoder, StreamMark,
};
use streamlens_model::{FlowKey, Packet, StreamId};
use streamlens_registry::{DecoderIndex, DecoderRegistry, Ranked};

use crate::flow::{FrameFacts, parts};
use crate::work::Hole;

/// Payloads that a young flow holds.
pub(crate) const YOUNG_PAYLOADS: usize = 8;
/// Frames of one payload that are held, copies of them included.
const MAX_FRAMES: usize = 64;
/// Bytes of payload that a young flow holds.
pub(crate) const YOUNG_BYTES: usize = 16 * 1024;
/// Bytes that a young stream holds, if they come in no more segments than [`YOUNG_SEGMENTS`].
const YOUNG_STREAM_BYTES: usize = 512;
/// Segments that a young stream holds, and payloads of a flow whose numbers run on.
const YOUNG_SEGMENTS: usize = 64;
/// From here on a candidate is believed at once.
const ACCEPT_AT: f32 = 0.8;
/// From here on a candidate is believed when the identification window is over, and stays an encoding.
pub(crate) const MIN_CONFIDENCE: f32 = 0.5;
/// Candidates that are followed at a time.
const CANDIDATES: usize = 6;

/// How much doubt is left by a further payload that decodes.
const DECODED_DOUBT_FACTOR: f32 = 0.85;
/// How much doubt is left by a sequence number that runs on.
const SEQUENCE_DOUBT_FACTOR: f32 = 0.5;
/// The share of confidence that a refusal leaves.
const REFUSAL_DOUBT_FACTOR: f32 = 0.5;

/// So many numbers behind, a packet may still be late.
const MOST_BEHIND: u64 = 1024;

/// How many payloads that nobody takes weigh as much as one that was taken.
const TAKEN_WEIGHS: f64 = 8.0;

/// A payload held until it is known whose it is.
#[derive(Debug)]
pub(crate) struct BufferedPayload {
    pub(crate) frames: SmallVec<[FrameFacts; 1]>,
    pub(crate) payload: Vec<u8>,
    pub(crate) missing: usize,
    pub(crate) ether_type: Option<u16>,
    /// Bytes of the stream that are not in the capture, in front of it.
    pub(crate) behind_gap: Option<Hole>,
}

impl BufferedPayload {
    /// It as it came, in the flow of `like`.
    pub(crate) fn packet<'h>(&'h self, like: &Packet<'h>) -> Packet<'h> {
        let last = self.frames.last();
        Packet {
            frame: last.map_or(like.frame, |frame| frame.at.frame),
            time: last.map_or(like.time, |frame| frame.at.time),
            ether_type: self.ether_type,
            wire_length: last.map_or(like.wire_length, |frame| frame.wire_length),
            payload: &self.payload,
            missing: self.missing,
            ..*like
        }
    }
}

/// What is known of a flow while nothing is identified in it.
#[derive(Debug, Default)]
pub(crate) struct IdentificationWindow {
    pub(crate) held: Vec<BufferedPayload>,
    seen: usize,
    bytes: usize,
    /// A hole behind all that is held.
    pub(crate) gap: Option<Hole>,
    candidates: SmallVec<[Candidate; 2]>,
    /// Whether a candidate's numbers run on without being evidence: the first picture of a stream, or any counter. More
    /// payloads will tell.
    is_promising: bool,
    /// Whether the flow had unclaimed payloads before this window began.
    pub(crate) is_late: bool,
}

struct Candidate {
    decoder: DecoderIndex,
    doubt: f32,
    reason: &'static str,
    marks: [Option<(StreamId, Sequence)>; 2],
    memory: Memory,
}

/// A candidate's decoder of the flow, where it has one: what a flow's decoder would refuse is no evidence. Made for the second
/// payload, since most flows of a scan have no more than one.
enum Memory {
    NotMade,
    None,
    Of(Box<dyn FlowDecoder>),
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("decoder", &self.decoder).field("doubt", &self.doubt).finish()
    }
}

/// A decoder that is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identified {
    pub(crate) decoder: DecoderIndex,
    pub(crate) confidence: Confidence,
    /// The next best, where there was one.
    pub(crate) preferred_to: Option<(DecoderIndex, f32)>,
}

/// A flow's own decoder, where its decoder makes one. It accepts all where the confidence is full: the user has said what it is,
/// whatever the evidence.
pub(crate) fn own_decoder(
    decoder: &dyn StreamDecoder,
    flow: &FlowKey,
    confidence: f32,
) -> Option<Box<dyn FlowDecoder>> {
    let mut own = decoder.flow_decoder(flow)?;
    if confidence >= 1.0 {
        own.accept_all();
    }
    Some(own)
}

impl IdentificationWindow {
    /// A window that begins now; `is_late` where the flow had unclaimed payloads before.
    pub(crate) fn new(is_late: bool) -> Self {
        Self { is_late, ..Self::default() }
    }

    /// Weighs a payload, for which the decoders have been ranked. Says which one it is, where that can be believed
    /// already.
    pub(crate) fn weigh(
        &mut self,
        packet: &Packet<'_>,
        registry: &DecoderRegistry,
        ranked: &[Ranked],
        result: &mut DecodingResult,
    ) -> Option<Identified> {
        let Self { held, candidates, is_promising, .. } = self;
        *is_promising = false;
        let is_repeat = !packet.is_stream && held.iter().any(|held| held.payload == packet.payload);
        for candidate in candidates {
            let Some(decoder) = registry.decoder(candidate.decoder) else { continue };
            match candidate.decode(decoder, packet, held, result) {
                Ok(taken) if taken > 0 => *is_promising |= candidate.decoded(result, is_repeat),
                // a PDU of a stream that goes on is neither for nor against it
                Err(DecodeError::Incomplete { .. }) if packet.is_stream => {}
                _ => candidate.doubt = 1.0 - (1.0 - candidate.doubt) * REFUSAL_DOUBT_FACTOR,
            }
            let now = ranked.iter().find(|rank| rank.index == candidate.decoder);
            if let Some(now) = now
                && 1.0 - now.confidence.value() < candidate.doubt
            {
                (candidate.doubt, candidate.reason) = (1.0 - now.confidence.value(), now.confidence.reason());
            }
        }
        for rank in ranked {
            let known = self.candidates.iter().any(|candidate| candidate.decoder == rank.index);
            if known || self.candidates.len() >= CANDIDATES {
                continue;
            }
            let Some(decoder) = registry.decoder(rank.index) else { continue };
            result.clear();
            // strong evidence stands even where the decoder calls this PDU malformed or not whole yet
            let decodes = matches!(decoder.decode_packet(packet, result), Ok(taken) if taken > 0);
            if decodes || rank.confidence.value() >= MIN_CONFIDENCE {
                let mut candidate = Candidate {
                    decoder: rank.index,
                    doubt: 1.0 - rank.confidence.value(),
                    reason: rank.confidence.reason(),
                    marks: [None; 2],
                    memory: Memory::NotMade,
                };
                candidate.remember(result.marks());
                self.candidates.push(candidate);
            }
        }
        self.best(ACCEPT_AT)
    }

    /// The best candidate of at least that confidence; among equals the one registered first.
    pub(crate) fn best(&self, least: f32) -> Option<Identified> {
        let (mut best, mut next) = (None::<&Candidate>, None::<&Candidate>);
        for one in self.candidates.iter().filter(|one| one.doubt < 1.0) {
            if best.is_none_or(|best| one.is_before(best)) {
                (best, next) = (Some(one), best);
            } else if next.is_none_or(|next| one.is_before(next)) {
                next = Some(one);
            }
        }
        let best = best.filter(|best| best.confidence().value() >= least)?;
        let preferred_to = next.map(|next| (next.decoder, next.confidence().value()));
        Some(Identified { decoder: best.decoder, confidence: best.confidence(), preferred_to })
    }

    /// The candidates, surest first, without the one that is believed.
    pub(crate) fn candidates(&self, believed: Option<DecoderIndex>) -> Vec<(DecoderIndex, Confidence)> {
        let others = self.candidates.iter().filter(|one| Some(one.decoder) != believed);
        let mut list: Vec<_> = others.map(|one| (one.decoder, one.confidence())).collect();
        list.sort_by(|a, b| b.1.value().total_cmp(&a.1.value()).then(a.0.cmp(&b.0)));
        list
    }

    /// Holds a payload, which `frame` brought, and frames before it where it was put together; where no decoder has a claim to
    /// it, only that it was there.
    pub(crate) fn hold(&mut self, packet: &Packet<'_>, frame: FrameFacts, earlier: &[FrameFacts], is_claimed: bool) {
        self.seen += 1;
        if !is_claimed {
            return;
        }
        self.bytes += packet.payload.len();
        self.held.push(BufferedPayload {
            frames: earlier.iter().copied().chain([frame]).collect(),
            payload: packet.payload.to_vec(),
            missing: packet.missing,
            ether_type: packet.ether_type,
            behind_gap: self.gap.take(),
        });
    }

    /// Holds a copy of the frame that brought the payload held last.
    pub(crate) fn hold_copy(&mut self, frame: FrameFacts) {
        if let Some(last) = self.held.last_mut().filter(|last| last.frames.len() < MAX_FRAMES) {
            last.frames.insert(0, frame);
        }
    }

    /// Gives up the payload that was held last, where that is `packet`.
    pub(crate) fn release_last(&mut self, packet: &Packet<'_>) {
        let is_last = |held: &BufferedPayload| held.frames.last().is_some_and(|frame| frame.at.frame == packet.frame);
        if self.held.last().is_some_and(is_last) {
            self.take_back();
        }
    }

    /// Gives up the payload that was held last; a hole in front of it is then behind all that is held.
    pub(crate) fn take_back(&mut self) {
        if let Some(last) = self.held.pop() {
            self.gap = last.behind_gap;
        }
    }

    /// Records a hole in the stream: bytes on both sides of it are not read as one.
    pub(crate) fn note_gap(&mut self, hole: Hole) {
        self.gap = Some(self.gap.map_or(hole, |before| before.and(hole)));
    }

    /// Bytes that are read from here on are not read as one with those that are held.
    pub(crate) fn begin_anew(&mut self) {
        self.note_gap(Hole::Cut(0));
    }

    /// The payloads held since the last hole.
    pub(crate) fn contiguous(&self) -> &[BufferedPayload] {
        if self.gap.is_some() {
            return &[];
        }
        let from = self.held.iter().rposition(|held| held.behind_gap.is_some()).unwrap_or(0);
        self.held.get(from..).unwrap_or_default()
    }

    /// Whether it has held as much as a young stream may. Segments say nothing of PDUs: few bytes in many segments
    /// are as little evidence as in one.
    pub(crate) fn is_over_for_stream(&self) -> bool {
        self.is_over() && (self.bytes >= YOUNG_STREAM_BYTES || self.seen >= YOUNG_SEGMENTS)
    }

    /// Whether it has held as much as a young flow may.
    pub(crate) fn is_over(&self) -> bool {
        let payloads = if self.is_promising { YOUNG_SEGMENTS } else { YOUNG_PAYLOADS };
        self.seen >= payloads || self.bytes >= YOUNG_BYTES
    }
}

impl Candidate {
    /// Whether it is surer, or as sure and registered before.
    fn is_before(&self, other: &Self) -> bool {
        self.doubt.total_cmp(&other.doubt).then(self.decoder.cmp(&other.decoder)).is_lt()
    }

    fn confidence(&self) -> Confidence {
        Confidence::new(1.0 - self.doubt, self.reason)
    }

    /// Decodes a payload of a young flow as the flow's decoder would: a datagram with the memory of those before it. A stream is
    /// ranked from its beginning each time, so that there is nothing to remember.
    fn decode(
        &mut self,
        decoder: &dyn StreamDecoder,
        packet: &Packet<'_>,
        earlier: &[BufferedPayload],
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        if matches!(self.memory, Memory::NotMade) && !packet.is_stream {
            self.memory = decoder.flow_decoder(packet.flow).map_or(Memory::None, Memory::Of);
            if let Memory::Of(memory) = &mut self.memory {
                for held in earlier {
                    let whole = held.packet(packet);
                    let length = match decoder.joined(whole.payload) {
                        Joined::Parts(length) => length,
                        Joined::One | Joined::Unclear => whole.payload.len(),
                    };
                    for part in parts(&whole, length) {
                        result.clear();
                        // what it makes of them was weighed when they came
                        let _ = memory.decode_packet(&part, result);
                    }
                }
            }
        }
        result.clear();
        match &mut self.memory {
            Memory::Of(memory) => memory.decode_packet(packet, result),
            _ => decoder.decode_packet(packet, result),
        }
    }

    /// Weighs a payload that decodes. One that came before says nothing, nor does a number that came before. Says whether its
    /// number runs on without being evidence.
    fn decoded(&mut self, result: &DecodingResult, is_repeat: bool) -> bool {
        let marks = result.marks();
        let steps = || {
            self.marks.iter().flatten().filter_map(|(id, before)| {
                let now = marks.iter().find(|mark| mark.id == *id)?.sequence?;
                Some(Step::between(before, &now))
            })
        };
        let (follows, fails) = (steps().any(|step| step == Step::Next), steps().any(|step| step == Step::Senseless));
        if !is_repeat && !result.is_doubtful && (follows || !fails) {
            self.doubt *= DECODED_DOUBT_FACTOR;
            if follows {
                self.doubt *= SEQUENCE_DOUBT_FACTOR;
            }
        }
        self.remember(marks);
        follows && !is_repeat && result.is_doubtful
    }

    fn remember(&mut self, marks: &[StreamMark]) {
        let mut numbered = marks.iter().filter_map(|mark| Some((mark.id, mark.sequence?)));
        self.marks = [numbered.next(), numbered.next()];
    }
}

/// Whether a step of so many numbers is neither loss nor reordering.
fn is_far(step: u64, bits: u32, now: &Sequence) -> bool {
    let behind = step.wrapping_neg() & (u64::MAX >> (64 - bits));
    step / u64::from(now.step.max(1)) > u64::from(now.max_jump) && behind > MOST_BEHIND
}

/// How a number stands to the one before in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Next,
    /// The same, where that is not lawful, or one that is out of all reach.
    Senseless,
    Other,
}

impl Step {
    fn between(before: &Sequence, now: &Sequence) -> Self {
        let bits = u32::from(now.bits.clamp(1, 64));
        match now.number.wrapping_sub(before.number) & (u64::MAX >> (64 - bits)) {
            step if step == u64::from(now.step.max(1)) => Self::Next,
            0 if !now.repeats => Self::Senseless,
            step if bits >= 16 && is_far(step, bits, now) => Self::Senseless,
            _ => Self::Other,
        }
    }
}

/// The evidence so far for an identified encoding: what decided, what has decoded since, numbers that ran on, and the
/// payloads that nobody took.
pub(crate) fn current_confidence(first: f32, taken: u64, follows: u64, refused: u64) -> f64 {
    let mut doubt = 1.0 - f64::from(first);
    doubt *= f64::from(DECODED_DOUBT_FACTOR).powi(taken.saturating_sub(1).min(12) as i32);
    doubt *= f64::from(SEQUENCE_DOUBT_FACTOR).powi(follows.min(6) as i32);
    // other protocols may share the ports: what was taken weighs more than what was not
    let weight = taken as f64 * TAKEN_WEIGHS;
    let share = if refused == 0 { 1.0 } else { weight / (weight + refused as f64) };
    // three figures are as much as this deserves, and certainty is never complete
    let value = ((1.0 - doubt) * share * 1000.0).round() / 1000.0;
    if first >= 1.0 { value } else { value.min(0.999) }
}
