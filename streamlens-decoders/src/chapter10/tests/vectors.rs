//! Packets built here, byte by byte.

use std::borrow::Cow;

use streamlens_model::{Timestamp, Transport};

use super::*;
use crate::testing::udp;
use crate::{NetworkMonitor, NetworkReport, Peer};
use streamlens_chapter10_wire::{PacketHeader, data_checksum_ok};

/// Parts of a packet to build.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) channel: u16,
    pub(super) sequence: u8,
    pub(super) flags: u8,
    pub(super) data_type: u8,
    pub(super) counter: u64,
    pub(super) data: Vec<u8>,
}

pub(super) fn built(channel: u16, sequence: u8, data_type: u8, data: &[u8]) -> Built {
    let counter = 1_000_000 + u64::from(sequence) * 10_000;
    Built { channel, sequence, flags: 0, data_type, counter, data: data.to_vec() }
}

impl Built {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let width = [0, 1, 2, 4][usize::from(self.flags & 3)];
        let secondary = if self.flags & 0x80 != 0 { 12 } else { 0 };
        let length = (24 + secondary + self.data.len() + width).next_multiple_of(4);
        let mut bytes = vec![0x25, 0xEB];
        bytes.extend(self.channel.to_le_bytes());
        bytes.extend((length as u32).to_le_bytes());
        bytes.extend((self.data.len() as u32).to_le_bytes());
        bytes.extend([3, self.sequence, self.flags, self.data_type]);
        bytes.extend(&self.counter.to_le_bytes()[..6]);
        let sum = bytes.chunks(2).fold(0_u16, |sum, w| sum.wrapping_add(u16::from_le_bytes([w[0], w[1]])));
        bytes.extend(sum.to_le_bytes());
        if secondary > 0 {
            let time = [1, 2, 3, 0x80, 5, 6, 7, 8, 0, 0];
            bytes.extend(time);
            bytes.extend(time.iter().map(|&b| u16::from(b)).sum::<u16>().to_le_bytes());
        }
        bytes.extend(&self.data);
        bytes.resize(length - width, 0);
        let body = &bytes[24 + secondary..];
        let sum = match width {
            1 => body.iter().fold(0_u32, |sum, &b| sum + u32::from(b)),
            2 => body.chunks(2).fold(0_u32, |sum, w| sum + u32::from(u16::from_le_bytes([w[0], w[1]]))),
            _ => body
                .chunks(4)
                .fold(0_u32, |sum, w| sum.wrapping_add(w.iter().rev().fold(0, |word, &b| word << 8 | u32::from(b)))),
        };
        bytes.extend(&sum.to_le_bytes()[..width]);
        bytes
    }
}

pub(super) fn format_1(sequence: u32, packets: &[Vec<u8>]) -> Captured {
    let mut payload = (sequence << 8 | 1).to_le_bytes().to_vec();
    payload.extend(packets.concat());
    udp(&payload)
}

pub(super) fn format_1_segment(sequence: u32, packet: &[u8], range: std::ops::Range<usize>) -> Captured {
    let mut payload = (sequence << 8 | 0x11).to_le_bytes().to_vec();
    payload.extend([packet[2], packet[3], packet[13], 0]);
    payload.extend((range.start as u32).to_le_bytes());
    payload.extend(&packet[range]);
    udp(&payload)
}

pub(super) fn format_2_segment(sequence: u32, packet: &[u8], range: std::ops::Range<usize>) -> Captured {
    let whole = range.len() == packet.len();
    let mut payload = (sequence << 8 | if whole { 0x02 } else { 0x12 }).to_be_bytes().to_vec();
    let (size, offset) = (packet.len() as u32 / 4, range.start as u32 / 4);
    payload.extend(((offset >> 16) << 24 | size).to_be_bytes());
    payload.extend((offset as u16).to_be_bytes());
    payload.extend([packet[3], packet[2]]);
    payload.extend(&packet[range]);
    udp(&payload)
}

pub(super) fn format_3(sequence: u32, offset: u16, slice: &[u8]) -> Captured {
    let mut payload = vec![0x23, 0];
    payload.extend(offset.to_le_bytes());
    payload.extend((0x2A << 24 | sequence).to_le_bytes());
    payload.extend(slice);
    udp(&payload)
}

fn pcm(sequence: u8, length: usize) -> Vec<u8> {
    built(7, sequence, 0x09, &vec![0x5A; length]).bytes()
}

