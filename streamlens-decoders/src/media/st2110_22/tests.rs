use proptest::prelude::*;

use super::super::testing::{
    Sample, arbitrary_samples, at, counts, feed, mutate, name, never_panics, recognises_only, report,
};
use super::*;

fn make() -> Box<dyn PayloadAnalyser> {
    Box::new(CompressedVideo::new())
}

fn header(by_slice: bool, last: bool, interlace: u32, frame: u32, separator: u32, packet: u32) -> [u8; 4] {
    let word = 1 << 31 | u32::from(by_slice) << 30 | u32::from(last) << 29 | interlace << 27 | (frame & 31) << 22;
    (word | separator << 11 | packet).to_be_bytes()
}

/// SOC, CAP of 2 bytes, then the picture header of 1920x1080.
fn start() -> Vec<u8> {
    let mut bytes =
        vec![0xFF, 0x10, 0xFF, 0x50, 0x00, 0x02, 0xFF, 0x12, 0x00, 0x1A, 0, 0, 0x10, 0, 0x35, 0x40, 0x11, 0x08];
    bytes.extend([0x07, 0x80, 0x04, 0x38]);
    bytes
}

/// `units` frames or fields of `count` packets at 50 units a second, spread evenly.
fn stream(units: u32, count: u32, by_slice: bool, interlaced: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for unit in 0..units {
        let interlace = if interlaced { 2 + unit % 2 } else { 0 };
        let frame = if interlaced { unit / 2 } else { unit };
        for packet in 0..count {
            let last = packet + 1 == count;
            // Slices of 10 packets.
            let (separator, number, is_last) =
                if by_slice { (packet / 10, packet % 10, last || packet % 10 == 9) } else { (0, packet, last) };
            let mut payload = header(by_slice, is_last, interlace, frame, separator, number).to_vec();
            payload.extend(if packet == 0 { start() } else { vec![0xA5; 22] });
            let (sent, nanos) = (samples.len() as u64, unit * 20_000_000 + packet * (20_000_000 / count));
            samples.push(Sample::new(sent, i64::from(nanos), last, unit * 1800, payload));
        }
    }
    samples
}

#[test]
fn streams_of_the_field_table_are_recognised_with_their_raster_and_rate() {
    for (by_slice, interlaced, rate) in [(false, false, "50/1"), (true, false, "50/1"), (true, true, "25/1")] {
        let mut video = CompressedVideo::new();
        feed(&mut video, &stream(40, 50, by_slice, interlaced));
        assert_eq!(name(&video), ("ST2110-22".into(), 0.95));
        let (measures, found) = report(&video);
        assert!(found.findings.is_empty(), "{:?}", found.findings);
        for (field, value) in [
            ("width", Value::from(1920_u16)),
            ("height", 1080_u16.into()),
            ("rate", rate.into()),
            ("packets_per_unit", counts(&[("50", 39)])),
            ("counter_errors", 0_u64.into()),
            ("packetization", if by_slice { "slice" } else { "codestream" }.into()),
        ] {
            assert_eq!(at(&measures, &["st2110_22", field]), &value, "{field}");
        }
        // Sent evenly: the drain is faster than the packets.
        assert_eq!(at(&measures, &["st2110_21", "c_inst_peak"]), &Value::from(0_i64));
        assert_eq!(at(&measures, &["st2110_21", "npackets"]), &Value::from(50_u32));
    }
}

#[test]
fn loss_spoils_units_and_not_the_recognition() {
    let samples: Vec<_> = stream(20, 50, false, false).into_iter().filter(|sample| sample.at.frame % 97 != 5).collect();
    let mut video = CompressedVideo::new();
    feed(&mut video, &samples);
    assert_eq!(name(&video), ("ST2110-22".into(), 0.95));
    let (measures, found) = report(&video);
    assert_eq!(at(&measures, &["st2110_22", "counter_errors"]), &Value::from(0_u64));
    assert!(found.findings.is_empty());
}

#[test]
fn no_stream_of_the_corpus_is_jpeg_xs() {
    recognises_only(&make, &[], 1.0);
}

#[test]
fn counters_that_do_not_run_on_are_no_jpeg_xs() {
    let mut samples = stream(10, 50, false, false);
    for (index, sample) in samples.iter_mut().enumerate() {
        sample.payload[3] ^= (index % 3) as u8;
    }
    let mut video = CompressedVideo::new();
    feed(&mut video, &samples);
    assert_eq!(name(&video).0, "-");
}

#[test]
fn a_counter_that_does_not_run_on_is_found_once_the_format_is_known() {
    let mut samples = stream(10, 50, false, false);
    samples[420].payload[3] ^= 3;
    let mut video = CompressedVideo::new();
    feed(&mut video, &samples);
    let (_, found) = report(&video);
    let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    // the packet itself, and the one behind it
    assert_eq!(codes, [("st2110-22.counters", 1), ("st2110-22.payload", 2)]);
}

#[test]
fn a_counter_of_fields_is_found() {
    let mut samples = stream(24, 25, false, true);
    for (index, sample) in samples.iter_mut().enumerate() {
        let number =
            header(false, index % 25 == 24, 2 + index as u32 / 25 % 2, index as u32 / 25, 0, index as u32 % 25);
        sample.payload[..4].copy_from_slice(&number);
    }
    let mut video = CompressedVideo::new();
    feed(&mut video, &samples);
    assert_eq!(name(&video), ("ST2110-22".into(), 0.95));
    let (measures, found) = report(&video);
    assert_eq!(at(&measures, &["st2110_22", "frame_counter_errors"]), &Value::from(12_u64));
    let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    assert_eq!(codes, [("st2110-22.frame-counter", 12)]);
}

#[test]
fn boxes_before_the_codestream_are_passed_over() {
    assert_eq!(codestream(&start()), Some(Some((1920, 1080))));
    let mut boxed = vec![0, 0, 0, 12, b'j', b'p', b'v', b's', 1, 2, 3, 4, 0, 0, 0, 8, b'c', b'o', b'l', b'r'];
    boxed.extend(start());
    assert_eq!(codestream(&boxed), Some(Some((1920, 1080))));
    assert_eq!(codestream(&boxed[..12]), Some(None));
    assert_eq!(codestream(&[0xFF, 0xD8, 0xFF, 0xE0]), None);
    assert_eq!(codestream(&[0, 0, 0, 0, b'j', b'p', b'v', b's']), Some(None));
}

proptest! {
    #[test]
    fn arbitrary_and_damaged_packets_never_panic(samples in arbitrary_samples(), seeds in proptest::collection::vec(any::<(usize, usize, u8, i64)>(), 0..20)) {
        never_panics(&make, &samples);
        never_panics(&make, &mutate(&stream(6, 25, true, true), &seeds));
    }
}
