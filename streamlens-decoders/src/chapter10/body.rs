//! Walks through the messages in a packet's data: how many there are, and whether they end where the data end.
//!
//! Known only for data types whose messages say their own length; PCM, analog and video need the setup record.

use streamlens_chapter10_wire::PacketHeader;

use crate::wire::{at, le_u16, le_u32};

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Messages that stand there.
    pub(super) messages: u32,
    /// Whether they are as many as stated and end exactly with the data.
    pub(super) sound: bool,
}

/// Walks the data of a packet; `None` for data types that can't be walked, and where even the data word is missing.
#[must_use]
pub(super) fn walk(header: &PacketHeader, data: &[u8]) -> Option<Walk> {
    let (messages, word) = le_u32("channel specific data word")(data).ok()?;
    let low = Some(word & 0xFFFF);
    let bit = |n: u32| usize::from(word >> n & 1 == 1);
    Some(match header.data_type {
        // Recording events: time, perhaps absolute time, event.
        0x02 => fixed(messages, 12 + 8 * bit(31), Some(word & 0x0FFF)),
        // Recording index: perhaps the file size once, then nodes or offsets of nodes.
        0x03 => {
            let entry = if bit(31) == 1 { 20 } else { 16 } + 8 * bit(29);
            fixed(messages.get(8 * bit(30)..)?, entry, low)
        }
        // MIL-STD-1553: time, status, gaps, length in bytes.
        0x19 => counted(messages, 14, Some(word & 0x00FF_FFFF), false, |m| word_at(m, 12)),
        // Discrete: time, states.
        0x29 => fixed(messages, 12, None),
        // Generic messages: time, length in the low half of a double word.
        0x30 => counted(messages, 12, low, true, |m| word_at(m, 8)),
        // ARINC 429: gap and word.
        0x38 => fixed(messages, 8, low),
        // Transport stream packets, perhaps with a time each.
        0x40 => fixed(messages, 188 + 8 * bit(30), None),
        // UART: perhaps a time, then length and sub-channel.
        0x50 => {
            let time = 8 * bit(31);
            counted(messages, time + 4, None, true, |m| word_at(m, time))
        }
        // Ethernet frames: time, length in the low 14 bits of a double word.
        0x68 => counted(messages, 12, low, true, |m| word_at(m, 8).map(|length| length & 0x3FFF)),
        // UDP payloads: the data word says how long a message's header is.
        0x69 => counted(messages, (word >> 16) as usize, low, true, |m| word_at(m, 10)),
        _ => return None,
    })
}

fn word_at(message: &[u8], offset: usize) -> Option<usize> {
    at(message, offset, le_u16("message length")).map(usize::from)
}

fn fixed(messages: &[u8], size: usize, stated: Option<u32>) -> Walk {
    let found = u32::try_from(messages.len() / size.max(1)).unwrap_or(u32::MAX);
    Walk { messages: found, sound: messages.len().is_multiple_of(size.max(1)) && stated.is_none_or(|n| n == found) }
}

/// Messages with a header of `head` bytes that states the length of what follows, padded to even length.
fn counted(
    messages: &[u8],
    head: usize,
    stated: Option<u32>,
    padded: bool,
    length: impl Fn(&[u8]) -> Option<usize>,
) -> Walk {
    let (mut rest, mut found) = (messages, 0_u32);
    while !rest.is_empty() && stated.is_none_or(|n| found < n) {
        let Some(data) = length(rest).filter(|_| head > 0) else { break };
        let whole = head + data;
        let Some(behind) = rest.get(whole..) else { break };
        // The last message's padding may be left to the packet's filler.
        rest = if padded && data % 2 == 1 { behind.get(1..).unwrap_or_default() } else { behind };
        found += 1;
    }
    Walk { messages: found, sound: rest.is_empty() && stated.is_none_or(|n| n == found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(data_type: u8, word: u32, messages: &[u8]) -> Option<(u32, bool)> {
        let mut bytes = [0_u8; 24];
        (bytes[0], bytes[1], bytes[15]) = (0x25, 0xEB, data_type);
        let mut data = word.to_le_bytes().to_vec();
        data.extend(messages);
        walk(&PacketHeader::parse(&bytes)?, &data).map(|walk| (walk.messages, walk.sound))
    }

    #[test]
    fn counts_messages_and_sees_where_the_chain_breaks() {
        let uart = [3, 0, 0, 0, 1, 2, 3, 0, 1, 0, 0, 0, 9, 0];
        assert_eq!(walked(0x50, 0, &uart), Some((2, true)));
        assert_eq!(walked(0x50, 0, &uart[..13]), Some((2, true)), "the last pad byte may be missing");
        assert_eq!(walked(0x50, 0, &uart[..12]), Some((1, false)));
        assert_eq!(walked(0x38, 2, &[0; 16]), Some((2, true)));
        assert_eq!(walked(0x38, 3, &[0; 16]), Some((2, false)));
        assert_eq!(walked(0x69, 1, &[0; 16]), Some((0, false)), "a header of no length must not loop");
        assert_eq!(walked(0x09, 1, &[0; 16]), None, "PCM needs the setup record");
    }
}
