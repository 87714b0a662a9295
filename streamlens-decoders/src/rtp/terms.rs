//! What RTP's decoder declares of its results; what the analysers of payloads add is declared in [`media`](crate::media).

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Boolean, Integer, List, Map, Number, Text, Time};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "rtp.clock-rate",
        Warning,
        "The timestamps run at another rate than that of the payload type or format, by more than any oscillator is off.",
    ),
    FindingInfo::new(
        "rtp.padding",
        Warning,
        "The padding bit is set, and the padding count can't be right; the payload may be encrypted (SRTP).",
    ),
    FindingInfo::new("rtp.payload-type-changed", Info, "The payload type changed within a stream."),
    FindingInfo::new(
        "rtp.timestamp-jump",
        Warning,
        "The timestamp went on by 1 s or more over or under the time that went by: the sender's clock was set, or did not count a silence.",
    ),
    FindingInfo::new(
        "st2022-7.loss-after-merge",
        Error,
        "Packets are missing on both paths of a redundant pair, so that merging does not bring them back (ST 2022-7).",
    ),
    FindingInfo::new(
        "st2022-7.skew",
        Warning,
        "The paths of a redundant pair are over 10 ms apart; a warning where that is more than any class of receiver takes \
         (ST 2022-7:2019 5).",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("csrc_packets", Integer, "packets", "Packets with contributing sources (RFC 3550 5.1)."),
    Term::new("extension_ids", List, "", "Identifiers of the header extension's elements (RFC 8285)."),
    Term::new("extension_packets", Integer, "packets", "Packets with a header extension."),
    Term::new(
        "framing",
        Text,
        "",
        "Over TCP, how packets are told apart: `interleaved in RTSP` (RFC 2326 10.12) or `behind lengths (RFC 4571)`.",
    ),
    Term::new("markers", Integer, "packets", "Packets with the marker bit."),
    Term::new("padding_packets", Integer, "packets", "Packets with padding."),
    Term::new("refused_packets", Integer, "packets", "Packets of sources that did not prove to be streams."),
    Term::new("streams_forgotten", Integer, "", "Streams that were let go to make room for others."),
];

/// What SAP's monitor says of flows of RTP.
pub(super) const ANNOUNCED_FACTS: &[Term] = &[
    Term::new(
        "sdp_announced_by",
        Text,
        "",
        "Who announced the session that the flow belongs to: `SAP`, or `the user`.",
    ),
    Term::new("sdp_session", Text, "", "The name of the session that the flow belongs to (`s=` of SDP)."),
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("clock_rate_hz", Integer, "Hz", "The rate of the media clock."),
    Term::new(
        "clock_rate_source",
        Text,
        "",
        "How that rate is known: `static payload type`, `SDP`, `payload format`, or `inferred from timestamps against arrival`.",
    ),
    Term::new("extension_bit_changes", Integer, "", "How often the extension bit changed from one packet to the next."),
    Term::new(
        "format",
        Text,
        "",
        "The payload format that was recognised: of sound coding, rate and channels (`L24/48000/2`), of others the standard.",
    ),
    Term::new("jitter_max_ns", Number, "ns", "The greatest jitter by the media clock (RFC 3550 6.4.1)."),
    Term::new("jitter_mean_ns", Number, "ns", "The mean of the jitter behind each packet."),
    Term::new("markers", Integer, "packets", "Packets with the marker bit."),
    Term::new("max_delta_ns", Integer, "ns", "The longest time between two packets in a row, by the capture's clock."),
    Term::new("mean_delta_ns", Number, "ns", "The mean time between two packets in a row."),
    Term::new(
        "min_delta_ns",
        Integer,
        "ns",
        "The shortest time between two packets in a row; negative where the capture's time runs backwards.",
    ),
    Term::new(
        "packet_time_ns",
        Integer,
        "ns",
        "The media time from one timestamp to the next, where that is constant.",
    ),
    Term::new(
        "payload_bit_rate",
        Number,
        "bit/s",
        "Bits of payload but those of the last packet, over the time from its first to its last packet.",
    ),
    Term::new("payload_length_max", Integer, "bytes", "The largest payload."),
    Term::new("payload_length_min", Integer, "bytes", "The smallest payload."),
    Term::new("payload_name", Text, "", "The encoding's name, by the payload type (RFC 3551) or by SDP."),
    Term::new("payload_types", List, "", "The payload types of its packets."),
    Term::new(
        "st2022_7",
        Map,
        "",
        "Against the other path of a redundant pair: that path, packets that both cover, lost on this path and after merging, least, mean and \
         largest skew, sampled packets, and the class of receiver that takes it.",
    ),
    Term::new(
        "retransmissions",
        Integer,
        "packets",
        "Packets sent again with the source's twin, whose last bit is 1 (RIST, VSF TR-06-1 5.3.3); they count for the stream.",
    ),
    Term::new(
        "talkspurts",
        Integer,
        "",
        "Of sound with a static payload type: packets with the marker bit, which begin a talkspurt (RFC 3551 4.1).",
    ),
    Term::new(
        "timestamp_backward_steps",
        Integer,
        "",
        "How often the timestamp went back while the sequence number went on.",
    ),
    Term::new("timestamp_changes", Integer, "", "How often the timestamp changed from one packet to the next."),
    Term::new(
        "timestamp_rate_hz",
        Number,
        "Hz",
        "Ticks of the timestamp in a second of the capture's clock, over its longest stretch without a step.",
    ),
    Term::new("timestamp_step", Integer, "ticks", "The step from one timestamp to the next that came most often."),
];

