//! What is carried in RTP streams: analysers that recognise a payload format from its own structure and measure it.

pub mod audio;
mod difference;
mod st2022_6;
mod st2022_fec;
mod st2110_20;
mod st2110_22;
mod st2110_40;
#[cfg(test)]
mod testing;
mod timing_21;
mod transport_stream;
mod unit;

use streamlens_model::Occurrence;

use crate::rtp::RtpPacket;
use crate::sap::PayloadFormat;
use crate::{FlowReport, Refinement, StreamReport};

pub use difference::Difference;
pub use st2022_6::SdiOverIp;
pub use st2022_fec::Fec;
pub use st2110_20::RawVideo;
pub use st2110_22::CompressedVideo;
pub use st2110_40::AncillaryData;
pub use transport_stream::TransportStream;
pub(crate) use unit::moment;

/// Recognises and measures one payload format in one RTP stream (one SSRC and payload type).
///
/// The RTP decoder makes one of each kind per stream, feeds all of them while the stream is young, and from then on
/// only those whose [`refinement`](Self::refinement) still holds.
pub trait PayloadAnalyser: Send + Sync {
    /// Takes note of a packet, in arrival order; `late` says that its sequence number is not ahead of all before it
    /// (a duplicate or a reordered packet). `at.time` is its capture time.
    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool);

    /// Whether this can still be the format; once false it is not asked again.
    fn is_plausible(&self) -> bool;

    /// What the stream is in this analyser's eyes, with confidence and reason; `None` while there is too little
    /// evidence.
    fn refinement(&self) -> Option<Refinement>;

    /// The media clock's rate in Hz, where the format fixes it or the evidence shows it.
    fn clock_rate_hz(&self) -> Option<u32>;

    /// Adds what it measured, where its refinement was chosen: `stream` for the stream, `report` for the flow and its
    /// findings.
    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport);

    /// In what the stream differs from the parameters that were announced for its payload type. None unless overridden.
    fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        let _ = announced;
        Vec::new()
    }
}

/// A fresh analyser of each payload format that a stream of this payload type can carry. Dynamic types (96 to 127) can
/// carry any; a static type only what RFC 3551 assigns to it.
#[must_use]
pub fn analysers(payload_type: u8) -> Vec<Box<dyn PayloadAnalyser>> {
    match payload_type {
        10 | 11 => vec![Box::new(audio::PcmAnalyser::new())],
        33 => vec![Box::new(TransportStream::new())],
        96.. => vec![
            Box::new(RawVideo::new()),
            Box::new(CompressedVideo::new()),
            Box::new(AncillaryData::new()),
            Box::new(SdiOverIp::new()),
            Box::new(TransportStream::new()),
            Box::new(Fec::st2022_1()),
            Box::new(Fec::st2022_5()),
            Box::new(audio::PcmAnalyser::new()),
            Box::new(audio::Am824Analyser::new()),
        ],
        _ => Vec::new(),
    }
}
