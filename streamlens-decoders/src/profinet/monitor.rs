//! What spans flows: stations and application relations, joined with the cyclic streams that they set up.

use std::collections::BTreeMap;

use nom::Parser;
use streamlens_model::words::{Counted, Grouped, Span};
use streamlens_model::{Address, FindingLog, FlowKey, MacAddress, Metadata, Occurrence, Severity, StreamId, Value};

use super::alarm::RtaPdu;
use super::cm::{Iocr, IocrType};
use super::cyclic::{CyclicStream, Silence};
use super::dcp::DcpPdu;
use super::flow::ProfinetFlow;
use super::frame::FrameClass;
use super::relations::{Relation, Relations};
use super::rpc::RpcHeader;
use super::stations::Stations;
use super::{Uuid, frame_id, uuid};
use crate::wire::{Wire, u8, u16, u32};
use crate::{DecodingResult, FlowReport, NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey};

/// Bytes of an RPC body that are published of calls other than connect: arguments and the first block.
const SHORT_BODY: usize = 96;
/// Bytes of a DCP or alarm frame that are published.
const LONGEST_FRAME: usize = 1500;
/// Time-out in cycles where none was agreed on.
const USUAL_WATCHDOG: u16 = 3;
/// Intervals that the update time is judged by at least.
const ENOUGH_INTERVALS: u64 = 16;
/// A stream that ends this long before the capture's last frame, at least, has ended before the capture.
const EDGE_NS: i64 = 100_000_000;

/// What a flow's decoder hands on to the monitor, in its own compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A DCP or alarm frame from its `FrameID` on.
    Frame(&'a [u8]),
    /// An RPC request or answer, put together from its fragments.
    Call(Call<'a>),
}

/// An RPC request or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) little_endian: bool,
    pub(super) is_answer: bool,
    pub(super) operation: u16,
    pub(super) activity: Uuid,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

impl<'a> Record<'a> {
    const FRAME: u8 = 0;
    const CALL: u8 = 1;

    /// Publishes a frame without its padding.
    pub(super) fn frame(payload: &[u8], length: usize, result: &mut DecodingResult) {
        result.publish(&[Self::FRAME]);
        result.publish(payload.get(..length.min(LONGEST_FRAME)).unwrap_or(payload));
    }

    /// Publishes a call: all of a connect, of others what tells relation and status.
    pub(super) fn call(header: &RpcHeader, body: &[u8], result: &mut DecodingResult) {
        let kept = if header.operation == 0 { body.len() } else { body.len().min(SHORT_BODY) };
        let [high, low] = header.operation.to_be_bytes();
        let is_answer = header.packet_type == 2;
        result.publish(&[Self::CALL, u8::from(header.little_endian), u8::from(is_answer), high, low]);
        result.publish(&header.activity.0);
        result.publish(&header.sequence.to_be_bytes());
        result.publish(body.get(..kept).unwrap_or_default());
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rest, kind) = u8("kind of record")(bytes).ok()?;
        match kind {
            Self::FRAME => Some(Self::Frame(rest)),
            Self::CALL => call(rest).ok().map(|(_, call)| Self::Call(call)),
            _ => None,
        }
    }
}

/// What [`Record::call`] publishes behind the kind of record.
fn call(input: &[u8]) -> Wire<'_, Call<'_>> {
    let (body, (little_endian, is_answer, operation, activity, sequence)) =
        (u8("byte order"), u8("direction"), u16("operation"), uuid("activity"), u32("sequence")).parse(input)?;
    let (little_endian, is_answer) = (little_endian != 0, is_answer != 0);
    Ok((&[], Call { little_endian, is_answer, operation, activity, sequence, body }))
}

/// The monitor of all PROFINET flows.
#[derive(Debug, Default)]
pub(super) struct ProfinetMonitor {
    stations: Stations,
    relations: Relations,
    last_time: Option<i64>,
}

impl NetworkMonitor for ProfinetMonitor {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        if let Some(time) = pdu.at.time {
            self.last_time = self.last_time.max(Some(time.as_nanos()));
        }
        match Record::read(pdu.bytes) {
            Some(Record::Call(call)) => self.relations.take_call(&call, pdu.flow, pdu.at),
            Some(Record::Frame(payload)) => self.observe_frame(payload, pdu.flow, pdu.at),
            None => {}
        }
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        let by_id = self.relations.by_frame_id();
        Box::new(Streams {
            monitor: self,
            by_id,
            last: self.last_time,
            is_known: false,
            has_streams: false,
            flows: BTreeMap::new(),
        })
    }
}

/// Holds streams against what was agreed. The first look finds the end of the capture, the second judges by it.
struct Streams<'m> {
    monitor: &'m ProfinetMonitor,
    by_id: BTreeMap<u16, Vec<(&'m Relation, &'m Iocr)>>,
    /// The time of the last frame of any, and whether all have been seen.
    last: Option<i64>,
    is_known: bool,
    /// Whether there is anything to judge.
    has_streams: bool,
    flows: BTreeMap<u64, FlowReport>,
}

