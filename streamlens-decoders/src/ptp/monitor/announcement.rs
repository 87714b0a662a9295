//! What an Announce says, what changes from one to the next, and what can't be right in it.

use streamlens_model::{FindingLog, Severity};

use super::super::names::{self, message};
use super::super::v1;
use super::super::wire::{DomainKey, i16_at, u8_at, u16_at, u64_at};
use super::message::Message;

/// TAI less UTC since 2017-01-01, and that instant in nanoseconds since the epoch.
const UTC_OFFSET: (i16, i64) = (37, 1_483_228_800_000_000_000);

/// What an Announce says (IEEE 1588-2019 13.5), or a Sync of version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) grandmaster: u64,
    pub(super) priority1: u8,
    pub(super) class: u8,
    pub(super) accuracy: u8,
    pub(super) variance: u16,
    pub(super) priority2: u8,
    pub(super) steps_removed: u16,
    pub(super) time_source: u8,
    pub(super) utc_offset: i16,
    /// The low octet of flagField.
    pub(super) time_flags: u8,
}

impl Announcement {
    pub(super) const LEAP61: u8 = 0x01;
    pub(super) const LEAP59: u8 = 0x02;
    pub(super) const UTC_VALID: u8 = 0x04;
    pub(super) const PTP_TIMESCALE: u8 = 0x08;

    pub(super) fn parse(m: &Message<'_>) -> Option<Self> {
        let b = m.bytes.first_chunk::<64>()?;
        Some(Self {
            grandmaster: u64_at(b, 53)?,
            priority1: u8_at(b, 47)?,
            class: u8_at(b, 48)?,
            accuracy: u8_at(b, 49)?,
            variance: u16_at(b, 50)?,
            priority2: u8_at(b, 52)?,
            steps_removed: u16_at(b, 61)?,
            time_source: u8_at(b, 63)?,
            utc_offset: i16_at(b, 44)?,
            time_flags: (m.flags & 0xFF) as u8,
        })
    }

    /// Version 1: the stratum stands for the class, and there is nothing in place of the other figures.
    pub(super) fn parse_v1(b: &[u8]) -> Option<Self> {
        Some(Self {
            grandmaster: v1::uuid(b, 54)?,
            priority1: u8::from(u8_at(b, 77)? == 0),
            class: u8_at(b, 67)?,
            accuracy: 0xFE,
            variance: u16_at(b, 74)?,
            priority2: 0,
            steps_removed: u16_at(b, 90)?,
            time_source: 0,
            utc_offset: i16_at(b, 50)?,
            time_flags: 0,
        })
    }

    /// What the best master clock algorithm compares; the lowest wins (IEEE 1588-2019 9.3.4).
    pub(super) fn rank(&self) -> (u8, u8, u8, u16, u8, u64, u16) {
        (self.priority1, self.class, self.accuracy, self.variance, self.priority2, self.grandmaster, self.steps_removed)
    }
}

