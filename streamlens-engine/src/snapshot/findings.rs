//! The list of findings: those of decoders and monitors, those of the health of streams, those of the capture.

use std::collections::BTreeMap;
use std::fmt;

use streamlens_model::{
    CaptureSummary, FindingLog, FlowKey, LoggedFinding, Occurrence, Severity, StreamHealth, StreamId, Timestamp,
    Transport,
};

use super::encoding::is_mirrored;
use super::packed::{Packed, Sketch, Words};
use crate::engine::Engine;
use crate::flow::FlowEntry;
use crate::health::{Events, Stream};

/// Where a finding stands, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Where<'a> {
    pub(super) flow: Option<&'a FlowKey>,
    pub(super) transport: Option<Transport>,
    pub(super) encoding: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
}

/// Findings as they are collected.
#[derive(Default)]
pub(super) struct Findings {
    /// By severity, the gravest first: the flows come in order of time, and so do nearly all of their findings of one severity.
    lists: [Vec<Packed>; 3],
    /// For packing.
    buffer: Vec<u8>,
    /// By severity, those that were let go included.
    total: BTreeMap<Severity, u64>,
    /// How many are wanted: the gravest.
    most: usize,
    /// What there is no more room for, once they were sorted: as grave as that, and no earlier.
    bar: Option<(Severity, u64)>,
    dropped: u64,
    pub(super) mirrored: Mirrored,
    /// Where findings are only to be noted, and not made: how grave they are, and their first frames.
    noted: Option<Vec<(Severity, u64)>>,
}

/// What mirror ports delivered twice.
#[derive(Clone, Copy, Default)]
pub(super) struct Mirrored {
    flows: u64,
    frames: u64,
    first: Option<u64>,
    last: u64,
    last_seen: Option<Timestamp>,
}

impl Mirrored {
    /// Adds what another part of the flows says.
    pub(super) fn merge(&mut self, other: Self) {
        self.flows += other.flows;
        self.frames += other.frames;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.last_seen = self.last_seen.max(other.last_seen);
    }
}

/// How many findings beyond those wanted are let pile up before the list is sorted.
const PILE: usize = 1024;

/// The kinds of trouble of a stream, behind the prefix of their codes.
const LOSS: &str = ".loss";
const DUPLICATES: &str = ".duplicates";
const REORDERED: &str = ".reordered";
const RESTART: &str = ".restart";

impl Findings {
    pub(super) fn new(capture: &CaptureSummary, most: Option<usize>) -> Self {
        let (most, dropped) = (most.unwrap_or(usize::MAX), capture.dropped.values().sum());
        let mut findings = Self { most, dropped, ..Self::default() };
        findings.of_capture(capture);
        findings
    }

    /// A list of as much, and with nothing in it, for a part of the flows.
    pub(super) fn empty(&self) -> Self {
        Self { most: self.most, dropped: self.dropped, ..Self::default() }
    }

    /// Makes room for so many of each severity, or as many as are wanted. Where nothing comes to it, it takes no memory.
    pub(super) fn reserve(&mut self, count: usize) {
        let count = count.min(self.most.saturating_add(PILE));
        self.lists.iter_mut().for_each(|list| list.reserve(count));
    }

    /// A list that only notes what findings there are.
    pub(super) fn notes() -> Self {
        Self { noted: Some(Vec::new()), ..Self::default() }
    }

    /// Empties the notes.
    pub(super) fn take_notes(&mut self) -> impl Iterator<Item = (Severity, u64)> {
        self.noted.iter_mut().flat_map(|noted| noted.drain(..))
    }

    /// Counts a finding that is not made, or is made elsewhere.
    pub(super) fn count(&mut self, severity: Severity) {
        *self.total.entry(severity).or_default() += 1;
    }

    /// Adds findings that are counted already.
    pub(super) fn extend(&mut self, counted: Self) {
        for (list, mut more) in self.lists.iter_mut().zip(counted.lists) {
            if list.len() < more.len() {
                std::mem::swap(list, &mut more);
            }
            list.append(&mut more);
        }
    }

    /// Adds those of a part of the flows.
    pub(super) fn merge(&mut self, part: Self) {
        part.total.iter().for_each(|(severity, count)| *self.total.entry(*severity).or_default() += count);
        self.mirrored.merge(part.mirrored);
        self.extend(part);
    }

