//! What NPD's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Integer, Text};
use streamlens_model::{FindingInfo, Term};

use crate::telemetry::terms::BEYOND_LIMIT;

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "npd.address-mismatch",
        Info,
        "The destination address in the packet's header is not the one that the datagram goes to.",
    ),
    FindingInfo::new("npd.clock-free-running", Info, "The unit says that its clock runs free (flag 0x01)."),
    FindingInfo::new(
        "npd.configuration-changed",
        Warning,
        "The configuration count of a data source changed: the unit was configured anew.",
    ),
    FindingInfo::new("npd.segment-error", Warning, "Segments of a packet are marked with errors."),
    FindingInfo::new(
        "npd.segments-broken",
        Error,
        "A segment is shorter than its header, or longer than the packet that holds it.",
    ),
    FindingInfo::new(
        "npd.source-from-two-senders",
        Warning,
        "Two source addresses send packets of one data source within one VLAN.",
    ),
    FindingInfo::new(
        "npd.source-limit",
        Info,
        "A flow has more data sources than are kept: packets of further ones count, but not by source.",
    ),
    FindingInfo::new(
        "npd.source-stopped",
        Warning,
        "A data source of ten packets or more fell silent for longer than its rhythm explains, while other telemetry went on.",
    ),
    FindingInfo::new("npd.time-backwards", Info, "The time field went back while the sequence number went on."),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("data_sources", Integer, "", "Data sources of the flow that are kept apart."),
    BEYOND_LIMIT,
    Term::new(
        "packets_with_leftover_bytes",
        Integer,
        "packets",
        "Packets with bytes behind their segments, too few for another segment's header.",
    ),
    Term::new("segments", Integer, "", "Segments of all packets."),
];

pub(super) const PACKET_TYPE_FACTS: &[Term] = &[Term::new("meaning", Text, "", "What the data type stands for.")];

pub(super) const MEASURES: &[Term] = &[
    Term::new("configuration_changes", Integer, "", "How often the configuration count changed."),
    Term::new("free_running_packets", Integer, "packets", "Packets whose flag 0x01 says that the clock runs free."),
    Term::new("malformed_packets", Integer, "packets", "Packets whose segments do not fit."),
    Term::new("segment_errors", Integer, "", "Segments that are marked with errors."),
    Term::new("segments", Integer, "", "Its segments."),
    Term::new(
        "time_field_first",
        Integer,
        "",
        "The time field of the first packet: seconds since 1970, or what else the unit puts there.",
    ),
    Term::new("time_field_last", Integer, "", "The time field of the last packet, likewise."),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("configuration_count", Integer, "", "Grows by one when the unit is configured anew."),
    Term::new("data_source_id", Integer, "", "The data source: which stream it is."),
    Term::new("data_type", Integer, "", "What the segments hold."),
    Term::new(
        "flags",
        Integer,
        "",
        "The flags: 0x01 the clock runs free, 0x02 fragmented, 0x04 relative time counter instead of IEEE 1588.",
    ),
    Term::new("multicast_address", Text, "", "The IPv4 address that the unit sends the packet to."),
    Term::new("segments", Integer, "", "How many segments it has."),
    Term::new("sequence", Integer, "", "The sequence number, of 16 bits."),
    Term::new("time", Integer, "", "The time field: seconds since 1970, a counter, or what else the unit puts there."),
];
