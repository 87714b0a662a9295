//! Single PDUs, byte for byte.

use streamlens_model::{FlowKey, Value};

use super::harness::packet;
use crate::modbus::{ModbusRtuDecoder, ModbusTcpDecoder};
use crate::testing::{Captured, udp};
use crate::{DecodeError, DecodingResult, PduState, StreamDecoder};

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A segment between two ports.
pub(super) fn segment(src: u16, dst: u16, payload: &[u8]) -> Captured {
    let mut captured = udp(payload);
    if src < dst {
        std::mem::swap(&mut captured.flow.src, &mut captured.flow.dst);
    }
    (captured.flow.src.port, captured.flow.dst.port) = (Some(src), Some(dst));
    captured.transport = streamlens_model::Transport::TCP;
    captured
}

fn name(src: u16, dst: u16, text: &str) -> String {
    let (decoder, bytes) = (ModbusTcpDecoder::new(), hex(text));
    let captured = segment(src, dst, &bytes);
    let mut result = DecodingResult::default();
    assert_eq!(decoder.decode_packet(&captured.packet(), &mut result), Ok(bytes.len()), "{text}");
    decoder.packet_type(result.packet_type).into_owned()
}

#[test]
fn names_requests_responses_and_exceptions() {
    for (text, request, response) in [
        ("0001 0000 0006 01 01 0000 0013", "Read Coils Request", ""),
        ("0001 0000 0006 01 01 03 CD6B05", "", "Read Coils Response"),
        ("0001 0000 0003 01 81 02", "", "Read Coils Exception"),
        ("0001 0000 0006 01 05 00AC FF00", "Write Single Coil Request", "Write Single Coil Response"),
        ("0001 0000 0004 01 5A 0002", "Function 90 Request", "Function 90 Response"),
        ("0001 0000 0003 01 80 01", "", "Function 0 Exception"),
        ("0001 0000 0005 01 2B 0E 01 00", "Encapsulated Interface Transport Request", ""),
        ("0001 0000 0004 01 18 04DE", "Read FIFO Queue Request", ""),
        ("0001 0000 000A 01 18 0006 0002 01B8 1284", "", "Read FIFO Queue Response"),
    ] {
        if !request.is_empty() {
            assert_eq!(name(49_152, 502, text), request);
        }
        if !response.is_empty() {
            assert_eq!(name(502, 49_152, text), response);
        }
    }
}

#[test]
fn tells_direction_by_shape_where_no_port_does() {
    assert_eq!(name(40_000, 40_001, "0001 0000 0006 01 03 006B 0003"), "Read Holding Registers Request");
    assert_eq!(name(40_000, 40_001, "0001 0000 0005 01 03 02 0000"), "Read Holding Registers Response");
}

#[test]
fn an_echo_gets_the_direction_of_the_rest_of_its_flow() {
    let decoder = ModbusTcpDecoder::new();
    let mut session = super::harness::Session::new(&decoder, false);
    session.segment(&segment(9000, 8000, &hex("0001 0000 0006 01 06 0001 0003")));
    session.segment(&segment(8000, 9000, &hex("0001 0000 0006 01 06 0001 0003")));
    session.segment(&segment(8000, 9000, &hex("0002 0000 0006 01 03 006B 0001")));
    session.segment(&segment(9000, 8000, &hex("0002 0000 0005 01 03 02 0007")));
    let outcome = session.outcome();
    let types = |port| outcome.iter().find(|o| o.flow.src.port == Some(port)).unwrap().types.keys().cloned().collect();
    let (client, server): (Vec<String>, Vec<String>) = (types(8000), types(9000));
    assert_eq!(client, ["Read Holding Registers Request", "Write Single Register Request"]);
    assert_eq!(server, ["Read Holding Registers Response", "Write Single Register Response"]);
}

