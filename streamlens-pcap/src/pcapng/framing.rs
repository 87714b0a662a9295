//! The frame of a pcapng block: type, length, and the length again (draft-ietf-opsawg-pcapng, section 3.1).

use std::fmt;

use streamlens_model::words::{Counted, Grouped};

use pcap_parser::{
    BOM_MAGIC, CB_MAGIC, DCB_MAGIC, DSB_MAGIC, EPB_MAGIC, IDB_MAGIC, ISB_MAGIC, NRB_MAGIC, PIB_MAGIC, SHB_MAGIC,
    SJE_MAGIC, SPB_MAGIC,
};

use crate::walk::MAX_FRAME;

/// Block type of the obsolete Packet Block (appendix A of the draft), which `pcap_parser` has no name for.
pub(super) const OPB_MAGIC: u32 = 2;
/// The longest block that is believed: a frame of the greatest length, and options.
const MAX_BLOCK: u32 = MAX_FRAME + (1 << 20);
/// The longest block that is believed while a place to go on is searched: a false one must not hold up much.
const MAX_CANDIDATE: u32 = 16 << 20;
/// Bytes of type and both lengths.
pub(super) const FRAMING: usize = 12;

/// The byte order of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) big_endian: bool,
}

impl Order {
    #[inline]
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    #[inline]
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }

    /// The word at `at`; `None` beyond the end.
    #[inline]
    pub(super) fn word(self, data: &[u8], at: usize) -> Option<u32> {
        data.get(at..)?.first_chunk().map(|bytes| self.u32(*bytes))
    }

    /// The byte order in which the length of a block is the smaller one.
    pub(super) fn of_length(block: &[u8]) -> Self {
        let (big, little) = (Self { big_endian: true }, Self { big_endian: false });
        if big.word(block, 4) < little.word(block, 4) { big } else { little }
    }

    /// The byte order that the byte-order magic of a section header tells.
    pub(super) fn of_section_header(block: &[u8]) -> Option<Self> {
        [false, true]
            .map(|big_endian| Self { big_endian })
            .into_iter()
            .find(|order| order.word(block, 8) == Some(BOM_MAGIC))
    }
}

/// Whether a block of this type may be taken for a sign that the file goes on here.
fn is_known(kind: u32) -> bool {
    matches!(
        kind,
        SHB_MAGIC
            | IDB_MAGIC
            | OPB_MAGIC
            | SPB_MAGIC
            | NRB_MAGIC
            | ISB_MAGIC
            | EPB_MAGIC
            | SJE_MAGIC
            | DSB_MAGIC
            | CB_MAGIC
            | DCB_MAGIC
            | PIB_MAGIC
    )
}

/// The least length of a block of this type.
fn least_length(kind: u32) -> u32 {
    match kind {
        SHB_MAGIC => 28,
        IDB_MAGIC => 20,
        EPB_MAGIC | OPB_MAGIC => 32,
        SPB_MAGIC => 16,
        ISB_MAGIC => 24,
        _ => FRAMING as u32,
    }
}

/// What is wrong with a block, in words for a warning.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw {
    ByteOrder,
    Length(u32),
    Trailer {
        leading: u32,
        trailing: u32,
    },
    /// It reaches beyond the end of the capture.
    Cut {
        length: u32,
        present: usize,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrder => write!(f, "a section header there has no byte-order magic"),
            Self::Length(length) => {
                write!(f, "a block there claims a length of {}, which can't be", Counted(u64::from(*length), "byte"))
            }
            Self::Trailer { leading, trailing } => {
                write!(
                    f,
                    "the two lengths of a block there differ, {} and {}",
                    Grouped(u64::from(*leading)),
                    Grouped(u64::from(*trailing))
                )
            }
            Self::Cut { length, present } => {
                let (length, present) = (Counted(u64::from(*length), "byte"), Grouped(*present as u64));
                write!(f, "a block of {length} begins there, {present} of them present")
            }
        }
    }
}

/// What the bytes at the start of a block are.
pub(super) enum Framed {
    /// A block of this many bytes, all there.
    Whole {
        length: usize,
    },
    /// More bytes are needed to say.
    Short,
    Flawed(Flaw),
}

