//! Headers and blocks by the tables of IEC 61158-6-10 and, for DCE/RPC, of The Open Group's C706.

use super::hex;
use crate::profinet::alarm::{self, Notification, RtaKind, RtaPdu};
use crate::profinet::cm::{self, ArRequest, Body, CmBlock, Iocr, IocrType};
use crate::profinet::dcp::{self, Block, DcpPdu, Fact, IpParameters};
use crate::profinet::frame::{self, DataStatus, Fragment, Trailer};
use crate::profinet::rpc::{self, RpcHeader};
use crate::profinet::{NAME, PnioStatus, Uuid, ptcp};
use crate::testing::{done, parser};
use streamlens_model::MacAddress;

#[test]
fn the_trailer_of_a_cyclic_frame() {
    let bytes = hex("0200 35 01");
    let trailer = Trailer { counter: 512, status: DataStatus(0x35), transfer: 1 };
    assert_eq!(frame::trailer(&bytes), Ok((&[][..], trailer)));
    assert_eq!(Trailer::read(&hex("8000 0200 35 01 eeee"), 2), Some(trailer));
    assert_eq!(Trailer::read(&hex("8000 0200 35"), 0), None, "it would begin within the FrameID");
    parser(NAME, &bytes, |bytes| frame::trailer(bytes).map(done));
}

#[test]
fn a_fragment() {
    let fragment = Fragment { series: 3, number: 5, more: true };
    assert_eq!(Fragment::read(0xFF83, &hex("ff83 40 85 aabb")), Some(fragment));
    assert_eq!(Fragment::read(0xFF83, &hex("ff83 40")), None);
}

#[test]
fn dcp_header_and_blocks() {
    let bytes = hex("feff 05 01 01020304 0506 0008");
    let header = DcpPdu { frame_id: 0xFEFF, service: 5, service_type: 1, xid: 0x0102_0304, length: 8, data: &[] };
    assert_eq!(dcp::header(&bytes), Ok((&[][..], header)));
    parser(NAME, &bytes, |bytes| dcp::header(bytes).map(done));
    let block = hex("02 03 0006 0001 002a 010d");
    assert_eq!(dcp::block(&block), Ok((&[][..], (2, 3, &block[4..]))));
    parser(NAME, &block, |bytes| dcp::block(bytes).map(done));
    let identity = Block { option: 2, suboption: 3, info: 1, data: &block[6..] };
    assert_eq!(identity.fact(), Some(Fact::Identity(0x002A, 0x010D)));
    let ip = hex("c0a80002 ffffff00 c0a80001");
    let [address, mask, gateway] = [[192, 168, 0, 2], [255, 255, 255, 0], [192, 168, 0, 1]].map(Into::into);
    assert_eq!(dcp::ip_parameters(&ip), Ok((&[][..], IpParameters { address, mask, gateway })));
    parser(NAME, &ip, |bytes| dcp::ip_parameters(bytes).map(done));
}

#[test]
fn the_rta_header_and_an_alarm() {
    let bytes = hex("fc01 0001 0002 11 31 ffff fffe 0010");
    let pdu = RtaPdu { kind: RtaKind::Data, version: 1, length: 16, data: &[] };
    assert_eq!(alarm::header(&bytes), Ok((&[][..], pdu)));
    parser(NAME, &bytes, |bytes| alarm::header(bytes).map(done));
    let notification = hex("0001 001a 0100 0004 01020304 0506 0708");
    let read = Notification { alarm_type: 4, api: 0x0102_0304, slot: 0x0506, subslot: 0x0708 };
    assert_eq!(alarm::notification(&notification), Ok((&[][..], (1, read))));
    parser(NAME, &notification, |bytes| alarm::notification(bytes).map(done));
}

#[test]
fn the_sequence_of_ptcp_lies_behind_twelve_octets() {
    assert_eq!(ptcp::sequence(&hex("ff40 000102030405060708090a0b 1025")), Some(0x1025));
    assert_eq!(ptcp::sequence(&hex("ff40 000102030405060708090a0b 10")), None);
}

