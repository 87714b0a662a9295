//! RTP packets that receive offload has joined in one datagram. RTP states no length, so the second header is looked for.

use memchr::memchr_iter;

use crate::Joined;
use crate::joined::is_near;
use crate::wire::u16;

/// Length of the fixed header in bytes, and where its source stands.
const HEADER: usize = 12;
const SSRC_AT: usize = 8;

/// Whether a datagram holds several packets of one stream: parts of one length that begin with the same version, type and
/// source and have numbers near each other. Where that is found by chance, 50 bits were so by chance.
pub(super) fn joined(payload: &[u8]) -> Joined {
    let Some(first) = payload.first_chunk::<HEADER>() else { return Joined::One };
    let source = &first[SSRC_AT..];
    if first[0] >> 6 != 2 {
        return Joined::One;
    }
    // a byte that silence has not everywhere; no source at all can't be told from it
    let Some(rare) = source.iter().rposition(|byte| *byte != 0) else { return Joined::One };
    let number_of = |header: &[u8; HEADER]| u16("sequence number")(&header[2..]).map_or(0, |(_, number)| number);
    let number = number_of(first);
    let ahead = |part: &[u8]| {
        let header = part.first_chunk::<HEADER>()?;
        let is_of_it = header[0] >> 6 == 2 && (header[1] ^ first[1]) & 0x7F == 0 && header[SSRC_AT..] == *source;
        is_of_it.then(|| number_of(header).wrapping_sub(number).cast_signed().into())
    };
    let behind = payload.get(HEADER + SSRC_AT + rare..).unwrap_or_default();
    let mut lengths = memchr_iter(source[rare], behind).map(|at| at + HEADER);
    let is_second = |length: &usize| payload.get(*length..).is_some_and(|part| is_near(1, ahead(part)));
    lengths.find(is_second).map_or(Joined::One, |length| Joined::judge(payload, length, ahead))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(number: u16, ssrc: u32, length: usize) -> Vec<u8> {
        let head = [0x80, 0x61 | (number as u8 & 1) << 7];
        let mut bytes =
            [&head[..], &number.to_be_bytes(), &(u32::from(number) * 48).to_be_bytes(), &ssrc.to_be_bytes()].concat();
        bytes.resize(HEADER + length, number as u8);
        bytes
    }

    proptest! {
        #[test]
        fn parts_are_found(number: u16, ssrc in 1_u32.., length in 1_usize..400, count in 2_u16..9, last in 0_usize..400) {
            let mut joined_packets = Vec::new();
            for ahead in 0..count {
                let length = if ahead + 1 == count { last.min(length) } else { length };
                joined_packets.extend(packet(number.wrapping_add(ahead), ssrc, length));
            }
            prop_assert_eq!(joined(&joined_packets), Joined::Parts(HEADER + length));
            // with one of another length behind, it is not clear what it is
            joined_packets.extend(packet(number, ssrc, length + 20));
            prop_assert_eq!(joined(&joined_packets), Joined::Unclear);
            prop_assert_eq!(joined(&packet(number, ssrc, length)), Joined::One);
        }

        #[test]
        fn any_bytes_are_one_packet(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(joined(&payload), Joined::One);
        }
    }
}
