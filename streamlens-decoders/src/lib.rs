#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "all"),
    allow(dead_code, unused_imports, reason = "what several decoders share is compiled with any of them")
)]
#![cfg_attr(
    not(feature = "all"),
    allow(rustdoc::broken_intra_doc_links, reason = "they lead to decoders that are off")
)]

#[cfg_attr(not(feature = "all"), allow(dead_code))]
mod clock_offset;
mod confidence;
#[cfg(all(test, feature = "all"))]
mod declarations;
mod decoder;
mod error;
mod info;
mod joined;
mod nanos;
mod report;
mod result;
mod sources;
mod text;
mod wire;

#[cfg(feature = "chapter10")]
pub mod chapter10;
#[cfg(feature = "ethercat")]
pub mod ethercat;
#[cfg(feature = "iena")]
pub mod iena;
#[cfg(feature = "inetx")]
pub mod inetx;
#[cfg(feature = "rtp")]
pub mod media;
#[cfg(feature = "modbus")]
pub mod modbus;
// what is measured of transport streams is measured of those in RTP as well
#[cfg(any(feature = "mpegts", feature = "rtp"))]
pub mod mpegts;
#[cfg(feature = "ndi")]
pub mod ndi;
#[cfg(feature = "npd")]
pub mod npd;
#[cfg(feature = "profinet")]
pub mod profinet;
#[cfg(feature = "ptp")]
pub mod ptp;
#[cfg(feature = "rtcp")]
pub mod rtcp;
#[cfg(feature = "rtp")]
pub mod rtp;
// RTP needs the session descriptions, and SAP all of it
#[cfg(feature = "rtp")]
pub mod sap;
#[cfg(any(feature = "iena", feature = "inetx", feature = "npd", feature = "tmns"))]
mod telemetry;
#[cfg(feature = "tmns")]
pub mod tmns;

#[cfg(test)]
#[allow(dead_code, reason = "each protocol's tests use what they need")]
mod testing;

pub use confidence::Confidence;
pub use decoder::{
    Carrier, ConversationMonitor, FlowDecoder, NetworkMonitor, ObservedPdu, Peer, StreamDecoder, Survey, SurveyNotes,
};
pub use error::DecodeError;
pub use info::{DecoderInfo, Names};
pub use joined::Joined;
pub use report::{FlowReport, NetworkReport, Refinement, StreamReport, StreamReports};
pub use result::{DecodingResult, Flag, MediaClock, PacketType, PduState, StreamMark};
pub use streamlens_model::stats::Sequence;
pub use streamlens_model::{Declared, FindingInfo, Term, ValueType};
