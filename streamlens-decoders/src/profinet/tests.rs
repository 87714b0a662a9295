//! Vectors, damage, and what streams and relations are found to do.

mod corpus;
mod hostile;
mod streams;
mod wire;

use streamlens_model::{Address, FlowKey, MacAddress, Packet, Timestamp, Transport};

use super::*;
pub(super) use crate::testing::hex;
use crate::testing::{Captured, udp};
use crate::{DecodingResult, PduState, StreamDecoder};

pub(super) const CONTROLLER: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 1]);
pub(super) const DEVICE: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 2]);

/// A frame of PROFINET's Ethernet type.
pub(super) fn frame(src: MacAddress, dst: MacAddress, number: u64, nanos: i64, payload: &[u8]) -> Captured {
    let mut flow = FlowKey::default();
    (flow.src.address, flow.dst.address) = (Address::Mac(src), Address::Mac(dst));
    Captured {
        frame: number,
        time: Some(Timestamp::from_nanos(nanos)),
        flow,
        transport: Transport::Ethernet,
        ether_type: Some(ETHER_TYPE),
        wire_length: payload.len() as u32 + 14,
        tcp_sequence: None,
        payload: payload.to_vec(),
    }
}

/// A cyclic frame with 40 octets of data.
pub(super) fn cyclic(frame_id: u16, counter: u16, status: u8, transfer: u8) -> Vec<u8> {
    let mut payload = frame_id.to_be_bytes().to_vec();
    payload.extend([0x80; 40]);
    payload.extend(counter.to_be_bytes());
    payload.extend([status, transfer]);
    payload
}

fn name_of(packet: &Packet<'_>) -> String {
    let mut result = DecodingResult::new(false);
    let decoder = ProfinetDecoder::new();
    assert_eq!(decoder.decode_packet(packet, &mut result), Ok(packet.payload.len()));
    decoder.packet_type(result.packet_type).into_owned()
}

fn name_of_frame(payload: &[u8]) -> String {
    name_of(&frame(DEVICE, CONTROLLER, 1, 0, payload).packet())
}

/// An identify request for all stations, and the answer of a station named `pump`.
pub(super) const IDENTIFY: &str = "fefe 05 00 01000001 0001 0004 ffff 0000";
pub(super) const ANSWER: &str = "feff 05 01 01000001 0000 0024
    0202 0006 0000 70756d70  0102 000e 0001 c0a80002 ffffff00 00000000  0204 0004 0000 0100";

/// The RPC header of a little-endian request to a device's interface, with operation and length to fill in.
pub(super) fn rpc(packet_type: u8, operation: u16, sequence: u32, little_endian: bool, body: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| -> Vec<u8> {
        if little_endian { bytes.iter().rev().copied().collect() } else { bytes.to_vec() }
    };
    let uuid = |first: u32, tail: &str| {
        let tail = hex(tail);
        let mut uuid = number(&first.to_be_bytes());
        uuid.extend(number(&tail[..2]));
        uuid.extend(number(&tail[2..4]));
        uuid.extend(&tail[4..]);
        uuid
    };
    let mut header = vec![4, packet_type, 0x20, 0, if little_endian { 0x10 } else { 0 }, 0, 0, 0];
    header.extend(uuid(0xDEA0_0000, "6c97 11d1 8271 00010313002a"));
    header.extend(uuid(0xDEA0_0001, "6c97 11d1 8271 00a02442df7d"));
    header.extend(uuid(0x0102_0304, "0506 0708 090a 0b0c0d0e0f10"));
    header.extend([0; 4]);
    header.extend(number(&1_u32.to_be_bytes()));
    header.extend(number(&sequence.to_be_bytes()));
    header.extend(number(&operation.to_be_bytes()));
    header.extend([0xFF; 4]);
    header.extend(number(&(body.len() as u16).to_be_bytes()));
    header.extend([0, 0, 0, 0]);
    header.extend(body);
    header
}

