//! What the datagram encodings of flight-test telemetry (IENA, iNetX, TmNS, NPD) have in common: a bounded table of
//! streams per flow, the packet time of a stream against its capture time, and what only shows across flows (streams
//! that stop, two sources with one identifier).

#[cfg(test)]
#[cfg(feature = "all")]
mod alike_tests;
#[cfg(test)]
#[cfg(feature = "all")]
mod corpus_tests;
mod monitor;
mod table;
pub(crate) mod terms;
#[cfg(test)]
#[cfg(feature = "iena")]
mod tests;
mod track;

pub(crate) use monitor::{Naming, TelemetryFlow, TelemetryMonitor};
pub(crate) use table::StreamTable;
pub(crate) use track::{Codes, Reading, Track};

use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FindingLog, Occurrence, Packet, Severity, StreamId, Subject};

use crate::{FlowReport, clock_offset};

/// The first word of every known iNetX packet: version 1, one option word. TmNS refuses it.
pub(crate) const INETX_CONTROL_WORD: [u8; 4] = [0x11, 0, 0, 0];

/// The frame of a packet, for findings.
#[inline]
pub(crate) fn at(packet: &Packet<'_>) -> Occurrence {
    Occurrence { frame: packet.frame, time: packet.time }
}

/// Says how many streams there are, and how many packets found no room in the table.
pub(crate) fn report_table<T>(table: &StreamTable<T>, count: &'static str, report: &mut FlowReport) {
    report.fact(count, table.len() as u64);
    if table.first_beyond().is_some() {
        report.fact("packets_beyond_stream_limit", table.beyond());
    }
}

/// Whether [`report_findings`] would add any.
pub(crate) fn may_have_findings<T>(table: &StreamTable<T>, log: &FindingLog) -> bool {
    table.first_beyond().is_some() || !log.is_empty()
}

/// Whether [`report_clocks`] would add any.
pub(crate) fn has_clocks_off(flow: &impl TelemetryFlow, may_be_tai: bool) -> bool {
    let mut is_off = false;
    flow.visit(&mut |_, track| {
        is_off |= track.clock_offset().is_some_and(|(offset, _)| clock_offset::is_off(offset, may_be_tai))
    });
    is_off
}

/// Adds which streams have a clock that is off the capture's, and since when; `may_be_tai`: their clocks lawfully
/// count TAI.
pub(crate) fn report_clocks(flow: &impl TelemetryFlow, code: &'static str, may_be_tai: bool, report: &mut FlowReport) {
    let mut log = FindingLog::default();
    flow.visit(&mut |id, track| {
        let Some((offset, since)) = track.clock_offset() else { return };
        let Some(said) = clock_offset::judged(track.time(), offset, may_be_tai) else { return };
        let (what, place) = ((code, Severity::Warning), (Some(StreamId(u128::from(id))), Subject::default()));
        log.add_counted(what, place, 1, (since, since), || {
            format!("{said}, {}", clock_offset::since(since, track.first(), "packet"))
        });
    });
    if !log.is_empty() {
        report.findings.push(log);
    }
}

/// Adds the findings of a flow: what found no room in the table, with the code for that and what the streams are
/// called, then its log.
pub(crate) fn report_findings<T>(
    table: &StreamTable<T>,
    (code, words): (&'static str, &str),
    log: &FindingLog,
    report: &mut FlowReport,
) {
    if let Some(first) = table.first_beyond() {
        let mut beyond = FindingLog::default();
        beyond.add(code, Severity::Info, None, first, || {
            format!(
                "{} {} {words} beyond the first {} of this flow: counted, but not by stream",
                Counted(table.beyond(), "packet"),
                Counted(table.beyond(), "").verb("carries", "carry"),
                Grouped(StreamTable::<T>::MAX as u64)
            )
        });
        report.findings.push(beyond);
    }
    if !log.is_empty() {
        report.findings.push(log.clone());
    }
}
