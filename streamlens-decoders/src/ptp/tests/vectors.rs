//! Messages and what they say, field by field; what is refused, and why.

use proptest::prelude::*;
use streamlens_model::Value;

use super::{Builder, MASTER, SLAVE, decode, field, on_ethernet, on_udp};
use crate::ptp::{PortIdentity, PtpDecoder, PtpTime, TimeInterval};
use crate::testing::udp;
use crate::{DecodeError, PduState, StreamDecoder};

/// A two-step Sync of domain 5 at 1.5 s, with a correction of 2 ns.
fn sync() -> Builder {
    let mut sync = Builder::new(0x0, MASTER, 77).flags(0x0200).correction(2).time(1_500_000_000);
    sync.domain = 5;
    sync
}

fn announce() -> Builder {
    let body = [0, 37, 0, 128, 6, 0x21, 0x4E, 0x5D, 127];
    Builder::new(0xB, MASTER, 9).flags(0x003C).time(0).octets(&body).octets(&MASTER.to_be_bytes()).octets(&[0, 1, 0x20])
}

#[test]
fn reads_the_header_of_a_sync() {
    let (used, result) = decode(&on_udp(&sync().bytes(), 319), true).unwrap();
    assert_eq!((used, result.packet_type.0, result.state), (44, 0, PduState::Whole));
    let mark = result.marks()[0];
    assert_eq!(PtpDecoder.stream_name(mark.id), "domain 5 001b19fffe000001-1 Sync");
    assert_eq!(mark.sequence.map(|s| (s.number, s.bits)), Some((77, 16)));
    assert_eq!(mark.clock, None, "the time of a two-step Sync follows later");
    assert_eq!(field(&result, "correction_ns"), Some(Value::Float(2.0)));
    assert_eq!(field(&result, "origin_timestamp"), Some(Value::text("1.500000000")));
    assert_eq!(field(&result, "flags"), Some(Value::list(["twoStep"])));
}

#[test]
fn one_step_sync_and_follow_up_show_the_masters_clock() {
    for builder in [Builder::new(0x0, MASTER, 1), Builder::new(0x8, MASTER, 1)] {
        let (_, result) = decode(&on_udp(&builder.time(1_500_000_000).bytes(), 320), false).unwrap();
        assert_eq!(result.marks()[0].clock.map(|c| (c.ticks, c.rate_hz)), Some((1_500_000_000, 1_000_000_000)));
    }
}

#[test]
fn answers_have_no_sequence_of_their_own() {
    for kind in [0x3, 0x9, 0xA] {
        let (_, result) =
            decode(&on_udp(&Builder::new(kind, MASTER, 5).time(7).port(SLAVE).bytes(), 320), false).unwrap();
        assert_eq!(result.marks()[0].sequence, None, "type {kind:#x}");
    }
}

#[test]
fn names_clock_class_accuracy_and_time_source() {
    let (_, result) = decode(&on_udp(&announce().bytes(), 320), true).unwrap();
    let text = |name| field(&result, name);
    assert_eq!(text("grandmaster_clock_class_name"), Some("locked to a primary reference".into()));
    assert_eq!(text("grandmaster_clock_accuracy_name"), Some("within 100 ns".into()));
    assert_eq!(text("time_source_name"), Some("GNSS".into()));
    assert_eq!(text("current_utc_offset"), Some(Value::Signed(37)));
    let flags = ["currentUtcOffsetValid", "ptpTimescale", "timeTraceable", "frequencyTraceable"];
    assert_eq!(text("flags"), Some(Value::list(flags)));
}

/// The TLVs of a message, as maps.
fn tlvs(message: &Builder) -> Vec<Value> {
    let (_, result) = decode(&on_udp(&message.bytes(), 320), true).unwrap();
    let Some(Value::List(list)) = field(&result, "tlvs") else { panic!("no TLVs") };
    list
}

fn entry(tlv: &Value, name: &str) -> Option<Value> {
    let Value::Map(map) = tlv else { panic!("a TLV is a map") };
    map.get(name).cloned()
}

