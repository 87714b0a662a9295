//! Recognises frames that a capture holds twice because a mirror port, a capture driver or a tap on both sides delivered them twice.

use streamlens_model::Transport;
use streamlens_model::stats::Events;

use super::FrameFacts;
use crate::dissect::PacketBody;

/// Packets that a set holds.
const WAYS: usize = 4;
/// Sets that a flow gets first, and at most, once more than [`WAYS`] of its frames come within the window: 256 bytes, 8 KiB.
const FIRST_SETS: usize = 8;
const MOST_SETS: usize = 256;
/// Factor by which the number of sets grows.
const GROWTH: usize = 4;
/// Times are compared in ticks of 2^10 ns.
const TICK: u32 = 10;
/// The Ethernet type of EtherCAT, whose frames return to their sender.
const ETHERCAT: u16 = 0x88A4;
/// Nanoseconds that a byte takes at 100 Mbit/s.
const NANOS_PER_BYTE: u64 = 80;
/// Bytes around a frame on the wire: check sequence, preamble, gap between frames.
const AROUND: u64 = 24;

/// A packet that came, and of which a copy may come.
#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: u32,
    /// Capture time in ticks, modulo 2^32.
    time: u32,
}

/// The last packets of a slow flow, or of a fast flow those that share some bits of their fingerprints; the newest first. The
/// fingerprints lie next to each other, so that one comparison covers them all.
#[derive(Clone, Copy, Debug, Default)]
struct Set {
    /// 0 in places without a packet.
    fingerprints: [u32; WAYS],
    times: [u32; WAYS],
}

impl Set {
    /// Adds a packet, and returns the oldest one, which loses its place.
    #[inline(always)]
    fn add(&mut self, now: Seen) -> Seen {
        let ([a, b, c, fingerprint], [s, t, u, time]) = (self.fingerprints, self.times);
        self.fingerprints = [now.fingerprint, a, b, c];
        self.times = [now.time, s, t, u];
        Seen { fingerprint, time }
    }

    #[inline(always)]
    fn has(&self, fingerprint: u32) -> bool {
        let [a, b, c, d] = self.fingerprints.map(|known| known == fingerprint);
        a | b | c | d
    }

    /// Returns the packets of the set, the oldest first.
    fn iter(&self) -> impl Iterator<Item = Seen> {
        let all = self.fingerprints.into_iter().zip(self.times).rev();
        all.map(|(fingerprint, time)| Seen { fingerprint, time }).filter(|seen| seen.fingerprint != 0)
    }
}

/// Tells copies from new packets: a copy has the same bytes after the link header as a packet shortly before, on the same
/// interface.
///
/// Packets are compared by a fingerprint. For IP it covers the identification, flags, TTL, protocol and header checksum, the
/// checksum of the transport, TCP's sequence number, the length, and both ends of the payload. For other frames it covers all
/// bytes, since they have no checksum that stands for them. Packets that a sender repeats on purpose differ in the
/// identification, or come later.
#[derive(Debug, Default)]
pub(crate) struct MirrorFilter {
    /// The last packets of a slow flow.
    recent: Set,
    /// The last packets of a fast flow, in sets by their fingerprints; `None` while the flow is slow.
    sets: Option<Box<[Set]>>,
    /// Copies that came; `None` for most flows, which have none.
    found: Option<Box<Events>>,
}

impl MirrorFilter {
    /// Returns whether a packet is a copy of one that came at most `window` nanoseconds before.
    #[inline(always)]
    pub(crate) fn is_copy(&mut self, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
        let Some(time) = frame.at.time else { return false };
        let ticks = (time.as_nanos() >> TICK) as u32;
        match fingerprint_of_ends(content, frame.interface) {
            Some(fingerprint) => self.compare(Seen { fingerprint, time: ticks }, content, frame, window),
            None => self.is_copy_of_all_bytes(ticks, content, frame, window),
        }
    }

    #[inline(never)]
    fn is_copy_of_all_bytes(&mut self, time: u32, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
        let fingerprint = fingerprint_of_all(content, frame.interface);
        self.compare(Seen { fingerprint, time }, content, frame, window)
    }

