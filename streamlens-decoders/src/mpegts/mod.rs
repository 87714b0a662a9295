//! MPEG-2 transport streams (ISO/IEC 13818-1) in plain UDP, and what is measured of them over RTP as well.
//!
//! Each transport packet is a PDU of type `PID 0x0100`. Decoded: packets of 188 bytes, 204 (parity or filling) and 192
//! (M2TS times), header, adaptation field, continuity counters by PID, program clock references, and of the tables PAT,
//! PMT and SDT. Measured: continuity errors (one repeat and announced discontinuities are lawful), PCR intervals, PCR
//! arrival jitter (RFC 3550's filter over arrival against clock) and spread. Not decoded: PES packets, other tables,
//! scrambled payloads, PCR accuracy within the multiplex.
//!
//! Only a UDP payload that is whole transport packets from its first byte on is taken: transport streams inside other
//! protocols (Chapter 10 data packets, iNET-X) belong to those.

/// What the encoding is called.
const NAME: &str = "MPEG-TS";

mod clock;
mod continuity;
#[cfg(feature = "mpegts")]
mod decoder;
pub(crate) mod meter;
mod packet;
mod psi;
pub(crate) mod terms;
#[cfg(test)]
#[cfg(feature = "mpegts")]
mod tests;

#[cfg(feature = "mpegts")]
pub use decoder::MpegTsDecoder;
pub use packet::{Layout, NULL_PID, PACKET_LENGTH, SYNC_BYTE, SYSTEM_CLOCK_HZ, TsPacket};
