//! What a flow remembers of frames that are not cyclic: alarms, fragments, and RPC calls that are cut into fragments.

use std::collections::BTreeMap;

use streamlens_model::{FindingLog, Occurrence, Severity, Subject, Value};

use super::Uuid;
use super::alarm::{RtaKind, RtaPdu, abort_reason, alarm_name, is_harmless};
use super::cm::Body;
use super::dcp::{DcpPdu, Fact, block_error};
use super::frame::{self, Fragment};
use super::monitor::Record;
use super::rpc::{RpcHeader, long};
use crate::{DecodingResult, FlowReport};

/// Other `FrameID`s that are counted one by one.
const MAX_IDS: usize = 64;
/// RPC calls whose fragments are being put together, and the most bytes of one.
const MAX_CALLS: usize = 4;
const MAX_CALL_BYTES: usize = 1 << 16;
/// Counts and calls of such frames.
#[derive(Debug, Default)]
pub(super) struct Acyclic {
    pub(super) frame_ids: BTreeMap<u16, u64>,
    other_ids: u64,
    rta: BTreeMap<RtaKind, u64>,
    alarm_types: BTreeMap<u16, u64>,
    pub(super) fragments: Fragments,
    calls: Vec<Call>,
    calls_dropped: u64,
}

/// Fragments of real-time frames: how many, and how many were passed over.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    next: [Option<u8>; 16],
    frames: u64,
    missing: u64,
}

/// An RPC call of which fragments have come.
#[derive(Debug)]
struct Call {
    key: (Uuid, u32, u8),
    next: u16,
    bytes: Vec<u8>,
}

impl Acyclic {
    pub(super) fn count(&mut self, frame_id: u16) {
        if self.frame_ids.len() < MAX_IDS || self.frame_ids.contains_key(&frame_id) {
            *self.frame_ids.entry(frame_id).or_default() += 1;
        } else {
            self.other_ids += 1;
        }
    }

    pub(super) fn take_alarm(&mut self, pdu: &RtaPdu<'_>, at: Occurrence, findings: &mut FindingLog) {
        *self.rta.entry(pdu.kind).or_default() += 1;
        if let Some(alarm) = pdu.notification() {
            if self.alarm_types.len() < MAX_IDS || self.alarm_types.contains_key(&alarm.alarm_type) {
                *self.alarm_types.entry(alarm.alarm_type).or_default() += 1;
            }
            let severity = if is_harmless(alarm.alarm_type) { Severity::Info } else { Severity::Warning };
            let subject = Subject::of([alarm.alarm_type, alarm.slot, alarm.subslot]);
            findings.add_about("profinet.alarm", severity, None, subject, at, || {
                let (name, slot, subslot, api) = (alarm_name(alarm.alarm_type), alarm.slot, alarm.subslot, alarm.api);
                format!("alarm {name} from slot {slot}, subslot 0x{subslot:04x} (API {api})")
            });
        }
        if let Some(status) = pdu.error() {
            // Releasing a relation ends it by such an error too.
            let orderly = matches!(status.0, [0xCF, 0x81, 0xFD, 0x02 | 0x0D | 0x0F]);
            let severity = if orderly { Severity::Info } else { Severity::Error };
            let subject = Subject(u32::from_be_bytes(status.0).into());
            findings.add_about("profinet.relation-ended", severity, None, subject, at, || match abort_reason(status) {
                Some(reason) => format!("the application relation was ended by an RTA error: {reason}; {status}"),
                None => format!("the application relation was ended by an RTA error: {status}"),
            });
        }
    }

