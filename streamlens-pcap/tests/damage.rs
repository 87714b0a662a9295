//! Captures that are cut or damaged: what can be read is read, and what can't is told.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use common::*;
use streamlens_pcap::{CaptureError, CaptureReader};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn a_pcap_cut_anywhere_gives_every_whole_frame() {
    let whole = small_pcap(8);
    let mut ends = vec![24];
    for number in 0..8 {
        ends.push(ends[number] + 16 + payload(number as u32).len());
    }
    for cut in 4..whole.len() {
        let result = read(&whole[..cut]);
        let frames = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        assert_eq!(result.frames.len(), frames, "cut at {cut}");
        if ends.contains(&cut) {
            assert!(result.warnings.is_empty());
        } else {
            assert_eq!(result.codes(), ["capture.truncated"], "cut at {cut}");
            let warning = &result.warnings[0];
            let start = ends.iter().rfind(|end| **end <= cut).copied().unwrap_or(0);
            assert_eq!((warning.byte, warning.after_frame), (Some(start as u64), Some(frames as u64)));
            assert!(warning.incomplete);
        }
    }
}

#[test]
fn a_pcapng_cut_anywhere_gives_every_whole_frame() {
    for order in ORDERS {
        let blocks = small_pcapng_blocks(order, 6);
        let whole = blocks.concat();
        let ends: Vec<usize> = blocks
            .iter()
            .scan(0, |end, block| {
                *end += block.len();
                Some(*end)
            })
            .collect();
        for cut in 4..whole.len() {
            let result = read(&whole[..cut]);
            let frames = ends[2..].iter().filter(|end| **end <= cut).count();
            assert_eq!(result.frames.len(), frames, "cut at {cut}");
            let expected: &[&str] = if ends.contains(&cut) { &[] } else { &["capture.truncated"] };
            assert_eq!(result.codes(), expected, "cut at {cut}: {:?}", result.warnings);
        }
    }
}

/// A mixed capture: sections of both byte orders, several kinds of blocks. Frame blocks are told apart by data.
fn mixed() -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut blocks = Vec::new();
    for (order, base) in [(Order::Little, 0), (Order::Big, 100)] {
        blocks.push((section(order), None));
        blocks.push((interface(order, 1, 0, &[option(order, 2, b"eth0")]), None));
        blocks.push((interface(order, 101, 0, &[option(order, 9, &[9])]), None));
        for number in 0..4 {
            let data = [vec![0xee; 5], payload(base + number)].concat();
            blocks.push((enhanced(order, number % 2, TICKS, data.len() as u32, &data), Some(data)));
        }
        let old = format!("obsolete {base}").into_bytes();
        blocks.push((obsolete(order, 1, TICKS, &old), Some(old)));
        blocks.push((block(order, 4, &[0; 8]), None));
        // No snap length that a wrong byte makes can cut 13 bytes within the same padding.
        let simple_data = format!("simple {base:05}z").into_bytes();
        blocks.push((simple(order, simple_data.len() as u32, &simple_data), Some(simple_data)));
    }
    blocks
}

#[test]
fn one_wrong_byte_in_a_pcapng_costs_at_most_the_frame_it_is_in() {
    let blocks = mixed();
    let whole: Vec<u8> = blocks.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    let mut start = 0;
    for (index, (bytes, _)) in blocks.iter().enumerate() {
        for at in start..start + bytes.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x09, 0x24, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                let result = read(damaged);
                let must: Vec<&[u8]> = blocks
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index)
                    .filter_map(|(_, (_, data))| data.as_deref())
                    .collect();
                // The frame of the damaged block itself may be there, changed or not.
                let mut seen = result.data().into_iter();
                for frame in must {
                    assert!(
                        seen.any(|data| data == frame),
                        "byte {at} ^ {change:#x} in block {index} lost {frame:02x?}: {:?}",
                        result.warnings
                    );
                }
                assert!(result.frames.len() <= 13, "byte {at} ^ {change:#x} made up frames");
            }
        }
        start += bytes.len();
    }
}

#[test]
fn a_block_with_one_wrong_length_is_read_by_the_other() {
    for at in [4, 5, 6, 7] {
        let mut blocks = small_pcapng_blocks(Order::Little, 6);
        blocks[4][at] ^= 0x55;
        let result = read(blocks.concat());
        assert_eq!(result.frames.len(), 6, "{:?}", result.warnings);
        assert_eq!(result.codes(), ["capture.damaged"]);
        let mut blocks = small_pcapng_blocks(Order::Little, 6);
        let end = blocks[4].len() - 8 + at;
        blocks[4][end] ^= 0x55;
        assert_eq!(read(blocks.concat()).frames.len(), 6);
    }
}

#[test]
fn garbage_between_blocks_is_stepped_over_and_told_with_its_place() {
    for length in [1, 2, 3, 13, 400, 300_000, 3_000_000] {
        let mut blocks = small_pcapng_blocks(Order::Big, 6);
        blocks.insert(4, (0..length).map(|index: u32| (index % 255) as u8 | 0x40).collect());
        let start: usize = blocks[..4].iter().map(Vec::len).sum();
        let result = read(blocks.concat());
        assert_eq!(result.frames.len(), 6, "{length} bytes");
        assert_eq!(result.codes(), ["capture.damaged"]);
        let warning = &result.warnings[0];
        assert_eq!((warning.byte, warning.after_frame), (Some(start as u64), Some(2)));
        let bytes = streamlens_model::words::Counted(length as u64, "byte");
        assert!(warning.text.contains(&format!("{bytes} {} left out", bytes.are())), "{}", warning.text);
    }
}