#[test]
fn several_packets_of_one_datagram_come_one_by_one() {
    let packets = [pcm(0, 40), built(2, 9, 0x86, &[1, 2, 3]).bytes(), pcm(1, 40)];
    let outcome = run(&[format_1(5, &packets)]);
    assert_eq!(outcome.types, BTreeMap::from([("PCM Data Format 1".to_owned(), 2), ("Reserved 0x86".to_owned(), 1)]));
    assert_eq!(outcome.lengths, [64, 28, 64]);
    assert_eq!((outcome.frames, outcome.sequences.len()), (1, 3));
}

#[test]
fn padding_behind_the_last_packet_goes_with_it_and_rubbish_is_counted() {
    let outcome = run(&[format_1(5, &[pcm(0, 40), vec![0; 30]])]);
    assert_eq!((outcome.lengths.as_slice(), outcome.fact("header_checksum", "no_sync")), (&[64][..], 0));
    let outcome = run(&[format_1(5, &[pcm(0, 40), vec![9; 30]])]);
    assert_eq!((outcome.lengths.as_slice(), outcome.fact("header_checksum", "no_sync")), (&[64][..], 1));
}

#[test]
fn a_datagram_that_comes_twice_counts_its_packets_once() {
    let twice = format_1(5, &[pcm(0, 40)]);
    let outcome = run(&[twice.clone(), twice.clone(), format_1(6, &[pcm(1, 40)]), twice]);
    assert_eq!((outcome.types["PCM Data Format 1"], outcome.frames), (2, 4));
    let udp = &outcome.sequences[&super::super::udp_stream(super::super::Format::One, 0)];
    assert_eq!((udp.duplicates, udp.lost), (2, 0));
    let segments = [0, 0, 100, 100].map(|at| format_2_segment(1, &pcm(0, 176), at..at + 100));
    let outcome = run(&[&segments[..], &segments[..]].concat());
    assert_eq!(outcome.types["PCM Data Format 1"], 1, "segments of a packet that is whole already");
}

#[test]
fn the_place_of_the_sync_word_decides_between_formats() {
    // Byte 3 of Format 1 looks like Format 2, byte 0 of Format 2 looks like Formats 1 and 3.
    let ones = [0x01FFFF, 0x020000, 0x020001].map(|sequence| format_1(sequence, &[pcm(sequence as u8, 40)]));
    let twos = [0x01_0000, 0x11_0000, 0x03_0000, 0x23_0000].map(|sequence| {
        let packet = pcm(1, 40);
        format_2_segment(sequence, &packet, 0..packet.len())
    });
    for one in &ones {
        assert_eq!(run([one]).fact("transfer_headers", "format 1 full"), 1);
    }
    for two in &twos {
        assert_eq!(run([two]).fact("transfer_headers", "format 2 full"), 1);
    }
    // Segments of both have their sync word at 12.
    let packet = pcm(1, 500);
    let one = format_1_segment(0x12_0000, &packet, 0..200);
    assert_eq!(run([&one]).fact("transfer_headers", "format 1 seg"), 1);
    let two = format_2_segment(0x11_0000, &packet, 0..200);
    assert_eq!(run([&two]).fact("transfer_headers", "format 2 seg"), 1);
}

#[test]
fn a_packet_that_loses_a_segment_counts_as_cut_when_its_channel_goes_on() {
    let (first, second) = (pcm(0, 400), pcm(1, 400));
    let at = |sequence, packet: &Vec<u8>, at: usize| format_1_segment(sequence, packet, at..(at + 150).min(424));
    let outcome =
        run(&[at(0, &first, 0), at(2, &first, 300), at(3, &second, 0), at(4, &second, 150), at(5, &second, 300)]);
    assert_eq!((outcome.types["PCM Data Format 1"], outcome.cut), (2, 1));
    assert_eq!(outcome.lengths, [274, 424]);
    assert_eq!((outcome.fact("reassembly", "complete"), outcome.fact("reassembly", "incomplete")), (1, 1));
    assert_eq!((outcome.finding("chapter10.incomplete-packet"), outcome.frames), (1, 5));
}

