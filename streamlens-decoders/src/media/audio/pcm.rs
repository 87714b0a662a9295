//! L16 and L24, with the names and levels that AES67 and ST 2110-30 give them.

use streamlens_model::words::duration;
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Value};

use super::timing::Timing;
use crate::media::PayloadAnalyser;
use crate::rtp::RtpPacket;
use crate::wire;
use crate::{FlowReport, Refinement, StreamReport};

/// Structure alone can't be surer: AES67, ST 2110-30 and other PCM look alike on the wire.
const CONFIDENCE: f32 = 0.7;
/// Pairs of neighbours that have to agree before anything is said.
const PAIRS: u64 = 5;
/// The most bytes of one sample of all channels: 64 channels of 24 bits, 96 of 16.
const MAX_FRAME_BYTES: u32 = 192;
/// The largest payload that the standard UDP size leaves for RTP: 1460 less the headers of UDP and RTP.
const MAX_PAYLOAD: u32 = 1440;
/// The waveform is looked at in so many packets of the beginning, and in one of as many later.
const LOOKED_AT: u64 = 64;
/// The most payload sizes told apart.
const MAX_SIZES: usize = 8;

/// How unlike neighbouring samples are, in parts of full scale, were the samples of one depth.
#[derive(Clone, Copy, Debug, Default)]
struct Roughness {
    sum: f64,
    samples: u64,
}

impl Roughness {
    /// Adds the differences between the first samples of all channels and the next.
    fn add(&mut self, payload: &[u8], frame: usize, bytes: usize) {
        let value = |sample: &[u8]| match sample.len() {
            2 => wire::at(sample, 0, wire::u16("sample")).map_or(0, |value| i32::from(value.cast_signed()) << 8),
            3 => wire::at(sample, 0, wire::u24("sample")).map_or(0, |value| (value << 8).cast_signed() >> 8),
            _ => 0,
        };
        let mut frames = payload.chunks_exact(frame);
        let Some(mut before) = frames.next() else { return };
        for now in frames.take(12) {
            for (a, b) in before.chunks_exact(bytes).zip(now.chunks_exact(bytes)).take(8) {
                self.sum += f64::from((value(a) - value(b)).unsigned_abs()) / f64::from(1 << 24);
                self.samples += 1;
            }
            before = now;
        }
    }

    fn mean(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.sum / self.samples as f64 }
    }
}

/// How the bytes of a sample of all channels divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    bits: u32,
    channels: u32,
}

/// Recognises L16 and L24 by packet sizes and timestamps.
pub struct PcmAnalyser {
    timing: Timing,
    previous: Option<(u16, u32, u32)>,
    ssrc: u32,
    frame_bytes: Option<u32>,
    /// The size and the step that agreed last: most packets repeat them, and need no division.
    agreed_with: Option<(u32, u32)>,
    agreed: u64,
    differed: u64,
    packets: u64,
    silent: u64,
    rough16: Roughness,
    rough24: Roughness,
    sizes: Vec<(u32, u64)>,
    /// Where the size of the last packet stands among them.
    size_place: usize,
}