impl Survey for Streams<'_> {
    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let (key, Some(flow)) = (peer.flow, peer.decoder.and_then(ProfinetFlow::of)) else { return };
        if !self.is_known {
            self.has_streams = true;
            let ends = flow.streams.iter().filter_map(|stream| stream.last.time).map(|time| time.as_nanos());
            self.last = self.last.max(ends.max());
            return;
        }
        let (monitor, mut into) = (self.monitor, FlowReport::default());
        monitor.name_ends(key, &mut into);
        let mut findings = FindingLog::default();
        for stream in &flow.streams {
            let agreed = monitor.relations.find(&self.by_id, key, stream);
            if let Some((relation, iocr)) = agreed {
                monitor.describe(stream, relation, iocr, &mut into);
            } else if let Some(station) = monitor.stations.name_of(key.src.address) {
                // whose relation was made before the capture
                let name = format!("FrameID 0x{:04x} of {station}", stream.frame_id);
                into.stream(StreamId(u128::from(stream.frame_id))).name = Some(name);
            }
            judge_update_time(stream, agreed.map(|(_, iocr)| iocr), &mut findings);
            monitor.judge_silence(key, stream, agreed.map(|(_, iocr)| iocr), self.last, &mut findings);
        }
        if !findings.is_empty() {
            into.findings.push(findings);
        }
        self.flows.insert(number, into);
    }

    fn needs_second_pass(&mut self) -> bool {
        self.is_known = true;
        self.has_streams
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        report.flows = self.flows;
        let mut facts = Metadata::new();
        self.monitor.stations.report(&mut facts);
        self.monitor.relations.report(&mut facts);
        if !facts.is_empty() {
            report.facts.insert("profinet".into(), Value::Map(facts));
        }
        report
            .findings
            .extend([self.monitor.stations.findings(), self.monitor.relations.findings()].into_iter().cloned());
        report.findings.retain(|log| !log.is_empty());
    }
}

impl ProfinetMonitor {
    fn observe_frame(&mut self, payload: &[u8], flow: &FlowKey, at: Occurrence) {
        let (Some(frame_id), Address::Mac(src), Address::Mac(dst)) =
            (frame_id(payload), flow.src.address, flow.dst.address)
        else {
            return;
        };
        match FrameClass::of(frame_id) {
            FrameClass::Dcp => {
                if let Some(pdu) = DcpPdu::read(payload) {
                    let is_running = self.relations.is_running(dst);
                    self.stations.take(&pdu, src, dst, is_running, at);
                }
            }
            FrameClass::Alarm => {
                if let Some(status) = RtaPdu::read(payload).and_then(|pdu| pdu.error()) {
                    self.relations.end(src, dst, Some(status), at);
                }
            }
            _ => {}
        }
    }

    /// Names of the stations at both ends of a flow.
    fn name_ends(&self, key: &FlowKey, into: &mut FlowReport) {
        for (name, address) in [("src_station", key.src.address), ("dst_station", key.dst.address)] {
            if let Some(station) = self.stations.name_of(address) {
                into.fact(name, station.to_owned());
            }
        }
    }

    fn station(&self, mac: Option<MacAddress>) -> Option<String> {
        let mac = mac?;
        let name = self.stations.name_of(Address::Mac(mac));
        Some(name.map_or_else(|| mac.to_string(), str::to_owned))
    }

    /// What was agreed on for a stream.
    fn describe(&self, stream: &CyclicStream, relation: &Relation, iocr: &Iocr, into: &mut FlowReport) {
        let report = into.stream(StreamId(u128::from(stream.frame_id)));
        let device = self.station(relation.device).unwrap_or_else(|| relation.device_address());
        let controller = self.station(Some(relation.controller)).unwrap_or_default();
        report.name = Some(format!("FrameID 0x{:04x}, {} of {device}", stream.frame_id, iocr.kind.name()));
        let slots = iocr.objects.iter().map(|(slot, subslot, offset)| {
            Value::map([("slot", Value::from(*slot)), ("subslot", (*subslot).into()), ("offset", (*offset).into())])
        });
        for (name, value) in [
            ("device", Value::from(device)),
            ("controller", controller.into()),
            ("relation", relation.uuid.to_string().into()),
            ("direction", iocr.kind.name().into()),
            ("rt_class", iocr.class_name().into()),
            ("slots", Value::list(slots)),
            ("agreed_update_time_ns", iocr.update_time_ns().into()),
            ("send_clock_factor", iocr.send_clock_factor.into()),
            ("reduction_ratio", iocr.reduction_ratio.into()),
            ("phase", iocr.phase.into()),
            ("watchdog_factor", iocr.watchdog_factor.into()),
            ("data_hold_factor", iocr.data_hold_factor.into()),
            ("agreed_data_length", iocr.data_length.into()),
        ] {
            report.measures.insert(name.into(), value);
        }
    }

