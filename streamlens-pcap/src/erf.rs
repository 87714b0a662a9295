//! Records of the Extensible Record Format of Endace's DAG cards, back to back without a file header.
//!
//! Nothing marks such a file: it is told by a first record of which all fields are lawful. Lengths on the wire count the frame check
//! sequence of Ethernet, which other formats leave out, and so do the frames here.

use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FrameRecord, Interface, LinkType, Timestamp};

use crate::walk::Walk;

/// Time (8 bytes, low byte first: a 32-bit fraction below seconds), type, flags, record length (2), losses or colour (2), length on
/// the wire (2).
const RECORD_HEADER: usize = 16;
const FCS: u32 = 4;
/// Seconds of 1990 and of 2100: times beyond are those of no capture.
const BELIEVED: std::ops::Range<u32> = 631_152_000..4_102_444_800;
/// Longer first frames are not believed: jumbo frames have some 9,000 bytes.
const LONGEST: u16 = 16_384;
/// A record whole in a link type's own number, for types that are only counted.
const LINKTYPE_ERF: LinkType = LinkType(197);

/// Types of records (low 7 bits; the upper one says that extension headers follow).
mod kind {
    pub(super) const HDLC: u8 = 1;
    pub(super) const ETHERNET: u8 = 2;
    pub(super) const COLOR_HDLC: u8 = 10;
    pub(super) const COLOR_ETHERNET: u8 = 11;
    pub(super) const DSM_COLOR_HDLC: u8 = 15;
    pub(super) const DSM_COLOR_ETHERNET: u8 = 16;
    pub(super) const COLOR_HASH_ETHERNET: u8 = 20;
    pub(super) const IPV4: u8 = 22;
    pub(super) const IPV6: u8 = 23;
    pub(super) const META: u8 = 27;
    pub(super) const PAD: u8 = 48;

    pub(super) fn is_ethernet(kind: u8) -> bool {
        matches!(kind, ETHERNET | COLOR_ETHERNET | DSM_COLOR_ETHERNET | COLOR_HASH_ETHERNET)
    }
}

/// A record's header.
struct Header {
    time: u64,
    kind: u8,
    has_extensions: bool,
    /// The card's port, 0 to 3.
    port: u8,
    length: u16,
    wire_length: u16,
}

impl Header {
    fn of(bytes: &[u8; RECORD_HEADER]) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, kind, flags, l0, l1, _, _, w0, w1] = *bytes;
        Self {
            time: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            kind: kind & 0x7F,
            has_extensions: kind & 0x80 != 0,
            port: flags & 3,
            length: u16::from_be_bytes([l0, l1]),
            wire_length: u16::from_be_bytes([w0, w1]),
        }
    }

    /// Whether all of it may be.
    fn is_lawful(&self) -> bool {
        let is_known = matches!(self.kind, 1..=24 | kind::META | kind::PAD);
        is_known && usize::from(self.length) >= RECORD_HEADER
    }
}

