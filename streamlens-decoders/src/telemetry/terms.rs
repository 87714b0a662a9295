//! What the telemetry encodings declare in common: the measures that a [`Track`](super::Track) keeps, and facts of its table.

use streamlens_model::Term;
use streamlens_model::ValueType::{Integer, Number, Time};

/// Packets that found no room in a flow's table.
pub(crate) const BEYOND_LIMIT: Term = Term::new(
    "packets_beyond_stream_limit",
    Integer,
    "packets",
    "Packets of streams that found no room in the flow's table: they count, but not by stream.",
);

/// Of these those that hold packet times against the capture's.
pub(crate) const AGAINST_CAPTURE: &[&str] =
    &["time_error_max_ns", "time_error_mean_ns", "time_error_min_ns", "time_scale"];

/// Packets, sizes and capture times of a stream.
pub(crate) const TRACK: &[Term] = &[
    Term::new(
        "bit_rate",
        Number,
        "bit/s",
        "Bits of its frames on the wire but the last, over the time from its first to its last packet.",
    ),
    Term::new("first_seen", Time, "", "When its first packet was captured."),
    Term::new("last_seen", Time, "", "When its last packet was captured."),
    Term::new(
        "longest_interval_ns",
        Integer,
        "ns",
        "The longest time between two packets in a row, by the capture's clock.",
    ),
    Term::new("packets", Integer, "packets", "Its packets."),
    Term::new("payload_max_bytes", Integer, "bytes", "The largest UDP payload of its packets."),
    Term::new("payload_mean_bytes", Number, "bytes", "The mean UDP payload of its packets."),
    Term::new("payload_min_bytes", Integer, "bytes", "The smallest UDP payload of its packets."),
    Term::new("rate_hz", Number, "Hz", "Packets a second: intervals over the time from its first to its last packet."),
    Term::new(
        "time_backward_steps",
        Integer,
        "packets",
        "Packets whose own time is before that of the packet before; late packets count too.",
    ),
    Term::new("wire_bytes", Integer, "bytes", "Bytes of its frames on the wire."),
];

/// The time that packets carry, where that is an instant.
pub(crate) const TRACK_TIME: &[Term] = &[
    Term::new(
        "time_error_max_ns",
        Integer,
        "ns",
        "The largest packet time less capture time; positive where the packet's clock is ahead.",
    ),
    Term::new("time_error_mean_ns", Number, "ns", "The mean packet time less capture time."),
    Term::new("time_error_min_ns", Integer, "ns", "The smallest packet time less capture time."),
    Term::new("time_first", Time, "", "The time in its first packet."),
    Term::new(
        "time_jumps",
        Integer,
        "packets",
        "Packets whose own time went on by over 0.5 s more or less than the capture's clock did.",
    ),
    Term::new("time_last", Time, "", "The time in its last packet."),
];
