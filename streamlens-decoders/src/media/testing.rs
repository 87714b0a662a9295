//! For the tests of analysers: RTP packets out of captures or made by hand, fed to an analyser.

use std::path::Path;

use streamlens_model::{Metadata, Occurrence, Timestamp, Transport, Value};

use super::PayloadAnalyser;
use crate::rtp::RtpPacket;
use crate::testing::{Captured, payloads};
use crate::{FlowReport, StreamReport};

/// A packet that owns its payload.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Occurrence,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
}

impl Sample {
    pub(crate) fn new(frame: u64, nanos: i64, marker: bool, timestamp: u32, payload: Vec<u8>) -> Self {
        let at = Occurrence { frame, time: Some(Timestamp::from_nanos(nanos)) };
        Self { at, marker, payload_type: 96, sequence: frame as u16, timestamp, payload }
    }

    pub(crate) fn packet(&self) -> RtpPacket<'_> {
        RtpPacket {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: 1,
            csrc: &[],
            extension: None,
            payload: &self.payload,
            padding: 0,
            wrong_padding: None,
        }
    }
}

/// Reads the fixed header; enough for the corpus, whose only other parts are extensions.
pub(crate) fn sample(captured: &Captured) -> Option<Sample> {
    let (header, rest) = captured.payload.split_first_chunk::<12>()?;
    if header[0] >> 6 != 2 || header[0] & 0x2F != 0 {
        return None;
    }
    let payload = if header[0] & 0x10 != 0 {
        let words = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        rest.get(4 + 4 * words..)?
    } else {
        rest
    };
    Some(Sample {
        at: Occurrence { frame: captured.frame, time: captured.time },
        marker: header[1] & 0x80 != 0,
        payload_type: header[1] & 0x7F,
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        payload: payload.to_vec(),
    })
}

/// The packets to one UDP port of a capture.
pub(crate) fn stream(corpus: &Path, capture: &str, port: u16) -> Vec<Sample> {
    payloads(corpus, capture)
        .iter()
        .filter(|c| c.transport == Transport::UDP && c.flow.dst.port == Some(port))
        .filter_map(sample)
        .collect()
}

/// Media that must not be taken for what they are not: capture, port, and the refinement that is right.
pub(crate) const STREAMS: [(&str, u16, &str); 14] = [
    ("broadcast/aes67-l24-2ch-1ms.pcap", 5004, "audio"),
    ("broadcast/hw-st2022-1-2.pcap", 20_000, "ST2022-2"),
    ("broadcast/hw-st2022-5-6.pcap", 20_000, "ST2022-6"),
    ("broadcast/mpegts-rtp-fec2022-1.pcap", 5006, "ST2022-2"),
    ("broadcast/mpegts-rtp-fec2022-1.pcap", 5008, "ST2022-1"),
    ("broadcast/mpegts-rtp-fec2022-1.pcap", 5010, "ST2022-1"),
    ("broadcast/rtp-h264-rtcp-mux-ffmpeg.pcap", 6004, "H.264"),
    ("broadcast/rtp-l16-44100-pt10-static.pcap", 5404, "audio"),
    ("broadcast/rtp-opus-loss-reorder-dup.pcap", 5304, "Opus"),
    ("broadcast/rtp-vp8-hdrext-ntp64.pcap", 5504, "VP8"),
    ("broadcast/sap-sdp-l16-ffmpeg.pcap", 5010, "audio"),
    ("broadcast/st2110-20-uyvp10-320x180p25.pcap", 5004, "ST2110-20"),
    ("broadcast/st2110-30-l24-8ch-125us.pcap", 5004, "audio"),
    ("broadcast/st2110-40-anc-25p.pcap", 5040, "ST2110-40"),
];

/// Feeds an analyser, until it gives up.
pub(crate) fn feed(analyser: &mut dyn PayloadAnalyser, samples: &[Sample]) {
    let mut highest: Option<u16> = None;
    for sample in samples {
        let late = highest.is_some_and(|h| (sample.sequence.wrapping_sub(h) as i16) <= 0);
        if !late {
            highest = Some(sample.sequence);
        }
        analyser.observe(&sample.packet(), sample.at, late);
        if !analyser.is_plausible() {
            return;
        }
    }
}

/// What an analyser says of its stream.
pub(crate) fn report(analyser: &dyn PayloadAnalyser) -> (Metadata, FlowReport) {
    let (mut stream, mut report) = (StreamReport::default(), FlowReport::default());
    analyser.report(&mut stream, &mut report);
    (stream.measures, report)
}

