//! One message as the monitor sees it, alike for all versions.

use streamlens_model::{Address, FlowKey, Occurrence, TrafficType};

use super::super::names::message;
use super::super::v1::{self, HeaderV1};
use super::super::wire::{DomainKey, Header, PortIdentity, PtpTime, TimeInterval, u16_at};
use crate::ObservedPdu;

#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) at: Occurrence,
    /// Capture time in nanoseconds; frames without one are not measured.
    pub(super) time: Option<i64>,
    pub(super) flow: &'a FlowKey,
    /// 10 for version 1, 20 for version 2.0, 21 for 2.1.
    pub(super) edition: u8,
    pub(super) domain: DomainKey,
    pub(super) kind: u8,
    pub(super) source: PortIdentity,
    pub(super) sequence: u16,
    /// flagField of version 2; 0 for version 1.
    pub(super) flags: u16,
    pub(super) correction: TimeInterval,
    /// logMessageInterval where it is one; not 127, not in version 1.
    pub(super) log_interval: Option<i8>,
    pub(super) two_step: bool,
    /// The timestamp in the body, in nanoseconds of the sender's timescale.
    pub(super) stamp: Option<i64>,
    /// Whose request it answers.
    pub(super) requester: Option<PortIdentity>,
    /// The sequenceId of the message that it answers or completes; its own for others.
    pub(super) answers: u16,
    pub(super) bytes: &'a [u8],
}

impl<'a> Message<'a> {
    #[inline(always)]
    pub(super) fn from_v2(pdu: &ObservedPdu<'a>, header: &Header) -> Self {
        let stamp = match header.message_type {
            message::SIGNALING | message::MANAGEMENT => None,
            _ => PtpTime::parse(pdu.bytes, Header::LENGTH).and_then(PtpTime::as_nanos),
        };
        let requester = match header.message_type {
            message::DELAY_RESP | message::PDELAY_RESP | message::PDELAY_RESP_FOLLOW_UP => {
                PortIdentity::parse(pdu.bytes, Header::LENGTH + PtpTime::LENGTH)
            }
            _ => None,
        };
        Self {
            at: pdu.at,
            time: pdu.at.time.map(streamlens_model::Timestamp::as_nanos),
            flow: pdu.flow,
            edition: 20 + header.minor_version.min(9),
            domain: header.domain_key(),
            kind: header.message_type,
            source: header.source,
            sequence: header.sequence,
            flags: header.flags,
            correction: header.correction,
            log_interval: (header.log_interval != 127).then_some(header.log_interval),
            two_step: header.is_two_step(),
            stamp,
            requester,
            answers: header.sequence,
            bytes: pdu.bytes,
        }
    }

    pub(super) fn from_v1(pdu: &ObservedPdu<'a>, header: &HeaderV1) -> Option<Self> {
        let kind = header.message_type()?;
        let b = pdu.bytes;
        let (stamp, requester, answers) = match kind {
            message::FOLLOW_UP => (v1::time(b, 44), None, u16_at(b, 42)),
            message::DELAY_RESP => {
                let requester = v1::requester(b);
                (v1::time(b, 40), requester.map(|(port, _)| port), requester.map(|(_, sequence)| sequence))
            }
            message::MANAGEMENT => (None, None, None),
            _ => (v1::time(b, 40), None, None),
        };
        Some(Self {
            at: pdu.at,
            time: pdu.at.time.map(streamlens_model::Timestamp::as_nanos),
            flow: pdu.flow,
            edition: 10,
            domain: header.domain_key(),
            kind,
            source: header.source,
            sequence: header.sequence,
            flags: 0,
            correction: TimeInterval(0),
            log_interval: None,
            two_step: header.is_assisted(),
            stamp: stamp.and_then(PtpTime::as_nanos),
            requester,
            answers: answers.unwrap_or(header.sequence),
            bytes: b,
        })
    }

    pub(super) fn to(&self) -> Address {
        self.flow.dst.address
    }

    pub(super) fn is_unicast(&self) -> bool {
        self.to().traffic_type() == TrafficType::Unicast
    }

    pub(super) fn is_ethernet(&self) -> bool {
        matches!(self.flow.dst.address, Address::Mac(_))
    }

    /// Whether a message that this one answers went to an address from which this one may come: a group, or its own.
    pub(super) fn may_answer(&self, asked: Address) -> bool {
        asked.traffic_type() != TrafficType::Unicast || asked == self.flow.src.address
    }
}

/// `left - right` less corrections, in whole nanoseconds; `None` where a correction is too big to be expressed.
pub(super) fn difference(left: i64, right: i64, corrections: &[TimeInterval]) -> Option<i64> {
    let mut scaled = (i128::from(left) - i128::from(right)) << 16;
    for &correction in corrections {
        if correction == TimeInterval::TOO_BIG {
            return None;
        }
        scaled -= i128::from(correction.0);
    }
    i64::try_from((scaled + 0x8000) >> 16).ok()
}
