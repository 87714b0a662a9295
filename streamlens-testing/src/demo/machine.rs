//! A machine: Modbus TCP, PROFINET, EtherCAT.

use super::{MICROSECOND, MILLISECOND, START, wobble};
use crate::{Host, Made, Tcp, ethernet, tcp, vlan};

/// The Modbus client.
pub const CLIENT: Host = Host::new([192, 168, 40, 10]);
/// The Modbus server.
pub const SERVER: Host = Host::new([192, 168, 40, 20]);
/// Modbus requests: every 200 ms.
pub const REQUESTS: u16 = 16;
/// The request, counted from 0, that is answered by an exception.
pub const EXCEPTION_AT: u16 = 9;
/// The request that writes.
pub const WRITE_AT: u16 = 12;
/// Cycles of PROFINET each way before losses: every 16 ms.
pub const PROFINET_CYCLES: u16 = 60;
/// The cycle of the device, counted from 0, that never came.
pub const PROFINET_LOST: u16 = 33;
/// The cycles of the device with a station problem.
pub const PROFINET_PROBLEM: std::ops::Range<u16> = 40..45;
/// Cycles of EtherCAT: every 4 ms.
pub const ETHERCAT_CYCLES: u8 = 100;
/// The cycle in which one of three slaves did not answer.
pub const ETHERCAT_MISSED: u8 = 60;

const CONTROLLER: [u8; 6] = [0x02, 0x00, 0x00, 0x40, 0x00, 0x01];
const DEVICE: [u8; 6] = [0x02, 0x00, 0x00, 0x40, 0x00, 0x02];

/// A session: handshake, requests each answered after some 3 ms, and its end.
#[must_use]
pub fn modbus() -> Vec<Made> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const PUSH: u8 = 8;
    const ACK: u8 = 16;
    let mut frames = Vec::new();
    let (mut sent, mut answered) = (1_000_u32, 9_000_u32);
    let ask =
        |time: i64, head: Tcp, bytes: &[u8]| Made { time, data: tcp((CLIENT, 49_200), (SERVER, 502), head, bytes) };
    let answer =
        |time: i64, head: Tcp, bytes: &[u8]| Made { time, data: tcp((SERVER, 502), (CLIENT, 49_200), head, bytes) };
    let head = |sequence: u32, acknowledgement: u32, flags: u8| Tcp { sequence, acknowledgement, flags };

    let start = START + 400 * MILLISECOND;
    frames.push(ask(start, head(sent, 0, SYN), &[]));
    frames.push(answer(start + 200 * MICROSECOND, head(answered, sent + 1, SYN | ACK), &[]));
    (sent, answered) = (sent + 1, answered + 1);
    frames.push(ask(start + 350 * MICROSECOND, head(sent, answered, ACK), &[]));
    for number in 0..REQUESTS {
        let (request, response) = transaction(number);
        let at = start + 2 * MILLISECOND + i64::from(number) * 200 * MILLISECOND;
        frames.push(ask(at, head(sent, answered, PUSH | ACK), &request));
        sent += request.len() as u32;
        let at = at + 3 * MILLISECOND + wobble(number.into(), 7, 800_000);
        frames.push(answer(at, head(answered, sent, PUSH | ACK), &response));
        answered += response.len() as u32;
        frames.push(ask(at + 40 * MILLISECOND, head(sent, answered, ACK), &[]));
    }
    let end = start + i64::from(REQUESTS) * 200 * MILLISECOND;
    frames.push(ask(end, head(sent, answered, FIN | ACK), &[]));
    frames.push(answer(end + 300 * MICROSECOND, head(answered, sent + 1, FIN | ACK), &[]));
    frames.push(ask(end + 400 * MICROSECOND, head(sent + 1, answered + 1, ACK), &[]));
    frames
}

/// Request and response with their MBAP headers, unit 1.
fn transaction(number: u16) -> (Vec<u8>, Vec<u8>) {
    let adu = |pdu: &[u8]| {
        let length = (pdu.len() as u16 + 1).to_be_bytes();
        [&number.to_be_bytes()[..], &[0, 0], &length, &[1], pdu].concat()
    };
    match number {
        EXCEPTION_AT => (adu(&[3, 0x27, 0x0F, 0, 4]), adu(&[0x83, 2])),
        WRITE_AT => (adu(&[16, 0, 200, 0, 2, 4, 0, 17, 0, 34]), adu(&[16, 0, 200, 0, 2])),
        _ => {
            let low = number as u8;
            (adu(&[3, 0, 100, 0, 4]), adu(&[3, 8, 0, low, 0, 20, 1, 44, low, 0]))
        }
    }
}

