//! Headers by the tables of ETG.1000.4.

use crate::ethercat::frame::{self, Datagram, FrameHeader};
use crate::ethercat::mailbox::{self, Complaint};
use crate::testing::{done, hex, parser};

#[test]
fn the_frame_header() {
    assert_eq!(FrameHeader::parse(&hex("2c 10")), Some(FrameHeader { length: 44, kind: 1, reserved: false }));
    assert_eq!(FrameHeader::parse(&hex("ff 4f")), Some(FrameHeader { length: 0x07FF, kind: 4, reserved: true }));
    assert_eq!(FrameHeader::parse(&hex("2c")), None);
}

#[test]
fn the_datagram() {
    let bytes = hex("04 81 0110 3001 0680 0400");
    let header = Datagram {
        command: 4,
        index: 0x81,
        address: 0x0130_1001,
        length_and_flags: 0x8006,
        irq: 4,
        data: &[],
        working_counter: None,
    };
    assert_eq!(frame::header(&bytes), Ok((&[][..], header)));
    parser("EtherCAT", &bytes, |bytes| frame::header(bytes).map(done));
    let whole = hex("04 81 0110 3001 0680 0400 010203040506 0200");
    let read = |bytes| Datagram::parse(bytes).map(|datagram| (datagram.data.len(), datagram.working_counter));
    assert_eq!(
        [9, 10, 15, 16, 17, 18].map(|cut| read(&whole[..cut])),
        [None, Some((0, None)), Some((5, None)), Some((6, None)), Some((6, None)), Some((6, Some(2))),]
    );
}

#[test]
fn the_mailbox_header_and_an_sdo() {
    let header = hex("0a00 0110 00 73");
    assert_eq!(mailbox::header(&header), Ok((&[][..], (10, 0x73))));
    parser("EtherCAT", &header, |bytes| mailbox::header(bytes).map(done));
    let abort = hex("80 1810 02 00000206");
    let complaint = Complaint::SdoAbort { index: 0x1018, subindex: 2, code: 0x0602_0000 };
    assert_eq!(mailbox::sdo(&abort), Ok((&[][..], Some(complaint))));
    parser("EtherCAT", &abort, |bytes| mailbox::sdo(bytes).map(done));
    let message = hex("0a00 0110 00 73 0020 80 1810 02 00000206");
    assert_eq!(mailbox::parse(&message).and_then(|message| message.complaint), Some(complaint));
    for length in 0..message.len() {
        assert_eq!(mailbox::parse(&message[..length]), None, "{length} bytes");
    }
}
