//! The decoder trait of StreamLens and its built-in decoders. A decoder sees payloads and never the flow table.

mod confidence;
mod decoder;
mod error;
mod nanos;
mod report;
mod result;
mod sources;

pub mod chapter10;
pub mod ethercat;
pub mod iena;
pub mod inetx;
pub mod media;
pub mod modbus;
pub mod mpegts;
pub mod ndi;
pub mod npd;
pub mod profinet;
pub mod ptp;
pub mod rtcp;
pub mod rtp;
pub mod sap;
mod telemetry;
mod text;
pub mod tmns;

#[cfg(test)]
#[allow(dead_code, reason = "each protocol's tests use what they need")]
mod testing;

pub use confidence::Confidence;
pub use decoder::{
    Carrier, ConversationMonitor, FlowDecoder, NetworkMonitor, ObservedPdu, Peer, StreamDecoder, Survey, SurveyNotes,
};
pub use error::DecodeError;
pub use report::{FlowReport, NetworkReport, Refinement, StreamReport, StreamReports};
pub use result::{DecodingResult, Flag, MediaClock, PacketType, PduState, StreamMark};
pub use streamlens_model::stats::Sequence;