impl PcmAnalyser {
    /// An analyser of a stream that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timing: Timing::new(),
            previous: None,
            ssrc: 0,
            frame_bytes: None,
            agreed_with: None,
            agreed: 0,
            differed: 0,
            packets: 0,
            silent: 0,
            rough16: Roughness::default(),
            rough24: Roughness::default(),
            sizes: Vec::new(),
            size_place: 0,
        }
    }

    /// Whether the size of the packet before is a whole multiple of the step to this one, the same as ever.
    #[inline]
    fn compare(&mut self, length: u32, step: u32) {
        if self.agreed_with == Some((length, step)) {
            self.agreed += 1;
            self.timing.note_step(step);
        } else {
            self.compare_anew(length, step);
        }
    }

    fn compare_anew(&mut self, length: u32, step: u32) {
        let frame = if step == 0 || !length.is_multiple_of(step) { 0 } else { length / step };
        let legal = (2..=MAX_FRAME_BYTES).contains(&frame) && (frame.is_multiple_of(2) || frame.is_multiple_of(3));
        if legal && self.frame_bytes.is_none_or(|known| known == frame) {
            self.frame_bytes = Some(frame);
            self.agreed_with = Some((length, step));
            self.agreed += 1;
            self.timing.note_step(step);
        } else {
            self.differed += 1;
        }
    }

    #[inline(never)]
    fn count_another_size(&mut self, length: u32) {
        let known = self.sizes.iter().position(|(size, _)| *size == length);
        if known.is_none() && self.sizes.len() < MAX_SIZES {
            self.sizes.push((length, 0));
        }
        self.size_place = known.unwrap_or(self.sizes.len() - 1);
        if let Some((size, count)) = self.sizes.get_mut(self.size_place)
            && *size == length
        {
            *count += 1;
        }
    }

    #[cold]
    fn look_at_samples(&mut self, payload: &[u8]) {
        let Some(frame) = self.frame_bytes else { return };
        if frame.is_multiple_of(6) {
            self.rough16.add(payload, frame as usize, 2);
            self.rough24.add(payload, frame as usize, 3);
        }
    }

    /// How the bytes of a sample divide, the likelier first. Where the waveform does not tell, that is 24 bits, which receivers of
    /// AES67 and ST 2110-30 all take.
    fn layouts(&self) -> Vec<Layout> {
        let Some(frame) = self.frame_bytes else { return Vec::new() };
        let (l16, l24) = (Layout { bits: 16, channels: frame / 2 }, Layout { bits: 24, channels: frame / 3 });
        match (frame.is_multiple_of(2), frame.is_multiple_of(3)) {
            (true, true) if self.is_smoother_in_16_bits() => vec![l16, l24],
            (true, true) => vec![l24, l16],
            (true, false) => vec![l16],
            (false, _) => vec![l24],
        }
    }

    /// Whether the waveform is clearly that of samples of 16 bits.
    fn is_smoother_in_16_bits(&self) -> bool {
        self.rough16.mean() * 2.0 < self.rough24.mean()
    }

    /// Whether both depths fit and the waveforms don't tell them apart: silence, noise.
    fn is_ambiguous(&self) -> bool {
        let (a, b) = (self.rough16.mean(), self.rough24.mean());
        self.layouts().len() > 1 && a.min(b) * 2.0 >= a.max(b)
    }

    fn conforms_to(&self, rate: u32) -> Vec<&'static str> {
        let Some(step) = self.timing.constant_step() else { return Vec::new() };
        let Some(frame) = self.frame_bytes else { return Vec::new() };
        let mut names = Vec::new();
        for layout in self.layouts() {
            for name in conformity(rate, step, layout.channels, frame * step) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            if !self.is_ambiguous() {
                break;
            }
        }
        names
    }
}

/// Rate and samples per packet, and the most channels, that receivers of a level accept.
type Accepted = ((u32, u32), u32);

/// Which standards and levels a stream of PCM fits: ST 2110-30:2017 §6.2, AES67-2018 §7.
pub(super) fn conformity(rate: u32, samples: u32, channels: u32, payload: u32) -> Vec<&'static str> {
    let mut names = Vec::new();
    // Samples in 125 us, 250 us, 333 us, 1 ms and 4 ms.
    let times: &[u32] = match rate {
        44_100 | 48_000 => &[6, 12, 16, 48, 192],
        96_000 => &[12, 24, 32, 96],
        _ => return names,
    };
    if times.contains(&samples) && payload <= MAX_PAYLOAD {
        names.push("AES67");
    }
    let (a, b, c) = ((48_000, 48), (48_000, 6), (96_000, 96));
    let levels: [(&str, &[Accepted]); 6] = [
        ("ST 2110-30 level A", &[(a, 8)]),
        ("ST 2110-30 level B", &[(a, 8), (b, 8)]),
        ("ST 2110-30 level C", &[(a, 8), (b, 64)]),
        ("ST 2110-30 level AX", &[(a, 8), (c, 4)]),
        ("ST 2110-30 level BX", &[(a, 8), (b, 8), (c, 4), ((96_000, 12), 8)]),
        ("ST 2110-30 level CX", &[(a, 8), (b, 64), (c, 4), ((96_000, 12), 32)]),
    ];
    for (name, accepted) in levels {
        if accepted.iter().any(|&(form, most)| form == (rate, samples) && (1..=most).contains(&channels)) {
            names.push(name);
        }
    }
    names
}

