//! What comes beside RTP in its flow: encrypted control packets (SRTCP, RFC 3711), and packets that RIST sends again with the
//! twin of their source (VSF TR-06-1).

mod common;

use common::{MILLISECOND, Made, analyse_with, udp};
use serde_json::{Value, json};
use streamlens_engine::EngineOptions;
use streamlens_registry::DecoderRegistry;

const START: i64 = 1_700_000_000_000_000_000;

fn rtp(ssrc: u32, number: u16, timestamp: u32) -> Vec<u8> {
    let body = (0..160_u8).map(|at| at.wrapping_mul(91) ^ number as u8);
    let head = [&[0x80, 96][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
    head.into_iter().chain(body).collect()
}

/// An encrypted sender report: its header and source in the clear, then what is as good as random, the index with its flag, and
/// a tag of so many bytes.
fn srtcp(ssrc: u32, index: u32, tag: usize) -> Vec<u8> {
    let random = |at: usize| (at as u8).wrapping_mul(151) ^ (index as u8).wrapping_mul(77);
    let encrypted = (0..20).chain(40..60).map(random);
    let head = [&[0x80, 200, 0, 6][..], &ssrc.to_be_bytes()].concat();
    let tail = (0x8000_0000 | index).to_be_bytes().into_iter().chain((70..70 + tag).map(random));
    head.into_iter().chain(encrypted).chain(tail).collect()
}

fn encodings(frames: &[Made]) -> Value {
    let analysis = analyse_with(DecoderRegistry::with_builtins(), EngineOptions::default(), frames);
    let document = serde_json::to_value(analysis).expect("it serializes");
    document["flows"][0]["transport_protocols"]["UDP"]["application_encodings"].clone()
}

#[test]
fn encrypted_control_packets_of_a_flow_with_rtp_are_srtcp() {
    for tag in [0, 4, 10] {
        let frames: Vec<_> = (0..200_u16)
            .flat_map(|number| {
                let time = START + i64::from(number) * 20 * MILLISECOND;
                let media = udp(time, 1, 2, 7000, &rtp(0xCAFE, number, u32::from(number) * 160));
                let control = number % 20 == 19;
                let index = u32::from(number / 20) + 1;
                let control = control.then(|| udp(time + MILLISECOND, 1, 2, 7000, &srtcp(0xCAFE, index, tag)));
                [Some(media), control].into_iter().flatten()
            })
            .collect();
        let found = encodings(&frames);
        assert_eq!(found["SRTCP"]["packet_count"], 10, "a tag of {tag} bytes: {found}");
        assert_eq!(found["SRTCP"]["decoder_metadata"]["base_encoding"], "RTCP");
        assert_eq!(found["RTP"]["packet_count"], 200);
        assert_eq!(found["RTP"]["health"]["streams"][0]["lost"], 0);
    }
}

/// Without the index where SRTCP has it, bytes that are no whole words long are nothing.
#[test]
fn other_packets_with_a_header_like_a_report_are_none() {
    let frames: Vec<_> = (0..40)
        .map(|number| udp(START + number * 20 * MILLISECOND, 1, 2, 7000, &srtcp(0xCAFE, 0x7000_0000, 10)))
        .collect();
    assert_eq!(encodings(&frames), json!({}));
}

fn health(found: &Value) -> Vec<Value> {
    let streams = found["RTP"]["health"]["streams"].as_array().cloned().unwrap_or_default();
    let of = |stream: &Value| {
        let again = &stream["measures"]["retransmissions"];
        json!([stream["id"], stream["received"], stream["lost"], stream["reordered"], stream["duplicated"], again])
    };
    streams.iter().map(of).collect()
}

/// What was lost and is sent again is late; what is sent again beside the packet itself is there twice.
#[test]
fn packets_sent_again_with_the_twin_of_their_source_count_for_it() {
    let at = |number: u16| START + i64::from(number) * MILLISECOND;
    let mut frames = Vec::new();
    for number in 0..500_u16 {
        if ![100, 101, 300].contains(&number) {
            frames.push(udp(at(number), 1, 2, 7000, &rtp(0xBEE0, number, u32::from(number) * 90)));
        }
        // a round trip later
        for again in [100, 101, 250].into_iter().filter(|again| again + 40 == number) {
            frames.push(udp(at(number) + 1000, 1, 2, 7000, &rtp(0xBEE1, again, u32::from(again) * 90)));
        }
    }
    assert_eq!(health(&encodings(&frames)), [json!(["0x0000bee0", 500, 1, 2, 1, 3])]);
}

/// Two sources that differ in the last bit are two streams where both send on their own.
#[test]
fn neighbouring_sources_are_two_streams() {
    let frames: Vec<_> = (0..300_u16)
        .flat_map(|number| {
            let time = START + i64::from(number) * MILLISECOND;
            [(0xBEE0, 0), (0xBEE1, 400_000)]
                .map(|(ssrc, later)| udp(time + later / 1000, 1, 2, 7000, &rtp(ssrc, number, u32::from(number) * 90)))
        })
        .collect();
    let found: Vec<_> = health(&encodings(&frames)).iter().map(|one| json!([one[0], one[1], one[2]])).collect();
    assert_eq!(found, [json!(["0x0000bee0", 300, 0]), json!(["0x0000bee1", 300, 0])]);
}
