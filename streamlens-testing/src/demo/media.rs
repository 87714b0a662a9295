//! Studio: AES67 audio with its announcement, and ST 2110-20 video.

use super::{MICROSECOND, MILLISECOND, SECOND, START, TAI_AHEAD, wobble};
use crate::{Host, Made, udp};

/// The sender of the audio.
pub const MICROPHONE: Host = Host::new([192, 168, 50, 31]);
/// The group of the audio.
pub const AUDIO_GROUP: Host = Host::group([239, 69, 1, 31]);
/// The sender of the video.
pub const CAMERA: Host = Host::new([192, 168, 50, 41]);
/// The group of the video.
pub const VIDEO_GROUP: Host = Host::group([239, 20, 1, 41]);
/// Audio packets before losses, a millisecond each.
pub const AUDIO_PACKETS: u16 = 220;
/// The audio packet, counted from 0, that never came.
pub const AUDIO_LOST: u16 = 77;
/// Pictures of the video, 25 a second.
pub const PICTURES: u32 = 3;
/// Packets of one picture: 72 lines, three to a packet.
pub const PACKETS_PER_PICTURE: u32 = 24;

const WIDTH: u32 = 128;
const LINES: u32 = 72;
/// Bytes of a line: 10 bits, 4:2:2, five bytes for two pixels.
const LINE_BYTES: u32 = WIDTH / 2 * 5;

/// An RTP header (RFC 3550 §5.1).
pub(crate) fn rtp(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let mut header = vec![0x80, payload_type | u8::from(marker) << 7];
    header.extend(sequence.to_be_bytes());
    header.extend(timestamp.to_be_bytes());
    header.extend(ssrc.to_be_bytes());
    header
}

/// The RTP time of an instant of the capture on a clock that counts from the epoch of PTP.
pub(crate) fn media_time(of_capture: i64, rate: i128) -> u32 {
    let ticks = i128::from(START + TAI_AHEAD + of_capture) * rate / i128::from(SECOND);
    (ticks & 0xFFFF_FFFF) as u32
}

/// SAP (RFC 2974) with an SDP (RFC 8866) for the audio and one for the video, every two seconds.
#[must_use]
pub fn announcements() -> Vec<Made> {
    let audio = "v=0\r\no=- 1311738121 1 IN IP4 192.168.50.31\r\ns=Commentary microphone\r\nt=0 0\r\n\
        m=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.69.1.31/32\r\na=rtpmap:97 L24/48000/2\r\na=ptime:1\r\n\
        a=source-filter: incl IN IP4 239.69.1.31 192.168.50.31\r\n\
        a=ts-refclk:ptp=IEEE1588-2008:02-00-C0-FF-FE-A8-0A-01:0\r\na=mediaclk:direct=0\r\n";
    let video = "v=0\r\no=- 1311738122 1 IN IP4 192.168.50.41\r\ns=Camera 1 proxy\r\nt=0 0\r\n\
        m=video 5000 RTP/AVP 96\r\nc=IN IP4 239.20.1.41/32\r\na=rtpmap:96 raw/90000\r\n\
        a=fmtp:96 sampling=YCbCr-4:2:2; width=128; height=72; exactframerate=25; depth=10; TCS=SDR; \
        colorimetry=BT709; PM=2110GPM; SSN=ST2110-20:2017; TP=2110TPNL\r\n\
        a=source-filter: incl IN IP4 239.20.1.41 192.168.50.41\r\n\
        a=ts-refclk:ptp=IEEE1588-2008:02-00-C0-FF-FE-A8-0A-01:0\r\na=mediaclk:direct=0\r\n";
    [500 * MILLISECOND, 2500 * MILLISECOND]
        .into_iter()
        .flat_map(|at| {
            [announcement(MICROPHONE, 0x5A01, audio, at), announcement(CAMERA, 0x5A02, video, at + 90 * MILLISECOND)]
        })
        .collect()
}

