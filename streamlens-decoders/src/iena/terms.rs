//! What IENA's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Integer, List, Map, Text};
use streamlens_model::{FindingInfo, Term};

use crate::telemetry::terms::BEYOND_LIMIT;

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "iena.clock-offset",
        Warning,
        "The time in the packets of a key is steadily 0.5 s or more off the capture's clock, or was never set.",
    ),
    FindingInfo::new(
        "iena.discard-bit",
        Warning,
        "The key status marks packets to be discarded by the central unit (bit 0x40).",
    ),
    FindingInfo::new(
        "iena.key-from-two-sources",
        Warning,
        "Two source addresses send packets of one key within one VLAN.",
    ),
    FindingInfo::new(
        "iena.key-limit",
        Info,
        "A flow has more keys than are kept: packets of further ones count, but not by key.",
    ),
    FindingInfo::new("iena.key-status-changed", Info, "The key status of a key changed from one packet to the next."),
    FindingInfo::new("iena.n2-status-changed", Info, "The N2 status of a key changed from one packet to the next."),
    FindingInfo::new(
        "iena.size-mismatch",
        Error,
        "The size field does not say the packet's length in 16-bit words: it counts bytes, or does not fit at all.",
    ),
    FindingInfo::new(
        "iena.stream-stopped",
        Warning,
        "A key of ten packets or more fell silent for longer than its rhythm explains, while other telemetry went on.",
    ),
    FindingInfo::new("iena.time-backwards", Warning, "The packet time went back while the sequence number went on."),
    FindingInfo::new(
        "iena.time-jump",
        Warning,
        "The packet time went on by over 0.5 s more or less than the capture's clock did.",
    ),
    FindingInfo::new(
        "iena.trailer-mismatch",
        Error,
        "A packet of the stated size does not end with the trailer 0xDEAD.",
    ),
    FindingInfo::new(
        "iena.variant-contradicted",
        Warning,
        "The payload does not have the structure of the variant that is configured, or that the key status declares.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("keys", Integer, "", "Keys of the flow that are kept apart."),
    Term::new(
        "keys_by_variant",
        Map,
        "",
        "How many keys have each variant, by its name: `P-type`, `D-type`, `N-type`, `M-type`, `Q-type`, `unknown-type`.",
    ),
    Term::new("malformed", Map, "packets", "Packets that break the rules of IENA, by what is wrong with them."),
    BEYOND_LIMIT,
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("discard_bit_packets", Integer, "packets", "Packets whose key status has the discard bit (0x40)."),
    Term::new("key_status", Map, "packets", "Packets by value of the key status, `0x00`; the first 16 values."),
    Term::new("key_status_changes", Integer, "", "How often the key status changed from one packet to the next."),
    Term::new("malformed_packets", Integer, "packets", "Packets whose size or trailer is wrong."),
    Term::new("n2_status", Map, "packets", "Packets by value of the N2 status, `0x00`; the first 16 values."),
    Term::new("n2_status_changes", Integer, "", "How often the N2 status changed from one packet to the next."),
    Term::new(
        "structural_candidates",
        List,
        "",
        "Letters of the variants whose structure every tested payload has; P fits any payload and is not among them.",
    ),
    Term::new(
        "structure_tested_packets",
        Integer,
        "packets",
        "Packets whose payload was tested for the structure of variants.",
    ),
    Term::new(
        "time_of_year_first_us",
        Integer,
        "us",
        "The time field of the first packet: microseconds since the year began.",
    ),
    Term::new(
        "time_of_year_last_us",
        Integer,
        "us",
        "The time field of the last packet: microseconds since the year began.",
    ),
    Term::new(
        "type",
        Text,
        "",
        "The variant of the payload, `P-type`; `unknown-type` where no packet keeps the rules.",
    ),
    Term::new(
        "type_certainty",
        Text,
        "",
        "How the variant is known: pinned by configuration, declared by key-status bits, by structure, or assumed.",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("key", Integer, "", "The key: which stream it is."),
    Term::new("key_status", Integer, "", "The key status byte."),
    Term::new("n2_status", Integer, "", "The N2 status byte."),
    Term::new(
        "parameter_delays",
        List,
        "",
        "The delays of the parameters of D and M packets, in the unit of the configuration.",
    ),
    Term::new("parameter_ids", List, "", "The identifiers of the parameters of D, N, M and Q packets, the first 64."),
    Term::new("payload_bytes", Integer, "bytes", "Bytes between header and trailer."),
    Term::new("sequence", Integer, "", "The sequence number, of 16 bits."),
    Term::new("size", Integer, "words", "The size field: the packet's length in 16-bit words."),
    Term::new("time_of_year_us", Integer, "us", "The packet time: microseconds since the year began."),
    Term::new("variant", Text, "", "The letter of the variant, where it is pinned or declared."),
];