/// What a sender says now that it did not say before.
#[cold]
#[inline(never)]
pub(super) fn changes(m: &Message<'_>, old: &Announcement, new: &Announcement, log: &mut FindingLog) {
    let stream = Some(m.domain.stream(message::ANNOUNCE, m.source));
    let name = |domain: DomainKey| domain.port_name(m.source);
    let quality = |a: &Announcement| (a.priority1, a.class, a.accuracy, a.priority2);
    if old.grandmaster == new.grandmaster && quality(old) != quality(new) {
        let severity =
            if new.class > old.class || new.accuracy > old.accuracy { Severity::Warning } else { Severity::Info };
        log.add("ptp.clock-quality-changed", severity, stream, m.at, || {
            format!(
                "{}: priority1 {} -> {}, class {} ({}) -> {} ({}), accuracy {} -> {}, priority2 {} -> {}",
                name(m.domain),
                old.priority1,
                new.priority1,
                old.class,
                names::clock_class(old.class),
                new.class,
                names::clock_class(new.class),
                names::clock_accuracy(old.accuracy),
                names::clock_accuracy(new.accuracy),
                old.priority2,
                new.priority2
            )
        });
    }
    if old.steps_removed != new.steps_removed && old.grandmaster == new.grandmaster {
        log.add("ptp.steps-removed-changed", Severity::Info, stream, m.at, || {
            format!("{}: stepsRemoved {} -> {}", name(m.domain), old.steps_removed, new.steps_removed)
        });
    }
    let leap = |a: &Announcement| a.time_flags & (Announcement::LEAP59 | Announcement::LEAP61);
    if leap(old) != leap(new) {
        log.add("ptp.leap-second-announced", Severity::Info, stream, m.at, || {
            let words = |flags: u8| match flags {
                0 => "none",
                Announcement::LEAP61 => "61 seconds",
                Announcement::LEAP59 => "59 seconds",
                _ => "both 59 and 61 seconds",
            };
            format!("{}: last minute of the day {} -> {}", name(m.domain), words(leap(old)), words(leap(new)))
        });
    }
    if old.utc_offset != new.utc_offset {
        let severity = if leap(old) == 0 { Severity::Warning } else { Severity::Info };
        log.add("ptp.utc-offset", severity, stream, m.at, || {
            format!("{}: currentUtcOffset {} s -> {} s", name(m.domain), old.utc_offset, new.utc_offset)
        });
    }
    if (old.time_flags ^ new.time_flags) & Announcement::PTP_TIMESCALE != 0 {
        log.add("ptp.timescale-changed", Severity::Warning, stream, m.at, || {
            let words =
                |a: &Announcement| if a.time_flags & Announcement::PTP_TIMESCALE != 0 { "PTP" } else { "arbitrary" };
            format!("{}: timescale {} -> {}", name(m.domain), words(old), words(new))
        });
    }
}

/// A UTC offset that is called valid and can't be.
pub(super) fn check_utc(m: &Message<'_>, said: &Announcement, log: &mut FindingLog) {
    let flags = Announcement::UTC_VALID | Announcement::PTP_TIMESCALE;
    let is_claimed = said.time_flags & flags == flags;
    // Later leap seconds are not known here, so only an offset that is too small is certainly wrong.
    if is_claimed && said.utc_offset < UTC_OFFSET.0 && m.time().is_some_and(|now| now >= UTC_OFFSET.1) {
        log.add("ptp.utc-offset", Severity::Warning, Some(m.domain.stream(message::ANNOUNCE, m.source)), m.at, || {
            format!(
                "{} announces a valid currentUtcOffset of {} s; it has been {} s since 2017",
                m.domain.port_name(m.source),
                said.utc_offset,
                UTC_OFFSET.0
            )
        });
    }
}

/// Loops in the path trace, and paths that are too long.
#[inline]
pub(super) fn check_path(m: &Message<'_>, path: Option<&[u64]>, said: &Announcement, log: &mut FindingLog) {
    if path.is_some() || said.steps_removed >= 255 {
        look_at_path(m, path, said, log);
    }
}

#[inline(never)]
fn look_at_path(m: &Message<'_>, path: Option<&[u64]>, said: &Announcement, log: &mut FindingLog) {
    let stream = Some(m.domain.stream(message::ANNOUNCE, m.source));
    if let Some(path) = path {
        // A published message is short, so this is at most some 50 by 50 comparisons.
        let double =
            path.iter().enumerate().find(|(index, id)| path.get(index + 1..).is_some_and(|rest| rest.contains(id)));
        if let Some((_, id)) = double {
            log.add("ptp.path-trace-loop", Severity::Error, stream, m.at, || {
                format!("the path trace of Announce {} passes clock {id:016x} twice", m.sequence)
            });
        }
    }
    if said.steps_removed >= 255 && m.domain.version() == 2 {
        log.add("ptp.steps-removed", Severity::Warning, stream, m.at, || {
            format!("stepsRemoved is {}: slaves take no master with 255 or more", said.steps_removed)
        });
    }
}
