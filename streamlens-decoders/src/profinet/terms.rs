//! What PROFINET's decoder declares of its results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Boolean, Integer, List, Map, Text};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "profinet.alarm",
        Warning,
        "A device sent an alarm; of harmless types no more than worth knowing.",
    ),
    FindingInfo::new(
        "profinet.cm-error",
        Warning,
        "A call of the context manager was answered with a PNIO status that is not good.",
    ),
    FindingInfo::new("profinet.cm-fault", Warning, "A call of the context manager was faulted or rejected by DCE/RPC."),
    FindingInfo::new(
        "profinet.cycle-gap",
        Warning,
        "The cycle counter passed over frames, or went on by what is no multiple of its step.",
    ),
    FindingInfo::new("profinet.dcp-flood", Warning, "A station sent very many DCP requests within a second."),
    FindingInfo::new("profinet.dcp-refused", Warning, "A station refused to set what DCP Set asked for."),
    FindingInfo::new(
        "profinet.dcp-set",
        Warning,
        "DCP Set changed a station's name or address or reset it; a warning where that is done while its application relation runs.",
    ),
    FindingInfo::new(
        "profinet.duplicate-address",
        Error,
        "Two stations answered with the same IP address, or a station found its address in use.",
    ),
    FindingInfo::new("profinet.duplicate-station-name", Error, "Two stations answered to the same station name."),
    FindingInfo::new("profinet.malformed", Warning, "A PDU's lengths or fields do not fit."),
    FindingInfo::new(
        "profinet.module-difference",
        Warning,
        "A device's modules differ from those that the controller expects.",
    ),
    FindingInfo::new(
        "profinet.provider-lost",
        Error,
        "No cyclic frame came for longer than the watchdog's time-out, without a release or abort that explains it.",
    ),
    FindingInfo::new(
        "profinet.relation-ended",
        Error,
        "An RTA error ended an application relation; where that is how a relation is released, no more than worth knowing.",
    ),
    FindingInfo::new("profinet.station-problem", Warning, "The provider reports a station problem in its data status."),
    FindingInfo::new("profinet.status-changed", Info, "The data status of cyclic frames changed."),
    FindingInfo::new("profinet.stop", Warning, "The provider went from run to stop, by its data status."),
    FindingInfo::new(
        "profinet.update-time",
        Warning,
        "Cyclic frames do not come in the update time that was agreed on, or that their cycle counter stands for.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("alarm_types", Map, "", "Alarms by type."),
    Term::new(
        "calls_with_missing_fragments",
        Integer,
        "",
        "Calls of the context manager that were never put together from their fragments.",
    ),
    Term::new("dst_station", Text, "", "The station name of the flow's destination."),
    Term::new("fragments", Integer, "packets", "Frames that are fragments of others."),
    Term::new("fragments_missing", Integer, "packets", "Fragments that are missing by their numbers."),
    Term::new("frame_ids", Map, "packets", "Frames by FrameID, `0x8000`."),
    Term::new("frames_of_further_ids", Integer, "packets", "Frames of FrameIDs that found no room in `frame_ids`."),
    Term::new(
        "frames_of_further_streams",
        Integer,
        "packets",
        "Cyclic frames of FrameIDs that found no room among the streams.",
    ),
    Term::new("rta", Map, "packets", "PDUs of the alarm protocol by kind."),
    Term::new("src_station", Text, "", "The station name of the flow's source."),
];

