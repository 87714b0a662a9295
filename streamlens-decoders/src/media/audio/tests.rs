use streamlens_model::{Occurrence, StreamId, Timestamp, Value};

use super::pcm::conformity;
use super::*;
use crate::media::PayloadAnalyser;
use crate::rtp::{RtpDecoder, RtpPacket};
use crate::testing::{corpus, payloads};
use crate::{DecodingResult, FlowReport, StreamDecoder, StreamReport};

#[test]
fn levels_are_those_of_the_standard() {
    assert_eq!(conformity(48_000, 48, 2, 288).len(), 7);
    assert_eq!(conformity(48_000, 6, 16, 288), ["AES67", "ST 2110-30 level C", "ST 2110-30 level CX"]);
    assert_eq!(conformity(96_000, 12, 8, 288), ["AES67", "ST 2110-30 level BX", "ST 2110-30 level CX"]);
    assert_eq!(conformity(44_100, 48, 2, 288), ["AES67"]);
    assert!(conformity(44_100, 220, 2, 880).is_empty());
}

/// Feeds packets of `samples` at 48 kHz, each `jitter(n)` ns late, with payloads that `fill` makes.
fn feed(
    analyser: &mut dyn PayloadAnalyser,
    packets: u32,
    samples: u32,
    jitter: impl Fn(u32) -> i64,
    fill: impl Fn(u32) -> Vec<u8>,
) {
    for n in 0..packets {
        let payload = fill(n);
        let packet = RtpPacket {
            marker: false,
            payload_type: 97,
            sequence: n as u16,
            timestamp: n.wrapping_mul(samples),
            ssrc: 1,
            csrc: &[],
            extension: None,
            payload: &payload,
            padding: 0,
            wrong_padding: None,
        };
        let time = i64::from(n) * i64::from(samples) * 1_000_000_000 / 48_000 + jitter(n);
        let time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000 + time));
        analyser.observe(&packet, Occurrence { frame: u64::from(n) + 1, time }, false);
    }
}

/// Samples of a slow sine, of `bits` in `channels`, 48 in each packet.
fn sine(bits: u32, channels: u32, n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for sample in n * 48..(n + 1) * 48 {
        let value = ((f64::from(sample) * 0.05).sin() * 0.5 * f64::from(1_u32 << 31)) as i32;
        for _ in 0..channels {
            out.extend(&value.to_be_bytes()[..(bits / 8) as usize]);
        }
    }
    out
}

#[test]
fn the_smoother_waveform_tells_two_channels_of_24_bits_from_three_of_16() {
    for (bits, channels, format) in [(24, 2, "L24/48000/2"), (16, 3, "L16/48000/3"), (16, 2, "L16/48000/2")] {
        let mut analyser = PcmAnalyser::new();
        feed(&mut analyser, 200, 48, |_| 0, |n| sine(bits, channels, n));
        let (mut stream, mut report) = (StreamReport::default(), FlowReport::default());
        analyser.report(&mut stream, &mut report);
        assert_eq!(stream.measures["format"], Value::text(format));
        let refinement = analyser.refinement().unwrap();
        assert_eq!((refinement.encoding_name.as_ref(), refinement.confidence), ("AES67", 0.7));
    }
}

#[test]
fn silence_leaves_the_depth_open_and_is_counted() {
    let mut analyser = PcmAnalyser::new();
    feed(&mut analyser, 100, 48, |_| 0, |_| vec![0; 288]);
    let (mut stream, mut report) = (StreamReport::default(), FlowReport::default());
    analyser.report(&mut stream, &mut report);
    assert_eq!(stream.measures["depth_is_ambiguous"], Value::Bool(true));
    assert_eq!(stream.measures["silent_packets"], Value::Unsigned(100));
    assert_eq!(stream.measures["possible_formats"], Value::list(["L24/48000/2", "L16/48000/3"]));
}

#[test]
fn the_delay_factor_of_a_burst_is_its_lateness_and_its_place_is_given() {
    let mut analyser = PcmAnalyser::new();
    // One packet in the second window is 18.5 ms late: more than 17 packet times.
    feed(&mut analyser, 1000, 48, |n| if n == 300 { 18_500_000 } else { 0 }, |n| sine(24, 2, n));
    let (mut stream, mut report) = (StreamReport::default(), FlowReport::default());
    analyser.report(&mut stream, &mut report);
    let Value::Map(factor) = &stream.measures["ts_df"] else { panic!("a map") };
    let near = |key: &str, expected: f64| matches!(factor[key], Value::Float(value) if (value - expected).abs() < 1.0);
    assert!(near("max_ns", 18_500_000.0) && near("min_ns", 0.0), "{factor:?}");
    assert_eq!(factor["verdict"], Value::text("not compliant"));
    // Windows begin at packets 1, 202, 403, ...: a packet exactly 200 ms after the first still belongs to its window.
    assert_eq!(factor["worst_frame"], Value::Unsigned(202));
    let (code, stream, _) = report.findings[0].iter().next().unwrap();
    assert_eq!((code, stream), ("audio.ts-df", Some(StreamId(1))));
}

#[test]
fn what_is_not_pcm_is_not_plausible() {
    // Payloads of changing size at a constant step: Opus.
    let mut analyser = PcmAnalyser::new();
    feed(&mut analyser, 100, 960, |_| 0, |n| vec![1; 80 + (n as usize * 37) % 50]);
    assert!(!analyser.is_plausible() && analyser.refinement().is_none());
}

