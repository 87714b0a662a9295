//! What PTP's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Any, Boolean, Integer, List, Map, Number, Text};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "ptp.announce-timeout",
        Warning,
        "The master fell silent for longer than its announce receipt timeout: its slaves take another one.",
    ),
    FindingInfo::new(
        "ptp.announce-without-sync",
        Warning,
        "A port has announced itself to a group five times at least and sent no Sync, while other ports do, or for 8 s at least where none does.",
    ),
    FindingInfo::new(
        "ptp.bmca-master-port-changed",
        Info,
        "The way to the same grandmaster leads over another port than before.",
    ),
    FindingInfo::new(
        "ptp.clock-offset",
        Warning,
        "The time of a domain is 0.5 s or more off the capture's clock by an offset that has no name, or its clock was never set.",
    ),
    FindingInfo::new(
        "ptp.clock-quality-changed",
        Warning,
        "A grandmaster announces another quality (priority1, class, accuracy, priority2); a warning where class or accuracy are worse.",
    ),
    FindingInfo::new(
        "ptp.correction",
        Warning,
        "A correctionField is beyond 1 s, which no sum of residence times is, or says that it is too big to be expressed.",
    ),
    FindingInfo::new(
        "ptp.delay-mechanisms-mixed",
        Warning,
        "A domain has both Delay_Req and Pdelay_Req: one link uses one of the two delay mechanisms.",
    ),
    FindingInfo::new("ptp.follow-up-without-sync", Warning, "A Follow_Up belongs to no Sync in the capture."),
    FindingInfo::new(
        "ptp.grandmaster-changed",
        Warning,
        "Another clock took the place of a domain's grandmaster; a warning where its class or accuracy is worse.",
    ),
    FindingInfo::new(
        "ptp.grant-refused",
        Warning,
        "A port refused messages that it was asked for by unicast negotiation.",
    ),
    FindingInfo::new("ptp.leap-second-announced", Info, "What a master announces of a leap second changed."),
    FindingInfo::new("ptp.missing-follow-up", Warning, "A two-step Sync has no Follow_Up: slaves can't use it."),
    FindingInfo::new("ptp.no-master", Warning, "A domain goes on without any Announce."),
    FindingInfo::new("ptp.path-trace-loop", Error, "The path trace of an Announce passes one clock twice."),
    FindingInfo::new(
        "ptp.peer-follow-up-repeated",
        Warning,
        "A Pdelay_Resp_Follow_Up came again: its number was used before, or belongs to another response.",
    ),
    FindingInfo::new(
        "ptp.peer-follow-up-without-response",
        Warning,
        "A Pdelay_Resp_Follow_Up belongs to no Pdelay_Resp that waits.",
    ),
    FindingInfo::new(
        "ptp.rate",
        Warning,
        "A port sends Sync or Announce off the interval that it announces, or Delay_Req more often than the master allows.",
    ),
    FindingInfo::new(
        "ptp.request-without-grant",
        Warning,
        "A port asked for messages by unicast negotiation and got no grant.",
    ),
    FindingInfo::new(
        "ptp.several-peers",
        Warning,
        "A Pdelay_Req was answered by two ports: something between them passes peer delay messages on without taking part in PTP.",
    ),
    FindingInfo::new(
        "ptp.steps-removed",
        Warning,
        "An Announce has 255 stepsRemoved or more: slaves take no such master.",
    ),
    FindingInfo::new(
        "ptp.steps-removed-changed",
        Info,
        "A port announces the same grandmaster with other stepsRemoved.",
    ),
    FindingInfo::new("ptp.time-backwards", Error, "The master's time runs back from one Sync to the next."),
    FindingInfo::new(
        "ptp.time-jump",
        Warning,
        "The master's time went on by more or less than the capture's clock: one of the two was set, or the way between them changed.",
    ),
    FindingInfo::new(
        "ptp.timescale-changed",
        Warning,
        "A master went from the PTP timescale to an arbitrary one, or back.",
    ),
    FindingInfo::new(
        "ptp.two-masters",
        Error,
        "Two ports announce different grandmasters of one domain at the same time, or both answer a Delay_Req.",
    ),
    FindingInfo::new("ptp.unanswered-delay-request", Warning, "A Delay_Req was not answered."),
    FindingInfo::new(
        "ptp.unanswered-peer-delay-request",
        Info,
        "A Pdelay_Req was not answered, as those of a port without a PTP neighbour never are.",
    ),
    FindingInfo::new(
        "ptp.unicast-flag",
        Info,
        "A message goes out by unicast and its unicastFlag is not set, or by multicast and it is.",
    ),
    FindingInfo::new(
        "ptp.utc-offset",
        Warning,
        "The currentUtcOffset changed, can't be right, or leaves the domain's time off the capture's clock by an offset that has a name.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new(
        "domain",
        Any,
        "",
        "The domain of the flow's messages: its number, or its name where the number is not all; a list where there are several.",
    ),
    Term::new("profile", Text, "", "The profile that all that was measured agrees with: a hint, and no verdict."),
    Term::new("profile_reasons", List, "", "What speaks for that profile."),
    Term::new("version", Text, "", "The highest version of PTP: `1`, `2.0`, `2.1`."),
];

