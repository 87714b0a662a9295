//! Walks IRIG 106 Chapter 10 recorder files (`.ch10`, `.c10`): packets back to back, without any framing.
//!
//! A packet's time is its relative time counter by the last time packet before it, or by the first one of the file
//! where none came before: the walk waits for that one, within [`MAX_WAIT`]. A file without time packets has frames
//! without times.

use streamlens_chapter10_wire::{
    HEADER_LENGTH as HEADER, Moment, PacketHeader, SETUP, SetupReader, TIME_1, TIME_2, TimeReading, counter_to_utc,
    nearest_year, read_time,
};
use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FrameRecord, Interface, LinkType, Timestamp};

use crate::report::code;
use crate::walk::{MAX_FRAME, Walk};

/// Bytes that are looked through for the first time packet. The standard wants one each second.
const MAX_WAIT: usize = 64 << 20;

/// Whether a file that begins with these bytes is a recorder file: a packet header with a right checksum.
pub(crate) fn begins(start: &[u8]) -> bool {
    is_header(start)
}

/// Whether a packet begins here: sync word, checksum and a length that can be.
fn is_header(bytes: &[u8]) -> bool {
    PacketHeader::parse(bytes).is_some_and(|header| header.checksum_ok() && has_length(&header))
}

fn has_length(header: &PacketHeader) -> bool {
    header.packet_length as usize >= HEADER && header.packet_length <= MAX_FRAME
}

/// The walker.
#[derive(Debug)]
pub(crate) struct Chapter10 {
    interfaces: [Interface; 1],
    /// Counter and UTC nanoseconds of the last time packet.
    anchor: Option<(u64, i64)>,
    /// Whether the first time packet was found, or the search for it given up.
    is_settled: bool,
    /// Bytes that hold no time packet.
    searched: usize,
    setup: SetupReader,
    has_told_year: bool,
}

impl Default for Chapter10 {
    fn default() -> Self {
        let interface = Interface { link_type: LinkType::CHAPTER10_FILE, resolution_ns: 100, ..Interface::default() };
        Self {
            interfaces: [interface],
            anchor: None,
            is_settled: false,
            searched: 0,
            setup: SetupReader::default(),
            has_told_year: false,
        }
    }
}