/// Discovery of one device, then cyclic data both ways with priority tags.
#[must_use]
pub fn profinet() -> Vec<Made> {
    let frame = |from: [u8; 6], to: [u8; 6], priority: u8, time: i64, bytes: &[u8]| Made {
        time,
        data: vlan(&ethernet(from, to, 0x8892, bytes), priority, 0),
    };
    let block = |option: u8, suboption: u8, information: &[u8], data: &[u8]| {
        let length = ((information.len() + data.len()) as u16).to_be_bytes();
        let mut bytes = [&[option, suboption], &length[..], information, data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    let dcp = |frame_id: [u8; 2], kind: u8, delay: u16, blocks: &[u8]| {
        let length = (blocks.len() as u16).to_be_bytes();
        let head = [5, kind, 0x00, 0x5A, 0x4D, 0x01];
        [&frame_id[..], &head, &delay.to_be_bytes(), &length, blocks].concat()
    };
    let mut frames = Vec::new();
    let start = START + 300 * MILLISECOND;
    let everyone = [0x01, 0x0E, 0xCF, 0, 0, 0];
    let request = dcp([0xFE, 0xFE], 0, 1, &block(0xFF, 0xFF, &[], &[]));
    frames.push(frame(CONTROLLER, everyone, 0, start, &request));
    let facts = [
        block(2, 1, &[0, 0], b"Remote I/O 16"),
        block(2, 2, &[0, 0], b"conveyor-io-1"),
        block(2, 3, &[0, 0], &[0x01, 0x2A, 0x03, 0x13]),
        block(2, 4, &[0, 0], &[1, 0]),
        block(1, 2, &[0, 1], &[192, 168, 40, 30, 255, 255, 255, 0, 192, 168, 40, 1]),
    ];
    let response = dcp([0xFE, 0xFF], 1, 0, &facts.concat());
    frames.push(frame(DEVICE, CONTROLLER, 0, start + 4 * MILLISECOND, &response));

    let cyclic = |frame_id: u16, cycle: u16, status: u8| {
        let mut bytes = frame_id.to_be_bytes().to_vec();
        bytes.extend((0..40_u16).map(|place| if place == 39 { 0x80 } else { (cycle + place) as u8 }));
        // units of 31.25 us: 512 of them are 16 ms
        bytes.extend(cycle.wrapping_mul(512).to_be_bytes());
        bytes.extend([status, 0]);
        bytes
    };
    for cycle in 0..PROFINET_CYCLES {
        let at = start + 50 * MILLISECOND + i64::from(cycle) * 16 * MILLISECOND;
        let time = at + wobble(cycle.into(), 8, 20_000);
        frames.push(frame(CONTROLLER, DEVICE, 6, time, &cyclic(0x8001, cycle, 0x35)));
        if cycle != PROFINET_LOST {
            let status = if PROFINET_PROBLEM.contains(&cycle) { 0x15 } else { 0x35 };
            let time = at + 5 * MILLISECOND + wobble(cycle.into(), 9, 20_000);
            frames.push(frame(DEVICE, CONTROLLER, 6, time, &cyclic(0x8002, cycle, status)));
        }
    }
    frames
}

/// A logical read and write of three slaves and their state, out and back.
#[must_use]
pub fn ethercat() -> Vec<Made> {
    // RFC 9542 sets these addresses apart for documents; the first slave sets the locally administered bit
    let master = [0x00, 0x00, 0x5E, 0x00, 0x53, 0x01];
    let returned = [0x02, 0x00, 0x5E, 0x00, 0x53, 0x01];
    let datagram = |command: u8, index: u8, address: [u8; 4], more: bool, data: &[u8], counter: u16| {
        let length = data.len() as u16 | u16::from(more) << 15;
        [&[command, index][..], &address, &length.to_le_bytes(), &[0, 0], data, &counter.to_le_bytes()].concat()
    };
    let frame = |source: [u8; 6], time: i64, datagrams: &[u8]| {
        let head = (datagrams.len() as u16 | 1 << 12).to_le_bytes();
        Made { time, data: ethernet(source, [0xFF; 6], 0x88A4, &[&head[..], datagrams].concat()) }
    };
    let mut frames = Vec::new();
    for cycle in 0..ETHERCAT_CYCLES {
        let out = START + 2_000 * MILLISECOND + i64::from(cycle) * 4 * MILLISECOND + wobble(cycle.into(), 10, 6_000);
        // three slaves that read (+1) and write (+2) make 9; where one is missing, 6
        let counter = if cycle == ETHERCAT_MISSED { 6 } else { 9 };
        let (outputs, inputs) = ([cycle, 0, 1, 0, 2, 0], [cycle, 0x80, 1, 0x80, 2, 0x80]);
        let pair = |position: [u8; 2], process: &[u8], state: &[u8], counters: (u16, u16)| {
            let process = datagram(12, cycle, [0, 0, 1, 0], true, process, counters.0);
            let state = datagram(7, cycle, [position[0], position[1], 0x30, 0x01], false, state, counters.1);
            [process, state].concat()
        };
        frames.push(frame(master, out, &pair([0, 0], &outputs, &[0, 0], (0, 0))));
        let back = out + 21 * MICROSECOND + wobble(cycle.into(), 11, 900);
        frames.push(frame(returned, back, &pair([3, 0], &inputs, &[8, 0], (counter, 3))));
    }
    frames
}
