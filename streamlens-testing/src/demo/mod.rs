//! The demo capture: four seconds of a network where a flight test, a studio and a machine share the cables.
//!
//! | part | what it holds | what is wrong with it |
//! |---|---|---|
//! | [`clocks`] | PTP of domain 0 over UDP with one slave, and gPTP over Ethernet | nothing |
//! | [`telemetry`] | IENA with two keys, Chapter 10 over UDP with a setup record in IP fragments, iNetX in VLAN 30 | three IENA packets and one Chapter 10 datagram are missing |
//! | [`media`] | AES67 audio with its announcement, ST 2110-20 video of 128 x 72 | one audio packet is missing |
//! | [`machine`] | Modbus TCP, PROFINET, EtherCAT | one exception; one cycle missing and a station problem; one cycle without an answer |
//! | [`office`] | ARP and DNS | nothing |

use crate::{Made, pcapng};

pub mod clocks;
pub mod machine;
pub mod media;
pub mod office;
pub mod telemetry;

/// When the capture begins: 2026-03-02T09:00:00Z, in nanoseconds since 1970.
pub const START: i64 = 1_772_442_000 * SECOND;
/// How far TAI, the time of PTP, is ahead of UTC at that time.
pub const TAI_AHEAD: i64 = 37 * SECOND;

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MILLISECOND: i64 = 1_000_000;
pub(crate) const MICROSECOND: i64 = 1_000;

/// All frames in order of time.
#[must_use]
pub fn frames() -> Vec<Made> {
    let parts = [
        clocks::ptp_over_udp(),
        clocks::gptp(),
        telemetry::iena(),
        telemetry::chapter10(),
        telemetry::inetx(),
        media::announcements(),
        media::audio(),
        media::video(),
        machine::modbus(),
        machine::profinet(),
        machine::ethercat(),
        office::everyday(),
    ];
    let mut frames = parts.concat();
    frames.sort_by_key(|frame| frame.time);
    frames
}

/// The capture as the bytes of a pcapng file.
#[must_use]
pub fn capture() -> Vec<u8> {
    pcapng("StreamLens demo generator", "demo0", &frames())
}

/// A small deviation from an even schedule, in nanoseconds from 0 to `most`: the same for the same step and salt.
pub(crate) fn wobble(step: i64, salt: i64, most: i64) -> i64 {
    let mut mixed = (step * 64 + salt).cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((mixed >> 33).cast_signed()) % (most + 1)
}
