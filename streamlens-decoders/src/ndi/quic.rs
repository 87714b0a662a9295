//! Reliable UDP: packets in the shape of QUIC version 1 (RFC 9000 §17) whose packet number and frames are in the clear.

/// A packet with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongHeader<'a> {
    pub(super) destination: &'a [u8],
    pub(super) number: u32,
    /// Frames, and the padding behind them.
    pub(super) frames: &'a [u8],
    /// What follows in the datagram: another packet (RFC 9000 §12.2), or filling.
    pub(super) rest: &'a [u8],
}

/// A variable-length integer (RFC 9000 §16).
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, _) = bytes.split_first()?;
    let (value, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let number = value.iter().skip(1).fold(u64::from(first & 0x3F), |number, &byte| number << 8 | u64::from(byte));
    Some((number, rest))
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if length > 20 { None } else { rest.split_at_checked(usize::from(length)) }
}

impl<'a> LongHeader<'a> {
    /// Reads an Initial or Handshake packet. Its number, of 4 bytes in the clear, is small, which packet protection
    /// would make a chance of one in 2^24 at least.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (&first, rest) = payload.split_first()?;
        let rest = rest.strip_prefix(&[0, 0, 0, 1])?;
        let (destination, rest) = counted(rest)?;
        let (_, rest) = counted(rest)?;
        let rest = match first {
            // Initial: a token, which NDI leaves out.
            0xC3 => rest.strip_prefix(&[0])?,
            0xE3 => rest,
            _ => return None,
        };
        let (length, rest) = varint(rest)?;
        let (frames, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let (number, frames) = frames.split_first_chunk::<4>()?;
        let number = u32::from_be_bytes(*number);
        // PADDING, PING, ACK and CRYPTO are the frames that such packets may begin with (RFC 9000 §12.4).
        let begins = matches!(frames.first(), Some(0 | 1 | 2 | 3 | 6));
        (number < 256 && begins).then_some(Self { destination, number, frames, rest })
    }
}

/// A packet with a short header: its number where that has 4 bytes, and its frames.
pub(super) fn short_header<'a>(payload: &'a [u8], destination: &[u8]) -> Option<(Option<u32>, &'a [u8])> {
    let (&first, rest) = payload.split_first()?;
    if first & 0xC0 != 0x40 {
        return None;
    }
    let rest = rest.strip_prefix(destination)?;
    let (number, frames) = rest.split_at_checked(usize::from(first & 3) + 1)?;
    let number = number.first_chunk::<4>().map(|number| u32::from_be_bytes(*number));
    (!frames.is_empty()).then_some((number, frames))
}

/// Data of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamData<'a> {
    pub(super) id: u64,
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
}

/// Hands on the STREAM frames among `frames` (RFC 9000 §19). Ends at a frame that is not known or does not fit.
pub(super) fn for_each_stream(frames: &[u8], mut found: impl FnMut(StreamData<'_>)) -> Option<()> {
    let mut rest = frames;
    while let Some((&kind, after)) = rest.split_first() {
        rest = match kind {
            0x00 | 0x01 | 0x1E => after,
            0x02 | 0x03 => {
                let (_, after) = varint(after)?;
                let (_, after) = varint(after)?;
                let (ranges, after) = varint(after)?;
                let (_, mut after) = varint(after)?;
                // Each range takes two bytes at least, so the loop ends with the datagram.
                for _ in 0..ranges.saturating_mul(2).saturating_add(if kind == 3 { 3 } else { 0 }) {
                    (_, after) = varint(after)?;
                }
                after
            }
            0x06 => {
                let (_, after) = varint(after)?;
                let (length, after) = varint(after)?;
                after.get(usize::try_from(length).ok()?..)?
            }
            0x08..=0x0F => {
                let (id, after) = varint(after)?;
                let (offset, after) = if kind & 4 != 0 { varint(after)? } else { (0, after) };
                let (data, after) = if kind & 2 != 0 {
                    let (length, after) = varint(after)?;
                    after.split_at_checked(usize::try_from(length).ok()?)?
                } else {
                    (after, &after[after.len()..])
                };
                found(StreamData { id, offset, data });
                after
            }
            0x05 | 0x11 | 0x15 => varint(varint(after)?.1)?.1,
            0x10 | 0x12 | 0x13 | 0x14 | 0x16 | 0x17 | 0x19 => varint(after)?.1,
            0x18 => {
                let (_, after) = varint(after)?;
                let (_, after) = varint(after)?;
                let (_, after) = counted(after)?;
                after.get(16..)?
            }
            0x1A | 0x1B => after.get(8..)?,
            _ => return None,
        };
    }
    Some(())
}