#[test]
fn segments_of_two_channels_may_interleave_and_swap() {
    let (a, b) = (pcm(0, 276), built(8, 3, 0x19, &vec![0; 276]).bytes());
    let datagrams = [
        format_1_segment(0, &a, 0..100),
        format_1_segment(1, &b, 0..100),
        format_1_segment(3, &a, 200..300),
        format_1_segment(2, &a, 100..200),
        format_1_segment(4, &b, 100..300),
    ];
    let outcome = run(&datagrams);
    assert_eq!((outcome.fact("reassembly", "complete"), outcome.fact("reassembly", "incomplete")), (2, 0));
    assert_eq!(outcome.lengths, [300, 300]);
}

#[test]
fn a_segmented_packet_of_the_same_number_256_packets_later_is_another_one() {
    let packet = pcm(5, 276);
    let mut datagrams = vec![format_1_segment(0, &packet, 0..150), format_1_segment(1, &packet, 150..300)];
    datagrams.extend((2..4).map(|sequence| format_1_segment(sequence, &packet, 0..150)));
    datagrams.push(format_1_segment(4, &packet, 150..300));
    let outcome = run(&datagrams);
    assert_eq!((outcome.types["PCM Data Format 1"], outcome.cut), (3, 1));
}

#[test]
fn a_format_3_stream_goes_on_after_loss_where_its_offset_leads() {
    let packets: Vec<_> = (0..6).map(|sequence| pcm(sequence, 60 + usize::from(sequence) * 8)).collect();
    let stream = packets.concat();
    let mut starts = vec![0];
    starts.extend(packets.iter().scan(0, |at, packet| {
        *at += packet.len();
        Some(*at)
    }));
    let datagrams: Vec<_> = stream
        .chunks(130)
        .enumerate()
        .map(|(index, slice)| {
            let start = starts.iter().find(|start| **start >= index * 130).map_or(0xFFFF, |start| start - index * 130);
            format_3(index as u32, if start < slice.len() { start as u16 } else { 0xFFFF }, slice)
        })
        .collect();
    let outcome = run(&datagrams);
    assert_eq!(outcome.lengths, packets.iter().map(|packet| packet.len() as u32).collect::<Vec<_>>());
    assert_eq!(outcome.fact("reassembly", "complete"), 6);
    let lossy: Vec<_> = datagrams.iter().enumerate().filter(|(index, _)| *index != 1).map(|(_, d)| d.clone()).collect();
    let outcome = run(&lossy);
    assert_eq!((outcome.fact("reassembly", "incomplete"), outcome.cut), (1, 0));
    assert!(outcome.types["PCM Data Format 1"] >= 3, "{outcome:?}");
}

#[test]
fn all_widths_of_the_data_checksum_are_verified() {
    for flags in [1, 2, 3, 0x81, 0x82, 0x83] {
        let mut bytes = Built { flags, ..built(1, 0, 0x40, &[200; 61]) }.bytes();
        let header = PacketHeader::parse(&bytes).expect("a header");
        assert_eq!(data_checksum_ok(&header, &bytes), Some(true), "flags {flags:#x}");
        bytes[50] ^= 1;
        assert_eq!(data_checksum_ok(&header, &bytes), Some(false), "flags {flags:#x}");
        let outcome = run(&[format_1(0, &[bytes])]);
        assert_eq!(outcome.finding("chapter10.data-checksum"), 1);
        assert_eq!(outcome.fact("secondary_header", "checksum_byte_sum"), u64::from(flags >> 7));
    }
}

#[test]
fn confidence_follows_what_is_proved() {
    let confidence = |captured: &Captured| Chapter10Decoder::new().can_decode(&captured.packet()).value();
    assert_eq!(confidence(&format_1(0, &[pcm(0, 40)])), 0.99);
    let mut wrong_sum = pcm(0, 40);
    wrong_sum[22] ^= 1;
    assert_eq!(confidence(&format_1(0, &[wrong_sum.clone()])), 0.75);
    let mut too_long = wrong_sum.clone();
    too_long[4] += 4;
    assert_eq!(confidence(&format_1(0, &[too_long])), 0.75, "4 too long");
    let mut wrong_length = wrong_sum;
    wrong_length[5] += 4;
    assert_eq!(confidence(&format_1(0, &[wrong_length])), 0.3);
    assert_eq!(confidence(&format_1_segment(0, &pcm(0, 400), 100..200)), 0.2);
    assert_eq!(confidence(&udp(&[0x55; 100])), 0.0);
    let mut inetx = vec![0x11, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 48];
    inetx.resize(48, 0);
    assert_eq!(confidence(&udp(&inetx)), 0.0, "iNetX wins where its length fits");
}

