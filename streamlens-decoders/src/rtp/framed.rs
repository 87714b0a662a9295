//! RTP in a byte stream: packets are taken out of their frames, and count as those of a datagram.

use streamlens_model::Packet;

use super::RtpPacket;
use super::decoder::{RtpFlow, refused};
use super::framing::{self, Content, Framing, evidence};
use crate::{Confidence, DecodeError, DecodingResult, PacketType, PduState};

/// The packet type of RTCP beside RTP in one stream; its contents are read where a stream holds nothing else.
pub(super) const RTCP: PacketType = PacketType(0x100);
/// The packet type of a message of RTSP.
pub(super) const RTSP: PacketType = PacketType(0x101);

/// How much the front of a stream looks like framed RTP.
#[cold]
pub(super) fn confidence(bytes: &[u8]) -> Confidence {
    let Some(found) = evidence(bytes) else { return Confidence::NONE };
    match found {
        // one source and numbers that run on: some fifty bits each
        _ if found.follows >= 2 => {
            Confidence::new(0.97, "framed RTP packets of one source, one number after the other")
        }
        _ if found.messages > 0 && found.rtp > 0 => Confidence::new(0.95, "RTP packets between messages of RTSP"),
        _ if found.follows > 0 => Confidence::new(0.6, "two framed RTP packets of one source"),
        _ => Confidence::NONE,
    }
}

impl RtpFlow {
    /// As `decode_packet`, of a byte stream.
    #[inline(never)]
    pub(super) fn decode_framed(
        &mut self,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        let (framing, unit) = framing::next(self.framing, packet.payload, "RTP")?;
        match unit.content {
            Content::Message => result.packet_type = RTSP,
            Content::Rtcp(_) => result.packet_type = RTCP,
            Content::Other => result.state = PduState::Unfinished,
            Content::Rtp(inner) => {
                let datagram = Packet { payload: inner, missing: 0, is_stream: false, ..*packet };
                if self.is_out_of_step && !self.knows(inner) {
                    return Err(refused("behind a gap, a packet of a source that is not known"));
                }
                if self.decode_datagram(&datagram, result).is_err() {
                    // a frame all the same: where the next one stands is known
                    result.clear();
                    result.state = PduState::Unfinished;
                }
            }
        }
        self.is_out_of_step = false;
        self.framing = Some(framing);
        Ok(unit.taken)
    }

    /// Whether a packet is of a stream that was proved.
    fn knows(&self, packet: &[u8]) -> bool {
        let ssrc = RtpPacket::parse(packet).ok().map(|rtp| rtp.ssrc);
        ssrc.is_some_and(|ssrc| self.streams.iter().any(|stream| stream.proven && stream.ssrc == ssrc))
    }
}

impl Framing {
    /// As it is called where it is shown.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Interleaved => "interleaved in RTSP",
            Self::Lengths => "behind lengths (RFC 4571)",
        }
    }
}
