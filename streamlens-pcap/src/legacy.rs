//! Records of the pcap format in all its variants (draft-ietf-opsawg-pcap).
//!
//! The 16 bytes of a record header are taken apart here, because this is the innermost loop of reading; the file
//! header is `pcap_parser`'s. Damage ends such a capture: nothing in the format marks where a record begins.

use pcap_parser::parse_pcap_header;
use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FrameRecord, Interface, LinkType, Timestamp};

use crate::detect::{PcapVariant, format_behind, may_be_capture};
use crate::walk::{MAX_FRAME, Walk};

/// Bytes of the file header.
const FILE_HEADER: usize = 24;
/// Captured lengths up to this are taken as they come, larger ones only where another record follows: it is the
/// largest snap length that capturing tools offer.
const UNSUSPICIOUS: u32 = 262_144;

/// Walks the records of one pcap file.
#[derive(Debug)]
pub(crate) struct Legacy {
    variant: PcapVariant,
    interfaces: Vec<Interface>,
    link_type: LinkType,
    /// Captured lengths beyond this are looked at twice.
    unsuspicious: u32,
    lengths: Lengths,
    header_done: bool,
    /// Which of the interfaces is this file's.
    interface: u32,
}

/// In which order the two lengths of a record header come. Writers of version 2.2 and before had them the other
/// way round, version 2.3 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    CapturedLast,
    SmallerIsCaptured,
}

/// The fields of a record header.
struct Header {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

/// Interfaces of joined files that are kept apart; a hostile file could hold millions of headers.
const MAX_INTERFACES: usize = 256;

impl Legacy {
    pub(crate) fn new(variant: PcapVariant) -> Self {
        Self::behind(variant, Vec::new())
    }

    /// Behind another file, whose interfaces are these.
    pub(crate) fn behind(variant: PcapVariant, interfaces: Vec<Interface>) -> Self {
        Self {
            variant,
            interfaces,
            link_type: LinkType::default(),
            unsuspicious: UNSUSPICIOUS,
            lengths: Lengths::CapturedFirst,
            header_done: false,
            interface: 0,
        }
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Takes the file header, then whole records; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        let mut start = 0;
        if !self.header_done {
            start = FILE_HEADER + self.variant.extra_file_header;
            if data.len() < start {
                if out.at_end {
                    out.ended_inside(
                        0,
                        format_args!("the file header has {start} bytes, {} of them present", data.len()),
                    );
                    return data.len();
                }
                return 0;
            }
            self.file_header(data);
        }
        start
            + match (self.variant.big_endian, self.variant.record_header) {
                (false, 16) => self.records::<false, 16>(data, start, out),
                (true, 16) => self.records::<true, 16>(data, start, out),
                (false, _) => self.records::<false, 24>(data, start, out),
                (true, _) => self.records::<true, 24>(data, start, out),
            }
    }

    fn file_header(&mut self, data: &[u8]) {
        self.header_done = true;
        let Some(header) = data.first_chunk::<FILE_HEADER>() else { return };
        // `pcap_parser` knows the two usual magic numbers; the fields behind the others are the same.
        let mut usual = *header;
        usual[..4].copy_from_slice(&if self.variant.big_endian {
            0xa1b2_c3d4_u32.to_be_bytes()
        } else {
            0xa1b2_c3d4_u32.to_le_bytes()
        });
        let Ok((_, header)) = parse_pcap_header(&usual) else { return };
        // Above the link type stand the length of a frame check sequence and reserved bits.
        self.link_type = LinkType((header.network.0 & 0xffff) as u16);
        self.unsuspicious = header.snaplen.clamp(UNSUSPICIOUS, MAX_FRAME);
        self.lengths = match (header.version_major, header.version_minor) {
            (2, 0..=2) => Lengths::CapturedLast,
            (2, 3) => Lengths::SmallerIsCaptured,
            _ => Lengths::CapturedFirst,
        };
        let interface = Interface {
            link_type: self.link_type,
            snap_length: header.snaplen,
            resolution_ns: if self.variant.nanoseconds { 1 } else { 1000 },
            ..Interface::default()
        };
        // parts of one capture that were joined come from one interface
        let is_same = |known: &Interface| {
            known.name.is_none()
                && (known.link_type, known.snap_length, known.resolution_ns)
                    == (interface.link_type, interface.snap_length, interface.resolution_ns)
        };
        let known = self.interfaces.iter().take(MAX_INTERFACES).position(is_same);
        let index = known.unwrap_or_else(|| {
            if self.interfaces.len() < MAX_INTERFACES || self.interfaces.is_empty() {
                self.interfaces.push(interface);
            }
            self.interfaces.len() - 1
        });
        self.interface = u32::try_from(index).unwrap_or(0);
    }

