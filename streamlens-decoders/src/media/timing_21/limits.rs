//! The limits of ST 2110-21: which sender types there are for a raster, and what each may do.

use super::super::unit::Rate;
use super::grid::Active;

/// What the limits depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Packets in a unit (frame, or field of an interlaced picture).
    pub(crate) packets: u32,
    /// Units per second.
    pub(crate) rate: Rate,
    /// Active lines of the whole picture; 0 where the payload has none that are known.
    pub(crate) height: u32,
    /// Whether a unit is a field.
    pub(crate) interlaced: bool,
}

/// `C_MAX` and `VRX_FULL` of the three sender types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Type N, for rasters that have a gapped schedule.
    pub(crate) cmax_narrow: Option<i64>,
    /// Type NL.
    pub(crate) cmax_narrow_linear: i64,
    /// Type W; the standard defines none above 900,000 packets a second, the formula is used all the same.
    pub(crate) cmax_wide: i64,
    /// Types N and NL.
    pub(crate) vrx_full_narrow: i64,
    /// Type W.
    pub(crate) vrx_full_wide: i64,
}

impl Profile {
    /// Share of the frame time with active lines, where the raster is one of broadcast.
    pub(crate) fn active(&self) -> Option<Active> {
        match (self.height, self.interlaced) {
            (480 | 486, true) => Some((487, 525)),
            (576, true) => Some((576, 625)),
            (720 | 1080 | 2160 | 4320, _) => Some((1080, 1125)),
            _ => None,
        }
    }

    /// `TRO_DEFAULT` as a fraction of the unit's period (fields: both parts of the frame's, doubled).
    pub(crate) fn default_offset(&self) -> (u32, u32) {
        match (self.height, self.interlaced) {
            (480 | 486, true) => (40, 525),
            (576, true) => (52, 625),
            (_, true) => (44, 1125),
            (height, false) if height >= 1080 => (43, 1125),
            _ => (28, 750),
        }
    }

    /// `TRO_DEFAULT` in nanoseconds.
    pub(crate) fn default_offset_ns(&self) -> f64 {
        let (above, below) = self.default_offset();
        self.rate.period_ns() * f64::from(above) / f64::from(below)
    }

    /// The limits with `MAXIP` 1500 (ST 2110-21 §7).
    pub(crate) fn limits(&self) -> Limits {
        let per_second = |divisor: u64, (numerator, denominator): (u32, u32)| {
            let above = u128::from(self.packets) * u128::from(self.rate.numerator) * u128::from(denominator);
            let below = u128::from(divisor) * u128::from(self.rate.denominator) * u128::from(numerator);
            i64::try_from(above / below.max(1)).unwrap_or(i64::MAX)
        };
        Limits {
            cmax_narrow: self.active().map(|active| per_second(43_200, active).max(4)),
            cmax_narrow_linear: per_second(43_200, (1, 1)).max(4),
            cmax_wide: per_second(21_600, (1, 1)).max(16),
            vrx_full_narrow: per_second(27_000, (1, 1)).max(8),
            vrx_full_wide: per_second(300, (1, 1)).max(720),
        }
    }
}

/// How well a stream keeps to ST 2110-21, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Narrow,
    NarrowLinear,
    Wide,
    NotCompliant,
}

impl Class {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::NarrowLinear => "narrow_linear",
            Self::Wide => "wide",
            Self::NotCompliant => "not_compliant",
        }
    }
}

impl Limits {
    /// The best class that a peak of `C_INST` allows.
    pub(crate) fn class_by_c(&self, peak: i64, gapped: bool) -> Class {
        match self.cmax_narrow {
            Some(limit) if gapped && peak <= limit => Class::Narrow,
            _ if peak <= self.cmax_narrow_linear => Class::NarrowLinear,
            _ if peak <= self.cmax_wide => Class::Wide,
            _ => Class::NotCompliant,
        }
    }

    /// The best class that the extremes of the receiver buffer allow.
    pub(crate) fn class_by_vrx(&self, minimum: i64, peak: i64, gapped: bool) -> Class {
        match peak {
            _ if minimum < 0 => Class::NotCompliant,
            peak if peak <= self.vrx_full_narrow => {
                if gapped {
                    Class::Narrow
                } else {
                    Class::NarrowLinear
                }
            }
            peak if peak <= self.vrx_full_wide => Class::Wide,
            _ => Class::NotCompliant,
        }
    }
}
