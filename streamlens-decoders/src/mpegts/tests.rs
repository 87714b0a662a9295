use proptest::prelude::*;
use streamlens_model::{Metadata, Occurrence, Value};

use super::psi::crc32;
use super::*;
use crate::testing::{Captured, corpus, payloads, udp};
use crate::{DecodeError, DecodingResult, FlowReport, PacketType, PduState, StreamDecoder, StreamMark};

/// A transport packet with payload.
fn ts(pid: u16, continuity: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![SYNC_BYTE, (pid >> 8) as u8 & 0x1F, pid as u8, 0x10 | continuity & 0x0F];
    bytes.extend_from_slice(payload);
    bytes.resize(PACKET_LENGTH, 0xFF);
    bytes
}

/// A transport packet with an adaptation field of these flags and fields, and payload.
fn adapted(pid: u16, continuity: u8, flags: u8, fields: &[u8], has_payload: bool) -> Vec<u8> {
    let control = if has_payload { 0x30 } else { 0x20 };
    let length = if has_payload { 1 + fields.len() } else { 183 };
    let mut bytes =
        vec![SYNC_BYTE, (pid >> 8) as u8 & 0x1F, pid as u8, control | continuity & 0x0F, length as u8, flags];
    bytes.extend_from_slice(fields);
    bytes.resize(PACKET_LENGTH, 0xFF);
    bytes
}

/// A packet as it is read, of a stream with this counter and content that is its own.
pub(super) fn packet(number: u64, content: &[u8; 16]) -> TsPacket<'_> {
    TsPacket {
        has_error: false,
        starts_unit: false,
        pid: 0x100,
        scrambling: 0,
        continuity: (number & 0x0F) as u8,
        is_discontinuity: false,
        pcr: None,
        payload: Some(content),
    }
}

/// All PDUs of one datagram: type, state, marks.
fn decode(
    decoder: &mut dyn crate::FlowDecoder,
    datagram: &Captured,
) -> Result<Vec<(u32, PduState, Vec<StreamMark>)>, DecodeError> {
    let (mut result, mut packet, mut out) = (DecodingResult::new(true), datagram.packet(), Vec::new());
    while !packet.payload.is_empty() {
        result.clear();
        let used = decoder.decode_packet(&packet, &mut result)?;
        out.push((result.packet_type.0, result.state, result.marks().to_vec()));
        packet.payload = &packet.payload[used..];
        packet.offset += used;
    }
    Ok(out)
}

fn flow() -> Box<dyn crate::FlowDecoder> {
    MpegTsDecoder::new().flow_decoder(&Default::default()).unwrap()
}

fn report(decoder: &dyn crate::FlowDecoder) -> FlowReport {
    let mut report = FlowReport::default();
    decoder.report(&mut report);
    report
}

fn figure<'a>(metadata: &'a Metadata, name: &str) -> &'a Value {
    metadata.get(name).unwrap_or_else(|| panic!("no {name} in {metadata:?}"))
}

