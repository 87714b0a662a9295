//! DCP, the discovery and configuration protocol (IEC 61158-6-10 §4.3).
//!
//! ```text
//! FrameID 2 | ServiceID 1 | ServiceType 1 | Xid 4 | ResponseDelayFactor 2 | DCPDataLength 2 | blocks
//! block: Option 1 | Suboption 1 | DCPBlockLength 2 | data, padded to even
//! ```

use std::net::Ipv4Addr;

use nom::Parser;

use crate::wire::{self, Wire, array, bytes, fixed, u8, u16, u32};

/// The header behind the `FrameID`, and the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DcpPdu<'a> {
    pub(super) frame_id: u16,
    pub(super) service: u8,
    pub(super) service_type: u8,
    pub(super) xid: u32,
    /// As the header has it.
    pub(super) length: u16,
    /// At most `length` bytes; fewer where the frame ends before.
    pub(super) data: &'a [u8],
}

impl<'a> DcpPdu<'a> {
    /// Bytes in front of the blocks, with the `FrameID`.
    pub(super) const HEADER: usize = 12;

    /// Reads a frame's payload from its `FrameID` on.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (rest, pdu) = fixed::<{ DcpPdu::HEADER }, _>(header)(payload).ok()?;
        Some(Self { data: rest.get(..usize::from(pdu.length)).unwrap_or(rest), ..pdu })
    }

    pub(super) const fn is_response(&self) -> bool {
        self.service_type != 0
    }

    /// Whether the blocks have no length and no data: a Get request names what it wants.
    const fn has_bare_blocks(&self) -> bool {
        self.service == 3 && self.service_type == 0
    }

    /// The blocks, as far as they are there whole.
    pub(super) fn blocks(&self) -> Blocks<'a> {
        // Set requests have a qualifier in front of a block's data; answers and hellos a block info.
        let prefixed = match (self.service, self.service_type) {
            (4, 0) | (6, _) => true,
            (3 | 5, _) => self.service_type != 0,
            _ => false,
        };
        Blocks { rest: if self.has_bare_blocks() { &[] } else { self.data }, prefixed }
    }

    /// Whether service and type are known and the blocks end where the header says.
    pub(super) fn is_sound(&self) -> bool {
        if !matches!(self.service, 3..=6) || !matches!(self.service_type, 0 | 1 | 5) {
            return false;
        }
        if self.data.len() != usize::from(self.length) {
            return false;
        }
        if self.has_bare_blocks() {
            return self.data.len().is_multiple_of(2);
        }
        let mut blocks = self.blocks();
        while blocks.next().is_some() {}
        blocks.rest.is_empty()
    }
}

pub(super) fn header(input: &[u8]) -> Wire<'_, DcpPdu<'_>> {
    let (rest, (frame_id, service, service_type, xid, _, length)) = (
        u16("FrameID"),
        u8("ServiceID"),
        u8("ServiceType"),
        u32("Xid"),
        u16("ResponseDelayFactor"),
        u16("DCPDataLength"),
    )
        .parse(input)?;
    Ok((rest, DcpPdu { frame_id, service, service_type, xid, length, data: &[] }))
}

/// A block: what it is about and its data behind qualifier or block info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) option: u8,
    pub(super) suboption: u8,
    /// Qualifier or block info, where the service has one.
    pub(super) info: u16,
    pub(super) data: &'a [u8],
}

/// Walks the blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks<'a> {
    rest: &'a [u8],
    prefixed: bool,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (rest, (option, suboption, data)) = block(self.rest).ok()?;
        // The pad of the last block may be missing.
        self.rest = rest.get(data.len() % 2..).unwrap_or_default();
        let (data, info) = match (self.prefixed, u16("BlockInfo")(data)) {
            // A control block in an answer has neither.
            (true, Ok(prefixed)) => prefixed,
            _ => (data, 0),
        };
        Some(Block { option, suboption, info, data })
    }
}

