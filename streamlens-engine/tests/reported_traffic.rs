//! Lawful traffic and plain faults that users of other tools saw reported as something else, made from what their reports say
//! was on the wire.

mod common;

use common::{MILLISECOND, Made, analyse_with, udp};
use serde_json::{Value, json};
use streamlens_engine::{EngineOptions, Tunnel, Tunnels};
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Tcp, tcp, vlan};

const START: i64 = 1_700_000_000_000_000_000;
const CLIENT: (Host, u16) = (Host::new([10, 0, 0, 1]), 49_200);
const SERVER: (Host, u16) = (Host::new([10, 0, 0, 2]), 502);

fn document_with(frames: &[Made], options: EngineOptions) -> Value {
    serde_json::to_value(analyse_with(DecoderRegistry::with_builtins(), options, frames)).expect("it serializes")
}

fn document(frames: &[Made]) -> Value {
    document_with(frames, EngineOptions::default())
}

fn codes(document: &Value) -> Vec<&str> {
    document["findings"].as_array().expect("findings").iter().filter_map(|one| one["code"].as_str()).collect()
}

fn counted(document: &Value, code: &str) -> u64 {
    let findings = document["findings"].as_array().expect("findings").iter();
    findings.filter(|one| one["code"] == code).filter_map(|one| one["count"].as_u64()).sum()
}

/// What is said of an encoding in the flow to a port, or from it.
fn encoding<'a>(document: &'a Value, end: &str, port: u16, transport: &str, name: &str) -> &'a Value {
    let flows = document["flows"].as_array().expect("flows");
    let flow = flows.iter().find(|flow| flow[end]["port"] == port).expect("a flow");
    &flow["transport_protocols"][transport]["application_encodings"][name]
}

/// A session over TCP: who sends (0 the client), milliseconds, bytes; what a mirror puts around the frames of the server.
fn session(said: &[(u8, i64, Vec<u8>)], mirrored: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<Made> {
    let (ends, mut next) = ([CLIENT, SERVER], [1001_u32, 5001]);
    let head = |sequence, acknowledgement, flags| Tcp { sequence, acknowledgement, flags };
    let mut frames = vec![
        Made { time: START, data: tcp(ends[0], ends[1], head(1000, 0, 2), &[]) },
        Made { time: START + 100_000, data: mirrored(tcp(ends[1], ends[0], head(5000, 1001, 0x12), &[])) },
    ];
    for (who, at, bytes) in said {
        let place = usize::from(*who);
        let data = tcp(ends[place], ends[1 - place], head(next[place], next[1 - place], 0x18), bytes);
        frames.push(Made { time: START + at * MILLISECOND, data: if *who == 1 { mirrored(data) } else { data } });
        next[place] += bytes.len() as u32;
    }
    frames
}

/// A capture without one segment that the receiver had, since it acknowledged it: what lies behind it counts with its own frames and
/// times, whatever the next acknowledgement waits for.
#[test]
fn a_lost_segment_delays_nothing_behind_it() {
    let polls = (0..40_u16).flat_map(|number| {
        let at = i64::from(number) * 500;
        let answer = [&number.to_be_bytes()[..], &[0, 0, 0, 5, 1, 3, 2, 0, 7]].concat();
        [(0, at, request(number, 3, &[0, 0, 0, 1])), (1, at + 15, answer)]
    });
    let whole = session(&polls.collect::<Vec<_>>(), |frame| frame);
    for (lost, slow) in [(22, "answers"), (23, "requests")] {
        let mut frames = whole.clone();
        frames.remove(lost);
        let document = document(&frames);
        assert_eq!(counted(&document, "tcp.gap"), 1, "{slow}");
        assert_eq!(counted(&document, "modbus.slow"), 0, "{slow}");
        assert!(counted(&document, "modbus.unsolicited") <= 1, "{slow}");
        assert_eq!(counted(&document, "modbus.repeated-request"), 0, "{slow}");
        for (end, port) in [("src", 502), ("dst", 502)] {
            let encoding = encoding(&document, end, port, "TCP", "ModbusTCP");
            let longest = &encoding["timing_stats"]["max_ns"];
            assert!(longest.as_i64().is_some_and(|longest| longest <= 1_000 * MILLISECOND), "{slow}: {longest}");
        }
        let asked = encoding(&document, "dst", 502, "TCP", "ModbusTCP");
        assert_eq!(asked["decoder_metadata"]["response_time"]["max_ns"], 15 * MILLISECOND, "{slow}");
    }
}

/// Responses on serial lines name no request: one that is missing leaves the others their own.
#[test]
fn a_lost_answer_of_a_serial_line_shifts_no_other() {
    let polls = (0..20_i64).flat_map(|second| {
        let answer = vec![1, 1, 1, 0, 0x51, 0x88];
        [(0, second * 1000, vec![1, 1, 0, 0, 0, 4, 0x3D, 0xC9]), (1, second * 1000 + 15, answer)]
    });
    let mut frames = session(&polls.collect::<Vec<_>>(), |frame| frame);
    frames.remove(2 + 2 * 9 + 1);
    let document = document(&frames);
    let found: Vec<_> = codes(&document).into_iter().filter(|code| code.starts_with("modbus")).collect();
    assert_eq!((found, counted(&document, "modbus.unanswered")), (vec!["modbus.unanswered"], 1));
    let asked = encoding(&document, "dst", 502, "TCP", "ModbusRTU");
    let times = &asked["decoder_metadata"]["response_time"];
    assert_eq!((times["count"].as_u64(), times["max_ns"].as_i64()), (Some(19), Some(15 * MILLISECOND)));
}

fn request(number: u16, function: u8, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[0, 0], &(data.len() as u16 + 2).to_be_bytes(), &[1, function], data].concat()
}

