//! PTCP, the precision transparent clock protocol (IEC 61158-6-10 §4.5): header and TLVs.

use crate::wire::{at, u16};

/// Bytes of `FrameID` and header in front of the TLVs.
pub(super) const HEADER: usize = 22;

/// The sequence identifier: behind 12 octets in every PTCP frame, be they delays or filling.
pub(super) fn sequence(payload: &[u8]) -> Option<u16> {
    at(payload, 14, u16("SequenceID"))
}

/// Whether the TLVs behind the header walk to the end mark or to the end of the frame. Fields are aligned to 4 octets
/// from the end of the `FrameID`.
pub(super) fn is_sound(payload: &[u8]) -> bool {
    let mut start = HEADER;
    loop {
        let Some(head) = at(payload, start, u16("TLVHeader")) else { return payload.len() >= HEADER };
        let (kind, length) = (head >> 9, usize::from(head & 0x1FF));
        if kind == 0 {
            return length == 0;
        }
        if !matches!(kind, 1..=7 | 0x7F) {
            return false;
        }
        let next = start + 2 + length;
        if next > payload.len() {
            return false;
        }
        // Behind the FrameID the header of 20 octets keeps the alignment.
        start = 2 + (next - 2).next_multiple_of(4);
    }
}
