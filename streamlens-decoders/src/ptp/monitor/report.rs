//! The result: metadata of flows, facts by domain, and those findings that only the end of a capture can decide.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use streamlens_model::words::Grouped;
use streamlens_model::{Address, FindingLog, FlowKey, Metadata, Severity, Subject, Timestamp, TrafficType, Value};

use super::super::names::{self, message};
use super::super::wire::{self, DomainKey, PortIdentity};
use super::announcement::Announcement;
use super::domain::{Domain, Totals};
use super::facts::domain_facts;
use super::grants::Asked;
use super::port::{PATIENCE_NS, Port, TypeState};
use super::stats::{interval_ns, readable};
use super::{PtpMonitor, paths, profile, syncs};
use crate::{NetworkReport, Peer, Survey};
use crate::{clock_offset, nanos};

fn write(domains: &[Domain], findings: &FindingLog, unfollowed: u64, report: &mut NetworkReport) {
    if domains.is_empty() {
        return;
    }
    let mut log = findings.clone();
    let mut facts = Metadata::new();
    for domain in domains {
        at_the_end(domain, &mut log);
        facts.insert(Cow::Owned(domain.key.name().into_owned()), domain_facts(domain));
    }
    report.facts.insert(Cow::Borrowed("domains"), Value::Map(facts));
    if unfollowed > 0 {
        report.facts.insert(Cow::Borrowed("messages_of_unfollowed_domains"), Value::Unsigned(unfollowed));
    }
    for stream in log.iter().filter_map(|(_, stream, _)| stream) {
        report.stream_names.insert(stream, wire::stream_name(stream));
    }
    if !log.is_empty() {
        report.findings.push(log);
    }
}

/// Which domain, version and profile each flow carries.
pub(super) struct Flows<'m> {
    monitor: &'m PtpMonitor,
    by_flow: BTreeMap<FlowKey, (BTreeSet<DomainKey>, u8)>,
    profiles: BTreeMap<DomainKey, Option<profile::Hint>>,
    report: NetworkReport,
}

impl<'m> Flows<'m> {
    pub(super) fn new(monitor: &'m PtpMonitor) -> Self {
        let mut by_flow: BTreeMap<FlowKey, (BTreeSet<DomainKey>, u8)> = BTreeMap::new();
        for domain in &monitor.domains {
            for state in domain.ports.values().flat_map(|port| &port.types) {
                let entry = by_flow.entry(state.flow).or_default();
                entry.0.insert(domain.key);
                entry.1 = entry.1.max(state.edition);
            }
        }
        let profiles = monitor.domains.iter().map(|domain| (domain.key, profile::hint(domain))).collect();
        Self { monitor, by_flow, profiles, report: NetworkReport::default() }
    }
}

impl Survey for Flows<'_> {
    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let Some((keys, edition)) = self.by_flow.get(peer.flow) else { return };
        let flow = self.report.flows.entry(number).or_default();
        let mut names = keys.iter().map(|key| match key.sdo_id() {
            0 if key.version() == 2 => Value::from(key.number()),
            _ => Value::text(key.name()),
        });
        match (names.next(), names.len()) {
            (Some(only), 0) => flow.fact("domain", only),
            (Some(first), _) => flow.fact("domain", Value::List(std::iter::once(first).chain(names).collect())),
            (None, _) => {}
        }
        flow.fact("version", version_name(*edition));
        let mut hints = keys.iter().filter_map(|key| self.profiles.get(key)?.as_ref());
        if let (Some(hint), None) = (hints.next(), hints.next()) {
            flow.fact("profile", hint.profile);
            flow.fact("profile_reasons", Value::list(hint.reasons.iter().cloned()));
        }
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let PtpMonitor { domains, findings, unfollowed, .. } = self.monitor;
        *report = self.report;
        write(domains, findings, *unfollowed, report);
    }
}

pub(super) fn version_name(edition: u8) -> String {
    if edition == 10 { "1".to_owned() } else { format!("{}.{}", edition / 10, edition % 10) }
}

