//! What TmNS's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Integer, Map, Text};
use streamlens_model::{FindingInfo, Term};

use crate::telemetry::terms::BEYOND_LIMIT;

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "tmns.clock-offset",
        Warning,
        "The time in the messages of a definition is steadily off the capture's clock by neither 0 s nor TAI's 37 s, or was never set.",
    ),
    FindingInfo::new("tmns.health-error", Warning, "The source says that its health is impaired (flag 0x0002)."),
    FindingInfo::new(
        "tmns.message-from-two-sources",
        Warning,
        "Two source addresses send messages of one definition within one VLAN.",
    ),
    FindingInfo::new(
        "tmns.message-limit",
        Info,
        "A flow has more message definitions than are kept: messages of further ones count, but not by definition.",
    ),
    FindingInfo::new(
        "tmns.message-stopped",
        Warning,
        "A definition of ten messages or more fell silent for longer than its rhythm explains, while other telemetry went on.",
    ),
    FindingInfo::new("tmns.packages-broken", Error, "The packages of a message do not end with it."),
    FindingInfo::new("tmns.playback", Info, "The source says that the data are played back (flag 0x0040)."),
    FindingInfo::new("tmns.simulated", Info, "The source says that the data are simulated (flag 0x0008)."),
    FindingInfo::new("tmns.time-backwards", Warning, "The message time went back while the sequence number went on."),
    FindingInfo::new(
        "tmns.time-jump",
        Warning,
        "The message time went on by over 0.5 s more or less than the capture's clock did.",
    ),
    FindingInfo::new("tmns.time-not-locked", Warning, "The source says that its clock is not locked (flag 0x0004)."),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("end_markers", Integer, "", "Messages that only say that the data end."),
    Term::new("fragments", Integer, "", "Messages that are fragments (flags 0x0030)."),
    Term::new("malformed", Map, "", "Messages that break the rules, by what is wrong with them."),
    Term::new("message_definitions", Integer, "", "Message definitions of the flow that are kept apart."),
    Term::new("packages", Integer, "", "Packages of all messages whose packages have the standard's header."),
    BEYOND_LIMIT,
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("end_of_data_messages", Integer, "packets", "Messages after which no data follow (flag 0x0001)."),
    Term::new(
        "health_error_messages",
        Integer,
        "packets",
        "Messages whose source says that its health is impaired (flag 0x0002).",
    ),
    Term::new("malformed_packets", Integer, "packets", "Messages whose packages do not end with them."),
    Term::new("packages", Integer, "", "Its packages, where they have the standard's header."),
    Term::new("playback_messages", Integer, "packets", "Messages whose data are played back (flag 0x0040)."),
    Term::new("simulated_messages", Integer, "packets", "Messages whose data are simulated (flag 0x0008)."),
    Term::new(
        "time_not_locked_messages",
        Integer,
        "packets",
        "Messages whose source says that its clock is not locked (flag 0x0004).",
    ),
    Term::new(
        "time_scale",
        Text,
        "",
        "What the mean distance from the capture's clock says of the clock: like TAI, like UTC, or neither.",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new(
        "first_package_definition_id",
        Integer,
        "",
        "The definition of the first package, where packages have the standard's header.",
    ),
    Term::new("flags", Integer, "", "The flags of the message."),
    Term::new("length", Integer, "bytes", "The length of the message, header and application fields included."),
    Term::new("message_definition_id", Integer, "", "The message definition: which stream it is."),
    Term::new("message_type", Integer, "", "The message type; 0 is data."),
    Term::new("nanoseconds", Integer, "ns", "The nanoseconds of its time."),
    Term::new("option_words", Integer, "words", "32-bit words of application fields behind the header."),
    Term::new("packages", Integer, "", "How many packages it has, where they have the standard's header."),
    Term::new("seconds", Integer, "s", "The seconds of its time, by an IEEE 1588 clock (TAI)."),
    Term::new("sequence", Integer, "", "The sequence number, of 32 bits."),
];