/// A scan of all functions that nobody answers: all are requests, and no function stands for another.
#[test]
fn a_scan_of_functions_without_answers() {
    let said: Vec<_> = (1..=126_u8)
        .map(|function| (0, i64::from(function) * 10, request(function.into(), function, &[0, 1, 0, 1])))
        .collect();
    let document = document(&session(&said, |frame| frame));
    let modbus = encoding(&document, "dst", 502, "TCP", "ModbusTCP");
    let types = modbus["packet_types"].as_object().expect("types").values();
    assert_eq!(types.filter_map(|kind| kind["packet_count"].as_u64()).sum::<u64>(), 126, "{modbus}");
}

/// A coil is written with a value that is none: the session goes on, and all of it is counted.
#[test]
fn a_coil_that_is_written_with_no_lawful_value() {
    let said: Vec<_> = (0..40_u16)
        .flat_map(|number| {
            let (at, value) = (i64::from(number) * 100, if number % 4 == 1 { [0, 1] } else { [0xFF, 0] });
            let message = request(number, 5, &[&[0, 7][..], &value].concat());
            [(0, at + 1, message.clone()), (1, at + 5, message)]
        })
        .collect();
    let document = document(&session(&said, |frame| frame));
    for end in ["dst", "src"] {
        let modbus = encoding(&document, end, 502, "TCP", "ModbusTCP");
        assert_eq!((&modbus["packet_count"], &modbus["malformed"]), (&40.into(), &Value::Null), "{modbus}");
    }
    assert_eq!(counted(&document, "modbus.unanswered") + counted(&document, "modbus.unsolicited"), 0);
}

/// Port 502 with a protocol identifier that is not that of Modbus.
#[test]
fn what_goes_to_the_port_of_modbus_and_is_something_else() {
    let message = |number: u16| [&number.to_be_bytes()[..], &[0x12, 0x34, 0, 6, 1, 3, 0, 0, 0, 2]].concat();
    let said: Vec<_> = (0..60).map(|number| ((number % 2) as u8, i64::from(number) * 10, message(number))).collect();
    let document = document(&session(&said, |frame| frame));
    assert!(encoding(&document, "dst", 502, "TCP", "ModbusTCP").is_null(), "{:?}", document["flows"][0]);
}

