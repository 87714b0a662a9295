//! Continuity counters (ISO/IEC 13818-1 §2.4.3.3; ETSI TR 101 290 §5.2.1, indicator 1.4).
//!
//! The counter of 4 bits is extended, so that what follows from it is accounted for as any other sequence number is. It has
//! no behind: from the next number on, `step - 1` packets are missing modulo 16. Only where all that arrives next are the very
//! numbers that have just gone missing were datagrams swapped.

use super::packet::TsPacket;

/// What a continuity counter says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// First of its PID, without payload, stuffing, or after a lawful discontinuity: nothing follows from it.
    Free,
    /// One more than the packet before.
    InOrder,
    /// The packet before once more, which is lawful once.
    Repeat,
    /// A packet that comes a third time, or another one with the number of the one before.
    Excess,
    /// So many packets are missing before it, or 16, 32 and so on more.
    Gap(u8),
    /// One of those that have just gone missing: its datagram was overtaken.
    Late,
}

impl Continuity {
    /// Whether it is an error of the count (TR 101 290 1.4).
    pub(crate) const fn is_error(self) -> bool {
        matches!(self, Self::Excess | Self::Gap(_))
    }
}

/// The counter of one PID.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    previous: Option<u8>,
    /// The counter extended beyond 4 bits; it runs on over lawful discontinuities.
    extended: u32,
    repeated: bool,
    fingerprint: u64,
    /// The numbers that the last gap left out, a bit each; cleared when they have come, or come round again.
    missing: u16,
    pub(super) errors: u64,
    pub(super) repeats: u64,
    pub(super) lost: u64,
    pub(super) longest_gap: u8,
    pub(super) late: u64,
    /// Of the errors and of the packets lost, those of gaps in what carries the stream.
    pub(super) carried: (u64, u64),
    /// Whether the last gap is one of those.
    is_carried: bool,
}

impl Counter {
    /// What the next packet's counter says, and its number: `None` where it has none.
    pub(super) fn observe(&mut self, packet: &TsPacket<'_>) -> (Continuity, Option<u32>) {
        let Some(payload) = packet.payload else {
            if packet.is_discontinuity && self.previous.is_some() {
                // without payload it has no number; the next one follows on whatever it says
                self.previous = Some(packet.continuity);
                (self.repeated, self.missing) = (false, 0);
            }
            return (Continuity::Free, None);
        };
        let fingerprint = fingerprint(payload);
        let before = std::mem::replace(&mut self.fingerprint, fingerprint);
        let Some(previous) = self.previous.replace(packet.continuity) else {
            return (Continuity::Free, Some(self.extended));
        };
        if packet.is_discontinuity {
            (self.repeated, self.missing) = (false, 0);
            self.extended = self.extended.wrapping_add(1);
            return (Continuity::Free, Some(self.extended));
        }
        let step = packet.continuity.wrapping_sub(previous) & 0x0F;
        if step == 1 {
            self.missing &= !bit(packet.continuity);
            self.repeated = false;
            self.extended = self.extended.wrapping_add(1);
            return (Continuity::InOrder, Some(self.extended));
        }
        let continuity = self.out_of_order(step, packet.continuity, previous, before == fingerprint);
        let number = match continuity {
            Continuity::Late => {
                let behind = previous.wrapping_sub(packet.continuity) & 0x0F;
                // a late packet changes nothing for the next one
                (self.previous, self.fingerprint) = (Some(previous), before);
                self.extended.wrapping_sub(u32::from(behind))
            }
            Continuity::Gap(missing) => {
                self.extended = self.extended.wrapping_add(u32::from(missing) + 1);
                self.extended
            }
            _ => self.extended,
        };
        (continuity, Some(number))
    }

    /// The number of a packet that is there again, with the datagram that brought it; `None` where it has none.
    pub(super) fn again(&self, packet: &TsPacket<'_>) -> Option<u32> {
        packet.payload?;
        let behind = self.previous?.wrapping_sub(packet.continuity) & 0x0F;
        Some(self.extended.wrapping_sub(u32::from(behind)))
    }

    /// The error just made comes of a gap in what carries the stream, which is told of there: so many packets went with it.
    pub(super) fn excuse(&mut self, missing: u8) {
        self.is_carried = missing > 0;
        self.carried.0 += 1;
        self.carried.1 += u64::from(missing);
    }

