//! Which format a source is in, by its first bytes.
//!
//! A further format gets a variant of [`Format`] and a line in [`format_of`].

use pcap_parser::{BOM_MAGIC, SHB_MAGIC};

/// How many first bytes are wanted to tell; fewer do where the source has no more.
pub(crate) const DETECT_BYTES: usize = 24;

/// A compressed stream around a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Lz4,
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

/// The record format of an uncompressed capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pcap(PcapVariant),
    PcapNg,
    Chapter10,
    Snoop,
    Erf,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pcap(variant) => variant.name,
            Self::PcapNg => "pcapng",
            Self::Chapter10 => "Chapter 10 file",
            Self::Snoop => "snoop",
            Self::Erf => "ERF",
        }
    }
}

/// One of the kinds of pcap file that differ by their magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PcapVariant {
    pub(crate) name: &'static str,
    pub(crate) big_endian: bool,
    /// Nanoseconds, where others have microseconds.
    pub(crate) nanoseconds: bool,
    /// Bytes between the file header and the first record that the usual layout does not have.
    pub(crate) extra_file_header: usize,
    /// Bytes of a record header: 16, or 24 in the modified format.
    pub(crate) record_header: usize,
}

/// Magic numbers as they read in the byte order of the file, and what they stand for.
const PCAP_MAGICS: [(u32, PcapVariant); 5] = {
    const USUAL: PcapVariant =
        PcapVariant { name: "pcap", big_endian: false, nanoseconds: false, extra_file_header: 0, record_header: 16 };
    const IXIA: PcapVariant = PcapVariant { name: "pcap (IXIA)", nanoseconds: true, extra_file_header: 4, ..USUAL };
    [
        (0xa1b2_c3d4, USUAL),
        (0xa1b2_3c4d, PcapVariant { name: "pcap (nanoseconds)", nanoseconds: true, ..USUAL }),
        (0xa1b2_cd34, PcapVariant { name: "pcap (modified)", record_header: 24, ..USUAL }),
        (0x1c00_01ac, IXIA),
        (0x1c00_01ab, IXIA),
    ]
};

/// Which compression begins with these bytes, if any.
pub(crate) fn compression_of(start: &[u8]) -> Option<Compression> {
    let magic = start.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    match (start, magic) {
        ([0x1f, 0x8b, 8, ..], _) => Some(Compression::Gzip),
        (_, Some(0xfd2f_b528)) => Some(Compression::Zstd),
        (_, Some(0x184d_2204 | 0x184c_2102)) => Some(Compression::Lz4),
        // A skippable frame may lead a stream of either kind; it is zstd's tools that write such.
        (_, Some(0x184d_2a50..=0x184d_2a5f)) => Some(Compression::Zstd),
        _ => None,
    }
}

/// Which capture format begins with these bytes, if any.
pub(crate) fn format_of(start: &[u8]) -> Option<Format> {
    let magic = *start.first_chunk()?;
    if crate::chapter10::begins(start) {
        return Some(Format::Chapter10);
    }
    if crate::snoop::begins(start) {
        return Some(Format::Snoop);
    }
    for (known, variant) in PCAP_MAGICS {
        if u32::from_le_bytes(magic) == known {
            return Some(Format::Pcap(variant));
        }
        if u32::from_be_bytes(magic) == known {
            return Some(Format::Pcap(PcapVariant { big_endian: true, ..variant }));
        }
    }
    // The byte-order magic alone will do: a section header of which only the type is damaged is still one.
    let order = start.get(8..).and_then(|rest| rest.first_chunk());
    let has_order =
        order.is_some_and(|order| u32::from_le_bytes(*order) == BOM_MAGIC || u32::from_be_bytes(*order) == BOM_MAGIC);
    if u32::from_le_bytes(magic) == SHB_MAGIC || has_order {
        return Some(Format::PcapNg);
    }
    // last: it has no mark of its own
    crate::erf::begins(start).then_some(Format::Erf)
}

/// Which capture format begins with these bytes inside of another capture: where a record could stand too, all fields of the
/// file header have to be lawful.
#[cold]
pub(crate) fn format_behind(start: &[u8; DETECT_BYTES]) -> Option<Format> {
    match format_of(start)? {
        Format::Pcap(variant) => {
            let [_, _, _, _, major0, major1, minor0, minor1, rest @ ..] = *start;
            let half = |bytes| if variant.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
            // time zone and accuracy, which nobody sets
            let is_unset = rest.first_chunk() == Some(&[0; 8]);
            let is_lawful = half([major0, major1]) == 2 && half([minor0, minor1]) <= 4 && is_unset;
            is_lawful.then_some(Format::Pcap(variant))
        }
        Format::PcapNg if start.first_chunk().is_some_and(|magic| u32::from_le_bytes(*magic) == SHB_MAGIC) => {
            let order = start.get(8..)?.first_chunk()?;
            let is_lawful = u32::from_le_bytes(*order) == BOM_MAGIC || u32::from_be_bytes(*order) == BOM_MAGIC;
            is_lawful.then_some(Format::PcapNg)
        }
        Format::PcapNg | Format::Chapter10 | Format::Snoop | Format::Erf => None,
    }
}

/// Whether bytes that are too few for [`format_behind`] begin as a capture does: only then it is worth to wait for more, which a
/// live pipe may not have for long.
#[cold]
pub(crate) fn may_be_capture(start: &[u8]) -> bool {
    matches!(format_of(start), Some(Format::Pcap(_) | Format::PcapNg))
}

/// What the first bytes are, in words, for the error that says that they are no capture.
pub(crate) fn describe(start: &[u8]) -> (String, &'static str) {
    let named = match start {
        [] => return ("it is empty".to_owned(), "; capture again, with permission to listen on the interface"),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", "; unpack it first"),
        [b'B', b'Z', b'h', ..] => ("a bzip2 stream", "; decompress it first with bunzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("an xz stream", "; decompress it first with unxz"),
        [b's', b'n', b'o', b'o', b'p', 0, ..] => (
            "a snoop capture of another version than 2, or cut in its header",
            "; fetch it again, or convert it with editcap",
        ),
        [b'L', b'O', b'G', b'G', ..] => (
            "a BLF log of Vector",
            "; export it as pcapng from CANoe or CANalyzer, or convert it with editcap of Wireshark 4.2",
        ),
        [b'G', b'M', b'B', b'U', ..] => {
            ("a capture of Microsoft Network Monitor", "; convert it with `editcap -F pcapng IN.cap OUT.pcapng`")
        }
        [b'R', b'T', b'S', b'S', ..] => {
            ("a capture of Microsoft Network Monitor 1", "; convert it with `editcap -F pcapng IN.cap OUT.pcapng`")
        }
        [_, _, _, _, b'M', b'S', b'N', b'T', ..] => ("an event trace of Windows", "; convert it with etl2pcapng"),
        _ => ("", "; other formats can be converted, for example with editcap"),
    };
    let bytes: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let bytes = format!("bytes {}", bytes.join(" "));
    (if named.0.is_empty() { bytes } else { format!("{} ({bytes})", named.0) }, named.1)
}
