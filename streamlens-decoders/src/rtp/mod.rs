//! RTP (RFC 3550): header, streams by SSRC, and what their payloads are.
//!
//! Decoded: the fixed header, contributing sources, header extensions with their elements (RFC 8285), padding; static
//! payload types (RFC 3551). Streams are proved by their sequence numbers before packets of a new source count beyond
//! a small credit, so that what merely looks like RTP is refused. Not decoded: what SRTP has encrypted, RTP inside
//! of TCP (RFC 4571, RTSP interleaved) and inside of TURN channels.

mod clocks;
mod decoder;
mod header;
mod jitter;
mod joined;
mod path;
mod payload_type;
mod probation;
mod probe;
mod redundancy;
mod report;
mod steps;
mod stream;
#[cfg(test)]
mod tests;

pub use decoder::{RtpDecoder, RtpFlow, RtpPacketCounts, RtpStreamView};
pub(crate) use header::is_rtcp_type;
pub use header::{ExtensionElement, ExtensionElements, FIXED_HEADER_LENGTH, RtpHeaderError, RtpPacket};
pub use jitter::RtpJitter;
pub use payload_type::{StaticPayloadType, static_payload_type};
pub use stream::ClockSource;
