//! Reliable UDP: packets in the shape of QUIC version 1 (RFC 9000 §17) whose packet number and frames are in the clear.

use nom::Parser;

use crate::wire::{Wire, array, bytes, refuse, u8, u32};

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
pub(super) fn varint<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, u64> + Copy {
    move |input| {
        let (_, first) = u8(field)(input)?;
        let (rest, value) = bytes(field, 1 << (first >> 6))(input)?;
        let number = value.iter().skip(1).fold(u64::from(first & 0x3F), |number, &byte| number << 8 | u64::from(byte));
        Ok((rest, number))
    }
}

/// Bytes behind their number, which takes a variable-length integer.
fn sized<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> + Copy {
    move |input| {
        let (rest, length) = varint(field)(input)?;
        bytes(field, usize::try_from(length).unwrap_or(usize::MAX))(rest)
    }
}

/// A connection ID behind its length, which is at most 20.
fn connection_id<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> + Copy {
    move |input| {
        let (rest, length) = u8(field)(input)?;
        if length > 20 { refuse(field, input, "it is longer than 20") } else { bytes(field, length.into())(rest) }
    }
}

impl<'a> LongHeader<'a> {
    /// Reads an Initial or Handshake packet. Its number, of 4 bytes in the clear, is small, which packet protection
    /// would make a chance of one in 2^24 at least.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (rest, header) = long_header(payload).ok()?;
        // PADDING, PING, ACK and CRYPTO are the frames that such packets may begin with (RFC 9000 §12.4).
        let begins = matches!(header.frames.first(), Some(0 | 1 | 2 | 3 | 6));
        (header.number < 256 && begins).then_some(Self { rest, ..header })
    }
}

fn long_header(input: &[u8]) -> Wire<'_, LongHeader<'_>> {
    let (at_version, first) = u8("header form and packet type")(input)?;
    let (rest, version) = u32("version")(at_version)?;
    if version != 1 {
        return refuse("version", at_version, "it is not 1");
    }
    let (rest, (destination, _)) =
        (connection_id("destination connection ID"), connection_id("source connection ID")).parse(rest)?;
    let rest = match first {
        0xC3 => match u8("token length")(rest)? {
            (rest, 0) => rest,
            _ => return refuse("token length", rest, "NDI sends no token"),
        },
        0xE3 => rest,
        _ => return refuse("header form and packet type", input, "neither Initial nor Handshake"),
    };
    let (rest, packet) = sized("length")(rest)?;
    let (frames, number) = u32("packet number")(packet)?;
    Ok((rest, LongHeader { destination, number, frames, rest: &[] }))
}

/// A packet with a short header: its number where that has 4 bytes, and its frames.
pub(super) fn short_header<'a>(payload: &'a [u8], destination: &[u8]) -> Option<(Option<u32>, &'a [u8])> {
    let (rest, first) = u8("header form")(payload).ok()?;
    if first & 0xC0 != 0x40 {
        return None;
    }
    let rest = rest.strip_prefix(destination)?;
    let (frames, number) = bytes("packet number", usize::from(first & 3) + 1)(rest).ok()?;
    let number = u32("packet number")(number).ok().map(|(_, number)| number);
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
pub(super) fn for_each_stream(frames: &[u8], mut found: impl FnMut(StreamData<'_>)) {
    let mut rest = frames;
    while let Ok((behind, data)) = frame(rest) {
        rest = behind;
        if let Some(data) = data {
            found(data);
        }
    }
}

/// A frame: the data of STREAM, nothing of others.
fn frame(input: &[u8]) -> Wire<'_, Option<StreamData<'_>>> {
    let (after, kind) = u8("frame type")(input)?;
    let (rest, data) = match kind {
        0x00 | 0x01 | 0x1E => (after, None),
        0x02 | 0x03 => (acknowledged(after, kind == 3)?.0, None),
        0x06 => ((varint("offset"), sized("crypto data")).parse(after)?.0, None),
        0x08..=0x0F => {
            let (after, id) = varint("stream ID")(after)?;
            let (after, offset) = if kind & 4 != 0 { varint("offset")(after)? } else { (after, 0) };
            let (rest, data) =
                if kind & 2 != 0 { sized("stream data")(after)? } else { bytes("stream data", after.len())(after)? };
            (rest, Some(StreamData { id, offset, data }))
        }
        0x05 | 0x11 | 0x15 => ((varint("first number"), varint("second number")).parse(after)?.0, None),
        0x10 | 0x12 | 0x13 | 0x14 | 0x16 | 0x17 | 0x19 => (varint("number")(after)?.0, None),
        0x18 => {
            let mut new_id = (
                varint("sequence number"),
                varint("retire prior to"),
                connection_id("connection ID"),
                array::<16>("stateless reset token"),
            );
            (new_id.parse(after)?.0, None)
        }
        0x1A | 0x1B => (array::<8>("path challenge or response")(after)?.0, None),
        _ => return refuse("frame type", input, "it is not known"),
    };
    Ok((rest, data))
}

/// What an ACK frame says behind its type.
fn acknowledged(input: &[u8], has_ecn: bool) -> Wire<'_, ()> {
    let (mut rest, (_, _, ranges, _)) =
        (varint("largest acknowledged"), varint("ACK delay"), varint("ACK range count"), varint("first ACK range"))
            .parse(input)?;
    // Each range takes two bytes at least, so the loop ends with the datagram.
    for _ in 0..ranges.saturating_mul(2).saturating_add(if has_ecn { 3 } else { 0 }) {
        (rest, _) = varint("ACK range or ECN count")(rest)?;
    }
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{done, hex, parser};

    #[test]
    fn integers_are_those_of_the_rfc() {
        // the examples of RFC 9000 appendix A.1
        for (text, number) in [
            ("c2197c5eff14e88c", 151_288_809_941_952_652),
            ("9d7f3e7d", 494_878_333),
            ("7bbd", 15_293),
            ("25", 37),
            ("4025", 37),
        ] {
            assert_eq!(varint("number")(&hex(text)), Ok((&[][..], number)));
            parser("NDI", &hex(text), |bytes| varint("number")(bytes).map(done));
        }
    }

    #[test]
    fn a_long_header_and_its_frames() {
        let bytes = hex("c3 00000001 02 aabb 01 cc 00 08 00000007 01 000000");
        let read = LongHeader { destination: &[0xAA, 0xBB], number: 7, frames: &[1, 0, 0, 0], rest: &[] };
        assert_eq!(long_header(&bytes), Ok((&[][..], read)));
        assert_eq!(LongHeader::parse(&bytes), Some(read));
        for length in 0..bytes.len() {
            assert_eq!(LongHeader::parse(&bytes[..length]), None, "{length} bytes");
        }
        let stream = hex("0e 04 4100 03 112233");
        let data = StreamData { id: 4, offset: 256, data: &[0x11, 0x22, 0x33] };
        assert_eq!(frame(&stream), Ok((&[][..], Some(data))));
        parser("NDI", &stream, |bytes| frame(bytes).map(done));
        let ack = hex("03 10 01 01 02 03 04 05 06 07");
        assert_eq!(frame(&ack), Ok((&[][..], None)));
        parser("NDI", &ack, |bytes| frame(bytes).map(done));
    }
}