impl Chapter10 {
    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Takes whole packets off the front of the buffer; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        if !self.is_settled && !self.settle(data, out) {
            return 0;
        }
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.len() < HEADER {
                if out.at_end {
                    out.ended_inside(
                        at,
                        format_args!("{} bytes of a packet header are there", Grouped(rest.len() as u64)),
                    );
                    at = data.len();
                }
                break;
            }
            let Some((header, length)) = packet(rest) else {
                match next_header(rest) {
                    // A header may begin in the last bytes; they stay for the next buffer.
                    None if !out.at_end => {
                        out_of_step(at, rest.len() - (HEADER - 1), out);
                        at += rest.len() - (HEADER - 1);
                        break;
                    }
                    found => {
                        let skipped = found.unwrap_or(rest.len());
                        out_of_step(at, skipped, out);
                        at += skipped;
                        continue;
                    }
                }
            };
            let present = length.min(rest.len());
            if present < length && !out.at_end {
                break;
            }
            let bytes = rest.get(..present).unwrap_or_default();
            if present == length {
                self.learn(&header, bytes, at, out);
            }
            let (Ok(offset), Ok(captured_length)) = (u32::try_from(out.start + at), u32::try_from(present)) else {
                break;
            };
            out.records.push(FrameRecord {
                offset,
                captured_length,
                original_length: header.packet_length,
                interface: 0,
                time: self.anchor.map(|anchor| counter_to_utc(header.counter, anchor)),
                link_type: LinkType::CHAPTER10_FILE,
            });
            if present < length {
                out.ended_inside(
                    at,
                    format_args!(
                        "{} of the {} of the last packet are there",
                        Grouped(present as u64),
                        Counted(length as u64, "byte")
                    ),
                );
            }
            at += present;
        }
        at
    }

    /// Looks for the first time packet. False where more bytes are needed to find it.
    fn settle(&mut self, data: &[u8], out: &mut Walk<'_>) -> bool {
        let mut at = self.searched;
        while let Some(rest) = data.get(at..).filter(|rest| rest.len() >= HEADER) {
            let Some((header, length)) = packet(rest) else {
                match next_header(rest) {
                    Some(skipped) => at += skipped,
                    None => break,
                }
                continue;
            };
            let Some(bytes) = rest.get(..length) else { break };
            self.learn(&header, bytes, at, out);
            at += length;
            if self.anchor.is_some() {
                break;
            }
        }
        self.searched = at;
        self.is_settled = self.anchor.is_some() || out.at_end || data.len() >= MAX_WAIT;
        if self.is_settled {
            // The records are read again, in the order in which they come out.
            self.setup = SetupReader::default();
        }
        self.is_settled
    }

    /// Takes what a packet says of time.
    fn learn(&mut self, header: &PacketHeader, bytes: &[u8], at: usize, out: &mut Walk<'_>) {
        match header.data_type {
            SETUP => {
                if let Some(data) = header.data(bytes) {
                    self.setup.packet(header.sequence, data);
                }
            }
            TIME_1 | TIME_2 => {
                let Some(reading) = header.data(bytes).and_then(|data| read_time(header, data)) else { return };
                let utc = match reading.moment {
                    Moment::Instant(utc) => utc,
                    Moment::OfYear(of_year) => nearest_year(of_year, self.around(&reading, at, out)),
                };
                self.anchor = Some((reading.counter, utc));
            }
            _ => {}
        }
    }

    /// An instant of about the year of a time that has none: what the time packet before leads to, the middle of the
    /// year that the setup record was written in, or of 1970 (1972 where it has to be a leap year).
    fn around(&mut self, reading: &TimeReading, at: usize, out: &mut Walk<'_>) -> Timestamp {
        if let Some(anchor) = self.anchor {
            return counter_to_utc(reading.counter, anchor);
        }
        let date = self.setup.record().and_then(|record| record.value("G\\OD"));
        let written = date.and_then(|date| date.get(date.len().checked_sub(4)?..)?.parse().ok());
        let year: i64 = match written.filter(|year| (1980..2100).contains(year)) {
            Some(year) => year,
            None if reading.leap_year == Some(true) => 1972,
            None => 1970,
        };
        if !self.has_told_year {
            self.has_told_year = true;
            let place = out.place(at);
            let source = if written == Some(year) { "that of the setup record's date" } else { "a mere stand-in" };
            out.report.note(
                code::UNKNOWN_YEAR,
                place,
                format_args!(
                    "the time packets give the day of the year and no year: the year {year} shown is {source}"
                ),
            );
        }
        Timestamp::from_nanos(((year - 1970) * 1461 / 4 + 182) * 86_400_000_000_000)
    }
}

/// The packet that begins here, and its length. A header whose checksum is wrong counts where another header follows
/// on it.
fn packet(rest: &[u8]) -> Option<(PacketHeader, usize)> {
    let header = PacketHeader::parse(rest).filter(has_length)?;
    let length = header.packet_length as usize;
    let sound = header.checksum_ok() || rest.get(length..).is_some_and(is_header);
    sound.then_some((header, length))
}

/// Where the next header with a right checksum begins, behind the first byte.
fn next_header(bytes: &[u8]) -> Option<usize> {
    let mut from = 1;
    while let Some(found) = bytes.get(from..)?.windows(2).position(|pair| pair == [0x25, 0xEB]) {
        from += found;
        if is_header(bytes.get(from..)?) {
            return Some(from);
        }
        from += 1;
    }
    None
}