    #[inline]
    fn header<const BIG: bool>(&self, bytes: &[u8; 16]) -> Header {
        let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = *bytes;
        let word = |bytes| if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let (first, second) = (word([c0, c1, c2, c3]), word([d0, d1, d2, d3]));
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::CapturedLast => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        Header { seconds: word([a0, a1, a2, a3]), fraction: word([b0, b1, b2, b3]), captured, original }
    }

    fn records<const BIG: bool, const HEADER: usize>(&self, data: &[u8], start: usize, out: &mut Walk<'_>) -> usize {
        let (limit, factor) = if self.variant.nanoseconds { (1_000_000_000, 1) } else { (1_000_000, 1000) };
        let mut position = start;
        while let Some(rest) = data.get(position..) {
            let Some(header) = rest.first_chunk::<16>().filter(|_| rest.len() >= HEADER) else {
                if out.at_end && !rest.is_empty() {
                    out.ended_inside(
                        position,
                        format_args!("a record header has {HEADER} bytes, {} of them present", rest.len()),
                    );
                    position = data.len();
                }
                break;
            };
            let header = self.header::<BIG>(header);
            if header.captured == 0 || header.captured > self.unsuspicious {
                match rest.first_chunk().map(format_behind) {
                    Some(None) => {}
                    Some(joined) => {
                        out.joined = joined;
                        break;
                    }
                    None if !out.at_end && may_be_capture(rest) => break,
                    None => {}
                }
            }
            let end = HEADER + header.captured as usize;
            if header.captured > self.unsuspicious {
                match self.judge_long::<BIG, HEADER>(rest, &header, out.at_end) {
                    Verdict::Take => {}
                    Verdict::Wait => break,
                    Verdict::Damage => {
                        let why = format_args!("claims a frame of {}", Counted(header.captured.into(), "byte"));
                        out.lost_track(position, ("record header", "pcap"), why);
                        return data.len() - start;
                    }
                }
            }
            if rest.len() < end {
                if out.at_end {
                    out.ended_inside(
                        position,
                        format_args!(
                            "a record of {} begins there, {} of them present",
                            Counted(end as u64, "byte"),
                            Grouped(rest.len() as u64)
                        ),
                    );
                    position = data.len();
                }
                break;
            }
            // Some writers round up to a whole second without carrying it, so that up to one is carried here.
            let time = if header.fraction < 2 * limit {
                let nanos = i64::from(header.seconds) * 1_000_000_000 + i64::from(header.fraction) * factor;
                Some(Timestamp::from_nanos(nanos))
            } else {
                let place = out.place(position);
                out.report.bad_time(place, header.fraction, limit);
                None
            };
            out.records.push(FrameRecord {
                offset: (out.start + position + HEADER) as u32,
                captured_length: header.captured,
                original_length: header.original,
                interface: self.interface,
                time,
                link_type: self.link_type,
            });
            position += end;
        }
        position - start
    }

    /// Whether a frame longer than capturing tools make is one: then another record follows it, or the end.
    #[cold]
    fn judge_long<const BIG: bool, const HEADER: usize>(&self, rest: &[u8], header: &Header, at_end: bool) -> Verdict {
        if header.captured > MAX_FRAME {
            return Verdict::Damage;
        }
        let end = HEADER + header.captured as usize;
        match rest.get(end..).unwrap_or_default() {
            next if next.len() >= 16 => {
                let plausible = next.first_chunk::<16>().is_some_and(|next| {
                    let next = self.header::<BIG>(next);
                    let limit = if self.variant.nanoseconds { 1_000_000_000 } else { 1_000_000 };
                    next.captured <= MAX_FRAME
                        && next.fraction < limit
                        && next.seconds.abs_diff(header.seconds) < 366 * 86_400
                });
                if plausible { Verdict::Take } else { Verdict::Damage }
            }
            _ if !at_end => Verdict::Wait,
            // The last record, whole or cut.
            _ => Verdict::Take,
        }
    }
}

enum Verdict {
    Take,
    Wait,
    Damage,
}