#[test]
fn reads_unicast_negotiation() {
    let signaling = Builder::new(0xC, SLAVE, 1)
        .port(u64::MAX)
        .octets(&[0, 4, 0, 6, 0xB0, 1, 0, 0, 1, 0x2C])
        .octets(&[0, 5, 0, 8, 0x00, 0xFD, 0, 0, 0, 60, 0, 1])
        .octets(&[0, 6, 0, 2, 0x90, 0]);
    let list = tlvs(&signaling);
    assert_eq!(entry(&list[0], "tlv_name"), Some("REQUEST_UNICAST_TRANSMISSION".into()));
    assert_eq!(entry(&list[0], "message_type"), Some("Announce".into()));
    assert_eq!(entry(&list[0], "duration_s"), Some(Value::Unsigned(300)));
    assert_eq!(entry(&list[1], "log_inter_message_period"), Some(Value::Signed(-3)));
    assert_eq!(entry(&list[1], "renewal_invited"), Some(Value::Bool(true)));
    assert_eq!(entry(&list[2], "message_type"), Some("Delay_Resp".into()));
}

#[test]
fn reads_management_data_of_a_response_and_never_of_a_get() {
    let mut tlv = vec![0, 1, 0, 20, 0x20, 0x01, 0, 1];
    tlv.extend((-1_500_i64 << 16).to_be_bytes());
    tlv.extend((800_i64 << 16).to_be_bytes());
    let message = |action| Builder::new(0xD, SLAVE, 1).port(u64::MAX).octets(&[1, 1, action, 0]).octets(&tlv);
    let list = tlvs(&message(2));
    assert_eq!(entry(&list[0], "management_name"), Some("CURRENT_DATA_SET".into()));
    assert_eq!(entry(&list[0], "offset_from_master_ns"), Some(Value::Float(-1500.0)));
    assert_eq!(entry(&list[0], "mean_path_delay_ns"), Some(Value::Float(800.0)));
    assert_eq!(entry(&tlvs(&message(0))[0], "offset_from_master_ns"), None);
}

#[test]
fn reads_the_information_of_a_gptp_follow_up() {
    let mut follow_up = Builder::new(0x8, MASTER, 1).time(5);
    follow_up.sdo = 1;
    let mut tlv = vec![0, 3, 0, 28, 0x00, 0x80, 0xC2, 0, 0, 1];
    tlv.extend(2_199_023_i32.to_be_bytes());
    tlv.extend([0; 18]);
    let list = tlvs(&follow_up.octets(&tlv));
    assert_eq!(entry(&list[0], "organization"), Some("IEEE 802.1".into()));
    let Some(Value::Float(ratio)) = entry(&list[0], "cumulative_rate_ratio") else { panic!("no ratio") };
    assert!((ratio - 1.000_001).abs() < 1e-9, "{ratio}");
}

#[test]
fn shows_tlvs_that_are_cut_or_unknown_as_bytes() {
    let list = tlvs(&announce().octets(&[0x20, 0x10, 0, 2, 0xAB, 0xCD]).octets(&[0, 8, 0, 9, 1]));
    assert_eq!(entry(&list[0], "value"), Some(Value::text("abcd")));
    assert_eq!(entry(&list[1], "unreadable"), Some(Value::text("0008000901")));
}

#[test]
fn takes_padding_with_the_message_and_counts_the_messages_own_length() {
    let mut bytes = sync().bytes();
    bytes.extend([0, 0]);
    let (used, result) = decode(&on_ethernet(&bytes), false).unwrap();
    assert_eq!((used, result.pdu_length), (46, Some(44)));
}

#[test]
fn calls_a_message_cut_where_only_the_snap_length_cut_it() {
    let mut packet = on_udp(&announce().bytes(), 320);
    packet.payload.truncate(50);
    assert!(matches!(decode(&packet, false), Err(DecodeError::Malformed { field: "messageLength", .. })));
    let mut result = crate::DecodingResult::new(true);
    let cut = streamlens_model::Packet { missing: 14, ..packet.packet() };
    assert!(PtpDecoder.can_decode(&cut).value() > 0.9);
    assert_eq!(PtpDecoder.decode_packet(&cut, &mut result), Ok(50));
    assert_eq!((result.state, result.packet_type.0), (PduState::Cut, 0xB));
    assert_eq!(field(&result, "current_utc_offset"), Some(Value::Signed(37)));
    assert_eq!(field(&result, "grandmaster_identity"), None);
}

