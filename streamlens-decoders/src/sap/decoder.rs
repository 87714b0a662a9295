//! The decoder of SAP.

use std::borrow::Cow;
use std::sync::Arc;

use streamlens_model::{Packet, StreamId};

use super::header::{SapContent, SapPacket};
use super::monitor::Announcements;
use super::terms;
use super::{SdpError, SessionDescription};
use crate::media;
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, NetworkMonitor, PacketType, PduState, StreamDecoder,
    StreamMark,
};

pub(super) const NAME: &str = "SAP";
const PORT: u16 = 9875;
const ANNOUNCEMENT: u32 = 0;
const DELETION: u32 = 1;

/// SAP over UDP (RFC 2974), with session descriptions given besides.
#[derive(Clone, Debug, Default)]
pub struct SapDecoder {
    given: Vec<Arc<SessionDescription>>,
}

impl SapDecoder {
    /// A decoder that knows what is announced and nothing else.
    #[must_use]
    pub const fn new() -> Self {
        Self { given: Vec::new() }
    }

    /// Adds a session description, as if it had been announced from the beginning.
    ///
    /// # Errors
    ///
    /// [`SdpError`] where the text is no session description.
    ///
    /// ```
    /// use streamlens_decoders::sap::SapDecoder;
    /// let text = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Stage\r\nt=0 0\r\n\
    ///             m=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.1.2.3/32\r\na=rtpmap:97 L24/48000/2\r\n";
    /// assert!(SapDecoder::new().with_sdp(text).is_ok());
    /// assert!(SapDecoder::new().with_sdp("hello").is_err());
    /// ```
    pub fn with_sdp(mut self, text: &str) -> Result<Self, SdpError> {
        self.given.push(Arc::new(SessionDescription::parse(text.as_bytes())?));
        Ok(self)
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp])
    .with_standards("RFC 2974")
    .with_ports(&[PORT])
    .with_packet_types(&["Announcement", "Deletion"])
    .with_finding_prefix("sap")
    .with_findings(&[terms::FINDINGS, media::terms::DIFFERENCES])
    .with_network_facts(&[terms::NETWORK_FACTS])
    .with_fields(&[terms::FIELDS])
    .publishing();

impl StreamDecoder for SapDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.payload.first().is_some_and(|&flags| SapPacket::may_begin_with(flags)) {
            probe(packet)
        } else {
            Confidence::NONE
        }
    }

    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let refused = |reason| DecodeError::Refused { protocol: NAME, reason };
        let sap = SapPacket::parse(packet.payload).map_err(|_| refused("no SAP header that fits"))?;
        if !matches!(sap.content, SapContent::Sdp(_)) && packet.dst_port() != Some(PORT) {
            return Err(refused("no session description, and not to SAP's port"));
        }
        result.packet_type = PacketType(if sap.is_deletion { DELETION } else { ANNOUNCEMENT });
        if packet.missing > 0 {
            result.state = PduState::Cut;
        } else if packet.payload.len() <= Announcements::MAX_LENGTH {
            result.publish(packet.payload);
        }
        result.mark(StreamMark { id: StreamId(u128::from(sap.hash)), sequence: None, clock: None });
        if result.wants_fields() {
            result.field("hash", format!("0x{:04x}", sap.hash));
            result.field("source", sap.source.to_string());
            if let SapContent::Sdp(text) = sap.content {
                result.field("sdp", String::from_utf8_lossy(text).into_owned());
            }
        }
        Ok(packet.payload.len())
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        if packet_type.0 == DELETION { "Deletion".into() } else { "Announcement".into() }
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("message 0x{:04x}", id.0)
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(Announcements::new(&self.given)))
    }
}

#[inline(never)]
fn probe(packet: &Packet<'_>) -> Confidence {
    let Ok(sap) = SapPacket::parse(packet.payload) else { return Confidence::NONE };
    match (sap.content, packet.dst_port() == Some(PORT)) {
        (SapContent::Sdp(_), true) => Confidence::new(0.99, "SAP header with a session description, to SAP's port"),
        (SapContent::Sdp(_), false) => Confidence::new(0.9, "SAP header with a session description"),
        (_, true) => Confidence::new(0.5, "SAP header, to SAP's port"),
        _ => Confidence::NONE,
    }
}
