//! Packets that RIST sends again (VSF TR-06-1 §5.3.3): those of a source whose last bit is 0, with their numbers and
//! timestamps, by its twin, whose last bit is 1.

use streamlens_model::Occurrence;

use super::RtpPacket;
use super::decoder::RtpFlow;

/// How far behind the last number of the stream a packet may be that is sent again.
const FURTHEST: u16 = 8192;

impl RtpFlow {
    /// Whether a packet of an unknown source is sent again for its twin, for which it then counts. A source is no twin where it
    /// sends on its own: ahead of the other, or half as much.
    #[cold]
    pub(super) fn is_sent_again(&mut self, rtp: &RtpPacket<'_>, at: Occurrence) -> bool {
        if rtp.ssrc & 1 == 0 {
            return false;
        }
        let twin = self.streams.iter_mut().find(|stream| stream.ssrc == rtp.ssrc & !1 && stream.proven);
        let Some(stream) = twin else { return false };
        let Some(path) = stream.path.as_mut() else { return false };
        let behind = (path.range().1 as u16).wrapping_sub(rtp.sequence);
        let is_past = stream.last_timestamp.wrapping_sub(rtp.timestamp).cast_signed() >= 0;
        let is_sparse = stream.retransmissions * 2 < stream.packets;
        if stream.payload_type != rtp.payload_type || !(1..=FURTHEST).contains(&behind) || !is_past || !is_sparse {
            return false;
        }
        path.fill(rtp.sequence, at);
        stream.retransmissions += 1;
        true
    }
}