#[test]
fn every_shorter_message_is_refused_at_its_length() {
    for message in [sync().bytes(), announce().bytes(), Builder::new(0x9, MASTER, 1).time(1).port(SLAVE).bytes()] {
        for length in 0..message.len() {
            let packet = on_udp(&message[..length], 319);
            assert_eq!(PtpDecoder.can_decode(&packet.packet()).value(), 0.0, "{length} octets");
            let error = decode(&packet, true).unwrap_err();
            let is_whole_header = length >= 34;
            let is_length = matches!(error, DecodeError::Malformed { field: "messageLength", offset: 2, .. });
            assert_eq!(is_length, is_whole_header, "{length} octets: {error}");
        }
    }
}

#[test]
fn length_below_the_types_own_is_refused() {
    let mut bytes = announce().bytes();
    bytes[3] = 63;
    assert!(decode(&on_udp(&bytes, 320), false).is_err());
    assert!(matches!(decode(&udp(&bytes), false), Err(DecodeError::Refused { .. })));
}

#[test]
fn confidence_follows_carrier_and_evidence() {
    let value = |packet: &crate::testing::Captured| PtpDecoder.can_decode(&packet.packet()).value();
    let bytes = sync().bytes();
    assert_eq!(value(&on_ethernet(&bytes)), 0.99);
    assert_eq!(value(&on_udp(&bytes, 319)), 0.99);
    assert_eq!(value(&on_udp(&bytes, 320)), 0.95, "an event message on the general port");
    assert_eq!(value(&udp(&bytes)), 0.85, "another port: an identity from a MAC address, nothing left over");
    let mut other = sync();
    other.clock = 0x0123_4567_89AB_CDEF;
    assert_eq!(value(&udp(&other.bytes())), 0.70);
    other.flags = 0x1000;
    assert_eq!(value(&udp(&other.bytes())), 0.60);
    let mut reserved = sync();
    reserved.kind = 0x4;
    assert_eq!(value(&on_udp(&reserved.bytes(), 319)), 0.5);
    assert_eq!(value(&udp(&reserved.bytes())), 0.0);
    assert_eq!(decode(&on_udp(&reserved.bytes(), 319), false).unwrap().1.packet_type.0, 4);
    assert_eq!(PtpDecoder.packet_type(crate::PacketType(4)), "Reserved 0x4");
    let mut padded = bytes.clone();
    padded.extend([0, 0]);
    assert_eq!(value(&on_udp(&padded, 319)), 0.99, "two octets for the checksum of UDP/IPv6");
    padded.extend([1; 20]);
    assert_eq!(value(&on_udp(&padded, 319)), 0.90);
    let mut strange = sync();
    strange.sdo = 9;
    assert!(value(&udp(&strange.bytes())) < 0.6, "RTP begins with such an octet");
}

/// A server's answer of stratum 2 (RFC 5905): octet 1 looks like a PTP version.
#[test]
fn ntp_is_not_ptp_on_its_ports() {
    for first in [0x1C, 0x24, 0xE3, 0x23, 0xDB] {
        for (poll, precision) in [(6, 0xE9), (10, 0xEC), (0, 0xFA), (3, 0x00)] {
            let mut ntp = vec![first, 2, poll, precision];
            ntp.extend([0x11; 44]);
            for port in [319, 320, 123] {
                assert_eq!(PtpDecoder.can_decode(&on_udp(&ntp, port).packet()).value(), 0.0);
            }
        }
    }
}

fn v1(control: u8, class: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[1] = 1;
    bytes[3] = 1;
    bytes[4..9].copy_from_slice(b"_DFLT");
    (bytes[20], bytes[21], bytes[32]) = (class, 1, control);
    bytes[22..28].copy_from_slice(&[0, 0x30, 5, 0x1D, 0x1E, 0x27]);
    (bytes[29], bytes[31]) = (1, 42);
    bytes
}