/// What the monitors of SAP and RTCP say of streams of RTP.
pub(super) const TOLD_MEASURES: &[Term] = &[
    Term::new(
        "behind_ptp",
        Map,
        "ns",
        "How far the timestamps are behind PTP time when packets arrive: domain, least, mean, greatest, samples, and \
         what is announced (`TSDELAY`), where it is (RFC 7273, ST 2110-10).",
    ),
    Term::new(
        "last_packet_wall_clock",
        Time,
        "",
        "The sender's wall clock at the last timestamp, by its last RTCP sender report, where that states a time of day.",
    ),
    Term::new("mediaclk", Text, "", "How the media clock relates to the reference clock, as announced (`a=mediaclk`)."),
    Term::new("sdp_parameters", Text, "", "The parameters of the format, as announced (`a=fmtp`)."),
    Term::new(
        "sender_media_rate_hz",
        Number,
        "Hz",
        "Ticks of the media clock in a second of the sender's wall clock, by RTCP sender reports.",
    ),
    Term::new(
        "sender_packets",
        Integer,
        "packets",
        "Packets that the sender says it has sent, by its last RTCP sender report.",
    ),
    Term::new("sender_reports", Integer, "", "RTCP sender reports of its source."),
    Term::new("ts_refclk", Text, "", "The reference clock, as announced (`a=ts-refclk`)."),
];

pub(super) const NETWORK_FACTS: &[Term] = &[Term::new(
    "st2022_7_pairs",
    List,
    "",
    "Redundant pairs of one stream: `ssrc`, the first path, packets lost on the other, and their comparison (ST 2022-7).",
)];

pub(super) const FIELDS: &[Term] = &[
    Term::new("csrc", List, "", "The contributing sources."),
    Term::new(
        "extension_elements",
        List,
        "",
        "The elements of the header extension: `id` and `length` in bytes (RFC 8285).",
    ),
    Term::new("extension_length", Integer, "bytes", "Bytes of the header extension behind its own header."),
    Term::new("extension_profile", Text, "", "What the header extension's first 16 bits say, `0xbede`."),
    Term::new("marker", Boolean, "", "The marker bit."),
    Term::new("padding", Integer, "bytes", "Bytes of padding."),
    Term::new("payload_length", Integer, "bytes", "Bytes of payload."),
    Term::new("payload_type", Integer, "", "The payload type."),
    Term::new("sequence", Integer, "", "The sequence number, of 16 bits."),
    Term::new("ssrc", Text, "", "The synchronisation source, `0x0000cafe`."),
    Term::new("timestamp", Integer, "ticks", "The timestamp."),
    Term::new("wrong_padding", Integer, "bytes", "The padding count where it can't be right."),
];
