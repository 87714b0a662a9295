//! Records of the snoop format (RFC 1761): all numbers are 32 bits with their high byte first.

use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FrameRecord, Interface, LinkType, Timestamp};

use crate::walk::{MAX_FRAME, Walk};

/// Identification pattern, version, datalink type.
const FILE_HEADER: usize = 16;
/// Original and included length, length of the record, drops until then, seconds, microseconds.
const RECORD_HEADER: usize = 24;

/// Whether a file begins like this.
pub(crate) fn begins(start: &[u8]) -> bool {
    start.starts_with(b"snoop\0\0\0\0\0\0\x02")
}

/// Walks the records of one file.
#[derive(Debug, Default)]
pub(crate) struct Snoop {
    interfaces: Vec<Interface>,
}

impl Snoop {
    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Takes the file header, then whole records; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        let mut at = 0;
        if self.interfaces.is_empty() {
            let Some(&[.., a, b, c, d]) = data.first_chunk::<FILE_HEADER>() else {
                if out.at_end {
                    out.ended_inside(
                        0,
                        format_args!("the file header has {FILE_HEADER} bytes, {} present", data.len()),
                    );
                    return data.len();
                }
                return 0;
            };
            let link_type = link_type(u32::from_be_bytes([a, b, c, d]));
            self.interfaces.push(Interface { link_type, resolution_ns: 1000, ..Interface::default() });
            at = FILE_HEADER;
        }
        let Some(interface) = self.interfaces.first_mut() else { return at };
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(header) = rest.first_chunk::<RECORD_HEADER>() else {
                if out.at_end {
                    out.ended_inside(
                        at,
                        format_args!("a record header has {RECORD_HEADER} bytes, {} present", rest.len()),
                    );
                    return data.len();
                }
                break;
            };
            let (words, _) = header.as_chunks::<4>();
            let word = |place: usize| words.get(place).map_or(0, |word| u32::from_be_bytes(*word));
            let [original, captured, length, dropped, seconds, micros] = std::array::from_fn(word);
            if captured > MAX_FRAME || length > MAX_FRAME || (length as usize) < RECORD_HEADER + captured as usize {
                let why = format_args!(
                    "claims {} of a frame in a record of {}",
                    Counted(captured.into(), "byte"),
                    Grouped(length.into())
                );
                out.lost_track(at, ("record", "snoop"), why);
                return data.len();
            }
            if rest.len() < length as usize {
                if out.at_end {
                    out.ended_inside(
                        at,
                        format_args!(
                            "a record of {} begins there, {} present",
                            Counted(length.into(), "byte"),
                            Grouped(rest.len() as u64)
                        ),
                    );
                    return data.len();
                }
                break;
            }
            let time = if micros < 1_000_000 {
                Some(Timestamp::from_nanos(i64::from(seconds) * 1_000_000_000 + i64::from(micros) * 1000))
            } else {
                let place = out.place(at);
                out.report.bad_time(place, micros, 1_000_000);
                None
            };
            out.records.push(FrameRecord {
                offset: (out.start + at + RECORD_HEADER) as u32,
                captured_length: captured,
                original_length: original.max(captured),
                interface: 0,
                time,
                link_type: interface.link_type,
            });
            interface.dropped = Some(u64::from(dropped));
            at += length as usize;
        }
        at
    }
}

/// Datalink types of RFC 1761 §3, and some of later writers.
fn link_type(datalink: u32) -> LinkType {
    match datalink {
        0 | 4 => LinkType::ETHERNET,
        2 => LinkType(6),
        5 => LinkType(104),
        8 => LinkType(10),
        _ => LinkType::UNDESCRIBED,
    }
}
