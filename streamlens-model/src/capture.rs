//! What is known of a capture beside its frames.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::row::Retired;
use crate::{FrameSource, InterfaceBursts, LinkType, Occurrence, Timestamp};

/// One interface of a capture, in the order in which the capture describes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name where the capture gives one (pcapng `if_name`), else `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How its frames begin.
    pub link_type: LinkType,
    /// The longest capture of one frame in bytes; 0 where there is no limit or none is known.
    pub snap_length: u32,
    /// Its speed in bits per second (pcapng `if_speed`), where the capture says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<u64>,
    /// The step of its time stamps in nanoseconds, at least 1 (finer steps are rounded up to 1).
    pub resolution_ns: u64,
    /// Frames that the capture itself reports as dropped (pcapng interface statistics: `isb_ifdrop` and
    /// `isb_osdrop` together, the last report), `None` where it says nothing. They never were in the capture, so
    /// what is missing because of them is no loss of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// The same by who dropped them, and how many frames passed the capture filter; for live captures. Shown in
    /// [`CaptureSummary::dropped_by`].
    #[serde(skip)]
    pub counts: Option<LiveCounts>,
}

impl Interface {
    /// Whether another description, of a further section or file, may be that of the same interface: all that describes it is
    /// equal, and only what it counted may differ.
    #[must_use]
    pub fn is_described_like(&self, other: &Self) -> bool {
        (&self.name, self.link_type, self.snap_length, self.resolution_ns)
            == (&other.name, other.link_type, other.snap_length, other.resolution_ns)
    }
}

/// What an interface counted while it was captured on. Frames that were read and those dropped by the ring add up to
/// `accepted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Frames that passed the capture filter.
    pub accepted: u64,
    /// Frames dropped, by whom.
    pub dropped: DroppedBy,
    /// Frames that are longer than the wire can carry.
    pub merged: MergedFrames,
    /// Frames that the adapter stamped; the kernel stamped the others.
    pub stamped_by_adapter: u64,
    /// Time by the adapter's clock less system time at its first frame, in nanoseconds; `None` where it has stamped none.
    pub adapter_ahead_ns: Option<i64>,
    /// The ring between kernel and program; `None` where the system doesn't tell.
    pub ring: Option<RingUse>,
    /// Whether frames can come; `None` where the system doesn't tell.
    pub link: Option<LinkState>,
}

/// How full the ring between kernel and program is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingUse {
    /// Bytes that it has.
    pub bytes: u64,
    /// The most bytes of it that may have waited to be read within the last second: those of all blocks that were read in a row
    /// before it was empty.
    pub waited: u64,
}

/// Whether frames can come over an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// They can.
    #[default]
    Up,
    /// It was turned off; since when.
    Down(Timestamp),
    /// It is up, and nothing is at the other end; since when.
    NoCarrier(Timestamp),
    /// It was deleted, and no more will come; since when.
    Gone(Timestamp),
}

/// Frames longer than the MTU of their interface allows: the adapter or the kernel merged them of several, before they were
/// captured or before they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergedFrames {
    /// How many.
    pub frames: u64,
    /// Bytes of the longest.
    pub longest: u32,
    /// The MTU, in bytes.
    pub mtu: u32,
}

/// Frames of one interface that were dropped while they were captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedBy {
    /// By the ring between kernel and program: the program was too slow, or the ring too small.
    pub ring: u64,
    /// By the adapter or its driver, before the kernel saw them; `None` where they do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<u64>,
}

/// Something that a reader or the analysis has to say about the capture as a whole: where it is cut or damaged,
/// and what that means for the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable code: `capture.truncated`, `capture.damaged`, ...
    pub code: Cow<'static, str>,
    /// The file, where there are files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Byte offset in the (uncompressed) capture at which the trouble begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// Number of the last frame read before it, counted from 1 within its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_frame: Option<u64>,
    /// What is wrong and what follows from it, in a sentence.
    pub text: String,
    /// Whether something that should be there could not be read; the command's exit status is then 5.
    pub incomplete: bool,
}

/// How good the time stamps are; it stands beside every verdict that leans on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampQuality {
    /// The coarsest step of any interface with frames, in nanoseconds; `None` without frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution_ns: Option<u64>,
    /// Where the stamps come from, as far as the capture says: `unknown` for files that do not tell.
    pub source: String,
    /// Steps backwards between consecutive frames of one interface.
    pub backward_steps: u64,
    /// The largest of them, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_backward_step_ns: Option<u64>,
    /// The frame that steps back first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_backward_step: Option<Occurrence>,
    /// The frame that steps back last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backward_step: Option<Occurrence>,
    /// Frames without a time.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub without_time: u64,
}

