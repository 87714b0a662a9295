//! What became of the packets of a stream.

use serde::{Deserialize, Serialize};

use crate::stats::Gap;
use crate::{Metadata, Occurrence, Timestamp};

/// Health of one stream of an encoding, by the sequence accounting of all protocols.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamHealth {
    /// The identifier, as its protocol writes it.
    pub id: String,
    /// A name for people, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the packets of other streams of the encoding lie in those of this one, as those of channels in datagrams. What is
    /// added up is then either, never both.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_carrier: bool,
    /// Its first packet. Not part of the document.
    #[serde(skip)]
    pub first: Option<Occurrence>,
    /// When its latest packet came. Not part of the document.
    #[serde(skip)]
    pub latest: Option<Timestamp>,
    /// Packets received, duplicates included.
    pub received: u64,
    /// Numbers from the first to the highest, over all restarts; `None` where the stream has no sequence numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Numbers that never came: `expected` less what was received without duplicates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Packets whose number had come before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Packets that came after one with a higher number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// How many numbers behind the highest the latest of them was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_reorder_distance: Option<u64>,
    /// How often counting began afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// The most numbers in a row that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap: Option<u64>,
    /// The frame that ended the longest gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap_at: Option<Occurrence>,
    /// How many runs of numbers never came; `None` where none is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_count: Option<u64>,
    /// Of these the 16 latest and of those before the 16 largest, in the order of their frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// RFC 3550 §6.4.1 interarrival jitter against the stream's own clock in nanoseconds; `None` without a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// How much faster the stream's clock runs than the capture's, in parts per million; `None` without a clock, or
    /// with less than a second of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// Per interval of time, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<StreamInterval>,
    /// Further measures and facts.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub measures: Metadata,
}

/// What came of a stream in one interval of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamInterval {
    /// Where it begins: a multiple of its length since the epoch.
    pub start: Timestamp,
    /// Packets received in it, duplicates included.
    pub packets: u64,
    /// Numbers that were found missing in it and never came; `None` where the stream has no sequence numbers. The sum over all is
    /// what the stream lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<i64>,
    /// RFC 3550 §6.4.1 jitter in nanoseconds after its last packet there; `None` without a media clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
}