/// A mirror port that tags one direction: the answers are still those of the requests.
#[test]
fn a_mirror_that_tags_one_direction() {
    let said: Vec<_> = (0..40_u16)
        .flat_map(|number| {
            let at = i64::from(number) * 100;
            let answer = [&number.to_be_bytes()[..], &[0, 0, 0, 7, 1, 3, 4, 0, number as u8, 0, 1]].concat();
            [(0, at + 1, request(number, 3, &[0, 0, 0, 2])), (1, at + 5, answer)]
        })
        .collect();
    let document = document(&session(&said, |frame| vlan(&frame, 0, 10)));
    assert_eq!(counted(&document, "modbus.unanswered"), 0, "{:?}", document["findings"]);
    assert_eq!(counted(&document, "modbus.unsolicited"), 0, "{:?}", document["findings"]);
    let facts = &encoding(&document, "dst", 502, "TCP", "ModbusTCP")["decoder_metadata"];
    assert_eq!(facts["response_time"]["count"], 40, "{facts}");
}

/// Segments that were acknowledged and come again: sent again, not out of order, and nothing is lost.
#[test]
fn segments_that_come_again_behind_their_acknowledgement() {
    let segment = |at: i64, sequence: u32| {
        let head = Tcp { sequence, acknowledgement: 1, flags: 0x10 };
        Made { time: START + at * MILLISECOND, data: tcp(CLIENT, (SERVER.0, 9_999), head, &[sequence as u8; 100]) }
    };
    let mut frames: Vec<_> = (0..40).map(|n| segment(n * 10, 1000 + n as u32 * 100)).collect();
    frames.insert(25, segment(245, 1000 + 20 * 100));
    frames.insert(33, segment(315, 1000 + 5 * 100));
    let document = document(&frames);
    let facts = &document["flows"][0]["transport_protocols"]["TCP"]["metadata"];
    assert_eq!(
        (&facts["retransmitted_segments"], &facts["out_of_order_segments"]),
        (&2.into(), &Value::Null),
        "{facts}"
    );
    assert_eq!(counted(&document, "tcp.gap"), 0);
}

/// An ordinary transport packet of a PID with this continuity counter and payload.
fn ts(pid: u16, counter: u8, body: u8) -> Vec<u8> {
    let mut packet = vec![0x47, (pid >> 8) as u8, pid as u8, 0x10 | counter & 0xF];
    packet.resize(188, body);
    packet
}

/// With a program clock reference and this payload; `has_payload` says whether there is any.
fn ts_with_clock(pid: u16, counter: u8, ticks: u64, has_payload: bool) -> Vec<u8> {
    let (base, extension) = (ticks / 300, ticks % 300);
    let control = if has_payload { 0x30 } else { 0x20 };
    let length = if has_payload { 7 } else { 183 };
    let mut packet = vec![0x47, (pid >> 8) as u8, pid as u8, control | counter & 0xF, length, 0x10];
    packet.extend([(base >> 25) as u8, (base >> 17) as u8, (base >> 9) as u8, (base >> 1) as u8]);
    packet.extend([(base << 7) as u8 | 0x7E | (extension >> 8) as u8, extension as u8]);
    packet.resize(188, if has_payload { 0x55 } else { 0xFF });
    packet
}

/// Seven transport packets a datagram, 10 ms apart.
fn transport_stream(packets: &[Vec<u8>]) -> Value {
    let datagram = |(at, seven): (i64, &[Vec<u8>])| udp(START + at * 10 * MILLISECOND, 1, 2, 1234, &seven.concat());
    document(&(0..).zip(packets.chunks_exact(7)).map(datagram).collect::<Vec<_>>())
}

fn ts_stream<'a>(document: &'a Value, id: &str) -> &'a Value {
    let streams = encoding(document, "dst", 1234, "UDP", "MPEG-TS")["health"]["streams"].as_array().expect("streams");
    streams.iter().find(|stream| stream["id"] == id).unwrap_or_else(|| panic!("no {id} in {streams:?}"))
}

/// A packet that comes twice is lawful, and its clock reference may be another one (ISO/IEC 13818-1 2.4.3.3).
#[test]
fn a_transport_packet_that_comes_again_with_its_clock_made_anew() {
    let mut packets = Vec::new();
    for number in 0..700_u32 {
        let counter = (number % 16) as u8;
        // 188 bytes of 10 ms / 7
        let ticks = |place: usize| place as u64 * 27_000_000 / 700;
        if number % 20 == 3 {
            packets.push(ts_with_clock(0x100, counter, ticks(packets.len()), true));
            packets.push(ts_with_clock(0x100, counter, ticks(packets.len()), true));
        } else {
            packets.push(ts(0x100, counter, number as u8));
        }
    }
    let document = transport_stream(&packets);
    assert_eq!(ts_stream(&document, "PID 0x0100")["lost"], 0);
    assert_eq!(counted(&document, "mpegts.continuity"), 0, "{:?}", document["findings"]);
    assert_eq!(counted(&document, "mpegts.loss"), 0);
}

