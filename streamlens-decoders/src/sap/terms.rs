//! What SAP's decoder declares of its results.

use streamlens_model::Severity::Warning;
use streamlens_model::ValueType::{Integer, List, Text};
use streamlens_model::{FindingInfo, Term};

pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "rtp.media-time",
        Warning,
        "When packets arrive, timestamps are further off PTP time, or off the delay that is announced (`TSDELAY`), than a receiver has to hold \
         (AES67-2018 7.5, ST 2110-10:2022 8.7).",
    ),
    FindingInfo::new(
        "sap.malformed-medium",
        Warning,
        "A session description holds a stream that can't be read and is passed over.",
    ),
    FindingInfo::new("sap.malformed-sdp", Warning, "An announcement holds a session description that can't be read."),
    FindingInfo::new("sdp.clock-rate", Warning, "Timestamps run at another rate than is announced (`a=rtpmap`)."),
    FindingInfo::new("sdp.format", Warning, "The packets look like another standard than is announced."),
    FindingInfo::new(
        "sdp.not-sent",
        Warning,
        "No RTP goes where a stream is announced, or was for 10 s at least until it was withdrawn.",
    ),
    FindingInfo::new("sdp.packet-time", Warning, "Packets hold another time of sound than is announced (`a=ptime`)."),
    FindingInfo::new(
        "sdp.payload-size",
        Warning,
        "Payloads are not as large as the announced format and the step of timestamps make them.",
    ),
    FindingInfo::new(
        "sdp.payload-type",
        Warning,
        "Packets have a payload type that is not announced for where they go.",
    ),
    FindingInfo::new(
        "sdp.reference-clock",
        Warning,
        "A stream is announced to follow a PTP grandmaster, and its domain has another one (RFC 7273).",
    ),
    FindingInfo::new(
        "sdp.source",
        Warning,
        "A stream is announced from another source than sends it (`a=source-filter`).",
    ),
];

pub(super) const NETWORK_FACTS: &[Term] = &[
    Term::new(
        "sdp_reference_clocks",
        List,
        "",
        "Streams that are announced to follow a PTP grandmaster, that grandmaster, and whether it is in the capture.",
    ),
    Term::new(
        "sdp_sessions",
        List,
        "",
        "Sessions that are announced: name, origin, version, streams (`media`) with how many flows go there, and how often they were \
         announced, changed and deleted.",
    ),
    Term::new("sdp_sessions_not_kept", Integer, "", "Announcements of sessions that found no room."),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("hash", Text, "", "The message identifier hash, `0x1234`."),
    Term::new("sdp", Text, "", "The session description."),
    Term::new("source", Text, "", "The originating source's address."),
];