#[test]
fn names_frames_by_their_frame_id() {
    let cyclic_name = |id| name_of_frame(&cyclic(id, 0, 0x35, 0));
    assert_eq!(cyclic_name(0x8000), "RT Class 1");
    assert_eq!(cyclic_name(0xC000), "RT Class 1");
    assert_eq!(cyclic_name(0xFBFF), "RT Class 1");
    assert_eq!(cyclic_name(0x0100), "RT Class 3");
    assert_eq!(cyclic_name(0x1000), "Reserved 0x1000");
    assert_eq!(cyclic_name(0xFC02), "Reserved 0xfc02");
    assert_eq!(cyclic_name(0xFE02), "RSI");
    assert_eq!(cyclic_name(0xFF8F), "Fragment");
    assert_eq!(cyclic_name(0xFF90), "Reserved 0xff90");
    assert_eq!(cyclic_name(0x0021), "PTCP Sync with FollowUp");
    assert_eq!(cyclic_name(0xFF43), "PTCP DelayResp");
}

#[test]
fn reads_dcp_with_its_blocks() {
    assert_eq!(name_of_frame(&hex(IDENTIFY)), "DCP Identify Request");
    let answer = hex(ANSWER);
    assert_eq!(name_of_frame(&answer), "DCP Identify Response");
    let pdu = dcp::DcpPdu::read(&answer).unwrap();
    assert!(pdu.is_sound());
    assert_eq!(pdu.xid, 0x0100_0001);
    let facts: Vec<_> = pdu.blocks().filter_map(|block| block.fact()).collect();
    assert_eq!(facts[0], dcp::Fact::NameOfStation(b"pump"));
    assert!(matches!(facts[1], dcp::Fact::Ip(ip, false) if ip.address.octets() == [192, 168, 0, 2]));
    assert_eq!(facts[2], dcp::Fact::Role(1));
}

#[test]
fn walks_a_get_request_that_has_no_lengths_and_a_set_answer_that_has_no_qualifier() {
    let get = hex("fefd 03 00 00000007 0000 0004 0202 0102");
    assert!(dcp::DcpPdu::read(&get).unwrap().is_sound());
    assert_eq!(name_of_frame(&get), "DCP Get Request");
    let answer = hex("fefd 04 01 00000007 0000 0008 0504 0003 0202 06 00");
    let pdu = dcp::DcpPdu::read(&answer).unwrap();
    assert!(pdu.is_sound());
    assert_eq!(pdu.blocks().next().unwrap().fact(), Some(dcp::Fact::Answer(2, 2, 6)));
}

#[test]
fn blocks_that_do_not_fit_their_length_are_flagged_and_still_count() {
    let mut answer = hex(ANSWER);
    answer[15] = 0xFF;
    let captured = frame(DEVICE, CONTROLLER, 1, 0, &answer);
    let mut result = DecodingResult::new(false);
    ProfinetDecoder::new().decode_packet(&captured.packet(), &mut result).unwrap();
    assert_eq!(result.flags()[0].code, "profinet.malformed");
    assert!((ProfinetDecoder::new().can_decode(&captured.packet()).value() - 0.6).abs() < 1e-6);
}

