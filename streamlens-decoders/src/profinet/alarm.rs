//! Alarms: the RTA header and the alarm notification (IEC 61158-6-10 §4.8 and §5.2).
//!
//! ```text
//! FrameID 2 | AlarmDstEndpoint 2 | AlarmSrcEndpoint 2 | version 4 bits, type 4 bits | flags 1 | SendSeqNum 2 |
//! AckSeqNum 2 | VarPartLen 2 | data: a block, or a PNIO status
//! ```

use std::borrow::Cow;

use nom::Parser;

use super::PnioStatus;
use crate::wire::{Wire, array, fixed, u8, u16, u32};

/// What an RTA PDU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RtaKind {
    Data,
    Nack,
    Ack,
    Error,
    Other(u8),
}

impl RtaKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Data => "DATA-RTA",
            Self::Nack => "NACK-RTA",
            Self::Ack => "ACK-RTA",
            Self::Error => "ERR-RTA",
            Self::Other(_) => "reserved RTA type",
        }
    }
}

/// An RTA PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtaPdu<'a> {
    pub(super) kind: RtaKind,
    pub(super) version: u8,
    pub(super) length: u16,
    /// At most `length` bytes.
    pub(super) data: &'a [u8],
}

impl<'a> RtaPdu<'a> {
    /// Bytes in front of the data, with the `FrameID`.
    pub(super) const HEADER: usize = 14;

    /// Reads a frame's payload from its `FrameID` on.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (rest, pdu) = fixed::<{ RtaPdu::HEADER }, _>(header)(payload).ok()?;
        Some(Self { data: rest.get(..usize::from(pdu.length)).unwrap_or(rest), ..pdu })
    }

    /// Whether version, type and length are as the standard has them.
    pub(super) fn is_sound(&self) -> bool {
        self.version == 1
            && !matches!(self.kind, RtaKind::Other(_))
            && self.length <= 1432
            && self.data.len() == usize::from(self.length)
    }

    /// The notification, in DATA that holds one.
    pub(super) fn notification(&self) -> Option<Notification> {
        let (_, (block, notification)) = notification(self.data).ok()?;
        (self.kind == RtaKind::Data && matches!(block, 1 | 2)).then_some(notification)
    }

    /// The status in ERR: why the relation ends.
    pub(super) fn error(&self) -> Option<PnioStatus> {
        if self.kind != RtaKind::Error {
            return None;
        }
        array("PNIOStatus")(self.data).ok().map(|(_, status)| PnioStatus(status))
    }
}

pub(super) fn header(input: &[u8]) -> Wire<'_, RtaPdu<'_>> {
    let (rest, (_, _, _, kind, _, _, _, length)) = (
        u16("FrameID"),
        u16("AlarmDstEndpoint"),
        u16("AlarmSrcEndpoint"),
        u8("PDUType"),
        u8("AddFlags"),
        u16("SendSeqNum"),
        u16("AckSeqNum"),
        u16("VarPartLen"),
    )
        .parse(input)?;
    let kind_of = match kind & 0x0F {
        1 => RtaKind::Data,
        2 => RtaKind::Nack,
        3 => RtaKind::Ack,
        4 => RtaKind::Error,
        other => RtaKind::Other(other),
    };
    Ok((rest, RtaPdu { kind: kind_of, version: kind >> 4, length, data: &[] }))
}

/// The block type, and the notification of a block of type 1 or 2 (alarm of high or low priority):
///
/// ```text
/// BlockType 2 | BlockLength 2 | BlockVersion 2 | AlarmType 2 | API 4 | SlotNumber 2 | SubslotNumber 2
/// ```
pub(super) fn notification(input: &[u8]) -> Wire<'_, (u16, Notification)> {
    let (rest, (block, _, _, alarm_type, api, slot, subslot)) = (
        u16("BlockType"),
        u16("BlockLength"),
        u16("BlockVersion"),
        u16("AlarmType"),
        u32("API"),
        u16("SlotNumber"),
        u16("SubslotNumber"),
    )
        .parse(input)?;
    Ok((rest, (block, Notification { alarm_type, api, slot, subslot })))
}

/// Which alarm, and where in the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notification {
    pub(super) alarm_type: u16,
    pub(super) api: u32,
    pub(super) slot: u16,
    pub(super) subslot: u16,
}

/// The name of an alarm type (IEC 61158-6-10, coding of AlarmType).
pub(super) fn alarm_name(alarm_type: u16) -> Cow<'static, str> {
    Cow::Borrowed(match alarm_type {
        1 => "Diagnosis",
        2 => "Process",
        3 => "Pull",
        4 => "Plug",
        5 => "Status",
        6 => "Update",
        7 => "Media redundancy",
        8 => "Controlled by supervisor",
        9 => "Released",
        10 => "Plug wrong submodule",
        11 => "Return of submodule",
        12 => "Diagnosis disappears",
        13 => "Multicast communication mismatch",
        14 => "Port data change",
        15 => "Sync data changed",
        16 => "Isochronous mode problem",
        17 => "Network component problem",
        18 => "Time data changed",
        19 => "Dynamic frame packing problem",
        20 => "MRPD problem",
        22 => "Multiple interface mismatch",
        30 => "Upload and retrieval",
        31 => "Pull module",
        0x20..=0x7F => return Cow::Owned(format!("Manufacturer 0x{alarm_type:02x}")),
        0x80..=0xFF => return Cow::Owned(format!("Profile 0x{alarm_type:02x}")),
        _ => return Cow::Owned(format!("Reserved 0x{alarm_type:04x}")),
    })
}

/// Whether an alarm of this type only tells, or even says that something is well again.
pub(super) const fn is_harmless(alarm_type: u16) -> bool {
    matches!(alarm_type, 2 | 4 | 5 | 6 | 9 | 11 | 12 | 14 | 15 | 18 | 30)
}

/// Why a relation was ended, in words, where ErrorCode 2 of an RTA error of class protocol says it.
pub(super) const fn abort_reason(status: PnioStatus) -> Option<&'static str> {
    Some(match status.0 {
        [0xCF, 0x81, 0xFD, reason] => match reason {
            0x01 => "sequence numbers out of step",
            0x02 => "instance closed",
            0x03 => "out of memory",
            0x04 => "provider or consumer could not be added",
            0x05 => "consumer's watchdog or data hold time expired",
            0x06 => "context management time-out",
            0x08 => "alarm could not be sent",
            0x0B => "alarm error received",
            0x0D => "abort requested",
            0x0E => "another connect took its place",
            0x0F => "release received",
            0x10 => "device deactivated",
            0x11 => "relation removed",
            0x12 => "protocol violated",
            0x1F => "station name changed by DCP",
            0x20 => "reset to factory settings by DCP",
            _ => return None,
        },
        _ => return None,
    })
}
