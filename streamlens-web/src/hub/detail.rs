//! Details of rows that somebody watches: asked of the engine once a second, kept by the second for those that come later.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use streamlens_model::row::{Level, Row, RowId};
use streamlens_model::stats::Bucket;
use streamlens_model::{ApplicationEncoding, Flow, PacketTypeStats, Timestamp, TransportProtocol};
use streamlens_protocol::{self as protocol, Part, RowPart, RowPath};

use super::analysis::{Analysis, Board, SECOND};

/// Seconds of series and heat that are kept of a watched row.
const KEPT: usize = 3_600;
/// Most buckets of a column or a histogram: neighbours are put together beyond that.
const MOST_BUCKETS: usize = 512;

/// Inter-arrival times by their length.
type Buckets = Vec<(Bucket, u64)>;

/// What the engine answered.
pub(crate) struct Answer {
    pub(super) flow: Option<Box<Flow>>,
    pub(super) buckets: Option<Buckets>,
}

/// The rows of an analysis that are watched, by name.
#[derive(Default)]
pub(super) struct Watches {
    pub(super) rows: HashMap<String, Watched>,
}

/// A row that is watched.
#[derive(Default)]
pub(super) struct Watched {
    /// How many clients watch it.
    pub(super) users: usize,
    id: Option<RowId>,
    flow: Option<Arc<Flow>>,
    buckets: Buckets,
    /// Counts when the last second of the series ended.
    counted: Option<Counted>,
    series: VecDeque<Second>,
    heat: VecDeque<(i64, Buckets)>,
    next: Option<Instant>,
    is_asked: bool,
    /// The look that was answered last.
    epoch: u64,
    /// What an engine elsewhere answered last, without what is kept by the second.
    fed: Option<Box<protocol::Detail>>,
    /// Grows with each answer.
    pub(super) version: u64,
}

#[derive(Clone, Debug)]
struct Counted {
    second: i64,
    packets: u64,
    bytes: u64,
    lost: Option<u64>,
    buckets: Buckets,
}

#[derive(Clone, Copy, Debug)]
struct Second {
    second: i64,
    packets: Option<u64>,
    bits: Option<u64>,
    lost: Option<i64>,
    jitter_ns: Option<f64>,
}

/// What a client has been sent of a row.
#[derive(Clone, Debug)]
pub(super) struct ClientWatch {
    pub(super) analysis: String,
    pub(super) row: String,
    pub(super) parts: Vec<Part>,
    pub(super) version: u64,
    /// The last second sent.
    series_to: i64,
    heat_to: i64,
}

impl ClientWatch {
    pub(super) fn new(analysis: String, row: String, mut parts: Vec<Part>) -> Self {
        if parts.is_empty() {
            parts = Part::ALL.to_vec();
        }
        Self { analysis, row, parts, version: 0, series_to: i64::MIN, heat_to: i64::MIN }
    }
}

impl Watched {
    /// Whether the engine is to be asked.
    pub(super) fn is_due(&mut self, now: Instant, epoch: u64, has_ended: bool) -> bool {
        if self.is_asked || self.epoch == epoch && self.version > 0 && has_ended {
            return false;
        }
        let is_due = self.next.is_none_or(|next| now >= next);
        if is_due {
            self.next = Some(now + Duration::from_secs(1));
            self.is_asked = true;
        }
        is_due
    }

    /// Takes an answer of the engine. `row` is as it is now; `None` where frames have no pace of their own, and seconds that pass
    /// say nothing.
    pub(super) fn take(&mut self, answer: Answer, row: Option<&Row>, now: Option<Timestamp>, epoch: u64) {
        self.is_asked = false;
        self.epoch = epoch;
        self.version += 1;
        self.flow = answer.flow.map(Arc::from);
        self.buckets = answer.buckets.unwrap_or_default();
        let Some((row, now)) = row.zip(now) else { return };
        if self.id.replace(row.id).is_some_and(|before| before != row.id) {
            self.counted = None;
        }
        let second = (now.as_nanos() - 1).div_euclid(SECOND);
        let counted = Counted {
            second,
            packets: row.packets,
            bytes: row.bytes.unwrap_or_default(),
            lost: row.health.lost,
            buckets: self.buckets.clone(),
        };
        let Some(before) = self.counted.replace(counted.clone()) else { return };
        let seconds = second - before.second;
        if seconds <= 0 {
            // it is the same second still
            self.counted = Some(before);
            return;
        }
        let per_second = |count: u64| count / seconds.cast_unsigned();
        let came = Second {
            second: second - 1,
            packets: Some(per_second(counted.packets.saturating_sub(before.packets))),
            bits: row.bytes.map(|_| per_second(counted.bytes.saturating_sub(before.bytes) * 8)),
            lost: counted.lost.zip(before.lost).map(|(now, then)| now.cast_signed() - then.cast_signed()),
            jitter_ns: row.health.media_jitter_ns.or(row.timing.jitter_ns),
        };
        self.series.push_back(came);
        let column = difference(&counted.buckets, &before.buckets);
        if !column.is_empty() {
            self.heat.push_back((second - 1, coarser(column)));
        }
        while self.series.len() > KEPT {
            self.series.pop_front();
        }
        while self.heat.len() > KEPT {
            self.heat.pop_front();
        }
    }

