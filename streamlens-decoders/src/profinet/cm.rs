//! Context management: the NDR arguments and the blocks of connect, release and control (IEC 61158-6-10 §5.2).

use nom::Parser;
use streamlens_model::MacAddress;

use super::rpc::long;
use super::{PnioStatus, Uuid, uuid};
use crate::wire::{Wire, array, at, bytes, fixed, u16, u32};

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
        let long = |field| long(field, little_endian);
        let (_, (status, length)) = (long("PNIOStatus or ArgsMaximum"), long("ArgsLength")).parse(body).ok()?;
        let (status, length) = (PnioStatus(status.to_be_bytes()), length as usize);
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
        let (rest, (kind, counted)) = block(self.rest).ok()?;
        self.rest = rest;
        let (data, _) = u16("BlockVersion")(counted).ok()?;
        Some(CmBlock { kind, data })
    }
}

/// Type and what the length counts: the version and the data.
pub(super) fn block(input: &[u8]) -> Wire<'_, (u16, &[u8])> {
    let (rest, (kind, length)) = (u16("BlockType"), u16("BlockLength")).parse(input)?;
    let (rest, counted) = bytes("BlockVersion and data", length.into())(rest)?;
    Ok((rest, (kind, counted)))
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
        ar_request(data).ok().map(|(_, request)| request)
    }
}

/// ```text
/// ARType 2 | ARUUID 16 | SessionKey 2 | CMInitiatorMacAdd 6 | CMInitiatorObjectUUID 16 | ARProperties 4 |
/// CMInitiatorActivityTimeoutFactor 2 | CMInitiatorUDPRTPort 2 | StationNameLength 2 | CMInitiatorStationName
/// ```
pub(super) fn ar_request(input: &[u8]) -> Wire<'_, ArRequest> {
    let (rest, (ar_type, uuid, _, controller)) =
        (u16("ARType"), uuid("ARUUID"), u16("SessionKey"), array("CMInitiatorMacAdd")).parse(input)?;
    let (rest, (_, _, _, _, length)) = (
        array::<16>("CMInitiatorObjectUUID"),
        u32("ARProperties"),
        u16("CMInitiatorActivityTimeoutFactor"),
        u16("CMInitiatorUDPRTPort"),
        u16("StationNameLength"),
    )
        .parse(rest)?;
    let (rest, station) = bytes("CMInitiatorStationName", length.into())(rest)?;
    Ok((rest, ArRequest { ar_type, uuid, controller: MacAddress(controller), station: super::dcp::text(station) }))
}

/// The UUID of a relation and the device's address, from the AR block of an answer.
pub(super) fn ar_answer(data: &[u8]) -> Option<(Uuid, MacAddress)> {
    let mut block = (u16("ARType"), uuid("ARUUID"), u16("SessionKey"), array("CMResponderMacAdd"));
    let (_, (_, uuid, _, device)) = block.parse(data).ok()?;
    Some((uuid, MacAddress(device)))
}

/// The UUID of a relation in a control or release block.
pub(super) fn control_uuid(data: &[u8]) -> Option<Uuid> {
    // Two octets of padding stand in front of it.
    at(data, 2, uuid("ARUUID"))
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
        let (_, mut iocr) = fixed::<30, _>(iocr)(data).ok()?;
        // As much of the layout of the IO data as is there.
        let _ = data.get(30..).map(|rest| read_objects(rest, &mut iocr.objects));
        Some(iocr)
    }
}

/// ```text
/// IOCRType 2 | IOCRReference 2 | LT 2 | IOCRProperties 4 | DataLength 2 | FrameID 2 | SendClockFactor 2 |
/// ReductionRatio 2 | Phase 2 | Sequence 2 | FrameSendOffset 4 | WatchdogFactor 2 | DataHoldFactor 2
/// ```
pub(super) fn iocr(input: &[u8]) -> Wire<'_, Iocr> {
    let (rest, (kind, reference, _, properties, data_length, frame_id)) =
        (u16("IOCRType"), u16("IOCRReference"), u16("LT"), u32("IOCRProperties"), u16("DataLength"), u16("FrameID"))
            .parse(input)?;
    let (rest, (send_clock_factor, reduction_ratio, phase, _, _, watchdog_factor, data_hold_factor)) = (
        u16("SendClockFactor"),
        u16("ReductionRatio"),
        u16("Phase"),
        u16("Sequence"),
        u32("FrameSendOffset"),
        u16("WatchdogFactor"),
        u16("DataHoldFactor"),
    )
        .parse(rest)?;
    let kind = match kind {
        1 => IocrType::Input,
        2 => IocrType::Output,
        3 => IocrType::MulticastProvider,
        4 => IocrType::MulticastConsumer,
        other => IocrType::Other(other),
    };
    let iocr = Iocr {
        kind,
        reference,
        rt_class: (properties & 0x0F) as u8,
        data_length,
        frame_id,
        send_clock_factor,
        reduction_ratio,
        phase,
        watchdog_factor,
        data_hold_factor,
        objects: Vec::new(),
    };
    Ok((rest, iocr))
}