    /// Takes a PDU of an RPC call, and publishes the call when it is whole.
    pub(super) fn take_call(
        &mut self,
        header: &RpcHeader,
        body: &[u8],
        at: Occurrence,
        findings: &mut FindingLog,
        result: &mut DecodingResult,
    ) {
        let body = body.get(..usize::from(header.length)).unwrap_or(body);
        if !matches!(header.packet_type, 0 | 2) {
            note_refusal(header, body, at, findings);
            return;
        }
        if !header.is_fragment() {
            note_answer(header, body, at, findings);
            Record::call(header, body, result);
            return;
        }
        let key = (header.activity, header.sequence, header.packet_type);
        let index = self.calls.iter().position(|call| call.key == key);
        let mut call = match (index, header.fragment) {
            (Some(index), _) => self.calls.remove(index),
            (None, 0) => Call { key, next: 0, bytes: Vec::new() },
            (None, _) => return,
        };
        if header.fragment < call.next {
            self.calls.push(call); // A fragment that was sent again.
            return;
        }
        if header.fragment != call.next || call.bytes.len() + body.len() > MAX_CALL_BYTES {
            self.calls_dropped += 1;
            return;
        }
        call.bytes.extend_from_slice(body);
        call.next += 1;
        if header.is_last_fragment() {
            note_answer(header, &call.bytes, at, findings);
            Record::call(header, &call.bytes, result);
            return;
        }
        if self.calls.len() == MAX_CALLS {
            self.calls.remove(0);
            self.calls_dropped += 1;
        }
        self.calls.push(call);
    }

    pub(super) fn report(&self, report: &mut FlowReport) {
        if self.other_ids > 0 {
            report.fact("frames_of_further_ids", self.other_ids);
        }
        if !self.rta.is_empty() {
            report.fact("rta", Value::map(self.rta.iter().map(|(kind, n)| (kind.name(), Value::from(*n)))));
        }
        if !self.alarm_types.is_empty() {
            let types = self.alarm_types.iter().map(|(kind, n)| (alarm_name(*kind), Value::from(*n)));
            report.fact("alarm_types", Value::map(types));
        }
        if self.fragments.frames > 0 {
            report.fact("fragments", self.fragments.frames);
            report.fact("fragments_missing", self.fragments.missing);
        }
        if self.calls_dropped > 0 {
            report.fact("calls_with_missing_fragments", self.calls_dropped);
        }
    }
}

impl Fragments {
    pub(super) fn take(&mut self, fragment: Fragment) {
        self.frames += 1;
        let Some(next) = self.next.get_mut(usize::from(fragment.series)) else { return };
        if let Some(next) = *next {
            self.missing += u64::from(fragment.number.wrapping_sub(next) & 0x3F);
        }
        // Before the first of a series nothing is known of what came.
        *next = fragment.more.then_some(fragment.number.wrapping_add(1) & 0x3F);
    }
}

/// Answers with errors to DCP requests to set something.
pub(super) fn note_dcp(pdu: &DcpPdu<'_>, at: Occurrence, findings: &mut FindingLog) {
    if pdu.service != 4 || !pdu.is_response() {
        return;
    }
    for block in pdu.blocks() {
        if let Some(Fact::Answer(option, suboption, error @ 1..)) = block.fact() {
            findings.add("profinet.dcp-refused", Severity::Warning, None, at, || {
                format!("DCP Set of option {option}, suboption {suboption} refused: {}", block_error(error))
            });
        }
    }
}

/// Answers with a PNIO status that is not good.
fn note_answer(header: &RpcHeader, body: &[u8], at: Occurrence, findings: &mut FindingLog) {
    let status = Body::read(body, header.packet_type == 2, header.little_endian).and_then(|body| body.status);
    if let Some(status) = status.filter(|status| !status.is_ok()) {
        findings.add("profinet.cm-error", Severity::Warning, None, at, || {
            format!("{} answered with an error: {status}", operation(header))
        });
    }
}

/// Calls that the other side faults or rejects.
fn note_refusal(header: &RpcHeader, body: &[u8], at: Occurrence, findings: &mut FindingLog) {
    if !matches!(header.packet_type, 3 | 6) {
        return;
    }
    let code = long("status", header.little_endian)(body).map_or(0, |(_, code)| code);
    findings.add("profinet.cm-fault", Severity::Warning, None, at, || {
        let what = if header.packet_type == 3 { "faulted" } else { "rejected" };
        format!("{} {what} with RPC status 0x{code:08x}", operation(header))
    });
}

fn operation(header: &RpcHeader) -> String {
    match frame::operation_name(header.operation) {
        Some(name) => name.to_owned(),
        None => format!("Operation {}", header.operation),
    }
}