    /// Takes an answer of an engine elsewhere.
    pub(super) fn take_fed(&mut self, mut detail: protocol::Detail) {
        self.version += 1;
        let second = |text: &str| streamlens_filter::instant(text).map(|time| time.as_nanos().div_euclid(SECOND));
        if let Some(series) = detail.series.take().filter(|series| series.step_ns == SECOND.unsigned_abs())
            && let Some(start) = second(&series.start)
        {
            for (place, packets) in series.packets.iter().enumerate().take(KEPT) {
                let came = Second {
                    second: start.saturating_add_unsigned(place as u64),
                    packets: *packets,
                    bits: series.bits.get(place).copied().flatten(),
                    lost: series.lost.get(place).copied().flatten(),
                    jitter_ns: series.jitter_ns.get(place).copied().flatten(),
                };
                put(&mut self.series, came.second, came, |known| known.second);
            }
        }
        for column in detail.heat.take().into_iter().flat_map(|heat| heat.columns).take(KEPT) {
            let Some(start) = second(&column.start) else { continue };
            let bucket = |of: &protocol::Bucket| (Bucket { low: of.low_ns, high: of.high_ns }, of.count);
            let buckets = column.buckets.iter().take(MOST_BUCKETS).map(bucket).collect();
            put(&mut self.heat, start, (start, buckets), |known| known.0);
        }
        self.fed = Some(Box::new(detail));
    }

    /// The message of a client that has been sent less.
    pub(super) fn message(
        &self,
        watch: &mut ClientWatch,
        analysis: &Analysis,
        board: &mut Board,
        name: &RowPath,
    ) -> protocol::Detail {
        watch.version = self.version;
        let mut detail = protocol::Detail {
            analysis: analysis.id.clone(),
            start: analysis.start.clone(),
            row: watch.row.clone(),
            timestamp: board.table.now.map(|now| now.to_string()),
            ..protocol::Detail::default()
        };
        if let Some(fed) = &self.fed {
            detail.timestamp = fed.timestamp.clone();
            detail.gone = fed.gone;
            for part in watch.parts.clone() {
                match part {
                    Part::Series => detail.series = self.series_since(&mut watch.series_to, &[]),
                    Part::Histogram => detail.histogram.clone_from(&fed.histogram),
                    Part::Heat => detail.heat = self.heat_since(&mut watch.heat_to),
                    Part::Streams => detail.streams.clone_from(&fed.streams),
                    Part::Metadata => detail.metadata.clone_from(&fed.metadata),
                    Part::Reasons => detail.reasons.clone_from(&fed.reasons),
                }
            }
            detail.findings = findings_below(board, &watch.row);
            return detail;
        }
        let found = self.flow.as_ref().and_then(|flow| Some((flow, Element::find(flow, name)?)));
        let Some((flow, element)) = found else {
            detail.gone = true;
            return detail;
        };
        for part in watch.parts.clone() {
            match part {
                Part::Series => detail.series = self.series_since(&mut watch.series_to, element.intervals()),
                Part::Histogram => detail.histogram = Some(buckets(&coarser(self.buckets.clone()))),
                Part::Heat => detail.heat = self.heat_since(&mut watch.heat_to),
                Part::Streams => detail.streams = Some(element.streams(name)),
                Part::Metadata => detail.metadata = Some(element.metadata(flow)),
                Part::Reasons => detail.reasons = Some(reasons(flow, name)),
            }
        }
        detail.findings = findings_below(board, &watch.row);
        detail
    }