#[test]
fn every_prefix_of_a_pdu_waits_for_more() {
    let bytes = hex("0007 0000 0006 01 03 006B 0003");
    let decoder = ModbusTcpDecoder::new();
    for length in 0..bytes.len() {
        let captured = segment(40_000, 502, &bytes[..length]);
        let got = decoder.decode_packet(&captured.packet(), &mut DecodingResult::default());
        let needed = if length < 8 { 8 } else { bytes.len() };
        let want = DecodeError::Incomplete { protocol: "ModbusTCP", field: "ADU", offset: 0, needed, present: length };
        assert_eq!(got, Err(want));
    }
}

#[test]
fn a_pdu_that_only_the_capture_cut_is_marked_cut() {
    let captured = segment(502, 40_000, &hex("0007 0000 000B 01 03 08 0001"));
    let mut cut = captured.packet();
    cut.missing = 6;
    let mut result = DecodingResult::default();
    assert_eq!(ModbusTcpDecoder::new().decode_packet(&cut, &mut result), Ok(11));
    assert_eq!(result.state, PduState::Cut);
}

#[test]
fn takes_one_of_several_pipelined_pdus() {
    let captured = segment(40_000, 502, &hex("0001 0000 0002 01 07 0002 0000 0002 01 0B"));
    let mut result = DecodingResult::new(true);
    assert_eq!(ModbusTcpDecoder::new().decode_packet(&captured.packet(), &mut result), Ok(8));
    assert_eq!(result.fields()[0], ("transaction", Value::Unsigned(1)));
}

#[test]
fn refuses_what_breaks_the_header() {
    let decoder = ModbusTcpDecoder::new();
    for (text, why) in [
        ("0001 0001 0006 01 03 0000 0001", "protocol identifier 1"),
        ("0001 0000 0001 01 03 0000 0001", "length 1"),
        ("0001 0000 00FF 01 03 0000 0001", "length 255"),
        ("0300 0016 11E0 0000 0000 00C1", "TPKT"),
        ("0000 0000 0000 0000 0000 0000", "zeros"),
        ("4745 5420 2F20 4854 5450 2F31", "HTTP"),
    ] {
        let captured = segment(40_000, 502, &hex(text));
        let got = decoder.decode_packet(&captured.packet(), &mut DecodingResult::default());
        assert!(matches!(got, Err(DecodeError::Refused { .. })), "{why}: {got:?}");
        assert!(decoder.can_decode(&captured.packet()).value() < 0.1, "{why}");
    }
}

#[test]
fn finds_the_next_pdu_behind_a_gap() {
    let mut bytes = hex("006B 0003 00 02 00");
    let rest = hex("0007 0000 0006 01 03 006B 0003 0008 0000 0006 01 03 006B 0003");
    bytes.extend_from_slice(&rest);
    let captured = segment(40_000, 502, &bytes);
    assert_eq!(ModbusTcpDecoder::new().resynchronise(&captured.packet()), Some(7));
    let nothing = segment(40_000, 502, &[0x55; 300]);
    assert_eq!(ModbusTcpDecoder::new().resynchronise(&nothing.packet()), None);
}

#[test]
fn off_port_one_pdu_is_weaker_than_on_502() {
    let (decoder, bytes) = (ModbusTcpDecoder::new(), hex("0001 0000 0006 01 03 006B 0003"));
    let sure = |port| decoder.can_decode(&segment(40_000, port, &bytes).packet()).value();
    assert!(sure(502) > 0.9 && (0.5..0.6).contains(&sure(10_502)));
}

#[test]
fn rtu_needs_its_crc() {
    let decoder = ModbusRtuDecoder::new();
    let mut bytes = hex("01 03 0000 000A C5CD 01 03 0000 000A C5CD");
    let captured = segment(40_000, 5020, &bytes);
    assert!(decoder.can_decode(&captured.packet()).value() > 0.9);
    assert_eq!(decoder.decode_packet(&packet(&captured, &bytes), &mut DecodingResult::default()), Ok(8));
    bytes[5] ^= 1;
    let broken = segment(40_000, 5020, &bytes);
    assert_eq!(decoder.can_decode(&broken.packet()).value(), 0.0);
}

