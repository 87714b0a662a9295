//! RTCP (RFC 3550 §6): reports of senders and receivers, descriptions, goodbyes and feedback.
//!
//! Decoded: the packets of a compound, each by itself; sender information, report blocks, source descriptions and
//! goodbyes in full; of feedback (RFC 4585) and extended reports (RFC 3611) the kind. Measured: loss and jitter at the
//! far end, round trips, the sender's clocks. SRTCP (RFC 3711) is taken as one packet of its first header's type, all
//! that is in the clear, where it is whole words long or its index is where the transform puts it; with RTP of the same source in
//! the flow, the encoding is SRTCP. Not decoded: the contents of feedback and of extended reports. Over TCP it is read where no
//! RTP is with it (RFC 2326 §10.12, RFC 4571).

mod decoder;
mod framed;
mod monitor;
mod packet;
mod probe;
mod sender_clock;
mod terms;
#[cfg(test)]
mod tests;

pub use decoder::{RtcpDecoder, RtcpFlow};
pub use packet::{APP, BYE, CNAME, Descriptions, PSFB, RR, RTPFB, ReportBlock, RtcpPacket, SDES, SR, SenderInfo, XR};