/// A datagram that comes again a while later, beyond what a mirror port does: its packets are duplicates, and none is missing.
#[test]
fn a_datagram_of_transport_packets_that_comes_again() {
    let packets: Vec<_> = (0..700_u32).map(|number| ts(0x100, (number % 16) as u8, number as u8)).collect();
    for behind in 0..3 {
        let mut sent = packets.clone();
        let again = sent[350..357].to_vec();
        let at = 357 + behind * 7;
        sent.splice(at..at, again);
        let document = transport_stream(&sent);
        let stream = ts_stream(&document, "PID 0x0100");
        assert_eq!((&stream["duplicated"], &stream["lost"]), (&7.into(), &0.into()), "{behind} behind: {stream}");
        assert_eq!(codes(&document), ["mpegts.duplicates"], "{behind} behind");
    }
}

/// One lost datagram is one error; the continuity count errors that it makes are known by their name of TR 101 290.
#[test]
fn a_lost_datagram_of_transport_packets_is_one_error() {
    let mut packets: Vec<_> = (0..700_u32).map(|number| ts(0x100, (number % 16) as u8, number as u8)).collect();
    packets.drain(350..357);
    let document = transport_stream(&packets);
    let findings = document["findings"].as_array().expect("findings").iter();
    let found: Vec<_> =
        findings.map(|one| [&one["code"], &one["severity"]].map(|text| text.as_str().unwrap_or_default())).collect();
    assert_eq!(found, [["mpegts.loss", "error"], ["mpegts.continuity", "info"]]);
}

/// Packets without payload do not step the counter; where a multiplexer steps it all the same, that is an error.
#[test]
fn a_counter_that_steps_where_there_is_no_payload() {
    let packets = |steps: bool| {
        let mut counter = 0_u8;
        let mut packets = Vec::new();
        for number in 0..700_u32 {
            let has_payload = number % 20 != 3;
            if has_payload || steps {
                counter = counter.wrapping_add(1);
            }
            packets.push(match has_payload {
                true => ts(0x100, counter, number as u8),
                false => ts_with_clock(0x100, counter, u64::from(number) * 27_000_000 / 700, false),
            });
        }
        packets
    };
    assert_eq!(counted(&transport_stream(&packets(false)), "mpegts.continuity"), 0);
    let wrong = transport_stream(&packets(true));
    assert!(counted(&wrong, "mpegts.continuity") > 0, "{:?}", wrong["findings"]);
}

/// A multiplexer that counts all packets with one counter: each PID has errors of its own.
#[test]
fn one_continuity_counter_for_all_pids() {
    let packets: Vec<_> =
        (0..700_u32).map(|number| ts([0x100, 0x101, 0x102][number as usize % 3], number as u8, 7)).collect();
    let document = transport_stream(&packets);
    for id in ["PID 0x0100", "PID 0x0101", "PID 0x0102"] {
        assert!(ts_stream(&document, id)["lost"].as_u64() > Some(300), "{}", ts_stream(&document, id));
    }
}