/// The name and confidence that an analyser gives its stream; `-` where it gives none.
pub(crate) fn name(analyser: &dyn PayloadAnalyser) -> (String, f32) {
    match analyser.refinement().filter(|_| analyser.is_plausible()) {
        Some(refinement) => (refinement.encoding_name.into_owned(), refinement.confidence),
        None => ("-".into(), 0.0),
    }
}

/// Feeds every stream of [`STREAMS`], and those of calls, to analysers made by `make` and demands that only `own` is
/// recognised, with the confidence asked for.
pub(crate) fn recognises_only(make: &dyn Fn() -> Box<dyn PayloadAnalyser>, own: &[&str], least: f32) {
    let Some(corpus) = crate::testing::corpus() else { return };
    for (capture, port, right) in STREAMS {
        let mut analyser = make();
        feed(analyser.as_mut(), &stream(&corpus, capture, port));
        let (name, confidence) = name(analyser.as_ref());
        if own.contains(&right) {
            assert_eq!(name, right, "{capture} port {port}");
            assert!(confidence >= least, "{capture} port {port}: {confidence}");
        } else {
            assert_eq!(name, "-", "{capture} port {port}: {confidence}");
        }
    }
}

/// One of the named values of a map, or a value of a list of maps, by path.
pub(crate) fn at<'a>(metadata: &'a Metadata, path: &[&str]) -> &'a Value {
    let (first, rest) = path.split_first().expect("a path");
    let mut value = metadata.get(first).unwrap_or_else(|| panic!("no {first} in {metadata:?}"));
    for name in rest {
        let Value::Map(map) = value else { panic!("{name} asked of {value:?}") };
        value = map.get(name).unwrap_or_else(|| panic!("no {name} in {map:?}"));
    }
    value
}

/// A map of counts by name.
pub(crate) fn counts(pairs: &[(&str, u64)]) -> Value {
    Value::map(pairs.iter().map(|&(name, count)| (name.to_owned(), Value::from(count))))
}

/// Properties of every analyser: arbitrary packets and mutated real ones never make it panic, whatever is asked of it.
pub(crate) fn never_panics(make: &dyn Fn() -> Box<dyn PayloadAnalyser>, packets: &[Sample]) {
    let mut analyser = make();
    for (index, sample) in packets.iter().enumerate() {
        analyser.observe(&sample.packet(), sample.at, index % 7 == 3);
        if index % 5 == 0 {
            let _ =
                (analyser.refinement(), analyser.is_plausible(), analyser.clock_rate_hz(), report(analyser.as_ref()));
        }
    }
    let _ = (analyser.refinement(), report(analyser.as_ref()));
}

/// Arbitrary packets.
pub(crate) fn arbitrary_samples() -> impl proptest::strategy::Strategy<Value = Vec<Sample>> {
    use proptest::prelude::*;
    let time = prop_oneof![any::<i64>(), 0..10_000_000_000_i64];
    let payload = proptest::collection::vec(any::<u8>(), 0..80);
    let one = (any::<bool>(), any::<u8>(), any::<u16>(), any::<u32>(), time, payload);
    proptest::collection::vec(
        one.prop_map(|(marker, payload_type, sequence, timestamp, nanos, payload)| Sample {
            at: Occurrence { frame: u64::from(sequence), time: Some(Timestamp::from_nanos(nanos)) },
            marker,
            payload_type: payload_type & 0x7F,
            sequence,
            timestamp,
            payload,
        }),
        0..60,
    )
}

/// Good packets with a few bytes, lengths, markers and times changed.
pub(crate) fn mutate(good: &[Sample], seeds: &[(usize, usize, u8, i64)]) -> Vec<Sample> {
    let mut samples = good.to_vec();
    for &(packet, at, byte, nanos) in seeds {
        let count = samples.len().max(1);
        let Some(sample) = samples.get_mut(packet % count) else { continue };
        let length = sample.payload.len().max(1);
        match byte % 5 {
            0 => sample.payload.truncate(at % length),
            1 => sample.marker = !sample.marker,
            2 => sample.at.time = Some(Timestamp::from_nanos(nanos)),
            3 => sample.timestamp ^= 1 << (at % 32),
            _ => {
                if let Some(slot) = sample.payload.get_mut(at % length.min(32)) {
                    *slot ^= byte;
                }
            }
        }
    }
    samples
}