pub(super) const NETWORK_FACTS: &[Term] = &[
    Term::new(
        "domains",
        Map,
        "",
        "Each domain by its name: messages by type, profile, grandmasters in order, announcers with what they announce, ports with their \
         messages and intervals, masters with Sync and time figures, path and link delays, unicast grants, what clocks tell of \
         themselves, and what can't be known (`not_known`).",
    ),
    Term::new("messages_of_unfollowed_domains", Integer, "packets", "Messages of domains that found no room."),
];

/// Fields of versions 1 and 2.
pub(super) const FIELDS: &[Term] = &[
    Term::new("boundary_hops", Integer, "", "How many boundary clocks a management message may still pass."),
    Term::new("control", Integer, "", "The controlField; in version 1 the kind of message."),
    Term::new("current_utc_offset", Integer, "s", "TAI less UTC."),
    Term::new(
        "flags",
        Any,
        "",
        "The flagField: in version 2 a list of the names of those that are set, in version 1 a number.",
    ),
    Term::new("origin_timestamp", Text, "", "The originTimestamp."),
    Term::new("precise_origin_timestamp", Text, "", "The preciseOriginTimestamp of a Follow_Up."),
    Term::new("requesting_port_identity", Text, "", "The port whose request is answered."),
    Term::new("sequence_id", Integer, "", "The sequenceId."),
    Term::new("source_port_identity", Text, "", "The port that sent the message."),
    Term::new("starting_boundary_hops", Integer, "", "How many boundary clocks a management message may pass in all."),
    Term::new("target_port_identity", Text, "", "The port that a Signaling or management message is for."),
    Term::new("version", Any, "", "The version: text of version 2 (`2.1`), the number 1 of version 1."),
];

/// Fields of version 2 alone (IEEE 1588-2019 clauses 13 and 14).
pub(super) const V2_FIELDS: &[Term] = &[
    Term::new("action", Integer, "", "The actionField of a management message."),
    Term::new("action_name", Text, "", "The name of the action."),
    Term::new("correction", Text, "", "Present where the correctionField says that it is too big to be expressed."),
    Term::new("correction_ns", Number, "ns", "The correctionField."),
    Term::new("domain", Integer, "", "The domainNumber."),
    Term::new("grandmaster_clock_accuracy", Integer, "", "The clockAccuracy of the grandmaster."),
    Term::new("grandmaster_clock_accuracy_name", Text, "", "That accuracy in words."),
    Term::new("grandmaster_clock_class", Integer, "", "The clockClass of the grandmaster."),
    Term::new("grandmaster_clock_class_name", Text, "", "That class in words."),
    Term::new("grandmaster_identity", Text, "", "The clock identity of the grandmaster."),
    Term::new("grandmaster_offset_scaled_log_variance", Integer, "", "The offsetScaledLogVariance of the grandmaster."),
    Term::new("grandmaster_priority1", Integer, "", "The priority1 of the grandmaster."),
    Term::new("grandmaster_priority2", Integer, "", "The priority2 of the grandmaster."),
    Term::new(
        "log_message_interval",
        Integer,
        "",
        "The logMessageInterval: the interval is 2 to that power, in seconds.",
    ),
    Term::new("major_sdo_id", Integer, "", "The majorSdoId."),
    Term::new("message_length", Integer, "bytes", "The messageLength."),
    Term::new("message_type", Text, "", "The name of the messageType."),
    Term::new("message_type_specific", Integer, "", "The messageTypeSpecific field."),
    Term::new("minor_sdo_id", Integer, "", "The minorSdoId."),
    Term::new("receive_timestamp", Text, "", "The receiveTimestamp of a Delay_Resp."),
    Term::new("request_receipt_timestamp", Text, "", "The requestReceiptTimestamp of a Pdelay_Resp."),
    Term::new("response_origin_timestamp", Text, "", "The responseOriginTimestamp of a Pdelay_Resp_Follow_Up."),
    Term::new("steps_removed", Integer, "", "The stepsRemoved of an Announce."),
    Term::new("time_source", Integer, "", "The timeSource of an Announce."),
    Term::new("time_source_name", Text, "", "That source in words."),
    Term::new("tlvs", List, "", "The TLVs, each a map of its type and what is in it."),
];