/// Where the capture itself dropped frames: what a stream misses there may not have been lost in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropPlace {
    /// Number of the first frame behind them, counted from 1 over the whole analysis.
    pub frame: u64,
    /// How many were dropped there, as far as is known.
    pub dropped: u64,
}

/// The `capture` object of the result document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CaptureSummary {
    /// The file, `-` for standard input, or `None` for memory and live frames. Several paths are joined by `, `.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `pcap`, `pcapng`, `pcap in gzip`, ...; several are joined by `, `.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Names of the link types of the frames, in order of first appearance.
    pub link_types: Vec<String>,
    /// Frames read.
    pub packets: u64,
    /// Sum of their lengths on the wire.
    pub bytes: u64,
    /// Sum of their lengths as captured.
    pub captured_bytes: u64,
    /// Bytes on the wire of layers around frames that were taken off (mirror formats, tunnels, trailers): those of the flows and of
    /// `not_in_flows` are `bytes` less these.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub outer_bytes: u64,
    /// Frames whose flows do not say what lay around them, for want of room: 65,536 flows do, 8 paths each.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub outer_not_kept: u64,
    /// The earliest time of any frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The latest time of any frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// The times of the very first and of the very last frame, which are others than the earliest and the latest where times run
    /// backwards. Not part of the document.
    #[serde(skip)]
    pub end_times: [Option<Timestamp>; 2],
    /// The interfaces, in the order of the capture.
    pub interfaces: Vec<Interface>,
    /// Frames that the capture itself lost, by interface.
    pub dropped: BTreeMap<String, u64>,
    /// The same by who dropped them; for live captures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped_by: BTreeMap<String, DroppedBy>,
    /// Where frames were dropped, in ascending order, as far as the source knows; findings about loss say so.
    #[serde(skip)]
    pub drop_places: Vec<DropPlace>,
    /// How good the times are.
    pub timestamps: TimestampQuality,
    /// Frames that are in no flow, by reason. With the flows' frames they add up to `packets`.
    pub not_in_flows: BTreeMap<String, u64>,
    /// The most within short times, of each interface with frames, where that is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bursts: Vec<InterfaceBursts>,
    /// Totals of flows that ended while frames came; `None` where none did. With the frames of the flows and of
    /// `not_in_flows` theirs add up to `packets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// What was wrong with the capture.
    pub warnings: Vec<Warning>,
}

impl CaptureSummary {
    /// The first and the last frame with their own times, for what is found of the capture as a whole.
    #[must_use]
    pub fn span(&self) -> (Occurrence, Occurrence) {
        let [first, last] = self.end_times;
        (Occurrence { frame: 1, time: first }, Occurrence { frame: self.packets.max(1), time: last })
    }

    /// Bits on the wire per second from the earliest to the latest frame, as that of a flow: see
    /// [`mean_bit_rate`](crate::row::mean_bit_rate).
    #[must_use]
    pub fn bit_rate(&self) -> Option<f64> {
        crate::row::mean_bit_rate(self.first_seen, self.last_seen, self.packets, self.bytes)
    }

    /// What a source knows of its capture by now: name, format, interfaces, drops, warnings. What only its frames tell is
    /// filled in by whoever has seen them.
    #[must_use]
    pub fn of<S: FrameSource + ?Sized>(source: &S) -> Self {
        let interfaces = source.interfaces().to_vec();
        let mut summary = Self {
            path: Some(source.name().to_owned()),
            format: Some(source.format().to_owned()),
            warnings: source.warnings().to_vec(),
            drop_places: source.drop_places().to_vec(),
            ..Self::default()
        };
        for (number, interface) in interfaces.iter().enumerate() {
            let name = interface.name.clone().unwrap_or_else(|| number.to_string());
            if let Some(counts) = interface.counts {
                summary.dropped_by.insert(name.clone(), counts.dropped);
            }
            if let Some(dropped) = interface.dropped {
                *summary.dropped.entry(name).or_default() += dropped;
            }
        }
        summary.timestamps.resolution_ns = interfaces.iter().map(|interface| interface.resolution_ns).max();
        summary.timestamps.source = source.timestamp_source().to_owned();
        summary.interfaces = interfaces;
        summary
    }
}
