//! Single frames, byte for byte.

use streamlens_model::{Packet, Value};

use super::harness::{datagram, frame};
use crate::ethercat::EtherCatDecoder;
use crate::ethercat::mailbox::{self, Complaint};
use crate::testing::{Captured, udp};
use crate::{DecodeError, DecodingResult, PacketType, PduState, StreamDecoder};

fn decode(captured: &Captured, at: usize, missing: usize) -> (Result<usize, DecodeError>, DecodingResult) {
    let mut result = DecodingResult::new(true);
    let packet = Packet { payload: &captured.payload[at..], offset: at, missing, ..captured.packet() };
    (EtherCatDecoder::new().decode_packet(&packet, &mut result), result)
}

#[test]
fn takes_one_datagram_after_the_other_and_the_padding_with_the_last() {
    let two = [datagram(12, 7, 0x0100_0000, &[1, 2], true, 3), datagram(4, 8, 0x0130_1001, &[8, 0], false, 1)];
    let captured = frame(1, 0, false, &two);
    let (taken, first) = decode(&captured, 0, 0);
    assert_eq!((taken, first.packet_type, first.pdu_length), (Ok(16), PacketType(12), None));
    assert!(first.fields().contains(&("logical_address", Value::Unsigned(0x0100_0000))));
    let (taken, second) = decode(&captured, 16, 0);
    assert_eq!((taken, second.packet_type, second.pdu_length), (Ok(30), PacketType(4), Some(14)));
    assert!(second.fields().contains(&("register", Value::Unsigned(0x0130))));
}

#[test]
fn names_commands_and_frames_without_datagrams() {
    let decoder = EtherCatDecoder::new();
    let name = |n| decoder.packet_type(PacketType(n)).into_owned();
    assert_eq!([name(0), name(12), name(14), name(255), name(99)], ["NOP", "LRW", "FRMW", "EXT", "Command 99"]);
    let mut payload = vec![0x04, 0x40, 1, 2, 3, 4];
    let captured = Captured { payload: payload.clone(), ..frame(1, 0, false, &[]) };
    let (taken, result) = decode(&captured, 0, 0);
    assert_eq!((taken, name(result.packet_type.0)), (Ok(6), "Frame type 4".to_owned()));
    assert!(decoder.can_decode(&captured.packet()).value() > 0.8);
    payload[1] = 0;
    let zero = Captured { payload, ..captured };
    assert!(decoder.can_decode(&zero.packet()).value() < 0.5, "type 0 is no EtherCAT");
}

#[test]
fn an_odd_sum_of_lengths_may_be_rounded_up() {
    let mut captured = frame(1, 0, false, &[datagram(8, 0x41, 0, &[0], false, 0)]);
    captured.payload[0] = 14;
    assert!(EtherCatDecoder::new().can_decode(&captured.packet()).value() > 0.95);
    captured.payload[0] = 15;
    assert!(EtherCatDecoder::new().can_decode(&captured.packet()).value() < 0.5);
}

#[test]
fn a_datagram_beyond_its_frame_is_malformed() {
    let mut captured = frame(1, 0, false, &[datagram(4, 8, 0x0130_1001, &[8, 0], false, 1)]);
    captured.payload[8] = 200;
    let (taken, _) = decode(&captured, 0, 0);
    assert!(matches!(taken, Err(DecodeError::Malformed { field: "datagram length", .. })), "{taken:?}");
}

#[test]
fn every_truncation_is_refused_unless_the_capture_cut_it() {
    let whole = datagram(12, 7, 0x0100_0000, &[5; 40], false, 3);
    let captured = frame(1, 0, false, std::slice::from_ref(&whole));
    let length = 2 + whole.len();
    for cut in 0..length {
        let short = Captured { payload: captured.payload[..cut].to_vec(), ..captured.clone() };
        assert!(decode(&short, 0, 0).0.is_err(), "{cut} bytes");
        if cut >= 12 {
            let (taken, result) = decode(&short, 0, length - cut);
            assert_eq!((taken, result.state, result.packet_type), (Ok(cut), PduState::Cut, PacketType(12)));
        }
    }
}