/// Findings over the whole of what was seen. Messages that may still be answered are left alone.
fn at_the_end(domain: &Domain, log: &mut FindingLog) {
    let key = domain.key;
    let now = domain.last.time.map(Timestamp::as_nanos);
    let totals = domain.totals();
    for (id, port) in domain.ports.iter() {
        without_sync(domain, &totals, (id, port), log);
        for state in &port.types {
            let kind = state.kind;
            if matches!(kind, message::SYNC | message::ANNOUNCE) && state.is_off_rate() {
                off_rate(key, id, kind, state, log);
            }
            if kind == message::DELAY_REQ {
                too_many_requests(key, id, port, state, log);
            }
            if let (message::SYNC, Some(now), Some(master)) = (kind, now, &port.master) {
                let (patience, to) = (state.patience(), state.to);
                for sync in master.syncs.iter().filter(|s| s.to == to && now.saturating_sub(s.time) > patience) {
                    syncs::missing_follow_up(sync, id, key, log);
                }
            }
        }
        for (kind, requests) in [(message::DELAY_REQ, &port.delay), (message::PDELAY_REQ, &port.peer)] {
            let (Some(requests), Some(now)) = (requests, now) else { continue };
            for request in requests.waiting.iter() {
                if request.answer.is_none() && now.saturating_sub(request.time) > PATIENCE_NS {
                    paths::unanswered(request, kind, id, key, log);
                }
            }
        }
    }
    for ((_, to, kind), asked) in &domain.grants.asked {
        let is_over = now.zip(asked.last.time).is_some_and(|(now, last)| now - last.as_nanos() > PATIENCE_NS);
        // one that was asked shortly before the end may still answer
        if asked.unanswered > 1 || (asked.unanswered == 1 && is_over) {
            without_grant(key, *to, *kind, asked, log);
        }
    }
    check_time(domain, log);
    let (e2e, p2p) = (totals.of(message::DELAY_REQ), totals.of(message::PDELAY_REQ));
    if e2e > 0 && p2p > 0 {
        log.add("ptp.delay-mechanisms-mixed", Severity::Warning, Some(key.whole()), domain.last, || {
            format!(
                "{key} has {e2e} Delay_Req (end to end) and {p2p} Pdelay_Req (peer to peer): one link uses one of them"
            )
        });
    }
}

/// Announcements in a row without a Sync that say that a port is no master after all.
const ANNOUNCED_ENOUGH: u64 = 5;

/// How long a port announces itself, in nanoseconds, where no port of its domain sends a Sync: four of the longest intervals of Sync
/// that profiles of multicast allow.
const ANNOUNCED_LONG_NS: i64 = 8_000_000_000;

/// A port that goes on announcing itself to a group and sends no Sync: nobody can follow it. By unicast the Sync of each slave may
/// pass elsewhere.
fn without_sync(domain: &Domain, totals: &Totals, (id, port): (PortIdentity, &Port), log: &mut FindingLog) {
    let is_to_all =
        |state: &&TypeState| state.kind == message::ANNOUNCE && state.to.traffic_type() != TrafficType::Unicast;
    let Some(announced) = port.types.iter().find(is_to_all) else { return };
    if announced.count < ANNOUNCED_ENOUGH
        || port.types.iter().any(|state| matches!(state.kind, message::SYNC | message::FOLLOW_UP))
    {
        return;
    }
    let (key, count) = (domain.key, announced.count);
    let stream = Some(key.stream(message::ANNOUNCE, id));
    if totals.of(message::SYNC) > 0 {
        log.add("ptp.announce-without-sync", Severity::Warning, stream, announced.first, || {
            format!("{} announced itself {count} times and sent no Sync: no clock can follow it", key.port_name(id))
        });
        return;
    }
    // Where no port sends any, it may be for the capture.
    let (Some(first), Some(last)) = (announced.first.time, announced.last.time) else { return };
    let span = nanos::elapsed(first, last);
    if span < ANNOUNCED_LONG_NS || lacks_event_messages(totals) || domain.grants.has_any(id, message::SYNC) {
        return;
    }
    let has_events = (0..message::FOLLOW_UP).any(|kind| totals.of(kind) > 0);
    log.add("ptp.announce-without-sync", Severity::Warning, stream, announced.first, || {
        let or_else = match announced.to {
            Address::Mac(_) => "",
            _ if has_events => "",
            _ => "; nothing of the domain came on UDP port 319, so that the capture may lack it",
        };
        format!(
            "{} announced itself {count} times in {:.1} s, and neither it nor another port of its domain sent a Sync: no clock \
             can follow it{or_else}",
            key.port_name(id),
            span as f64 / 1e9
        )
    });
}

/// Whether there are general messages that tell of event messages that the capture doesn't have.
fn lacks_event_messages(totals: &Totals) -> bool {
    let told = [
        (message::FOLLOW_UP, message::SYNC),
        (message::DELAY_RESP, message::DELAY_REQ),
        (message::PDELAY_RESP_FOLLOW_UP, message::PDELAY_RESP),
    ];
    told.iter().any(|(general, event)| totals.of(*general) > 0 && totals.of(*event) == 0)
}

