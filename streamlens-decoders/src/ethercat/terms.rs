//! What EtherCAT's decoder declares of its results.

use streamlens_model::Severity::{Error, Warning};
use streamlens_model::ValueType::{Integer, List, Map, Text};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "ethercat.al-status",
        Error,
        "A station has the error bit of its AL status set, or a code other than 0 in its AL status code (register 0x0134).",
    ),
    FindingInfo::new(
        "ethercat.circulating",
        Warning,
        "A frame went round twice: the ring is broken, or a port is closed that should not be.",
    ),
    FindingInfo::new(
        "ethercat.dc-sync-lost",
        Warning,
        "A station's clock was more than 1 us off for 100 readings of its clock difference (register 0x092C) in a row.",
    ),
    FindingInfo::new("ethercat.emergency", Error, "A station sent a CoE emergency message with a code other than 0."),
    FindingInfo::new("ethercat.foe-error", Warning, "A file transfer ended with an FoE error."),
    FindingInfo::new(
        "ethercat.late-cycle",
        Warning,
        "Process data were sent more than two cycles after the ones before; the cycle is the median of their intervals.",
    ),
    FindingInfo::new(
        "ethercat.link-errors",
        Warning,
        "An error counter of a station (registers 0x0300 to 0x0313) rose between two readings.",
    ),
    FindingInfo::new("ethercat.lost-frame", Error, "A frame did not come back, while later ones did."),
    FindingInfo::new("ethercat.mailbox-error", Warning, "A station refused a mailbox message."),
    FindingInfo::new(
        "ethercat.no-answer",
        Warning,
        "A station that answered no longer does: the working counter is 0.",
    ),
    FindingInfo::new(
        "ethercat.no-return",
        Warning,
        "No frame was seen coming back: there is no station, a line is broken, or one direction alone was captured.",
    ),
    FindingInfo::new("ethercat.sdo-abort", Warning, "An SDO transfer of CoE was aborted, with the code that says why."),
    FindingInfo::new("ethercat.slave-count", Warning, "The number of stations that answer a broadcast changed."),
    FindingInfo::new(
        "ethercat.state-changed",
        Warning,
        "A station went from one AL state to another; a warning where it fell without having been asked to.",
    ),
    FindingInfo::new(
        "ethercat.working-counter",
        Error,
        "A datagram came back with a working counter below the expected one: stations did not take part.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new(
        "cycles",
        List,
        "",
        "The sets of commands that are sent again and again: `commands`, `datagrams`, whether they carry `process_data`, how often \
         `sent`, how often `late`, the `interval`, and its jitter about the median.",
    ),
    Term::new(
        "datagrams",
        Map,
        "",
        "Datagrams sent (`count`), most in a frame, circulating, with an event request, and returned with working counter 0.",
    ),
    Term::new(
        "datagrams_of_further_slots",
        Integer,
        "",
        "Datagrams that found no room among the places whose working counters are told apart.",
    ),
    Term::new(
        "distributed_clocks",
        Map,
        "",
        "The reference clock (register 0x0910): `reference_station`, `readings`, and `drift_ppm` against the capture's clock.",
    ),
    Term::new(
        "frames",
        Map,
        "",
        "Frames sent, returned, matched to one another, lost, on their way at the end, returned without having been seen sent, without \
         datagrams, and with wrong cycles; where there are any, returned unchanged, circulated and copies.",
    ),
    Term::new("frames_returned", Integer, "", "Of the flow of returned frames: how many there are."),
    Term::new("mailbox", Map, "", "Mailbox messages by kind, each counted once."),
    Term::new("role", Text, "", "Whether the flow holds frames that are `sent`, `returned`, or `sent and returned`."),
    Term::new(
        "round_trip",
        Map,
        "ns",
        "The time from a frame going out to its coming back: count, extremes, mean and percentiles.",
    ),
    Term::new("station_count", Integer, "", "Stations that answered the last broadcast that counts them."),
    Term::new(
        "stations",
        List,
        "",
        "Stations by address or position, the first 256: state, whether it has an error, state changes, AL status code with its \
         meaning, largest clock difference, and the sum of link errors.",
    ),
    Term::new(
        "working_counters",
        List,
        "",
        "For each datagram of process data: how often it returned, the working counter expected, how often it was below, above and 0, \
         and the longest run below.",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("index", Integer, "", "The index that the master gave it."),
    Term::new("irq", Integer, "", "The event request of the stations."),
    Term::new("length", Integer, "bytes", "Bytes of its data."),
    Term::new("logical_address", Integer, "", "The logical address, of commands that have one."),
    Term::new("register", Integer, "", "The register, of commands that address stations."),
    Term::new(
        "station",
        Integer,
        "",
        "The station's configured address or position, of commands that address stations.",
    ),
    Term::new("working_counter", Integer, "", "The working counter, where it was captured."),
];
