//! What an EtherCAT segment's monitor adds to the result.

use streamlens_model::words::Counted;
use streamlens_model::{FlowKey, Metadata, Severity, Value};

use super::monitor::{ExchangeMonitor, OVERTAKEN, Set, is_marked, log_lost};
use super::names::{al_state, al_status};
use super::stations::{Place, Station};
use super::working_counters::slot_name;
use crate::FlowReport;

/// A set of commands without process data is listed where it was sent this often.
const POLLED: u64 = 100;
/// Stations, slots and sets that are listed each.
const LISTED: usize = 256;
/// Frames sent of which none came back, from where on that is worth a finding.
const NO_RETURN: u64 = 3;

impl ExchangeMonitor {
    /// Adds everything to the flow that goes out; the flow of the returned frames only says what it is.
    pub(super) fn add_to(&self, flow: &FlowKey, report: &mut FlowReport) {
        if self.by_address && is_marked(flow) {
            report.fact("role", "returned");
            report.fact("frames_returned", self.returned);
            return;
        }
        let mut log = self.log.clone();
        let (mut lost, mut open, mut unchanged) = (self.lost, 0_u64, 0_u64);
        for sent in self.journeys.waiting() {
            let copies_come = self.journeys.copies > 0 && self.journeys.unchanged == 0;
            if sent.again.is_some() && !copies_come {
                unchanged += 1;
            } else if self.returned.saturating_sub(sent.returned_before) > OVERTAKEN {
                lost += 1;
                log_lost(&mut log, sent);
            } else {
                open += 1;
            }
        }
        let (returned, matched) = (self.returned + unchanged, self.matched + unchanged);
        unchanged += self.journeys.unchanged;
        let by_address = self.by_address && unchanged == 0;
        report.fact("role", if by_address { "sent" } else { "sent and returned" });
        self.stations.conclude(&mut log);
        if returned == 0
            && self.sent >= NO_RETURN
            && let Some(last) = self.journeys.waiting().next_back()
        {
            log.add("ethercat.no-return", Severity::Warning, None, last.at, || {
                format!(
                    "none of {} was seen coming back: no station, a broken line, or a tap on one direction",
                    Counted(self.sent, "frame")
                )
            });
        }
        if !log.is_empty() {
            report.findings.push(log);
        }
        let frames = [
            ("sent", self.sent),
            ("returned", returned),
            ("matched", matched),
            ("lost", lost),
            ("open_at_end", open),
            ("returned_without_sent", self.returned_without_sent),
            ("without_datagrams", self.other_frames),
            ("bad_cycles", self.bad_cycles),
        ];
        let rare =
            [("returned_unchanged", unchanged), ("circulated", self.circulated), ("copies", self.journeys.copies)];
        let frames = frames.into_iter().chain(rare.into_iter().filter(|(_, count)| *count > 0));
        report.fact("frames", Value::map(frames.map(|(name, count)| (name, Value::from(count)))));
        let datagrams = [
            ("count", self.datagrams),
            ("most_per_frame", self.most_datagrams as u64),
            ("returned_with_zero_working_counter", self.zero_counters),
            ("with_event_request", self.irqs),
            ("circulating", self.circulating),
        ];
        report.fact("datagrams", Value::map(datagrams.map(|(name, count)| (name, Value::from(count)))));
        if let Some(times) = self.round_trip.to_value() {
            report.fact("round_trip", times);
        }
        self.add_cycles(report);
        self.add_working_counters(report);
        self.add_stations(report);
        if !self.mailbox.is_empty() {
            report.fact("mailbox", Value::map(self.mailbox.iter().map(|(name, count)| (*name, Value::from(*count)))));
        }
    }

    fn add_cycles(&self, report: &mut FlowReport) {
        let mut sets: Vec<&Set> = self.sets.iter().filter(|set| set.logical || set.sent >= POLLED).collect();
        sets.sort_by_key(|set| (!set.logical, std::cmp::Reverse(set.sent), set.slots));
        let cycles: Vec<Value> = sets.into_iter().map(cycle).collect();
        if !cycles.is_empty() {
            report.fact("cycles", Value::List(cycles));
        }
    }

    fn add_working_counters(&self, report: &mut FlowReport) {
        let slots = self.slots.list();
        if slots.is_empty() {
            return;
        }
        let list = slots.into_iter().map(|slot| {
            Value::map([
                ("slot", Value::text(slot_name(slot.key))),
                ("expected", slot.expected.into()),
                ("returned", slot.returned.into()),
                ("below", slot.below.into()),
                ("above", slot.above.into()),
                ("zero", slot.zero.into()),
                ("longest_run_below", slot.longest_run.into()),
            ])
        });
        report.fact("working_counters", Value::list(list));
        if self.slots.left_out > 0 {
            report.fact("datagrams_of_further_slots", self.slots.left_out);
        }
    }

    fn add_stations(&self, report: &mut FlowReport) {
        if let Some(count) = self.stations.count {
            report.fact("station_count", count);
        }
        if !self.stations.list.is_empty() {
            let list = self.stations.list.iter().take(LISTED).map(|(place, station)| line(*place, station));
            report.fact("stations", Value::list(list));
        }
        let reference = &self.stations.reference;
        if let Some(station) = reference.station {
            let mut facts = Metadata::new();
            facts.insert("reference_station".into(), Value::text(format!("{station:#06x}")));
            facts.insert("readings".into(), reference.readings.into());
            if let Some(drift) = reference.drift_ppm() {
                facts.insert("drift_ppm".into(), drift.into());
            }
            report.fact("distributed_clocks", Value::Map(facts));
        }
    }
}

fn cycle(set: &Set) -> Value {
    let names: Vec<Value> = set.slots.iter().take(set.datagrams).map(|slot| Value::text(slot_name(*slot))).collect();
    let mut facts = vec![
        ("commands", Value::List(names)),
        ("datagrams", (set.datagrams as u64).into()),
        ("process_data", set.logical.into()),
        ("sent", set.sent.into()),
        ("late", set.late.into()),
    ];
    if let Some(interval) = set.interval.to_value() {
        facts.push(("interval", interval));
    }
    // Jitter is the distance from the median period.
    let interval = &set.interval;
    if let (Some(median), Some(p1), Some(p99), Some(min), Some(max)) =
        (interval.quantile(500), interval.quantile(10), interval.quantile(990), interval.min(), interval.max())
    {
        facts.push(("jitter_p99_ns", median.abs_diff(p1).max(p99.abs_diff(median)).into()));
        facts.push(("jitter_max_ns", median.abs_diff(min).max(max.abs_diff(median)).into()));
    }
    Value::map(facts)
}

fn line(place: Place, station: &Station) -> Value {
    let mut facts = vec![("station", Value::text(place.name()))];
    if let Some(position) = station.position {
        facts.push(("position", position.into()));
    }
    if let Some(state) = station.state {
        facts.push(("state", al_state(state).into()));
        facts.push(("error", (state & 0x10 != 0).into()));
        facts.push(("state_changes", station.state_changes.into()));
    }
    if let Some(code) = station.status_code {
        facts.push(("status_code", code.into()));
        facts.push(("status", al_status(code).into()));
    }
    if let Some(difference) = station.largest_difference {
        facts.push(("largest_clock_difference_ns", difference.into()));
    }
    if let Some(errors) = station.errors {
        facts.push(("link_errors", errors.iter().map(|n| u64::from(*n)).sum::<u64>().into()));
    }
    Value::map(facts)
}
