//! What iNetX's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Boolean, Integer, Text};
use streamlens_model::{FindingInfo, Term};

use crate::telemetry::terms::BEYOND_LIMIT;

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new("inetx.bad-time", Error, "The time of a packet has a second or more of nanoseconds."),
    FindingInfo::new(
        "inetx.clock-offset",
        Warning,
        "The time in the packets of a stream is steadily off the capture's clock by neither 0 s nor TAI's 37 s, or was never set.",
    ),
    FindingInfo::new("inetx.length-mismatch", Error, "The length field differs from the length of the packet."),
    FindingInfo::new(
        "inetx.payload-error",
        Error,
        "The unit marks the payload as faulty (bit 31 of the payload information).",
    ),
    FindingInfo::new(
        "inetx.reported-loss",
        Error,
        "The unit says that it lost packets before this one (bits 30 to 27 of the payload information).",
    ),
    FindingInfo::new(
        "inetx.stream-from-two-sources",
        Warning,
        "Two source addresses send packets of one stream identifier within one VLAN.",
    ),
    FindingInfo::new(
        "inetx.stream-limit",
        Info,
        "A flow has more stream identifiers than are kept: packets of further ones count, but not by stream.",
    ),
    FindingInfo::new(
        "inetx.stream-stopped",
        Warning,
        "A stream of ten packets or more fell silent for longer than its rhythm explains, while other telemetry went on.",
    ),
    FindingInfo::new("inetx.time-backwards", Warning, "The packet time went back while the sequence number went on."),
    FindingInfo::new(
        "inetx.time-jump",
        Warning,
        "The packet time went on by over 0.5 s more or less than the capture's clock did.",
    ),
];

pub(super) const FACTS: &[Term] =
    &[Term::new("stream_ids", Integer, "", "Stream identifiers of the flow that are kept apart."), BEYOND_LIMIT];

pub(super) const MEASURES: &[Term] = &[
    Term::new("malformed_packets", Integer, "packets", "Packets whose length field or nanoseconds are wrong."),
    Term::new(
        "payload_error_packets",
        Integer,
        "packets",
        "Packets whose payload the unit marks as faulty (bit 31 of the payload information).",
    ),
    Term::new(
        "reported_lost",
        Integer,
        "packets",
        "Packets that the unit says it lost, added up (bits 30 to 27 of the payload information).",
    ),
    Term::new(
        "time_scale",
        Text,
        "",
        "What the mean distance from the capture's clock says of the clock: like TAI, like UTC, or neither.",
    ),
    Term::new(
        "timeout_packets",
        Integer,
        "packets",
        "Packets that were sent because time ran out, and not because they were full (bit 26 of the payload information).",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("by_timeout", Boolean, "", "Whether it was sent because time ran out, and not because it was full."),
    Term::new("error", Boolean, "", "Whether the unit marks the payload as faulty."),
    Term::new("length", Integer, "bytes", "The length field: the whole packet, header included."),
    Term::new("nanoseconds", Integer, "ns", "The nanoseconds of its time."),
    Term::new("reported_lost", Integer, "packets", "Packets that the unit says it lost before this one."),
    Term::new("seconds", Integer, "s", "The seconds of its time, since 1970 by a PTP clock."),
    Term::new("sequence", Integer, "", "The sequence number, of 32 bits."),
    Term::new("stream_id", Integer, "", "The stream identifier."),
];
