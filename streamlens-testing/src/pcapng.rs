//! A writer of pcapng: one section, one Ethernet interface, nanoseconds.

use crate::Made;

/// The frames as a pcapng file (draft-ietf-opsawg-pcapng): section header, interface description with name and
/// nanosecond resolution, an enhanced packet block per frame, and interface statistics with nothing dropped.
#[must_use]
pub fn pcapng(application: &str, interface: &str, frames: &[Made]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut section = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xFF; 8]);
    option(&mut section, 4, application.as_bytes());
    end_of_options(&mut section);
    block(&mut file, 0x0A0D_0D0A, &section);

    // link type 1, no snap length
    let mut description = vec![1, 0, 0, 0, 0, 0, 0, 0];
    option(&mut description, 2, interface.as_bytes());
    option(&mut description, 9, &[9]);
    end_of_options(&mut description);
    block(&mut file, 1, &description);

    for frame in frames {
        let mut packet = vec![0; 4];
        packet.extend(halves(frame.time));
        let length = (frame.data.len() as u32).to_le_bytes();
        packet.extend([length, length].concat());
        packet.extend(&frame.data);
        pad(&mut packet);
        block(&mut file, 6, &packet);
    }

    let last = frames.iter().map(|frame| frame.time).max().unwrap_or(0);
    let mut statistics = vec![0; 4];
    statistics.extend(halves(last));
    option(&mut statistics, 4, &(frames.len() as u64).to_le_bytes());
    option(&mut statistics, 5, &0_u64.to_le_bytes());
    end_of_options(&mut statistics);
    block(&mut file, 5, &statistics);
    file
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.extend(length);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn end_of_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A time as the two words of a block, the high one first.
fn halves(time: i64) -> [u8; 8] {
    let rotated = (time.cast_unsigned()).rotate_left(32);
    rotated.to_le_bytes()
}
