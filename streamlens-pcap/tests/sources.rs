//! Growing files, live pipes, several captures at once, and hostile bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::*;
use proptest::prelude::*;
use streamlens_model::{FrameBatch, FrameSource, LinkType};
use streamlens_pcap::{CaptureReader, MergedReader, ReaderOptions};

#[test]
fn a_growing_file_is_waited_for_and_a_part_of_a_record_is_no_damage() {
    let path = std::env::temp_dir().join(format!("streamlens-follow-{}.pcap", std::process::id()));
    let capture = small_pcap(6);
    fs::write(&path, &capture[..10]).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let options = ReaderOptions {
        follow: true,
        poll_interval: Duration::from_millis(1),
        stop: Arc::clone(&stop),
        ..ReaderOptions::default()
    };
    let (send, frames) = mpsc::channel();
    let reading = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut reader = CaptureReader::open_with(path, &options).unwrap();
            let mut batch = FrameBatch::default();
            while reader.read_batch(&mut batch).unwrap() {
                batch.iter().for_each(|frame| send.send((frame.number, frame.data.to_vec())).unwrap());
            }
            reader.warnings().to_vec()
        }
    });
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let cut = capture.len() - 9;
    for piece in capture[10..cut].chunks(23) {
        file.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(3));
    }
    for number in 0..5 {
        let frame = frames.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(frame, (u64::from(number) + 1, payload(number)), "handed out before the file is whole");
    }
    file.write_all(&capture[cut..]).unwrap();
    assert_eq!(frames.recv_timeout(Duration::from_secs(20)).unwrap(), (6, payload(5)));
    file.write_all(&[0; 7]).unwrap();
    stop.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap().is_empty());
    fs::remove_file(path).unwrap();
}

/// Gives the pieces that it was sent, one a read.
struct Pipe(mpsc::Receiver<Vec<u8>>);

impl std::io::Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Ok(piece) = self.0.recv() else { return Ok(0) };
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn a_live_pipe_hands_out_frames_at_once() {
    let (send, pipe) = mpsc::channel();
    send.send(small_pcap(0)).unwrap();
    let options = ReaderOptions { low_latency: true, ..ReaderOptions::default() };
    let mut reader = CaptureReader::from_reader_with("pipe", Pipe(pipe), &options).unwrap();
    for number in 0..4 {
        // Were it not for low latency, this would wait for ever.
        send.send(pcap_record(Order::Little, 1, 0, &payload(number))).unwrap();
        assert_eq!(reader.next_frame().unwrap().unwrap().data, payload(number));
    }
}

fn timed(link_type: u32, times: &[u32]) -> CaptureReader {
    let mut capture = pcap_header(Order::Little, 0xa1b2_c3d4, link_type);
    for time in times {
        let fraction = if *time == u32::MAX { u32::MAX } else { 0 };
        capture.extend(pcap_record(Order::Little, *time, fraction, &[link_type as u8]));
    }
    CaptureReader::from_bytes(format!("capture {link_type}"), capture).unwrap()
}

#[test]
fn captures_are_merged_by_time_and_ties_go_to_the_first() {
    const NO_TIME: u32 = u32::MAX;
    let captures =
        vec![timed(1, &[2, 5, 5, 9]), timed(101, &[1, 5, NO_TIME, NO_TIME, 6]), timed(113, &[NO_TIME, 5, 4])];
    let mut merged = MergedReader::new(captures);
    assert_eq!((merged.format(), merged.name()), ("pcap, pcap, pcap", "capture 1, capture 101, capture 113"));
    let result = drain(&mut merged);
    let order: Vec<_> = result.frames.iter().map(|f| (f.nanos.map(|ns| ns / 1_000_000_000), f.data[0])).collect();
    let expected = [
        (None, 113),
        (Some(1), 101),
        (Some(2), 1),
        (Some(5), 1),
        (Some(5), 1),
        (Some(5), 101),
        (None, 101),
        (None, 101),
        (Some(5), 113),
        (Some(4), 113),
        (Some(6), 101),
        (Some(9), 1),
    ];
    assert_eq!(order, expected);
    for frame in &result.frames {
        assert_eq!(frame.link_type, result.interfaces[frame.interface as usize].link_type);
        assert_eq!(frame.link_type, LinkType(u16::from(frame.data[0])));
    }
    assert_eq!((result.interfaces.len(), result.warnings.len()), (3, 2), "each reader warns of its untimed frames");
}

#[test]
fn a_merge_of_one_capture_gives_what_the_capture_gives() {
    let bytes = small_pcapng_blocks(Order::Big, 500).concat();
    let single = read(bytes.clone());
    let mut merged = MergedReader::new(vec![CaptureReader::from_bytes("made", bytes).unwrap()]);
    assert_eq!(drain(&mut merged).frames, single.frames);
}

/// Reads in one piece and in crumbs: both must say the same. `None` where it is no capture.
fn read_hostile(bytes: Vec<u8>) -> Option<usize> {
    let length = bytes.len();
    let result = drain(&mut CaptureReader::from_bytes("hostile", bytes.clone()).ok()?);
    let crumbs = Crumbs { bytes: std::io::Cursor::new(bytes), step: 0 };
    let again = drain(&mut CaptureReader::from_reader("hostile", crumbs).unwrap());
    assert_eq!((&result.frames, &result.interfaces), (&again.frames, &again.interfaces));
    assert_eq!(result.codes(), again.codes());
    assert!(result.frames.iter().map(|frame| frame.data.len()).sum::<usize>() <= length);
    Some(result.frames.len())
}

proptest! {
    #[test]
    fn arbitrary_bytes_behind_any_magic_never_panic(
        magic in prop::sample::select(vec![
            0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34, 0x1c00_01ac, 0xd4c3_b2a1, 0x0a0d_0d0a, 0xfd2f_b528, 0x184d_2204,
            0x0008_8b1f,
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        read_hostile([magic.to_le_bytes().to_vec(), bytes].concat());
    }

    #[test]
    fn arbitrary_blocks_never_panic(
        big in any::<bool>(),
        blocks in prop::collection::vec((0_u32..12, prop::collection::vec(any::<u8>(), 0..80)), 0..12),
        cut in 0_usize..40,
    ) {
        let order = if big { Order::Big } else { Order::Little };
        let mut bytes = [section(order), interface(order, 1, 0, &[])].concat();
        for (kind, body) in blocks {
            bytes.extend(block(order, kind, &body));
        }
        bytes.truncate(bytes.len() - cut);
        read_hostile(bytes);
    }

    #[test]
    fn small_numbers_everywhere_never_panic(words in prop::collection::vec(0_u32..130, 0..200), big in any::<bool>()) {
        let order = if big { Order::Big } else { Order::Little };
        let words: Vec<u8> = words.iter().flat_map(|word| order.u32(*word)).collect();
        read_hostile([section(order), words.clone()].concat());
        read_hostile([pcap_header(order, 0xa1b2_c3d4, 1), words].concat());
    }

    #[test]
    fn several_wrong_bytes_never_panic_nor_hang(
        flips in prop::collection::vec((0_usize..2000, any::<u8>()), 1..12),
        big in any::<bool>(),
    ) {
        let order = if big { Order::Big } else { Order::Little };
        for mut bytes in [small_pcapng_blocks(order, 20).concat(), small_pcap(20)] {
            for (at, change) in &flips {
                let at = at % bytes.len();
                bytes[at] ^= change;
            }
            read_hostile(bytes);
        }
    }
}