    /// `intervals` are those of a file, which has them since its beginning.
    fn series_since(&self, to: &mut i64, intervals: &[streamlens_model::Interval]) -> Option<protocol::Series> {
        let all: Vec<Second> = if intervals.is_empty() {
            self.series.iter().copied().collect()
        } else {
            let of = |interval: &streamlens_model::Interval| Second {
                second: interval.start.as_nanos().div_euclid(SECOND),
                packets: Some(interval.packets),
                bits: Some(interval.bytes * 8),
                lost: interval.lost,
                jitter_ns: interval.jitter_ns,
            };
            intervals.iter().map(of).collect()
        };
        let new: Vec<Second> = all.into_iter().filter(|second| second.second > *to).collect();
        let (first, last) = (new.first()?.second, new.last()?.second);
        // what still grows is sent again
        *to = last - i64::from(!intervals.is_empty());
        let length = usize::try_from(last - first + 1).unwrap_or(0).min(100_000);
        let mut series = protocol::Series {
            start: Timestamp::from_nanos(first.saturating_mul(SECOND)).to_string(),
            step_ns: SECOND.unsigned_abs(),
            packets: vec![None; length],
            bits: vec![None; length],
            lost: vec![None; length],
            jitter_ns: vec![None; length],
        };
        for second in new {
            let Ok(place) = usize::try_from(second.second - first) else { continue };
            let set = |column: &mut Vec<Option<u64>>, value| {
                column.get_mut(place).into_iter().for_each(|cell| *cell = value);
            };
            set(&mut series.packets, second.packets);
            set(&mut series.bits, second.bits);
            series.lost.get_mut(place).into_iter().for_each(|cell| *cell = second.lost);
            series.jitter_ns.get_mut(place).into_iter().for_each(|cell| *cell = second.jitter_ns);
        }
        Some(series)
    }

    fn heat_since(&self, to: &mut i64) -> Option<protocol::Heat> {
        let new: Vec<&(i64, Buckets)> = self.heat.iter().filter(|(second, _)| second > to).collect();
        *to = new.last()?.0;
        let column = |(second, of): &&(i64, Buckets)| protocol::HeatColumn {
            start: Timestamp::from_nanos(second.saturating_mul(SECOND)).to_string(),
            buckets: buckets(of),
        };
        Some(protocol::Heat { step_ns: SECOND.unsigned_abs(), columns: new.iter().map(column).collect() })
    }
}

/// Puts what is of a second in its place among those that are kept, in order of time.
fn put<T>(kept: &mut VecDeque<T>, second: i64, new: T, second_of: impl Fn(&T) -> i64) {
    let place = kept.partition_point(|known| second_of(known) < second);
    match kept.get_mut(place) {
        Some(known) if second_of(known) == second => *known = new,
        _ => kept.insert(place, new),
    }
    while kept.len() > KEPT {
        kept.pop_front();
    }
}

fn buckets(of: &Buckets) -> Vec<protocol::Bucket> {
    let bucket =
        |(bucket, count): &(Bucket, u64)| protocol::Bucket { low_ns: bucket.low, high_ns: bucket.high, count: *count };
    of.iter().map(bucket).collect()
}

/// Puts neighbours together until there are not too many.
fn coarser(mut of: Buckets) -> Buckets {
    while of.len() > MOST_BUCKETS {
        of = of
            .chunks(2)
            .filter_map(|pair| {
                let (first, last) = (pair.first()?, pair.last()?);
                let count = pair.iter().map(|(_, count)| count).sum();
                Some((Bucket { low: first.0.low, high: last.0.high }, count))
            })
            .collect();
    }
    of
}

/// What came to a histogram. The first few lengths are exact, and lie in buckets later: those count for the buckets that they
/// are in.
fn difference(now: &Buckets, before: &Buckets) -> Buckets {
    let counted = |low: u64, high: u64| {
        let from = before.partition_point(|(bucket, _)| bucket.low < low);
        let within = before.iter().skip(from).take_while(|(bucket, _)| bucket.low <= high);
        within.map(|(_, count)| count).sum::<u64>()
    };
    let came = now.iter().map(|(bucket, count)| (*bucket, count.saturating_sub(counted(bucket.low, bucket.high))));
    came.filter(|(_, count)| *count > 0).collect()
}