#[test]
fn frames_of_an_interface_that_is_not_described_are_counted() {
    let order = Order::Little;
    let capture = [section(order), enhanced(order, 3, 1, 1, b"x"), enhanced(order, 0, 1, 1, b"y")].concat();
    let result = read(capture);
    assert_eq!(result.data(), [b"x", b"y"]);
    assert_eq!((result.frames[0].nanos, result.frames[0].interface), (None, 0));
    assert_eq!(result.codes(), ["capture.unknown-interface"]);
}

#[test]
fn a_frame_longer_than_its_block_is_left_out() {
    let mut blocks = small_pcapng_blocks(Order::Little, 4);
    blocks[3][20..24].copy_from_slice(&1000_u32.to_le_bytes());
    let result = read(blocks.concat());
    assert_eq!((result.frames.len(), result.codes()), (3, vec!["capture.damaged"]));
}

#[test]
fn an_absurd_length_ends_a_pcap_with_its_place() {
    for length in [u32::MAX, 1 << 31, (64 << 20) + 1] {
        let mut capture = small_pcap(4);
        let at = capture.len() as u64;
        capture.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        capture.extend(length.to_le_bytes());
        capture.extend([0; 50]);
        let result = read(capture);
        assert_eq!((result.frames.len(), result.codes()), (4, vec!["capture.damaged"]));
        assert_eq!((result.warnings[0].byte, result.warnings[0].after_frame), (Some(at), Some(4)));
    }
}

#[test]
fn a_long_frame_is_believed_where_a_record_follows_it() {
    let mut capture = small_pcap(1);
    capture.extend(pcap_record(Order::Little, 1001, 0, &vec![0xff; 300_000]));
    let mut last = capture.clone();
    last.extend(pcap_record(Order::Little, 1002, 0, b"next"));
    assert_eq!(read(capture.clone()).frames.len(), 2);
    assert_eq!(read(last).frames.len(), 3);
    // Here what follows is no record, so that the length was not one either.
    capture.extend([0xff; 64]);
    assert_eq!((read(capture.clone()).frames.len(), read(capture).codes()), (1, vec!["capture.damaged"]));
}

#[test]
fn warnings_are_bounded_however_many_places_are_damaged() {
    let mut blocks = small_pcapng_blocks(Order::Little, 2000);
    for block in blocks.iter_mut().skip(2).step_by(2) {
        block[20] = 0xff;
    }
    let result = read(blocks.concat());
    assert_eq!(result.frames.len(), 1000);
    assert_eq!(result.warnings.len(), 33);
    assert!(result.warnings[32].text.starts_with("968 more"), "{}", result.warnings[32].text);
}

#[test]
fn what_is_no_capture_is_told_with_its_first_bytes() {
    for (bytes, part) in [
        (b"".as_slice(), "it is empty"),
        (b"GET / HTTP/1.1", "bytes 47 45 54 20 2f 20 48 54"),
        (b"PK\x03\x04....", "zip archive"),
        (b"snoop\0\0\0", "snoop"),
        (b"\xd4\xc3", "bytes d4 c3"),
    ] {
        let error = CaptureReader::from_bytes("some.file", bytes.to_vec()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("some.file: not a capture") && text.contains(part), "{text}");
        assert!(matches!(error, CaptureError::NotACapture { .. }));
    }
}

#[test]
fn files_that_cannot_be_opened_are_told_apart() {
    let missing = CaptureReader::open("/no/such/capture.pcap").unwrap_err();
    assert!(matches!(missing, CaptureError::NotFound { .. }), "{missing}");
    assert!(!missing.is_permission_denied());
    let directory = CaptureReader::open(env!("CARGO_MANIFEST_DIR")).unwrap_err();
    assert!(matches!(directory, CaptureError::IsDirectory { .. }), "{directory}");
}

/// Gives its bytes, then fails.
struct Failing(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("the cable was pulled")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_failing_source_gives_its_frames_first() {
    let mut capture = small_pcap(5);
    capture.extend([0; 7]);
    let all = capture.len() as u64;
    let failing = Failing(std::io::Cursor::new(capture));
    let result = drain(&mut CaptureReader::from_reader("failing", failing).unwrap());
    assert_eq!((result.frames.len(), result.codes()), (5, vec!["capture.unreadable"]));
    let failure = result.failure.expect("a failure");
    assert_eq!((failure.path(), failure.is_permission_denied()), (std::path::Path::new("failing"), false));
    assert_eq!(
        failure.to_string(),
        format!("failing: cannot be read at byte {all}: the cable was pulled; check the device or the pipe behind it")
    );
    let Some(CaptureError::Read { byte, source, .. }) = failure.get_ref().downcast_ref() else { panic!("{failure:?}") };
    assert_eq!((*byte, source.to_string()), (all, "the cable was pulled".to_owned()));
}