    #[inline(always)]
    fn compare(&mut self, now: Seen, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
        let set = match &mut self.sets {
            None => &mut self.recent,
            Some(sets) => match sets.get_mut(now.set(sets.len())) {
                Some(set) => set,
                None => return false,
            },
        };
        if set.has(now.fingerprint) && is_again(set, now, content, frame, window) {
            return self.note(content, frame, window);
        }
        let oldest = set.add(now);
        // the set was too small if the packet that lost its place could still have had a copy
        if oldest.fingerprint != 0 && now.is_within(window, oldest) {
            self.grow(oldest);
        }
        false
    }

    /// Counts a copy, and returns true. Returns false where there are no copies: without a window, in Chapter 10 files, whose
    /// records were never frames, and for packets that have nothing to be told apart by.
    #[cold]
    fn note(&mut self, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
        if window == 0 || content.transport == Transport::Chapter10File || !has_identity(content) {
            return false;
        }
        match &mut self.found {
            Some(found) => found.push(frame.at),
            None => self.found = Some(Box::new(Events::once(frame.at))),
        }
        true
    }

    /// Returns the copies that came, or `None` if none did.
    pub(crate) fn found(&self) -> Option<&Events> {
        self.found.as_deref()
    }

    /// Makes more sets for a fast flow, and puts what is known into them; `oldest` has just lost its place.
    #[cold]
    fn grow(&mut self, oldest: Seen) {
        if self.sets.as_ref().is_some_and(|sets| sets.len() >= MOST_SETS) {
            return;
        }
        let before = self.sets.take();
        let count = before.as_ref().map_or(FIRST_SETS, |sets| (sets.len() * GROWTH).min(MOST_SETS));
        let mut sets = vec![Set::default(); count].into_boxed_slice();
        let known = before.as_deref().unwrap_or(std::slice::from_ref(&self.recent));
        for seen in std::iter::once(oldest).chain(known.iter().flat_map(Set::iter)) {
            if let Some(set) = sets.get_mut(seen.set(count)) {
                set.add(seen);
            }
        }
        self.sets = Some(sets);
    }
}

/// Returns whether a packet with the fingerprint of `now` came within the window before it.
#[cold]
#[inline(never)]
fn is_again(set: &Set, now: Seen, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
    let window = match content.ether_type {
        // a frame may return unchanged, but not before all of it was sent; and fast cycles send equal frames
        Some(ETHERCAT) => window.min((u64::from(frame.wire_length) + AROUND) * NANOS_PER_BYTE),
        _ => window,
    };
    set.iter().any(|seen| seen.fingerprint == now.fingerprint && now.is_within(window, seen))
}

impl Seen {
    /// Returns whether the packet `before` came at most `window` nanoseconds earlier.
    #[inline]
    fn is_within(&self, window: u64, before: Self) -> bool {
        u64::from(self.time.wrapping_sub(before.time)) << TICK <= window
    }

    /// Returns the number of the set that the packet belongs to; `sets`, the number of sets, is a power of two.
    #[inline]
    fn set(&self, sets: usize) -> usize {
        self.fingerprint as usize >> 8 & sets.saturating_sub(1)
    }
}

/// Returns whether a packet has anything by which it differs from the next one of its flow. A packet that the capture cut has it
/// in its headers, or in at least sixteen bytes after them.
fn has_identity(content: &PacketBody<'_>) -> bool {
    let of_headers = content.fingerprint != 0 || content.check != 0 || content.tcp.is_some();
    content.missing == 0 || of_headers || content.payload.len() >= 16
}

/// Returns a word of the parts of the headers that tell packets apart.
#[inline(always)]
fn fingerprint_of_headers(content: &PacketBody<'_>, interface: u16) -> u64 {
    let tcp = content.tcp.map_or(0, |tcp| u64::from(tcp.sequence));
    content.fingerprint
        ^ tcp.rotate_left(20)
        ^ (content.payload.len() as u64) << 48
        ^ u64::from(content.check) << 32
        ^ u64::from(interface) << 8
}

/// Returns the fingerprint of the headers and both ends of a payload of IP, which is never 0. Returns `None` if the payload is too
/// short, or the frame is not IP.
#[inline(always)]
fn fingerprint_of_ends(content: &PacketBody<'_>, interface: u16) -> Option<u32> {
    let (first, last) = (content.payload.first_chunk::<16>()?, content.payload.last_chunk::<8>()?);
    if content.ether_type.is_some() {
        return None;
    }
    let [a, b] = words(first);
    let mixed = fold(fold(fingerprint_of_headers(content, interface), a) ^ b, u64::from_ne_bytes(*last));
    Some((mixed >> 32) as u32 | 1)
}

