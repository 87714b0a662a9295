//! The most that came within a short time.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The most bytes and the most frames within any window of a length: every window that begins with a frame is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// How long the window is, in nanoseconds; its end is not in it.
    pub window_ns: u64,
    /// The most bytes on the wire, as other counts of bytes: without preamble, check sequence and gap.
    pub bytes: u64,
    /// When the window with them begins; of several the first.
    pub bytes_since: Timestamp,
    /// The most frames.
    pub frames: u64,
    /// When the window with them begins; of several the first.
    pub frames_since: Timestamp,
    /// The greatest share of the link's speed, with the 24 bytes that Ethernet adds to each frame (preamble, check sequence, gap);
    /// above 1.0 where stamps are coarse or the speed is not that of the link. `None` where no speed is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_use: Option<f64>,
    /// Whether there may have been more: windows held more frames than are followed.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub is_at_least: bool,
}

/// The bursts of all frames of an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterfaceBursts {
    /// Its name, or its number in the capture.
    pub interface: String,
    /// Its speed in bits per second, as told or as the capture says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_speed: Option<u64>,
    /// By window, the shortest first.
    pub bursts: Vec<Burst>,
}
