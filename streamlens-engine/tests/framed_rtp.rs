//! RTP and RTCP in byte streams of TCP: interleaved with RTSP (RFC 2326 §10.12), and behind lengths (RFC 4571). However the
//! stream is cut into segments, its packets have the figures that they have in datagrams.

mod common;

use common::{MILLISECOND, Made, analyse_with, tcp};
use proptest::prelude::*;
use serde_json::{Value, json};
use streamlens_engine::EngineOptions;
use streamlens_registry::DecoderRegistry;

const SSRC: [u8; 4] = [0xCA, 0xFE, 0x12, 0x34];
const START: i64 = 1_700_000_000_000_000_000;

/// An RTP packet of payload type 96, with a body that depends on its number.
fn rtp(number: u16, length: usize) -> Vec<u8> {
    let timestamp = (u32::from(number) * 3000).to_be_bytes();
    let body = (0..length).map(|at| (at as u8).wrapping_mul(37) ^ number as u8);
    [&[0x80, 96][..], &number.to_be_bytes(), &timestamp, &SSRC].concat().into_iter().chain(body).collect()
}

/// A receiver report of one block with a fraction lost, and a CNAME.
fn receiver_report(fraction: u8) -> Vec<u8> {
    let block = [&SSRC[..], &[fraction, 0, 0, 7], &[0; 16]].concat();
    let report = [&[0x81, 201, 0, 7, 0xBE, 0xEF, 0, 1][..], &block].concat();
    [report, vec![0x81, 202, 0, 3, 0xBE, 0xEF, 0, 1, 1, 5, b'a', b'@', b'b', b'.', b'c', 0]].concat()
}

fn dollar(channel: u8, packet: &[u8]) -> Vec<u8> {
    [&[b'$', channel][..], &(packet.len() as u16).to_be_bytes(), packet].concat()
}

