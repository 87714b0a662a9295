//! The frame: `FrameID` ranges (IEC 61158-6-10, table of FrameID), the trailer of cyclic frames, kinds of packet.
//!
//! ```text
//! cyclic frame:  FrameID 2 | C_SDU 40..1440 (12.. over UDP) | CycleCounter 2 | DataStatus 1 | TransferStatus 1
//! other frames:  FrameID 2 | DCP, RTA, PTCP or fragment PDU
//! ```

use std::borrow::Cow;

use nom::Parser;

use crate::PacketType;
use crate::wire::{Wire, u8, u16};

/// What a `FrameID` says that the frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameClass {
    /// Cyclic data, RT_CLASS_1 and 2 (and RT_CLASS_UDP, which shares its range).
    Class1,
    /// Cyclic data, RT_CLASS_3 (IRT).
    Class3,
    /// An alarm of high or low priority (RTA).
    Alarm,
    /// The remote service interface.
    Rsi,
    /// DCP.
    Dcp,
    /// PTCP.
    Ptcp,
    /// A fragment of a real-time frame.
    Fragment,
    /// The standard reserves it.
    Reserved,
}

impl FrameClass {
    #[inline]
    pub(super) const fn of(frame_id: u16) -> Self {
        match frame_id {
            0x8000..=0xFBFF => Self::Class1,
            0x0100..=0x0FFF => Self::Class3,
            0xFC01 | 0xFE01 => Self::Alarm,
            0xFE02 => Self::Rsi,
            0xFEFC..=0xFEFF => Self::Dcp,
            0x0020 | 0x0021 | 0x0080 | 0x0081 | 0xFF00 | 0xFF01 | 0xFF20 | 0xFF21 | 0xFF40..=0xFF43 => Self::Ptcp,
            0xFF80..=0xFF8F => Self::Fragment,
            _ => Self::Reserved,
        }
    }

    #[inline]
    pub(super) const fn is_cyclic(self) -> bool {
        matches!(self, Self::Class1 | Self::Class3)
    }
}

/// The last four octets of a cyclic frame, the APDU status (IEC 61158-6-10 §4.7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    /// In units of 31.25 µs.
    pub(super) counter: u16,
    pub(super) status: DataStatus,
    /// 0 is good.
    pub(super) transfer: u8,
}

impl Trailer {
    /// Bytes it takes.
    pub(super) const LENGTH: usize = 4;

    /// Reads it, where it ends `behind` bytes before the end of the payload.
    #[inline]
    pub(super) fn read(payload: &[u8], behind: usize) -> Option<Self> {
        let end = payload.len().checked_sub(behind)?;
        let last = payload.get(2..end)?.last_chunk::<{ Self::LENGTH }>()?;
        trailer(last).ok().map(|(_, trailer)| trailer)
    }

    /// Whether the reserved bits are 0 and the transfer was good, as in nearly every frame.
    #[inline]
    pub(super) const fn is_plausible(self) -> bool {
        self.transfer == 0 && self.status.0 & DataStatus::RESERVED == 0
    }
}

#[inline(always)]
pub(super) fn trailer(input: &[u8]) -> Wire<'_, Trailer> {
    let (rest, (counter, status, transfer)) =
        (u16("CycleCounter"), u8("DataStatus"), u8("TransferStatus")).parse(input)?;
    Ok((rest, Trailer { counter, status: DataStatus(status), transfer }))
}

/// The DataStatus octet of the APDU status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DataStatus(pub(super) u8);

impl DataStatus {
    const RESERVED: u8 = 0x48;

