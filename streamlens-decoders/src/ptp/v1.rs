//! Version 1 messages (IEEE 1588-2002 annex D): header, bodies, fields.
//!
//! ```text
//!  0  versionPTP (2) = 1   versionNetwork (2) = 1
//!  4  subdomain (16)
//! 20  messageType   sourceCommunicationTechnology   sourceUuid (6)
//! 28  sourcePortId (2)   sequenceId (2)
//! 32  control   reserved   flags (2)
//! 36  reserved (4)
//! ```

use nom::Parser;
use streamlens_model::Value;

use super::names::{self, message};
use super::wire::{DomainKey, PortIdentity, PtpTime, i8_at, i16_at, i32_at, u8_at, u16_at, u32_at};
use crate::DecodingResult;
use crate::wire::{self, Wire, array, u8, u16, u32, u48};

/// The header of a version 1 message.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderV1 {
    pub(super) subdomain: [u8; 16],
    /// 1 event, 2 general.
    pub(super) class: u8,
    pub(super) technology: u8,
    pub(super) source: PortIdentity,
    pub(super) sequence: u16,
    pub(super) control: u8,
    pub(super) flags: u16,
}

impl HeaderV1 {
    pub(super) const LENGTH: usize = 40;
    /// The flag PTP_ASSIST: a Follow_Up carries the exact time.
    const ASSIST: u16 = 0x0008;

    /// Reads a header; `None` where it is not whole or the versions are not 1.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        wire::fixed::<{ Self::LENGTH }, _>(header)(bytes).ok().map(|(_, header)| header)
    }

    /// The version 2 message type of the same name; `None` for reserved controls.
    pub(super) const fn message_type(&self) -> Option<u8> {
        match self.control {
            0 => Some(message::SYNC),
            1 => Some(message::DELAY_REQ),
            2 => Some(message::FOLLOW_UP),
            3 => Some(message::DELAY_RESP),
            4 => Some(message::MANAGEMENT),
            _ => None,
        }
    }

    /// Octets of a whole message with this control.
    pub(super) const fn least_length(&self) -> usize {
        match self.control {
            0 | 1 => 124,
            2 => 52,
            _ => 60,
        }
    }

    /// Whether a Follow_Up with the exact time is to come.
    pub(super) const fn is_assisted(&self) -> bool {
        self.flags & Self::ASSIST != 0
    }

    /// Whether the subdomain is text padded with zeros.
    pub(super) fn has_printable_subdomain(&self) -> bool {
        let end = self.subdomain.iter().position(|&b| b == 0).unwrap_or(16);
        let (text, padding) = self.subdomain.split_at(end);
        !text.is_empty() && text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|&b| b == 0)
    }

    pub(super) fn domain_key(&self) -> DomainKey {
        DomainKey::v1(&self.subdomain)
    }
}

fn header(input: &[u8]) -> Wire<'_, HeaderV1> {
    let (rest, versions) = array::<4>("versionPTP and versionNetwork")(input)?;
    if versions != [0, 1, 0, 1] {
        return wire::refuse("versionPTP and versionNetwork", input, "they are not 1");
    }
    let (rest, (subdomain, class, technology, clock, port, sequence)) = (
        array::<16>("subdomain"),
        u8("messageType"),
        u8("sourceCommunicationTechnology"),
        u48("sourceUuid"),
        u16("sourcePortId"),
        u16("sequenceId"),
    )
        .parse(rest)?;
    let (rest, (control, _, flags, _)) = (u8("control"), u8("reserved"), u16("flags"), u32("reserved")).parse(rest)?;
    let source = PortIdentity { clock, port };
    Ok((rest, HeaderV1 { subdomain, class, technology, source, sequence, control, flags }))
}

/// A time of version 1: u32 seconds and i32 nanoseconds, of which the sign bit is not used here.
pub(super) fn time(bytes: &[u8], at: usize) -> Option<PtpTime> {
    Some(PtpTime { seconds: u32_at(bytes, at)?.into(), nanoseconds: u32_at(bytes, at + 4)? & 0x7FFF_FFFF })
}

/// A UUID of 48 bits.
pub(super) fn uuid(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u16_at(bytes, at)?) << 32 | u64::from(u32_at(bytes, at + 2)?))
}

/// The port that a Delay_Resp answers, and the number of its request.
pub(super) fn requester(bytes: &[u8]) -> Option<(PortIdentity, u16)> {
    Some((PortIdentity { clock: uuid(bytes, 50)?, port: u16_at(bytes, 56)? }, u16_at(bytes, 58)?))
}

