//! PTP: IEEE 1588-2019 over UDP/IPv4, and IEEE 802.1AS over Ethernet.

use super::{MICROSECOND, MILLISECOND, SECOND, START, TAI_AHEAD};
use crate::{Host, Made, ethernet, udp};

/// The grandmaster of domain 0.
pub const MASTER: Host = Host::new([192, 168, 10, 1]);
/// Its slave, at whose port the capture is made.
pub const SLAVE: Host = Host::new([192, 168, 10, 20]);
/// By how much the slave's clock, which is the capture's, is ahead of the master's, in nanoseconds.
pub const OFFSET: i64 = 340;
/// How long a message takes from one to the other, in nanoseconds.
pub const PATH_DELAY: i64 = 2_100;
/// Sync messages of domain 0: four a second.
pub const SYNCS: u16 = 16;
/// Sync messages of the gPTP domain: eight a second.
pub const GPTP_SYNCS: u16 = 32;

const GROUP: Host = Host::group([224, 0, 1, 129]);
const MASTER_CLOCK: [u8; 8] = [0x02, 0x00, 0xC0, 0xFF, 0xFE, 0xA8, 0x0A, 0x01];
const SLAVE_CLOCK: [u8; 8] = [0x02, 0x00, 0xC0, 0xFF, 0xFE, 0xA8, 0x0A, 0x14];
const BRIDGE: [u8; 6] = [0x02, 0x00, 0x00, 0x80, 0x00, 0x01];
const END_STATION: [u8; 6] = [0x02, 0x00, 0x00, 0x80, 0x00, 0x02];
const GPTP_GROUP: [u8; 6] = [0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E];

/// What differs between the headers of messages.
struct Head {
    /// Transport-specific and message type.
    kind: u8,
    flags: u16,
    clock: [u8; 8],
    sequence: u16,
    log_interval: i8,
}