/// Subframes of AM824 for `channels`, 6 sample instants in each packet.
fn aes3(channels: u32, n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for instant in n * 6..(n + 1) * 6 {
        for channel in 0..channels {
            let first = channel % 2 == 0;
            let block = first && instant % 192 == 0;
            out.extend([u8::from(block) << 5 | u8::from(first) << 4 | 0x04, 0x12, instant as u8, channel as u8]);
        }
    }
    out
}

#[test]
fn am824_built_from_the_field_table_is_recognised_and_outranks_pcm() {
    for channels in [2, 4, 8] {
        let (mut am824, mut pcm) = (Am824Analyser::new(), PcmAnalyser::new());
        feed(&mut am824, 400, 6, |_| 0, |n| aes3(channels, n));
        feed(&mut pcm, 400, 6, |_| 0, |n| aes3(channels, n));
        let refinement = am824.refinement().unwrap();
        assert_eq!(refinement.encoding_name, "ST2110-31");
        assert!(refinement.confidence >= 0.95 && pcm.refinement().is_none_or(|pcm| pcm.confidence < 0.8));
        let (mut stream, mut report) = (StreamReport::default(), FlowReport::default());
        am824.report(&mut stream, &mut report);
        assert_eq!(stream.measures["format"], Value::text(format!("AM824/48000/{channels}")));
        assert_eq!(stream.measures["blocks"], Value::Unsigned(11), "the first packet only tells the channels");
        assert_eq!(stream.measures["aes3_streams"], Value::from(channels / 2));
        assert_eq!(stream.measures["broken_blocks"], Value::Unsigned(0));
        assert_eq!(stream.measures["subframes_marked_invalid"], Value::Unsigned(0));
    }
}

#[test]
fn pcm_is_not_taken_for_am824() {
    let mut analyser = Am824Analyser::new();
    feed(&mut analyser, 100, 48, |_| 0, |n| sine(16, 4, n));
    assert!(analyser.refinement().is_none());
}

/// Figures of an independent script: capture, packets, encoding, format, delay factor's
/// windows, largest and smallest in us, payload sizes.
type Expected = (&'static str, u64, &'static str, &'static str, u64, f64, f64, &'static [(&'static str, u64)]);

#[rustfmt::skip]
const EXPECTED: [Expected; 6] = [
    ("aes67-l24-2ch-1ms", 3000, "AES67", "L24/48000/2", 14, 11041.057, 4339.013, &[("288", 3000)]),
    ("rtp-l16-44100-pt10-static", 700, "RTP", "L16/44100/2", 17, 9094.131, 41.18, &[("880", 700)]),
    ("sap-sdp-l16-ffmpeg", 1031, "RTP", "L16/48000/1", 51, 28965.546, 20321.693, &[("1280", 1), ("1460", 515), ("588", 515)]),
    ("st2022-7-pair-l24", 1494, "AES67", "L24/48000/2", 7, 3662.841, 111.308, &[("288", 1494)]),
    ("st2022-7-pair-l24", 1485, "AES67", "L24/48000/2", 7, 3588.398, 410.865, &[("288", 1485)]),
    ("st2110-30-l24-8ch-125us", 6000, "AES67", "L24/48000/8", 3, 10322.539, 8530.767, &[("144", 6000)]),
];

#[test]
fn delay_factors_and_formats_are_those_of_an_independent_script() {
    let Some(corpus) = corpus() else { return };
    for (capture, packets, name, format, windows, largest, smallest, sizes) in EXPECTED {
        let mut flows = std::collections::BTreeMap::new();
        let decoder = RtpDecoder::new();
        for captured in payloads(&corpus, &format!("broadcast/{capture}.pcap")) {
            let flow = flows.entry(captured.flow).or_insert_with(|| (decoder.flow_decoder(&captured.flow).unwrap(), 0));
            flow.1 += u64::from(flow.0.decode_packet(&captured.packet(), &mut DecodingResult::default()).is_ok());
        }
        let (flow, _) = flows.values().find(|(_, count)| *count == packets).unwrap();
        let mut report = FlowReport::default();
        flow.report(&mut report);
        match report.refinements.first() {
            Some(refinement) => assert_eq!((refinement.encoding_name.as_ref(), refinement.confidence), (name, 0.7)),
            None => assert_eq!(name, "RTP", "{capture}"),
        }
        let stream = report.streams.values().next().unwrap();
        assert_eq!(stream.measures["format"], Value::text(format), "{capture}");
        let pairs = sizes.iter().map(|&(size, count)| (size, Value::from(count)));
        assert_eq!(stream.measures["payload_sizes"], Value::map(pairs), "{capture}");
        let Value::Map(factor) = &stream.measures["ts_df"] else { panic!("{capture}: a map") };
        assert_eq!(factor["windows"], Value::Unsigned(windows), "{capture}");
        for (key, expected) in [("max_ns", largest), ("min_ns", smallest)] {
            let Value::Float(value) = factor[key] else { panic!("{capture}: a figure") };
            assert!((value / 1e3 - expected).abs() < 0.002, "{capture}: {key} {value}, expected {expected} us");
        }
    }
}
