//! Which streams are real: probation of a new SSRC by its sequence numbers (after RFC 3550 A.1, made milder, so that
//! loss, duplicates and reordering at the beginning cost nothing).
//!
//! For it speak numbers that run on by one, or by few while the timestamp goes on by as much for each number as before.
//! Against it speak numbers that jump, a number that stands still beside a moving timestamp, a number that is the
//! datagram's length, payload types that are assigned to nothing and lengths that no payload of the type has. Nothing at all
//! say repeats, and small packets that are numbered while their timestamp stands still: any protocol with a counter looks
//! like that.

use super::RtpPacket;
use super::payload_type::{is_length_plausible, is_plausible};

/// A step ahead of at most this many numbers, and as many behind, can be loss and reordering.
const MAX_STEP: i16 = 100;
/// Only the first packets are judged: a stream that held so long is left alone.
const JUDGED_PACKETS: u8 = 20;
/// Pictures are cut into packets of one timestamp, which are mostly as large as the network takes; sound is not.
const SLICE_LENGTH: usize = 500;

/// What one packet says of its SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It bears out that there is a stream.
    For,
    /// It may be a packet of a stream, and of many other things.
    Neither,
    /// Its number fits in, as that of any counter does.
    RunsOn,
    /// It can hardly be a packet of a stream.
    Against,
}

/// What speaks for and against one SSRC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probation {
    highest: u16,
    timestamp: u32,
    /// Ticks for each number, where the last step ahead was a whole number of them.
    ticks_per_number: Option<u32>,
    length: usize,
    seen: u8,
    agreed: u8,
    contradicted: u8,
}

impl Probation {
    pub(super) fn new(packet: &RtpPacket<'_>) -> Self {
        Self {
            highest: packet.sequence,
            timestamp: packet.timestamp,
            ticks_per_number: None,
            length: packet.payload.len(),
            seen: 0,
            agreed: 0,
            contradicted: 0,
        }
    }

    /// Judges the next packet of the SSRC, the first one too. `datagram` is the length of the whole datagram, where it is
    /// known.
    pub(super) fn observe(&mut self, packet: &RtpPacket<'_>, datagram: Option<usize>) -> Sign {
        if self.seen >= JUDGED_PACKETS {
            return Sign::Neither;
        }
        let is_first = self.seen == 0;
        let sign = if contradicts_itself(packet, datagram) {
            Sign::Against
        } else if is_first {
            Sign::Neither
        } else {
            self.compare(packet)
        };
        // a first picture may have any number of packets
        self.seen += u8::from(sign != Sign::RunsOn);
        self.agreed += u8::from(sign == Sign::For);
        self.contradicted += u8::from(sign == Sign::Against);
        sign
    }

    /// Compares a packet with the one before.
    fn compare(&mut self, packet: &RtpPacket<'_>) -> Sign {
        let step = packet.sequence.wrapping_sub(self.highest).cast_signed();
        let ticks = packet.timestamp.wrapping_sub(self.timestamp);
        match step {
            1..=MAX_STEP => {
                let numbers = u32::from(step.cast_unsigned());
                let is_even = ticks.cast_signed() > 0 && ticks.is_multiple_of(numbers);
                let rate = is_even.then_some(ticks / numbers);
                let before = std::mem::replace(&mut self.ticks_per_number, rate);
                // what grows as the datagram does is a length
                let is_length = packet.payload.len() == self.length + usize::from(step.cast_unsigned());
                self.turn_to(packet);
                if is_length {
                    Sign::Neither
                } else if (step == 1 && (ticks != 0 || is_slice(packet))) || (rate.is_some() && before == rate) {
                    Sign::For
                } else if step == 1 || rate.is_some() {
                    Sign::RunsOn
                } else {
                    Sign::Neither
                }
            }
            0 if ticks == 0 => Sign::Neither,
            0 => Sign::Against,
            step if (-MAX_STEP..0).contains(&step) => {
                let ticks = i64::from(ticks.cast_signed());
                let fits = |per_number: u32| i64::from(step) * i64::from(per_number) == ticks;
                if self.ticks_per_number.is_some_and(fits) { Sign::RunsOn } else { Sign::Neither }
            }
            _ => {
                self.turn_to(packet);
                Sign::Against
            }
        }
    }

    /// Later packets are compared with this one.
    fn turn_to(&mut self, packet: &RtpPacket<'_>) {
        (self.highest, self.timestamp, self.length) = (packet.sequence, packet.timestamp, packet.payload.len());
    }

    /// Whether the SSRC is a stream: `(1 - 0.85 * 0.5^agreed) * (1 - 2 * contradicted / judged)` is one half or more.
    pub(super) fn is_proven(&self) -> bool {
        let judged = f32::from(self.agreed + self.contradicted);
        self.agreed > 0
            && (1.0 - 0.85 * 0.5_f32.powi(i32::from(self.agreed))) * (1.0 - 2.0 * f32::from(self.contradicted) / judged)
                >= 0.5
    }
}

/// Whether a packet may be one of a picture's, which have one timestamp: large, and with a timestamp or source that is random, as
/// RFC 3550 §5.1 has it.
fn is_slice(packet: &RtpPacket<'_>) -> bool {
    packet.payload.len() >= SLICE_LENGTH && (packet.timestamp | packet.ssrc) > 0xFFFF
}

/// What speaks against a packet by itself.
pub(super) fn contradicts_itself(packet: &RtpPacket<'_>, datagram: Option<usize>) -> bool {
    let has_wrong_length = datagram.is_some_and(|length| {
        usize::from(packet.sequence) == length
            || (packet.wrong_padding.is_none() && !is_length_plausible(packet.payload_type, packet.payload.len()))
    });
    has_wrong_length || !is_plausible(packet.payload_type)
}

/// How many packets of unproven streams a flow may still count. They are taken on credit, so that the first packet of
/// every real stream counts; a flow of random bytes soon has none left, and what does not fit is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    left: u8,
    proven_packets: u8,
}

impl Credit {
    /// Three packets: with the figures of the probe these alone can't identify a flow.
    const INITIAL: u8 = 3;
    const MAX: u8 = 8;
    /// So many packets of proven streams earn credit for one more.
    const EARNED_PER: u8 = 16;

    pub(super) fn new() -> Self {
        Self { left: Self::INITIAL, proven_packets: 0 }
    }

    #[inline]
    pub(super) fn earn(&mut self) {
        self.proven_packets += 1;
        if self.proven_packets == Self::EARNED_PER {
            self.proven_packets = 0;
            self.give_back(1);
        }
    }

    pub(super) fn spend(&mut self) -> bool {
        let has = self.left > 0;
        self.left -= u8::from(has);
        has
    }

    pub(super) fn give_back(&mut self, packets: u8) {
        self.left = self.left.saturating_add(packets).min(Self::MAX);
    }
}
