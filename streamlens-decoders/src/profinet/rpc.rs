//! The header of connectionless DCE/RPC (The Open Group C706, chapter 12) with PROFINET's interfaces.
//!
//! ```text
//! version 1 | type 1 | flags 2 | data representation 3 | serial high 1 | object 16 | interface 16 | activity 16 |
//! boot time 4 | interface version 4 | sequence 4 | operation 2 | hints 4 | length 2 | fragment 2 | auth 1 | serial low 1
//! ```
//!
//! The data representation rules the byte order of numbers and of the first three groups of UUIDs in this header and
//! of the NDR part behind it; PROFINET's own blocks are big-endian always.

use super::{Uuid, array};

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
        let header = payload.first_chunk::<{ Self::LENGTH }>()?;
        let &[version, packet_type, flags, _, representation, ..] = header;
        if version != Self::VERSION || packet_type > 10 || !matches!(representation >> 4, 0 | 1) {
            return None;
        }
        let little_endian = representation >> 4 == 1;
        if !is_interface(&uuid(header, 24, little_endian)?) {
            return None;
        }
        let short = |at| number::<2>(header, at, little_endian).map(u16::from_be_bytes);
        Some(Self {
            packet_type,
            flags,
            little_endian,
            activity: uuid(header, 40, little_endian)?,
            sequence: u32::from_be_bytes(number(header, 64, little_endian)?),
            operation: short(68)?,
            length: short(74)?,
            fragment: short(76)?,
        })
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

/// Whether a UUID is dea0000N-6c97-11d1-8271-00a02442df7d with N from 1 to 5.
fn is_interface(uuid: &Uuid) -> bool {
    matches!(uuid.0, [0xDE, 0xA0, 0x00, 1..=5, tail @ ..] if tail == TAIL)
}

/// A UUID brought into network order.
fn uuid(bytes: &[u8], at: usize, little_endian: bool) -> Option<Uuid> {
    let mut uuid: [u8; 16] = array(bytes, at)?;
    if little_endian {
        let [a, b, c, d, e, f, g, h, rest @ ..] = uuid;
        let mut swapped = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
        if let Some(end) = swapped.get_mut(8..) {
            end.copy_from_slice(&rest);
        }
        uuid = swapped;
    }
    Some(Uuid(uuid))
}

/// The bytes of a number, most significant first.
pub(super) fn number<const N: usize>(bytes: &[u8], at: usize, little_endian: bool) -> Option<[u8; N]> {
    let mut number: [u8; N] = array(bytes, at)?;
    if little_endian {
        number.reverse();
    }
    Some(number)
}
