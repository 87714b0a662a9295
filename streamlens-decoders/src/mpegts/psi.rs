//! Program tables: sections put together from transport packets, and what PAT, PMT and SDT say
//! (ISO/IEC 13818-1 §2.4.4, ETSI EN 300 468 §5.2.3).

use std::collections::BTreeMap;

use nom::Parser;
use nom::multi::length_data;

use super::packet::NULL_PID;
use crate::wire::{Fault, u8, u16};

/// The longest section that is kept: 3 bytes and a length of 12 bits, of which PAT, PMT and SDT may use 1021.
const MAX_SECTION: usize = 1024;

/// The most programs and elementary streams that are remembered.
const MAX_PROGRAMS: usize = 64;
const MAX_STREAMS: usize = 256;

/// Puts the sections of one PID together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    bytes: Vec<u8>,
    is_open: bool,
}

impl Assembler {
    /// Takes a packet's payload and hands on every section that it completes. `follows` is false after a break of the
    /// continuity counter.
    pub(crate) fn push(&mut self, payload: &[u8], starts_unit: bool, follows: bool, mut section: impl FnMut(&[u8])) {
        self.is_open &= follows;
        let mut rest = payload;
        if starts_unit {
            let Some((&pointer, after)) = payload.split_first() else { return };
            let Some((end, start)) = after.split_at_checked(usize::from(pointer)) else { return };
            self.extend(end, &mut section);
            self.bytes.clear();
            (self.is_open, rest) = (true, start);
        }
        self.extend(rest, &mut section);
    }

    fn extend(&mut self, bytes: &[u8], section: &mut impl FnMut(&[u8])) {
        if !self.is_open {
            return;
        }
        let room = (MAX_SECTION + 184).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        let mut used = 0;
        while let Some((table, length)) = self.bytes.get(used..).and_then(section_head) {
            let length = 3 + length;
            if table == 0xFF || length > MAX_SECTION {
                self.is_open = false;
                break;
            }
            let Some(whole) = self.bytes.get(used..used + length) else { break };
            if crc32(whole) == 0 {
                section(whole);
            }
            used += length;
        }
        self.bytes.drain(..used);
        if !self.is_open {
            self.bytes.clear();
        }
    }
}

/// The cyclic redundancy check of sections (ISO/IEC 13818-1 Annex A); 0 over a section with its check.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8)
            .fold(crc ^ u32::from(byte) << 24, |crc, _| if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 })
    })
}

/// One program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) pmt_pid: u16,
    pub(crate) pcr_pid: Option<u16>,
    pub(crate) name: Option<String>,
    pub(crate) provider: Option<String>,
}

/// What the tables say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) transport_stream_id: Option<u16>,
    /// By program number.
    pub(crate) programs: BTreeMap<u16, Program>,
    /// Stream types by PID.
    pub(crate) streams: BTreeMap<u16, u8>,
    /// The numbers of the programs that these belong to, by PID; of a stream of several the first.
    program_of: BTreeMap<u16, u16>,
    /// How often a program's map has come, or moved to another PID.
    pub(crate) changes: u64,
}

impl Tables {
    /// Reads a section whose check has held.
    pub(crate) fn section(&mut self, pid: u16, section: &[u8]) {
        let Some(body) = section.get(8..section.len().saturating_sub(4)) else { return };
        let Ok((_, id)) = u16("table identifier extension")(section.get(3..).unwrap_or_default()) else { return };
        match (section.first(), pid) {
            (Some(0), 0) => self.pat(id, body),
            (Some(2), _) => self.pmt(id, pid, body),
            (Some(0x42), 0x11) => self.sdt(body),
            _ => {}
        }
    }

    /// Whether a PID carries a program's map.
    pub(crate) fn is_map(&self, pid: u16) -> bool {
        self.programs.values().any(|program| program.pmt_pid == pid)
    }

    /// The program that a PID is a stream or the map of, by number and name.
    pub(crate) fn program_of(&self, pid: u16) -> Option<String> {
        let of_map = || self.programs.iter().find(|(_, program)| program.pmt_pid == pid).map(|(number, _)| *number);
        let number = self.program_of.get(&pid).copied().or_else(of_map)?;
        let name = self.programs.get(&number).and_then(|program| program.name.as_ref());
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        Some(format!("program {number}{name}"))
    }

