//! Flight test: IENA, Chapter 10 over UDP, iNetX.

use super::{MILLISECOND, SECOND, START, TAI_AHEAD, wobble};
use crate::{Host, Made, fragments, udp, vlan};

/// The acquisition unit that sends IENA.
pub const ACQUISITION: Host = Host::new([192, 168, 20, 11]);
/// The recorder that sends Chapter 10.
pub const RECORDER: Host = Host::new([192, 168, 20, 12]);
/// The ground station that receives both.
pub const GROUND: Host = Host::new([192, 168, 20, 50]);
/// Packets of the fast key before losses: 50 a second.
pub const FAST_PACKETS: u16 = 200;
/// The fast key.
pub const FAST_KEY: u16 = 0x0A01;
/// The numbers of the fast key that never came.
pub const FAST_LOST: std::ops::Range<u16> = 120..123;
/// The slow key: 20 packets a second, N-type.
pub const SLOW_KEY: u16 = 0x0B02;
/// Packets of the slow key.
pub const SLOW_PACKETS: u16 = 80;
/// Chapter 10 packets of each data channel: ten a second, before losses.
pub const RECORDS: u8 = 40;
/// The PCM packet that never came.
pub const PCM_LOST: u8 = 25;
/// Packets of iNetX: 25 a second.
pub const INETX_PACKETS: u32 = 100;

/// Nanoseconds from 2026-01-01T00:00:00Z to the start of the capture: 60 days and 9 hours.
const OF_YEAR: i64 = (60 * 24 + 9) * 3600 * SECOND;

/// Two keys: positional at 50 packets a second with a gap of three, standard parameters at 20 a second.
#[must_use]
pub fn iena() -> Vec<Made> {
    let frame = |of_capture: i64, delay: i64, bytes: &[u8]| Made {
        time: START + of_capture + delay,
        data: udp((ACQUISITION, 40_001), (GROUND, 5600), bytes),
    };
    let fast = (0..FAST_PACKETS).filter(|number| !FAST_LOST.contains(number)).map(|number| {
        let at = 3 * MILLISECOND + i64::from(number) * 20 * MILLISECOND;
        let body: Vec<u8> = (0..20_u16).flat_map(|word| (number * 7 + word * 331).to_be_bytes()).collect();
        let bytes = iena_packet(FAST_KEY, at, 0x80, number, &body);
        frame(at, 150_000 + wobble(number.into(), 1, 40_000), &bytes)
    });
    let slow = (0..SLOW_PACKETS).map(|number| {
        let at = 11 * MILLISECOND + i64::from(number) * 50 * MILLISECOND;
        // status 0x01: standard parameters without delay, one data word each; five, so that no other variant fits
        let body: Vec<u8> =
            (1..=5_u16).flat_map(|id| [id.to_be_bytes(), (number ^ id << 9).to_be_bytes()].concat()).collect();
        let bytes = iena_packet(SLOW_KEY, at, 0x01, 65_500_u16.wrapping_add(number), &body);
        frame(at, 150_000 + wobble(number.into(), 2, 40_000), &bytes)
    });
    fast.chain(slow).collect()
}

