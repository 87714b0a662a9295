//! Facts of one domain: who is there, which figures, and what can't be known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use streamlens_model::{Metadata, Timestamp, Value};

use super::super::names::{self, message};
use super::super::wire::{DomainKey, PortIdentity};
use super::announcement::Announcement;
use super::announcer::Announcer;
use super::domain::Domain;
use super::paths::{Link, Path};
use super::port::{MasterClock, Port, Requests, TypeState};
use super::profile;
use super::report::version_name;
use super::self_reports::SelfReport;
use super::stats::{Series, interval_ns};

/// The most ports, pairs and grants that are listed of one domain; the rest is counted.
const MAX_LISTED: usize = 256;

/// Named values in the making.
#[derive(Default)]
struct Map(Metadata);

impl Map {
    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(Cow::Borrowed(name), value.into());
    }

    fn maybe(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A count, where there is something to count.
    fn count(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            self.put(name, count);
        }
    }

    fn summary(&mut self, name: &'static str, summary: Series) {
        self.maybe(name, summary.to_value());
    }

    /// A list by name, cut where it is too long.
    fn table(&mut self, name: &'static str, rows: impl ExactSizeIterator<Item = (String, Value)>) {
        let left_out = rows.len().saturating_sub(MAX_LISTED);
        let rows: Metadata = rows.take(MAX_LISTED).collect();
        if left_out > 0 {
            self.0.insert(Cow::Owned(format!("{name}_not_listed")), Value::Unsigned(left_out as u64));
        }
        if !rows.is_empty() {
            self.put(name, Value::Map(rows));
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.0)
    }
}

pub(super) fn domain_facts(domain: &Domain) -> Value {
    let key = domain.key;
    let mut out = Map::default();
    let totals = domain.totals();
    out.put("version", version_name(totals.edition));
    if key.version() == 2 {
        out.put("domain_number", key.number());
        out.put("sdo_id", key.sdo_id());
    }
    out.maybe("first_seen", domain.first.time);
    out.maybe("last_seen", domain.last.time);
    let messages = totals.by_type.iter().enumerate().filter(|(_, count)| **count > 0);
    let messages = messages.map(|(kind, count)| (names::message_type(kind as u32), Value::Unsigned(*count)));
    out.put("messages", Value::map(messages));
    out.count("messages_of_unfollowed_ports", domain.unfollowed);
    if let Some(hint) = profile::hint(domain) {
        out.put("profile", hint.profile);
        out.put("profile_reasons", Value::list(hint.reasons));
    }
    grandmaster_facts(domain, &mut out);
    let announcers = domain.masters.announcers.iter();
    out.table("announcers", announcers.map(|(port, a)| (key.port_name(port), announcer_facts(key, a))));
    out.table("ports", domain.ports.iter().map(|(id, port)| (key.port_name(id), port_facts(port))));
    let mut masters = Vec::new();
    for id in &domain.sync_senders {
        let master = domain.ports.get(*id).and_then(|port| port.master.as_deref());
        if let Some(master) = master {
            masters.push((key.port_name(*id), master_facts(domain, *id, master)));
        }
    }
    out.table("masters", masters.into_iter());
    let links = domain.links.iter();
    out.table(
        "links",
        links.map(|((requester, responder), link)| {
            (format!("{} -> {}", key.port_name(*requester), key.port_name(*responder)), link_facts(link))
        }),
    );
    out.table("told_by_clocks", domain.told.iter().map(|(id, told)| (key.port_name(*id), told_facts(key, told))));
    grant_facts(domain, &mut out);
    let unknown = unknown(domain);
    if !unknown.is_empty() {
        out.put("not_known", Value::list(unknown));
    }
    out.into_value()
}

fn grandmaster_facts(domain: &Domain, out: &mut Map) {
    let (key, masters) = (domain.key, &domain.masters);
    if let Some(selected) = masters.selected {
        out.put("grandmaster", key.clock_name(selected.grandmaster));
        out.put("master_port", key.port_name(selected.port));
    }
    let history = masters.history.iter().map(|selected| {
        let mut entry = Map::default();
        entry.put("grandmaster", key.clock_name(selected.grandmaster));
        entry.put("announced_by", key.port_name(selected.port));
        entry.put("frame", selected.at.frame);
        entry.maybe("time", selected.at.time);
        entry.into_value()
    });
    let history: Vec<_> = history.collect();
    if !history.is_empty() {
        out.put("grandmasters_in_order", Value::List(history));
    }
    out.count("grandmaster_changes", masters.changes);
    if let Some((is_ptp, utc_offset)) = masters.timescale() {
        if key.version() == 2 {
            out.put("timescale", if is_ptp { "PTP (TAI)" } else { "arbitrary" });
        }
        out.put("current_utc_offset_s", utc_offset);
    }
}

