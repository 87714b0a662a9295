//! Context management: the NDR arguments and the blocks of connect, release and control (IEC 61158-6-10 §5.2).

use streamlens_model::MacAddress;

use super::rpc::number;
use super::{PnioStatus, Uuid, array, long, word};

/// The body of a request or an answer: the status of an answer, and the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    /// Of an answer; requests have none.
    pub(super) status: Option<PnioStatus>,
    pub(super) blocks: &'a [u8],
}

impl<'a> Body<'a> {
    /// Reads what stands behind the RPC header, as far as it is there.
    pub(super) fn read(body: &'a [u8], is_answer: bool, little_endian: bool) -> Option<Self> {
        let status = PnioStatus(number(body, 0, little_endian)?);
        let length = u32::from_be_bytes(number(body, 4, little_endian)?) as usize;
        // Behind status (or maximum) and length: maximum count, offset and actual count of the array.
        let blocks = body.get(20..).unwrap_or_default();
        let blocks = blocks.get(..length).unwrap_or(blocks);
        Some(Self { status: is_answer.then_some(status), blocks })
    }

    pub(super) const fn blocks(&self) -> CmBlocks<'a> {
        CmBlocks { rest: self.blocks }
    }
}

/// A block: its type and what stands behind its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CmBlock<'a> {
    pub(super) kind: u16,
    pub(super) data: &'a [u8],
}

/// Walks the blocks that follow each other without padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct CmBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for CmBlocks<'a> {
    type Item = CmBlock<'a>;

    fn next(&mut self) -> Option<CmBlock<'a>> {
        let (kind, length) = (word(self.rest, 0)?, usize::from(word(self.rest, 2)?));
        let block = self.rest.get(4..4 + length)?;
        self.rest = self.rest.get(4 + length..).unwrap_or_default();
        Some(CmBlock { kind, data: block.get(2..)? })
    }
}

/// What an AR block of a connect request says of the relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArRequest {
    pub(super) ar_type: u16,
    pub(super) uuid: Uuid,
    pub(super) controller: MacAddress,
    pub(super) station: String,
}

impl ArRequest {
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let length = usize::from(word(data, 50)?);
        Some(Self {
            ar_type: word(data, 0)?,
            uuid: Uuid(array(data, 2)?),
            controller: MacAddress(array(data, 20)?),
            station: super::dcp::text(data.get(52..52 + length)?),
        })
    }
}

/// The UUID of a relation and the device's address, from the AR block of an answer.
pub(super) fn ar_answer(data: &[u8]) -> Option<(Uuid, MacAddress)> {
    Some((Uuid(array(data, 2)?), MacAddress(array(data, 20)?)))
}

/// The UUID of a relation in a control or release block.
pub(super) fn control_uuid(data: &[u8]) -> Option<Uuid> {
    // Two octets of padding stand in front of it.
    array(data, 2).map(Uuid)
}

/// The kind of an IO communication relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IocrType {
    /// From the device.
    Input,
    /// To the device.
    Output,
    MulticastProvider,
    MulticastConsumer,
    Other(u16),
}

impl IocrType {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::MulticastProvider => "multicast provider",
            Self::MulticastConsumer => "multicast consumer",
            Self::Other(_) => "reserved",
        }
    }
}

/// An IO communication relation as a connect agrees on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Iocr {
    pub(super) kind: IocrType,
    pub(super) reference: u16,
    /// 1 to 4: RT_CLASS_1, 2, 3, UDP.
    pub(super) rt_class: u8,
    pub(super) data_length: u16,
    pub(super) frame_id: u16,
    pub(super) send_clock_factor: u16,
    pub(super) reduction_ratio: u16,
    pub(super) phase: u16,
    pub(super) watchdog_factor: u16,
    pub(super) data_hold_factor: u16,
    /// Slot, subslot and offset of the IO data, at most [`Iocr::MAX_OBJECTS`].
    pub(super) objects: Vec<(u16, u16, u16)>,
}