impl Default for PcmAnalyser {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether all samples are 0; mostly the first ones tell.
#[inline]
fn is_silent(payload: &[u8]) -> bool {
    payload.first_chunk().is_none_or(|first| u64::from_ne_bytes(*first) == 0) && is_zero(payload)
}

/// Whether all bytes are 0; a block at a time, which the compiler turns into wide operations.
#[inline]
fn is_zero(payload: &[u8]) -> bool {
    let (blocks, rest) = payload.as_chunks::<128>();
    blocks.iter().all(|block| any_bit(block) == 0) && any_bit(rest) == 0
}

/// The bits that any of the bytes has, in no order.
#[inline]
fn any_bit(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let any = words.iter().fold(0, |any, word| any | u64::from_ne_bytes(*word));
    rest.iter().fold(any, |any, &byte| any | u64::from(byte))
}

impl PayloadAnalyser for PcmAnalyser {
    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        self.packets += 1;
        self.ssrc = packet.ssrc;
        let length = u32::try_from(packet.payload.len()).unwrap_or(u32::MAX);
        self.timing.observe(packet, at);
        match self.sizes.get_mut(self.size_place) {
            Some((size, count)) if *size == length => *count += 1,
            _ => self.count_another_size(length),
        }
        if is_silent(packet.payload) {
            self.silent += 1;
        } else if self.packets < LOOKED_AT || self.packets.is_multiple_of(LOOKED_AT) {
            self.look_at_samples(packet.payload);
        }
        if late {
            return;
        }
        if let Some((sequence, timestamp, length)) = self.previous
            && packet.sequence == sequence.wrapping_add(1)
        {
            self.compare(length, packet.timestamp.wrapping_sub(timestamp));
        }
        self.previous = Some((packet.sequence, packet.timestamp, length));
    }

    fn is_plausible(&self) -> bool {
        // A sender that starts anew breaks the rule once; what is not PCM breaks it at once.
        self.differed * 100 <= self.agreed
    }

    fn refinement(&self) -> Option<Refinement> {
        if self.agreed < PAIRS || !self.is_plausible() {
            return None;
        }
        let (rate, _) = self.timing.rate()?;
        let layout = *self.layouts().first()?;
        let conforms = !self.conforms_to(rate).is_empty();
        let step = self.timing.constant_step();
        let (name, samples) = match step {
            Some(step) if conforms => ("AES67", step.to_string()),
            Some(step) => ("RTP", step.to_string()),
            None => ("RTP", "a changing number of".into()),
        };
        let doubt = if self.is_ambiguous() { " (16 or 24 bits: the waveform does not tell)" } else { "" };
        let reason = format!(
            "each packet holds {samples} samples of {} channels of {} bits{doubt}, and the timestamps run at {rate} Hz; {}",
            layout.channels,
            layout.bits,
            if conforms { "without an announcement the wire does not tell AES67 from ST 2110-30" } else { "plain PCM" },
        );
        Some(Refinement { encoding_name: name.into(), confidence: CONFIDENCE, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        if self.agreed < PAIRS { None } else { self.timing.rate().map(|(rate, _)| rate) }
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let (Some((rate, _)), layouts) = (self.timing.rate(), self.layouts()) else { return };
        let Some(layout) = layouts.first() else { return };
        let name = |layout: &Layout| format!("L{}/{rate}/{}", layout.bits, layout.channels);
        let mut measure = |key: &'static str, value: Value| {
            stream.measures.insert(key.into(), value);
        };
        measure("format", name(layout).into());
        measure("channels", layout.channels.into());
        measure("bits", layout.bits.into());
        measure("sampling_rate_hz", rate.into());
        if layouts.len() > 1 {
            measure("possible_formats", Value::list(layouts.iter().map(name)));
            measure("depth_is_ambiguous", self.is_ambiguous().into());
        }
        measure("conforms_to", Value::list(self.conforms_to(rate)));
        measure("silent_packets", self.silent.into());
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        measure("payload_sizes", Value::map(sizes.iter().map(|&(size, count)| (size.to_string(), count.into()))));
        let step = self.timing.constant_step();
        let packet_time = step.map(|step| f64::from(step) * 1e9 / f64::from(rate));
        if let (Some(step), Some(time)) = (step, packet_time) {
            measure("samples_per_packet", step.into());
            measure("packet_time_ns", (time.round() as i64).into());
        }
        let Some(factor) = self.timing.ts_df(rate) else { return };
        measure("ts_df", factor.value(packet_time));
        if let Some(time) = packet_time.filter(|&time| factor.verdict(time) == "not compliant") {
            let mut log = FindingLog::default();
            log.add("audio.ts-df", Severity::Warning, Some(StreamId(u128::from(self.ssrc))), factor.worst, || {
                format!(
                    "the time stamp delay factor reaches {} in the 200 ms from here on, above 17 packet times ({})",
                    duration(factor.max_ns),
                    duration(time * 17.0),
                )
            });
            report.findings.push(log);
        }
    }
}