#[test]
fn figures_of_the_corpus_are_those_of_the_independent_script() {
    let Some(corpus) = corpus() else { return };
    let mut decoder = flow();
    let (mut datagrams, mut types) = (0, std::collections::BTreeMap::<u32, u64>::new());
    for datagram in payloads(&corpus, "broadcast/mpegts-udp.pcap") {
        assert!(MpegTsDecoder.can_decode(&datagram.packet()).value() >= 0.4);
        for (kind, state, _) in decode(decoder.as_mut(), &datagram).unwrap() {
            assert_eq!(state, PduState::Whole);
            *types.entry(kind).or_default() += 1;
        }
        datagrams += 1;
    }
    let expected = [(0, 62), (0x11, 13), (0x100, 3659), (0x101, 536), (0x1000, 62), (0x1FFF, 1658)];
    assert_eq!((datagrams, types.into_iter().collect::<Vec<_>>()), (942, expected.to_vec()));
    let report = report(decoder.as_ref());
    for (name, value) in [("ts_packets", 5990_u64), ("continuity_errors", 0), ("sync_errors", 0), ("pcr_count", 301)] {
        assert_eq!(figure(&report.metadata, name), &Value::from(value), "{name}");
    }
    let datagrams = [("1", 25), ("2", 45), ("3", 22), ("4", 27), ("5", 20), ("6", 20), ("7", 783)];
    let datagrams = Value::map(datagrams.map(|(packets, n)| (packets, Value::from(n as u64))));
    assert_eq!(figure(&report.metadata, "ts_packets_per_frame"), &datagrams);
    let Value::Map(programs) = figure(&report.metadata, "programs") else { panic!() };
    let Some(Value::Map(program)) = programs.get("1") else { panic!("{programs:?}") };
    assert_eq!(program.get("pmt_pid"), Some(&Value::from("0x1000")));
    assert_eq!(program.get("pcr_pid"), Some(&Value::from("0x0100")));
    assert!(matches!(program.get("name"), Some(Value::Text(name)) if !name.is_empty()), "{program:?}");
    let video = &report.packet_types[&PacketType(0x100)];
    assert!(matches!(figure(video, "name"), Value::Text(name) if name.contains('.')), "{video:?}");
    assert_eq!(MpegTsDecoder.packet_type(PacketType(0x100)), "PID 0x0100");
}

#[test]
fn nothing_else_of_the_corpus_is_a_transport_stream() {
    let Some(corpus) = corpus() else { return };
    for folder in ["broadcast", "flight-test", "industrial", "negative", "ptp"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.contains(".pcap")
                || matches!(name.as_str(), "mpegts-udp.pcap" | "mpegts.pcap")
                || name.ends_with("gz")
            {
                continue;
            }
            for payload in payloads(&corpus, &format!("{folder}/{name}")) {
                if payload.transport == streamlens_model::Transport::UDP {
                    let confidence = MpegTsDecoder.can_decode(&payload.packet()).value();
                    assert!(confidence < 0.5, "{folder}/{name} frame {}: {confidence}", payload.frame);
                }
            }
        }
    }
}

#[test]
fn continuity_counts_payloads_and_forgives_one_repeat_and_announced_jumps() {
    let mut decoder = flow();
    let mut send = |packets: &[Vec<u8>]| -> Vec<Option<u64>> {
        let marks = decode(decoder.as_mut(), &udp(&packets.concat())).unwrap();
        marks.iter().map(|(_, _, marks)| marks.first().and_then(|mark| mark.sequence).map(|s| s.number)).collect()
    };
    let p = |continuity| ts(0x100, continuity, &[1]);
    // extended, and from 0
    assert_eq!(send(&[p(14), p(15), p(0), p(0), p(1)]), [Some(0), Some(1), Some(2), Some(2), Some(3)]);
    // Without payload the counter stands still, and stuffing has none.
    assert_eq!(send(&[adapted(0x100, 1, 0, &[], false), ts(NULL_PID, 9, &[]), p(2)]), [None, None, Some(4)]);
    // An announced jump runs on.
    assert_eq!(send(&[adapted(0x100, 9, 0x80, &[], true), p(10)]), [Some(5), Some(6)]);
    // A second repeat, and a gap, are errors.
    send(&[p(10), p(10), p(13)]);
    assert_eq!(figure(&report(decoder.as_ref()).metadata, "continuity_errors"), &Value::from(2_u64));
}

