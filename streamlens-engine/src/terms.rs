//! What the engine itself declares of its results, whatever the decoder.

use std::collections::BTreeSet;

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Integer, List, Map, Number, Text};
use streamlens_model::{FindingInfo, Term};
use streamlens_registry::DecoderRegistry;

/// The codes of findings about a capture, its flows as such, and rules of the user's.
pub const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "capture.copies",
        Info,
        "A few frames of a flow are byte for byte others just before them; they count as frames, and not for their streams.",
    ),
    FindingInfo::new(
        "capture.dropped",
        Warning,
        "The capture itself dropped frames: they are missing without having been lost in the network.",
    ),
    FindingInfo::new(
        "capture.intervals-not-kept",
        Warning,
        "Flows have more intervals of time than are kept: their later frames are in the totals, and in no interval.",
    ),
    FindingInfo::new(
        "capture.flow-table-full",
        Warning,
        "Frames are of flows beyond those that are kept apart, and so in none: they are counted and not analysed.",
    ),
    FindingInfo::new(
        "capture.merged",
        Warning,
        "Datagrams hold several packets that the adapter or the kernel of the capturing machine merged (receive offload).",
    ),
    FindingInfo::new(
        "capture.mirrored-twice",
        Warning,
        "Frames are in the capture twice, as a mirror port delivers them; they are no duplicates of their streams.",
    ),
    FindingInfo::new("capture.nothing-read", Error, "None of the frames could be read, for the reasons that it names."),
    FindingInfo::new(
        "capture.time-backwards",
        Warning,
        "The capture's time runs backwards; of less than 1 us, as several queues of an adapter stamp frames, no more than worth knowing.",
    ),
    FindingInfo::new(
        "decode-as.nothing",
        Warning,
        "A rule of the user's has no flow, or none of its payloads could be decoded so.",
    ),
    FindingInfo::new(
        "findings.not-kept",
        Warning,
        "One source found more kinds of things, or at more streams, than are kept.",
    ),
    FindingInfo::new(
        "ip.incomplete-datagrams",
        Warning,
        "Fragmented datagrams never became whole: nothing is decoded of them.",
    ),
    FindingInfo::new(
        "tcp.gap",
        Error,
        "Bytes of a TCP stream are not in the capture, so that PDUs in them are missing.",
    ),
];

/// The codes of findings about the numbers of streams, behind the [prefix](streamlens_decoders::DecoderInfo::finding_prefix) of
/// the decoder whose streams they are: `rtp` makes `rtp.loss`.
pub const STREAM_FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        ".duplicates",
        Warning,
        "Packets came again: with a number that had come before. Copies that a mirror port makes are not meant.",
    ),
    FindingInfo::new(
        ".loss",
        Error,
        "Packets are missing by their sequence numbers; a warning where all came by another path, and no more than worth knowing where they \
         were lost with what carries them.",
    ),
    FindingInfo::new(".reordered", Warning, "Packets came behind later ones."),
    FindingInfo::new(".restart", Warning, "The sequence numbers of a stream began afresh."),
];

/// The codes of all findings that the engine and these decoders may report.
#[must_use]
pub fn finding_codes(registry: &DecoderRegistry) -> BTreeSet<String> {
    let mut codes: BTreeSet<String> = FINDINGS.iter().map(|info| info.code.to_string()).collect();
    for info in registry.iter().map(|decoder| decoder.info()) {
        codes.extend(info.findings.iter().map(|finding| finding.code.to_string()));
        codes.extend(STREAM_FINDINGS.iter().map(|finding| format!("{}{}", info.finding_prefix, finding.code)));
    }
    codes
}

/// The facts of a transport: the keys of its `metadata`.
pub const TRANSPORT_FACTS: &[Term] = &[
    Term::new(
        "ether_types",
        List,
        "",
        "Of Ethernet: the types of frames that no decoder takes, with their names, the first four, such as `0x0806 (ARP)`; `IEEE 802.3 LLC` where a length stands in its place.",
    ),
    Term::new("gap_bytes", Integer, "bytes", "Of TCP: bytes of the stream that are not in the capture."),
    Term::new("gaps", Integer, "", "Of TCP: places where bytes of the stream are not in the capture."),
    Term::new(
        "out_of_order_segments",
        Integer,
        "packets",
        "Of TCP: segments with new bytes that came behind later ones.",
    ),
    Term::new("retransmitted_segments", Integer, "packets", "Of TCP: segments with no new bytes."),
];

/// The facts that an encoding of any decoder may have.
pub const ENCODING_FACTS: &[Term] = &[
    Term::new(
        "base_confidence",
        Number,
        "",
        "Of a refined encoding: the confidence that it is what it was refined from, 0 to 1.",
    ),
    Term::new("base_encoding", Text, "", "Of a refined encoding: what it was refined from, `RTP`."),
    Term::new(
        "copies",
        Integer,
        "packets",
        "Of `packet_count`, frames that are byte for byte others just before them; no stream and no packet type counts them.",
    ),
    Term::new(
        "other_paths",
        Map,
        "",
        "Where several interfaces captured the flow: the facts of all but the first, by interface.",
    ),
];

/// The facts that a packet type of any decoder has.
pub const PACKET_TYPE_FACTS: &[Term] = &[
    Term::new("max_length", Integer, "bytes", "The longest PDU."),
    Term::new("mean_length", Number, "bytes", "The mean length of PDUs."),
    Term::new("min_length", Integer, "bytes", "The shortest PDU."),
];