#[test]
fn reads_an_alarm_and_why_a_relation_ended() {
    let plug = hex("fc01 0001 0002 11 11 ffff fffe 001c
        0001 001a 0100 0004 00000000 0003 0001 00000010 00000020 0800 0000 0000");
    assert_eq!(name_of_frame(&plug), "Alarm High");
    let pdu = alarm::RtaPdu::read(&plug).unwrap();
    assert!(pdu.is_sound());
    let expected = alarm::Notification { alarm_type: 4, api: 0, slot: 3, subslot: 1 };
    assert_eq!(pdu.notification(), Some(expected));
    assert_eq!(alarm::alarm_name(4), "Plug");
    let error = hex("fe01 0000 0000 14 01 fffe fffe 0004 cf81fd1f");
    let status = alarm::RtaPdu::read(&error).unwrap().error().unwrap();
    assert_eq!(alarm::abort_reason(status), Some("station name changed by DCP"));
    assert_eq!(status.to_string(), "RTA error, PNIO, code 0xfd 0x1f (0xcf81fd1f)");
}

#[test]
fn walks_the_tlvs_of_ptcp_and_takes_its_sequence() {
    let request = hex("ff40 00000000 00000000 00000000 1025 0000 00000000 0c06 ac64171fa9c6 0000 0000");
    assert!(ptcp::is_sound(&request));
    assert_eq!(ptcp::sequence(&request), Some(0x1025));
    let mut unsound = request.clone();
    unsound[23] = 0xFF;
    assert!(!ptcp::is_sound(&unsound));
}

#[test]
fn reads_rpc_in_either_byte_order_and_on_any_port() {
    for little_endian in [false, true] {
        let call = rpc(0, 3, 77, little_endian, &[0; 24]);
        let captured = udp(&call);
        assert_eq!(name_of(&captured.packet()), "IO CM Write Request");
        assert!(ProfinetDecoder::new().can_decode(&captured.packet()).value() > 0.95);
        let header = rpc::RpcHeader::read(&call).unwrap();
        assert_eq!((header.sequence, header.length), (77, 24));
        assert_eq!(header.activity.to_string(), "01020304-0506-0708-090a-0b0c0d0e0f10");
    }
}

#[test]
fn another_interface_is_refused_even_on_the_port_of_profinet() {
    let mut call = rpc(0, 3, 77, true, &[0; 24]);
    call[27] = 0; // the first octet of the interface, the order being little-endian
    let mut captured = udp(&call);
    captured.flow.dst.port = Some(PORTS[2]);
    let decoder = ProfinetDecoder::new();
    assert!(!decoder.can_decode(&captured.packet()).is_some());
    assert!(decoder.decode_packet(&captured.packet(), &mut DecodingResult::new(false)).is_err());
}

#[test]
fn real_time_over_udp_needs_port_range_and_trailer() {
    let decoder = ProfinetDecoder::new();
    let confidence = |payload: &[u8], port| {
        let mut captured = udp(payload);
        captured.flow.dst.port = Some(port);
        decoder.can_decode(&captured.packet()).value()
    };
    let good = cyclic(0xC001, 64, 0x35, 0);
    assert!((confidence(&good, PORTS[0]) - 0.3).abs() < 1e-6);
    assert!(confidence(&good, 5000) <= 0.0);
    assert!(confidence(&cyclic(0x8001, 64, 0x35, 0), PORTS[0]) <= 0.0);
    assert!(confidence(&cyclic(0xC001, 64, 0x35, 9), PORTS[0]) <= 0.0);
    assert!(confidence(&cyclic(0xC001, 64, 0x7D, 0), PORTS[0]) <= 0.0);
    assert!(confidence(&cyclic(0xC001, 64, 0x00, 0), PORTS[0]) <= 0.0, "zeros prove nothing");
    let mut captured = udp(&good);
    captured.flow.dst.port = Some(PORTS[0]);
    assert_eq!(name_of(&captured.packet()), "RT Class UDP");
}

#[test]
fn every_kind_has_a_name_that_is_listed() {
    let decoder = ProfinetDecoder::new();
    for id in 0..=u16::MAX {
        let name = decoder.packet_type(frame::rt_type(id, false));
        assert!(
            name.starts_with("Reserved 0x")
                || decoder.info().packet_types.iter().any(|known| known == name)
                || name.starts_with("Reserved"),
            "{name}"
        );
    }
    assert_eq!(decoder.packet_type(frame::cm_type(5, 2)), "IO CM Read Implicit Response");
    assert_eq!(decoder.packet_type(frame::cm_type(0, 1)), "IO CM Connect Ping");
    assert_eq!(decoder.packet_type(frame::cm_type(900, 0)), "IO CM Operation 255 Request");
    assert_eq!(decoder.packet_type(frame::dcp_type(9, false)), "DCP Service 9 Request");
}

#[test]
fn a_frame_that_the_snap_length_cut_is_cut() {
    let whole = cyclic(0x8000, 1, 0x35, 0);
    let captured = frame(DEVICE, CONTROLLER, 1, 0, &whole[..20]);
    let packet = Packet { missing: whole.len() - 20, ..captured.packet() };
    let mut result = DecodingResult::new(false);
    let decoder = ProfinetDecoder::new();
    assert_eq!(decoder.decode_packet(&packet, &mut result), Ok(20));
    assert_eq!(result.state, PduState::Cut);
    let mut flow = decoder.flow_decoder(packet.flow).unwrap();
    result.clear();
    assert_eq!(flow.decode_packet(&packet, &mut result), Ok(20));
    assert_eq!(result.state, PduState::Cut);
    assert_eq!(result.marks()[0].sequence, None);
}
