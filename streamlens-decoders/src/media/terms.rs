//! What the analysers of payloads declare of their results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Boolean, Integer, List, Map};
use streamlens_model::{FindingInfo, Term};

pub(crate) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "audio.ts-df",
        Warning,
        "The time stamp delay factor (EBU Tech 3337) of a stream of sound is above 17 packet times.",
    ),
    FindingInfo::new("mpegts.payload", Warning, "Payloads of a transport stream hold no whole transport packets."),
    FindingInfo::new(
        "st2022-6.frame-count",
        Warning,
        "The frame count did not grow with the marker, and only there (ST 2022-6).",
    ),
    FindingInfo::new("st2022-6.payload", Warning, "Payloads of a stream of ST 2022-6 contradict its format."),
    FindingInfo::new("st2022-fec.payload", Warning, "Payloads of a FEC stream contradict ST 2022-1 or ST 2022-5."),
    FindingInfo::new("st2110-20.payload", Warning, "Payloads of a stream of ST 2110-20 contradict its format."),
    FindingInfo::new(
        "st2110-21.not-compliant",
        Warning,
        "A sender of video keeps to no sender type of ST 2110-21: C_INST or VRX are beyond their limits.",
    ),
    FindingInfo::new(
        "st2110-22.counters",
        Warning,
        "The counters of the payload header did not run on (RFC 9134 4.3).",
    ),
    FindingInfo::new(
        "st2110-22.frame-counter",
        Warning,
        "The second field of a frame has another frame counter than the first (RFC 9134 4.3).",
    ),
    FindingInfo::new("st2110-22.payload", Warning, "Payloads of a stream of ST 2110-22 contradict its format."),
    FindingInfo::new("st2110-40.checksum", Error, "The checksum of an ANC packet is wrong (ST 291-1)."),
    FindingInfo::new(
        "st2110-40.data-block",
        Warning,
        "The data block number of ANC packets of type 1 did not go on by one: blocks are missing (ST 291-1).",
    ),
    FindingInfo::new(
        "st2110-40.field",
        Warning,
        "The field bits are not valid, or two units in a row are marked as the same field (RFC 8331 2.1).",
    ),
    FindingInfo::new("st2110-40.payload", Warning, "Payloads of a stream of ST 2110-40 contradict its format."),
    FindingInfo::new("st2110-40.reserved", Info, "Reserved bits of the payload header are set (RFC 8331 2.1)."),
];

/// In what a stream may differ from its announcement; found by SAP's monitor.
pub(crate) const DIFFERENCES: &[FindingInfo] = &[
    FindingInfo::new(
        "sdp.anc-type",
        Warning,
        "ANC packets are sent of a DID and SDID that is not announced (RFC 8331 3.1).",
    ),
    FindingInfo::new(
        "sdp.c-inst",
        Warning,
        "C_INST peaks above the limit of the sender type that is announced (ST 2110-21).",
    ),
    FindingInfo::new(
        "sdp.first-packet-time",
        Warning,
        "First packets of a frame come later than the offset TROFF that is announced (ST 2110-21).",
    ),
    FindingInfo::new(
        "sdp.frame-rate",
        Warning,
        "Pictures are sent at another rate than is announced (`exactframerate`).",
    ),
    FindingInfo::new(
        "sdp.packing",
        Warning,
        "Block packing is announced, and packets are no multiple of 180 octets (ST 2110-20).",
    ),
    FindingInfo::new("sdp.raster", Warning, "Pictures are sent in another width or height than is announced."),
    FindingInfo::new("sdp.sampling", Warning, "Pictures are sent with another sampling or depth than is announced."),
    FindingInfo::new(
        "sdp.scan",
        Warning,
        "Pictures are sent progressive, interlaced or segmented, and announced otherwise.",
    ),
    FindingInfo::new(
        "sdp.vrx",
        Warning,
        "VRX runs out of the limits of the sender type that is announced (ST 2110-21).",
    ),
];

pub(crate) const MEASURES: &[Term] = &[
    Term::new("aes3_streams", Integer, "", "Of AM824: AES3 streams, two channels each (ST 2110-31)."),
    Term::new("bits", Integer, "bit", "Of sound: bits of a sample."),
    Term::new("blocks", Integer, "", "Of AM824: blocks of channel status that came after 192 frames."),
    Term::new(
        "broken_blocks",
        Integer,
        "",
        "Of AM824: blocks of channel status that came after another number of frames.",
    ),
    Term::new("channels", Integer, "", "Of sound: channels; of AM824 subframes."),
    Term::new("conforms_to", List, "", "Of sound: the standards and levels that the stream fits (AES67, ST 2110-30)."),
    Term::new(
        "depth_is_ambiguous",
        Boolean,
        "",
        "Of sound: whether 16 and 24 bits both fit, and the waveform does not tell which it is.",
    ),
    Term::new(
        "fec",
        Map,
        "",
        "Of FEC (ST 2022-1, ST 2022-5): kinds of packets, `offset` and `na` of the matrix with its columns and rows, first and last \
         protected number, and the steps between them.",
    ),
    Term::new(
        "mpegts",
        Map,
        "",
        "Of transport streams: what MPEG-TS over UDP has as facts, the figures of each PID (`pids`), and late packets left out of the measures.",
    ),
    Term::new("payload_sizes", Map, "packets", "Of sound: packets by bytes of payload; the first 8 sizes."),
    Term::new("possible_formats", List, "", "Of sound: all codings that fit, the likelier first."),
    Term::new(
        "samples_per_packet",
        Integer,
        "",
        "Of sound: samples of each channel in a packet, where that is constant.",
    ),
    Term::new("sampling_rate_hz", Integer, "Hz", "Of sound: the sampling rate that the timestamps run at."),
    Term::new("silent_packets", Integer, "packets", "Of sound: packets with nothing but zeros."),
    Term::new(
        "st2022_6",
        Map,
        "",
        "Of SDI over IP (ST 2022-6): raster, rate, sampling, mapping and clock by the payload header, frames, packets a frame, and faults of the \
         frame count.",
    ),
    Term::new(
        "st2110_20",
        Map,
        "",
        "Of uncompressed video (ST 2110-20): width, height, scan, sampling, rate and packing by its packets, units, packets and sample rows, \
         and faults of their lengths.",
    ),
    Term::new(
        "st2110_21",
        Map,
        "",
        "The sender's timing (ST 2110-21): C_INST and VRX with their limits, the class and the verdict on each sender type, and, where the \
         capture has PTP time, the offset of packets from their timestamps.",
    ),
    Term::new(
        "st2110_22",
        Map,
        "",
        "Of compressed video (ST 2110-22, RFC 9134): codec, size, rate, packetization, units with their packets and bytes, and faults of the \
         counters.",
    ),
    Term::new(
        "st2110_40",
        Map,
        "",
        "Of ancillary data (ST 2110-40, RFC 8331): sub-streams by DID, SDID and line with their names, ANC packets, units, and faults of \
         checksum, parity, length, field and data block.",
    ),
    Term::new("subframes_marked_invalid", Integer, "", "Of AM824: subframes with the validity bit."),
    Term::new(
        "ts_df",
        Map,
        "ns",
        "Of sound: the time stamp delay factor (EBU Tech 3337) in windows of 200 ms: least, mean, greatest with its frame, limits and verdict.",
    ),
];
