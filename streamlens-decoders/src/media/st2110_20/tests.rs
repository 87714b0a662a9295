use proptest::prelude::*;
use streamlens_model::Value;

use super::super::testing::{Sample, arbitrary_samples, at, counts, feed, mutate, name, never_panics, recognises_only};
use super::super::testing::{report, stream};
use super::rows::{Row, RowFault, Rows};
use super::*;
use crate::testing::corpus;

const CAPTURE: &str = "broadcast/st2110-20-uyvp10-320x180p25.pcap";

fn make() -> Box<dyn PayloadAnalyser> {
    Box::new(RawVideo::new())
}

/// One packet with whole rows of data.
fn rows(field: u8, rows: &[(u16, u16, u16)]) -> Vec<u8> {
    let mut payload = vec![0, 0];
    for (index, &(length, line, offset)) in rows.iter().enumerate() {
        let more = if index + 1 < rows.len() { 0x8000 } else { 0 };
        payload.extend(length.to_be_bytes());
        payload.extend((line | u16::from(field) << 15).to_be_bytes());
        payload.extend((offset | more).to_be_bytes());
    }
    let bytes: usize = rows.iter().map(|row| usize::from(row.0)).sum();
    payload.resize(payload.len() + bytes, 0x80);
    payload
}

/// Fields (or frames) of `lines` lines, each in `cuts` segments, one segment a packet.
fn pictures(
    units: u32,
    lines: u16,
    segments: &[(u16, u16)],
    interlaced: bool,
    step: u32,
    line_step: u16,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for unit in 0..units {
        let field = if interlaced { (unit % 2) as u8 } else { 0 };
        for line in 0..lines {
            for (index, &(length, offset)) in segments.iter().enumerate() {
                let number = line * line_step + if line_step == 2 { u16::from(field) } else { 0 };
                let last = line + 1 == lines && index + 1 == segments.len();
                let frame = samples.len() as u64 + 1;
                let payload = rows(field, &[(length, number, offset)]);
                samples.push(Sample::new(frame, frame as i64 * 10_000, last, unit * step, payload));
            }
        }
    }
    samples
}

fn picture(samples: &[Sample]) -> raster::Picture {
    let mut video = RawVideo::new();
    feed(&mut video, samples);
    assert_eq!(name(&video), ("ST2110-20".into(), 0.98));
    video.raster.picture()
}

#[test]
fn figures_of_the_corpus_are_those_of_the_independent_script() {
    let Some(corpus) = corpus() else { return };
    let mut video = RawVideo::new();
    feed(&mut video, &stream(&corpus, CAPTURE, 5004));
    assert_eq!(name(&video), ("ST2110-20".into(), 0.98));
    let (measures, _) = report(&video);
    for (field, value) in [
        ("width", Value::from(320_u32)),
        ("height", 180_u32.into()),
        ("rate", "25/1".into()),
        ("interlaced", false.into()),
        ("media_units", 12_u64.into()),
        ("packets_per_unit", Value::list([11_u32, 103])),
        ("units_with_one_marker", 11_u64.into()),
        ("srd_rows", 3132_u64.into()),
        ("packets_by_srd_count", counts(&[("1", 11), ("2", 278), ("3", 855)])),
        ("max_line_first_field", 179_u16.into()),
        ("length_mismatches", 0_u64.into()),
        ("rtp_ts_deltas", Value::list([3600_u32])),
        ("sampling", Value::list(["4:2:2 10 bit"])),
        ("packing", "GPM".into()),
    ] {
        assert_eq!(at(&measures, &["st2110_20", field]), &value, "{field}");
    }
    let histogram =
        [12, 12, 21, 23, 28, 37, 43, 48, 53, 54, 57, 55, 55, 55, 56, 49, 47, 45, 45, 44, 45, 44, 43, 33, 32]
            .into_iter()
            .chain([23, 22, 22, 16, 12, 6, 4, 1, 1, 1]);
    let histogram = Value::map(histogram.enumerate().map(|(level, n)| (level.to_string(), Value::from(n as u64))));
    for (field, value) in [
        ("npackets", Value::from(103_u32)),
        ("t_frame_ns", 40e6.into()),
        ("c_inst_peak", 34_i64.into()),
        ("c_inst_histogram", histogram),
        ("cmax_narrow_linear", 4_i64.into()),
        ("cmax_wide", 16_i64.into()),
        ("vrx_full_narrow", 8_i64.into()),
        ("vrx_full_wide", 720_i64.into()),
        ("vrx_min_first_packet_anchor", 0_i64.into()),
        ("vrx_peak_first_packet_anchor", 41_i64.into()),
        ("class_by_c", "not_compliant".into()),
    ] {
        assert_eq!(at(&measures, &["st2110_21", field]), &value, "{field}");
    }
    for (field, figure) in [("t_drain_ns", 353_045.013), ("t_rs_linear_ns", 388_349.515)] {
        let Value::Float(measured) = at(&measures, &["st2110_21", field]) else { panic!("{field}") };
        assert!((measured - figure).abs() < 0.001, "{field}: {measured}");
    }
}

