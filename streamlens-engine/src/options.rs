//! Options of an analysis.

use std::sync::Arc;

use streamlens_model::{FlowKey, Transport};

use crate::outer::{TimeSource, Tunnels};

/// Decides which packets a [`DecodeAs`] rule speaks of.
pub type Selector = Arc<dyn Fn(&FlowKey, Transport) -> bool + Send + Sync>;

/// Packets that are to be decoded as an encoding, whatever the evidence says.
#[derive(Clone)]
pub struct DecodeAs {
    /// Which packets.
    pub selector: Selector,
    /// Name of the encoding, as its decoder gives it.
    pub encoding_name: String,
    /// How the rule was written, for the finding that says that nothing came of it.
    pub rule: String,
}

/// Options of an analysis. [`Default`] suits files.
#[derive(Clone)]
pub struct EngineOptions {
    /// Flows that are kept apart; frames of further ones are counted under `flow table full`. 2 million.
    pub max_flows: usize,
    /// Intervals more than this many standard deviations from the mean are outliers. 3.
    pub outlier_deviations: f64,
    /// From so many flows on, the frames of new flows are kept as they are while they are few, and decoded when there are
    /// more of them or when a result is made. The result is the same; many flows of few frames take a fraction of the
    /// memory. The first [look](crate::Engine::look) decodes them, and none is deferred from then on. 16,384.
    pub defer_above_flows: usize,
    /// Whether flows end where the table is full: those that have been idle longest, for a minute at least, make room for new
    /// ones, and their totals are kept. Not from files, where the table then closes.
    pub ends_idle_flows: bool,
    /// Length in nanoseconds of the intervals of time in which counts are kept beside the totals; none unless set.
    pub interval_ns: Option<u64>,
    /// Whether it is listed which frames rows count, for [`Engine::frames_of`](crate::Engine::frames_of): a few bytes for each frame
    /// of an encoding. Takes the place of intervals of time. Not unless set.
    pub lists_frames: bool,
    /// Within how many nanoseconds a frame whose bytes behind the link header are those of one before it, in the same flow
    /// and on the same interface, is a copy that the capture made: it counts as a frame of its flow, transport and
    /// encoding, and enters nothing else below the transport. 1 ms; 0 takes no frame for a copy.
    pub copy_window_ns: u64,
    /// Layers that are taken off frames, so that the inner frame is the frame: mirror formats, unless told.
    pub decap: Tunnels,
    /// Whose time stamps are believed: the capture's, unless told.
    pub time_source: TimeSource,
    /// Windows in nanoseconds, the shortest first, of which the fullest are found, of each flow and interface; none unless set.
    pub burst_windows_ns: Vec<u64>,
    /// Speed of the links in bits per second, before what the capture says of it.
    pub link_speed: Option<u64>,
    /// Whether lengths and first bytes of payloads that no decoder takes are kept. Not unless set.
    pub samples_unidentified: bool,
    /// Packets that are to be decoded as an encoding; the first rule that fits is followed.
    pub decode_as: Vec<DecodeAs>,
    /// Threads that share the work. 0, the default, takes as many as the machine has cores, up to 8. The result is
    /// the same for any number.
    pub threads: usize,
}

/// The order of the flows of a result. What is undefined comes last; equal flows stay in the order in which they were
/// first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowOrder {
    /// The earliest first frame first, then by key.
    #[default]
    FirstSeen,
    /// The earliest last frame first.
    LastSeen,
    /// Most frames first.
    Frames,
    /// Most bytes first.
    Bytes,
    /// Highest bit rate first.
    BitRate,
    /// By source, then destination.
    Source,
    /// By destination, then source.
    Destination,
}

impl FlowOrder {
    /// Whether nothing matters but what the first frame of a flow says, given that it is the earliest.
    pub(crate) fn is_by_beginning(self) -> bool {
        matches!(self, Self::FirstSeen | Self::Source | Self::Destination)
    }
}

/// Which flows and findings a result holds. Its totals are those of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSelection {
    /// Their order.
    pub order: FlowOrder,
    /// Only the first so many of that order; all unless told.
    pub top: Option<usize>,
    /// Only so many findings of all flows, the gravest; all unless told. The rest are counted.
    pub most_findings: Option<usize>,
}

impl EngineOptions {
    /// Options for frames that come as they are sent: at most 65,536 flows, of which idle ones end by need, and every frame is
    /// decoded when it comes.
    #[must_use]
    pub fn live() -> Self {
        Self { max_flows: 65_536, defer_above_flows: usize::MAX, ends_idle_flows: true, ..Self::default() }
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            max_flows: 2_000_000,
            outlier_deviations: 3.0,
            defer_above_flows: 16_384,
            ends_idle_flows: false,
            interval_ns: None,
            lists_frames: false,
            copy_window_ns: 1_000_000,
            decap: Tunnels::default(),
            time_source: TimeSource::default(),
            burst_windows_ns: Vec::new(),
            link_speed: None,
            samples_unidentified: false,
            decode_as: Vec::new(),
            threads: 0,
        }
    }
}