/// Whether a file begins with a record of a kind that such files begin with.
pub(crate) fn begins(start: &[u8]) -> bool {
    let Some((header, rest)) = start.split_first_chunk::<RECORD_HEADER>() else { return false };
    let (header, flags) = (Header::of(header), header[9]);
    let seconds = (header.time >> 32) as u32;
    let wire = header.wire_length.to_be_bytes();
    let may_begin = match (header.kind, rest) {
        // extension headers have types of their own
        (kind, [3..=14 | 0x83..=0x8E, ..]) if header.has_extensions => kind::is_ethernet(kind),
        // no padding in front of the frame
        (kind, [0, 0, ..]) => kind::is_ethernet(kind),
        (kind::HDLC | kind::COLOR_HDLC | kind::DSM_COLOR_HDLC, [0x0F | 0x8F, 0, ..] | [0xFF, 0x03, ..]) => true,
        (kind::IPV4, [0x45..=0x4F, _, high, low, ..]) => wire == [*high, *low],
        (kind::IPV6, [0x60..=0x6F, _, _, _, high, low, ..]) => {
            header.wire_length.checked_sub(40) == Some(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    };
    // what the card stores beyond the frame: two bytes in front, padding to eight, extensions
    let room = usize::from(header.length).saturating_sub(RECORD_HEADER);
    let is_bounded = room <= usize::from(header.wire_length) + 2 + 8 + 64;
    may_begin
        && is_bounded
        && flags & 0xF0 == 0
        && header.is_lawful()
        && (1..=LONGEST).contains(&header.wire_length)
        && BELIEVED.contains(&seconds)
}

/// Walks the records of one file.
#[derive(Debug, Default)]
pub(crate) struct Erf {
    interfaces: Vec<Interface>,
    /// Which interface a port's frames of a link type are.
    ports: Vec<(u8, LinkType)>,
}

impl Erf {
    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Takes whole records off the front of the buffer; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(header) = rest.first_chunk::<RECORD_HEADER>().map(Header::of) else {
                if out.at_end {
                    out.ended_inside(
                        at,
                        format_args!("a record header has {RECORD_HEADER} bytes, {} present", rest.len()),
                    );
                    return data.len();
                }
                break;
            };
            if !header.is_lawful() {
                let why = format_args!("has type {} and length {}", header.kind, header.length);
                out.lost_track(at, ("record", "ERF"), why);
                return data.len();
            }
            let Some(record) = rest.get(..usize::from(header.length)) else {
                if out.at_end {
                    let length = header.length;
                    out.ended_inside(
                        at,
                        format_args!(
                            "a record of {} begins there, {} present",
                            Counted(length as u64, "byte"),
                            Grouped(rest.len() as u64)
                        ),
                    );
                    return data.len();
                }
                break;
            };
            self.record(&header, record, at, out);
            at += record.len();
        }
        at
    }

    fn record(&mut self, header: &Header, record: &[u8], at: usize, out: &mut Walk<'_>) {
        if matches!(header.kind, kind::PAD | kind::META) {
            return;
        }
        let mut skipped = RECORD_HEADER;
        let mut more = header.has_extensions;
        while more && let Some(extension) = record.get(skipped) {
            more = extension & 0x80 != 0;
            skipped += 8;
        }
        let (link_type, in_front, fcs) = match header.kind {
            kind if kind::is_ethernet(kind) => (LinkType::ETHERNET, 2, FCS),
            kind::IPV4 | kind::IPV6 => (LinkType::RAW, 0, 0),
            kind::HDLC | kind::COLOR_HDLC | kind::DSM_COLOR_HDLC => match record.get(skipped) {
                Some(0x0F | 0x8F) => (LinkType(104), 0, 0),
                _ => (LinkType::PPP_HDLC, 0, 0),
            },
            _ => (LINKTYPE_ERF, 0, 0),
        };
        skipped = (skipped + in_front).min(record.len());
        let present = (record.len() - skipped) as u32;
        let original_length = u32::from(header.wire_length).saturating_sub(fcs);
        // to the nearest nanosecond, as others do
        let fraction = ((header.time & 0xFFFF_FFFF) * 1_000_000_000 + (1 << 31)) >> 32;
        let nanos = ((header.time >> 32) * 1_000_000_000 + fraction) as i64;
        out.records.push(FrameRecord {
            offset: (out.start + at + skipped) as u32,
            captured_length: present.min(original_length),
            original_length,
            interface: self.interface(header.port, link_type),
            time: Some(Timestamp::from_nanos(nanos)),
            link_type,
        });
    }

    /// The interface of a port; each link type of it is one of its own.
    fn interface(&mut self, port: u8, link_type: LinkType) -> u32 {
        let known = self.ports.iter().position(|known| *known == (port, link_type));
        known.unwrap_or_else(|| {
            self.ports.push((port, link_type));
            let name = Some(format!("port {port}"));
            self.interfaces.push(Interface { name, link_type, resolution_ns: 1, ..Interface::default() });
            self.ports.len() - 1
        }) as u32
    }
}
