//! The list of findings: those of decoders and monitors, those of the health of streams, those of the capture.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use streamlens_model::words::{Counted, Grouped, Span, Times};
use streamlens_model::{
    CaptureSummary, FindingLog, FlowKey, Interface, LoggedFinding, MergedFrames, Occurrence, Severity, StreamHealth,
    StreamId, Transport,
};

use super::FLOW_TABLE_FULL;
use super::artefacts::{Artefacts, Copies, JoinedFlows, RuleUse};
use super::drops::Drops;
use super::finding_record::{FindingDraft, FindingRecord, FindingText};
use crate::deferred::store::FlowHandle;
use crate::flow::MOST_INTERVALS;
use crate::health::{Events, SequenceTracker, Stream};
use crate::options::DecodeAs;

/// Where a finding stands, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Where<'a> {
    pub(super) flow: Option<&'a FlowKey>,
    pub(super) transport: Option<Transport>,
    pub(super) encoding: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
}

/// The first and the last frame of the capture.
pub(super) type CaptureSpan = (Occurrence, Occurrence);

/// Findings as they are collected.
#[derive(Default)]
pub(super) struct Findings {
    /// By severity, the gravest first: the flows come in order of time, and so do nearly all of their findings of one severity.
    lists: [Vec<FindingRecord>; 3],
    /// For its memory alone.
    buffer: Vec<u8>,
    /// By severity, those that were let go included.
    total: BTreeMap<Severity, u64>,
    /// How many are wanted: the gravest.
    most: usize,
    /// What there is no more room for, once they were sorted: as grave as that, and no earlier.
    bar: Option<(Severity, u64)>,
    drops: Drops,
    /// Whether clocks in frames can't be held against the times of the frames.
    is_moved: bool,
}

/// How many findings beyond those wanted are let pile up before the list is sorted.
const PILE: usize = 1024;

/// Steps of the capture's time that are less than this far backwards come from how an adapter with several queues stamps frames.
const SMALL_STEP_NS: u64 = 1_000;

/// The kinds of faults of a stream's numbers, behind the prefix of their codes.
const LOSS: &str = ".loss";
const DUPLICATES: &str = ".duplicates";
const REORDERED: &str = ".reordered";
const RESTART: &str = ".restart";

/// The end of codes of findings that hold a clock in frames against the times of the frames.
const CLOCK: &str = ".clock-offset";

