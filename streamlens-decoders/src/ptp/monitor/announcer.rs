//! A port that announces: what it said last, and since when it has done so without a break.

use streamlens_model::{Address, FindingLog, Occurrence};

use super::announcement::{Announcement, changes};
use super::message::Message;
use crate::nanos;

/// announceReceiptTimeout, in announce intervals: the default of most profiles.
pub(super) const RECEIPT_TIMEOUT: i64 = 3;
/// A foreign master counts from its second Announce within this many intervals (IEEE 1588-2019 9.3.2.4.4).
pub(super) const QUALIFICATION: i64 = 4;

/// A port that sends Announce messages.
#[derive(Clone, Debug)]
pub(super) struct Announcer {
    pub(super) said: Announcement,
    pub(super) count: u64,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    /// When it began to announce without a break.
    pub(super) run_began: i64,
    pub(super) last_time: i64,
    pub(super) is_qualified: bool,
    pub(super) interval: i64,
    /// Where its announcements go.
    pub(super) to: Address,
    pub(super) path: Option<Vec<u64>>,
    /// Sign of IEEE C37.238.
    pub(super) has_power_profile_tlv: bool,
}

/// What a sender says in one Announce, or a Sync of version 1.
pub(super) struct Heard {
    pub(super) said: Announcement,
    /// Nanoseconds to the next one.
    pub(super) interval: i64,
    /// Clock identities of the path trace, where there is one.
    pub(super) path: Option<Vec<u64>>,
    pub(super) has_power_profile_tlv: bool,
}

/// What an announcement is to those of its sender before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    /// The sender says the same again, and counts as a master now as before.
    pub(super) is_unchanged: bool,
    /// When it began to announce without a break, in nanoseconds.
    pub(super) since: i64,
}

impl Announcer {
    pub(super) fn new(m: &Message<'_>, now: i64, heard: Heard) -> Self {
        Self {
            said: heard.said,
            count: 1,
            first: m.at,
            last: m.at,
            run_began: now,
            last_time: now,
            is_qualified: false,
            interval: heard.interval,
            to: m.to(),
            path: heard.path,
            has_power_profile_tlv: heard.has_power_profile_tlv,
        }
    }

    /// Takes over what it says now.
    pub(super) fn update(&mut self, m: &Message<'_>, now: i64, heard: Heard, log: &mut FindingLog) -> Update {
        let is_same = self.said == heard.said;
        if !is_same {
            changes(m, &self.said, &heard.said, log);
        }
        let pause = nanos::saturating_difference(now, self.last_time);
        if pause > heard.interval.saturating_mul(RECEIPT_TIMEOUT) {
            self.run_began = now;
        }
        let was_qualified = self.is_qualified;
        self.is_qualified = pause <= heard.interval.saturating_mul(QUALIFICATION);
        (self.said, self.interval, self.last, self.last_time) = (heard.said, heard.interval, m.at, now);
        self.to = m.to();
        self.count += 1;
        self.carries(heard.path, heard.has_power_profile_tlv);
        Update { is_unchanged: is_same && was_qualified && self.is_qualified, since: self.run_began }
    }

    /// Takes over what stands behind its announcement.
    pub(super) fn carries(&mut self, path: Option<Vec<u64>>, has_power_profile_tlv: bool) {
        if path.is_some() || self.path.is_some() {
            self.path = path;
        }
        self.has_power_profile_tlv |= has_power_profile_tlv;
    }

    pub(super) fn is_silent(&self, now: i64) -> bool {
        nanos::saturating_difference(now, self.last_time) > self.interval.saturating_mul(RECEIPT_TIMEOUT)
    }
}