impl Iocr {
    /// The most submodules that are kept of one relation.
    pub(super) const MAX_OBJECTS: usize = 64;

    /// The step of the cycle counter, in units of 31.25 µs.
    pub(super) fn step(&self) -> u32 {
        u32::from(self.send_clock_factor) * u32::from(self.reduction_ratio)
    }

    /// The update time agreed on, in nanoseconds.
    pub(super) fn update_time_ns(&self) -> u64 {
        u64::from(self.step()) * 31_250
    }

    /// The name of its RT class.
    pub(super) const fn class_name(&self) -> &'static str {
        match self.rt_class {
            1 => "RT_CLASS_1",
            2 => "RT_CLASS_2",
            3 => "RT_CLASS_3",
            4 => "RT_CLASS_UDP",
            _ => "reserved",
        }
    }

    /// Reads an IOCR block of a connect request.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let at = |offset| word(data, offset);
        let kind = match at(0)? {
            1 => IocrType::Input,
            2 => IocrType::Output,
            3 => IocrType::MulticastProvider,
            4 => IocrType::MulticastConsumer,
            other => IocrType::Other(other),
        };
        let mut iocr = Self {
            kind,
            reference: at(2)?,
            rt_class: (long(data, 6)? & 0x0F) as u8,
            data_length: at(10)?,
            frame_id: at(12)?,
            send_clock_factor: at(14)?,
            reduction_ratio: at(16)?,
            phase: at(18)?,
            watchdog_factor: at(26)?,
            data_hold_factor: at(28)?,
            objects: Vec::new(),
        };
        iocr.read_objects(data);
        Some(iocr)
    }

    /// The layout of the IO data, as far as it is there.
    fn read_objects(&mut self, data: &[u8]) -> Option<()> {
        let mut offset = 40;
        for _ in 0..word(data, 38)? {
            offset += 4;
            let count = usize::from(word(data, offset)?);
            offset += 2;
            let list = data.get(offset..offset + count * 6)?;
            let room = Self::MAX_OBJECTS.saturating_sub(self.objects.len());
            let (entries, _) = list.as_chunks::<6>();
            self.objects.extend(entries.iter().take(room).map(|&[a, b, c, d, e, f]| {
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), u16::from_be_bytes([e, f]))
            }));
            offset += count * 6;
            // The consumer status entries have the same form and say nothing new.
            offset += 2 + usize::from(word(data, offset)?) * 6;
        }
        Some(())
    }
}

/// Reference and `FrameID` that a device answers for an IO communication relation.
pub(super) fn iocr_answer(data: &[u8]) -> Option<(u16, u16)> {
    Some((word(data, 2)?, word(data, 4)?))
}

/// Whether a module difference block names a module or submodule that is missing or wrong. Such blocks also come to
/// say that a module stands in as a substitute, which is lawful, or that only diagnoses or owners differ
/// (IEC 61158-6-10, coding of ModuleState and SubmoduleState).
pub(super) fn has_wrong_modules(data: &[u8]) -> bool {
    walk_modules(data).unwrap_or(false)
}

fn walk_modules(data: &[u8]) -> Option<bool> {
    const MISSING_OR_WRONG: u16 = 1;
    let mut at = 2;
    for _ in 0..word(data, 0)? {
        let modules = word(data, at + 4)?;
        at += 6;
        for _ in 0..modules {
            let (state, submodules) = (word(data, at + 6)?, word(data, at + 8)?);
            at += 10;
            if state <= MISSING_OR_WRONG {
                return Some(true);
            }
            for _ in 0..submodules {
                let state = word(data, at + 6)?;
                at += 8;
                let is_wrong = match state >> 15 {
                    1 => matches!(state >> 11 & 0x0F, 2 | 3),
                    _ => state <= MISSING_OR_WRONG,
                };
                if is_wrong {
                    return Some(true);
                }
            }
        }
    }
    Some(false)
}