/// Fields of version 1 alone (IEEE 1588-2002 annex D).
pub(super) const V1_FIELDS: &[Term] = &[
    Term::new("associated_sequence_id", Integer, "", "The number of the Sync that a Follow_Up belongs to."),
    Term::new("communication_technology", Integer, "", "The communication technology of the sender."),
    Term::new("delay_receipt_timestamp", Text, "", "The delayReceiptTimestamp of a Delay_Resp."),
    Term::new("epoch_number", Integer, "", "The epochNumber."),
    Term::new("estimated_master_drift", Integer, "", "The estimatedMasterDrift."),
    Term::new("estimated_master_variance", Integer, "", "The estimatedMasterVariance."),
    Term::new("grandmaster_clock_identifier", Text, "", "The grandmasterClockIdentifier, such as `GPS`."),
    Term::new("grandmaster_clock_stratum", Integer, "", "The stratum of the grandmaster."),
    Term::new("grandmaster_clock_uuid", Text, "", "The UUID of the grandmaster."),
    Term::new("grandmaster_clock_variance", Integer, "", "The variance of the grandmaster."),
    Term::new("grandmaster_communication_technology", Integer, "", "The communication technology of the grandmaster."),
    Term::new("grandmaster_is_boundary_clock", Boolean, "", "Whether the grandmaster is a boundary clock."),
    Term::new("grandmaster_port_id", Integer, "", "The port of the grandmaster."),
    Term::new("grandmaster_preferred", Boolean, "", "Whether the grandmaster is preferred."),
    Term::new("grandmaster_sequence_id", Integer, "", "The grandmasterSequenceId."),
    Term::new("local_clock_identifier", Text, "", "The clock identifier of the sender."),
    Term::new("local_clock_stratum", Integer, "", "The stratum of the sender."),
    Term::new("local_clock_variance", Integer, "", "The variance of the sender."),
    Term::new("local_steps_removed", Integer, "", "The stepsRemoved of the sender."),
    Term::new("management_message", Text, "", "The name of the management message."),
    Term::new("management_message_key", Integer, "", "The managementMessageKey."),
    Term::new("parameter_length", Integer, "bytes", "The length of the parameters of a management message."),
    Term::new("parameters", Text, "", "These parameters, in hexadecimal digits."),
    Term::new("parent_communication_technology", Integer, "", "The communication technology of the sender's parent."),
    Term::new("parent_port", Integer, "", "The port of the sender's parent."),
    Term::new("parent_uuid", Text, "", "The UUID of the sender's parent."),
    Term::new(
        "requesting_communication_technology",
        Integer,
        "",
        "The communication technology of whoever is answered.",
    ),
    Term::new("requesting_sequence_id", Integer, "", "The number of the request that is answered."),
    Term::new("subdomain", Text, "", "The subdomain."),
    Term::new("sync_interval", Integer, "", "The syncInterval: the interval is 2 to that power, in seconds."),
    Term::new(
        "target_communication_technology",
        Integer,
        "",
        "The communication technology of whom a management message is for.",
    ),
    Term::new("utc_reasonable", Boolean, "", "Whether UTC is reasonable."),
];