/// The element of a document that a row stands for.
enum Element<'a> {
    Flow(&'a Flow),
    Transport(&'a TransportProtocol),
    Encoding(&'a ApplicationEncoding),
    Stream(&'a ApplicationEncoding, &'a streamlens_model::StreamHealth),
    Type(&'a PacketTypeStats),
}

impl<'a> Element<'a> {
    fn find(flow: &'a Flow, path: &RowPath) -> Option<Self> {
        let mut found = Self::Flow(flow);
        for part in path.parts() {
            found = match (&found, part) {
                (Self::Flow(flow), RowPart::Transport(name)) => {
                    Self::Transport(flow.transport_protocols.iter().find(|of| of.protocol_name == *name)?)
                }
                (Self::Transport(transport), RowPart::Encoding(name)) => {
                    Self::Encoding(transport.application_encodings.iter().find(|of| of.encoding_name == *name)?)
                }
                (Self::Encoding(encoding), RowPart::Stream(id)) => {
                    Self::Stream(encoding, encoding.health.streams.iter().find(|of| of.id == *id)?)
                }
                (Self::Encoding(encoding), RowPart::Type(name)) => {
                    Self::Type(encoding.packet_types.iter().find(|of| of.type_name == *name)?)
                }
                (Self::Type(kind), RowPart::Type(name)) => {
                    Self::Type(kind.packet_types.iter().find(|of| of.type_name == *name)?)
                }
                _ => return None,
            };
        }
        Some(found)
    }

    fn intervals(&self) -> &'a [streamlens_model::Interval] {
        match self {
            Self::Flow(of) => &of.intervals,
            Self::Transport(of) => &of.intervals,
            Self::Encoding(of) => &of.intervals,
            Self::Stream(..) => &[],
            Self::Type(of) => &of.intervals,
        }
    }

    /// The streams of the row, or of all below it.
    fn streams(&self, _: &RowPath) -> Vec<Value> {
        let of = |encoding: &ApplicationEncoding| -> Vec<Value> { encoding.health.streams.iter().map(value).collect() };
        match self {
            Self::Flow(flow) => flow.encodings().flat_map(of).collect(),
            Self::Transport(transport) => transport.application_encodings.iter().flat_map(of).collect(),
            Self::Encoding(encoding) => of(encoding),
            Self::Stream(_, stream) => vec![value(stream)],
            Self::Type(_) => Vec::new(),
        }
    }

    /// The element as the document has it, without what lies below it.
    fn metadata(&self, flow: &Flow) -> BTreeMap<String, Value> {
        let element = match self {
            Self::Flow(of) => value(of),
            Self::Transport(of) => value(of),
            Self::Encoding(of) | Self::Stream(of, _) => value(of),
            Self::Type(of) => value(of),
        };
        let Value::Object(element) = element else { return BTreeMap::new() };
        let is_below = |key: &str| {
            matches!(key, "transport_protocols" | "application_encodings" | "packet_types" | "health" | "intervals")
        };
        let mut facts: BTreeMap<String, Value> = element.into_iter().filter(|(key, _)| !is_below(key)).collect();
        if !matches!(self, Self::Flow(_)) {
            // what is known of the whole flow
            facts.extend(
                [("macs", value(&flow.macs)), ("dscp", value(&flow.dscp)), ("ttl", value(&flow.ttl))]
                    .map(|(key, of)| (key.to_owned(), of)),
            );
        }
        facts
    }
}

fn value<T: serde::Serialize>(of: T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// Why the encodings of a row were identified, and what else it may be.
fn reasons(flow: &Flow, path: &RowPath) -> protocol::Reasons {
    let mut reasons = protocol::Reasons::default();
    let (mut transport_name, mut encoding_name) = (None, None);
    for part in path.parts() {
        match part {
            RowPart::Transport(name) => transport_name = Some(name),
            RowPart::Encoding(name) => encoding_name = Some(name),
            _ => {}
        }
    }
    for transport in &flow.transport_protocols {
        if transport_name.is_some_and(|name| *name != transport.protocol_name) {
            continue;
        }
        let candidates = transport.candidates.iter().map(value).collect::<Vec<_>>();
        if !candidates.is_empty() {
            reasons.candidates.insert(transport.protocol_name.to_string(), candidates);
        }
        for encoding in &transport.application_encodings {
            if encoding_name.is_none_or(|name| *name == encoding.encoding_name) {
                let of = encoding.reasons.iter().map(|reason| reason.to_string()).collect();
                reasons.encodings.insert(encoding.encoding_name.to_string(), of);
            }
        }
    }
    reasons
}

/// Findings at a row and below it.
fn findings_below(board: &mut Board, name: &str) -> Vec<protocol::Finding> {
    let Some(row) = board.find(name) else { return Vec::new() };
    let known: Vec<_> = board
        .table
        .findings
        .iter()
        .filter_map(|(id, (at, finding))| Some((*id, (*at)?, Arc::clone(finding))))
        .filter(|(_, at, _)| at.flow == row.flow)
        .collect();
    let mut findings = Vec::new();
    for (id, at, finding) in known {
        let place = board.name(at);
        let is_below = row.level == Level::Flow
            || *place == *name
            || place.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        if is_below && findings.len() < 200 {
            let new = protocol::FindingState::New;
            let probes = board.table.finding_probes.get(&id);
            findings.push(super::compose::finding_message(id, Some(place.to_string()), &finding, new, probes));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
