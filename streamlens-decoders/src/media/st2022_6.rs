//! SMPTE ST 2022-6: SDI over IP, recognised by its High Bit Rate Media Transport header.
//!
//! The header names raster, frame rate and sampling itself. The media octets (raw SDI words) are not decoded.

use nom::Parser;
use streamlens_model::words::Times;
use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Value};

use crate::rtp::RtpPacket;
use crate::wire::{Wire, array, u16, u32};
use crate::{FlowReport, Refinement, StreamReport};

use super::PayloadAnalyser;
use super::evidence::Evidence;
use super::unit::{Counts, histogram};

/// Media octets in every datagram (ST 2022-6 §6.4).
const MEDIA_OCTETS: usize = 1376;

/// Ticks of the RTP timestamp per second (ST 2022-6 §6.2).
const CLOCK_HZ: u32 = 27_000_000;

/// The payload header:
///
/// ```text
/// | Ext 4, F 1, VSID 3 | frame count 8 | R 2, S 2, FEC 3, CF 4, reserve 5 | MAP 4, FRAME 8, FRATE 8, SAMPLE 4, reserve 8 |
/// | video timestamp 32 where CF > 0 | Ext words of extensions |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hbrmt {
    source: u8,
    frame_count: u8,
    reference: u8,
    scrambling: u8,
    fec: u8,
    clock: u8,
    map: u8,
    frame: u8,
    rate: u8,
    sample: u8,
    timestamp: Option<u32>,
}

impl Hbrmt {
    /// Reads the header; `None` where a reserved bit is set, a code is none of the tables', or the lengths don't add up.
    fn parse(payload: &[u8]) -> Option<Self> {
        let (rest, ([a, count], flags)) = first_word(payload).ok()?;
        // F says that the second word is there; the standard demands it.
        if a & 0x08 == 0 || flags & 0x1F != 0 {
            return None;
        }
        let (mut rest, [e, f, g, 0]) = array("MAP, FRAME, FRATE and SAMPLE")(rest).ok()? else { return None };
        let mut header = Self {
            source: a & 7,
            frame_count: count,
            reference: (flags >> 14) as u8,
            scrambling: (flags >> 12 & 3) as u8,
            fec: (flags >> 9 & 7) as u8,
            clock: (flags >> 5 & 15) as u8,
            map: e >> 4,
            frame: e << 4 | f >> 4,
            rate: f << 4 | g >> 4,
            sample: g & 15,
            timestamp: None,
        };
        let (sample, is_known) =
            (header.sample, frame_name(header.frame).is_some() && rate_name(header.rate).is_some());
        if header.clock > 5 || header.fec > 2 || header.map > 2 || sample_name(sample).is_none() || !is_known {
            return None;
        }
        if header.clock > 0 {
            let (more, timestamp) = u32("video timestamp")(rest).ok()?;
            (header.timestamp, rest) = (Some(timestamp), more);
        }
        (rest.len() == MEDIA_OCTETS + 4 * usize::from(a >> 4)).then_some(header)
    }

    fn format(&self) -> (u8, u8, u8, u8) {
        (self.map, self.frame, self.rate, self.sample)
    }
}

/// ```text
/// | Ext 4, F 1, VSID 3 | FRCount 8 | R 2, S 2, FEC 3, CF 4, reserved 5 |
/// ```
fn first_word(input: &[u8]) -> Wire<'_, ([u8; 2], u16)> {
    (array("Ext, F, VSID and FRCount"), u16("R, S, FEC, CF and reserved bits")).parse(input)
}

fn frame_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0x10 => "720x486i",
        0x11 => "720x576i",
        0x20 => "1920x1080i",
        0x21 => "1920x1080p",
        0x22 => "1920x1080psf",
        0x23 => "2048x1080p",
        0x24 => "2048x1080psf",
        0x30 => "1280x720p",
        _ => return None,
    })
}

fn rate_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0x00 => "unknown at 2.97 Gb/s",
        0x01 => "unknown at 2.97/1.001 Gb/s",
        0x02 => "unknown at 1.485 Gb/s",
        0x03 => "unknown at 1.485/1.001 Gb/s",
        0x04 => "unknown at 0.27 Gb/s",
        0x10 => "60/1",
        0x11 => "60000/1001",
        0x12 => "50/1",
        0x14 => "48/1",
        0x15 => "48000/1001",
        0x16 => "30/1",
        0x17 => "30000/1001",
        0x18 => "25/1",
        0x1A => "24/1",
        0x1B => "24000/1001",
        _ => return None,
    })
}

