//! What every network has: ARP and DNS.

use super::{MILLISECOND, START};
use crate::{Host, Made, ethernet, udp};

/// A workstation asks for its gateway and looks a name up.
#[must_use]
pub fn everyday() -> Vec<Made> {
    let (station, gateway) = (Host::new([192, 168, 1, 10]), Host::new([192, 168, 1, 1]));
    let arp = |operation: u8, from: Host, to_mac: [u8; 6], to: Host| {
        let target = if operation == 1 { [0; 6] } else { to.mac };
        let body = [&[0, 1, 8, 0, 6, 4, 0, operation][..], &from.mac, &from.ip, &target, &to.ip].concat();
        ethernet(from.mac, to_mac, 0x0806, &body)
    };
    let question = b"\x07example\x03com\x00\x00\x01\x00\x01";
    let query = [&[0x1A, 0x2B, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0][..], question].concat();
    let reply = [&[0x1A, 0x2B, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], question].concat();
    // an address from TEST-NET-1
    let reply = [&reply[..], &[0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0x0E, 0x10, 0, 4, 192, 0, 2, 80]].concat();
    let frames = [
        (100, arp(1, station, [0xFF; 6], gateway)),
        (101, arp(2, gateway, station.mac, station)),
        (102, udp((station, 53_124), (gateway, 53), &query)),
        (118, udp((gateway, 53), (station, 53_124), &reply)),
    ];
    frames.map(|(at, data)| Made { time: START + at * MILLISECOND, data }).to_vec()
}
