//! SAP (RFC 2974), and the session descriptions that it carries: SDP (RFC 8866) with what RTP (RFC 3551), AES67,
//! ST 2110 and reference clocks (RFC 7273) add.
//!
//! Decoded: the SAP header, announcements and deletions, plain session descriptions. Announcements, and descriptions
//! given by the user, are compared with the RTP that is really sent. Not decoded: encrypted and compressed
//! announcements, and whether an authentication holds.

mod compare;
mod decoder;
mod description;
mod header;
mod media_time;
mod monitor;
#[cfg(test)]
mod tests;

pub use decoder::SapDecoder;
pub use description::{MediaDescription, PayloadFormat, SdpError, SessionDescription};
pub use header::{SapContent, SapPacket};
pub(crate) use media_time::MediaTime;