#[test]
fn in_udp_the_datagrams_must_fill_the_payload() {
    let inside = datagram(12, 7, 0x0100_0000, &[5; 40], false, 3);
    let mut payload = (inside.len() as u16 | 0x1000).to_le_bytes().to_vec();
    payload.extend(inside);
    let decoder = EtherCatDecoder::new();
    let mut captured = udp(&payload);
    assert_eq!(decoder.can_decode(&captured.packet()).value(), 0.6);
    captured.flow.dst.port = Some(34_980);
    assert_eq!(decoder.can_decode(&captured.packet()).value(), 0.97);
    assert_eq!(decode(&captured, 0, 0).0, Ok(payload.len()));
    captured.payload[6] ^= 8;
    captured.payload[8] ^= 1;
    assert!(matches!(decode(&captured, 0, 0).0, Err(DecodeError::Refused { .. })));
    assert_eq!(decoder.can_decode(&udp(&[0; 64]).packet()).value(), 0.0, "zeros");
}

#[test]
fn reads_mailbox_services_and_their_complaints() {
    let message = |kind: u8, body: &[u8]| {
        let mut bytes = (body.len() as u16).to_le_bytes().to_vec();
        bytes.extend([0, 0, 0, kind]);
        bytes.extend(body);
        bytes.resize(bytes.len().max(32), 0);
        mailbox::parse(&bytes).map(|m| (m.name(), m.complaint))
    };
    let request = [0x00, 0x20, 0x40, 0x18, 0x10, 0x01, 0, 0, 0, 0];
    assert_eq!(message(0x13, &request), Some(("CoE SDO Request", None)));
    let abort = [0x00, 0x30, 0x80, 0x18, 0x10, 0x02, 0x11, 0x00, 0x09, 0x06];
    let complaint = Complaint::SdoAbort { index: 0x1018, subindex: 2, code: 0x0609_0011 };
    assert_eq!(message(0x23, &abort), Some(("CoE SDO Response", Some(complaint))));
    let emergency = [0x00, 0x10, 0x30, 0x81, 0x11, 0, 0, 0, 0, 0];
    assert_eq!(message(3, &emergency), Some(("CoE Emergency", Some(Complaint::Emergency { code: 0x8130 }))));
    assert_eq!(message(4, &[1, 0, 0, 0, 0, 0, b'f']), Some(("FoE Read Request", None)));
    assert_eq!(message(4, &[5, 0, 1, 0x80, 0, 0]), Some(("FoE Error", Some(Complaint::FileError { code: 0x8001 }))));
    assert_eq!(message(2, &[0, 0, 0, 0]), Some(("EoE Fragment", None)));
    assert_eq!(message(5, &[2, 0, 0x24, 0]), Some(("SoE Read Response", None)));
    assert_eq!(message(0, &[1, 0, 2, 0]), Some(("Mailbox Error", Some(Complaint::Refused { detail: 2 }))));
    assert_eq!(message(9, &[1, 0, 2, 0]), None, "reserved");
    assert_eq!(mailbox::parse(&[0; 64]), None, "an empty mailbox");
    assert_eq!(mailbox::parse(&[0xFF; 64]), None, "a length beyond the data");
}

#[test]
fn every_service_has_the_name_of_its_number() {
    let named = |kind: u8, body: &[u8]| {
        let bytes = [&[body.len() as u8, 0, 0, 0, 0, kind], body].concat();
        mailbox::parse(&bytes).map(|message| message.name())
    };
    let eoe = |kind: u8| named(2, &[kind, 0, 0, 0]);
    let coe = |service: u8| named(3, &[0, service << 4]);
    let foe = |operation: u8| named(4, &[operation, 0, 0, 0, 0, 0]);
    let soe = |operation: u8| named(5, &[operation, 0, 0, 0]);
    assert_eq!(
        [0, 3, 5, 6].map(eoe).map(|n| n.unwrap_or("-")),
        ["EoE Fragment", "EoE Set IP Response", "EoE Set Address Filter Response", "-"]
    );
    assert_eq!(
        [0, 1, 4, 8, 9].map(coe).map(|n| n.unwrap_or("-")),
        ["-", "CoE Emergency", "CoE TxPDO", "CoE SDO Information", "-"]
    );
    assert_eq!(
        [0, 1, 5, 6, 7].map(foe).map(|n| n.unwrap_or("-")),
        ["-", "FoE Read Request", "FoE Error", "FoE Busy", "-"]
    );
    assert_eq!([0, 1, 6, 7].map(soe).map(|n| n.unwrap_or("-")), ["-", "SoE Read Request", "SoE Emergency", "-"]);
    assert_eq!(named(15, &[0; 6]), Some("VoE"));
    let mut aoe = [0; 32];
    assert_eq!(named(1, &aoe), Some("AoE Request"));
    aoe[18] = 1;
    assert_eq!(named(1, &aoe), Some("AoE Response"));
}