    /// Records a number that what carries the packet has told to be late, or a duplicate. Says whether it had gone
    /// missing.
    pub(super) fn fill(&mut self, number: u8) -> bool {
        let was_missing = self.missing & bit(number) != 0;
        if was_missing {
            self.missing &= !bit(number);
            self.lost = self.lost.saturating_sub(1);
            self.late += 1;
            // with the last of them the gap is closed
            let is_closed = u64::from(self.missing == 0);
            self.errors = self.errors.saturating_sub(is_closed);
            if self.is_carried {
                self.carried.0 = self.carried.0.saturating_sub(is_closed);
                self.carried.1 = self.carried.1.saturating_sub(1);
            }
        }
        was_missing
    }

    #[cold]
    fn out_of_order(&mut self, step: u8, number: u8, previous: u8, is_same: bool) -> Continuity {
        if step == 0 {
            if is_same && !std::mem::replace(&mut self.repeated, true) {
                self.repeats += 1;
                return Continuity::Repeat;
            }
            self.errors += 1;
            return Continuity::Excess;
        }
        self.repeated = false;
        if self.fill(number) {
            return Continuity::Late;
        }
        self.is_carried = false;
        let missing = step - 1;
        self.missing = (1..step).map(|ahead| bit(previous.wrapping_add(ahead))).fold(0, |all, one| all | one);
        self.errors += 1;
        self.lost += u64::from(missing);
        self.longest_gap = self.longest_gap.max(missing);
        Continuity::Gap(missing)
    }
}

const fn bit(number: u8) -> u16 {
    1 << (number & 0x0F)
}

/// The ends of a payload: packets that differ in neither are the same (what differs may be the clock reference alone, which is
/// no part of it).
fn fingerprint(payload: &[u8]) -> u64 {
    let (first, last) = (payload.first_chunk::<8>(), payload.last_chunk::<8>());
    let read = |bytes: Option<&[u8; 8]>| bytes.map_or(payload.len() as u64, |bytes| u64::from_ne_bytes(*bytes));
    read(first).rotate_left(17) ^ read(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::packet;
    use super::*;

    /// What becomes of packets with these numbers.
    fn run(numbers: &[u64]) -> Counter {
        let mut counter = Counter::default();
        for &number in numbers {
            counter.observe(&packet(number, &u128::from(number).to_be_bytes()));
        }
        counter
    }

    #[test]
    fn a_lost_datagram_of_seven_is_one_error_and_seven_packets() {
        let counter = run(&(0..20).chain(27..40).collect::<Vec<_>>());
        assert_eq!((counter.errors, counter.lost, counter.longest_gap, counter.late), (1, 7, 7, 0));
    }

    #[test]
    fn swapped_datagrams_are_neither_errors_nor_loss() {
        let counter = run(&(0..7).chain(14..21).chain(7..14).chain(21..40).collect::<Vec<_>>());
        assert_eq!((counter.errors, counter.lost, counter.late), (0, 0, 7));
    }

    #[test]
    fn a_packet_may_come_twice_and_only_the_same() {
        let counter = run(&[1, 2, 2, 3]);
        assert_eq!((counter.errors, counter.repeats), (0, 1));
        assert_eq!(run(&[1, 2, 2, 2, 2, 3]).errors, 2);
        // another packet with the same number
        let mut counter = run(&[1, 2]);
        assert_eq!(counter.observe(&packet(2, b"something else..")).0, Continuity::Excess);
    }

    #[test]
    fn an_announced_jump_runs_on() {
        let mut counter = run(&[1, 2]);
        let jump = TsPacket { is_discontinuity: true, ..packet(9, b"0123456789abcdef") };
        assert_eq!(counter.observe(&jump), (Continuity::Free, Some(2)));
        assert_eq!(counter.observe(&packet(10, b"0123456789abcdeg")), (Continuity::InOrder, Some(3)));
    }

    proptest! {
        /// Whatever is lost, as long as no gap has sixteen: what the numbers say is what was done.
        #[test]
        fn counts_what_was_lost(gaps in proptest::collection::vec((1_u64..40, 1_u64..=15), 1..30), start in 0_u64..16) {
            let (mut numbers, mut number, mut lost) = (Vec::new(), start, 0);
            for (run, gap) in gaps {
                // so many in a row that a gap cannot be taken for the packets missing in the one before
                numbers.extend(number..number + 16 + run);
                number += 16 + run + gap;
                lost += gap;
            }
            numbers.push(number);
            let counter = run(&numbers);
            // a gap of fifteen looks like another packet of the same number: it is an error, and of unknown length
            let fifteens = numbers.windows(2).filter(|pair| pair[1] - pair[0] == 16).count() as u64;
            prop_assert_eq!(counter.lost, lost - 15 * fifteens);
        }
    }
}
