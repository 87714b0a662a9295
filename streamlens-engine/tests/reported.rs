//! Misbehaviour that users of other tools have reported, made from what their reports say was on the wire: each is told as what
//! it is.

mod common;

use common::{MILLISECOND, Made, analyse_with, udp};
use serde_json::{Value, json};
use streamlens_engine::EngineOptions;
use streamlens_model::Timestamp;
use streamlens_model::row::RowContext;
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Tcp, ethernet, tcp};

const START: i64 = 1_700_000_000_000_000_000;
const FRAME: i64 = 20 * MILLISECOND;

fn document(frames: &[Made]) -> Value {
    let analysis = analyse_with(DecoderRegistry::with_builtins(), EngineOptions::default(), frames);
    serde_json::to_value(analysis).expect("it serializes")
}

fn codes(document: &Value) -> Vec<&str> {
    document["findings"].as_array().expect("findings").iter().filter_map(|one| one["code"].as_str()).collect()
}

/// A packet of 160 bytes of payload type 0.
fn voice(ssrc: u32, number: u16, timestamp: u32) -> Vec<u8> {
    let head = [&[0x80, 0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
    head.into_iter().chain((0..160_u8).map(|at| at ^ number as u8)).collect()
}

/// Voice of these sources and numbers, 20 ms from one to the next.
fn call(packets: impl Iterator<Item = (u32, u16)>) -> Vec<Made> {
    let packet = |(at, (ssrc, number)): (u32, (u32, u16))| {
        udp(START + i64::from(at) * FRAME, 1, 2, 12_538, &voice(ssrc, number, at * 160))
    };
    (0..).zip(packets).map(packet).collect()
}

/// Source, received, lost, reordered and restarts of each stream of RTP.
fn streams(document: &Value) -> Vec<Value> {
    let encodings = &document["flows"][0]["transport_protocols"]["UDP"]["application_encodings"];
    let streams = encodings["RTP"]["health"]["streams"].as_array().cloned().unwrap_or_default();
    let of = |one: &Value| ["id", "received", "lost", "reordered", "restarts"].map(|key| one[key].clone());
    streams.iter().map(|one| json!(of(one))).collect()
}

/// A packet that was overtaken across the wrap of numbers is late, and no gap of 65,000.
#[test]
fn a_packet_late_across_the_wrap() {
    let numbers = (65_480..=65_533).chain([65_535, 0, 65_534]).chain(1..50);
    let document = document(&call(numbers.map(|number| (7, number))));
    assert_eq!(streams(&document), [json!(["0x00000007", 106, 0, 1, 0])]);
    assert!(!codes(&document).contains(&"rtp.loss"));
}

/// A relay that takes another leg of a call: numbers begin again behind those before.
#[test]
fn numbers_that_begin_again_behind() {
    let numbers = (21_200..21_294).chain(12_676..12_900);
    let document = document(&call(numbers.map(|number| (7, number))));
    assert_eq!(streams(&document), [json!(["0x00000007", 318, 0, 0, 1])]);
    assert!(!codes(&document).contains(&"rtp.loss"));
}

/// Ringing and answer have sources of their own, and numbers that run on; one source has a single packet.
#[test]
fn sources_that_change_while_numbers_run_on() {
    let sources = |number| match number {
        ..785 => 0x10FC_D7B3,
        785..1521 => 0x7586_F026,
        1521 => 0x00F4_4679,
        _ => 0x1DA7_0001,
    };
    let document = document(&call((773..1600).map(|number| (sources(number), number))));
    let expected = [(0x00F4_4679_u32, 1), (0x10FC_D7B3, 12), (0x1DA7_0001, 78), (0x7586_F026, 736)];
    let expected = expected.map(|(ssrc, received)| json!([format!("0x{ssrc:08x}"), received, 0, 0, 0]));
    assert_eq!(streams(&document), expected);
    assert!(!codes(&document).contains(&"rtp.loss"));
}

/// The ports of a call serve a second one.
#[test]
fn a_second_call_on_the_same_ports() {
    let packets = (500..700).map(|number| (0xAAAA_0001, number)).chain((40_000..40_300).map(|n| (0xBBBB_0002, n)));
    let document = document(&call(packets));
    let expected = [json!(["0xaaaa0001", 200, 0, 0, 0]), json!(["0xbbbb0002", 300, 0, 0, 0])];
    assert_eq!(streams(&document), expected);
}

/// Frames in a capture in another order than that of their times: what is said of its first frame stands with that frame's own time,
/// and a rate is over the time there was at every level, by hand 40 packets of 214 bytes in 800 ms less the last one's bits.
#[test]
fn frames_that_are_not_in_the_order_of_their_times() {
    let mut frames = call((0..41).map(|number| (7, number)));
    (0..40).step_by(2).for_each(|at| frames.swap(at, at + 1));
    let analysis = analyse_with(DecoderRegistry::with_builtins(), EngineOptions::default(), &frames);
    let time = |place: usize| Some(Timestamp::from_nanos(frames[place].time));
    let (first, last) = analysis.capture.span();
    assert_eq!((first.frame, first.time, last.frame, last.time), (1, time(0), 41, time(40)));
    assert_eq!((analysis.capture.first_seen, analysis.capture.last_seen), (time(1), time(40)));
    let [one] = &analysis.findings.iter().filter(|one| one.code == "capture.time-backwards").collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", analysis.findings)
    };
    assert_eq!((one.count, one.first.frame, one.first.time), (20, 2, time(1)));
    let rates: Vec<_> =
        analysis.rows(RowContext::default()).filter_map(|row| Some((row.bit_rate()?, row.packet_rate()?))).collect();
    let length = frames[0].data.len() as f64;
    let by_hand = (40.0 * length * 8.0 / 0.8, 40.0 / 0.8);
    assert!(rates.len() >= 4, "flow, transport, encoding and packet type: {rates:?}");
    for (bits, packets) in &rates {
        assert!((bits - by_hand.0).abs() < 1e-3 && (packets - by_hand.1).abs() < 1e-6, "{rates:?}");
    }
    assert_eq!(analysis.capture.bit_rate().map(f64::round), Some(by_hand.0.round()));
}

/// Pictures that are shown in another order than they are sent in: timestamps go back, and nothing is wrong.
#[test]
fn pictures_shown_in_another_order_than_sent() {
    let frames: Vec<_> = (0..400_u32)
        .map(|at| {
            // sent I P B B, shown I B B P
            let shown = at / 4 * 4 + [0, 3, 1, 2][(at % 4) as usize];
            let head = [&[0x80, 0xE0][..], &(at as u16).to_be_bytes(), &(shown * 3600 + 90_000).to_be_bytes()].concat();
            let body = (0..900_u32).map(|place| (place * 7 + at) as u8);
            let payload: Vec<u8> = head.into_iter().chain([0xCA, 0xFE, 0, 1]).chain(body).collect();
            udp(START + i64::from(at) * 40 * MILLISECOND, 1, 2, 5004, &payload)
        })
        .collect();
    let document = document(&frames);
    assert_eq!(streams(&document), [json!(["0xcafe0001", 400, 0, 0, 0])]);
    assert_eq!(codes(&document), [] as [&str; 0]);
}

/// A session of Modbus: who sends (0 the client), milliseconds, bytes.
fn modbus(said: &[(u8, i64, Vec<u8>)]) -> Value {
    let ends = [(Host::new([10, 0, 0, 1]), 49_200), (Host::new([10, 0, 0, 2]), 502)];
    let mut next = [1001_u32, 5001];
    let head = |sequence, flags| Tcp { sequence, acknowledgement: 0, flags };
    let mut frames = vec![
        Made { time: START, data: tcp(ends[0], ends[1], head(1000, 2), &[]) },
        Made { time: START + 100_000, data: tcp(ends[1], ends[0], head(5000, 0x12), &[]) },
    ];
    for (who, at, bytes) in said {
        let who = usize::from(*who);
        let data = tcp(ends[who], ends[1 - who], head(next[who], 0x18), bytes);
        frames.push(Made { time: START + at * MILLISECOND, data });
        next[who] += bytes.len() as u32;
    }
    document(&frames)
}

fn read(number: u16) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[0, 0, 0, 6, 1, 3, 0x0B, 0xB7, 0, 2]].concat()
}

