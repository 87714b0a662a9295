//! snoop and ERF files made from their layouts: what comes out is what a pcap of the same frames gives.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use common::{Crumbs, read};
use streamlens_model::LinkType;
use streamlens_pcap::CaptureReader;

const SECONDS: u32 = 1_700_000_000;

fn frame(number: u32) -> Vec<u8> {
    (0..60 + number % 20).map(|index| (number * 16 + index) as u8).collect()
}

fn snoop_record(number: u32, cut: usize) -> Vec<u8> {
    let data = frame(number);
    let captured = data.len() - cut;
    let padded = captured.next_multiple_of(4);
    let mut out = Vec::new();
    for word in [data.len() as u32, captured as u32, padded as u32 + 24, number / 2, SECONDS, number] {
        out.extend(word.to_be_bytes());
    }
    out.extend(&data[..captured]);
    out.resize(24 + padded, 0);
    out
}

fn snoop(count: u32) -> Vec<u8> {
    let mut out = [&b"snoop\0\0\0"[..], &2_u32.to_be_bytes(), &4_u32.to_be_bytes()].concat();
    (0..count).for_each(|number| out.extend(snoop_record(number, if number == 3 { 20 } else { 0 })));
    out
}

/// An Ethernet record, with so many extension headers; the frame has a check sequence, and is padded to eight bytes.
fn erf_record(number: u32, port: u8, extensions: usize) -> Vec<u8> {
    let data = [&frame(number)[..], &[0xFC; 4]].concat();
    let time = (u64::from(SECONDS) << 32) | ((u64::from(number) << 32) / 1000);
    let length = (16 + 8 * extensions + 2 + data.len()).next_multiple_of(8);
    let kind = if extensions > 0 { 0x82 } else { 2 };
    let mut out = time.to_le_bytes().to_vec();
    out.extend([kind, 4 | port]);
    for half in [length as u16, 0, data.len() as u16] {
        out.extend(half.to_be_bytes());
    }
    for place in 0..extensions {
        out.extend([if place + 1 < extensions { 0x83 } else { 0x03 }, 0, 0, 0, 0, 0, 0, 0]);
    }
    out.extend([0, 0]);
    out.extend(data);
    out.resize(length, 0);
    out
}

fn erf(count: u32) -> Vec<u8> {
    let mut out: Vec<u8> =
        (0..count).flat_map(|number| erf_record(number, (number % 2) as u8, (number % 3) as usize)).collect();
    // a record of padding, which is no frame
    out.extend([0, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}

#[test]
fn snoop_gives_its_frames() {
    let result = read(snoop(10));
    assert_eq!((result.format.as_str(), result.frames.len(), result.warnings.len()), ("snoop", 10, 0));
    for (number, seen) in (0..).zip(&result.frames) {
        let whole = frame(number);
        let captured = if number == 3 { whole.len() - 20 } else { whole.len() };
        assert_eq!((seen.data.as_slice(), seen.original as usize), (&whole[..captured], whole.len()));
        assert_eq!(seen.nanos, Some(i64::from(SECONDS) * 1_000_000_000 + i64::from(number) * 1000));
        assert_eq!(seen.link_type, LinkType::ETHERNET);
    }
    // the count of drops that the last record has
    assert_eq!((result.interfaces[0].dropped, result.interfaces[0].resolution_ns), (Some(4), 1000));
}

#[test]
fn erf_gives_its_frames_without_check_sequences() {
    let result = read(erf(10));
    assert_eq!((result.format.as_str(), result.frames.len(), result.warnings.len()), ("ERF", 10, 0));
    for (number, seen) in (0..).zip(&result.frames) {
        assert_eq!((&seen.data, seen.original as usize), (&frame(number), frame(number).len()), "{number}");
        // the binary fraction that is next below a time is nearest to it
        let want = i64::from(SECONDS) * 1_000_000_000 + i64::from(number) * 1_000_000;
        assert_eq!(seen.nanos, Some(want), "{number}");
        assert_eq!((seen.interface, seen.link_type), (number % 2, LinkType::ETHERNET));
    }
    assert_eq!(result.interfaces[1].name.as_deref(), Some("port 1"));
}

#[test]
fn a_cut_keeps_the_frames_before_it_and_crumbs_give_the_same() {
    for (bytes, last) in [(snoop(5), 4), (erf(5), 5)] {
        let whole = read(bytes.clone());
        for cut in 24..bytes.len() {
            let Ok(mut reader) = CaptureReader::from_bytes("cut", bytes[..cut].to_vec()) else { panic!("{cut}") };
            let result = common::drain(&mut reader);
            assert!(result.frames.len() <= last.max(4));
            assert_eq!(result.frames[..], whole.frames[..result.frames.len()], "{cut}");
            assert!(result.warnings.iter().all(|warning| warning.incomplete), "{cut}: {:?}", result.warnings);
        }
        let crumbs = Crumbs { bytes: std::io::Cursor::new(bytes), step: 0 };
        let result = common::drain(&mut CaptureReader::from_reader("crumbs", crumbs).unwrap());
        assert_eq!(result.frames, whole.frames);
    }
}

#[test]
fn damage_ends_them_with_a_warning_that_names_the_byte() {
    let mut bad = snoop(3);
    let at = bad.len();
    bad.extend(snoop_record(3, 0));
    bad[at + 4..at + 8].copy_from_slice(&[0xFF; 4]);
    let result = read(bad);
    assert_eq!((result.frames.len(), result.codes()), (3, vec!["capture.damaged"]));
    assert!(result.warnings[0].text.contains(&format!("byte {at}")), "{}", result.warnings[0].text);
    let mut bad = erf(3);
    let at = bad.len();
    bad.extend([0xFF; 40]);
    let result = read(bad);
    assert_eq!((result.frames.len(), result.codes()), (3, vec!["capture.damaged"]));
    assert!(result.warnings[0].text.contains(&format!("byte {at}")), "{}", result.warnings[0].text);
}

#[test]
fn formats_that_are_not_read_are_named_with_their_converter() {
    for (bytes, parts) in [
        (&b"LOGG\x90\0\0\0................"[..], ["BLF log", "editcap"]),
        (b"GMBU\x03\x02\x01\0................", ["Microsoft Network Monitor", "editcap -F pcapng"]),
        (b"RTSS\x03\x02\x01\0................", ["Microsoft Network Monitor 1", "editcap -F pcapng"]),
        (b"snoop\0\0\0\0\0\0\x09........", ["snoop capture of another version", "editcap"]),
    ] {
        let text = CaptureReader::from_bytes("some.file", bytes.to_vec()).unwrap_err().to_string();
        assert!(text.starts_with("some.file: not a capture") && parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

/// Texts, random numbers and the first bytes of other formats are no ERF.
#[test]
fn what_is_no_erf_is_not_taken_for_one() {
    let noise = (0..4000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect::<Vec<_>>().concat();
    for start in 0..noise.len() - 24 {
        assert!(CaptureReader::from_bytes("noise", noise[start..start + 24].to_vec()).is_err(), "{start}");
    }
    assert!(CaptureReader::from_bytes("zeros", vec![0; 100]).is_err());
    assert!(CaptureReader::from_bytes("text", b"once upon a time there was a capture of".to_vec()).is_err());
}
