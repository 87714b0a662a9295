//! SAP (RFC 2974), and the session descriptions that it carries: SDP (RFC 8866) with what RTP (RFC 3551), AES67,
//! ST 2110 and reference clocks (RFC 7273) add.
//!
//! Decoded: the SAP header, announcements and deletions, plain session descriptions. Announcements, and descriptions
//! given by the user, are compared with the RTP that is really sent. Not decoded: encrypted and compressed
//! announcements, and whether an authentication holds.

#[cfg(feature = "sap")]
mod compare;
#[cfg(feature = "sap")]
mod decoder;
mod description;
#[cfg(feature = "sap")]
mod header;
#[cfg(all(feature = "sap", feature = "ptp"))]
mod media_time;
#[cfg(feature = "sap")]
mod monitor;
mod terms;
#[cfg(test)]
#[cfg(feature = "all")]
mod tests;

#[cfg(feature = "sap")]
pub use decoder::SapDecoder;
pub use description::{MediaDescription, PayloadFormat, SdpError, SessionDescription};
#[cfg(feature = "sap")]
pub use header::{SapContent, SapPacket};
#[cfg(all(feature = "sap", feature = "ptp"))]
pub(crate) use media_time::MediaTime;
