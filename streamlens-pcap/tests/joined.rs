//! Captures that were joined, one file behind the other.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use common::*;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];
const MODIFIED: u32 = 0xa1b2_cd34;

/// A pcap file of so many frames in any of the layouts.
fn part(magic: u32, order: Order, link_type: u32, frames: u32) -> Vec<u8> {
    let mut bytes = pcap_header(order, magic, link_type);
    for frame in 0..frames {
        let record = pcap_record(order, 1_700_000_000 + frame, 5, &payload(frame));
        bytes.extend(&record[..16]);
        bytes.extend(if magic == MODIFIED { &[0; 8][..] } else { &[] });
        bytes.extend(&record[16..]);
    }
    bytes
}

#[test]
fn files_that_were_joined_are_read_as_all_of_them() {
    let mut parts = Vec::new();
    for order in ORDERS {
        parts.push((small_pcapng_blocks(order, 4).concat(), 4));
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, MODIFIED] {
            parts.extend(
                [(1, 5), (101, 0), (1, 9)].map(|(link, frames)| (part(magic, order, link, frames), frames as usize)),
            );
        }
    }
    for (first, of_first) in &parts {
        for (second, of_second) in &parts {
            let (one, other) = (read(first.clone()), read(second.clone()));
            assert_eq!((one.frames.len(), other.frames.len()), (*of_first, *of_second));
            let result = read([&first[..], second].concat());
            let apart: Vec<_> =
                one.frames.iter().chain(&other.frames).map(|f| (&f.data, f.nanos, f.link_type)).collect();
            let joined: Vec<_> = result.frames.iter().map(|f| (&f.data, f.nanos, f.link_type)).collect();
            assert_eq!(joined, apart, "{:x?} and {:x?}", &first[..8], &second[..8]);
            let sections = [first, second].iter().all(|part| part.starts_with(&[0x0a, 0x0d]));
            let expected: &[&str] = if sections { &[] } else { &["capture.joined-files"] };
            assert_eq!(result.codes(), expected, "{:x?} and {:x?}", &first[..8], &second[..8]);
            assert!(result.warnings.iter().all(|w| !w.incomplete && w.byte == Some(first.len() as u64)));
        }
    }
}

/// Thousands of files, one behind the other, take a time that grows with their bytes, and few warnings and interfaces.
#[test]
fn many_joined_files_are_no_trouble() {
    let parts: Vec<_> =
        (0..20_000).map(|number| part(0xa1b2_c3d4, Order::Little, 1 + number % 1000, number % 2)).collect();
    let result = read(parts.concat());
    assert_eq!(result.frames.len(), 10_000);
    assert!(result.warnings.len() <= 33 && result.interfaces.len() <= 256);
}

/// A frame that holds a file, as one that is copied over a network does, is a frame.
#[test]
fn a_file_inside_of_a_frame_is_data() {
    let inner = part(0xa1b2_c3d4, Order::Little, 1, 2);
    let bytes = [part(0xa1b2_c3d4, Order::Little, 1, 0), pcap_record(Order::Little, 1, 0, &inner)].concat();
    let result = read(bytes);
    assert_eq!((result.frames.len(), result.codes().len()), (1, 0));
}

/// Compressed parts that were joined are members of one stream.
#[test]
fn members_of_gzip_are_joined_files() {
    let parts = [part(0xa1b2_c3d4, Order::Little, 1, 5), part(0xa1b2_3c4d, Order::Big, 1, 6)];
    let packed: Vec<Vec<u8>> = parts.iter().map(|part| gzip(part)).collect();
    let result = read(packed.concat());
    assert_eq!((result.frames.len(), result.codes()), (11, vec!["capture.joined-files"]));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