    /// Silences longer than the time-out, in the middle and up to the end of the capture.
    fn judge_silence(
        &self,
        key: &FlowKey,
        stream: &CyclicStream,
        agreed: Option<&Iocr>,
        last: Option<i64>,
        findings: &mut FindingLog,
    ) {
        let nominal = agreed.map(Iocr::update_time_ns).or_else(|| stream.nominal_ns());
        let Some(nominal) = nominal.filter(|&n| n > 0 && stream.is_established()) else { return };
        let factor = agreed.map_or(USUAL_WATCHDOG, |iocr| iocr.watchdog_factor.max(1));
        let limit = i64::try_from(nominal).unwrap_or(i64::MAX).saturating_mul(i64::from(factor));
        let place = Some(StreamId(u128::from(stream.frame_id)));
        let total = stream.silence_count;
        for silence in stream.silences.iter().filter(|s| s.nanoseconds > limit) {
            if self.relations.ended_between(key, silence.from, silence.to) {
                continue;
            }
            findings.add("profinet.provider-lost", Severity::Error, place, silence.from, || {
                let &Silence { from, to, nanoseconds } = silence;
                format!(
                    "no frame for {}, from frame {} to frame {}; the time-out is {} ({}); {} of that kind",
                    Span(nanoseconds),
                    Grouped(from.frame),
                    Grouped(to.frame),
                    Span(limit),
                    Counted(u64::from(factor), "cycle"),
                    Counted(total, "silence")
                )
            });
        }
        if let Some(end) = self.relations.timed_out(key, stream.last) {
            findings.add("profinet.provider-lost", Severity::Error, place, stream.last, || {
                format!(
                    "the last frame is {}; the receiver ended the relation at frame {}: its watchdog expired",
                    Grouped(stream.last.frame),
                    Grouped(end.frame)
                )
            });
            return;
        }
        let (Some(last), Some(own)) = (last, stream.last.time) else { return };
        let silent = last.saturating_sub(own.as_nanos());
        if silent > limit.max(EDGE_NS) && !self.relations.ended_after(key, stream.last) {
            findings.add("profinet.provider-lost", Severity::Error, place, stream.last, || {
                format!(
                    "the last frame is {}; none came in the {} that other PROFINET traffic goes on, and no release or abort was seen; the time-out is {}",
                    Grouped(stream.last.frame),
                    Span(silent),
                    Span(limit)
                )
            });
        }
    }
}

/// The update time measured against the one agreed on, or else the one that the counter stands for.
fn judge_update_time(stream: &CyclicStream, agreed: Option<&Iocr>, findings: &mut FindingLog) {
    let repeated = stream.steps.count_where(|step| step == 0);
    // A capture that holds each frame twice says nothing of intervals.
    if !stream.is_established() || stream.intervals.count() < ENOUGH_INTERVALS || repeated * 4 > stream.frames {
        return;
    }
    let nominal = agreed.map(Iocr::update_time_ns).or_else(|| stream.nominal_ns()).filter(|&n| n > 0);
    let (Some(nominal), Some(median), Some(step)) = (nominal, stream.intervals.interpolated_median(), stream.step())
    else {
        return;
    };
    let [nominal, median] = [nominal, median].map(|nanoseconds| i64::try_from(nanoseconds).unwrap_or(i64::MAX));
    let place = Some(StreamId(u128::from(stream.frame_id)));
    let said = if agreed.is_some() { "agreed on" } else { "that its cycle counter stands for" };
    if (median - nominal).abs() > nominal / 10 {
        findings.add("profinet.update-time", Severity::Warning, place, stream.last, || {
            format!("a frame every {}, not every {} {said}", Span(median), Span(nominal))
        });
    } else if let Some(iocr) = agreed.filter(|iocr| iocr.step() != u32::from(step)) {
        findings.add("profinet.update-time", Severity::Warning, place, stream.last, || {
            format!("the cycle counter steps by {step}, and {} was agreed on", iocr.step())
        });
    }
}

/// Whether frames of a relation can flow from one station to another in an IO communication relation of this kind.
pub(super) fn goes(relation: &Relation, kind: IocrType, key: &FlowKey) -> bool {
    let (from, to) = (key.src.address, key.dst.address);
    let is_controller = |address| relation.is_controller(address);
    match kind {
        IocrType::Input => relation.may_be_device(from) && is_controller(to),
        IocrType::Output => is_controller(from) && relation.may_be_device(to),
        IocrType::MulticastProvider => relation.may_be_device(from),
        IocrType::MulticastConsumer | IocrType::Other(_) => false,
    }
}