#[test]
fn clock_references_are_read_and_late_ones_found() {
    let pcr = |ticks: u64| {
        let (base, extension) = (ticks / 300, (ticks % 300) as u16);
        let mut bytes = (base as u32 >> 1 | ((base >> 32) as u32) << 31).to_be_bytes().to_vec();
        bytes[0..4].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
        bytes.push((base as u8 & 1) << 7 | 0x7E | (extension >> 8) as u8);
        bytes.push(extension as u8);
        bytes
    };
    let ticks = (1 << 33) * 300 - 5;
    let parsed = adapted(0x100, 0, 0x10, &pcr(ticks), true);
    assert_eq!(TsPacket::parse(&parsed).unwrap().pcr, Some(ticks));
    let mut decoder = flow();
    for (index, ticks) in [ticks, 1_080_000 - 5, 1_080_000 + 4_050_000 - 5].into_iter().enumerate() {
        let mut datagram =
            udp(&[adapted(0x100, index as u8, 0x10, &pcr(ticks), true), ts(0x101, index as u8, &[])].concat());
        datagram.time = Some(streamlens_model::Timestamp::from_nanos([0, 41_000_000, 190_000_000][index]));
        decode(decoder.as_mut(), &datagram).unwrap();
    }
    let report = report(decoder.as_ref());
    let Some(Value::Map(clock)) = report.packet_types[&PacketType(0x100)].get("pcr") else { panic!() };
    assert_eq!(clock.get("interval_max_ns"), Some(&Value::from(150_000_000_u64)));
    // 1 ms late at 40 ms, in time at 190 ms.
    assert_eq!(clock.get("arrival_spread_ns"), Some(&Value::from(1_000_000_i64)));
    let codes: Vec<_> = report.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    assert_eq!(codes, [("mpegts.pcr-interval", 1)]);
}

#[test]
fn faults_have_their_names_of_tr_101_290() {
    let pcr = |ticks: u64| {
        let (base, extension) = (ticks / 300, (ticks % 300) as u16);
        let mut bytes = ((base >> 1) as u32).to_be_bytes().to_vec();
        bytes.extend([(base as u8 & 1) << 7 | 0x7E | (extension >> 8) as u8, extension as u8]);
        bytes
    };
    let mut decoder = flow();
    // two packets missing, and two seconds on the clock while 40 ms go by
    for (number, continuity, ticks) in [(0, 0, 0), (1, 1, 1_080_000), (2, 4, 55_080_000), (3, 5, 56_160_000)] {
        let clock = adapted(0x100, continuity, 0x10, &pcr(ticks), true);
        let mut datagram = udp(&[clock, ts(0x101, number, &[])].concat());
        datagram.time = Some(streamlens_model::Timestamp::from_nanos(i64::from(number) * 40_000_000));
        decode(decoder.as_mut(), &datagram).unwrap();
    }
    let report = report(decoder.as_ref());
    let found: Vec<_> = report.findings[0].iter().map(|(code, _, finding)| (code, finding.text.as_str())).collect();
    assert_eq!(
        found,
        [
            (
                "mpegts.continuity",
                "continuity count errors of PID 0x0100 (TR 101 290 1.4): 1, 2 packets missing, at most 2 in a row; their loss \
                 is a finding of its own"
            ),
            (
                "mpegts.pcr-discontinuity",
                "the program clock reference of PID 0x0100 went on by 2.000 s while 40.00 ms went by, without the \
                 discontinuity indicator (TR 101 290 2.3b)"
            ),
        ]
    );
}

#[test]
fn damaged_scrambled_and_missing_packets_are_told_apart() {
    let (mut damaged, mut scrambled, mut without) = (ts(0x100, 1, &[]), ts(0x100, 2, &[]), ts(0x101, 0, &[]));
    damaged[1] |= 0x80;
    scrambled[3] |= 0x80;
    without[0] = 0;
    let mut decoder = flow();
    decode(decoder.as_mut(), &udp(&[ts(0x100, 0, &[]), damaged, scrambled].concat())).unwrap();
    decode(decoder.as_mut(), &udp(&[ts(0x100, 3, &[]), without, ts(0x100, 4, &[])].concat())).unwrap();
    let report = report(decoder.as_ref());
    let codes: Vec<_> = report.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    assert_eq!(codes, [("mpegts.sync-byte", 1), ("mpegts.transport-error", 1)]);
    assert_eq!(figure(&report.packet_types[&PacketType(0x100)], "scrambled"), &Value::from(1_u64));
}