/// Returns the fingerprint of the headers and the whole payload, which is never 0.
fn fingerprint_of_all(content: &PacketBody<'_>, interface: u16) -> u32 {
    let (payload, headers) = (content.payload, fingerprint_of_headers(content, interface));
    let mixed = payload.last_chunk::<16>().map_or_else(
        || payload.iter().fold(headers, |mixed, byte| fold(mixed, u64::from(*byte))),
        |last| {
            payload.as_chunks::<16>().0.iter().chain([last]).fold(headers, |mixed, bytes| {
                let [a, b] = words(bytes);
                fold(mixed ^ a, b)
            })
        },
    );
    (mixed >> 32) as u32 | 1
}

/// Returns sixteen bytes as two words.
#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_ne_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

/// Mixes two words: multiplies them and returns the exclusive or of both halves of the product.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD1B5_4A32_D192_ED03);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use streamlens_model::{Occurrence, Timestamp};

    use super::*;

    const WINDOW: u64 = 1_000_000;

    /// Whether each of these frames, as (nanoseconds, interface, payload), is a copy.
    fn copies(frames: &[(i64, u16, u64)], check: u16, ether_type: Option<u16>) -> Vec<bool> {
        let mut copies = MirrorFilter::default();
        let seen = (1..).zip(frames).map(|(number, &(time, interface, payload))| {
            let at = Occurrence { frame: number, time: Some(Timestamp::from_nanos(time)) };
            let frame = FrameFacts { at, wire_length: 64, interface, is_copy: false };
            let payload = [&payload.to_be_bytes()[..], &[0; 40]].concat();
            let (transport, payload) = (Transport::UDP, payload.as_slice());
            let content = PacketBody { transport, ether_type, fingerprint: 0, check, tcp: None, payload, missing: 0 };
            copies.is_copy(&content, &frame, WINDOW)
        });
        seen.collect()
    }

    #[test]
    fn a_copy_has_the_bytes_and_the_interface_of_one_shortly_before() {
        let frames = [(0, 0, 7), (50_000, 0, 7), (60_000, 1, 7), (70_000, 0, 8), (900_000, 0, 7), (2_500_000, 0, 7)];
        let expected = [false, true, false, false, true, false];
        assert_eq!(copies(&frames, 0, None), expected);
        assert_eq!(copies(&frames, 9, Some(0x8892)), expected);
    }

    /// However many frames lie between one and its copy, within what a link of 10 Gbit/s holds in 50 us.
    #[test]
    fn copies_are_found_behind_a_burst() {
        for between in [1_u64, 3, 4, 10, 40] {
            let mut frames = Vec::new();
            for burst in 0..200 {
                let numbers = burst * between..(burst + 1) * between;
                let start = (burst * between).cast_signed() * 2_400;
                let at = |number: u64| start + (number - burst * between).cast_signed() * 1_200;
                frames.extend(numbers.clone().map(|number| (at(number), 0, number)));
                frames.extend(numbers.map(|number| (at(number) + between.cast_signed() * 1_200, 0, number)));
            }
            let found = copies(&frames, 0, None).into_iter().filter(|is_copy| *is_copy).count() as u64;
            assert_eq!(found, 200 * between, "{between} frames between");
        }
    }

    #[test]
    fn frames_that_were_cut_to_nothing_are_no_copies_of_each_other() {
        let is_copy = |payload: &[u8], missing: usize, check: u16| {
            let mut copies = MirrorFilter::default();
            let at = Occurrence { frame: 1, time: Some(Timestamp::from_nanos(0)) };
            let frame = FrameFacts { at, wire_length: 64, interface: 0, is_copy: false };
            let (transport, ether_type) = (Transport::UDP, None);
            let content = PacketBody { transport, ether_type, fingerprint: 0, check, tcp: None, payload, missing };
            !copies.is_copy(&content, &frame, WINDOW) && copies.is_copy(&content, &frame, WINDOW)
        };
        assert!(!is_copy(&[], 46, 0) && !is_copy(&[1, 2, 3], 43, 0));
        assert!(is_copy(&[], 46, 7) && is_copy(&[1; 16], 30, 0) && is_copy(&[1, 2, 3], 0, 0));
    }

    #[test]
    fn an_ethercat_frame_that_comes_back_is_no_copy() {
        assert_eq!(copies(&[(0, 0, 7), (300, 0, 7), (25_000, 0, 7)], 0, Some(ETHERCAT)), [false, true, false]);
    }
}