#[cold]
fn out_of_step(at: usize, bytes: usize, out: &mut Walk<'_>) {
    let place = out.place(at);
    out.report.incomplete(
        code::DAMAGED,
        place,
        format_args!(
            "{} from byte {} on {} no packet and {} passed over",
            Counted(bytes as u64, "byte"),
            Grouped(place.byte),
            Counted(bytes as u64, "").are(),
            Counted(bytes as u64, "").verb("was", "were")
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaptureReader;

    fn packet(data_type: u8, counter: u64, data: &[u8]) -> Vec<u8> {
        let length = (HEADER + data.len()).next_multiple_of(4);
        let mut bytes = vec![0x25, 0xEB, 1, 0];
        bytes.extend((length as u32).to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend([3, 0, 0, data_type]);
        bytes.extend(&counter.to_le_bytes()[..6]);
        let sum = bytes.chunks(2).fold(0_u16, |sum, w| sum.wrapping_add(u16::from_le_bytes([w[0], w[1]])));
        bytes.extend(sum.to_le_bytes());
        bytes.extend(data);
        bytes.resize(length, 0);
        bytes
    }

    fn time(counter: u64, second: u8) -> Vec<u8> {
        // 2018-10-17 12:00, day-month-year form
        packet(0x11, counter, &[0x31, 2, 0, 0, 0, second, 0x00, 0x12, 0x17, 0x10, 0x18, 0x20])
    }

    type Read = (Vec<(u32, usize, Option<String>)>, Vec<(String, bool)>);

    fn read(bytes: Vec<u8>) -> Read {
        let mut reader = CaptureReader::from_bytes("test", bytes).expect("a recorder file");
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame().expect("reads") {
            assert_eq!(frame.link_type, LinkType::CHAPTER10_FILE);
            frames.push((frame.original_length, frame.data.len(), frame.time.map(|time| time.to_string())));
        }
        (frames, reader.warnings().iter().map(|warning| (warning.code.to_string(), warning.incomplete)).collect())
    }

    #[test]
    fn packets_before_the_first_time_packet_get_their_time_from_it() {
        let file = [packet(9, 10_000_000, &[0; 100]), time(20_000_000, 1), packet(9, 25_000_000, &[0; 60])].concat();
        let (frames, warnings) = read(file);
        let times: Vec<_> = frames.iter().map(|frame| frame.2.as_deref().unwrap_or("-")).collect();
        assert_eq!(
            times,
            ["2018-10-17T12:00:00.000000000Z", "2018-10-17T12:00:01.000000000Z", "2018-10-17T12:00:01.500000000Z"]
        );
        assert_eq!((frames[0].0, warnings.len()), (124, 0));
    }

    #[test]
    fn a_first_time_packet_beyond_the_first_batch_is_waited_for() {
        let mut file: Vec<u8> = (0..6000).flat_map(|n| packet(9, n, &[0; 400])).collect();
        file.extend(time(20_000_000, 1));
        let (frames, warnings) = read(file);
        assert_eq!((frames.len(), warnings.len()), (6001, 0));
        assert_eq!(frames[0].2.as_deref(), Some("2018-10-17T11:59:59.000000000Z"));
    }

    #[test]
    fn a_file_without_time_packets_has_no_times() {
        let (frames, warnings) = read(packet(9, 1, &[0; 8]).repeat(3));
        assert_eq!((frames.len(), frames[2].2.as_ref(), warnings.len()), (3, None, 0));
    }

    #[test]
    fn a_cut_file_gives_what_is_there_and_a_warning() {
        let file = [time(0, 1), packet(9, 1, &[0; 100])].concat();
        for cut in HEADER..file.len() - 1 {
            let (frames, warnings) = read(file[..cut].to_vec());
            assert_eq!(warnings.len(), usize::from(cut != 36), "cut at {cut}");
            assert!(warnings.iter().all(|warning| warning.1));
            assert_eq!(
                frames.iter().map(|frame| frame.1).sum::<usize>(),
                if (36..60).contains(&cut) { 36 } else { cut }
            );
        }
    }

    #[test]
    fn bytes_that_are_no_packet_are_passed_over_with_a_warning() {
        let file = [time(0, 1), vec![0x25; 77], packet(9, 1, &[0; 100]), vec![1; 40]].concat();
        let (frames, warnings) = read(file);
        assert_eq!(frames.len(), 2);
        assert_eq!(warnings, [("capture.damaged".to_owned(), true), ("capture.damaged".to_owned(), true)]);
    }

    #[test]
    fn a_day_of_the_year_takes_its_year_from_the_setup_record_or_says_that_it_is_a_stand_in() {
        let day = packet(0x11, 5, &[1, 0, 0, 0, 0, 0, 0, 0x12, 0x62, 1]);
        let setup = packet(1, 0, b"\x07\0\0\0G\\PN:x;G\\OD:06-01-2024;");
        let (frames, warnings) = read([setup, day.clone()].concat());
        assert_eq!(frames[1].2.as_deref(), Some("2024-06-10T12:00:00.000000000Z"));
        assert_eq!(warnings, [("capture.unknown-year".to_owned(), false)]);
        let (frames, _) = read(day);
        assert_eq!(frames[0].2.as_deref(), Some("1970-06-11T12:00:00.000000000Z"));
    }
}