fn answer(number: u16) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[0, 0, 0, 7, 1, 3, 4, 0, number as u8, 0, 1]].concat()
}

fn counted(document: &Value, code: &str) -> u64 {
    let findings = document["findings"].as_array().expect("findings").iter();
    findings.filter(|one| one["code"] == code).filter_map(|one| one["count"].as_u64()).sum()
}

/// A slow server: each answer comes when the next question has been asked.
#[test]
fn answers_that_are_always_one_question_late() {
    let said: Vec<_> = (0..40)
        .flat_map(|number| {
            let at = i64::from(number) * 100;
            [Some((0, at + 1, read(number))), number.checked_sub(1).map(|before| (1, at + 5, answer(before)))]
        })
        .flatten()
        .collect();
    let document = modbus(&said);
    assert_eq!(counted(&document, "modbus.unsolicited"), 0, "{:?}", codes(&document));
    assert_eq!(counted(&document, "modbus.unanswered"), 0, "{:?}", codes(&document));
    let client = document["flows"].as_array().expect("flows").iter().find(|flow| flow["dst"]["port"] == 502);
    let facts =
        &client.expect("it")["transport_protocols"]["TCP"]["application_encodings"]["ModbusTCP"]["decoder_metadata"];
    assert_eq!(facts["response_time"]["count"], 39, "{facts}");
    assert_eq!(facts["response_time"]["min_ns"], 104_000_000, "{facts}");
}

