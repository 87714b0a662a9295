//! What RTCP's decoder declares of its results.

use streamlens_model::Severity::{Info, Warning};
use streamlens_model::ValueType::{Integer, List, Map, Number, Text, Time};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "rtcp.bye",
        Info,
        "A source said that it leaves, with its reason where it gave one (RFC 3550 6.6).",
    ),
    FindingInfo::new(
        "rtcp.clock-offset",
        Warning,
        "The sender's clock, by its sender reports, is 0.5 s or more off the capture's clock, was never set, or tells no time of day.",
    ),
    FindingInfo::new(
        "rtcp.loss-at-receiver",
        Warning,
        "A receiver reports packets lost since its last report (RFC 3550 6.4.1, fraction lost).",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new(
        "encrypted_packets",
        Integer,
        "packets",
        "Packets with more behind their header than RTCP says: encrypted (SRTCP).",
    ),
    Term::new(
        "round_trip_max_ns",
        Integer,
        "ns",
        "The longest round trip from a sender report to the report that answers it, without the time it was held (RFC 3550 6.4.1).",
    ),
    Term::new("round_trip_mean_ns", Number, "ns", "The mean of these round trips."),
    Term::new("round_trip_min_ns", Integer, "ns", "The shortest of these round trips."),
    Term::new("round_trips", Integer, "", "How many round trips were measured, of the sender reports of this flow."),
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("cname", Text, "", "The canonical name of the source (RFC 3550 6.5.1)."),
    Term::new(
        "hears",
        Map,
        "",
        "What the source reports of those it hears, by their SSRC: reports, packets lost in all and at worst, jitter last and at worst in \
         ticks of the media clock, and the highest sequence number.",
    ),
    Term::new("left_at_frame", Integer, "", "The frame in which the source said that it leaves."),
    Term::new("left_because", Text, "", "The reason that it gave."),
    Term::new("reports", Integer, "", "Its sender and receiver reports."),
    Term::new(
        "sender_clock_offset_ns",
        Integer,
        "ns",
        "Its wall clock less the capture's clock, at its last sender report, where that states a time of day.",
    ),
    Term::new(
        "sender_media_rate_hz",
        Number,
        "Hz",
        "Ticks of its media clock in a second of its wall clock, by its first and last sender report.",
    ),
    Term::new(
        "sender_octets",
        Integer,
        "bytes",
        "Bytes of payload that it says it has sent, by its last sender report.",
    ),
    Term::new("sender_packets", Integer, "packets", "RTP packets that it says it has sent, by its last sender report."),
    Term::new(
        "sender_wall_clock",
        Time,
        "",
        "Its wall clock at its last sender report, where that states a time of day.",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("cname", Text, "", "The canonical name of a source (SDES item 1)."),
    Term::new("count", Integer, "", "The count in the header: of report blocks, chunks or sources."),
    Term::new("format", Integer, "", "The format of feedback messages (RFC 4585 6.1)."),
    Term::new("name", Text, "", "The name of a user (SDES item 2)."),
    Term::new("ntp_time", Time, "", "The wall clock of a sender report."),
    Term::new("octets", Integer, "bytes", "Bytes of payload sent, of a sender report."),
    Term::new("packets", Integer, "packets", "Packets sent, of a sender report."),
    Term::new("reason", Text, "", "Why a source leaves."),
    Term::new(
        "reports",
        List,
        "",
        "The report blocks, each with SSRC, fraction lost, packets lost, highest sequence number, jitter, last sender report and delay.",
    ),
    Term::new("rtp_timestamp", Integer, "", "The RTP timestamp that goes with the wall clock of a sender report."),
    Term::new("ssrc", Text, "", "The source that the packet comes from, `0x0000cafe`."),
    Term::new("subtype", Integer, "", "The subtype of application-defined packets."),
    Term::new("tool", Text, "", "The tool of a user (SDES item 6)."),
];
