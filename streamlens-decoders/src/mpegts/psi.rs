//! Program tables: sections put together from transport packets, and what PAT, PMT and SDT say
//! (ISO/IEC 13818-1 §2.4.4, ETSI EN 300 468 §5.2.3).

use std::collections::BTreeMap;

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
        while let Some(&[table, a, b]) = self.bytes.get(used..used + 3).and_then(|b| b.first_chunk::<3>()) {
            let length = 3 + usize::from(u16::from_be_bytes([a & 0x0F, b]));
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
    /// How often a program's map has come, or moved to another PID.
    pub(crate) changes: u64,
}

impl Tables {
    /// Reads a section whose check has held.
    pub(crate) fn section(&mut self, pid: u16, section: &[u8]) {
        let Some(body) = section.get(8..section.len().saturating_sub(4)) else { return };
        let id = section.get(3..5).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]));
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

    fn pat(&mut self, id: u16, body: &[u8]) {
        self.transport_stream_id = Some(id);
        for &[a, b, c, d] in body.as_chunks::<4>().0 {
            let number = u16::from_be_bytes([a, b]);
            if number == 0 || self.programs.len() >= MAX_PROGRAMS && !self.programs.contains_key(&number) {
                continue;
            }
            let (program, pid) = (self.programs.entry(number).or_default(), u16::from_be_bytes([c & 0x1F, d]));
            if program.pmt_pid != pid {
                program.pmt_pid = pid;
                self.changes += 1;
            }
        }
    }

    fn pmt(&mut self, number: u16, pid: u16, body: &[u8]) {
        let Some((&[a, b, c, d], rest)) = body.split_first_chunk::<4>() else { return };
        let Some(program) = self.programs.get_mut(&number).filter(|program| program.pmt_pid == pid) else { return };
        program.pcr_pid = Some(u16::from_be_bytes([a & 0x1F, b])).filter(|&pid| pid != 0x1FFF);
        let mut rest = rest.get(usize::from(u16::from_be_bytes([c & 0x0F, d]))..).unwrap_or_default();
        while let Some((&[kind, a, b, c, d], more)) = rest.split_first_chunk::<5>() {
            if self.streams.len() < MAX_STREAMS {
                self.streams.insert(u16::from_be_bytes([a & 0x1F, b]), kind);
            }
            rest = more.get(usize::from(u16::from_be_bytes([c & 0x0F, d]))..).unwrap_or_default();
        }
    }

    fn sdt(&mut self, body: &[u8]) {
        // original network id, reserved
        let mut rest = body.get(3..).unwrap_or_default();
        while let Some((&[a, b, _, c, d], more)) = rest.split_first_chunk::<5>() {
            let length = usize::from(u16::from_be_bytes([c & 0x0F, d]));
            let descriptors = more.get(..length).unwrap_or_default();
            if let Some(program) = self.programs.get_mut(&u16::from_be_bytes([a, b])) {
                service(program, descriptors);
            }
            rest = more.get(length..).unwrap_or_default();
        }
    }
}

/// The service descriptor: type, then provider and name, each behind its length.
fn service(program: &mut Program, mut descriptors: &[u8]) {
    while let Some((&[tag, length], more)) = descriptors.split_first_chunk::<2>() {
        let Some((body, rest)) = more.split_at_checked(usize::from(length)) else { return };
        descriptors = rest;
        let (0x48, Some((_, names))) = (tag, body.split_first()) else { continue };
        let Some((provider, names)) = counted(names) else { continue };
        let Some((name, _)) = counted(names) else { continue };
        (program.provider, program.name) = (text(provider), text(name));
    }
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
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