/// Receives findings.
pub(super) trait FindingSink {
    /// Adds a finding; `make` shows what it is, and is called only where that is needed.
    fn add(&mut self, severity: Severity, first_frame: u64, make: impl FnOnce(&mut dyn FnMut(&FindingDraft<'_>)));

    /// What the capture itself dropped.
    fn drops(&self) -> &Drops;

    /// Whether the times of frames are moved, so that what is found of clocks against them is none.
    fn is_moved(&self) -> bool;

    /// Adds what a decoder or a monitor has found; `place` shows where.
    fn add_log(
        &mut self,
        log: &FindingLog,
        place: impl Fn(&mut dyn FnMut(&Where<'_>)),
        stream_name: impl Fn(StreamId) -> Option<String>,
    ) {
        for (code, stream, entry) in log.iter() {
            if self.is_moved() && (code.ends_with(CLOCK) || entry.is_against_capture) {
                continue;
            }
            let LoggedFinding { severity, count, packets, first, last, .. } = *entry;
            self.add(severity, first.frame, |show| {
                let name = stream.and_then(&stream_name);
                place(&mut |place| {
                    // what stands in no frame was said by the user, and not in an encoding of the capture
                    let encoding = place.encoding.filter(|_| first.frame > 0);
                    let place = &Where { stream: name.as_deref().or(place.stream), encoding, ..*place };
                    let sentence = entry.sentence();
                    let (code, text) = ((code, ""), FindingText::Said(&sentence));
                    show(&FindingDraft { code, severity, count, packets, first, last, place, text });
                });
            });
        }
        if let Some(Events { count, first, last }) = log.overflow() {
            let severity = Severity::Warning;
            self.add(severity, first.frame, |show| {
                place(&mut |place| {
                    let text = format_args!(
                        "{} of other kinds or streams {} found and {} not listed: {} kinds are kept",
                        Counted(count, "more occurrence"),
                        Counted(count, "").verb("was", "were"),
                        Counted(count, "").are(),
                        FindingLog::MAX
                    );
                    let (code, text) = (("findings.not-kept", ""), FindingText::ToSay(text));
                    show(&FindingDraft { code, severity, count, packets: None, first, last, place, text });
                });
            });
        }
    }

    /// Adds what the sequence accounting of a stream has found. `cause` says why its numbers are missing, given how many frames
    /// behind their places it may show at most.
    fn add_stream(
        &mut self,
        prefix: &str,
        stream: &Stream,
        health: &StreamHealth,
        cause: impl FnOnce(&SequenceTracker, u64) -> LossCause,
        place: impl Fn(&mut dyn FnMut(&Where<'_>)),
    ) {
        let Some(sequence) = &stream.sequence else { return };
        let Some(faults) = sequence.faults() else { return };
        let drops = self.drops();
        let (reach, by_capture) = (drops.reach(stream.received), drops.of_stream(sequence, stream.received));
        let mut add = |kind, severity, events: Option<&Events>, packets, text: fmt::Arguments<'_>| {
            let text = FindingText::ToSay(text);
            let Some(&Events { count, first, last }) = events else { return };
            self.add(severity, first.frame, |show| {
                place(&mut |place| {
                    show(&FindingDraft { code: (prefix, kind), severity, count, packets, first, last, place, text });
                });
            });
        };
        let (lost, expected) = (health.lost.unwrap_or(0), health.expected.unwrap_or(0));
        if lost > 0 {
            let share = lost as f64 / expected.max(1) as f64 * 100.0;
            let longest = sequence.longest_gap().map_or(0, |gap| gap.packets);
            let gaps = sequence.gaps();
            let (severity, cause) = match cause(sequence, reach) {
                LossCause::Unknown => (Severity::Error, ""),
                LossCause::Carrier => {
                    (Severity::Info, "; lost with what carries them, whose loss is a finding of its own")
                }
                LossCause::Recovered => (Severity::Warning, "; all of them came by the other path"),
            };
            let run = InARow { longest, gaps: gaps.map_or(0, |gaps| gaps.count) };
            let (of, are) = (Counted(expected, "packet"), Counted(lost, "").are());
            let text = format_args!("{} of {of} {are} missing ({share:.3} %){run}{by_capture}{cause}", Grouped(lost));
            add(LOSS, severity, gaps.as_ref(), Some(lost), text);
        }
        if let Some(duplicated) = health.duplicated.filter(|count| *count > 0) {
            let text = format_args!("{} came again", Counted(duplicated, "packet"));
            add(DUPLICATES, Severity::Warning, faults.duplicates.as_deref(), None, text);
        }
        let (reordered, by, restarts) = (faults.reordered, faults.largest_distance, faults.restarts);
        if reordered > 0 {
            let text = format_args!("{} came late, by up to {}", Counted(reordered, "packet"), Counted(by, "number"));
            add(REORDERED, Severity::Warning, faults.late.as_deref(), None, text);
        }
        if restarts > 0 {
            let text = format_args!("its numbers began afresh {}", Times(restarts));
            add(RESTART, Severity::Warning, faults.restarted.as_deref(), None, text);
        }
    }
}

/// Why packets of a stream are missing, as far as that makes a difference to those who want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossCause {
    Unknown,
    /// All were lost with the packets of another stream that carried them: that is no second error.
    Carrier,
    /// All came by another path, so that no data are lost.
    Recovered,
}

/// How the packets that a loss speaks of lay together; says nothing where they were one by one.
struct InARow {
    longest: u64,
    gaps: u64,
}

impl fmt::Display for InARow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.longest, self.gaps) {
            (..=1, _) => Ok(()),
            (longest, 1) => write!(f, ", {} in a row", Grouped(longest)),
            (longest, _) => write!(f, ", at most {} in a row", Grouped(longest)),
        }
    }
}

/// A finding that is known to be there, and not made.
#[derive(Clone, Copy, Debug)]
pub(super) struct FindingNote {
    pub(super) severity: Severity,
    pub(super) first_frame: u64,
    pub(super) handle: FlowHandle,
}

/// Notes which findings there are, and makes none.
#[derive(Default)]
pub(super) struct FindingNotes {
    notes: Vec<FindingNote>,
    current: Option<FlowHandle>,
}

impl FindingNotes {
    /// The findings that follow are those of this flow.
    pub(super) fn begin(&mut self, flow: FlowHandle) {
        self.current = Some(flow);
    }
}

impl FindingSink for FindingNotes {
    fn add(&mut self, severity: Severity, first_frame: u64, _: impl FnOnce(&mut dyn FnMut(&FindingDraft<'_>))) {
        self.notes.extend(self.current.map(|handle| FindingNote { severity, first_frame, handle }));
    }

    fn drops(&self) -> &Drops {
        // nothing is made of a note
        const { &Drops { dropped: 0, packets: 0, places: None } }
    }

    fn is_moved(&self) -> bool {
        // notes only say which flows are looked at
        false
    }
}

impl IntoIterator for FindingNotes {
    type Item = FindingNote;
    type IntoIter = std::vec::IntoIter<FindingNote>;

    fn into_iter(self) -> Self::IntoIter {
        self.notes.into_iter()
    }
}

/// The flows that have the so many gravest findings of all noted ones, and those that are as grave and early as the last of them.
pub(super) fn gravest(notes: &mut [FindingNote], most: usize) -> Vec<FlowHandle> {
    let rank = |note: &FindingNote| (Reverse(note.severity), note.first_frame);
    let bar = match most.checked_sub(1) {
        None => return Vec::new(),
        Some(last) if last < notes.len() => Some(rank(notes.select_nth_unstable_by_key(last, rank).1)),
        Some(_) => None,
    };
    let grave = notes.iter().filter(|note| bar.is_none_or(|bar| rank(note) <= bar));
    let flows: BTreeSet<_> = grave.map(|note| note.handle).collect();
    flows.into_iter().collect()
}

impl FindingSink for Findings {
    /// Counts a finding, and makes it only where it may be among those wanted.
    fn add(&mut self, severity: Severity, first_frame: u64, make: impl FnOnce(&mut dyn FnMut(&FindingDraft<'_>))) {
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
        make(&mut |draft| list.push(FindingRecord::new(draft, buffer)));
        if self.len() >= self.most.saturating_add(PILE) {
            self.sort();
            self.bar =
                self.lists.iter().rev().find_map(|list| list.last()).map(|last| (last.severity, last.first_frame));
        }
    }

    fn drops(&self) -> &Drops {
        &self.drops
    }

    fn is_moved(&self) -> bool {
        self.is_moved
    }
}

impl Findings {
    pub(super) fn new(capture: &CaptureSummary, most: Option<usize>) -> Self {
        let mut findings = Self::with_drops(Drops::of(capture), most);
        findings.add_capture(capture);
        findings
    }

    /// An empty list, where the capture itself has dropped these.
    pub(super) fn with_drops(drops: Drops, most: Option<usize>) -> Self {
        Self { most: most.unwrap_or(usize::MAX), drops, ..Self::default() }
    }

    /// The same, of frames whose times were moved.
    pub(super) fn moved(self, is_moved: bool) -> Self {
        Self { is_moved, ..self }
    }

    /// An empty list for a part of the flows, with room for so many findings of each severity, or as many as are wanted. Where
    /// none comes, that takes no memory.
    pub(super) fn empty(&self, room: usize) -> Self {
        let mut empty = Self { most: self.most, drops: self.drops.clone(), is_moved: self.is_moved, ..Self::default() };
        let room = room.min(self.most.saturating_add(PILE));
        empty.lists.iter_mut().for_each(|list| list.reserve(room));
        empty
    }

    /// Counts a finding that is not made, or is made elsewhere.
    pub(super) fn count(&mut self, severity: Severity) {
        *self.total.entry(severity).or_default() += 1;
    }

    /// Adds those of a part of the flows.
    pub(super) fn merge(&mut self, part: Self) {
        part.total.iter().for_each(|(severity, count)| *self.total.entry(*severity).or_default() += count);
        for (list, mut more) in self.lists.iter_mut().zip(part.lists) {
            if list.len() < more.len() {
                std::mem::swap(list, &mut more);
            }
            list.append(&mut more);
        }
    }

    /// Gravest first, then by the frame of the first occurrence; and how many of each severity there are in all.
    pub(super) fn into_list(mut self) -> (Vec<FindingRecord>, BTreeMap<Severity, u64>) {
        self.sort();
        let [mut list, graver, least] = self.lists;
        list.extend(graver.into_iter().chain(least));
        (list, self.total)
    }

    /// Puts them in order, and lets those go that are not among the wanted ones.
    pub(super) fn sort(&mut self) {
        let mut left = self.most;
        for list in &mut self.lists {
            list.sort_by(FindingRecord::order);
            list.truncate(left);
            left -= list.len();
        }
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Adds what concerns no flow.
    fn add_warning(&mut self, code: &str, count: u64, first: Occurrence, last: Occurrence, text: fmt::Arguments<'_>) {
        self.add_of_capture(code, Severity::Warning, count, (first, last), text);
    }

    /// Adds what concerns no flow.
    fn add_of_capture(
        &mut self,
        code: &str,
        severity: Severity,
        count: u64,
        (first, last): (Occurrence, Occurrence),
        text: fmt::Arguments<'_>,
    ) {
        let (place, text) = (&Where::default(), FindingText::ToSay(text));
        self.add(severity, first.frame, |show| {
            show(&FindingDraft { code: (code, ""), severity, count, packets: None, first, last, place, text });
        });
    }

    pub(super) fn add_capture(&mut self, capture: &CaptureSummary) {
        let (start, end) = capture.span();
        let timestamps = &capture.timestamps;
        if let Some(step) = timestamps.largest_backward_step_ns {
            let steps = timestamps.backward_steps;
            let [first, last] = [timestamps.first_backward_step, timestamps.last_backward_step];
            let (first, last) = (first.unwrap_or(start), last.unwrap_or(end));
            let by = Span(i64::try_from(step).unwrap_or(i64::MAX));
            let (code, is_small) = ("capture.time-backwards", step < SMALL_STEP_NS);
            let by = if steps == 1 { format!("by {by}") } else { format!("by up to {by}") };
            if is_small {
                let text = format_args!(
                    "the capture's time runs backwards {}, {by}: several queues of an adapter stamp frames so",
                    Times(steps)
                );
                self.add_of_capture(code, Severity::Info, steps, (first, last), text);
            } else {
                let text = format_args!(
                    "the capture's time runs backwards {}, {by}: intervals around there say little",
                    Times(steps)
                );
                self.add_of_capture(code, Severity::Warning, steps, (first, last), text);
            }
        }
        let unread = &capture.not_in_flows;
        if capture.packets > 0 && unread.values().sum::<u64>() == capture.packets && capture.retired.is_none() {
            let reasons: Vec<_> =
                unread.iter().map(|(reason, count)| format!("{} {reason}", Grouped(*count))).collect();
            let reasons = reasons.join(", ");
            let frames = match capture.packets {
                1 => "the only frame could not".to_owned(),
                count => format!("none of {} could", Counted(count, "frame")),
            };
            let text = format_args!("{frames} be read: {reasons}");
            self.add_of_capture("capture.nothing-read", Severity::Error, capture.packets, (start, end), text);
        }
        if let Some(&frames) = unread.get(FLOW_TABLE_FULL) {
            let share = 100.0 * frames as f64 / capture.packets.max(1) as f64;
            let text = format_args!(
                "{} ({share:.3} %) {} of flows beyond those kept apart, and not analysed: --max-flows keeps more",
                Counted(frames, "frame"),
                Counted(frames, "").verb("is", "are")
            );
            self.add_warning("capture.flow-table-full", frames, start, end, text);
        }
        let dropped = self.drops.dropped;
        if dropped > 0 {
            let text = format_args!(
                "the capture itself dropped {}: they are missing without having been lost in the network",
                Counted(dropped, "frame")
            );
            self.add_warning("capture.dropped", dropped, start, end, text);
        }
    }

    /// Adds what the capturing machine made of frames.
    pub(super) fn add_artefacts(&mut self, artefacts: &Artefacts, interfaces: &[Interface], span: CaptureSpan) {
        self.add_copies(&artefacts.mirrored, &artefacts.copies);
        self.add_joined(&artefacts.joined, interfaces, span);
    }

    /// Adds that so many flows have more intervals than are kept.
    pub(super) fn add_full_intervals(&mut self, flows: u64, (start, end): CaptureSpan) {
        if flows == 0 {
            return;
        }
        let (flows, most) = (Counted(flows, "flow"), Grouped(MOST_INTERVALS as u64));
        let text = format_args!(
            "of {flows} the first {most} intervals are kept, of all streams of an encoding together four times as many, and later frames \
             are in none: longer intervals hold all of them"
        );
        self.add_warning("capture.intervals-not-kept", 1, start, end, text);
    }

    /// Adds which rules of the user's nothing came of.
    pub(super) fn add_rules(&mut self, rules: &[DecodeAs], used: &[RuleUse], (start, end): CaptureSpan) {
        for (place, rule) in rules.iter().enumerate() {
            let RuleUse { flows, decoded } = used.get(place).copied().unwrap_or_default();
            if decoded > 0 {
                continue;
            }
            let text = match flows {
                0 => format!("{}: no flow has packets that this rule speaks of and no earlier one", rule.rule),
                _ => format!(
                    "{}: it speaks of {}, and none of the payloads could be decoded as {}",
                    rule.rule,
                    Counted(flows, "flow"),
                    rule.encoding_name
                ),
            };
            self.add_warning("decode-as.nothing", 1, start, end, format_args!("{text}"));
        }
    }

    /// Adds that the capturing machine joined packets, where it did: the frames that an interface gave and the wire can't carry,
    /// and the datagrams in which a decoder found several packets.
    fn add_joined(&mut self, joined: &JoinedFlows, interfaces: &[Interface], capture: CaptureSpan) {
        let JoinedFlows { flows, apart, packets, whole, span } = *joined;
        let taken_apart = std::fmt::from_fn(|f| {
            write!(
                f,
                "{} {} taken apart into {}, {} could not be",
                Grouped(apart),
                Counted(apart, "").verb("was", "were"),
                Counted(packets, "packet"),
                Grouped(whole)
            )
        });
        let mut merged =
            interfaces.iter().filter_map(|of| Some((of, of.counts?.merged))).filter(|(_, of)| of.frames > 0);
        if let Some((interface, MergedFrames { frames, longest, mtu })) = merged.next() {
            // one finding: what there is to do is the same everywhere
            let name = interface.name.as_deref().unwrap_or("INTERFACE");
            let others: Vec<_> =
                merged.map(|(of, merged)| (of.name.as_deref().unwrap_or("INTERFACE"), merged)).collect();
            let all = others.iter().fold(frames, |sum, (_, merged)| sum.saturating_add(merged.frames));
            let more = std::fmt::from_fn(|f| {
                others.iter().try_for_each(|(name, merged)| write!(f, "; {name}: {}", Counted(merged.frames, "frame")))
            });
            let (at, until) = span.unwrap_or(capture);
            let apart = std::fmt::from_fn(|f| match apart + whole {
                0 => f.write_str("No decoder took any apart"),
                datagrams => write!(f, "Of {} with several packets {taken_apart}", Counted(datagrams, "datagram")),
            });
            let text = format_args!(
                "{name}: {} of up to {} bytes {} longer than the MTU of {} allows{more}: the adapter or the kernel merged them, so \
                 that counts and times are not those of the wire. {apart}; ethtool -K {name} gro off lro off",
                Counted(frames, "frame"),
                Grouped(longest.into()),
                Counted(frames, "").are(),
                Grouped(mtu.into()),
            );
            return self.add_warning("capture.merged", all, at, until, text);
        }
        let Some((first, last)) = span else { return };
        let text = format_args!(
            "{} of {} {} several packets: the adapter or the kernel merged them (receive offload). {taken_apart}; when a packet \
             behind the first came is not known; ethtool -K INTERFACE gro off lro off",
            Counted(apart + whole, "datagram"),
            Counted(flows, "flow"),
            Counted(apart + whole, "").verb("holds", "hold"),
        );
        self.add_warning("capture.merged", apart + whole, first, last, text);
    }

    /// Adds that mirror ports delivered frames twice, where they did, and that other flows have copies of some frames.
    fn add_copies(&mut self, mirrored: &Copies, few: &Copies) {
        if let Some(Events { count, first, last }) = mirrored.frames {
            let text = format_args!(
                "{} of {} {} in the capture twice, as a mirror port delivers them: they count as frames, and not as \
                 duplicates of their streams",
                Counted(count, "frame"),
                Counted(mirrored.flows, "flow"),
                Counted(count, "").are()
            );
            self.add_warning("capture.mirrored-twice", count, first, last, text);
        }
        if let Some(Events { count, first, last }) = few.frames {
            let text = format_args!(
                "{} of {} {} byte for byte {} just before: {} among the frames of flows and encodings, and not among the \
                 packets of streams and types",
                Counted(count, "frame"),
                Counted(few.flows, "flow"),
                Counted(count, "").are(),
                if count == 1 { "one that came" } else { "others that came" },
                if count == 1 { "it counts" } else { "they count" },
            );
            self.add_of_capture("capture.copies", Severity::Info, count, (first, last), text);
        }
    }

    /// Adds that so many datagrams never became whole, where there are any.
    pub(super) fn add_unfinished(&mut self, unfinished: u64, (first, last): CaptureSpan) {
        if unfinished > 0 {
            let text = format_args!(
                "{} never became whole: nothing is decoded of them",
                Counted(unfinished, "fragmented datagram")
            );
            self.add_warning("ip.incomplete-datagrams", unfinished, first, last, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use streamlens_model::Finding;

    use super::*;

    fn unpacked(of: Findings) -> (Vec<Finding>, BTreeMap<Severity, u64>) {
        let (list, totals) = of.into_list();
        let unpacked = |packed: &FindingRecord| {
            let mut finding = FindingRecord::blank();
            packed.read_into(&mut finding);
            finding
        };
        (list.iter().map(unpacked).collect(), totals)
    }

    #[test]
    fn a_log_that_was_full_says_so_where_it_stands() {
        for (streams, expected) in [(FindingLog::MAX, None), (FindingLog::MAX + 3, Some((3, 257, 259)))] {
            let mut log = FindingLog::default();
            for stream in 0..streams {
                let at = Occurrence { frame: stream as u64 + 1, time: None };
                log.add("a.code", Severity::Info, Some(StreamId(stream as u128)), at, || "text".to_owned());
            }
            let mut findings = Findings::new(&CaptureSummary::default(), None);
            let place = Where { encoding: Some("An encoding"), ..Where::default() };
            findings.add_log(&log, |see| see(&place), |id| Some(id.0.to_string()));
            let (list, totals) = unpacked(findings);
            let full = list.iter().find(|finding| finding.code == "findings.not-kept");
            assert_eq!(full.map(|finding| (finding.count, finding.first.frame, finding.last.frame)), expected);
            assert_eq!(list.len() as u64, totals.values().sum::<u64>());
            assert!(full.is_none_or(|full| full.place.encoding.as_deref() == Some("An encoding")));
        }
    }

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
                    let (code, text) = (("a.code", ""), FindingText::Said(""));
                    show(&FindingDraft { code, severity, count: 1, packets: None, first: at, last: at, place, text });
                });
            }
        }
        let ((all, totals), (few, few_totals)) = (unpacked(all), unpacked(few));
        assert_eq!((totals.values().sum::<u64>(), totals), (20_000, few_totals));
        assert_eq!(few, all[..7]);
    }
}