/// Of C706 chapter 12: version, type, two octets of flags, data representation, serial number, object, interface, activity, boot
/// time, interface version, sequence number, operation, hints, length, fragment, authentication, serial number.
#[test]
fn the_rpc_header_in_either_byte_order() {
    let little =
        hex("04 02 26 00 100000 00  0000a0de 976c d111 8271 00010313002a  0100a0de 976c d111 8271 00a02442df7d
         04030201 0605 0807 090a 0b0c0d0e0f10  00000000 01000000 0d0c0b0a 0400 ffff ffff 3412 0200 00 00");
    let big = hex("04 02 26 00 000000 00  dea00000 6c97 11d1 8271 00010313002a  dea00001 6c97 11d1 8271 00a02442df7d
         01020304 0506 0708 090a 0b0c0d0e0f10  00000000 00000001 0a0b0c0d 0004 ffff ffff 1234 0002 00 00");
    let read = |bytes: &[u8]| {
        RpcHeader::read(bytes).map(|h| {
            assert!(h.is_fragment() && h.is_last_fragment());
            (h.packet_type, h.little_endian, h.activity, h.sequence, h.operation, h.length, h.fragment)
        })
    };
    let activity = Uuid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!(read(&little), Some((2, true, activity, 0x0A0B_0C0D, 4, 0x1234, 2)));
    assert_eq!(read(&big), Some((2, false, activity, 0x0A0B_0C0D, 4, 0x1234, 2)));
    parser(NAME, &little, |bytes| rpc::header(bytes).map(done));
    parser(NAME, &big, |bytes| rpc::header(bytes).map(done));
}

#[test]
fn the_body_of_an_answer_and_a_block() {
    let body = hex("01 40 81 db 0a000000 0a000000 00000000 0a000000  0110 0006 0100 aabbccdd eeff");
    let read = Body::read(&body, true, true).unwrap();
    assert_eq!(read.status, Some(PnioStatus([0xDB, 0x81, 0x40, 0x01])));
    let block = CmBlock { kind: 0x0110, data: &[0xAA, 0xBB, 0xCC, 0xDD] };
    assert_eq!(read.blocks().collect::<Vec<_>>(), [block]);
    parser(NAME, &body[20..30], |bytes| cm::block(bytes).map(done));
}

#[test]
fn the_ar_block_of_a_connect() {
    let bytes = hex(
        "0001 000102030405060708090a0b0c0d0e0f 0007 020000000001 dea000006c9711d1827100010313002a 00000011 0258 8892 0003
         706c63",
    );
    let uuid = Uuid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let controller = MacAddress([2, 0, 0, 0, 0, 1]);
    assert_eq!(ArRequest::read(&bytes), Some(ArRequest { ar_type: 1, uuid, controller, station: "plc".to_owned() }));
    assert_eq!(cm::ar_answer(&bytes), Some((uuid, controller)));
    assert_eq!(cm::control_uuid(&bytes), Some(uuid));
    parser(NAME, &bytes, |bytes| cm::ar_request(bytes).map(done));
}

#[test]
fn the_iocr_block_of_a_connect() {
    let fixed = hex("0001 0002 8892 00000002 0028 8000 0020 0040 0001 0000 ffffffff 0003 0004");
    let layout = hex("c000 000000000000 0001  00000000 0002 0000 8001 0000 0001 0001 0004 0001 0002 0001 0005");
    let iocr = Iocr {
        kind: IocrType::Input,
        reference: 2,
        rt_class: 2,
        data_length: 40,
        frame_id: 0x8000,
        send_clock_factor: 32,
        reduction_ratio: 64,
        phase: 1,
        watchdog_factor: 3,
        data_hold_factor: 4,
        objects: vec![(0, 0x8001, 0), (1, 1, 4)],
    };
    assert_eq!(Iocr::read(&[&fixed[..], &layout].concat()), Some(iocr));
    parser(NAME, &fixed, |bytes| cm::iocr(bytes).map(done));
    parser(NAME, &layout, |bytes| cm::read_objects(bytes, &mut Vec::new()));
}

#[test]
fn a_module_difference_block() {
    let proper = hex("0001 00000000 0001 0001 00000010 0003 0001 0001 00000020 8000");
    let missing = hex("0001 00000000 0001 0001 00000010 0003 0001 0001 00000020 9000");
    assert_eq!(cm::wrong_modules(&proper), Ok((&[][..], false)));
    assert_eq!(cm::wrong_modules(&missing), Ok((&[][..], true)));
    parser(NAME, &proper, |bytes| cm::wrong_modules(bytes).map(done));
}
