//! RTP (RFC 3550): header, streams by SSRC, and what their payloads are.
//!
//! Decoded: the fixed header, contributing sources, header extensions with their elements (RFC 8285), padding; static
//! payload types (RFC 3551). Streams are proved by their sequence numbers before packets of a new source count beyond
//! a small credit, so that what merely looks like RTP is refused. Over TCP, packets are taken out of RTSP (RFC 2326 §10.12) and
//! from behind lengths (RFC 4571). Not decoded: what SRTP has encrypted, RTP inside of TURN channels.

mod clocks;
mod decoder;
mod framed;
pub(crate) mod framing;
mod header;
mod jitter;
mod joined;
mod path;
mod payload_type;
mod probation;
mod probe;
mod redundancy;
mod report;
mod retransmission;
mod steps;
mod stream;
mod terms;
#[cfg(test)]
mod tests;

pub use decoder::{RtpDecoder, RtpFlow, RtpPacketCounts, RtpStreamView};
pub(crate) use header::is_rtcp_type;
pub use header::{ExtensionElement, ExtensionElements, FIXED_HEADER_LENGTH, RtpPacket};
pub use jitter::RtpJitter;
pub use payload_type::{StaticPayloadType, static_payload_type};
pub use stream::ClockSource;
