//! AES3 streams in AM824 (ST 2110-31): a 32-bit word for each subframe.
//!
//! ```text
//!  0 0 B F P C U V | 24 bits of the subframe, most significant first
//! ```
//!
//! B: start of a block of 192 frames; F: first subframe of a frame; P, C, U, V: parity, channel status, user, validity.

use streamlens_model::{Occurrence, Value};

use super::timing::Timing;
use crate::media::PayloadAnalyser;
use crate::rtp::RtpPacket;
use crate::{FlowReport, Refinement, StreamReport};

/// AES3 frames in a block of channel status.
const BLOCK: u64 = 192;
const B: u8 = 0x20;
const F: u8 = 0x10;
const V: u8 = 0x01;
/// Pairs of neighbours that have to agree before anything is said.
const PAIRS: u64 = 5;

/// Recognises AM824 by the bits in front of every subframe.
pub struct Am824Analyser {
    timing: Timing,
    previous: Option<(u16, u32, u32)>,
    channels: Option<u32>,
    agreed: u64,
    differed: u64,
    /// Sample instants since the last block start of the first stream, and how often that came after 192.
    since_block: Option<u64>,
    blocks: u64,
    bad_blocks: u64,
    invalid: u64,
}

impl Am824Analyser {
    /// An analyser of a stream that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timing: Timing::new(),
            previous: None,
            channels: None,
            agreed: 0,
            differed: 0,
            since_block: None,
            blocks: 0,
            bad_blocks: 0,
            invalid: 0,
        }
    }

    /// The bits in front of all subframes: two zeros, and F in every first of two.
    fn has_form(payload: &[u8]) -> bool {
        let pairs = payload.chunks_exact(8);
        !payload.is_empty()
            && pairs.remainder().is_empty()
            && pairs.into_iter().all(|pair| {
                let bits = |at: usize| pair.get(at).copied().unwrap_or(0xFF);
                (bits(0) & (0xC0 | F) == F || bits(0) & (0xC0 | B) == B) && bits(4) & (0xC0 | F | B) == 0
            })
    }

    fn walk(&mut self, payload: &[u8], channels: u32) {
        for instant in payload.chunks_exact(channels as usize * 4) {
            let first = instant.first().copied().unwrap_or(0);
            self.invalid += instant.iter().step_by(4).filter(|&&bits| bits & V != 0).count() as u64;
            self.since_block = self.since_block.map(|count| count + 1);
            if first & B != 0 {
                match self.since_block {
                    Some(BLOCK) => self.blocks += 1,
                    Some(_) => self.bad_blocks += 1,
                    None => {}
                }
                self.since_block = Some(0);
            }
        }
    }
}

impl Default for Am824Analyser {
    fn default() -> Self {
        Self::new()
    }
}

impl PayloadAnalyser for Am824Analyser {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        packet.marker || Self::has_form(packet.payload)
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        self.timing.observe(packet, at);
        if packet.marker || !Self::has_form(packet.payload) {
            // Some senders mark their very first packet.
            self.differed += u64::from(!packet.marker || self.previous.is_some());
            return;
        }
        if late {
            return;
        }
        let length = u32::try_from(packet.payload.len()).unwrap_or(u32::MAX);
        match self.previous {
            Some((sequence, timestamp, length)) if packet.sequence == sequence.wrapping_add(1) => {
                let step = packet.timestamp.wrapping_sub(timestamp);
                let channels =
                    if step > 0 && length.is_multiple_of(step.saturating_mul(8)) { length / step / 4 } else { 0 };
                if channels > 0 && self.channels.is_none_or(|known| known == channels) {
                    self.channels = Some(channels);
                    self.agreed += 1;
                    self.timing.note_step(step);
                } else {
                    self.differed += 1;
                }
            }
            // Loss: block starts are counted anew.
            _ => self.since_block = None,
        }
        if let Some(channels) = self.channels {
            self.walk(packet.payload, channels);
        }
        self.previous = Some((packet.sequence, packet.timestamp, length));
    }

    fn is_plausible(&self) -> bool {
        self.differed * 100 <= self.agreed && self.bad_blocks * 10 <= self.blocks
    }

    fn refinement(&self) -> Option<Refinement> {
        let (rate, _) = self.timing.rate()?;
        let channels = self.channels.filter(|_| self.agreed >= PAIRS && self.is_plausible())?;
        let (confidence, blocks) = if self.blocks > 0 { (0.95, ", a block every 192 of them") } else { (0.8, "") };
        let reason = format!("AM824 words of {channels} subframes at {rate} Hz, F in every first of two{blocks}");
        Some(Refinement { encoding_name: "ST2110-31".into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        if self.agreed < PAIRS { None } else { self.timing.rate().map(|(rate, _)| rate) }
    }

    fn report(&self, stream: &mut StreamReport, _: &mut FlowReport) {
        let (Some((rate, _)), Some(channels)) = (self.timing.rate(), self.channels) else { return };
        let mut measure = |key: &'static str, value: Value| {
            stream.measures.insert(key.into(), value);
        };
        measure("format", format!("AM824/{rate}/{channels}").into());
        measure("channels", channels.into());
        measure("aes3_streams", (channels / 2).into());
        measure("sampling_rate_hz", rate.into());
        measure("blocks", self.blocks.into());
        measure("broken_blocks", self.bad_blocks.into());
        measure("subframes_marked_invalid", self.invalid.into());
        let packet_time = self.timing.constant_step().map(|step| f64::from(step) * 1e9 / f64::from(rate));
        if let Some(time) = packet_time {
            measure("packet_time_ns", (time.round() as i64).into());
        }
        if let Some(factor) = self.timing.ts_df(rate) {
            measure("ts_df", factor.value(packet_time));
        }
    }
}