fn without_grant(key: DomainKey, to: Address, kind: u8, asked: &Asked, log: &mut FindingLog) {
    let (code, of) = (("ptp.request-without-grant", Severity::Warning), (Some(key.all_of_port(asked.port)), kind));
    let (stream, subject) = (of.0, Subject::of([of.1.into()]));
    log.add_counted(code, (stream, subject), asked.unanswered, (asked.first, asked.last), || {
        let (port, kind) = (key.port_name(asked.port), names::message_type(kind.into()));
        let requests = if asked.unanswered == 1 { "request" } else { "requests" };
        format!(
            "{port} asked {to} for {kind} by unicast, and {} {requests} in a row got no grant: it can't lock to it",
            asked.unanswered
        )
    });
}

/// Looks whether the domain's time is off the capture's clock: by an offset that is no error of a clock (a timescale taken for
/// another one, a time zone), or by one that no oscillator makes.
fn check_time(domain: &Domain, log: &mut FindingLog) {
    let Some(selected) = domain.masters.selected else { return };
    let Some(said) = domain.masters.announcers.get(selected.port).map(|announcer| announcer.said) else { return };
    // an arbitrary timescale stands for no time of the day
    if said.time_flags & Announcement::PTP_TIMESCALE == 0 {
        return;
    }
    let Some(master) = domain.ports.get(selected.port).and_then(|port| port.master.as_ref()) else { return };
    let Some(arrival) = master.arrival.mean() else { return };
    // what a receiver takes for UTC, less what the capture's clock says
    let off = -(arrival + f64::from(said.utc_offset) * 1e9);
    let stream = Some(domain.key.stream(message::ANNOUNCE, selected.port));
    let Some(words) = clock_offset::in_words(off as i64) else {
        let now = domain.last.time.map(|time| time.as_nanos().saturating_add(off as i64));
        if let Some(judged) = now.and_then(|now| clock_offset::judged(now, off as i64, false)) {
            log.add("ptp.clock-offset", Severity::Warning, stream, selected.at, || {
                format!(
                    "grandmaster {}: {judged}, since it was chosen at frame {}",
                    domain.key.clock_name(selected.grandmaster),
                    Grouped(selected.at.frame)
                )
            });
        }
        return;
    };
    let subject = Subject::of([1]);
    log.add_against_capture("ptp.utc-offset", Severity::Warning, (stream, subject), selected.at, || {
        let valid = if said.time_flags & Announcement::UTC_VALID == 0 { "not " } else { "" };
        format!(
            "{} announces the PTP timescale with a currentUtcOffset of {} s, {valid}marked valid; taken as UTC its time \
             is {words} off the capture's clock, since it was chosen at frame {}",
            domain.key.port_name(selected.port),
            said.utc_offset,
            Grouped(selected.at.frame)
        )
    });
}

fn off_rate(key: DomainKey, port: PortIdentity, kind: u8, state: &TypeState, log: &mut FindingLog) {
    let stream = Some(key.stream(kind, port));
    let text = || {
        let expected = state.log_interval.and_then(interval_ns).unwrap_or_default();
        format!(
            "{} of {}: {} of {} intervals are more than 30 % off the announced {}; the mean is {}",
            names::message_type(kind.into()),
            key.port_name(port),
            state.off_rate,
            state.judged,
            readable(expected),
            readable(state.intervals.mean().unwrap_or_default() as i64)
        )
    };
    log.add("ptp.rate", Severity::Warning, stream, state.first, text);
    log.add("ptp.rate", Severity::Warning, stream, state.last, String::new);
}

/// Delay_Reqs are spaced at random between 0 and twice the least interval, so only their mean says anything, and of
/// few requests not even that: three standard deviations of the mean are allowed for.
fn too_many_requests(key: DomainKey, port: PortIdentity, of: &Port, state: &TypeState, log: &mut FindingLog) {
    let (Some(least), Some(mean)) = (of.log_min_delay_req.and_then(interval_ns), state.intervals.mean()) else {
        return;
    };
    let count = state.intervals.count();
    let spread = 3.0 * 0.577 / (count as f64).sqrt();
    if count < 20 || mean >= least as f64 * (0.9 - spread) {
        return;
    }
    let stream = Some(key.stream(message::DELAY_REQ, port));
    log.add("ptp.rate", Severity::Warning, stream, state.first, || {
        format!(
            "Delay_Req of {}: the mean interval of {count} is {}, the master allows {}",
            key.port_name(port),
            readable(mean as i64),
            readable(least)
        )
    });
    log.add("ptp.rate", Severity::Warning, stream, state.last, String::new);
}