#[test]
fn a_continuation_is_refused_in_a_flow_of_another_format() {
    let packet = pcm(0, 400);
    let outcome = run(&[format_1_segment(0, &packet, 0..200), format_2_segment(1, &packet, 200..424)]);
    assert_eq!((outcome.frames, outcome.refused), (1, 1));
    let alone = format_1_segment(0, &packet, 200..424);
    let decoded = Chapter10Decoder::new().decode_packet(&alone.packet(), &mut DecodingResult::new(false));
    assert!(matches!(decoded, Err(DecodeError::Refused { .. })), "and without a flow it proves nothing");
}

#[test]
fn what_the_snap_length_cut_is_cut_and_not_wrong() {
    let whole = format_1(0, &[pcm(0, 400)]);
    let mut packet = whole.packet();
    (packet.payload, packet.missing) = (&whole.payload[..100], whole.payload.len() - 100);
    let (mut flow, mut result) = (Chapter10Flow::default(), DecodingResult::new(false));
    assert_eq!(flow.decode_packet(&packet, &mut result), Ok(100));
    assert_eq!(result.state, PduState::Cut);
    let mut report = FlowReport::default();
    flow.report(&mut report);
    assert!(report.findings.is_empty(), "{report:?}");
}

fn time_packet(sequence: u8, second: u8, counter: u64) -> Vec<u8> {
    let body = [[1, 0, 0, 0], [0, second, 0x30, 0x12]].concat();
    let data = [&body[..], &[0x62, 0x01]].concat();
    Built { counter, ..built(1, sequence, 0x11, &data) }.bytes()
}

#[test]
fn time_packets_tie_the_counter_to_utc_and_their_jumps_are_found() {
    // Day 162 of 2024 is 10 June, within a capture of that day.
    let start = 1_718_022_600_000_000_000_i64;
    let mut datagrams = Vec::new();
    for n in 0..10_u8 {
        let second = if n < 9 { n } else { 0x12 };
        let mut datagram = format_1(u32::from(n), &[time_packet(n, second, 5_000_000 + u64::from(n) * 10_000_000)]);
        datagram.time = Some(Timestamp::from_nanos(start + i64::from(n) * 1_000_000_000 + 250));
        datagrams.push(datagram);
    }
    let outcome = run(&datagrams[..9]);
    let channel = &outcome.report.streams[&StreamId(1)].measures;
    let text = serde_json::to_value(channel).expect("measures");
    assert_eq!(text["utc_first"], "2024-06-10T12:30:00.000000000Z");
    assert_eq!(text["utc_last"], "2024-06-10T12:30:08.000000000Z");
    assert_eq!(text["time"]["first_less_capture_time_ns"], -250);
    assert_eq!(text["time"]["largest_step_against_rtc_ns"], 0);
    assert_eq!(outcome.finding("chapter10.time-jump"), 0);
    assert_eq!(run(&datagrams).finding("chapter10.time-jump"), 1, "three seconds too many");
}

#[test]
fn flags_counters_and_setup_records_lead_to_findings() {
    let overflow = Built { flags: 0x10, ..built(7, 0, 0x09, &[0; 40]) };
    let unsynchronised = Built { flags: 0x20, counter: 5, ..built(7, 1, 0x09, &[0; 40]) };
    let text = b"G\\PN:P;R-1\\TK1-1:7;R-1\\DSI-1:Nose boom;R-1\\CDT-1:VIDIN;";
    let setup = built(0, 0, 0x01, &[&[7, 0, 0, 0], &text[..]].concat());
    let outcome = run(&[format_1(0, &[setup.bytes(), overflow.bytes(), unsynchronised.bytes()])]);
    for code in ["overflow", "sync-error", "rtc-backwards", "setup-mismatch"] {
        assert_eq!(outcome.finding(&format!("chapter10.{code}")), 1, "{code}");
    }
    assert_eq!(outcome.report.streams[&StreamId(7)].name.as_deref(), Some("channel 7 (Nose boom)"));
    let measures = serde_json::to_value(&outcome.report.streams[&StreamId(7)].measures).expect("measures");
    assert_eq!((&measures["overflows"], &measures["rtc_sync_errors"]), (&1.into(), &1.into()));
}

