//! What is carried in RTP streams: analysers that recognise a payload format from its own structure and measure it.

pub mod audio;
mod difference;
mod evidence;
mod st2022_6;
mod st2022_fec;
mod st2110_20;
mod st2110_22;
mod st2110_40;
pub(crate) mod terms;
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

/// Recognises and measures one payload format in one RTP stream (one SSRC and payload type).
///
/// The RTP decoder makes one of each kind that [can begin](Self::can_begin) with the first packet of a stream, feeds all of
/// them while the stream is young, and from then on only those whose [`refinement`](Self::refinement) still holds.
pub trait PayloadAnalyser: Send + Sync {
    /// Whether a stream of this format can begin with this packet. An analyser gives up at one that can't be its first, so
    /// there it is not made at all: of a million streams most are none of most formats. Yes unless overridden.
    fn can_begin(packet: &RtpPacket<'_>) -> bool
    where
        Self: Sized,
    {
        let _ = packet;
        true
    }

    /// Records a packet, in arrival order; `late` says that its sequence number is not ahead of all before it
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

/// A fresh analyser of each payload format that a stream can carry which begins with this packet. Dynamic payload types (96
/// to 127) can carry any; a static type only what RFC 3551 assigns to it. The packet is not shown to them.
#[must_use]
pub fn analysers(first: &RtpPacket<'_>) -> Vec<Box<dyn PayloadAnalyser>> {
    let mut analysers = Analysers { first, list: Vec::new() };
    match first.payload_type {
        10 | 11 => analysers.offer(audio::PcmAnalyser::new),
        33 => analysers.offer(TransportStream::new),
        96.. => {
            analysers.offer(RawVideo::new);
            analysers.offer(CompressedVideo::new);
            analysers.offer(AncillaryData::new);
            analysers.offer(SdiOverIp::new);
            analysers.offer(TransportStream::new);
            analysers.offer(Fec::st2022_1);
            analysers.offer(Fec::st2022_5);
            analysers.offer(audio::PcmAnalyser::new);
            analysers.offer(audio::Am824Analyser::new);
        }
        _ => {}
    }
    analysers.list
}

struct Analysers<'p> {
    first: &'p RtpPacket<'p>,
    list: Vec<Box<dyn PayloadAnalyser>>,
}

impl Analysers<'_> {
    fn offer<A: PayloadAnalyser + 'static>(&mut self, make: impl FnOnce() -> A) {
        if A::can_begin(self.first) {
            self.list.push(Box::new(make()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamlens_model::Occurrence;

    use super::testing::Sample;
    use super::*;

    /// Whether it would have given up at the first packet, and whether it is not made for it.
    fn gives_up<A: PayloadAnalyser>(mut analyser: A, first: &RtpPacket<'_>) -> (bool, bool) {
        analyser.observe(first, Occurrence { frame: 1, time: None }, false);
        (!analyser.is_plausible(), !A::can_begin(first))
    }

    #[test]
    fn silence_can_only_begin_pcm() {
        let sample = Sample::new(1, 0, false, 0, vec![0; 144]);
        assert_eq!(analysers(&sample.packet()).len(), 1);
        let (marked, mut unlawful) = (Sample { marker: true, ..sample.clone() }, sample);
        // AM824 too, some of whose senders mark their very first packet, and an empty row that is filled up with zeros
        assert_eq!(analysers(&marked.packet()).len(), 3);
        unlawful.payload_type = 9;
        assert!(analysers(&unlawful.packet()).is_empty());
    }

    #[test]
    fn payloads_that_are_no_transport_packets_are_found_once_the_format_is_known() {
        let mut analyser = TransportStream::new();
        let whole: Vec<u8> =
            [[0x47, 0x1F, 0xFF, 0x10]; 7].iter().flat_map(|start| [&start[..], &[0; 184]].concat()).collect();
        for number in 0..153_u64 {
            let payload = if number < 150 { whole.clone() } else { vec![0; 100] };
            let sample = Sample::new(number + 1, number as i64 * 1_000_000, false, 0, payload);
            analyser.observe(&sample.packet(), sample.at, false);
        }
        let (_, found) = super::testing::report(&analyser);
        let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
        assert_eq!(codes, [("mpegts.payload", 3)]);
    }

    proptest! {
        /// Only analysers are left out that would have given up at once.
        #[test]
        fn what_can_not_begin_is_given_up(
            marker: bool,
            start in prop_oneof![
                Just(&[][..]),
                Just(&[0x47][..]),
                Just(&[0x08, 0, 0, 0, 0x01, 0, 0, 0][..]),
                Just(&[0, 0, 0, 0, 0xFF, 0x10, 0xFF, 0x50][..]),
                Just(&[0, 0, 0, 180, 0, 0, 0, 0][..]),
                Just(&[0, 0, 0x80, 0, 0, 0, 0, 0, 0x80, 0, 0, 0][..]),
                Just(&[0x10, 0, 0, 0, 0, 0, 0, 0][..]),
            ],
            rest in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                (0..1400_usize).prop_map(|length| vec![0; length]),
                (0..8_usize).prop_map(|packets| vec![0x47; packets * 188]),
            ],
            change in (0..20_usize, any::<u8>()),
        ) {
            let mut payload = [start, &rest].concat();
            if let Some(byte) = payload.get_mut(change.0) {
                *byte = change.1;
            }
            let sample = Sample::new(1, 0, marker, 0, payload);
            let first = sample.packet();
            let all = [
                gives_up(RawVideo::new(), &first),
                gives_up(CompressedVideo::new(), &first),
                gives_up(AncillaryData::new(), &first),
                gives_up(SdiOverIp::new(), &first),
                gives_up(TransportStream::new(), &first),
                gives_up(Fec::st2022_1(), &first),
                gives_up(Fec::st2022_5(), &first),
                gives_up(audio::PcmAnalyser::new(), &first),
                gives_up(audio::Am824Analyser::new(), &first),
            ];
            for (number, (given_up, is_left_out)) in all.into_iter().enumerate() {
                prop_assert!(given_up || !is_left_out, "{number}");
            }
        }
    }
}