fn sample_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "unknown",
        1 => "4:2:2 10 bit",
        2 => "4:4:4 10 bit",
        3 => "4:4:4:4 10 bit",
        5 => "4:2:2 12 bit",
        6 => "4:4:4 12 bit",
        7 => "4:4:4:4 12 bit",
        8 => "4:2:2:4 12 bit",
        _ => return None,
    })
}

/// Recognises and measures ST 2022-6.
#[derive(Debug, Default)]
pub struct SdiOverIp {
    evidence: Evidence,
    header: Option<Hbrmt>,
    previous: Option<(u16, bool, u8)>,
    frames: u64,
    /// Frame counts that did not grow by one with the marker, and only there.
    count_errors: u64,
    first_error: Option<Occurrence>,
    format_changes: u64,
    packets: u32,
    packets_are_whole: bool,
    packets_per_frame: Counts<8>,
}

impl SdiOverIp {
    /// An analyser that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl PayloadAnalyser for SdiOverIp {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        Hbrmt::parse(packet.payload).is_some()
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        let Some(header) = Hbrmt::parse(packet.payload) else {
            self.evidence.contradict(at);
            return;
        };
        self.evidence.support();
        if late {
            self.packets_are_whole = false;
            return;
        }
        if self.header.is_some_and(|before| before.format() != header.format()) {
            self.format_changes += 1;
        }
        if let Some((sequence, marker, count)) = self.previous
            && packet.sequence == sequence.wrapping_add(1)
        {
            if header.frame_count != count.wrapping_add(u8::from(marker)) {
                self.count_errors += 1;
                self.first_error.get_or_insert(at);
            }
            if marker {
                self.packets_are_whole = true;
            }
        } else {
            self.packets_are_whole = false;
        }
        self.packets = self.packets.saturating_add(1);
        if packet.marker {
            if std::mem::take(&mut self.packets_are_whole) {
                self.packets_per_frame.add(self.packets);
            }
            (self.frames, self.packets) = (self.frames + 1, 0);
        }
        self.previous = Some((packet.sequence, packet.marker, header.frame_count));
        self.header = Some(header);
    }

    fn is_plausible(&self) -> bool {
        let good = self.evidence.good;
        self.evidence.is_plausible() && self.count_errors * 10 <= good && self.format_changes * 100 <= good
    }

    fn refinement(&self) -> Option<Refinement> {
        // One header has some 30 bits that must have one value: two agreeing ones are no chance.
        let header = self.header.filter(|_| self.is_plausible())?;
        let confidence = match (self.evidence.good, self.frames) {
            (0..=1, _) => return None,
            (2..=4, _) => 0.9,
            (_, 0..=1) => 0.95,
            _ => 0.97,
        };
        let frame = frame_name(header.frame).unwrap_or_default();
        let reason = format!("{} payload headers of ST 2022-6 name {frame}, and the lengths fit", self.evidence.good);
        Some(Refinement { encoding_name: "ST2022-6".into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(CLOCK_HZ)
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let Some(header) = self.header else { return };
        let mut out = Metadata::new();
        let mut put = |name: &'static str, value: Value| {
            out.insert(name.into(), value);
        };
        put("raster", frame_name(header.frame).unwrap_or_default().into());
        put("rate", rate_name(header.rate).unwrap_or_default().into());
        put("sampling", sample_name(header.sample).unwrap_or_default().into());
        put(
            "mapping",
            ["direct", "3G level B dual link", "3G level B dual stream"][usize::from(header.map).min(2)].into(),
        );
        put("fec", ["none", "column", "column and row"][usize::from(header.fec).min(2)].into());
        put("source", if header.source == 0 { "primary" } else { "protection" }.into());
        put("time_reference", ["not locked", "reserved", "UTC", "private"][usize::from(header.reference & 3)].into());
        put("scrambled", (header.scrambling != 0).into());
        let clocks = ["none", "27 MHz", "148.5 MHz", "148.5/1.001 MHz", "297 MHz", "297/1.001 MHz"]
            [usize::from(header.clock).min(5)];
        put("video_timestamp_clock", clocks.into());
        put("frames", self.frames.into());
        put("packets_per_frame", histogram(&self.packets_per_frame));
        put("frame_count_errors", self.count_errors.into());
        put("format_changes", self.format_changes.into());
        put("malformed", self.evidence.bad.into());
        stream.measures.insert("st2022_6".into(), Value::Map(out));
        let mut findings = FindingLog::default();
        self.evidence.log("st2022-6.payload", &mut findings);
        if let Some(at) = self.first_error {
            findings.add("st2022-6.frame-count", Severity::Warning, None, at, || {
                format!("the frame count did not grow with the marker, and only there: {}", Times(self.count_errors))
            });
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{
        Sample, arbitrary_samples, at, feed, mutate, name, never_panics, recognises_only, report, stream,
    };
    use super::*;
    use crate::testing::corpus;

    fn make() -> Box<dyn PayloadAnalyser> {
        Box::new(SdiOverIp::new())
    }

    /// Frames of 1080i25 with 4 packets instead of 5397.
    fn frames(count: u32) -> Vec<Sample> {
        let mut samples = Vec::new();
        for packet in 0..count * 4 {
            let mut payload = vec![0x08, (packet / 4) as u8, 0x02, 0x40, 0x02, 0x01, 0x81, 0x00];
            payload.extend((packet * 1100).to_be_bytes());
            payload.resize(12 + 1376, 0x55);
            samples.push(Sample::new(
                u64::from(packet) + 1,
                i64::from(packet) * 7400,
                packet % 4 == 3,
                packet * 200,
                payload,
            ));
        }
        samples
    }

    #[test]
    fn hardware_is_recognised_and_nothing_else() {
        recognises_only(&make, &["ST2022-6"], 0.9);
        let Some(corpus) = corpus() else { return };
        let mut analyser = SdiOverIp::new();
        feed(&mut analyser, &stream(&corpus, "broadcast/hw-st2022-5-6.pcap", 20_000));
        let (measures, _) = report(&analyser);
        for (field, value) in [
            ("raster", "1920x1080i"),
            ("rate", "25/1"),
            ("sampling", "4:2:2 10 bit"),
            ("fec", "column"),
            ("video_timestamp_clock", "148.5 MHz"),
        ] {
            assert_eq!(at(&measures, &["st2022_6", field]), &Value::from(value), "{field}");
        }
        assert_eq!(at(&measures, &["st2022_6", "malformed"]), &Value::from(0_u64));
    }

    #[test]
    fn whole_frames_are_counted_and_a_frame_count_that_stands_still_is_found() {
        let mut samples = frames(5);
        let mut analyser = SdiOverIp::new();
        feed(&mut analyser, &samples);
        assert_eq!(name(&analyser), ("ST2022-6".into(), 0.97));
        let (measures, found) = report(&analyser);
        assert_eq!(at(&measures, &["st2022_6", "packets_per_frame"]), &super::super::testing::counts(&[("4", 4)]));
        assert!(found.findings.is_empty());
        for sample in &mut samples[16..] {
            sample.payload[1] -= 1;
        }
        let mut analyser = SdiOverIp::new();
        feed(&mut analyser, &samples);
        let (_, found) = report(&analyser);
        let (code, _, finding) = found.findings[0].iter().next().unwrap();
        assert_eq!((code, finding.first.frame), ("st2022-6.frame-count", 17));
    }

    #[test]
    fn payloads_of_another_format_are_found_once_the_format_is_known() {
        let mut samples = frames(40);
        samples.iter_mut().skip(157).for_each(|sample| sample.payload[0] = 0);
        let mut analyser = SdiOverIp::new();
        feed(&mut analyser, &samples);
        let (_, found) = report(&analyser);
        let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
        assert!(codes.contains(&("st2022-6.payload", 3)), "{codes:?}");
    }

    #[test]
    fn reserved_bits_unknown_codes_and_wrong_lengths_are_refused() {
        let good = frames(1)[0].payload.clone();
        assert!(Hbrmt::parse(&good).is_some());
        for (byte, value) in [(0, 0x00), (3, 0x41), (7, 1), (4, 0x32), (5, 0xF1), (6, 0x84)] {
            let mut bad = good.clone();
            bad[byte] = value;
            assert_eq!(Hbrmt::parse(&bad), None, "byte {byte}");
        }
        for cut in 0..good.len() {
            assert_eq!(Hbrmt::parse(&good[..cut]), None, "{cut} bytes");
        }
        let mut extended = good.clone();
        extended[0] |= 0x10;
        assert_eq!(Hbrmt::parse(&extended), None);
        extended.extend([0; 4]);
        assert!(Hbrmt::parse(&extended).is_some());
    }

    proptest! {
        #[test]
        fn arbitrary_and_damaged_packets_never_panic(samples in arbitrary_samples(), seeds in proptest::collection::vec(any::<(usize, usize, u8, i64)>(), 0..20)) {
            never_panics(&make, &samples);
            never_panics(&make, &mutate(&frames(3), &seeds));
        }
    }
}