/// Picture and sound that two senders put on one group, at ports of their own: two flows, and nothing is lost.
#[test]
fn two_senders_on_one_group() {
    let packet = |kind: u8, ssrc: u32, number: u16, timestamp: u32, length: usize| {
        let head = [&[0x80, kind][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
        head.into_iter()
            .chain((0..length).map(|place| (place as u16 ^ number.wrapping_mul(31)) as u8))
            .collect::<Vec<_>>()
    };
    let frames: Vec<_> = (0..400_u16)
        .flat_map(|number| {
            let at = START + i64::from(number) * MILLISECOND;
            let sound = packet(97, 0x0000_50AD, number, u32::from(number) * 48, 288);
            let picture = packet(96, 0x0000_71DE, number.wrapping_mul(1), u32::from(number / 10) * 900, 1200);
            [udp(at, 1, 239, 30_001, &sound), udp(at + 300_000, 1, 239, 20_001, &picture)]
        })
        .collect();
    let document = document(&frames);
    assert_eq!(document["flows"].as_array().map(Vec::len), Some(2));
    assert!(!codes(&document).contains(&"rtp.loss"), "{:?}", codes(&document));
}

/// Numbers that a provider's box packs anew from 60 ms to 20: the times come in threes, and nothing is lost or reordered.
#[test]
fn packets_that_were_packed_anew() {
    let frames: Vec<_> = (0..300_u16)
        .map(|number| {
            let at = START + i64::from(number / 3) * 60 * MILLISECOND + i64::from(number % 3) * 100_000;
            let head = [&[0x80, 0][..], &number.to_be_bytes(), &(u32::from(number) * 160).to_be_bytes(), &[0, 0, 0, 9]]
                .concat();
            udp(
                at,
                1,
                2,
                12_538,
                &head.into_iter().chain((0..160_u8).map(|place| place ^ number as u8)).collect::<Vec<_>>(),
            )
        })
        .collect();
    let document = document(&frames);
    let stream = &encoding(&document, "dst", 12_538, "UDP", "RTP")["health"]["streams"][0];
    assert_eq!(
        ["received", "lost", "reordered", "restarts"].map(|key| stream[key].clone()),
        json!([300, 0, 0, 0]).as_array().expect("four")[..]
    );
    // 40 ms late, on time by turns
    assert!(stream["jitter_ns"].as_f64() > Some(10e6), "{stream}");
}

/// The reserved bits of VXLAN are ignored on receipt (RFC 7348 5).
#[test]
fn a_tunnel_with_reserved_bits_set() {
    let inner = |number: u8| {
        streamlens_testing::udp((Host::new([192, 0, 2, 1]), 5000), (Host::new([192, 0, 2, 2]), 5001), &[number; 40])
    };
    let around = |frame: &[u8], flags: u8| {
        let header = [flags, 1, 2, 3, 0, 0, 7, 0xAA];
        streamlens_testing::udp((CLIENT.0, 50_000), (SERVER.0, 4789), &[&header[..], frame].concat())
    };
    let options = EngineOptions { decap: Tunnels::NONE.with(Tunnel::Vxlan), ..EngineOptions::default() };
    let frames: Vec<_> = (0..20)
        .map(|number| Made {
            time: START + i64::from(number) * MILLISECOND,
            data: around(&inner(number), if number % 2 == 0 { 0x08 } else { 0x4C }),
        })
        .collect();
    let document = document_with(&frames, options);
    assert_eq!(document["flows"].as_array().map(Vec::len), Some(1), "{:?}", document["flows"]);
    assert_eq!(
        (&document["flows"][0]["dst"]["port"], &document["flows"][0]["outer"][0]["id"]),
        (&5001.into(), &7.into())
    );
}

/// A clock of pictures at 29.97 a second: its steps are 1501 and 1502 ticks of 45 kHz by turns, which is no fault.
#[test]
fn steps_of_pictures_that_are_no_whole_ticks() {
    let frames: Vec<_> = (0..240_u32)
        .map(|number| {
            let timestamp = u64::from(number) * 90_000 * 1001 / 60_000;
            let head =
                [&[0x80, 0xE0][..], &(number as u16).to_be_bytes(), &(timestamp as u32).to_be_bytes(), &[0, 0, 0, 5]]
                    .concat();
            let body: Vec<u8> = head.into_iter().chain((0..900_u32).map(|place| (place * 7 + number) as u8)).collect();
            udp(START + i64::from(number) * 1001 * 1_000_000_000 / 60_000, 1, 2, 5004, &body)
        })
        .collect();
    let document = document(&frames);
    assert_eq!(codes(&document), [] as [&str; 0], "{:?}", document["findings"]);
    let stream = &encoding(&document, "dst", 5004, "UDP", "RTP")["health"]["streams"][0];
    assert!(stream["drift_ppm"].as_f64().is_none_or(|ppm| ppm.abs() < 50.0), "{stream}");
}
