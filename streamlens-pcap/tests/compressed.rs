//! Compression around a capture: recognised by content, concatenated, cut and damaged.
#![cfg(all(feature = "gzip", feature = "lz4", feature = "zstd"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use std::io::Write;

use common::*;
use lz4_flex::frame::{FrameEncoder, FrameInfo};
use streamlens_pcap::{CaptureError, CaptureReader};
use zstd_safe::{CCtx, CParameter};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = CCtx::create();
    encoder.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    encoder.compress2(&mut out, bytes).unwrap();
    out
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = FrameInfo::new().content_checksum(true).block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;
const ALL: [(&str, Compress); 3] = [("gzip", gzip), ("zstd", zstd), ("lz4", lz4)];

/// Large enough for several blocks of each compression.
fn capture() -> Vec<u8> {
    let mut out = small_pcap(0);
    for number in 0..20_000_u32 {
        let noise: Vec<u8> = (0..30).map(|index| (number.wrapping_mul(2_654_435_761) >> (index % 25)) as u8).collect();
        out.extend(pcap_record(Order::Little, 1000 + number, 0, &noise));
    }
    out
}

#[test]
fn compression_is_recognised_by_content() {
    for (name, compress) in ALL {
        let result = read(compress(&small_pcap(9)));
        assert_eq!(result.format, format!("pcap in {name}"));
        assert_eq!((result.frames.len(), result.warnings.len()), (9, 0), "{:?}", result.warnings);
        let result = read(compress(&small_pcapng_blocks(Order::Big, 9).concat()));
        assert_eq!((result.format, result.frames.len()), (format!("pcapng in {name}"), 9));
    }
}

#[test]
fn one_compression_may_lie_around_another() {
    let result = read(gzip(&zstd(&small_pcap(9))));
    assert_eq!((result.format.as_str(), result.frames.len()), ("pcap in zstd in gzip", 9));
}

#[test]
fn concatenated_streams_are_one_capture() {
    let whole = capture();
    for (name, compress) in ALL {
        let mut parts = Vec::new();
        for part in whole.chunks(whole.len() / 5 + 1) {
            parts.extend(compress(part));
        }
        if name != "gzip" {
            // A skippable frame, in the middle and at the end.
            let skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
            parts = [compress(&whole), skippable.to_vec(), compress(&[]), skippable.to_vec()].concat();
        } else {
            parts.extend([0; 100]);
        }
        let result = read(parts);
        assert_eq!((result.frames.len(), result.warnings.len()), (20_000, 0), "{name}: {:?}", result.warnings);
    }
}

#[test]
fn short_reads_of_compressed_bytes_change_nothing() {
    for (name, compress) in ALL {
        let bytes = compress(&capture());
        let crumbs = Crumbs { bytes: std::io::Cursor::new(bytes.clone()), step: 0 };
        let crumbs = drain(&mut CaptureReader::from_reader("crumbs", crumbs).unwrap());
        let whole = read(bytes);
        assert!(whole.frames == crumbs.frames && whole.batches == crumbs.batches, "{name}");
    }
}

#[test]
fn a_cut_stream_gives_what_was_decoded_before_and_a_warning() {
    let whole = capture();
    for (name, compress) in ALL {
        let bytes = compress(&whole);
        let mut last = 0;
        for cut in (40..bytes.len()).step_by(bytes.len() / 11).chain([bytes.len() - 1]) {
            let Ok(mut reader) = CaptureReader::from_bytes("cut", bytes[..cut].to_vec()) else {
                assert!(cut < bytes.len() / 4, "{name} cut at {cut} of {}", bytes.len());
                continue;
            };
            let result = drain(&mut reader);
            assert_eq!(result.codes(), ["capture.truncated"], "{name} cut at {cut}");
            assert!(result.warnings[0].text.contains(name) && result.warnings[0].incomplete);
            assert!(result.frames.len() >= last, "{name}: a longer rest gives no fewer frames");
            last = result.frames.len();
            // Blocks of 128 KiB are the most that can be lost.
            let share = whole.len() * cut / bytes.len();
            assert!(result.frames.len() * 46 + 200_000 > share, "{name} cut at {cut}: {} frames", result.frames.len());
        }
        assert!(last > 15_000, "{name}: {last}");
    }
}

#[test]
fn a_wrong_checksum_is_told_after_all_frames() {
    for (name, compress, from_end) in [("gzip", gzip as Compress, 6), ("zstd", zstd, 2), ("lz4", lz4, 2)] {
        let mut bytes = compress(&small_pcap(9));
        let at = bytes.len() - from_end;
        bytes[at] ^= 0x10;
        let result = read(bytes);
        assert_eq!((result.frames.len(), result.codes()), (9, vec!["capture.damaged"]), "{name}");
    }
}

/// A zstd frame without a checksum whose window has 2 to the power of `log` bytes, and a block of `bytes` as they are.
fn zstd_block(log: u8, last: bool, bytes: &[u8]) -> Vec<u8> {
    let header = (bytes.len() as u32) << 3 | u32::from(last);
    [&[0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3], &header.to_le_bytes()[..3], bytes].concat()
}

#[test]
fn a_wrong_zstd_block_costs_nothing_that_stands_before_it() {
    let capture = small_pcap(9);
    assert_eq!(read(zstd_block(17, true, &capture)).codes(), [""; 0]);
    // Headers of a block of the reserved type, and of one that is larger than a block may be.
    for header in [[7, 0, 0], [0xf9, 0xff, 0xff]] {
        let result = read([zstd_block(17, false, &capture), header.to_vec()].concat());
        assert_eq!((result.frames.len(), result.codes()), (9, vec!["capture.damaged"]), "{header:?}");
    }
    let result = read(zstd_block(17, false, &capture));
    assert_eq!((result.frames.len(), result.codes()), (9, vec!["capture.truncated"]));
}

#[test]
fn a_zstd_window_that_takes_too_much_memory_is_refused_with_the_remedy() {
    let capture = small_pcap(9);
    assert_eq!(read(zstd_block(27, true, &capture)).frames.len(), 9);
    for log in [28, 31, 41] {
        let error = CaptureReader::from_bytes("wide", zstd_block(log, true, &capture)).unwrap_err().to_string();
        assert!(error.contains("zstd -dc --long=31"), "{error}");
    }
}

#[test]
fn what_follows_a_stream_is_told() {
    for (name, compress) in ALL {
        let mut bytes = compress(&small_pcap(9));
        bytes.extend(b"this is no further stream");
        let result = read(bytes);
        assert_eq!((result.frames.len(), result.codes()), (9, vec!["capture.damaged"]), "{name}");
    }
}

#[test]
fn damaged_streams_never_panic() {
    let whole = small_pcap(60);
    for (_, compress) in ALL {
        let bytes = compress(&whole);
        for at in 0..bytes.len().min(600) {
            let mut damaged = bytes.clone();
            damaged[at] ^= if at % 2 == 0 { 0xff } else { 0x04 };
            if let Ok(mut reader) = CaptureReader::from_bytes("damaged", damaged) {
                drain(&mut reader);
            }
        }
    }
}

#[test]
fn a_stream_that_gives_no_byte_is_an_error_of_its_own() {
    for (name, compress) in ALL {
        let bytes = compress(&small_pcap(9));
        let error = CaptureReader::from_bytes("cut", bytes[..bytes.len().min(12)].to_vec()).unwrap_err();
        assert!(matches!(error, CaptureError::BrokenCompression { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name));
    }
}
