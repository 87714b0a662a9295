//! RTCP in a byte stream, where no RTP is with it: what the receiver of RTP over TCP sends.

use streamlens_model::Packet;

use super::decoder::RtcpFlow;
use super::packet::{Compound, compound};
use crate::rtp::framing::{self, Content, Framing, evidence};
use crate::{Confidence, DecodeError, DecodingResult, PduState};

/// Where a flow stands in its byte stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Framed {
    framing: Option<Framing>,
    /// Bytes of the compound at hand that no packet has taken.
    pub(super) left: usize,
}

/// How much the front of a stream looks like framed RTCP. Never enough at once: RTP may come behind it.
#[cold]
pub(super) fn confidence(bytes: &[u8]) -> Confidence {
    match evidence(bytes) {
        Some(found) if found.rtp == 0 && found.messages > 0 && found.rtcp > 0 => {
            Confidence::new(0.6, "RTCP packets between messages of RTSP")
        }
        Some(found) if found.rtp == 0 && found.rtcp > 2 => Confidence::new(0.6, "framed RTCP packets"),
        _ => Confidence::NONE,
    }
}

impl RtcpFlow {
    /// As `decode_packet`, of a byte stream.
    pub(super) fn decode_framed(
        &mut self,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        let bytes = packet.payload;
        if self.framed.left > 0 {
            let left = std::mem::take(&mut self.framed.left).min(bytes.len());
            let rest = bytes.get(..left).unwrap_or_default();
            let taken = self.inner(packet, rest, 1, result);
            self.framed.left = left - taken;
            return Ok(taken);
        }
        let (framing, unit) = framing::next(self.framed.framing, bytes, "RTCP")?;
        self.framed.framing = Some(framing);
        let Content::Rtcp(inner) = unit.content else {
            result.state = PduState::Unfinished;
            return Ok(unit.taken);
        };
        let taken = self.inner(packet, inner, 0, result);
        self.framed.left = inner.len() - taken;
        Ok(unit.taken - self.framed.left)
    }

    /// Takes the next packet of a compound; all of it where that is none.
    fn inner(&mut self, packet: &Packet<'_>, rest: &[u8], offset: usize, result: &mut DecodingResult) -> usize {
        let datagram = Packet { payload: rest, offset, missing: 0, is_stream: false, ..*packet };
        let is_whole = offset > 0 || compound(rest, 0) != Compound::Broken;
        match self.decode_datagram(&datagram, result) {
            Ok(taken) if is_whole => taken.min(rest.len()),
            _ => {
                result.clear();
                result.state = PduState::Unfinished;
                rest.len()
            }
        }
    }
}