#[test]
fn a_changed_setup_and_a_wrong_secondary_header_are_found() {
    let setup = |sequence, changed| built(0, sequence, 0x01, &[&[7, changed, 0, 0], &b"G\\PN:P;"[..]].concat());
    let mut secondary = Built { flags: 0x80, ..built(7, 0, 0x09, &[0; 40]) }.bytes();
    secondary[34] ^= 0x55;
    let outcome = run(&[format_1(0, &[setup(0, 0).bytes(), setup(1, 1).bytes(), secondary])]);
    for code in ["chapter10.configuration-changed", "chapter10.secondary-header-checksum"] {
        assert_eq!(outcome.finding(code), 1, "{code}");
    }
}

#[test]
fn headers_that_can_not_be_believed_are_counted() {
    let mut damaged = built(1, 1, 0x09, &[0; 40]).bytes();
    (damaged[4], damaged[22]) = (damaged[4] ^ 0x40, damaged[22] ^ 0xFF);
    let outcome = run(&[format_1(0, &[built(1, 0, 0x09, &[0; 40]).bytes()]), format_1(1, &[damaged])]);
    assert_eq!(outcome.report.metadata["packets_with_damaged_header"].as_u64(), Some(1));
}

#[test]
fn channels_beyond_the_bound_are_counted() {
    let datagrams: Vec<_> =
        (0..2050_u16).map(|channel| format_1(channel.into(), &[built(channel, 0, 0x09, &[0; 40]).bytes()])).collect();
    assert_eq!(run(&datagrams).report.metadata["packets_of_channels_beyond_limit"].as_u64(), Some(2));
}

#[test]
fn a_channel_that_falls_silent_is_found() {
    let mut datagrams = Vec::new();
    for n in 0..100_u8 {
        let mut packets = vec![built(1, n, 0x09, &[0; 40]).bytes()];
        if n < 20 {
            packets.push(built(2, n, 0x09, &[0; 40]).bytes());
        }
        let mut datagram = format_1(u32::from(n), &packets);
        datagram.time = Some(Timestamp::from_nanos(i64::from(n) * 100_000_000));
        datagrams.push(datagram);
    }
    let outcome = run(&datagrams);
    assert_eq!(outcome.finding("chapter10.stream-stopped"), 1);
}

#[test]
fn one_channel_from_two_senders_is_found_across_flows() {
    let decoder = Chapter10Decoder::new();
    let datagram = format_1(0, &[pcm(0, 40)]);
    let mut keys = [datagram.flow; 3];
    keys[1].src.port = Some(1);
    keys[2].dst.port = Some(2);
    let flows = [(), (), ()].map(|()| {
        let mut flow = Chapter10Flow::default();
        flow.decode_packet(&datagram.packet(), &mut DecodingResult::new(false)).expect("decodes");
        flow
    });
    let peers: Vec<_> = flows
        .iter()
        .zip(&keys)
        .map(|(flow, key)| Peer {
            flow: key,
            decoder: Some(flow as &dyn FlowDecoder),
            encoding: "Chapter10",
            interface: None,
        })
        .collect();
    let mut report = NetworkReport::default();
    super::super::Chapter10Monitor.report(&peers, &mut report);
    let found: Vec<_> =
        report.findings.iter().flat_map(|log| log.iter()).map(|(code, stream, _)| (code, stream)).collect();
    assert_eq!(found, [("chapter10.channel-from-two-sources", Some(StreamId(7)))]);
    assert_eq!(report.stream_names[&StreamId(7)], "channel 7");
    assert!(decoder.network_monitor().is_some());
}

#[test]
fn streams_and_types_have_names() {
    let decoder = Chapter10Decoder::new();
    use super::super::{Format, udp_stream};
    assert_eq!(decoder.stream_name(StreamId(5)), "channel 5");
    assert_eq!(decoder.stream_name(udp_stream(Format::One, 0)), "UDP format 1");
    assert_eq!(decoder.stream_name(udp_stream(Format::Three, 0x2A)), "UDP format 3 source 0x2A");
    assert_eq!(decoder.packet_type(crate::PacketType(9)), Cow::Borrowed("PCM Data Format 1"));
}

#[test]
fn a_file_packet_needs_no_transfer_header() {
    let mut captured = udp(&pcm(0, 40));
    captured.transport = Transport::Chapter10File;
    assert_eq!(Chapter10Decoder::new().can_decode(&captured.packet()).value(), 0.99);
    let outcome = run([&captured]);
    assert_eq!((outcome.lengths.as_slice(), outcome.sequences.len()), (&[64][..], 1));
    assert!(!outcome.report.metadata.contains_key("transfer_headers"));
}
