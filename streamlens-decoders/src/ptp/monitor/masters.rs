//! Who announces, who is best, and what changes: the grandmaster as a slave in this domain would choose it.

use std::ops::Range;

use streamlens_model::{FindingLog, Occurrence, Severity, Subject};

use super::super::names::{self, message};
use super::super::wire::{Header, PortIdentity, tlvs, u8_at, u64_at};
use super::announcement::{Announcement, check_path, check_utc};
use super::announcer::{Announcer, Heard, QUALIFICATION, RECEIPT_TIMEOUT, Update};
use super::by_port::ByPort;
use super::message::{Message, is_unicast};
use super::stats::{interval_ns, readable};
use crate::nanos;

/// The most ports whose announcements are compared in one domain.
const MAX_ANNOUNCERS: usize = 256;
/// The most changes of grandmaster that are kept in order; later ones are counted.
const MAX_HISTORY: usize = 64;
/// Where no Announce tells the interval: that of the default profile, 2 s.
const DEFAULT_INTERVAL_NS: i64 = 2_000_000_000;
/// How often a silence that goes on is looked at, in nanoseconds.
const LOOK_NS: i64 = 10_000_000;

/// What TLVs say: the path trace, and whether there is a sign of the power profile.
#[inline(never)]
fn path_and_power(behind: &[u8]) -> (Option<Vec<u64>>, bool) {
    let path = tlvs(behind)
        .find(|(kind, _)| *kind == 0x0008)
        .map(|(_, value)| value.chunks_exact(8).filter_map(|id| u64_at(id, 0)).collect::<Vec<_>>());
    let power = tlvs(behind)
        .any(|(kind, value)| matches!(kind, 0x0003 | 0x4000 | 0x8000) && value.starts_with(&[0x1C, 0x12, 0x9D]));
    (path, power)
}

/// The selected master at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) at: Occurrence,
    pub(super) grandmaster: u64,
    pub(super) port: PortIdentity,
    /// clockClass and clockAccuracy of the grandmaster then, of which less is better (IEEE 1588-2019 7.6.2.5, 7.6.2.6).
    pub(super) quality: (u8, u8),
}

/// All announcers of a domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Masters {
    pub(super) announcers: ByPort<Announcer>,
    pub(super) selected: Option<Selected>,
    /// Where the selected one stands among the announcers.
    selected_place: usize,
    /// Selections in order, the first one included.
    pub(super) history: Vec<Selected>,
    pub(super) changes: u64,
    first_heard: Option<i64>,
    last_heard: Option<i64>,
    longest_interval: i64,
    /// The grandmaster named first, and whether another one was ever named: else there are no rivals.
    grandmaster: Option<u64>,
    grandmasters_differ: bool,
    /// Whether the silence that goes on was pointed out.
    timeout_noted: bool,
    no_master_noted: bool,
    began: Option<i64>,
    /// No silence can be too long between these instants, so that most messages need no further look. Empty where that is not
    /// known.
    quiet: Range<i64>,
    /// Whether the domain's traffic asks for a master.
    is_asked_for: bool,
}

impl Masters {
    /// Looks at the clock with each message of the domain: has the master fallen silent, is there none at all?
    #[inline]
    pub(super) fn on_time(&mut self, now: i64, m: &Message<'_>, log: &mut FindingLog) {
        self.is_asked_for |= matches!(m.kind, message::SYNC | message::DELAY_REQ | message::PDELAY_REQ);
        // A clock that runs back looks again as well.
        if !self.quiet.contains(&now) {
            self.look(now, m, log);
        }
    }

