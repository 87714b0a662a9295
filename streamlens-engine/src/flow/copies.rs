//! Frames that are in the capture twice: a mirror port, a capture driver or a tap on both sides delivers them.

use streamlens_model::Transport;
use streamlens_model::stats::Events;

use super::FrameFacts;
use crate::dissect::PacketBody;

/// Packets of a set that are compared.
const WAYS: usize = 4;
/// Sets of a flow whose frames follow each other within the window: at first, and at most. 256 bytes, 8 KiB.
const FIRST_SETS: usize = 8;
const MOST_SETS: usize = 256;
/// How many times as many sets a flow gets that needs more.
const GROWTH: usize = 4;
/// Times are compared in ticks of 2^10 ns.
const TICK: u32 = 10;
/// The Ethernet type of EtherCAT, whose frames come back to where they were sent from.
const ETHERCAT: u16 = 0x88A4;
/// Nanoseconds that a byte takes at 100 Mbit/s, and the bytes around a frame on the wire: check sequence, preamble, gap.
const NANOS_PER_BYTE: u64 = 80;
const AROUND: u64 = 24;

/// A packet that may come again.
#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: u32,
    /// Capture time in ticks, modulo 2^32.
    time: u32,
}

/// The last packets of a slow flow, or those of a fast one whose fingerprints are alike: the newest first. All fingerprints
/// lie together, so that they are compared at once.
#[derive(Clone, Copy, Debug, Default)]
struct Set {
    /// 0 where there is none.
    fingerprints: [u32; WAYS],
    times: [u32; WAYS],
}

impl Set {
    /// Adds a packet, and returns the one that has lost its place.
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

    /// From the oldest on, those that there are.
    fn iter(&self) -> impl Iterator<Item = Seen> {
        let all = self.fingerprints.into_iter().zip(self.times).rev();
        all.map(|(fingerprint, time)| Seen { fingerprint, time }).filter(|seen| seen.fingerprint != 0)
    }
}

/// Tells frames whose bytes behind the link header are those of one shortly before, on the same interface, from their
/// successors.
///
/// What is compared is a fingerprint: of IP the identification, flags, TTL, protocol and header checksum, the transport's own
/// checksum, TCP's number, the length, and both ends of the payload; of what is not IP all bytes, since nothing in front of
/// them sums them up. Repeats that a sender makes on purpose differ in the identification, or come later.
#[derive(Debug, Default)]
pub(crate) struct MirrorFilter {
    /// The last packets of a slow flow.
    recent: Set,
    /// Those of a fast one, by their fingerprints.
    sets: Option<Box<[Set]>>,
    /// Copies that came; of most flows none.
    found: Option<Box<Events>>,
}

impl MirrorFilter {
    /// Whether a packet is a copy of one that came within the window before, in nanoseconds.
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
        // the set is too small where it does not reach back as far as copies may
        if oldest.fingerprint != 0 && now.is_within(window, oldest) {
            self.grow(oldest);
        }
        false
    }

    /// Counts a copy. The records of a Chapter 10 file were never frames, and without a window there are no copies.
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

    /// Copies, where there are any.
    pub(crate) fn found(&self) -> Option<&Events> {
        self.found.as_deref()
    }

    /// Gives a flow whose frames follow each other fast more to compare with; `oldest` has just lost its place.
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

/// Whether a packet whose fingerprint is in the set came within the window before.
#[cold]
#[inline(never)]
fn is_again(set: &Set, now: Seen, content: &PacketBody<'_>, frame: &FrameFacts, window: u64) -> bool {
    let window = match content.ether_type {
        // frames may come back as they were sent, though not before they have left, and fast cycles repeat theirs
        Some(ETHERCAT) => window.min((u64::from(frame.wire_length) + AROUND) * NANOS_PER_BYTE),
        _ => window,
    };
    set.iter().any(|seen| seen.fingerprint == now.fingerprint && now.is_within(window, seen))
}

impl Seen {
    /// Whether another one came at most so many nanoseconds before.
    #[inline]
    fn is_within(&self, window: u64, before: Self) -> bool {
        u64::from(self.time.wrapping_sub(before.time)) << TICK <= window
    }

    /// Which of so many sets, a power of two, is its own.
    #[inline]
    fn set(&self, sets: usize) -> usize {
        self.fingerprint as usize >> 8 & sets.saturating_sub(1)
    }
}

/// Whether there is anything by which a packet differs from its successor: of one that was cut, in its headers or the sixteen
/// bytes behind them.
fn has_identity(content: &PacketBody<'_>) -> bool {
    let of_headers = content.fingerprint != 0 || content.check != 0 || content.tcp.is_some();
    content.missing == 0 || of_headers || content.payload.len() >= 16
}

/// What the headers have that tells packets apart.
#[inline(always)]
fn fingerprint_of_headers(content: &PacketBody<'_>, interface: u16) -> u64 {
    let tcp = content.tcp.map_or(0, |tcp| u64::from(tcp.sequence));
    content.fingerprint
        ^ tcp.rotate_left(20)
        ^ (content.payload.len() as u64) << 48
        ^ u64::from(content.check) << 32
        ^ u64::from(interface) << 8
}

/// That of the headers and both ends of a payload of IP; `None` of what is not IP, or too short. Never 0.
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

/// That of the headers and the whole payload. Never 0.
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

/// The two words of sixteen bytes.
#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_ne_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

/// Mixes two words by a multiplication whose halves are folded on each other.
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
