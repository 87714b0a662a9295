//! The codes of warnings about live captures, recordings and replays.

use streamlens_model::WarningInfo;

/// The codes of the warnings that sources and recordings of this crate may draw.
pub const WARNINGS: &[WarningInfo] = &[
    WarningInfo::new(
        "capture.adapter-clock",
        "How far the adapter's clock was off system time when the capture began.",
    ),
    WarningInfo::new(
        "capture.interface-down",
        "An interface is down or has no carrier, or was, with since when; the capture goes on when it is back.",
    ),
    WarningInfo::new(
        "capture.interface-gone",
        "An interface was deleted, or libpcap gave it up: nothing more comes from it.",
    ),
    WarningInfo::new("capture.interface-left-out", "An interface is left out, because its link type can't be read."),
    WarningInfo::new(
        "capture.merged",
        "Frames are longer than the interface's MTU allows: the adapter or the kernel merged them (receive offload).",
    ),
    WarningInfo::new(
        "capture.no-adapter-stamps",
        "The adapter's time stamps were asked for, and frames have the kernel's.",
    ),
    WarningInfo::new(
        "capture.not-joined",
        "A multicast group of --join is not asked for on an interface, because the system refuses, or IPv6 is off there.",
    ),
    WarningInfo::new("capture.not-written", "A file could not be written to its end; the capture goes on."),
    WarningInfo::new(
        "capture.small-ring",
        "The system gave less memory for the ring of an interface than was asked for.",
    ),
    WarningInfo::new("replay.silence-shortened", "Silences of more than 10 s were shortened to 10 s in the replay."),
];
