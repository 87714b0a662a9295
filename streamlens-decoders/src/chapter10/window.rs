//! Which datagram numbers came lately, so that a datagram that came twice is not read twice.

/// How a number stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The first one.
    First,
    /// The next one.
    Next,
    /// The same as the highest.
    Same,
    /// Ahead, with numbers missing in between; or so far off that the sender must have begun anew.
    Jump,
    /// Behind, and not seen before.
    Late,
    /// Behind, and seen before.
    Again,
}

/// The last 1,024 numbers of a sequence.
#[derive(Clone, Debug)]
pub(super) struct SequenceWindow {
    mask: u32,
    highest: Option<u32>,
    seen: [u64; Self::LENGTH as usize / 64],
}

impl SequenceWindow {
    /// How many numbers it remembers.
    const LENGTH: u32 = 1024;
    /// A jump ahead by more than this is a new beginning.
    const MAX_JUMP: u32 = 10_000;

    /// A window over numbers of `bits` bits, 16 to 32.
    #[must_use]
    pub(super) fn new(bits: u8) -> Self {
        Self { mask: u32::MAX >> (32 - bits.clamp(16, 32)), highest: None, seen: [0; Self::LENGTH as usize / 64] }
    }

    /// Takes note of a number if it is the next one.
    #[inline(always)]
    pub(super) fn accept_next(&mut self, number: u32) -> bool {
        let is_next = self.highest.is_some_and(|highest| highest.wrapping_add(1) & self.mask == number);
        if is_next {
            self.set(number, true);
            self.highest = Some(number);
        }
        is_next
    }

    /// Takes note of a number.
    #[inline]
    pub(super) fn accept(&mut self, number: u32) -> Arrival {
        let number = number & self.mask;
        let Some(highest) = self.highest else {
            self.restart(number);
            return Arrival::First;
        };
        let ahead = number.wrapping_sub(highest) & self.mask;
        if ahead == 0 {
            return Arrival::Same;
        }
        if ahead <= self.mask / 2 {
            if ahead - 1 > Self::MAX_JUMP {
                self.restart(number);
                return Arrival::Jump;
            }
            if ahead >= Self::LENGTH {
                self.seen = [0; Self::LENGTH as usize / 64];
            } else {
                for skipped in 1..ahead {
                    self.set(highest.wrapping_add(skipped), false);
                }
            }
            self.set(number, true);
            self.highest = Some(number);
            return if ahead == 1 { Arrival::Next } else { Arrival::Jump };
        }
        let behind = highest.wrapping_sub(number) & self.mask;
        if behind >= Self::LENGTH {
            self.restart(number);
            return Arrival::Jump;
        }
        if self.get(number) {
            return Arrival::Again;
        }
        self.set(number, true);
        Arrival::Late
    }

    fn restart(&mut self, number: u32) {
        self.seen = [0; Self::LENGTH as usize / 64];
        self.set(number, true);
        self.highest = Some(number);
    }

    #[inline]
    fn set(&mut self, number: u32, seen: bool) {
        let bit = 1_u64 << (number % 64);
        if let Some(word) = self.seen.get_mut((number % Self::LENGTH / 64) as usize) {
            *word = if seen { *word | bit } else { *word & !bit };
        }
    }

    fn get(&self, number: u32) -> bool {
        self.seen.get((number % Self::LENGTH / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_comes_next_again_late_and_anew() {
        let mut window = SequenceWindow::new(24);
        let arrivals: Vec<_> =
            [0xFF_FFFE, 0xFF_FFFF, 0, 0, 3, 0, 2, 2, 1, 4, 400_000, 400_001].map(|n| window.accept(n)).to_vec();
        use Arrival::*;
        assert_eq!(arrivals, [First, Next, Next, Same, Jump, Again, Late, Again, Late, Next, Jump, Next]);
    }

    #[test]
    fn a_number_of_the_lap_before_is_forgotten() {
        let mut window = SequenceWindow::new(16);
        for number in 0..3000 {
            window.accept(number);
        }
        assert_eq!(window.accept(3100), Arrival::Jump);
        assert_eq!(window.accept(3050), Arrival::Late);
        assert_eq!(window.accept(2500), Arrival::Again);
        assert_eq!(window.accept(100), Arrival::Jump, "too far behind for a late one");
    }
}
