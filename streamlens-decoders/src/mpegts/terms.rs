//! What the meter of transport streams declares, and what their decoder adds.

use streamlens_model::Severity::{Error, Warning};
use streamlens_model::ValueType::{Boolean, Integer, Map, Number, Text};
use streamlens_model::{FindingInfo, Term};

/// What the meter finds, over UDP and over RTP.
pub(crate) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "mpegts.continuity",
        Error,
        "Continuity counters of a PID do not run on: packets are missing, or came with the number of the one before \
         other than as one repeat (TR 101 290 1.4).",
    ),
    FindingInfo::new(
        "mpegts.pcr-discontinuity",
        Error,
        "The program clock reference of a PID jumped without the discontinuity indicator (TR 101 290 2.3b).",
    ),
    FindingInfo::new(
        "mpegts.pcr-interval",
        Warning,
        "More than 100 ms lie between two program clock references of a PID (ISO/IEC 13818-1 2.7.2).",
    ),
    FindingInfo::new(
        "mpegts.sync-byte",
        Error,
        "No sync byte 0x47 stands where a transport packet should begin (TR 101 290 1.2).",
    ),
    FindingInfo::new(
        "mpegts.transport-error",
        Error,
        "A packet has the transport error indicator set: it was damaged before it was sent.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("continuity_errors", Integer, "", "Errors of the continuity counters of all PIDs (TR 101 290 1.4)."),
    Term::new("null_ratio", Number, "", "The share of null packets, 0 to 1."),
    Term::new("packet_length", Integer, "bytes", "Bytes from one transport packet to the next: 188, 192 or 204."),
    Term::new(
        "packets_of_further_pids",
        Integer,
        "packets",
        "Transport packets of PIDs beyond the 512 that are measured.",
    ),
    Term::new("pcr_count", Integer, "", "Program clock references of all PIDs."),
    Term::new(
        "programs",
        Map,
        "",
        "Programs by number: the PIDs of their map (`pmt_pid`) and of their clock (`pcr_pid`), `name` and `provider`.",
    ),
    Term::new("sync_errors", Integer, "", "Places where a transport packet should begin and no sync byte stands."),
    Term::new("transport_errors", Integer, "packets", "Transport packets with the transport error indicator."),
    Term::new(
        "transport_stream_id",
        Integer,
        "",
        "The transport stream's identifier, by the program association table.",
    ),
    Term::new("ts_packets", Integer, "packets", "Transport packets."),
    Term::new(
        "ts_packets_per_frame",
        Map,
        "",
        "Datagrams by the number of transport packets in them; `more` than 7 together.",
    ),
];

pub(super) const PACKET_TYPE_FACTS: &[Term] = &[
    Term::new("continuity_errors", Integer, "", "Errors of the PID's continuity counter (TR 101 290 1.4)."),
    Term::new(
        "late",
        Integer,
        "packets",
        "Packets of the PID whose datagrams were overtaken: neither errors nor loss.",
    ),
    Term::new("lost", Integer, "packets", "Packets of the PID that are missing by its continuity counter, modulo 16."),
    Term::new("name", Text, "", "What the PID carries, by the tables of the stream."),
    Term::new("packets", Integer, "packets", "Packets of the PID."),
    Term::new(
        "pcr",
        Map,
        "",
        "The program clock of the PID: references, discontinuities announced and not, the longest interval with its place, intervals \
         above 100 ms, jitter and spread of arrival against the clock.",
    ),
    Term::new("repeats", Integer, "packets", "Packets of the PID that came a second time, which is lawful."),
    Term::new("scrambled", Integer, "packets", "Packets of the PID that are scrambled."),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("continuity", Integer, "", "The continuity counter, of 4 bits."),
    Term::new("pcr", Integer, "1/27 us", "The program clock reference, in ticks of 27 MHz."),
    Term::new("pid", Integer, "", "The packet identifier."),
    Term::new("scrambling", Integer, "", "The transport scrambling control; 0 is not scrambled."),
    Term::new("starts_unit", Boolean, "", "Whether a unit of the payload starts in it."),
];
