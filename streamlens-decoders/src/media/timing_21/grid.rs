//! Exact instants at a rational rate: how many read or drain instants pass between two packets.

use super::super::unit::Rate;
use crate::nanos;

const NANOS: i128 = 1_000_000_000;

/// A clock that ticks `multiplier / divisor` times a nanosecond, with its remainder kept exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    multiplier: i64,
    divisor: i64,
    /// Parts of a tick gone by, 0 to `divisor - 1`.
    phase: i64,
    /// The longest step, in nanoseconds, that the product of 64 bits holds.
    limit: i64,
}

impl Grid {
    fn new(multiplier: i64, divisor: i64) -> Self {
        let (multiplier, divisor) = (multiplier.max(1), divisor.max(1));
        Self { multiplier, divisor, phase: 0, limit: (i64::MAX - divisor) / multiplier }
    }

    /// Moves on by `nanos` and says how many ticks were passed; negative where time went backwards.
    #[inline]
    pub(crate) fn advance(&mut self, nanos: i64) -> i64 {
        if (0..=self.limit).contains(&nanos) {
            let phase = self.phase + nanos * self.multiplier;
            if phase < self.divisor {
                self.phase = phase;
                return 0;
            }
            // A packet an instant is the usual case, and a subtraction costs less than a division.
            if phase - self.divisor < self.divisor {
                self.phase = phase - self.divisor;
                return 1;
            }
            return self.divide(phase);
        }
        self.set(i128::from(self.phase) + i128::from(nanos) * i128::from(self.multiplier))
    }

    /// Sets the phase from a number of parts that is not negative, and says how many whole ticks those are.
    #[inline(never)]
    fn divide(&mut self, parts: i64) -> i64 {
        let (parts, divisor) = (parts.cast_unsigned(), self.divisor.cast_unsigned());
        self.phase = (parts % divisor).cast_signed();
        (parts / divisor).cast_signed()
    }

    /// Sets the phase from a number of parts and says how many whole ticks those are.
    #[inline(never)]
    fn set(&mut self, parts: i128) -> i64 {
        let divisor = i128::from(self.divisor);
        self.phase = parts.rem_euclid(divisor) as i64;
        let ticks = parts.div_euclid(divisor);
        i64::try_from(ticks).unwrap_or(if ticks < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
    }
}

/// The network compatibility model in the form of EBU LIST: C is 0 at the first packet, each further one adds 1, each
/// instant of a grid laid at the first packet takes 1, and C never falls below 0 (ST 2110-21 §6.6.1, drain factor 1.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainBucket {
    grid: Grid,
    level: i64,
}

impl DrainBucket {
    pub(crate) fn new(packets: u32, rate: Rate) -> Self {
        let multiplier = i64::from(rate.numerator).saturating_mul(i64::from(packets)).saturating_mul(11);
        let divisor = 10_000_000_000_i64.saturating_mul(i64::from(rate.denominator));
        let common = super::super::unit::gcd(multiplier.unsigned_abs(), divisor.unsigned_abs()).max(1) as i64;
        Self { grid: Grid::new(multiplier / common, divisor / common), level: 0 }
    }

    /// A packet `nanos` after the one before; gives the level with it.
    #[inline]
    pub(crate) fn packet(&mut self, nanos: i64) -> i64 {
        let drained = self.grid.advance(nanos);
        self.level = (self.level + 1 - drained).max(0);
        self.level
    }
}

/// Share of the frame time in which a gapped sender sends, as a fraction (`R_ACTIVE`).
pub(crate) type Active = (u32, u32);

/// The virtual receiver buffer in the form of EBU LIST: at each unit's start V = 0; a packet adds 1, each read instant
/// `T_VD + j * T_RS` takes 1 (ST 2110-21 §6.6.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiverBuffer {
    grid: Grid,
    /// Parts of a tick in one unit's period.
    period: i128,
    /// Parts of a tick from the unit's start to its first read instant (`TR_OFFSET`).
    offset: i128,
    /// Where unit 0 begins, nanoseconds since the epoch.
    anchor: i128,
    /// floor(x + 1), x being the packet's place on the grid of read instants.
    ticks: i64,
    read: i64,
    level: i64,
}

impl ReceiverBuffer {
    /// `active` is 1/1 for a linear schedule; `offset` is `TR_OFFSET` as a fraction of the unit's period.
    pub(crate) fn new(packets: u32, rate: Rate, active: Active, offset: (u32, u32), anchor: i128) -> Self {
        let scale = i64::from(offset.1.max(1));
        let multiplier = i64::from(packets)
            .saturating_mul(i64::from(rate.numerator))
            .saturating_mul(i64::from(active.1))
            .saturating_mul(scale);
        let divisor = 1_000_000_000_i64
            .saturating_mul(i64::from(rate.denominator))
            .saturating_mul(i64::from(active.0))
            .saturating_mul(scale);
        let period = i128::from(packets) * i128::from(active.1) * NANOS * i128::from(rate.denominator);
        Self {
            grid: Grid::new(multiplier, divisor),
            period: period * i128::from(scale),
            offset: period * i128::from(offset.0),
            anchor,
            ticks: 0,
            read: 0,
            level: 0,
        }
    }

    /// The first packet of unit number `unit`, at `time`; gives the level with it.
    pub(crate) fn start_unit(&mut self, time: i128, unit: i128) -> i64 {
        let multiplier = i128::from(self.grid.multiplier);
        let parts =
            time.wrapping_sub(self.anchor).saturating_mul(multiplier) - unit.saturating_mul(self.period) - self.offset;
        self.ticks = self.grid.set(parts.saturating_add(i128::from(self.grid.divisor)));
        (self.level, self.read) = (0, 0);
        self.count()
    }

    /// A further packet of the unit, `nanos` after the one before; gives the level with it.
    #[inline]
    pub(crate) fn packet(&mut self, nanos: i64) -> i64 {
        self.ticks = nanos::saturating_sum(self.ticks, self.grid.advance(nanos));
        self.count()
    }

    #[inline]
    fn count(&mut self) -> i64 {
        // Truncation toward zero, as EBU LIST does it: it differs from the floor before the first read instant.
        let read = if self.ticks < 0 && self.grid.phase != 0 { self.ticks + 1 } else { self.ticks };
        self.level = nanos::saturating_difference(self.level + 1, nanos::saturating_difference(read, self.read));
        self.read = read;
        self.level
    }
}