    pub(super) const fn is_primary(self) -> bool {
        self.0 & 0x01 != 0
    }
    pub(super) const fn is_valid(self) -> bool {
        self.0 & 0x04 != 0
    }
    pub(super) const fn is_running(self) -> bool {
        self.0 & 0x10 != 0
    }
    /// The bit is inverse: 1 says that there is no problem.
    pub(super) const fn has_problem(self) -> bool {
        self.0 & 0x20 == 0
    }
    pub(super) const fn is_ignored(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// In words: `run, valid, primary, no station problem`.
    pub(super) fn text(self) -> String {
        let pick = |condition: bool, yes: &'static str, no: &'static str| if condition { yes } else { no };
        format!(
            "0x{:02x} ({}, {}, {}, {}{})",
            self.0,
            pick(self.is_running(), "run", "stop"),
            pick(self.is_valid(), "data valid", "data invalid"),
            pick(self.is_primary(), "primary", "backup"),
            pick(self.has_problem(), "station problem", "no station problem"),
            pick(self.is_ignored(), ", ignore", ""),
        )
    }
}

/// Numbers of packet types: what kind of frame in the upper half, which one in the lower.
const RT: u32 = 0x1_0000;
const DCP: u32 = 0x2_0000;
const CM: u32 = 0x3_0000;

pub(super) const CLASS_1: PacketType = PacketType(RT | 0x8000);
pub(super) const CLASS_3: PacketType = PacketType(RT | 0x0100);
pub(super) const CLASS_UDP: PacketType = PacketType(RT | 0xC000);
pub(super) const FRAGMENT: PacketType = PacketType(RT | 0xFF80);

/// The kind of a frame that is neither DCP nor context management.
#[inline]
pub(super) const fn rt_type(frame_id: u16, over_udp: bool) -> PacketType {
    match FrameClass::of(frame_id) {
        FrameClass::Class1 if over_udp => CLASS_UDP,
        FrameClass::Class1 => CLASS_1,
        FrameClass::Class3 => CLASS_3,
        FrameClass::Fragment => FRAGMENT,
        // Clock and time synchronization differ in the lowest bit, and by name not at all.
        FrameClass::Ptcp if frame_id & 0xFFF0 != 0xFF40 => PacketType(RT | (frame_id & 0xFFFE) as u32),
        _ => PacketType(RT | frame_id as u32),
    }
}

/// The kind of a DCP PDU by its service and its service type.
pub(super) const fn dcp_type(service: u8, response: bool) -> PacketType {
    PacketType(DCP | (service as u32) << 8 | response as u32)
}

/// The kind of a context management PDU by operation and RPC packet type.
pub(super) const fn cm_type(operation: u16, packet_type: u8) -> PacketType {
    let operation = if operation > 0xFF { 0xFF } else { operation };
    PacketType(CM | (operation as u32) << 8 | packet_type as u32)
}

/// The name of a kind.
pub(super) fn type_name(kind: PacketType) -> Cow<'static, str> {
    let (high, low) = ((kind.0 >> 8 & 0xFF) as u8, (kind.0 & 0xFF) as u8);
    match kind.0 & 0xFFFF_0000 {
        DCP => {
            let end = if low == 0 { "Request" } else { "Response" };
            match dcp_service(high) {
                Some(service) => Cow::Owned(format!("DCP {service} {end}")),
                None => Cow::Owned(format!("DCP Service {high} {end}")),
            }
        }
        CM => match operation_name(u16::from(high)) {
            Some(operation) => Cow::Owned(format!("IO CM {operation} {}", rpc_name(low))),
            None => Cow::Owned(format!("IO CM Operation {high} {}", rpc_name(low))),
        },
        _ => Cow::Borrowed(match kind.0 & 0xFFFF {
            0x8000 => "RT Class 1",
            0x0100 => "RT Class 3",
            0xC000 => "RT Class UDP",
            0xFC01 => "Alarm High",
            0xFE01 => "Alarm Low",
            0xFE02 => "RSI",
            0xFF80 => "Fragment",
            0x0020 => "PTCP Sync with FollowUp",
            0x0080 => "PTCP Sync",
            0xFF00 => "PTCP Announce",
            0xFF20 => "PTCP FollowUp",
            0xFF40 => "PTCP DelayReq",
            0xFF41 => "PTCP DelayResp with FollowUp",
            0xFF42 => "PTCP DelayFuResp",
            0xFF43 => "PTCP DelayResp",
            other => return Cow::Owned(format!("Reserved 0x{other:04x}")),
        }),
    }
}

/// The names of kinds, as far as the standard names them.
pub(super) const TYPE_NAMES: &[&str] = &[
    "RT Class 1",
    "RT Class 3",
    "RT Class UDP",
    "Alarm High",
    "Alarm Low",
    "RSI",
    "Fragment",
    "PTCP Sync",
    "PTCP Sync with FollowUp",
    "PTCP FollowUp",
    "PTCP Announce",
    "PTCP DelayReq",
    "PTCP DelayResp",
    "PTCP DelayResp with FollowUp",
    "PTCP DelayFuResp",
    "DCP Get Request",
    "DCP Get Response",
    "DCP Set Request",
    "DCP Set Response",
    "DCP Identify Request",
    "DCP Identify Response",
    "DCP Hello Request",
    "IO CM Connect Request",
    "IO CM Connect Response",
    "IO CM Release Request",
    "IO CM Release Response",
    "IO CM Read Request",
    "IO CM Read Response",
    "IO CM Write Request",
    "IO CM Write Response",
    "IO CM Control Request",
    "IO CM Control Response",
    "IO CM Read Implicit Request",
    "IO CM Read Implicit Response",
];

pub(super) const fn dcp_service(service: u8) -> Option<&'static str> {
    Some(match service {
        3 => "Get",
        4 => "Set",
        5 => "Identify",
        6 => "Hello",
        _ => return None,
    })
}

pub(super) const fn operation_name(operation: u16) -> Option<&'static str> {
    Some(match operation {
        0 => "Connect",
        1 => "Release",
        2 => "Read",
        3 => "Write",
        4 => "Control",
        5 => "Read Implicit",
        _ => return None,
    })
}

const fn rpc_name(packet_type: u8) -> &'static str {
    match packet_type {
        0 => "Request",
        1 => "Ping",
        2 => "Response",
        3 => "Fault",
        4 => "Working",
        5 => "NoCall",
        6 => "Reject",
        7 => "Ack",
        8 => "Cancel",
        9 => "Fack",
        _ => "CancelAck",
    }
}

/// The header of a fragment (IEC 61158-6-10 §4.3): series in the `FrameID`, then length, status with number, data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) series: u8,
    pub(super) number: u8,
    pub(super) more: bool,
}

impl Fragment {
    pub(super) fn read(frame_id: u16, payload: &[u8]) -> Option<Self> {
        let (_, (_, _, status)) = (u16("FrameID"), u8("FragDataLength"), u8("FragStatus")).parse(payload).ok()?;
        let series = (frame_id & 0x0F) as u8;
        Some(Self { series, number: status & 0x3F, more: status & 0x80 != 0 })
    }
}
