//! The SAP header (RFC 2974 §3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | V=1 |A|R|T|E|C|   auth len    |         message hash          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! :      originating source: 4 bytes, 16 where A is set           :
//! :      authentication data: auth len words                      :
//! :      payload type, zero-terminated (optional), and payload    :
//! ```

use std::net::IpAddr;

use nom::Parser;

use super::decoder::NAME;
use crate::DecodeError;
use crate::wire::{self, Wire, array, bytes, u8, u16};

/// What an announcement carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SapContent<'a> {
    /// A session description.
    Sdp(&'a [u8]),
    /// Another payload type, by its MIME name.
    Other(&'a [u8]),
    /// Encrypted or compressed.
    Opaque,
}

/// One SAP packet, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SapPacket<'a> {
    /// Whether the session is withdrawn.
    pub is_deletion: bool,
    /// Hash that tells the versions of a source's announcements apart.
    pub hash: u16,
    /// The source of the announcement.
    pub source: IpAddr,
    /// What is announced.
    pub content: SapContent<'a>,
}

impl<'a> SapPacket<'a> {
    /// Whether the first byte has the version, and the reserved flag is not set.
    pub(super) const fn may_begin_with(flags: u8) -> bool {
        flags >> 5 == 1 && flags & 0x08 == 0
    }

    /// Reads a datagram.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where the version is another or the reserved bit is set, [`DecodeError::Incomplete`] where a part
    /// does not fit.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        wire::parse(NAME, datagram, packet).map(|(_, packet)| packet)
    }
}

fn packet(input: &[u8]) -> Wire<'_, SapPacket<'_>> {
    let (rest, flags) = u8("flags")(input)?;
    if !SapPacket::may_begin_with(flags) {
        return wire::refuse("flags", input, "the version is not 1, or the reserved bit is set");
    }
    let (rest, (words, hash)) = (u8("authentication length"), u16("message identifier hash")).parse(rest)?;
    let (rest, source) = if flags & 0x10 == 0 {
        array::<4>("originating source").map(IpAddr::from).parse(rest)?
    } else {
        array::<16>("originating source").map(IpAddr::from).parse(rest)?
    };
    let (payload, _) = bytes("authentication data", usize::from(words) * 4)(rest)?;
    let content = if flags & 0x03 != 0 { SapContent::Opaque } else { content(payload) };
    Ok((&[], SapPacket { is_deletion: flags & 0x04 != 0, hash, source, content }))
}

/// A payload that begins with a version, or in deletions with an origin, has no payload type in front.
fn content(payload: &[u8]) -> SapContent<'_> {
    if payload.starts_with(b"v=0") || payload.starts_with(b"o=") {
        return SapContent::Sdp(payload);
    }
    // The name of a payload type is short; without an end it is none.
    let end = payload.iter().take(128).position(|&byte| byte == 0);
    match end.and_then(|end| payload.split_at_checked(end)) {
        Some((b"application/sdp", rest)) => SapContent::Sdp(rest.get(1..).unwrap_or_default()),
        Some((name, _)) => SapContent::Other(name),
        None => SapContent::Other(b""),
    }
}
