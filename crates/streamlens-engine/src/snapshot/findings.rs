//! The list of findings: those of decoders and monitors, those of the health of streams, those of the capture.

use std::borrow::Cow;

use streamlens_model::{
    CaptureSummary, Finding, FindingLog, FlowKey, Occurrence, Place, Severity, StreamHealth, StreamId, Transport,
};

use super::encoding::is_mirrored;
use crate::engine::Engine;
use crate::health::{Events, Stream};

/// Where a finding stands, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Where<'a> {
    pub(super) flow: Option<&'a FlowKey>,
    pub(super) transport: Option<Transport>,
    pub(super) encoding: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
}

impl Where<'_> {
    fn place(&self) -> Place {
        Place {
            flow: self.flow.map(ToString::to_string),
            transport: self.transport.map(|transport| transport.to_string()),
            encoding: self.encoding.map(str::to_owned),
            stream: self.stream.map(str::to_owned),
        }
    }
}

/// Findings as they are collected.
pub(super) struct Findings {
    list: Vec<Finding>,
    dropped: u64,
}

/// The kinds of trouble of a stream; their codes are `<prefix>.<kind>`.
const LOSS: &str = "loss";
const DUPLICATES: &str = "duplicates";
const REORDERED: &str = "reordered";
const RESTART: &str = "restart";

impl Findings {
    pub(super) fn new(capture: &CaptureSummary) -> Self {
        let mut findings = Self { list: Vec::new(), dropped: capture.dropped.values().sum() };
        findings.of_capture(capture);
        findings
    }

    /// Gravest first, then by the frame of the first occurrence.
    pub(super) fn into_list(mut self) -> Vec<Finding> {
        self.list.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then(a.first.frame.cmp(&b.first.frame))
                .then(a.code.cmp(&b.code))
                .then_with(|| a.place.cmp(&b.place))
        });
        self.list
    }

    /// What a decoder or a monitor has found.
    pub(super) fn of_log(
        &mut self,
        log: &FindingLog,
        place: &Where<'_>,
        stream_name: impl Fn(StreamId) -> Option<String>,
    ) {
        for (code, stream, entry) in log.iter() {
            let mut place = place.place();
            if let Some(id) = stream {
                place.stream = stream_name(id).or(place.stream);
            }
            self.list.push(Finding {
                code: Cow::Borrowed(code),
                severity: entry.severity,
                count: entry.count,
                first: entry.first,
                last: entry.last,
                place,
                text: entry.text.clone(),
            });
        }
    }

    /// What the sequence accounting of a stream has found.
    pub(super) fn of_stream(
        &mut self,
        prefix: &'static str,
        stream: &Stream,
        health: &StreamHealth,
        place: &Where<'_>,
    ) {
        let Some(trouble) = stream.sequence.as_ref().and_then(|sequence| sequence.trouble()) else { return };
        let (lost, expected) = (health.lost.unwrap_or(0), health.expected.unwrap_or(0));
        if lost > 0 {
            let share = lost as f64 / expected.max(1) as f64 * 100.0;
            let longest = trouble.longest_gap.map_or(0, |(gap, _)| gap);
            let mut text =
                format!("{lost} of {expected} packets are missing ({share:.3} %), at most {longest} in a row");
            if self.dropped > 0 {
                text += &format!("; the capture itself dropped {} frames, which may be these", self.dropped);
            }
            let gaps = trouble.gaps().map(|(first, last)| Events { count: lost, first, last });
            self.events(prefix, LOSS, Severity::Error, gaps.as_ref(), text, place);
        }
        if let Some(duplicated) = health.duplicated.filter(|count| *count > 0) {
            let text = format!("{duplicated} packets came twice");
            self.events(prefix, DUPLICATES, Severity::Warning, trouble.duplicates.as_ref(), text, place);
        }
        if trouble.reordered > 0 {
            let text =
                format!("{} packets came late, by up to {} numbers", trouble.reordered, trouble.largest_distance);
            self.events(prefix, REORDERED, Severity::Warning, trouble.late.as_ref(), text, place);
        }
        if trouble.restarts > 0 {
            let text = format!("its numbers began afresh {} times", trouble.restarts);
            self.events(prefix, RESTART, Severity::Warning, trouble.restarted.as_ref(), text, place);
        }
    }

    fn events(
        &mut self,
        prefix: &'static str,
        kind: &'static str,
        severity: Severity,
        events: Option<&Events>,
        text: String,
        place: &Where<'_>,
    ) {
        let Some(events) = events else { return };
        let code = Cow::Owned(format!("{prefix}.{kind}"));
        let (count, first, last) = (events.count, events.first, events.last);
        self.list.push(Finding { code, severity, count, first, last, place: place.place(), text });
    }

    fn of_capture(&mut self, capture: &CaptureSummary) {
        let start = Occurrence { frame: 1, time: capture.first_seen };
        let end = Occurrence { frame: capture.packets, time: capture.last_seen };
        let mut add = |code, severity, count, text| {
            let code = Cow::Borrowed(code);
            self.list.push(Finding { code, severity, count, first: start, last: end, place: Place::default(), text });
        };
        let timestamps = &capture.timestamps;
        if let Some(step) = timestamps.largest_backward_step_ns {
            let steps = timestamps.backward_steps;
            let text = format!(
                "the capture's time runs backwards {steps} times, by up to {step} ns: intervals around there say little"
            );
            add("capture.time-backwards", Severity::Warning, steps, text);
        }
        if self.dropped > 0 {
            let text = format!(
                "the capture itself dropped {} frames: they are missing without having been lost in the network",
                self.dropped
            );
            add("capture.dropped", Severity::Warning, self.dropped, text);
        }
    }

    /// What concerns all flows together.
    pub(super) fn of_engine(&mut self, engine: &Engine) {
        let flows = || engine.shards.iter().flat_map(|shard| shard.flows.iter());
        let mirrored: Vec<_> = flows().filter(|flow| is_mirrored(flow)).collect();
        if !mirrored.is_empty() {
            let frames: u64 = mirrored.iter().map(|flow| flow.copies.count).sum();
            let first = mirrored.iter().filter_map(|flow| flow.copies.first).min().unwrap_or(0);
            let last = mirrored.iter().map(|flow| flow.changed).max().unwrap_or(0);
            let last_seen = mirrored.iter().filter_map(|flow| flow.last_seen).max();
            self.list.push(Finding {
                code: Cow::Borrowed("capture.mirrored-twice"),
                severity: Severity::Warning,
                count: frames,
                first: Occurrence { frame: first, time: None },
                last: Occurrence { frame: last, time: last_seen },
                place: Place::default(),
                text: format!(
                    "{frames} frames of {} flows are in the capture twice, as a mirror port delivers them: they count as \
                     frames, and not as duplicates of their streams",
                    mirrored.len()
                ),
            });
        }
        let unfinished: u64 = engine.shards.iter().map(|shard| shard.unfinished_datagrams()).sum();
        if unfinished > 0 {
            let at = Occurrence { frame: engine.frames(), time: None };
            self.list.push(Finding {
                code: Cow::Borrowed("ip.incomplete-datagrams"),
                severity: Severity::Warning,
                count: unfinished,
                first: Occurrence { frame: 1, time: None },
                last: at,
                place: Place::default(),
                text: format!("{unfinished} fragmented datagrams never became whole: nothing is decoded of them"),
            });
        }
    }
}