/// An announcement (RFC 2974 §3) of a session.
pub(crate) fn announcement(from: Host, hash: u16, sdp: &str, at: i64) -> Made {
    let mut bytes = vec![0x20, 0];
    bytes.extend(hash.to_be_bytes());
    bytes.extend(from.ip);
    bytes.extend(b"application/sdp\0");
    bytes.extend(sdp.as_bytes());
    let group = Host::group([239, 255, 255, 255]);
    Made { time: START + at, data: udp((from, 9875), (group, 9875), &bytes) }
}

/// Two channels of 24 bits at 48 kHz, 48 samples a packet: a tone of 1 kHz.
#[must_use]
pub fn audio() -> Vec<Made> {
    /// One period of a sine, 48 samples, in thousandths of full scale.
    const TONE: [i32; 13] = [0, 131, 259, 383, 500, 609, 707, 793, 866, 924, 966, 991, 1000];
    let sample = |place: usize| {
        let quarter = |place: usize| TONE[if place <= 12 { place } else { 24 - place }];
        let value = if place < 24 { quarter(place) } else { -quarter(place - 24) };
        (value * 4_000).to_be_bytes()
    };
    let payload: Vec<u8> =
        (0..48).flat_map(|place| [&sample(place)[1..], &sample((place + 12) % 48)[1..]].concat()).collect();
    let packet = |number: u16| {
        let at = SECOND + i64::from(number) * MILLISECOND;
        let header = rtp(97, false, 65_400_u16.wrapping_add(number), media_time(at, 48_000), 0x4C45_4E53);
        let time = START + at + 1_200 * MICROSECOND + wobble(number.into(), 5, 25_000);
        Made { time, data: udp((MICROPHONE, 5004), (AUDIO_GROUP, 5004), &[header, payload.clone()].concat()) }
    };
    (0..AUDIO_PACKETS).filter(|&number| number != AUDIO_LOST).map(packet).collect()
}

/// Uncompressed pictures of 128 x 72, 4:2:2, 10 bits, evenly paced.
#[must_use]
pub fn video() -> Vec<Made> {
    let mut frames = Vec::new();
    for picture in 0..PICTURES {
        let at = 1_400 * MILLISECOND + i64::from(picture) * 40 * MILLISECOND;
        let time_code = media_time(at, 90_000);
        for packet in 0..PACKETS_PER_PICTURE {
            let number = picture * PACKETS_PER_PICTURE + packet;
            let is_last = packet + 1 == PACKETS_PER_PICTURE;
            let mut bytes = rtp(96, is_last, (number & 0xFFFF) as u16, time_code, 0x4341_4D31);
            // RFC 4175 §4.2: extended sequence number, then length, line and offset of three rows
            bytes.extend([0, 0]);
            for row in 0..3 {
                let line = (packet * 3 + row) as u16;
                let more = if row < 2 { 0x8000_u16 } else { 0 };
                bytes.extend([(LINE_BYTES as u16).to_be_bytes(), line.to_be_bytes(), more.to_be_bytes()].concat());
            }
            for row in 0..3 {
                let line = packet * 3 + row;
                // one pair of pixels: Cb, Y, Cr, Y in 10 bits each; a ramp of brightness without colour
                bytes.extend((0..WIDTH / 2).flat_map(|pair| {
                    let luma = 64 + u64::from((pair * 12 + line * 2 + picture * 8) % 876);
                    let bits = 512 << 30 | luma << 20 | 512 << 10 | luma;
                    bits.to_be_bytes()[3..].to_vec()
                }));
            }
            let sent = at + 600 * MICROSECOND + i64::from(packet) * 40 * MILLISECOND * i64::from(LINES) / 75 / 24;
            let time = START + sent + wobble(number.into(), 6, 4_000);
            frames.push(Made { time, data: udp((CAMERA, 5000), (VIDEO_GROUP, 5000), &bytes) });
        }
    }
    frames
}
