//! Which shard of the conversations a frame belongs to.

use std::net::Ipv4Addr;

use streamlens_model::{Address, Frame, FrameBatch, FrameRecord, LinkType, MacAddress};

use crate::dissect::{Dissected, dissect};
use crate::key::conversation_hash;
use crate::outer::{Outer, is_of_mirror};

/// Shares of the conversations: enough for the work to spread evenly, few enough to stay in the caches.
pub(crate) const SHARD_COUNT: usize = 256;

/// The shard of a frame: by its addresses alone, so that all frames of a conversation and all fragments of a datagram
/// come to the same one, in every run.
#[inline]
pub(crate) fn shard_of(frame: &Frame<'_>) -> usize {
    let plain = frame.data.first_chunk().and_then(|head| plain(frame.link_type, head));
    shard_of_hash(plain.unwrap_or_else(|| whole(frame).unwrap_or_default()))
}

#[inline]
fn shard_of_hash(hash: u64) -> usize {
    (hash % SHARD_COUNT as u64) as usize
}

/// The hash of a plain frame of a batch, told by its first bytes alone.
#[inline(always)]
fn plain_of(record: &FrameRecord, bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.get(record.offset as usize..).filter(|_| record.captured_length >= HEAD as u32)?;
    plain(record.link_type, bytes.first_chunk()?)
}

/// The shard of a frame that is not plain: that of the frame inside, where a mirror has put something around it.
#[inline(never)]
fn unusual(batch: &mut FrameBatch, at: usize, outer: &mut Outer) -> u8 {
    if let Some(record) = batch.records.get_mut(at) {
        outer.take_off_mirror(record, &batch.bytes);
    }
    batch.frame(at).map_or(0, |frame| shard_of(&frame)) as u8
}

/// The hash of any frame that belongs to a flow.
fn whole(frame: &Frame<'_>) -> Option<u64> {
    let mut packet = Dissected::new(frame);
    dissect(frame, &mut packet).ok()?;
    Some(conversation_hash(&packet.src, &packet.dst))
}

/// The hash of an Ethernet frame with at most one tag that holds an IPv4 packet with a sound header and no options, or a
/// payload of an Ethernet type that nothing lies under; the rest is taken apart wholly, and so is what may be a mirror's.
#[inline(always)]
fn plain(link_type: LinkType, head: &[u8; HEAD]) -> Option<u64> {
    if link_type != LinkType::ETHERNET {
        return None;
    }
    match u16::from_be_bytes([head[12], head[13]]) {
        0x8100 => at::<18>(head),
        _ => at::<14>(head),
    }
}

/// Bytes of the headers that are looked at: Ethernet with a tag, IPv4, ports.
const HEAD: usize = 42;

/// As [`plain`], where the payload of Ethernet begins here.
#[inline(always)]
fn at<const AT: usize>(head: &[u8; HEAD]) -> Option<u64> {
    match u16::from_be_bytes([head[AT - 2], head[AT - 1]]) {
        0x0800 => {
            let total = u16::from_be_bytes([head[AT + 2], head[AT + 3]]);
            let port = u16::from_be_bytes([head[AT + 22], head[AT + 23]]);
            let is_sound = head[AT] == 0x45 && (total == 0 || total >= 20) && !is_of_mirror(head[AT + 9], port);
            let address = |at: usize| Address::V4(Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]));
            is_sound.then(|| conversation_hash(&address(AT + 12), &address(AT + 16)))
        }
        // PROFINET, EtherCAT, PTP
        0x8892 | 0x88A4 | 0x88F7 => {
            let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, ..] = *head;
            let mac = |bytes| Address::Mac(MacAddress(bytes));
            Some(conversation_hash(&mac([s0, s1, s2, s3, s4, s5]), &mac([d0, d1, d2, d3, d4, d5])))
        }
        _ => None,
    }
}

/// The frames of a batch by shard, in capture order within each.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    shards: Vec<u8>,
    order: Vec<u32>,
    /// Where each shard begins in `order`, and where the last ends.
    starts: Vec<u32>,
}

impl Routes {
    /// Sorts a batch by shard, and takes off frames what mirrors have put around them.
    pub(crate) fn sort(&mut self, batch: &mut FrameBatch, outer: &mut Outer) {
        let mut counts = [0_u32; SHARD_COUNT];
        self.shards.clear();
        self.shards.extend((0..batch.len()).map(|at| {
            let shard = match batch.records.get(at).and_then(|record| plain_of(record, &batch.bytes)) {
                Some(hash) => shard_of_hash(hash) as u8,
                None => unusual(batch, at, outer),
            };
            counts[usize::from(shard)] += 1;
            shard
        }));
        let mut end = 0;
        let mut next = counts.map(|count| {
            end += count;
            end - count
        });
        self.starts.clear();
        self.starts.extend_from_slice(&next);
        self.starts.push(end);
        self.order.clear();
        self.order.resize(self.shards.len(), 0);
        for (at, &shard) in (0..).zip(&self.shards) {
            let place = &mut next[usize::from(shard)];
            self.order[*place as usize] = at;
            *place += 1;
        }
    }

    /// Places in the batch of one shard's frames.
    pub(crate) fn of(&self, shard: usize) -> &[u32] {
        let (start, end) = (self.starts.get(shard), self.starts.get(shard + 1));
        start.zip(end).and_then(|(&start, &end)| self.order.get(start as usize..end as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The short cut and the whole dissection agree on where a frame belongs.
        #[test]
        fn the_short_cut_agrees_with_dissection(
            mut data in proptest::collection::vec(any::<u8>(), 14..80),
            kind in prop_oneof![Just([0x08, 0x00]), Just([0x81, 0x00]), Just([0x88, 0xA4]), any::<[u8; 2]>()],
            tagged in prop_oneof![Just([0x08, 0x00]), Just([0x88, 0x92]), Just([0x88, 0xF7])],
            version in prop_oneof![Just(0x45_u8), Just(0x46), Just(0x44), any::<u8>()],
        ) {
            data[12..14].copy_from_slice(&kind);
            if let Some(inner) = data.get_mut(16..18) {
                inner.copy_from_slice(&tagged);
            }
            if let Some(first) = data.get_mut(14) {
                *first = version;
            }
            let frame = Frame {
                number: 1, time: None, link_type: LinkType::ETHERNET, interface: 0,
                original_length: data.len() as u32, data: &data,
            };
            let short = data.first_chunk().and_then(|head| plain(frame.link_type, head));
            if let (Some(short), Some(long)) = (short, whole(&frame)) {
                prop_assert_eq!(short, long);
            }
        }
    }
}