#[test]
fn types_have_unique_names() {
    let decoder = ModbusTcpDecoder::new();
    let mut names: Vec<_> =
        (0..0x300).filter(|n| n & 0x80 == 0).map(|n| decoder.packet_type(crate::PacketType(n))).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(decoder.info().packet_types.iter().all(|n| names.iter().any(|have| have == n)));
    assert!(decoder.flow_decoder(&FlowKey::default()).is_some());
}

/// A request and, where there is a time for it, its response; milliseconds.
fn exchange(session: &mut super::harness::Session<'_>, transaction: u16, asked: i64, answered: Option<i64>) {
    let at = |ms: i64| Some(streamlens_model::Timestamp::from_nanos(ms * 1_000_000));
    let mut request = transaction.to_be_bytes().to_vec();
    request.extend(hex("0000 0006 01 03 006B 0001"));
    let frame = 2 * u64::from(transaction);
    session.segment(&Captured { frame, time: at(asked), ..segment(40_000, 502, &request) });
    if let Some(answered) = answered {
        let mut response = transaction.to_be_bytes().to_vec();
        response.extend(hex("0000 0005 01 03 02 0007"));
        session.segment(&Captured { frame: frame + 1, time: at(answered), ..segment(502, 40_000, &response) });
    }
}

fn findings(session: &super::harness::Session<'_>) -> Vec<(&'static str, u64)> {
    let mut found = Vec::new();
    for outcome in session.outcome() {
        found.extend(outcome.report.findings.iter().flat_map(|l| l.iter().map(|(code, _, f)| (code, f.count))));
    }
    found.sort_unstable();
    found
}

#[test]
fn requests_at_the_end_are_open_and_older_ones_unanswered() {
    let decoder = ModbusTcpDecoder::new();
    let mut session = super::harness::Session::new(&decoder, false);
    exchange(&mut session, 1, 0, Some(5));
    exchange(&mut session, 2, 100, None);
    exchange(&mut session, 3, 200, Some(205));
    assert_eq!(findings(&session), [], "it may just be slow");
    exchange(&mut session, 4, 11_000, Some(11_005));
    assert_eq!(findings(&session), [("modbus.unanswered", 1)]);
}

#[test]
fn slow_answers_repeated_requests_and_unsolicited_responses_are_found() {
    let decoder = ModbusTcpDecoder::new();
    let mut session = super::harness::Session::new(&decoder, false);
    exchange(&mut session, 1, 0, Some(1500));
    exchange(&mut session, 2, 2000, None);
    exchange(&mut session, 2, 3000, Some(3001));
    let stray = hex("0099 0000 0005 01 03 02 0007");
    let time = Some(streamlens_model::Timestamp::from_nanos(4_000_000_000));
    session.segment(&Captured { frame: 50, time, ..segment(502, 40_000, &stray) });
    assert_eq!(findings(&session), [("modbus.repeated-request", 1), ("modbus.slow", 2), ("modbus.unsolicited", 1)]);
}

#[test]
fn a_response_to_a_request_before_the_capture_is_no_fault() {
    let decoder = ModbusTcpDecoder::new();
    let mut session = super::harness::Session::new(&decoder, false);
    session.segment(&Captured { frame: 1, ..segment(502, 40_000, &hex("0001 0000 0005 01 03 02 0007")) });
    exchange(&mut session, 2, 0, Some(5));
    assert_eq!(findings(&session), []);
}

#[test]
fn fields_of_rtu_are_those_of_request_and_exception() {
    let fields = |ports: (u16, u16), text| {
        let captured = segment(ports.0, ports.1, &hex(text));
        let mut result = DecodingResult::new(true);
        ModbusRtuDecoder::new().decode_packet(&captured.packet(), &mut result).unwrap();
        result.fields().to_vec()
    };
    let number = |value: u64| Value::Unsigned(value);
    assert_eq!(
        fields((40_000, 5020), "01 03 0000 000A C5CD"),
        [("unit", number(1)), ("function", number(3)), ("address", number(0)), ("quantity", number(10))]
    );
    let exception = fields((5020, 40_000), "01 83 02 C0F1");
    let name = Value::from("illegal data address");
    assert_eq!(
        exception,
        [("unit", number(1)), ("function", number(3)), ("exception", number(2)), ("exception_name", name)]
    );
}
