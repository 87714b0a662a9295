//! One message as the monitor sees it, alike for all versions.

use streamlens_model::{Address, FlowKey, Occurrence, Timestamp, TrafficType};

use super::super::names::message;
use super::super::v1::{self, HeaderV1};
use super::super::wire::{DomainKey, Header, PortIdentity, PtpTime, TimeInterval, u16_at};
use crate::ObservedPdu;

#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) at: Occurrence,
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
    /// The sequenceId of the message that it answers or completes; its own for others.
    pub(super) answers: u16,
    pub(super) bytes: &'a [u8],
}

impl<'a> Message<'a> {
    #[inline(always)]
    pub(super) fn from_v2(pdu: &ObservedPdu<'a>, header: &Header) -> Self {
        Self {
            at: pdu.at,
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
            answers: header.sequence,
            bytes: pdu.bytes,
        }
    }

    pub(super) fn from_v1(pdu: &ObservedPdu<'a>, header: &HeaderV1) -> Option<Self> {
        let kind = header.message_type()?;
        let b = pdu.bytes;
        let answers = match kind {
            message::FOLLOW_UP => u16_at(b, 42),
            message::DELAY_RESP => v1::requester(b).map(|(_, sequence)| sequence),
            _ => None,
        };
        Some(Self {
            at: pdu.at,
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
            answers: answers.unwrap_or(header.sequence),
            bytes: b,
        })
    }

    /// Capture time in nanoseconds; frames without one are not measured.
    #[inline]
    pub(super) fn time(&self) -> Option<i64> {
        self.at.time.map(Timestamp::as_nanos)
    }

    /// The timestamp in the body, in nanoseconds of the sender's timescale. Read where it is asked for, which is not for most
    /// messages.
    #[inline]
    pub(super) fn stamp(&self) -> Option<i64> {
        let is_v1 = self.domain.version() == 1;
        let time = match self.kind {
            message::MANAGEMENT => None,
            message::FOLLOW_UP if is_v1 => v1::time(self.bytes, 44),
            _ if is_v1 => v1::time(self.bytes, 40),
            message::SIGNALING => None,
            _ => PtpTime::parse(self.bytes, Header::LENGTH),
        };
        time.and_then(PtpTime::as_nanos)
    }

    /// Whose request it answers.
    pub(super) fn requester(&self) -> Option<PortIdentity> {
        match self.kind {
            message::DELAY_RESP if self.domain.version() == 1 => v1::requester(self.bytes).map(|(port, _)| port),
            _ if self.domain.version() == 1 => None,
            message::DELAY_RESP | message::PDELAY_RESP | message::PDELAY_RESP_FOLLOW_UP => {
                PortIdentity::parse(self.bytes, Header::LENGTH + PtpTime::LENGTH)
            }
            _ => None,
        }
    }

    pub(super) fn to(&self) -> Address {
        self.flow.dst.address
    }

    /// Whether a message that this one answers went to an address from which this one may come: a group, or its own.
    pub(super) fn may_answer(&self, asked: Address) -> bool {
        !is_unicast(asked) || asked == self.flow.src.address
    }
}

/// Whether an address is that of one receiver.
pub(super) fn is_unicast(to: Address) -> bool {
    to.traffic_type() == TrafficType::Unicast
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