#[test]
fn reads_version_1() {
    let mut bytes = v1(0, 1, 124);
    bytes[43] = 9;
    bytes[68..71].copy_from_slice(b"GPS");
    let (_, result) = decode(&on_udp(&bytes, 319), true).unwrap();
    assert_eq!(PtpDecoder.stream_name(result.marks()[0].id), "_DFLT 0030051d1e27-1 Sync");
    assert_eq!(field(&result, "origin_timestamp"), Some(Value::text("9.000000000")));
    assert_eq!(field(&result, "grandmaster_clock_identifier"), Some(Value::text("GPS")));
    assert_eq!(PtpDecoder.can_decode(&on_udp(&bytes, 319).packet()).value(), 0.97);
    assert_eq!(PtpDecoder.can_decode(&udp(&bytes).packet()).value(), 0.85);
    assert_eq!(PtpDecoder.can_decode(&on_ethernet(&bytes).packet()).value(), 0.0, "version 1 has no Ethernet type");
    assert!(decode(&on_ethernet(&bytes), false).is_err());
    let (_, result) = decode(&on_udp(&v1(4, 2, 60), 320), true).unwrap();
    assert_eq!(field(&result, "management_message"), Some("PTP_MM_NULL".into()));
    assert_eq!(PtpDecoder.can_decode(&on_udp(&v1(2, 1, 52), 320).packet()).value(), 0.0, "a Follow_Up is no event");
}

#[test]
fn codes_are_named_and_unknown_ones_stay_numbers() {
    use crate::ptp::names::{clock_accuracy, clock_class, management_id, message_type, tlv_type};
    assert_eq!((clock_class(248), clock_class(2)), ("default", "reserved"));
    assert_eq!((clock_accuracy(0x17), clock_accuracy(0x32)), ("within 1 ps", "reserved"));
    assert_eq!((management_id(0xC000), management_id(0x9768)), ("TIME_STATUS_NP", "reserved"));
    assert_eq!((tlv_type(0x8005), tlv_type(0x2011)), ("SLAVE_RX_SYNC_COMPUTED_DATA", "experimental"));
    assert_eq!(message_type(0xF), "Reserved 0xf");
}

proptest! {
    #[test]
    fn times_and_identities_read_back(seconds in 0_u64..1 << 48, nanoseconds in any::<u32>(), clock in any::<u64>()) {
        let mut bytes = seconds.to_be_bytes()[2..].to_vec();
        bytes.extend(nanoseconds.to_be_bytes());
        let time = PtpTime::parse(&bytes, 0).unwrap();
        prop_assert_eq!(time, PtpTime { seconds, nanoseconds });
        prop_assert_eq!(time.as_nanos().is_some(), nanoseconds < 1_000_000_000 && seconds <= 9_223_372_035);
        let mut bytes = clock.to_be_bytes().to_vec();
        bytes.extend([0xFF, 0xFF]);
        prop_assert_eq!(PortIdentity::parse(&bytes, 0), Some(PortIdentity { clock, port: 0xFFFF }));
        prop_assert_eq!(PortIdentity::parse(&bytes, 1), None);
    }

    #[test]
    fn intervals_round_to_the_nearest_nanosecond(scaled in -1_i64 << 62..1_i64 << 62) {
        let interval = TimeInterval(scaled);
        prop_assert!((interval.as_nanos_f64() - interval.as_nanos() as f64).abs() <= 0.5);
    }
}

#[test]
fn corrections_too_big_and_parameters_of_version_1_are_shown() {
    let mut bytes = sync().bytes();
    bytes[8..16].copy_from_slice(&i64::MAX.to_be_bytes());
    let (_, result) = decode(&on_udp(&bytes, 319), true).unwrap();
    assert_eq!(field(&result, "correction"), Some(Value::from("too big to be expressed")));
    assert_eq!(field(&result, "correction_ns"), None);

    let mut management = v1(4, 2, 64);
    (management[41], management[55], management[59]) = (1, 7, 4);
    management[60..64].copy_from_slice(&[0xDE, 0xAD, 0, 1]);
    let (_, result) = decode(&on_udp(&management, 320), true).unwrap();
    let number = |name| field(&result, name).and_then(|value| value.as_u64());
    assert_eq!(number("target_communication_technology"), Some(1));
    assert_eq!((number("management_message_key"), number("parameter_length")), (Some(7), Some(4)));
    assert_eq!(field(&result, "parameters"), Some(Value::text("dead0001")));
}