/// Adds all fields of a version 1 message.
pub(super) fn fields(bytes: &[u8], header: &HeaderV1, out: &mut DecodingResult) {
    let domain = header.domain_key();
    out.field("version", 1_u8);
    out.field("subdomain", text(&header.subdomain));
    out.field("communication_technology", header.technology);
    out.field("source_port_identity", domain.port_name(header.source));
    out.field("sequence_id", header.sequence);
    out.field("control", header.control);
    out.field("flags", header.flags);
    // Every reader answers None where the message is cut: what is there is shown, the rest is left out.
    let _ = match header.control {
        0 | 1 => sync(bytes, out),
        2 => follow_up(bytes, out),
        3 => delay_resp(bytes, domain, out),
        4 => management(bytes, domain, out),
        _ => None,
    };
}

fn sync(b: &[u8], out: &mut DecodingResult) -> Option<()> {
    out.field("origin_timestamp", time(b, 40)?.to_string());
    out.field("epoch_number", u16_at(b, 48)?);
    out.field("current_utc_offset", i16_at(b, 50)?);
    out.field("grandmaster_communication_technology", u8_at(b, 53)?);
    out.field("grandmaster_clock_uuid", format!("{:012x}", uuid(b, 54)?));
    out.field("grandmaster_port_id", u16_at(b, 60)?);
    out.field("grandmaster_sequence_id", u16_at(b, 62)?);
    out.field("grandmaster_clock_stratum", u8_at(b, 67)?);
    out.field("grandmaster_clock_identifier", text(b.get(68..72)?));
    out.field("grandmaster_clock_variance", i16_at(b, 74)?);
    out.field("grandmaster_preferred", u8_at(b, 77)? != 0);
    out.field("grandmaster_is_boundary_clock", u8_at(b, 79)? != 0);
    out.field("sync_interval", i8_at(b, 83)?);
    out.field("local_clock_variance", i16_at(b, 86)?);
    out.field("local_steps_removed", u16_at(b, 90)?);
    out.field("local_clock_stratum", u8_at(b, 95)?);
    out.field("local_clock_identifier", text(b.get(96..100)?));
    out.field("parent_communication_technology", u8_at(b, 101)?);
    out.field("parent_uuid", format!("{:012x}", uuid(b, 102)?));
    out.field("parent_port", u16_at(b, 110)?);
    out.field("estimated_master_variance", i16_at(b, 114)?);
    out.field("estimated_master_drift", i32_at(b, 116)?);
    out.field("utc_reasonable", u8_at(b, 123)? != 0);
    Some(())
}

fn follow_up(b: &[u8], out: &mut DecodingResult) -> Option<()> {
    out.field("associated_sequence_id", u16_at(b, 42)?);
    out.field("precise_origin_timestamp", time(b, 44)?.to_string());
    Some(())
}

fn delay_resp(b: &[u8], domain: DomainKey, out: &mut DecodingResult) -> Option<()> {
    out.field("delay_receipt_timestamp", time(b, 40)?.to_string());
    out.field("requesting_communication_technology", u8_at(b, 49)?);
    let (port, sequence) = requester(b)?;
    out.field("requesting_port_identity", domain.port_name(port));
    out.field("requesting_sequence_id", sequence);
    Some(())
}

fn management(b: &[u8], domain: DomainKey, out: &mut DecodingResult) -> Option<()> {
    out.field("target_communication_technology", u8_at(b, 41)?);
    out.field("target_port_identity", domain.port_name(PortIdentity { clock: uuid(b, 42)?, port: u16_at(b, 48)? }));
    out.field("starting_boundary_hops", i16_at(b, 50)?);
    out.field("boundary_hops", i16_at(b, 52)?);
    let key = u8_at(b, 55)?;
    out.field("management_message_key", key);
    out.field("management_message", names::v1_management_key(key));
    let length = u16_at(b, 58)?;
    out.field("parameter_length", length);
    if length > 0 {
        out.field("parameters", hex(b.get(60..)?.get(..usize::from(length))?));
    }
    Some(())
}

/// Text up to its first zero, with what is not printable replaced.
pub(super) fn text(bytes: &[u8]) -> Value {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let text: String = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    Value::text(text)
}

/// Octets as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{done, hex, parser};

    /// IEEE 1588-2002, tables of annex D.
    #[test]
    fn the_header_lies_as_in_the_table() {
        let bytes = hex("0001 0001 5f44464c540000000000000000000000 01 01 001122334455 0002 1234
             01 00 0008 00000000");
        let (rest, read) = header(&bytes).unwrap();
        assert!(rest.is_empty() && read.has_printable_subdomain() && read.is_assisted());
        assert_eq!((read.class, read.technology, read.sequence, read.control, read.flags), (1, 1, 0x1234, 1, 8));
        assert_eq!(read.source, PortIdentity { clock: 0x0011_2233_4455, port: 2 });
        assert_eq!((read.domain_key().version(), read.domain_key().number()), (1, 0));
        assert_eq!(read.message_type(), Some(message::DELAY_REQ));
        parser("PTP", &bytes, |bytes| header(bytes).map(done));
    }
}