#[test]
fn packets_of_more_pids_than_are_measured_are_counted() {
    let mut decoder = flow();
    for first in (0x20..0x20 + 518).step_by(7) {
        let datagram: Vec<u8> = (first..first + 7).flat_map(|pid| ts(pid, 0, &[])).collect();
        decode(decoder.as_mut(), &udp(&datagram)).unwrap();
    }
    assert_eq!(figure(&report(decoder.as_ref()).metadata, "packets_of_further_pids"), &Value::from(6_u64));
}

#[test]
fn tables_over_several_packets_are_put_together_and_checked() {
    let mut section = vec![0x00, 0xB0, 0, 0x12, 0x34, 0xC1, 0, 0];
    for program in 1..=60_u16 {
        section.extend(program.to_be_bytes());
        section.extend((0xE000 | (0x100 + program)).to_be_bytes());
    }
    section[2] = (section.len() + 4 - 3) as u8;
    let check = crc32(&section);
    section.extend(check.to_be_bytes());
    assert_eq!(crc32(b"123456789"), 0x0376_E6E7, "the check value of CRC-32/MPEG-2");
    let mut first = vec![0];
    first.extend_from_slice(&section[..183]);
    let mut packets = [ts(0, 0, &first), ts(0, 1, &section[183..])];
    packets[0][1] |= 0x40;
    let mut decoder = flow();
    decode(decoder.as_mut(), &udp(&packets.concat())).unwrap();
    let Value::Map(programs) = figure(&report(decoder.as_ref()).metadata, "programs").clone() else { panic!() };
    assert_eq!(programs.len(), 60);
    // A damaged section says nothing.
    packets[1][20] ^= 1;
    let mut decoder = flow();
    decode(decoder.as_mut(), &udp(&packets.concat())).unwrap();
    assert_eq!(figure(&report(decoder.as_ref()).metadata, "programs"), &Value::map::<&str>([]));
}

#[test]
fn datagrams_of_other_shapes_are_refused() {
    let one = ts(0x100, 0, &[]);
    let refused = |bytes: &[u8]| {
        assert_eq!(MpegTsDecoder.can_decode(&udp(bytes).packet()).value(), 0.0);
        assert!(decode(flow().as_mut(), &udp(bytes)).is_err());
    };
    assert_eq!(MpegTsDecoder.can_decode(&udp(&[]).packet()).value(), 0.0);
    assert!(flow().decode_packet(&udp(&[]).packet(), &mut DecodingResult::new(false)).is_err());
    refused(&[SYNC_BYTE]);
    refused(&one[..187]);
    refused(&[one.clone(), vec![0x47]].concat());
    let mut second = [one.clone(), one.clone()].concat();
    second[188] = 0x46;
    refused(&second);
    // A request of 188 bytes begins with the letter that is the sync byte.
    let mut text = b"GET / HTTP/1.1\r\n".to_vec();
    text.resize(188, b'a');
    assert_eq!(MpegTsDecoder.can_decode(&udp(&text).packet()).value(), 0.0);
}