/// Looks at the block at the start of `data`, in the byte order of its section.
#[inline]
pub(super) fn frame_block(data: &[u8], kind: u32, order: Order, at_end: bool) -> Framed {
    let Some(length) = order.word(data, 4) else { return Framed::Short };
    if length < least_length(kind) || length % 4 != 0 || length > MAX_BLOCK {
        return Framed::Flawed(Flaw::Length(length));
    }
    match order.word(data, length as usize - 4) {
        Some(trailing) if trailing == length => {
            if ends_before(data, length, order) {
                return Framed::Flawed(Flaw::Length(length));
            }
            Framed::Whole { length: length as usize }
        }
        Some(trailing) => Framed::Flawed(Flaw::Trailer { leading: length, trailing }),
        None if at_end => Framed::Flawed(Flaw::Cut { length, present: data.len() }),
        None => Framed::Short,
    }
}

/// Whether a block with two equal lengths is over eight bytes before its end, and another one begins there: the first
/// length is wrong then, and what looks like the second one is the first length of the next block.
#[inline]
fn ends_before(data: &[u8], length: u32, order: Order) -> bool {
    const OVERLAP: usize = 8;
    let Some(end) = (length as usize).checked_sub(OVERLAP).filter(|end| *end >= FRAMING) else { return false };
    order.word(data, end - 4) == Some(end as u32) && goes_on(data, end) == Candidate::Consistent
}

/// [`candidate`] in either byte order.
fn goes_on(data: &[u8], at: usize) -> Candidate {
    match candidate(data, at, Order { big_endian: false }) {
        Candidate::No => candidate(data, at, Order { big_endian: true }),
        found => found,
    }
}

/// Whether reading can go on at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    Consistent,
    /// It begins like a block whose end is not in the buffer.
    Short,
    No,
}

/// Whether a block of a known type with two equal lengths begins at `at`.
#[inline]
pub(super) fn candidate(data: &[u8], at: usize, order: Order) -> Candidate {
    let Some(rest) = data.get(at..) else { return Candidate::No };
    let (Some(kind), Some(length)) = (order.word(rest, 0), order.word(rest, 4)) else { return Candidate::No };
    if !is_known(kind) || length < least_length(kind) || length % 4 != 0 || length > MAX_CANDIDATE {
        return Candidate::No;
    }
    if kind == SHB_MAGIC && rest.len() >= FRAMING && Order::of_section_header(rest) != Some(order) {
        return Candidate::No;
    }
    match order.word(rest, length as usize - 4) {
        Some(trailing) if trailing == length => Candidate::Consistent,
        Some(_) => Candidate::No,
        None => Candidate::Short,
    }
}

/// Whether to believe a consistent block at `at` that is not in the `probable` byte order of its section.
///
/// Numbers in one byte order, read three bytes off in the other, are often the same numbers: so another block must
/// follow, and none in the probable order may begin nearby, unless its fields do not fit. Section headers tell their
/// byte order themselves.
#[cold]
pub(super) fn candidate_in_other_order(data: &[u8], at: usize, probable: Order, at_end: bool) -> Candidate {
    let order = Order { big_endian: !probable.big_endian };
    if order.word(data, at) == Some(SHB_MAGIC) {
        return Candidate::Consistent;
    }
    let has_rival = |at: usize| {
        let fits = fields_fit(data, at, order);
        (at.saturating_sub(3)..at + 4).any(|place| {
            candidate(data, place, probable) == Candidate::Consistent && (fields_fit(data, place, probable) || !fits)
        })
    };
    let next = at + order.word(data, at + 4).unwrap_or_default() as usize;
    if has_rival(at) || has_rival(next) {
        return Candidate::No;
    }
    match data.len().saturating_sub(next) {
        0 if at_end => Candidate::Consistent,
        0..FRAMING if at_end => Candidate::No,
        0..FRAMING => Candidate::Short,
        _ => match goes_on(data, next) {
            Candidate::Short if at_end => Candidate::No,
            found => found,
        },
    }
}

/// Whether the fields of a block with consistent framing fit its length.
fn fields_fit(data: &[u8], at: usize, order: Order) -> bool {
    let word = |offset| order.word(data, at + offset).unwrap_or(u32::MAX);
    match word(0) {
        EPB_MAGIC | OPB_MAGIC => word(20).saturating_add(32) <= word(4),
        // Two reserved bytes follow the link type.
        IDB_MAGIC => word(8) & if order.big_endian { 0xffff } else { 0xffff_0000 } == 0,
        _ => true,
    }
}
