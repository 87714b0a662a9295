//! How sure a payload is EtherCAT.

use streamlens_model::Packet;

use super::frame::{Datagram, FRAME_HEADER, FrameHeader};
use crate::Confidence;

/// The Ethernet type, and in UDP the port.
pub(super) const ETHER_TYPE: u16 = 0x88A4;

/// How a frame's datagrams fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// They end where the frame ends (or one byte before); their number.
    Whole(usize),
    /// As far as the capture goes, which cut the frame.
    Cut(usize),
    /// They do not.
    Broken,
}

/// Walks the datagrams of a frame of type 1, whose header is off `bytes` already.
pub(super) fn walk(bytes: &[u8], length: usize, missing: usize) -> Walk {
    let whole = bytes.get(..length);
    let mut rest = match whole {
        Some(datagrams) => datagrams,
        None if length <= bytes.len() + missing => bytes,
        None => return Walk::Broken,
    };
    let mut count = 0;
    loop {
        let (Some(datagram), wanted) = (Datagram::parse(rest), whole.is_some()) else {
            return if whole.is_some() || count == 0 { Walk::Broken } else { Walk::Cut(count) };
        };
        if !datagram.is_regular() {
            return Walk::Broken;
        }
        count += 1;
        match (rest.get(datagram.length()..), datagram.has_more()) {
            // TwinCAT rounds an odd sum of lengths up by one byte.
            (Some([] | [_]), false) => return Walk::Whole(count),
            (Some(_), false) => return if wanted { Walk::Broken } else { Walk::Whole(count) },
            (Some(behind), true) => rest = behind,
            (None, _) => return if wanted { Walk::Broken } else { Walk::Cut(count) },
        }
    }
}

pub(super) fn probe(packet: &Packet<'_>) -> Confidence {
    let Some(header) = FrameHeader::parse(packet.payload) else { return Confidence::NONE };
    let on_type = packet.ether_type == Some(ETHER_TYPE);
    let on_wire = packet.wire_payload_length() - FRAME_HEADER;
    if header.length == 0 || header.kind == 0 || header.reserved || header.length > on_wire {
        return if on_type { Confidence::new(0.4, "Ethernet type 0x88A4, malformed") } else { Confidence::NONE };
    }
    judge(packet, header)
}

/// As [`probe`], where the header does not speak against it.
#[inline(never)]
fn judge(packet: &Packet<'_>, header: FrameHeader) -> Confidence {
    let bytes = packet.payload.get(FRAME_HEADER..).unwrap_or_default();
    let on_type = packet.ether_type == Some(ETHER_TYPE);
    let on_port = packet.has_port(ETHER_TYPE);
    let on_wire = bytes.len() + packet.missing;
    // A datagram of UDP is not padded.
    let exact = header.length == on_wire;
    if header.kind != 1 {
        return match (header.kind, on_type, on_port && exact) {
            (4 | 5, true, _) | (4 | 5, _, true) => Confidence::new(0.85, "frame without datagrams, its length fits"),
            (_, true, _) => Confidence::new(0.6, "frame of another type, its length fits"),
            (_, _, true) if packet.src_port() == packet.dst_port() => {
                Confidence::new(0.6, "frame of another type between ports 34980, its length fits")
            }
            _ => Confidence::NONE,
        };
    }
    match walk(bytes, header.length, packet.missing) {
        Walk::Whole(_) | Walk::Cut(_) if on_type => {
            Confidence::new(0.99, "Ethernet type 0x88A4, datagrams fill the frame")
        }
        Walk::Whole(_) | Walk::Cut(_) if on_port => Confidence::new(0.97, "port 34980, datagrams fill the frame"),
        Walk::Whole(1) if exact => Confidence::new(0.6, "one datagram fills the frame"),
        Walk::Whole(_) if exact => Confidence::new(0.75, "several datagrams fill the frame"),
        Walk::Broken if on_type => Confidence::new(0.4, "Ethernet type 0x88A4, datagrams do not fill the frame"),
        _ => Confidence::NONE,
    }
}
