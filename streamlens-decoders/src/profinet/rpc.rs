//! The header of connectionless DCE/RPC (The Open Group C706, chapter 12) with PROFINET's interfaces.
//!
//! ```text
//! version 1 | type 1 | flags 2 | data representation 3 | serial high 1 | object 16 | interface 16 | activity 16 |
//! boot time 4 | interface version 4 | sequence 4 | operation 2 | hints 4 | length 2 | fragment 2 | auth 1 | serial low 1
//! ```
//!
//! The data representation rules the byte order of numbers and of the first three groups of UUIDs in this header and
//! of the NDR part behind it; PROFINET's own blocks are big-endian always.

use nom::Parser;

use super::Uuid;
use crate::wire::{Wire, array, fixed, le_u16, le_u32, refuse, u8, u16, u32};

/// The end of the UUID of each PROFINET interface and object.
const TAIL: [u8; 12] = [0x6C, 0x97, 0x11, 0xD1, 0x82, 0x71, 0x00, 0xA0, 0x24, 0x42, 0xDF, 0x7D];

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RpcHeader {
    pub(super) packet_type: u8,
    flags: u8,
    pub(super) little_endian: bool,
    pub(super) activity: Uuid,
    pub(super) sequence: u32,
    pub(super) operation: u16,
    /// Bytes behind the header.
    pub(super) length: u16,
    pub(super) fragment: u16,
}

impl RpcHeader {
    /// Its length in bytes.
    pub(super) const LENGTH: usize = 80;
    /// The first byte: the version of the protocol without connections.
    pub(super) const VERSION: u8 = 4;

    /// Reads it, where version, type, data representation and interface are PROFINET's.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        fixed::<{ Self::LENGTH }, _>(header)(payload).ok().map(|(_, header)| header)
    }

    /// Whether the call is cut into several datagrams.
    pub(super) const fn is_fragment(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Whether it is the last of them.
    pub(super) const fn is_last_fragment(&self) -> bool {
        self.flags & 0x02 != 0
    }
}

pub(super) fn header(input: &[u8]) -> Wire<'_, RpcHeader> {
    let (rest, version) = u8("version")(input)?;
    if version != RpcHeader::VERSION {
        return refuse("version", input, "it is not 4");
    }
    let (behind, packet_type) = u8("type")(rest)?;
    if packet_type > 10 {
        return refuse("type", rest, "it is above 10");
    }
    let (at_format, (flags, _)) = (u8("flags"), u8("second flags")).parse(behind)?;
    let (rest, [representation, ..]) = array::<3>("data representation")(at_format)?;
    let little_endian = match representation >> 4 {
        0 => false,
        1 => true,
        _ => return refuse("data representation", at_format, "neither byte order"),
    };
    let (short, long, id) = (|f| short(f, little_endian), |f| long(f, little_endian), |f| uuid(f, little_endian));
    let (at_interface, _) = (u8("serial number, high"), id("object")).parse(rest)?;
    let (rest, interface) = id("interface")(at_interface)?;
    if !is_interface(&interface) {
        return refuse("interface", at_interface, "it is not PROFINET's");
    }
    let (rest, (activity, _, _, sequence)) =
        (id("activity"), long("server boot time"), long("interface version"), long("sequence number")).parse(rest)?;
    let (rest, (operation, _, _, length, fragment, _, _)) = (
        short("operation"),
        short("interface hint"),
        short("activity hint"),
        short("length of body"),
        short("fragment number"),
        u8("authentication"),
        u8("serial number, low"),
    )
        .parse(rest)?;
    Ok((rest, RpcHeader { packet_type, flags, little_endian, activity, sequence, operation, length, fragment }))
}

/// Whether a UUID is dea0000N-6c97-11d1-8271-00a02442df7d with N from 1 to 5.
fn is_interface(uuid: &Uuid) -> bool {
    matches!(uuid.0, [0xDE, 0xA0, 0x00, 1..=5, tail @ ..] if tail == TAIL)
}

/// A parser of a UUID in the byte order of the data representation, which rules its first three groups.
fn uuid<'a>(field: &'static str, little_endian: bool) -> impl Fn(&'a [u8]) -> Wire<'a, Uuid> + Copy {
    move |input| {
        let (rest, mut uuid) = array::<16>(field)(input)?;
        if little_endian {
            let [a, b, c, d, e, f, g, h, tail @ ..] = uuid;
            let [i, j, k, l, m, n, o, p] = tail;
            uuid = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
        }
        Ok((rest, Uuid(uuid)))
    }
}

/// A parser of 16 bits in the byte order of the data representation.
fn short<'a>(field: &'static str, little_endian: bool) -> impl Fn(&'a [u8]) -> Wire<'a, u16> + Copy {
    move |input| if little_endian { le_u16(field)(input) } else { u16(field)(input) }
}

/// A parser of 32 bits in the byte order of the data representation.
pub(super) fn long<'a>(field: &'static str, little_endian: bool) -> impl Fn(&'a [u8]) -> Wire<'a, u32> + Copy {
    move |input| if little_endian { le_u32(field)(input) } else { u32(field)(input) }
}