    fn pat(&mut self, id: u16, mut body: &[u8]) {
        self.transport_stream_id = Some(id);
        while let Ok((rest, (number, pid))) = (u16("program number"), pid()).parse(body) {
            body = rest;
            if number == 0 || self.programs.len() >= MAX_PROGRAMS && !self.programs.contains_key(&number) {
                continue;
            }
            let program = self.programs.entry(number).or_default();
            if program.pmt_pid != pid {
                program.pmt_pid = pid;
                self.changes += 1;
            }
        }
    }

    fn pmt(&mut self, number: u16, map_pid: u16, body: &[u8]) {
        let Ok((rest, (pcr_pid, length))) = (pid(), length_12()).parse(body) else { return };
        let Some(program) = self.programs.get_mut(&number).filter(|program| program.pmt_pid == map_pid) else { return };
        program.pcr_pid = Some(pcr_pid).filter(|&pid| pid != NULL_PID);
        let mut rest = rest.get(length..).unwrap_or_default();
        while let Ok((more, (kind, pid, length))) = (u8("stream type"), pid(), length_12()).parse(rest) {
            if self.streams.len() < MAX_STREAMS {
                self.streams.insert(pid, kind);
                self.program_of.entry(pid).or_insert(number);
            }
            rest = more.get(length..).unwrap_or_default();
        }
    }

    fn sdt(&mut self, body: &[u8]) {
        // original network id, reserved
        let mut rest = body.get(3..).unwrap_or_default();
        while let Ok((more, (id, _, length))) = (u16("service"), u8("flags"), length_12()).parse(rest) {
            let descriptors = more.get(..length).unwrap_or_default();
            if let Some(program) = self.programs.get_mut(&id) {
                service(program, descriptors);
            }
            rest = more.get(length..).unwrap_or_default();
        }
    }
}

/// The table and the bytes behind its length, of a section that begins here.
fn section_head(bytes: &[u8]) -> Option<(u8, usize)> {
    (u8("table"), length_12()).parse(bytes).ok().map(|(_, head)| head)
}

/// A parser of a PID behind three reserved bits.
fn pid<'a>() -> impl Parser<&'a [u8], Output = u16, Error = Fault<'a>> {
    u16("PID").map(|pid| pid & NULL_PID)
}

/// A parser of a length of 12 bits behind four others.
fn length_12<'a>() -> impl Parser<&'a [u8], Output = usize, Error = Fault<'a>> {
    u16("length").map(|length| usize::from(length & 0x0FFF))
}

/// The service descriptor: type, then provider and name, each behind its length.
fn service(program: &mut Program, mut descriptors: &[u8]) {
    while let Ok((rest, (tag, body))) = (u8("tag"), length_data(u8("length"))).parse(descriptors) {
        descriptors = rest;
        if tag == 0x48
            && let Ok((_, (_, provider, name))) =
                (u8("service type"), length_data(u8("length")), length_data(u8("length"))).parse(body)
        {
            (program.provider, program.name) = (text(provider), text(name));
        }
    }
}

/// Text without the character table's selection and control codes; other tables than Latin show as they can.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = match bytes.split_first() {
        Some((0x10, rest)) => rest.get(2..).unwrap_or_default(),
        Some((0x01..=0x1F, rest)) => rest,
        _ => bytes,
    };
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// Names of the usual stream types (ISO/IEC 13818-1 Table 2-34).
pub(crate) fn stream_type(code: u8) -> &'static str {
    match code {
        0x01 => "MPEG-1 video",
        0x02 => "MPEG-2 video",
        0x03 => "MPEG-1 audio",
        0x04 => "MPEG-2 audio",
        0x05 => "private sections",
        0x06 => "private data in PES packets",
        0x0B => "DSM-CC",
        0x0F => "AAC (ADTS)",
        0x10 => "MPEG-4 visual",
        0x11 => "AAC (LATM)",
        0x15 => "metadata in PES packets",
        0x1B => "H.264",
        0x20 => "H.264 MVC",
        0x21 => "JPEG 2000",
        0x24 => "H.265",
        0x32 => "JPEG XS",
        0x33 => "H.266",
        0x81 => "AC-3 (ATSC)",
        0x86 => "SCTE 35",
        0x87 => "E-AC-3 (ATSC)",
        _ => "other",
    }
}