fn announcer_facts(key: DomainKey, announcer: &Announcer) -> Value {
    let (said, mut out) = (&announcer.said, Map::default());
    out.put("grandmaster", key.clock_name(said.grandmaster));
    out.put("announce_count", announcer.count);
    out.put("first_frame", announcer.first.frame);
    out.put("last_frame", announcer.last.frame);
    out.put("steps_removed", said.steps_removed);
    out.put("current_utc_offset_s", said.utc_offset);
    if key.version() == 1 {
        out.put("stratum", said.class);
        return out.into_value();
    }
    out.put("priority1", said.priority1);
    out.put("priority2", said.priority2);
    out.put("clock_class", said.class);
    out.put("clock_class_name", names::clock_class(said.class));
    out.put("clock_accuracy", said.accuracy);
    out.put("clock_accuracy_name", names::clock_accuracy(said.accuracy));
    out.put("offset_scaled_log_variance", said.variance);
    out.put("time_source", said.time_source);
    out.put("time_source_name", names::time_source(said.time_source));
    for &(mask, name) in names::TIME_FLAGS {
        if u16::from(said.time_flags) & mask != 0 {
            out.put(name, true);
        }
    }
    if let Some(path) = &announcer.path {
        out.put("path_trace", Value::list(path.iter().map(|&clock| key.clock_name(clock))));
    }
    out.into_value()
}

fn port_facts(port: &Port) -> Value {
    let mut out = Map::default();
    let kinds: BTreeSet<u8> = port.types.iter().map(|state| state.kind).collect();
    let messages = kinds.into_iter().map(|kind| {
        let states: Vec<_> = port.types.iter().filter(|state| state.kind == kind).collect();
        (names::message_type(kind.into()), type_facts(kind, port, &states))
    });
    out.put("messages", Value::map(messages));
    out.count("messages_to_further_destinations", port.uncounted);
    if let Some(requests) = &port.delay {
        out.put("delay_requests", request_facts(requests));
    }
    if let Some(requests) = &port.peer {
        out.put("peer_delay_requests", request_facts(requests));
    }
    out.into_value()
}

/// One message type of a port, all destinations together; counters run by destination.
fn type_facts(kind: u8, port: &Port, states: &[&TypeState]) -> Value {
    let mut out = Map::default();
    let sum = |figure: fn(&TypeState) -> u64| states.iter().map(|state| figure(state)).sum::<u64>();
    out.put("count", sum(|s| s.count));
    if matches!(
        kind,
        message::SYNC
            | message::FOLLOW_UP
            | message::DELAY_REQ
            | message::PDELAY_REQ
            | message::ANNOUNCE
            | message::SIGNALING
    ) {
        out.put("missing_sequence_ids", sum(|s| s.missing));
        out.put("repeated_sequence_ids", sum(|s| s.repeated));
        out.put("backward_sequence_ids", sum(|s| s.backward));
    }
    let [state] = states else {
        out.put("destinations", states.len() as u64);
        return out.into_value();
    };
    out.summary("interval", state.intervals);
    let log = if kind == message::DELAY_REQ { port.log_min_delay_req } else { state.log_interval };
    if let Some(log) = log {
        out.put("log_message_interval", log);
        if let Some(expected) = interval_ns(log) {
            out.put("announced_interval_ns", expected);
            out.maybe("interval_ratio", state.intervals.mean().map(|mean| mean / expected as f64));
        }
    }
    if state.judged > 0 && matches!(kind, message::SYNC | message::ANNOUNCE) {
        out.put("intervals_off_rate", state.off_rate);
    }
    out.into_value()
}

fn request_facts(requests: &Requests) -> Value {
    let mut out = Map::default();
    out.put("answered", requests.answered);
    let waiting = requests.waiting.iter().filter(|request| request.answer.is_none()).count() as u64;
    out.put("without_answer", requests.unanswered + waiting);
    out.count("waiting_at_the_end", waiting);
    out.count("answers_without_request", requests.stray_answers);
    out.summary("turn_round", requests.turn_round);
    out.into_value()
}

fn master_facts(domain: &Domain, id: PortIdentity, master: &MasterClock) -> Value {
    let mut out = Map::default();
    out.put("one_step_syncs", master.one_step);
    out.put("two_step_syncs", master.two_step);
    let waiting = master.syncs.iter().count() as u64;
    out.put("syncs_without_follow_up", master.without_follow_up + waiting);
    out.count("syncs_waiting_at_the_end", waiting);
    out.put("follow_ups_without_sync", master.without_sync);
    out.count("follow_ups_before_first_sync", master.before_first_sync);
    out.count("time_backwards", master.backward);
    out.count("time_jumps", master.jumps);
    out.summary("sync_to_follow_up", master.turn_round);
    out.summary("sync_capture_minus_origin", master.arrival);
    if let (Some(mean), Some(min)) = (master.arrival.mean(), master.arrival.min()) {
        out.put("mean_above_least_ns", mean - min as f64);
    }
    // The master's clock against the capture's: A falls where the master runs fast.
    out.maybe("rate_offset_from_capture_clock_ppm", master.slope.ppm().map(|ppm| -ppm));
    if let (Some((true, utc_offset)), Some(mean)) = (domain.masters.timescale(), master.arrival.mean())
        && domain.key.version() == 2
    {
        // A capture clock in UTC is behind the PTP timescale by the UTC offset.
        out.put("sync_capture_minus_origin_utc_mean_ns", mean + f64::from(utc_offset) * 1e9);
    }
    if let Some((_, responder)) = master.link_delay {
        out.put("link_delay_from", domain.key.port_name(responder));
        out.summary("capture_clock_offset_from_master", master.offset);
    }
    let paths: Vec<_> = domain.paths.iter().filter(|((of, _), _)| *of == id).collect();
    let paths = paths.into_iter().map(|((_, requester), path)| (domain.key.port_name(*requester), path_facts(path)));
    out.table("by_requester", paths);
    out.into_value()
}