/// IEEE 1588-2019 §13.3: the common header of 34 bytes, version 2.
fn message(head: &Head, body: &[u8]) -> Vec<u8> {
    let length = 34 + body.len() as u16;
    let control = match head.kind & 0xF {
        0 => 0,
        1 => 1,
        8 => 2,
        9 => 3,
        _ => 5,
    };
    let mut bytes = vec![head.kind, 2];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(head.flags.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(head.clock);
    bytes.extend([0, 1]);
    bytes.extend(head.sequence.to_be_bytes());
    bytes.extend([control, head.log_interval.cast_unsigned()]);
    bytes.extend(body);
    bytes
}

/// §5.3.3: 48 bits of seconds and 32 bits of nanoseconds.
fn timestamp(instant: i64) -> Vec<u8> {
    let seconds = (instant / SECOND).to_be_bytes();
    let nanos = ((instant % SECOND) as u32).to_be_bytes();
    [&seconds[2..], &nanos].concat()
}

/// §13.5: time, UTC offset, priorities, clock class 6 (locked to a primary reference), accuracy 0x21 (100 ns), GNSS.
fn announce(clock: [u8; 8], priority: u8) -> Vec<u8> {
    let mut body = vec![0; 10];
    body.extend(37_u16.to_be_bytes());
    body.extend([0, priority, 6, 0x21, 0x4E, 0x5D, 128]);
    body.extend(clock);
    body.extend([0, 0, 0x20]);
    body
}

/// Domain 0: Sync and Follow_Up four times a second, Announce and a delay measurement once a second.
#[must_use]
pub fn ptp_over_udp() -> Vec<Made> {
    const TWO_STEP: u16 = 0x0200;
    const TAI: u16 = 0x003C; // UTC offset valid, PTP time scale, time and frequency traceable
    let mut frames = Vec::new();
    let event = |from: Host, time: i64, bytes: &[u8]| Made { time, data: udp((from, 319), (GROUP, 319), bytes) };
    let general = |from: Host, time: i64, bytes: &[u8]| Made { time, data: udp((from, 320), (GROUP, 320), bytes) };
    // the capture's clock shows the slave's time: the master's plus the offset
    let seen = |sent: i64| sent - TAI_AHEAD + PATH_DELAY + OFFSET;
    for sequence in 0..SYNCS {
        let sent = START + TAI_AHEAD + 20 * MILLISECOND + i64::from(sequence) * 250 * MILLISECOND;
        let head = |kind, flags| Head { kind, flags, clock: MASTER_CLOCK, sequence, log_interval: -2 };
        frames.push(event(MASTER, seen(sent), &message(&head(0, TWO_STEP), &[0; 10])));
        let follow_up = message(&head(8, 0), &timestamp(sent));
        frames.push(general(MASTER, seen(sent + 180 * MICROSECOND), &follow_up));
    }
    for sequence in 0..4 {
        let second = START + TAI_AHEAD + i64::from(sequence) * SECOND;
        let head = Head { kind: 0xB, flags: TAI, clock: MASTER_CLOCK, sequence, log_interval: 0 };
        frames.push(general(MASTER, seen(second + 5 * MILLISECOND), &message(&head, &announce(MASTER_CLOCK, 128))));

        let asked = START + i64::from(sequence) * SECOND + 600 * MILLISECOND;
        let head = Head { kind: 1, flags: 0, clock: SLAVE_CLOCK, sequence, log_interval: 0x7F };
        frames.push(event(SLAVE, asked, &message(&head, &[0; 10])));
        let received = asked - OFFSET + TAI_AHEAD + PATH_DELAY;
        let head = Head { kind: 9, flags: 0, clock: MASTER_CLOCK, sequence, log_interval: 0 };
        let body = [&timestamp(received)[..], &SLAVE_CLOCK, &[0, 1]].concat();
        frames.push(general(MASTER, seen(received + 90 * MICROSECOND), &message(&head, &body)));
    }
    frames
}

/// gPTP (IEEE 802.1AS): transport-specific 1, peer delay measured by the end station.
#[must_use]
pub fn gptp() -> Vec<Made> {
    const TWO_STEP: u16 = 0x0208;
    let clock = |mac: [u8; 6]| [mac[0], mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]];
    let frame = |from: [u8; 6], time: i64, bytes: &[u8]| Made { time, data: ethernet(from, GPTP_GROUP, 0x88F7, bytes) };
    let seen = |sent: i64| sent - TAI_AHEAD + 480;
    let mut frames = Vec::new();
    for sequence in 0..GPTP_SYNCS {
        let sent = START + TAI_AHEAD + 31 * MILLISECOND + i64::from(sequence) * 125 * MILLISECOND;
        let head = |kind, flags| Head { kind, flags, clock: clock(BRIDGE), sequence, log_interval: -3 };
        frames.push(frame(BRIDGE, seen(sent), &message(&head(0x10, TWO_STEP), &[0; 10])));
        // IEEE 802.1AS §11.4.4.3: the Follow_Up information TLV
        let mut body = timestamp(sent);
        body.extend([0x00, 0x03, 0x00, 0x1C, 0x00, 0x80, 0xC2, 0x00, 0x00, 0x01]);
        body.extend([0; 22]);
        frames.push(frame(BRIDGE, seen(sent + 150 * MICROSECOND), &message(&head(0x18, 0x0008), &body)));
    }
    for sequence in 0..4 {
        let second = START + i64::from(sequence) * SECOND;
        let head = Head { kind: 0x1B, flags: 0x003C, clock: clock(BRIDGE), sequence, log_interval: 0 };
        let mut body = announce(clock(BRIDGE), 246);
        // IEEE 802.1AS §10.6.3.3.8: the path trace TLV
        body.extend([0x00, 0x08, 0x00, 0x08]);
        body.extend(clock(BRIDGE));
        frames.push(frame(BRIDGE, second + 12 * MILLISECOND, &message(&head, &body)));

        let asked = second + 700 * MILLISECOND;
        let head = Head { kind: 0x12, flags: 0x0008, clock: clock(END_STATION), sequence, log_interval: 0 };
        frames.push(frame(END_STATION, asked, &message(&head, &[0; 20])));
        let received = asked + TAI_AHEAD + 480;
        let requester = [&clock(END_STATION)[..], &[0, 1]].concat();
        let head = |kind, flags| Head { kind, flags, clock: clock(BRIDGE), sequence, log_interval: 0x7F };
        let body = [&timestamp(received)[..], &requester].concat();
        frames.push(frame(BRIDGE, seen(received + 40 * MICROSECOND), &message(&head(0x13, TWO_STEP), &body)));
        let body = [&timestamp(received + 40 * MICROSECOND)[..], &requester].concat();
        frames.push(frame(BRIDGE, seen(received + 90 * MICROSECOND), &message(&head(0x1A, 0x0008), &body)));
    }
    frames
}
