//! A mix of steady streams, for what is measured.

use crate::{Host, Made, ethernet, udp};

/// The `n`-th frame of a mix of eight steady streams that take turns, 125 us apart: PTP, IENA, RTP, Chapter 10, PROFINET
/// and EtherCAT.
#[must_use]
pub fn telemetry(n: u32) -> Made {
    Made { time: 1_700_000_000_000_000_000 + i64::from(n) * 125_000, data: bytes(n) }
}

fn bytes(n: u32) -> Vec<u8> {
    let (stream, n) = (n % 8, n / 8);
    let host = Host::new([10, 0, stream as u8, 1]);
    let group = Host::group([239, 0, stream as u8, 1]);
    let [high, low] = (n as u16).to_be_bytes();
    match stream {
        // PTP Sync, Follow_Up and Announce of one clock (IEEE 1588-2008 §13)
        0..=2 => {
            let (kind, length, flags) = [(0_u8, 44_u8, 2_u8), (8, 44, 0), (0xB, 64, 0)][stream as usize];
            let mut body = vec![kind, 2, 0, length, 0, 0, flags, 0];
            body.resize(20, 0);
            body.extend([0, 0x1B, 0x19, 0xFF, 0xFE, 0, 0, 1, 0, 1, high, low]);
            body.extend([[0_u8, 2, 5][stream as usize], if stream == 2 { 1 } else { 0xFD }]);
            body.resize(usize::from(length), 0);
            let port = if kind == 0 { 319 } else { 320 };
            udp((Host::new([10, 0, 0, 1]), port), (Host::group([224, 0, 1, 129]), port), &body)
        }
        3 => {
            let mut packet = vec![1, 1, 0, 48, 0, 1, 2, 3, 4, 5, 0, 0, high, low];
            packet.resize(94, 0);
            packet.extend([0xDE, 0xAD]);
            udp((host, 50_000), (group, 50_001), &packet)
        }
        4 => {
            let mut packet = vec![0x80, 97, high, low];
            packet.extend((n * 48).to_be_bytes());
            packet.extend([0, 0, 0x10, 1]);
            packet.resize(12 + 144, 0);
            udp((host, 5004), (group, 5004), &packet)
        }
        5 => {
            let mut header = vec![0x25, 0xEB, 0x11, 0, 88, 0, 0, 0, 64, 0, 0, 0, 6, low, 0, 9, 1, 0, 0, 0, 0, 0];
            let sum = header.chunks(2).fold(0_u16, |sum, two| sum.wrapping_add(u16::from_le_bytes([two[0], two[1]])));
            header.extend(sum.to_le_bytes());
            header.resize(88, 0);
            let transfer = (1 | (n & 0xFF_FFFF) << 8).to_le_bytes();
            udp((host, 50_003), (group, 50_003), &[&transfer[..], &header].concat())
        }
        6 => {
            let mut body = vec![0x80, 1];
            body.resize(42, 0);
            body.extend([high, low, 0x35, 0]);
            ethernet([2, 0, 0, 0, 2, 1], [2, 0, 0, 0, 1, 1], 0x8892, &body)
        }
        _ => {
            let mut body = vec![44, 0x10, 12, low, 0, 0, 1, 0, 32, 0, 0, 0];
            body.resize(44, 0);
            body.extend([3, 0]);
            ethernet([2, 0, 0, 0, 3, 1], [0xFF; 6], 0x88A4, &body)
        }
    }
}