/// Option, suboption and what the length counts.
pub(super) fn block(input: &[u8]) -> Wire<'_, (u8, u8, &[u8])> {
    let (rest, (option, suboption, length)) = (u8("Option"), u8("Suboption"), u16("DCPBlockLength")).parse(input)?;
    let (rest, data) = bytes("block data", length.into())(rest)?;
    Ok((rest, (option, suboption, data)))
}

pub(super) fn ip_parameters(input: &[u8]) -> Wire<'_, IpParameters> {
    let (rest, (address, mask, gateway)) =
        (u32("IPAddress"), u32("Subnetmask"), u32("StandardGateway")).parse(input)?;
    Ok((rest, IpParameters { address: address.into(), mask: mask.into(), gateway: gateway.into() }))
}

/// The IP parameters of a block 1/2 or 1/3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IpParameters {
    pub(super) address: Ipv4Addr,
    pub(super) mask: Ipv4Addr,
    pub(super) gateway: Ipv4Addr,
}

/// What a block says, as far as stations are described by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact<'a> {
    /// IP parameters, and whether the station found its address in use by another.
    Ip(IpParameters, bool),
    /// The vendor's name of the type of station.
    TypeOfStation(&'a [u8]),
    NameOfStation(&'a [u8]),
    Alias(&'a [u8]),
    /// Vendor and device identification.
    Identity(u16, u16),
    /// Bit set: 1 device, 2 controller, 4 multidevice, 8 supervisor.
    Role(u8),
    /// An answer to a set: option and suboption it is about, and the error, 0 where it went well.
    Answer(u8, u8, u8),
    /// A reset of the station was asked for; the suboption says which kind.
    Reset(u8),
}

impl<'a> Block<'a> {
    /// Its meaning, where it is one that is kept.
    pub(super) fn fact(&self) -> Option<Fact<'a>> {
        Some(match (self.option, self.suboption) {
            (1, 2 | 3) => {
                let (_, parameters) = ip_parameters(self.data).ok()?;
                Fact::Ip(parameters, self.info & 0x80 != 0)
            }
            (2, 1) => Fact::TypeOfStation(self.data),
            (2, 2) => Fact::NameOfStation(self.data),
            (2, 3) => {
                let (_, (vendor, device)) = (u16("VendorIDHigh"), u16("DeviceIDHigh")).parse(self.data).ok()?;
                Fact::Identity(vendor, device)
            }
            (2, 4) => Fact::Role(wire::at(self.data, 0, u8("DeviceRoleDetails"))?),
            (2, 6) => Fact::Alias(self.data),
            (5, 4) => {
                let [option, suboption, error] = wire::at(self.data, 0, array("Option, Suboption and BlockError"))?;
                Fact::Answer(option, suboption, error)
            }
            (5, 5 | 6) => Fact::Reset(self.suboption),
            _ => return None,
        })
    }
}

/// Text of a block: names are ASCII; whatever else stands there is made visible.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..bytes.len().min(240)).unwrap_or_default();
    let shown: String = String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']).to_owned();
    shown.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// In words, the error of an answer to a set (IEC 61158-6-10, coding of BlockError).
pub(super) const fn block_error(error: u8) -> &'static str {
    match error {
        0 => "ok",
        1 => "option not supported",
        2 => "suboption not supported or no data set available",
        3 => "suboption not set",
        4 => "resource error",
        5 => "set not possible for local reasons",
        6 => "set not possible while in operation",
        _ => "unknown error",
    }
}

/// The role of a station, in words.
pub(super) fn dcp_role(role: u8) -> String {
    let names = [(1, "device"), (2, "controller"), (4, "multidevice"), (8, "supervisor")];
    let held: Vec<&str> = names.iter().filter(|(bit, _)| role & bit != 0).map(|&(_, name)| name).collect();
    if held.is_empty() { format!("0x{role:02x}") } else { held.join(", ") }
}