/// As a sender of the corpus' stream would announce it, had it spread its packets.
const ANNOUNCED: &str = "sampling=YCbCr-4:2:2; width=320; height=180; exactframerate=25; depth=10; TCS=SDR; \
    colorimetry=BT709; PM=2110GPM; SSN=ST2110-20:2017; TP=2110TPW; CMAX=34;";

#[test]
fn every_difference_from_the_announced_picture_and_timing_is_told() {
    let Some(corpus) = corpus() else { return };
    let mut video = RawVideo::new();
    feed(&mut video, &stream(&corpus, CAPTURE, 5004));
    // The script's peaks: C_INST 34 (limit 16 of type W, 4 of type NL), VRX 41 (limits 720 and 8).
    for (from, to, codes) in [
        ("", "", [].as_slice()),
        ("exactframerate=25", "exactframerate=50/2", &[]),
        ("width=320", "width=640", &["sdp.raster"]),
        ("height=180", "height=360", &["sdp.raster"]),
        ("exactframerate=25", "exactframerate=30000/1001", &["sdp.frame-rate"]),
        ("depth=10", "depth=8", &["sdp.sampling"]),
        ("YCbCr-4:2:2", "RGB", &["sdp.sampling"]),
        ("depth=10;", "depth=10; interlace;", &["sdp.scan"]),
        ("2110GPM", "2110BPM", &["sdp.packing"]),
        ("CMAX=34;", "", &["sdp.c-inst"]),
        ("TPW; CMAX=34;", "TPNL", &["sdp.c-inst", "sdp.vrx"]),
    ] {
        let parameters = ANNOUNCED.replace(from, to);
        let announced = PayloadFormat { encoding: "raw".to_owned(), parameters, ..PayloadFormat::default() };
        let found = video.differences(&announced);
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), codes, "{from} -> {to}: {found:?}");
    }
    let other = PayloadFormat { encoding: "jxsv".to_owned(), ..PayloadFormat::default() };
    assert_eq!(video.differences(&other), []);
}

#[test]
fn no_other_stream_of_the_corpus_is_raw_video() {
    recognises_only(&make, &["ST2110-20"], 0.98);
}

#[test]
fn rasters_and_samplings_follow_from_cut_rows() {
    // 1920 pixels of 4:2:2 10 bit: 4800 bytes, cut at 1200 bytes = 480 pixels.
    let hd = pictures(4, 1080, &[(1200, 0), (1200, 480), (1200, 960), (1200, 1440)], false, 1500, 1);
    let found = picture(&hd);
    assert_eq!((found.width, found.height, found.is_interlaced), (1920, 1080, false));
    assert_eq!(found.samplings.iter().map(|s| s.name).collect::<Vec<_>>(), ["4:2:2 10 bit"]);
    // Three bytes a column: the wire doesn't tell which of them.
    let found = picture(&pictures(4, 720, &[(1200, 0), (1200, 400), (1200, 800), (240, 1200)], false, 1800, 1));
    assert_eq!((found.width, found.height), (1280, 720));
    let names: Vec<_> = found.samplings.iter().map(|s| s.name).collect();
    assert_eq!(names, ["4:2:2 12 bit", "4:4:4 8 bit", "4:2:0 8 bit"]);
}