pub(super) const MEASURES: &[Term] = &[
    Term::new("agreed_data_length", Integer, "bytes", "Bytes of data that were agreed on for a frame."),
    Term::new(
        "agreed_update_time_ns",
        Integer,
        "ns",
        "The update time that was agreed on: send clock times reduction ratio.",
    ),
    Term::new("backup_frames", Integer, "packets", "Frames whose data status says backup, and not primary."),
    Term::new("bad_transfer_frames", Integer, "packets", "Frames whose transfer status is not 0."),
    Term::new("controller", Text, "", "The controller of the relation: its station name, or its MAC address."),
    Term::new("counter_step", Integer, "31.25 us", "The step of the cycle counter that came most often."),
    Term::new("counter_steps", Map, "packets", "Frames by the step of the cycle counter from the frame before."),
    Term::new(
        "data_hold_factor",
        Integer,
        "",
        "After how many cycles without a frame the consumer lets its data go, as agreed on.",
    ),
    Term::new("data_length", Integer, "bytes", "Bytes of data in the last frame."),
    Term::new("data_status", Text, "", "The data status of the last frame, with its bits in words."),
    Term::new("data_status_counts", Map, "packets", "Frames by data status, `0x35`."),
    Term::new("device", Text, "", "The device of the relation: its station name, or its address."),
    Term::new("direction", Text, "", "The kind of the IO communication relation: `input`, `output` or multicast."),
    Term::new("first_frame", Integer, "", "Its first frame."),
    Term::new(
        "frame_check_sequence_left_in",
        Boolean,
        "",
        "Present and true where the capture left the frame check sequence in.",
    ),
    Term::new("frames", Integer, "packets", "Its frames."),
    Term::new("frames_cut", Integer, "packets", "Frames whose end, where counter and status stand, was not captured."),
    Term::new(
        "frames_of_further_steps",
        Integer,
        "packets",
        "Frames with steps of the cycle counter that found no room in `counter_steps`.",
    ),
    Term::new("ignored_frames", Integer, "packets", "Frames whose data status tells the consumer to ignore them."),
    Term::new(
        "interval_ns",
        Map,
        "ns",
        "The time from frame to frame by the capture's clock: count, extremes, mean, standard deviation.",
    ),
    Term::new("invalid_frames", Integer, "packets", "Frames whose data status says that their data are not valid."),
    Term::new("last_frame", Integer, "", "Its last frame."),
    Term::new(
        "missing_cycles",
        Integer,
        "packets",
        "Frames that the cycle counter passed over, by the step that came most often.",
    ),
    Term::new("nominal_update_time_ns", Integer, "ns", "The update time that the cycle counter's step stands for."),
    Term::new("phase", Integer, "", "The phase of the frame within the reduction ratio, as agreed on."),
    Term::new("reduction_ratio", Integer, "", "The reduction ratio, as agreed on."),
    Term::new("relation", Text, "", "The UUID of the application relation."),
    Term::new("rt_class", Text, "", "The real-time class, as agreed on: `RT_CLASS_1`."),
    Term::new("send_clock_factor", Integer, "31.25 us", "The send clock factor, as agreed on."),
    Term::new(
        "slots",
        List,
        "",
        "Where the data of each `slot` and `subslot` lie: their `offset` in the frame, as agreed on.",
    ),
    Term::new(
        "station_problem_frames",
        Integer,
        "packets",
        "Frames whose data status says that the station has a problem.",
    ),
    Term::new("status_change_count", Integer, "", "How often the data status changed."),
    Term::new("status_changes", List, "", "The first changes of the data status, with frame and time."),
    Term::new("stop_frames", Integer, "packets", "Frames whose data status says that the provider is in stop."),
    Term::new(
        "times_backwards",
        Integer,
        "packets",
        "Frames that were captured before the frame before, by the capture's clock.",
    ),
    Term::new("transfer_status_counts", Map, "packets", "Frames by transfer status, `0x00`."),
    Term::new("update_time_ns", Integer, "ns", "The median time from frame to frame."),
    Term::new("watchdog_factor", Integer, "", "After how many cycles without a frame the relation ends, as agreed on."),
];

pub(super) const NETWORK_FACTS: &[Term] = &[Term::new(
    "profinet",
    Map,
    "",
    "The `stations` with their names and addresses, the application `relations` with their communication relations and `relation_count`, and \
     the `operations` of the context manager with their response times.",
)];

pub(super) const FIELDS: &[Term] = &[
    Term::new("cycle_counter", Integer, "31.25 us", "The cycle counter of a cyclic frame."),
    Term::new("data_status", Integer, "", "The data status of a cyclic frame."),
    Term::new("frame_id", Integer, "", "The FrameID."),
    Term::new("operation", Integer, "", "The operation number of an RPC call."),
    Term::new("pdu_type", Text, "", "The kind of a PDU of the alarm protocol."),
    Term::new("rpc_type", Integer, "", "The packet type of DCE/RPC."),
    Term::new("sequence", Integer, "", "The sequence number of an RPC call."),
    Term::new("sequence_id", Integer, "", "The sequence number of a PTCP frame."),
    Term::new("service_id", Integer, "", "The service of a DCP PDU."),
    Term::new("service_type", Integer, "", "Whether a DCP PDU is a request or a response."),
    Term::new("transfer_status", Integer, "", "The transfer status of a cyclic frame."),
    Term::new("xid", Integer, "", "The transaction identifier of a DCP PDU."),
];
