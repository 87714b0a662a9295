//! The frame header and the datagram.

use nom::Parser;

use crate::wire::{Wire, fixed, le_u16, le_u32, u8};

/// Bytes of the frame header.
pub(super) const FRAME_HEADER: usize = 2;
/// Bytes of a datagram's header.
pub(super) const DATAGRAM_HEADER: usize = 10;
/// Bytes of a datagram around its data.
pub(super) const DATAGRAM_AROUND: usize = DATAGRAM_HEADER + 2;

/// The frame header, ETG.1000.4 section 5.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Bytes that follow, without padding.
    pub(super) length: usize,
    /// 1: datagrams.
    pub(super) kind: u8,
    pub(super) reserved: bool,
}

impl FrameHeader {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (_, word) = le_u16("frame header")(bytes).ok()?;
        Some(Self { length: usize::from(word & 0x07FF), kind: (word >> 12) as u8, reserved: word & 0x0800 != 0 })
    }
}

/// A datagram, ETG.1000.4 section 5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) command: u8,
    pub(super) index: u8,
    /// Station or position in the low half and register in the high one; or a logical address.
    pub(super) address: u32,
    /// Length of the data, and the flags.
    pub(super) length_and_flags: u16,
    pub(super) irq: u16,
    /// As much of the data as is there.
    pub(super) data: &'a [u8],
    /// `None` where it was cut off.
    pub(super) working_counter: Option<u16>,
}

impl<'a> Datagram<'a> {
    /// Reads the datagram at the front; `None` where its header is not whole.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (rest, header) = fixed::<DATAGRAM_HEADER, _>(header)(bytes).ok()?;
        let (data, working_counter) = match rest.split_at_checked(header.data_length()) {
            Some((data, behind)) => (data, le_u16("working counter")(behind).ok().map(|(_, counter)| counter)),
            None => (rest, None),
        };
        Some(Self { data, working_counter, ..header })
    }

    /// Bytes of data by the header.
    #[inline]
    pub(super) fn data_length(&self) -> usize {
        usize::from(self.length_and_flags & 0x07FF)
    }

    /// Bytes of the whole datagram by the header.
    #[inline]
    pub(super) fn length(&self) -> usize {
        DATAGRAM_AROUND + self.data_length()
    }

    /// Whether another datagram follows in the frame.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.length_and_flags & 0x8000 != 0
    }

    /// Whether it has gone round once already.
    #[inline]
    pub(super) fn is_circulating(&self) -> bool {
        self.length_and_flags & 0x4000 != 0
    }

    /// Whether bits that the standard reserves are 0 and the command is one of its own.
    pub(super) fn is_regular(&self) -> bool {
        self.length_and_flags & 0x3800 == 0 && matches!(self.command, 0..=14 | 255)
    }

    /// The register that a command with a physical address reaches, 0 for logical commands.
    #[inline]
    pub(super) fn register(&self) -> u16 {
        (self.address >> 16) as u16
    }

    /// The station address or position.
    #[inline]
    pub(super) fn station(&self) -> u16 {
        self.address as u16
    }

    /// What command, address and length have in common on the way out and back: stations count up the positions in
    /// auto-increment and broadcast addresses.
    #[inline]
    pub(super) fn slot(&self) -> u64 {
        let address = match self.command {
            1..=3 | 7..=9 | 13 => self.address & 0xFFFF_0000,
            _ => self.address,
        };
        u64::from(self.command) << 48 | u64::from(self.length_and_flags & 0x07FF) << 32 | u64::from(address)
    }
}

#[inline(always)]
pub(super) fn header(input: &[u8]) -> Wire<'_, Datagram<'_>> {
    let (rest, (command, index, address, length_and_flags, irq)) =
        (u8("command"), u8("index"), le_u32("address"), le_u16("length and flags"), le_u16("IRQ")).parse(input)?;
    let none = Datagram { command, index, address, length_and_flags, irq, data: &[], working_counter: None };
    Ok((rest, none))
}

/// Whether a command reaches process data by logical address: LRD, LWR, LRW.
#[inline]
pub(super) fn is_logical(command: u8) -> bool {
    matches!(command, 10..=12)
}