#[test]
fn fields_make_a_picture_of_twice_their_lines() {
    let found = picture(&pictures(4, 540, &[(1200, 0), (1200, 480), (1200, 960), (1200, 1440)], true, 1800, 1));
    assert_eq!((found.width, found.height, found.is_interlaced, found.is_numbered_by_frame), (1920, 1080, true, false));
    // A sender that numbers by line of the frame is told apart, and not doubled.
    let found = picture(&pictures(4, 540, &[(1200, 0), (1200, 480), (1200, 960), (1200, 1440)], true, 1800, 2));
    assert_eq!((found.height, found.is_interlaced, found.is_numbered_by_frame), (1080, true, true));
}

#[test]
fn segments_of_one_timestamp_are_psf() {
    let mut samples = pictures(6, 540, &[(1200, 0), (1200, 480), (1200, 960), (1200, 1440)], true, 1800, 1);
    for sample in &mut samples {
        sample.timestamp = sample.timestamp / 3600 * 3600;
    }
    let found = picture(&samples);
    assert_eq!((found.height, found.is_interlaced, found.is_segmented), (1080, false, true));
}

#[test]
fn payloads_of_another_format_are_found_once_the_format_is_known() {
    let mut samples = pictures(5, 180, &[(800, 0)], false, 3600, 1);
    samples.iter_mut().skip(700).take(3).for_each(|sample| sample.payload.truncate(500));
    let mut video = RawVideo::new();
    feed(&mut video, &samples);
    let (_, found) = report(&video);
    let codes: Vec<_> = found.findings.iter().flat_map(|log| log.iter()).map(|(code, ..)| code).collect();
    assert!(codes.contains(&"st2110-20.payload"), "{codes:?}");
}

#[test]
fn headers_that_lie_about_lengths_are_refused() {
    let whole = rows(0, &[(10, 0, 4), (20, 1, 0)]);
    let read = Rows::parse(&whole, false).unwrap();
    let found: Vec<_> = read.iter().map(Row::read).collect();
    assert_eq!(found[0], Row { length: 10, field: 0, line: 0, offset: 4 });
    assert_eq!((found[1].length, found[1].line, read.bytes, read.count), (20, 1, 30, 2));
    for cut in 0..whole.len() {
        assert_eq!(Rows::parse(&whole[..cut], true).err(), Some(RowFault::Length), "{cut} bytes");
    }
    let mut longer = whole.clone();
    longer.extend([0; 5]);
    assert_eq!(Rows::parse(&longer, false).err(), Some(RowFault::Length));
    assert!(Rows::parse(&longer, true).is_ok(), "zeros fill up the last packet of a unit");
    assert_eq!(Rows::parse(&rows(0, &[(10, 5, 0), (10, 4, 0)]), false).err(), Some(RowFault::Field));
    assert_eq!(Rows::parse(&[0; 8], false).map(|r| r.bytes), Ok(0), "a lone empty row is lawful");
}

proptest! {
    #[test]
    fn arbitrary_packets_never_panic(samples in arbitrary_samples()) {
        never_panics(&make, &samples);
    }

    #[test]
    fn damaged_pictures_never_panic(seeds in proptest::collection::vec(any::<(usize, usize, u8, i64)>(), 0..40)) {
        let good = pictures(6, 30, &[(20, 0), (20, 8)], true, 1800, 1);
        never_panics(&make, &mutate(&good, &seeds));
    }
}