#[test]
fn packets_of_204_and_192_bytes_and_cut_captures_are_taken() {
    let one = ts(0x21, 0, &[]);
    let parity = [one.clone(), vec![9; 16]].concat().repeat(3);
    assert_eq!(decode(flow().as_mut(), &udp(&parity)).unwrap().len(), 3);
    let timed = [vec![1, 2, 3, 4], one.clone()].concat().repeat(3);
    assert_eq!(decode(flow().as_mut(), &udp(&timed)).unwrap().len(), 3);
    assert!(MpegTsDecoder.can_decode(&udp(&timed).packet()).value() > 0.9);
    let cut = udp(&one.repeat(7)[..200]);
    let mut packet = cut.packet();
    packet.missing = 7 * 188 - 200;
    let mut result = DecodingResult::new(false);
    let mut decoder = flow();
    assert_eq!(decoder.decode_packet(&packet, &mut result), Ok(188));
    (packet.payload, packet.offset) = (&cut.payload[188..], 188);
    result.clear();
    assert_eq!(decoder.decode_packet(&packet, &mut result), Ok(12));
    assert_eq!((result.packet_type, result.state), (PacketType(0x21), PduState::Cut));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let datagram = udp(&bytes);
        let _ = MpegTsDecoder.can_decode(&datagram.packet());
        let mut decoder = flow();
        let _ = decode(decoder.as_mut(), &datagram);
        report(decoder.as_ref());
    }

    #[test]
    fn arbitrary_packets_never_panic(packets in proptest::collection::vec((0_u8..3, any::<u8>(), any::<[u8; 24]>()), 1..40)) {
        let mut decoder = flow();
        for (pid, control, body) in packets {
            let mut bytes = ts(u16::from(pid) * 8, 0, &body);
            bytes[1] |= control & 0x40;
            bytes[3] = control;
            let _ = decode(decoder.as_mut(), &udp(&bytes));
        }
        report(decoder.as_ref());
    }

    #[test]
    fn arbitrary_sections_never_panic(pid in prop_oneof![Just(0_u16), Just(0x11), Just(0x20)], table in prop_oneof![Just(0_u8), Just(2), Just(0x42)],
        body in proptest::collection::vec(any::<u8>(), 0..150)) {
        let mut section = vec![table, 0xB0, body.len() as u8 + 4];
        section.extend(body);
        let check = crc32(&section);
        section.extend(check.to_be_bytes());
        let mut tables = psi::Tables::default();
        tables.section(0, &[0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0, 0x20, 0, 0, 0, 0]);
        tables.section(pid, &section);
    }
}

/// What RTP has lost is told by RTP: the transport stream in it has errors of its own only.
#[cfg(feature = "rtp")]
#[test]
fn what_the_carrier_lost_is_no_second_error() {
    use super::meter::TsMeter;
    let content = |number: u64| (u128::from(number) << 64 | u128::from(number)).to_be_bytes();
    let at = Occurrence { frame: 1, time: None };
    let mut meter = TsMeter::default();
    // seven packets in a datagram, a clock reference every 60 ms in the first of each
    let datagram = |meter: &mut TsMeter, number: u64| {
        for at_in_it in 0..7 {
            let pcr = (at_in_it == 0).then_some(number * 27_000 * 60);
            let number = number * 7 + at_in_it;
            meter.packet(&TsPacket { pcr, ..packet(number, &content(number)) }, at);
        }
    };
    (0..10).for_each(|number| datagram(&mut meter, number));
    meter.carrier_gap();
    (11..20).for_each(|number| datagram(&mut meter, number));
    assert_eq!(meter.continuity_errors(), 1, "it is counted");
    assert!(meter.is_faultless() && meter.findings(false).is_empty(), "{:?}", meter.findings(false));
    // the next gap is not the carrier's, and the late datagram of the first one takes nothing from it
    (21..22).for_each(|number| datagram(&mut meter, number));
    (0..7).for_each(|at_in_it| meter.late_packet(&packet(20 * 7 + at_in_it, &content(20 * 7 + at_in_it))));
    assert_eq!((meter.continuity_errors(), meter.is_faultless()), (1, false), "the reference is 120 ms late");
    (24..30).for_each(|number| datagram(&mut meter, number));
    let findings = meter.findings(false);
    let own: Vec<_> = findings.iter().filter(|(code, ..)| *code == "mpegts.continuity").collect();
    assert_eq!(own.len(), 1);
    assert_eq!((meter.continuity_errors(), own[0].2.count), (2, 1));
}