fn path_facts(path: &Path) -> Value {
    let mut out = Map::default();
    out.summary("delay_resp_receive_minus_capture", path.departure);
    out.summary("path_delay_capture_point_to_master", path.delay);
    out.summary("capture_clock_offset_from_master", path.offset);
    out.summary("age_of_sync_used", path.sync_age);
    out.into_value()
}

fn link_facts(link: &Link) -> Value {
    let mut out = Map::default();
    out.summary("link_delay_capture_point_to_responder", link.delay);
    out.summary("responder_turn_round", link.turn_round);
    out.maybe("responder_rate_ratio_to_capture_clock", link.rate_ratio());
    out.into_value()
}

fn told_facts(key: DomainKey, told: &SelfReport) -> Value {
    let mut out = Map::default();
    out.summary("own_offset_from_master", told.offset);
    out.summary("own_mean_path_delay", told.path_delay);
    out.maybe("steps_removed", told.steps_removed);
    out.summary("own_offset_from_master_time_status_np", told.time_status_offset);
    out.maybe("grandmaster", told.grandmaster.map(|clock| key.clock_name(clock)));
    out.summary("own_offset_from_master_per_sync", told.computed_offset);
    out.summary("own_mean_path_delay_per_sync", told.computed_path_delay);
    let states =
        told.port_states.iter().map(|(port, state)| (format!("port {port}"), names::port_state(*state).into()));
    if !told.port_states.is_empty() {
        out.put("port_states", Value::map(states));
    }
    out.into_value()
}

fn grant_facts(domain: &Domain, out: &mut Map) {
    let grants = &domain.grants;
    out.count("unicast_requests", grants.requests);
    out.count("unicast_cancels", grants.cancels);
    let now = domain.last.time.map(Timestamp::as_nanos);
    out.table(
        "unicast_grants",
        grants.table.iter().map(|((from, to, kind), grant)| {
            let mut row = Map::default();
            row.put("granted", grant.granted);
            row.count("refused", grant.refused);
            row.count("cancelled", grant.cancelled);
            if grant.granted > 0 {
                row.put("log_message_interval", grant.log_interval);
                row.put("duration_s", grant.duration_s);
            }
            if let Some(expires) = grant.expires() {
                row.put("expires", Timestamp::from_nanos(expires));
                row.maybe("is_expired", now.map(|now| now > expires));
            }
            let name = format!("{} {} to {to}", domain.key.port_name(*from), names::message_type((*kind).into()));
            (name, row.into_value())
        }),
    );
}

/// What can't be known of this domain from this capture, in sentences.
fn unknown(domain: &Domain) -> Vec<String> {
    let mut list = Vec::new();
    let measured = domain.sync_senders.iter().any(|id| {
        domain.ports.get(*id).and_then(|port| port.master.as_ref()).is_some_and(|master| master.arrival.count() > 0)
    });
    let split = !domain.paths.is_empty()
        || domain.sync_senders.iter().any(|id| {
            let master = domain.ports.get(*id).and_then(|port| port.master.as_ref());
            master.is_some_and(|master| master.offset.count() > 0)
        });
    if measured && split {
        list.push(
            "offsets are those of the capture's clock, and hold where both ways between capture point and master take \
             the same time; an asymmetry of d shows as an offset of d / 2"
                .to_owned(),
        );
    } else if measured {
        list.push(
            "sync_capture_minus_origin is the offset of the capture's clock plus the path delay; no delay measurement in \
             the capture tells them apart, so only its variation is known"
                .to_owned(),
        );
    }
    let tells =
        |told: &SelfReport| told.offset.count() + told.time_status_offset.count() + told.computed_offset.count() > 0;
    if !domain.told.values().any(tells) && measured {
        list.push("no slave tells its own offset from the master in this capture".to_owned());
    }
    if domain.totals().of(message::DELAY_REQ) > 0 && domain.paths.len() > 1 {
        list.push(
            "a path delay by requester holds only where that requester's Delay_Reqs pass the capture point on their way \
             to the master"
                .to_owned(),
        );
    }
    if let (false, Some(Announcement { grandmaster, .. })) =
        (domain.masters.selected.is_some(), domain.masters.announcers.values().next().map(|a| a.said))
    {
        list.push(format!(
            "clock {} was announced once only: too little to select it",
            domain.key.clock_name(grandmaster)
        ));
    }
    list
}