/// An IENA packet: key, size in words, time of the year in microseconds, status, sequence number, body, end marker.
pub(crate) fn iena_packet(key: u16, of_capture: i64, status: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = key.to_be_bytes().to_vec();
    bytes.extend(((body.len() as u16 + 16) / 2).to_be_bytes());
    bytes.extend(&((OF_YEAR + of_capture) / 1000).to_be_bytes()[2..]);
    bytes.extend([status, 0]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(body);
    bytes.extend([0xDE, 0xAD]);
    bytes
}

/// What the setup record says, IRIG 106 chapter 9.
const SETUP: &str = "G\\PN:StreamLens demo flight;\r\nG\\106:22;\r\nG\\DSI\\N:1;\r\nG\\DSI-1:Recorder;\r\nG\\DST-1:STO;\r\n\
R-1\\ID:Recorder;\r\nR-1\\N:4;\r\n\
R-1\\TK1-1:1;\r\nR-1\\DSI-1:Cockpit clock;\r\nR-1\\CDT-1:TIMEIN;\r\nR-1\\TTF-1:1;\r\nR-1\\CHE-1:T;\r\n\
R-1\\TK1-2:2;\r\nR-1\\DSI-2:Wing strain;\r\nR-1\\CDT-2:PCMIN;\r\nR-1\\PDTF-2:1;\r\nR-1\\CHE-2:T;\r\n\
R-1\\TK1-3:3;\r\nR-1\\DSI-3:Avionics bus;\r\nR-1\\CDT-3:1553IN;\r\nR-1\\BTF-3:1;\r\nR-1\\CHE-3:T;\r\n";

/// A Chapter 10 packet (IRIG 106 §11.2.1), little-endian, without data checksum.
fn record(channel: u16, sequence: u8, data_type: u8, counter: u64, data: &[u8]) -> Vec<u8> {
    let length = (24 + data.len()).next_multiple_of(4);
    let mut bytes = vec![0x25, 0xEB];
    bytes.extend(channel.to_le_bytes());
    bytes.extend((length as u32).to_le_bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend([0x08, sequence, 0, data_type]);
    bytes.extend(&counter.to_le_bytes()[..6]);
    let words = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let sum = words.fold(0_u16, u16::wrapping_add);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(data);
    bytes.resize(length, 0);
    bytes
}

/// The relative time counter of 10 MHz at an instant of the capture.
fn counter(of_capture: i64) -> u64 {
    (123_456_789_000 + of_capture / 100).cast_unsigned()
}

/// Setup record in two IP fragments, time once a second, PCM and MIL-STD-1553 ten times a second.
#[must_use]
pub fn chapter10() -> Vec<Made> {
    let (from, to) = ((RECORDER, 6679), (GROUND, 6679));
    let mut packets = Vec::new();

    // FRMT 0 (ASCII), no change, IRIG 106-22
    let mut setup = 0x0000_000E_u32.to_le_bytes().to_vec();
    setup.extend(SETUP.as_bytes());
    for group in 1..=48 {
        // parameters as a real setup record has by the hundred
        setup.extend(format!("P-1\\D{group}\\N:Strain gauge {group:02};\r\n").as_bytes());
    }
    packets.push((2 * MILLISECOND, record(0, 0, 0x01, counter(2 * MILLISECOND), &setup)));

    for second in 0..4_u8 {
        let at = i64::from(second) * SECOND;
        // IRIG-B, external; of the year: hundredths, seconds, minutes, hours, days and hundreds of days in BCD. Day 61
        let mut data = 0x0000_0001_u32.to_le_bytes().to_vec();
        data.extend([0x00, second, 0x00, 0x09, 0x61, 0x00, 0x00, 0x00]);
        packets.push((at + 4 * MILLISECOND, record(1, second, 0x11, counter(at), &data)));
    }
    for number in 0..RECORDS {
        let at = 30 * MILLISECOND + i64::from(number) * 100 * MILLISECOND;
        // throughput mode: the bits as they come
        let mut data = (1_u32 << 20).to_le_bytes().to_vec();
        data.extend((0..160_u16).map(|byte| (byte.wrapping_mul(29) as u8).wrapping_add(number)));
        packets.push((at + MILLISECOND, record(2, number, 0x09, counter(at), &data)));
    }
    for number in 0..RECORDS {
        let at = 70 * MILLISECOND + i64::from(number) * 100 * MILLISECOND;
        let mut data = 3_u32.to_le_bytes().to_vec();
        for message in 0..3_u8 {
            // time, block status, gap times, length, then command word, three data words and status word
            data.extend((counter(at + i64::from(message) * 2 * MILLISECOND)).to_le_bytes());
            data.extend([0, 0x20, 0x0A, 0, 10, 0]);
            data.extend([0x23 + message, 0x08, number, 1, 2, 3, 4, 5, 0x00, 0x08]);
        }
        packets.push((at + 5 * MILLISECOND, record(3, number, 0x19, counter(at), &data)));
    }
    packets.sort_by_key(|(at, _)| *at);

    let mut frames = Vec::new();
    for (number, (at, packet)) in (0_u32..).zip(&packets) {
        if packet[15] == 0x09 && packet[13] == PCM_LOST {
            continue;
        }
        // transfer header format 1, whole packets
        let datagram = [&(number << 8 | 1).to_le_bytes()[..], packet].concat();
        let time = START + at + 120_000 + wobble(number.into(), 3, 30_000);
        if datagram.len() > 1472 {
            let pieces = fragments(from, to, 0x4D41, 1480, &datagram);
            frames.extend((0..).zip(pieces).map(|(place, data)| Made { time: time + place * 12_000, data }));
        } else {
            frames.push(Made { time, data: udp(from, to, &datagram) });
        }
    }
    frames
}

/// One stream in VLAN 30, stamped with PTP time.
#[must_use]
pub fn inetx() -> Vec<Made> {
    let unit = Host::new([192, 168, 30, 7]);
    let group = Host::group([235, 0, 0, 1]);
    let packet = |number: u32| {
        let at = 6 * MILLISECOND + i64::from(number) * 40 * MILLISECOND;
        let stamp = START + TAI_AHEAD + at;
        let mut bytes = vec![0x11, 0, 0, 0];
        bytes.extend(0x0000_00DC_u32.to_be_bytes());
        bytes.extend(number.to_be_bytes());
        bytes.extend((28_u32 + 64).to_be_bytes());
        bytes.extend(((stamp / SECOND) as u32).to_be_bytes());
        bytes.extend(((stamp % SECOND) as u32).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend((0..32_u32).flat_map(|word| ((number * 3 + word * 257) as u16).to_be_bytes()));
        let data = vlan(&udp((unit, 1023), (group, 1023), &bytes), 4, 30);
        Made { time: START + at + 80_000 + wobble(number.into(), 4, 20_000), data }
    };
    (0..INETX_PACKETS).map(packet).collect()
}