    fn look(&mut self, now: i64, m: &Message<'_>, log: &mut FindingLog) {
        let began = *self.began.get_or_insert(now);
        let deadline = self.deadline(began);
        self.quiet = began..deadline.max(nanos::saturating_sum(now, LOOK_NS));
        if now > deadline {
            self.note_silence(began, now, m, log);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_silence(&mut self, began: i64, now: i64, m: &Message<'_>, log: &mut FindingLog) {
        let master = self.selected.and_then(|selected| Some((selected, self.announcers.at(self.selected_place)?)));
        if let Some((selected, master)) = master
            && !self.timeout_noted
            && master.is_silent(now)
        {
            self.timeout_noted = true;
            let (last, silence) = (master.last, now.saturating_sub(master.last_time));
            if !is_unicast(master.to) {
                let stream = Some(m.domain.stream(message::ANNOUNCE, selected.port));
                log.add("ptp.announce-timeout", Severity::Warning, stream, m.at, || {
                    format!(
                        "master {} has sent no Announce for {} since frame {}: its slaves time out after {}",
                        m.domain.port_name(selected.port),
                        readable(silence),
                        last.frame,
                        readable(master.interval.saturating_mul(RECEIPT_TIMEOUT))
                    )
                });
            }
        }
        let interval = if self.longest_interval > 0 { self.longest_interval } else { DEFAULT_INTERVAL_NS };
        let silence = nanos::saturating_difference(now, self.last_heard.unwrap_or(began));
        // 802.1AS networks of vehicles have fixed masters that do not announce.
        let needs_none = m.domain.is_link_delay_service()
            || m.domain.version() == 1
            || (m.domain.is_gptp() && self.last_heard.is_none());
        // Another master needs one timeout to notice the silence, and comes forward within the next.
        if silence > interval.saturating_mul(2 * RECEIPT_TIMEOUT)
            && self.is_asked_for
            && !self.no_master_noted
            && !needs_none
            && m.kind != message::ANNOUNCE
        {
            self.no_master_noted = true;
            log.add("ptp.no-master", Severity::Warning, Some(m.domain.whole()), m.at, || {
                format!(
                    "{} goes on without a master: no Announce for {}{}",
                    m.domain,
                    readable(silence),
                    if self.last_heard.is_none() { " and none before" } else { "" }
                )
            });
        }
    }

    /// The instant up to which neither the master nor the domain has been silent for too long.
    fn deadline(&self, began: i64) -> i64 {
        let interval = if self.longest_interval > 0 { self.longest_interval } else { DEFAULT_INTERVAL_NS };
        let none = self.last_heard.unwrap_or(began).saturating_add(interval.saturating_mul(2 * RECEIPT_TIMEOUT));
        let timeout =
            self.selected_announcer().map(|a| a.last_time.saturating_add(a.interval.saturating_mul(RECEIPT_TIMEOUT)));
        timeout.map_or(none, |timeout| none.min(timeout))
    }

    #[inline]
    fn selected_announcer(&self) -> Option<&Announcer> {
        self.selected.and_then(|_| self.announcers.at(self.selected_place))
    }

    #[inline(never)]
    pub(super) fn on_announce(&mut self, m: &Message<'_>, log: &mut FindingLog) {
        let Some(said) = Announcement::parse(m) else { return };
        let interval = m.log_interval.and_then(interval_ns).unwrap_or(DEFAULT_INTERVAL_NS);
        let behind = m.bytes.get(64..).unwrap_or_default();
        let (path, power) = if behind.is_empty() { (None, false) } else { path_and_power(behind) };
        check_path(m, path.as_deref(), &said, log);
        self.hear(m, Heard { said, interval, path, has_power_profile_tlv: power }, log);
    }

    /// Version 1 has no Announce: its Syncs name the grandmaster.
    #[inline(never)]
    pub(super) fn on_v1_sync(&mut self, m: &Message<'_>, log: &mut FindingLog) {
        let Some(said) = Announcement::parse_v1(m.bytes) else { return };
        let interval = u8_at(m.bytes, 83).and_then(|log| interval_ns(log.cast_signed()));
        let interval = interval.unwrap_or(DEFAULT_INTERVAL_NS);
        self.hear(m, Heard { said, interval, path: None, has_power_profile_tlv: false }, log);
    }

    /// Records an announcement. One without a capture time only says what stands behind it.
    #[inline(always)]
    fn hear(&mut self, m: &Message<'_>, heard: Heard, log: &mut FindingLog) {
        let Some(now) = m.time() else {
            if let Some(known) = self.announcers.get_mut(m.source) {
                known.carries(heard.path, heard.has_power_profile_tlv);
            }
            return;
        };
        let (said, interval) = (heard.said, heard.interval);
        self.end_silence(m, now, &heard);
        let has_room = self.announcers.len() < MAX_ANNOUNCERS;
        let update = match self.announcers.get_mut(m.source) {
            Some(known) => Some(known.update(m, now, heard, log)),
            None if has_room => {
                check_utc(m, &said, log);
                self.announcers.add(m.source, Announcer::new(m, now, heard));
                Some(Update { is_unchanged: false, since: now })
            }
            None => None,
        };
        if m.flags & Header::ALTERNATE_MASTER != 0 {
            return;
        }
        // A repeated Announce changes nothing while the selected master is still heard.
        if !(update.is_some_and(|update| update.is_unchanged) && self.selected_is_heard(now)) {
            self.select(m, now, log);
        }
        if let Some(update) = update.filter(|_| self.grandmasters_differ) {
            self.check_rivals(m, &said, interval, update.since, now, log);
        }
    }

    /// An announcement ends every silence of the domain, and that of its sender.
    fn end_silence(&mut self, m: &Message<'_>, now: i64, heard: &Heard) {
        self.first_heard.get_or_insert(now);
        self.last_heard = Some(now);
        self.quiet = 0..0;
        self.no_master_noted = false;
        self.longest_interval = self.longest_interval.max(heard.interval);
        self.timeout_noted &= self.selected.is_none_or(|selected| selected.port != m.source);
        let grandmaster = heard.said.grandmaster;
        self.grandmasters_differ |= *self.grandmaster.get_or_insert(grandmaster) != grandmaster;
    }

    fn selected_is_heard(&self, now: i64) -> bool {
        self.selected_announcer().is_some_and(|selected| !selected.is_silent(now))
    }

    #[inline(never)]
    fn select(&mut self, m: &Message<'_>, now: i64, log: &mut FindingLog) {
        let best = self
            .announcers
            .iter()
            .filter(|(_, a)| a.is_qualified && !a.is_silent(now) && a.said.steps_removed < 255)
            .min_by_key(|(port, a)| (a.said.rank(), *port));
        let Some((port, said)) = best.map(|(port, announcer)| (port, announcer.said)) else { return };
        let quality = (said.class, said.accuracy);
        let chosen = Selected { at: m.at, grandmaster: said.grandmaster, port, quality };
        self.selected_place = self.announcers.place(port).unwrap_or_default();
        let Some(before) = self.selected.replace(chosen) else {
            self.history.push(chosen);
            return;
        };
        if (before.port, before.grandmaster) == (port, chosen.grandmaster) {
            self.selected = Some(before);
            return;
        }
        self.timeout_noted = false;
        if self.history.len() < MAX_HISTORY {
            self.history.push(chosen);
        }
        // Masters that start together find out who is best within their first Announces: an election, no change.
        if before.port != port && self.is_electing(now) {
            return;
        }
        self.changes += 1;
        let (domain, stream) = (m.domain, Some(m.domain.whole()));
        if before.grandmaster == chosen.grandmaster {
            let subject = Subject::of_pair(before.port.folded(), port.folded());
            log.add_about("ptp.bmca-master-port-changed", Severity::Info, stream, subject, m.at, || {
                let (old, new) = (domain.port_name(before.port), domain.port_name(port));
                let grandmaster = domain.clock_name(chosen.grandmaster);
                format!("{domain}: the way to grandmaster {grandmaster} leads over {new} instead of {old}")
            });
        } else {
            // what is as good as the one before is what a second grandmaster is there for
            let ((old_class, old_accuracy), (class, accuracy)) = (before.quality, quality);
            let is_worse = class > old_class || accuracy > old_accuracy;
            let severity = if is_worse { Severity::Warning } else { Severity::Info };
            let subject = Subject::of_pair(before.grandmaster, chosen.grandmaster);
            log.add_about("ptp.grandmaster-changed", severity, stream, subject, m.at, || {
                format!(
                    "{domain}: grandmaster {} (announced by {}) took the place of {} (by {}): priority1 {}, class {} ({}), \
                     accuracy {}",
                    domain.clock_name(chosen.grandmaster),
                    domain.port_name(port),
                    domain.clock_name(before.grandmaster),
                    domain.port_name(before.port),
                    said.priority1,
                    said.class,
                    names::clock_class(said.class),
                    names::clock_accuracy(said.accuracy)
                )
            });
        }
    }

    /// Whether the first Announce was so short a while ago that masters may still find out who is best.
    pub(super) fn is_electing(&self, now: i64) -> bool {
        let election = self.longest_interval.saturating_mul(QUALIFICATION);
        self.first_heard.is_none_or(|first| now.saturating_sub(first) <= election)
    }

    /// Two grandmasters announced at once, for longer than masters need to find out who is best. Unicast slaves ask
    /// several masters to announce, which is no conflict.
    #[inline(never)]
    fn check_rivals(
        &self,
        m: &Message<'_>,
        own: &Announcement,
        interval: i64,
        run_began: i64,
        now: i64,
        log: &mut FindingLog,
    ) {
        if is_unicast(m.to()) || m.domain.version() == 1 {
            return;
        }
        for (port, rival) in self.announcers.iter() {
            if port == m.source || is_unicast(rival.to) || rival.said.grandmaster == own.grandmaster {
                continue;
            }
            let interval = interval.max(rival.interval);
            let together = now.saturating_sub(run_began.max(rival.run_began));
            let is_alive = now.saturating_sub(rival.last_time) <= interval.saturating_mul(2);
            if is_alive && together > interval.saturating_mul(QUALIFICATION) {
                let domain = m.domain;
                log.add("ptp.two-masters", Severity::Error, Some(domain.whole()), m.at, || {
                    format!(
                        "{domain}: {} announces grandmaster {} and {} announces {}, both for {}",
                        domain.port_name(m.source),
                        domain.clock_name(own.grandmaster),
                        domain.port_name(port),
                        domain.clock_name(rival.said.grandmaster),
                        readable(together)
                    )
                });
                return;
            }
        }
    }

    /// Whether the domain's time is TAI (true) or arbitrary (false), as the selected master says.
    pub(super) fn timescale(&self) -> Option<(bool, i16)> {
        let said = match self.selected {
            Some(selected) => self.announcers.get(selected.port)?.said,
            None => self.announcers.values().next()?.said,
        };
        Some((said.time_flags & Announcement::PTP_TIMESCALE != 0, said.utc_offset))
    }
}
