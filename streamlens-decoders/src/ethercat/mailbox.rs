//! Mailbox messages: what they are, and what they complain about (ETG.1000.4 section 5.6, ETG.1000.6).

use nom::Parser;

use super::frame::Datagram;
use super::names::{MAILBOX, SERVICES};
use crate::PacketType;
use crate::wire::{self, Wire, bytes, fixed, le_u16, le_u32, u8};

/// Where SyncManager memory begins; mailboxes lie behind it.
pub(super) const MEMORY: u16 = 0x1000;

/// What a mailbox message complains about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// An SDO transfer was aborted: index, subindex, abort code.
    SdoAbort { index: u16, subindex: u8, code: u32 },
    /// An emergency: its error code. 0 says that an error is gone.
    Emergency { code: u16 },
    /// A file transfer failed: FoE error code.
    FileError { code: u32 },
    /// The station did not accept a message: mailbox error.
    Refused { detail: u16 },
}

/// A mailbox message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The mailbox type, 0 to 15.
    pub(super) protocol: u8,
    /// Its place in [`SERVICES`].
    service: u8,
    /// Bytes, header included.
    pub(super) length: u32,
    pub(super) complaint: Option<Complaint>,
}

impl Message {
    /// Protocol and service, `CoE SDO Request`.
    pub(super) fn name(&self) -> &'static str {
        SERVICES.get(usize::from(self.service)).copied().unwrap_or_default()
    }

    pub(super) fn packet_type(&self) -> PacketType {
        PacketType(MAILBOX + u32::from(self.service))
    }
}

/// The message that a datagram carries: one that reads (APRD, FPRD) on the way back, where a station has answered; one
/// that writes (APWR, FPWR) both ways.
#[inline]
pub(super) fn carried(datagram: &Datagram<'_>) -> Option<Message> {
    let is_carrier = match datagram.command {
        1 | 4 => datagram.working_counter.is_some_and(|counter| counter > 0),
        2 | 5 => true,
        _ => false,
    };
    if is_carrier && datagram.register() >= MEMORY { parse(datagram.data) } else { None }
}

/// Reads the message in data of SyncManager memory; `None` where there is none: process data may lie there too.
pub(super) fn parse(data: &[u8]) -> Option<Message> {
    let (rest, (length, kind)) = fixed::<6, _>(header)(data).ok()?;
    let (_, body) = bytes("service data", length.into())(rest).ok()?;
    // Bit 7 is reserved.
    if kind & 0x80 != 0 {
        return None;
    }
    let protocol = kind & 0x0F;
    let (service, complaint) = match protocol {
        0 => error(body)?,
        1 => aoe(body)?,
        2 => (eoe(body)?, None),
        3 => coe(body)?,
        4 => foe(body)?,
        5 => (soe(body)?, None),
        15 if body.len() >= 6 => (VOE, None),
        _ => return None,
    };
    Some(Message { protocol, service, length: u32::from(length) + 6, complaint })
}

/// Length and type of the mailbox header.
pub(super) fn header(input: &[u8]) -> Wire<'_, (u16, u8)> {
    let (rest, (length, _, _, kind)) =
        (le_u16("length"), le_u16("address"), u8("channel and priority"), u8("type and counter")).parse(input)?;
    Ok((rest, (length, kind)))
}

/// Where the services of each protocol begin in [`SERVICES`], in the order of their numbers on the wire.
const ERROR: u8 = 0;
const AOE: u8 = 1;
const EOE: u8 = 3;
const COE: u8 = 9;
const FOE: u8 = 17;
const SOE: u8 = 23;
const VOE: u8 = 29;

type Service = (u8, Option<Complaint>);

fn error(body: &[u8]) -> Option<Service> {
    let mut reply = (le_u16("type"), le_u16("detail"));
    let (_, (kind, detail)): (_, (u16, u16)) = Parser::<&[u8]>::parse(&mut reply, body).ok()?;
    (kind == 1 && (1..=8).contains(&detail)).then_some((ERROR, Some(Complaint::Refused { detail })))
}

fn aoe(body: &[u8]) -> Option<Service> {
    let flags = wire::at(body, 18, le_u16("state flags")).filter(|_| body.len() >= 32)?;
    Some((AOE + (flags & 1) as u8, None))
}

fn eoe(body: &[u8]) -> Option<u8> {
    let kind = body.first().filter(|_| body.len() >= 4)? & 0x0F;
    (kind <= 5).then_some(EOE + kind)
}

fn coe(body: &[u8]) -> Option<Service> {
    let (behind, header) = le_u16("CoE header")(body).ok()?;
    if header & 0x0E00 != 0 {
        return None;
    }
    let service = (header >> 12) as u8;
    let complaint = match service {
        1 => le_u16("emergency error code")(behind).ok().map(|(_, code)| Complaint::Emergency { code }),
        2 | 3 => sdo(behind).ok().and_then(|(_, abort)| abort),
        4..=8 => None,
        _ => return None,
    };
    Some((COE + service - 1, complaint))
}

/// What an SDO says behind the CoE header, where it is an abort.
pub(super) fn sdo(input: &[u8]) -> Wire<'_, Option<Complaint>> {
    let (rest, (command, index, subindex, code)) =
        (u8("command specifier"), le_u16("index"), u8("subindex"), le_u32("abort code")).parse(input)?;
    Ok((rest, (command >> 5 == 4).then_some(Complaint::SdoAbort { index, subindex, code })))
}

fn foe(body: &[u8]) -> Option<Service> {
    let code = wire::at(body, 2, le_u32("error code"))?;
    let operation = *body.first().filter(|operation| (1..=6).contains(*operation))?;
    Some((FOE + operation - 1, (operation == 5).then_some(Complaint::FileError { code })))
}

fn soe(body: &[u8]) -> Option<u8> {
    let operation = body.first().filter(|_| body.len() >= 4)? & 0x07;
    (1..=6).contains(&operation).then(|| SOE + operation - 1)
}