    /// Notes where frames of a flow are in the capture twice.
    pub(super) fn of_copies(&mut self, flow: &FlowEntry) {
        if is_mirrored(flow) {
            let (frames, first) = (flow.copies.count, flow.copies.first);
            self.mirrored.merge(Mirrored { flows: 1, frames, first, last: flow.changed, last_seen: flow.last_seen });
        }
    }

    /// Gravest first, then by the frame of the first occurrence; and how many of each severity there are in all.
    pub(super) fn into_list(mut self) -> (Vec<Packed>, BTreeMap<Severity, u64>) {
        self.sort();
        let [mut list, graver, least] = self.lists;
        list.extend(graver.into_iter().chain(least));
        (list, self.total)
    }

    /// Puts them in order, and lets those go that are not among the wanted ones.
    pub(super) fn sort(&mut self) {
        let mut left = self.most;
        for list in &mut self.lists {
            list.sort_by(Packed::order);
            list.truncate(left);
            left -= list.len();
        }
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Counts a finding, and makes it only where it may be among those wanted: `make` then shows what it is.
    fn add(&mut self, severity: Severity, first_frame: u64, make: impl FnOnce(&mut dyn FnMut(&Sketch<'_>))) {
        if let Some(noted) = &mut self.noted {
            noted.push((severity, first_frame));
            return;
        }
        self.count(severity);
        if self.bar.is_some_and(|(grave, frame)| severity < grave || severity == grave && first_frame > frame) {
            return;
        }
        let Self { lists: [errors, warnings, infos], buffer, .. } = self;
        let list = match severity {
            Severity::Error => errors,
            Severity::Warning => warnings,
            Severity::Info => infos,
        };
        make(&mut |sketch| list.push(Packed::new(sketch, buffer)));
        if self.len() >= self.most.saturating_add(PILE) {
            self.sort();
            self.bar =
                self.lists.iter().rev().find_map(|list| list.last()).map(|last| (last.severity, last.first_frame));
        }
    }

    /// What a decoder or a monitor has found, `place` shows where.
    pub(super) fn of_log(
        &mut self,
        log: &FindingLog,
        place: impl Fn(&mut dyn FnMut(&Where<'_>)),
        stream_name: impl Fn(StreamId) -> Option<String>,
    ) {
        for (code, stream, entry) in log.iter() {
            let LoggedFinding { severity, count, first, last, .. } = *entry;
            self.add(severity, first.frame, |show| {
                let name = stream.and_then(&stream_name);
                place(&mut |place| {
                    let place = &Where { stream: name.as_deref().or(place.stream), ..*place };
                    let sentence = entry.sentence();
                    let (code, text) = ((code, ""), Words::Said(&sentence));
                    show(&Sketch { code, severity, count, first, last, place, text });
                });
            });
        }
    }

    /// What the sequence accounting of a stream has found.
    pub(super) fn of_stream(
        &mut self,
        prefix: &'static str,
        stream: &Stream,
        health: &StreamHealth,
        place: impl Fn(&mut dyn FnMut(&Where<'_>)),
    ) {
        let Some(trouble) = stream.sequence.as_ref().and_then(|sequence| sequence.trouble()) else { return };
        let (lost, expected) = (health.lost.unwrap_or(0), health.expected.unwrap_or(0));
        let dropped = self.dropped;
        let mut add = |kind, severity, events: Option<&Events>, text: fmt::Arguments<'_>| {
            let text = Words::ToSay(text);
            let Some(&Events { count, first, last }) = events else { return };
            self.add(severity, first.frame, |show| {
                place(&mut |place| show(&Sketch { code: (prefix, kind), severity, count, first, last, place, text }));
            });
        };
        if lost > 0 {
            let share = lost as f64 / expected.max(1) as f64 * 100.0;
            let longest = trouble.longest_gap.map_or(0, |(gap, _)| gap);
            let gaps = trouble.gaps().map(|(first, last)| Events { count: lost, first, last });
            let dropped = ByCapture(dropped);
            add(
                LOSS,
                Severity::Error,
                gaps.as_ref(),
                format_args!(
                    "{lost} of {expected} packets are missing ({share:.3} %), at most {longest} in a row{dropped}"
                ),
            );
        }
        if let Some(duplicated) = health.duplicated.filter(|count| *count > 0) {
            let text = format_args!("{duplicated} packets came twice");
            add(DUPLICATES, Severity::Warning, trouble.duplicates.as_deref(), text);
        }
        let (reordered, by) = (trouble.reordered, trouble.largest_distance);
        if reordered > 0 {
            let text = format_args!("{reordered} packets came late, by up to {by} numbers");
            add(REORDERED, Severity::Warning, trouble.late.as_deref(), text);
        }
        let restarts = trouble.restarts;
        if restarts > 0 {
            let text = format_args!("its numbers began afresh {restarts} times");
            add(RESTART, Severity::Warning, trouble.restarted.as_deref(), text);
        }
    }

    /// What concerns no flow.
    fn of_all(&mut self, code: &str, count: u64, first: Occurrence, last: Occurrence, text: fmt::Arguments<'_>) {
        let (severity, place, text) = (Severity::Warning, &Where::default(), Words::ToSay(text));
        self.add(severity, first.frame, |show| {
            show(&Sketch { code: (code, ""), severity, count, first, last, place, text });
        });
    }

    fn of_capture(&mut self, capture: &CaptureSummary) {
        let start = Occurrence { frame: 1, time: capture.first_seen };
        let end = Occurrence { frame: capture.packets, time: capture.last_seen };
        let timestamps = &capture.timestamps;
        if let Some(step) = timestamps.largest_backward_step_ns {
            let steps = timestamps.backward_steps;
            self.of_all("capture.time-backwards", steps, start, end, format_args!(
                "the capture's time runs backwards {steps} times, by up to {step} ns: intervals around there say little"
            ));
        }
        let dropped = self.dropped;
        if dropped > 0 {
            self.of_all("capture.dropped", dropped, start, end, format_args!(
                "the capture itself dropped {dropped} frames: they are missing without having been lost in the network"
            ));
        }
    }

    /// What concerns all flows together.
    pub(super) fn of_engine(&mut self, engine: &Engine) {
        engine.shards.iter().flat_map(|shard| shard.flows.iter()).for_each(|flow| self.of_copies(flow));
        let Mirrored { flows, frames, first, last, last_seen } = self.mirrored;
        if flows > 0 {
            let first = Occurrence { frame: first.unwrap_or(0), time: None };
            self.of_all("capture.mirrored-twice", frames, first, Occurrence { frame: last, time: last_seen }, format_args!(
                "{frames} frames of {flows} flows are in the capture twice, as a mirror port delivers them: they count as \
                 frames, and not as duplicates of their streams"
            ));
        }
        let unfinished: u64 = engine.shards.iter().map(|shard| shard.unfinished_datagrams()).sum();
        if unfinished > 0 {
            let (first, last) =
                (Occurrence { frame: 1, time: None }, Occurrence { frame: engine.frames(), time: None });
            let text = format_args!("{unfinished} fragmented datagrams never became whole: nothing is decoded of them");
            self.of_all("ip.incomplete-datagrams", unfinished, first, last, text);
        }
    }
}

/// Frames that the capture itself dropped: they may be those that a stream misses.
struct ByCapture(u64);

impl fmt::Display for ByCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            dropped => write!(f, "; the capture itself dropped {dropped} frames, which may be these"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The few that are wanted are the first of all, however many there are and in whatever order they come.
    #[test]
    fn a_bounded_list_is_the_front_of_the_whole_one() {
        let mut all = Findings::new(&CaptureSummary::default(), None);
        let mut few = Findings::new(&CaptureSummary::default(), Some(7));
        let mut state = 1_u64;
        for number in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let severity = [Severity::Info, Severity::Warning, Severity::Error][(state >> 62) as usize % 3];
            let at = Occurrence { frame: state >> 52, time: None };
            for findings in [&mut all, &mut few] {
                findings.add(severity, at.frame, |show| {
                    let place = &Where { stream: Some(&format!("{number:05}")), ..Where::default() };
                    let (code, text) = (("a.code", ""), Words::Said(""));
                    show(&Sketch { code, severity, count: 1, first: at, last: at, place, text });
                });
            }
        }
        let unpacked = |of: Findings| {
            let (list, totals) = of.into_list();
            let unpacked = |packed: &Packed| {
                let mut finding = Packed::blank();
                packed.unpack(&mut finding);
                finding
            };
            (list.iter().map(unpacked).collect::<Vec<_>>(), totals)
        };
        let ((all, totals), (few, few_totals)) = (unpacked(all), unpacked(few));
        assert_eq!((totals.values().sum::<u64>(), totals), (20_000, few_totals));
        assert_eq!(few, all[..7]);
    }
}