/// A server that gives back the number with its bytes swapped.
#[test]
fn answers_with_another_number() {
    let said: Vec<_> = (1..30_u16)
        .flat_map(|number| {
            let at = i64::from(number) * 1000;
            [(0, at, read(number)), (1, at + 5, answer(number.swap_bytes()))]
        })
        .collect();
    let document = modbus(&said);
    assert!(counted(&document, "modbus.unsolicited") >= 28, "{:?}", codes(&document));
}

/// A server that answers one question twice.
#[test]
fn an_answer_that_comes_twice() {
    let said: Vec<_> = (0..30)
        .flat_map(|number| {
            let at = i64::from(number) * 100;
            let again = (number == 20).then(|| (1, at + 25, answer(number)));
            [Some((0, at + 1, read(number))), Some((1, at + 5, answer(number))), again].into_iter().flatten()
        })
        .collect();
    let document = modbus(&said);
    assert_eq!(counted(&document, "modbus.unsolicited"), 1, "{:?}", codes(&document));
    assert_eq!(counted(&document, "modbus.unanswered"), 0);
}

/// A frame of EtherCAT with one datagram, as the master sends it or as it comes back.
fn ethercat(at_us: i64, command: u8, index: u8, is_back: bool) -> Made {
    let counter = if is_back { 3_u16 } else { 0 };
    let data = [index; 32];
    let head = [command, index, 0, 0, 1, 0, data.len() as u8, 0, 0, 0];
    let datagram = [&head[..], &data, &counter.to_le_bytes()].concat();
    let length = (datagram.len() as u16 | 0x1000).to_le_bytes();
    let source = [if is_back { 3 } else { 1 }, 1, 5, 0x10, 0, 0];
    let payload = [&length[..], &datagram].concat();
    Made { time: START + at_us * 1000, data: ethernet(source, [0xFF; 6], 0x88A4, &payload) }
}

/// Frames that the adapter hands over in another order than they came back in: all have come back.
#[test]
fn frames_of_ethercat_that_come_back_in_another_order() {
    let frames: Vec<_> = (0..200_i64)
        .flat_map(|cycle| {
            let (at, index) = (cycle * 4000, (cycle * 3) as u8);
            let sent = [(0, 12, 0), (20, 10, 1), (40, 11, 2)];
            let back = if cycle % 10 == 5 {
                [(90, 10, 1), (95, 11, 2), (300, 12, 0)]
            } else {
                [(80, 12, 0), (90, 10, 1), (95, 11, 2)]
            };
            let sent = sent.map(|(us, command, place)| ethercat(at + us, command, index.wrapping_add(place), false));
            let back = back.map(|(us, command, place)| ethercat(at + us, command, index.wrapping_add(place), true));
            sent.into_iter().chain(back)
        })
        .collect();
    let document = document(&frames);
    let wrong: Vec<_> = codes(&document).into_iter().filter(|code| code.starts_with("ethercat.")).collect();
    assert_eq!(wrong, [] as [&str; 0], "{:?}", document["findings"]);
}

/// What a boundary clock announces is the grandmaster, and not itself.
#[test]
fn a_boundary_clock_is_no_grandmaster() {
    let frames: Vec<_> = (0..20_u16)
        .map(|number| {
            let identity = [0x00, 0x1C, 0x73, 0xFF, 0xFF, 0xC5, 0x9E, 0xC5, 0, 11];
            let mut message = vec![0x0B, 2, 0, 64, 0, 0, 0, 8];
            message.extend([0; 12]);
            message.extend(identity);
            message.extend(number.to_be_bytes());
            message.extend([5, 0]);
            message.extend([0; 10]);
            message.extend([
                0, 37, 0, 11, 248, 0xFE, 0xFF, 0xFF, 66, 0x00, 0x0B, 0x72, 0xFF, 0xFE, 0x05, 0x8B, 0xAE, 0, 1, 0xA0,
            ]);
            udp(START + i64::from(number) * 1000 * MILLISECOND, 1, 2, 320, &message)
        })
        .collect();
    let document = document(&frames);
    let ptp = document["networks"]["PTP"].to_string();
    assert!(ptp.contains("000b72fffe058bae") && ptp.contains("001c73ffffc59ec5"), "{ptp}");
    assert!(!codes(&document).contains(&"ptp.grandmaster-changed"), "{:?}", codes(&document));
    let domains = document["networks"]["PTP"]["domains"].as_array().map(|list| list[0]["grandmaster"].clone());
    assert!(domains.is_none_or(|grandmaster| grandmaster.to_string().contains("000b72fffe058bae")), "{ptp}");
}