fn behind_length(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

fn answer(number: u32, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{length}\r\n{body}").into_bytes()
}

/// Segments of one direction, cut at these lengths over and over, a millisecond apart.
fn segments(from: u8, to: u8, bytes: &[u8], cuts: &[usize]) -> Vec<Made> {
    let (mut rest, mut sequence, mut made) = (bytes, u32::MAX - 500, Vec::new());
    for length in cuts.iter().cycle() {
        let (segment, behind) = rest.split_at(rest.len().min(*length));
        if segment.is_empty() {
            break;
        }
        made.push(tcp(START + made.len() as i64 * MILLISECOND, from, to, 554, sequence, segment));
        sequence = sequence.wrapping_add(segment.len() as u32);
        rest = behind;
    }
    made
}

fn document(frames: &[Made]) -> Value {
    let analysis = analyse_with(DecoderRegistry::with_builtins(), EngineOptions::default(), frames);
    serde_json::to_value(analysis).expect("it serializes")
}

fn encodings(document: &Value, flow: usize) -> &Value {
    &document["flows"][flow]["transport_protocols"]["TCP"]["application_encodings"]
}

/// Received, expected and lost of the only stream.
fn health(encoding: &Value) -> Value {
    let streams = encoding["health"]["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 1, "{streams:?}");
    assert_eq!(streams[0]["id"], "0xcafe1234");
    json!([streams[0]["received"], streams[0]["expected"], streams[0]["lost"]])
}

/// A session: answers of the server, a description, and 60 packets with a report behind each tenth.
fn session(numbers: impl Iterator<Item = u16>, length: usize) -> Vec<u8> {
    let mut bytes =
        [answer(1, ""), answer(2, "v=0\r\nm=video 0 RTP/AVP 96\r\n"), answer(3, ""), answer(4, "")].concat();
    for number in numbers {
        bytes.extend(dollar(0, &rtp(number, length)));
        if number % 10 == 9 {
            bytes.extend(dollar(1, &receiver_report(0)));
        }
        if number % 25 == 24 {
            bytes.extend(answer(u32::from(number), ""));
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn interleaved_packets_are_read_however_the_stream_is_cut(
        cuts in proptest::collection::vec(1_usize..3000, 1..6), length in 40_usize..1400, lost in 12_u16..55,
    ) {
        let bytes = session((0..60).filter(|number| *number != lost), length);
        let document = document(&segments(1, 2, &bytes, &cuts));
        let found = &encodings(&document, 0)["RTP"];
        prop_assert_eq!(&found["decoder_metadata"]["framing"], "interleaved in RTSP", "{}", encodings(&document, 0));
        prop_assert_eq!(health(found), json!([59, 60, 1]));
        let types = &found["packet_types"];
        let count = |name: &str| types[name]["packet_count"].as_u64();
        let reports = 6 - u64::from(lost % 10 == 9);
        prop_assert_eq!(count("PT 96"), Some(59));
        prop_assert_eq!(count("RTCP"), Some(reports));
        prop_assert_eq!(count("RTSP"), Some(6 - u64::from(lost % 25 == 24)));
    }

    #[test]
    fn packets_behind_lengths_are_read_however_the_stream_is_cut(
        cuts in proptest::collection::vec(1_usize..3000, 1..6), length in 40_usize..1400,
    ) {
        // connectivity checks and empty packets stand between them (RFC 6544, RFC 4571)
        let check = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[7; 12]].concat();
        let mut bytes = behind_length(&check);
        for number in 65_500..65_560_u32 {
            bytes.extend(behind_length(&rtp(number as u16, length)));
            bytes.extend(if number % 7 == 0 { behind_length(&[]) } else { Vec::new() });
        }
        let document = document(&segments(1, 2, &bytes, &cuts));
        let found = &encodings(&document, 0)["RTP"];
        prop_assert_eq!(&found["decoder_metadata"]["framing"], "behind lengths (RFC 4571)", "{}", encodings(&document, 0));
        prop_assert_eq!(health(found), json!([60, 60, 0]));
    }

    /// Length-prefixed records of anything, and text with dollar signs, are none.
    #[test]
    fn other_streams_are_none(
        records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 12..90), 20..40),
        cuts in proptest::collection::vec(1_usize..900, 1..6), dollars: bool,
    ) {
        let text = "price: $0 and $1, each $(function(){ $.get('a', 2) }) costs $$$ ".repeat(200).into_bytes();
        let records = records.iter().flat_map(|record| behind_length(record));
        let bytes = if dollars { text } else { records.collect() };
        let document = document(&segments(1, 2, &bytes, &cuts));
        let found = encodings(&document, 0);
        prop_assert!(found.get("RTP").is_none() && found.get("RTCP").is_none(), "{found}");
    }
}

/// The capture begins in the middle of a packet, without any word of RTSP; later a segment is missing.
#[test]
fn a_capture_may_begin_and_be_broken_anywhere() {
    for framed in [dollar as fn(u8, &[u8]) -> Vec<u8>, |_, packet| behind_length(packet)] {
        let packets: Vec<u8> = (0..400).flat_map(|number| framed(0, &rtp(number, 700))).collect();
        let is_interleaved = packets[0] == b'$';
        let begin = if is_interleaved { 333 } else { 0 };
        let mut frames = segments(1, 2, &packets[begin..], &[1460]);
        frames.remove(100);
        let document = document(&frames);
        let found = &encodings(&document, 0)["RTP"];
        let streams = found["health"]["streams"].as_array().expect("streams");
        assert_eq!(streams.len(), 1, "{streams:?}");
        let (received, lost) = (streams[0]["received"].as_u64(), streams[0]["lost"].as_u64());
        assert_eq!(received.zip(lost).map(|(a, b)| a + b), Some(400 - u64::from(is_interleaved)), "{streams:?}");
        assert!((2..=4).contains(&lost.unwrap_or(0)), "a segment holds parts of three packets: {lost:?}");
    }
}

/// What the player sends back: requests, and reports of what it lost.
#[test]
fn reports_of_the_player_are_rtcp() {
    let request =
        |name: &str| format!("{name} rtsp://10.0.0.1/a RTSP/1.0\r\nCSeq: 1\r\nSession: 1\r\n\r\n").into_bytes();
    let mut bytes: Vec<u8> = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"].iter().flat_map(|name| request(name)).collect();
    for fraction in 0..12 {
        bytes.extend(dollar(1, &receiver_report(if fraction == 7 { 64 } else { 0 })));
        bytes.extend(if fraction == 5 { request("GET_PARAMETER") } else { Vec::new() });
    }
    let document = document(&segments(2, 1, &bytes, &[90]));
    let found = &encodings(&document, 0)["RTCP"];
    let count = |name: &str| found["packet_types"][name]["packet_count"].as_u64();
    assert_eq!((count("RR"), count("SDES")), (Some(12), Some(12)), "{}", encodings(&document, 0));
    let findings = document["findings"].as_array().expect("a list");
    let lost: Vec<_> = findings.iter().filter(|finding| finding["code"] == "rtcp.loss-at-receiver").collect();
    assert_eq!(lost.len(), 1);
    assert!(lost[0]["text"].as_str().is_some_and(|text| text.contains("25.0 %")), "{}", lost[0]["text"]);
}

/// Lengths from 0x2400 on begin with the byte of a dollar sign.
#[test]
fn long_packets_behind_lengths_are_not_taken_for_interleaved_ones() {
    let bytes: Vec<u8> = (0..20).flat_map(|number| behind_length(&rtp(number, 0x2410))).collect();
    let document = document(&segments(1, 2, &bytes, &[1460]));
    let found = &encodings(&document, 0)["RTP"];
    assert_eq!(found["decoder_metadata"]["framing"], "behind lengths (RFC 4571)", "{}", encodings(&document, 0));
    assert_eq!(health(found), json!([20, 20, 0]));
}