/// The layout of the IO data, from behind the DataHoldFactor on:
///
/// ```text
/// IOCRTagHeader 2 | IOCRMulticastMACAdd 6 | NumberOfAPIs 2 | per API: API 4 | NumberOfIODataObjects 2 |
/// slot 2, subslot 2, offset 2 each | NumberOfIOCS 2 | slot 2, subslot 2, offset 2 each
/// ```
pub(super) fn read_objects<'a>(input: &'a [u8], objects: &mut Vec<(u16, u16, u16)>) -> Wire<'a, ()> {
    let (mut rest, (_, _, apis)) =
        (u16("IOCRTagHeader"), array::<6>("IOCRMulticastMACAdd"), u16("NumberOfAPIs")).parse(input)?;
    for _ in 0..apis {
        let (list, (_, count)) = (u32("API"), u16("NumberOfIODataObjects")).parse(rest)?;
        let (behind, mut list) = bytes("IODataObjects", usize::from(count) * 6)(list)?;
        while objects.len() < Iocr::MAX_OBJECTS
            && let Ok((more, object)) = object(list)
        {
            objects.push(object);
            list = more;
        }
        // The consumer status entries have the same form and say nothing new.
        let (behind, count) = u16("NumberOfIOCS")(behind)?;
        (rest, _) = bytes("IOCS", usize::from(count) * 6)(behind)?;
    }
    Ok((rest, ()))
}

fn object(input: &[u8]) -> Wire<'_, (u16, u16, u16)> {
    (u16("SlotNumber"), u16("SubslotNumber"), u16("IODataObjectFrameOffset")).parse(input)
}

/// Reference and `FrameID` that a device answers for an IO communication relation.
pub(super) fn iocr_answer(data: &[u8]) -> Option<(u16, u16)> {
    let (_, (_, reference, frame_id)) = (u16("IOCRType"), u16("IOCRReference"), u16("FrameID")).parse(data).ok()?;
    Some((reference, frame_id))
}

/// Whether a module difference block names a module or submodule that is missing or wrong. Such blocks also come to
/// say that a module stands in as a substitute, which is lawful, or that only diagnoses or owners differ
/// (IEC 61158-6-10, coding of ModuleState and SubmoduleState).
pub(super) fn has_wrong_modules(data: &[u8]) -> bool {
    wrong_modules(data).is_ok_and(|(_, is_wrong)| is_wrong)
}

/// ```text
/// NumberOfAPIs 2 | per API: API 4 | NumberOfModules 2 | per module: SlotNumber 2 | ModuleIdentNumber 4 | ModuleState 2 |
/// NumberOfSubmodules 2 | per submodule: SubslotNumber 2 | SubmoduleIdentNumber 4 | SubmoduleState 2
/// ```
pub(super) fn wrong_modules(input: &[u8]) -> Wire<'_, bool> {
    const MISSING_OR_WRONG: u16 = 1;
    let (mut rest, apis) = u16("NumberOfAPIs")(input)?;
    for _ in 0..apis {
        let (behind, (_, modules)) = (u32("API"), u16("NumberOfModules")).parse(rest)?;
        rest = behind;
        for _ in 0..modules {
            let (behind, (_, _, state, submodules)) =
                (u16("SlotNumber"), u32("ModuleIdentNumber"), u16("ModuleState"), u16("NumberOfSubmodules"))
                    .parse(rest)?;
            rest = behind;
            if state <= MISSING_OR_WRONG {
                return Ok((rest, true));
            }
            for _ in 0..submodules {
                let (behind, (_, _, state)) =
                    (u16("SubslotNumber"), u32("SubmoduleIdentNumber"), u16("SubmoduleState")).parse(rest)?;
                rest = behind;
                let is_wrong = match state >> 15 {
                    1 => matches!(state >> 11 & 0x0F, 2 | 3),
                    _ => state <= MISSING_OR_WRONG,
                };
                if is_wrong {
                    return Ok((rest, true));
                }
            }
        }
    }
    Ok((rest, false))
}
