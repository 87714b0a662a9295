//! The capture of faults: three seconds in which things go wrong that the demo has not.
//!
//! | what | what is wrong with it |
//! |---|---|
//! | a microphone on two paths (ST 2022-7), announced with a name | red loses [`RED_LOST`], blue [`BLUE_LOST`], both [`BOTH_LOST`] |
//! | an acquisition unit (IENA) whose clock counts GPS time | it is [`CLOCK_AHEAD`] seconds ahead, those between GPS time and UTC |
//! | PTP, as in the demo | nothing |
//!
//! `examples/captures/faults.toml` says what should be there: the pair without loss, the key, and a second key that never comes.

use std::ops::Range;

use crate::demo::{MICROSECOND, MILLISECOND, SECOND, START, clocks, media, telemetry, wobble};
use crate::{Host, Made, pcapng, udp};

/// The sender of the microphone on the red network.
pub const RED: Host = Host::new([192, 168, 60, 31]);
/// Its group there.
pub const RED_GROUP: Host = Host::group([239, 70, 1, 31]);
/// The sender on the blue network.
pub const BLUE: Host = Host::new([192, 168, 61, 31]);
/// Its group there.
pub const BLUE_GROUP: Host = Host::group([239, 70, 2, 31]);
/// Packets of the microphone before losses, a millisecond each.
pub const PACKETS: u16 = 600;
/// Packets, counted from 0, that never came on red; blue has them.
pub const RED_LOST: Range<u16> = 100..104;
/// Packets that never came on blue; red has them.
pub const BLUE_LOST: Range<u16> = 250..252;
/// Packets that came on neither.
pub const BOTH_LOST: Range<u16> = 400..403;
/// The sender of IENA.
pub const ACQUISITION: Host = Host::new([192, 168, 20, 13]);
/// Its key.
pub const KEY: u16 = 0x0C03;
/// Packets of the key: 50 a second.
pub const KEY_PACKETS: u16 = 150;
/// By how many seconds its clock is ahead.
pub const CLOCK_AHEAD: i64 = 18;

/// All frames in order of time.
#[must_use]
pub fn frames() -> Vec<Made> {
    let end = START + 3 * SECOND;
    let clock = clocks::ptp_over_udp().into_iter().filter(|frame| frame.time < end).collect();
    let mut frames = [microphone(), acquisition(), clock].concat();
    frames.sort_by_key(|frame| frame.time);
    frames
}

/// The capture as the bytes of a pcapng file.
#[must_use]
pub fn capture() -> Vec<u8> {
    pcapng("StreamLens demo generator", "faults0", &frames())
}

/// The microphone on both paths, blue 300 µs behind red, with its announcement.
fn microphone() -> Vec<Made> {
    let sdp = "v=0\r\no=- 1311738131 1 IN IP4 192.168.60.31\r\ns=Referee microphone\r\nt=0 0\r\n\
        a=group:DUP red blue\r\n\
        m=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.70.1.31/32\r\na=mid:red\r\na=rtpmap:97 L24/48000/2\r\na=ptime:1\r\n\
        a=source-filter: incl IN IP4 239.70.1.31 192.168.60.31\r\n\
        a=ts-refclk:ptp=IEEE1588-2008:02-00-C0-FF-FE-A8-0A-01:0\r\na=mediaclk:direct=0\r\n\
        m=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.70.2.31/32\r\na=mid:blue\r\na=rtpmap:97 L24/48000/2\r\na=ptime:1\r\n\
        a=source-filter: incl IN IP4 239.70.2.31 192.168.61.31\r\n\
        a=ts-refclk:ptp=IEEE1588-2008:02-00-C0-FF-FE-A8-0A-01:0\r\na=mediaclk:direct=0\r\n";
    let mut frames = vec![media::announcement(RED, 0x6A01, sdp, 400 * MILLISECOND)];
    let legs = [(RED, RED_GROUP, RED_LOST, 0), (BLUE, BLUE_GROUP, BLUE_LOST, 300 * MICROSECOND)];
    for number in 0..PACKETS {
        let at = SECOND + i64::from(number) * MILLISECOND;
        let mut packet = media::rtp(97, false, 2_000 + number, media::media_time(at, 48_000), 0x5245_4645);
        packet.extend((0..288_u16).map(|place| (place.wrapping_mul(number ^ 0x55) >> 3) as u8));
        for (from, group, lost, behind) in &legs {
            if !lost.contains(&number) && !BOTH_LOST.contains(&number) {
                let time = START + at + 1_200 * MICROSECOND + behind + wobble(number.into(), 7, 20_000);
                frames.push(Made { time, data: udp((*from, 5004), (*group, 5004), &packet) });
            }
        }
    }
    frames
}

/// A key of 50 packets a second from a clock that is ahead.
fn acquisition() -> Vec<Made> {
    let packet = |number: u16| {
        let at = 7 * MILLISECOND + i64::from(number) * 20 * MILLISECOND;
        let body: Vec<u8> = (0..20_u16).flat_map(|word| (number * 5 + word * 257).to_be_bytes()).collect();
        let bytes = telemetry::iena_packet(KEY, at + CLOCK_AHEAD * SECOND, 0x80, number, &body);
        let time = START + at + 150_000 + wobble(number.into(), 8, 40_000);
        Made { time, data: udp((ACQUISITION, 40_001), (telemetry::GROUND, 5600), &bytes) }
    };
    (0..KEY_PACKETS).map(packet).collect()
}
