//! RTP (RFC 3550): header, streams by SSRC, and what their payloads are.

mod header;

pub use header::RtpPacket;
