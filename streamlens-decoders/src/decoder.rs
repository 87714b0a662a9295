//! The traits that a protocol implements: the four questions, and what only some protocols need beyond them.

use std::any::Any;
use std::borrow::Cow;

use streamlens_model::{FlowKey, Occurrence, Packet, StreamId};

use crate::{Confidence, DecodeError, DecoderInfo, DecodingResult, FlowReport, Joined, NetworkReport, PacketType};

/// On what a protocol is carried; a decoder is asked only about payloads of its carriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// UDP datagrams.
    Udp,
    /// The byte streams of TCP.
    Tcp,
    /// Frames with this Ethernet type (or, below 0x0600, any 802.3 frame whose length field is below that).
    EtherType(u16),
    /// The payload of an IP protocol other than UDP and TCP.
    IpProtocol(u8),
    /// Packets of a Chapter 10 recorder file.
    Chapter10File,
}

/// A protocol: recognises its PDUs and reads them. Shared by all flows and threads, so it has no state of its own.
///
/// A protocol decodes in one place. Where its packets each stand alone, that is [`decode_packet`](Self::decode_packet).
/// Where something has to be remembered of a flow, it is the [`FlowDecoder`] that [`flow_decoder`](Self::flow_decoder)
/// makes, and `decode_packet` is left as it is.
///
/// Four questions suffice for a protocol whose packets each stand alone: what is it called and where is it found
/// ([`info`](Self::info)), how sure is it that a payload is its own ([`can_decode`](Self::can_decode)), what does the
/// payload say ([`decode_packet`](Self::decode_packet)), and which kind of packet is that
/// ([`packet_type`](Self::packet_type)). From the stream identifiers, sequence numbers and clocks in the result the engine
/// computes loss, duplication, reordering, jitter and drift.
pub trait StreamDecoder: Send + Sync {
    /// What it is called and where it is found. The engine reads most of it once, when the decoder is registered.
    fn info(&self) -> &DecoderInfo;

    /// How sure it is that this payload is its own, judged by this payload alone.
    ///
    /// Every decoder is asked for every payload of a flow that is not identified yet, and most have to say no: so the byte that
    /// nearly all other protocols differ in is best looked at first, and what comes after it put into a function of its own,
    /// told not to be inlined.
    fn can_decode(&self, packet: &Packet<'_>) -> Confidence;

    /// Takes one PDU off the front of the payload and returns how many bytes it took, at least 1. The engine calls again
    /// while bytes remain. It must refuse what is not its own: an identified flow is not asked `can_decode` again.
    ///
    /// Unless overridden, a flow decoder that is made for this call decodes. That is how the engine tries the decoders of a
    /// flow that is not identified yet. A decoder with memory overrides it only to refuse what the first packet of a flow
    /// would have to prove.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Refused`] where it is another protocol's payload, [`DecodeError::Incomplete`] where a PDU of a
    /// byte stream is not whole yet, [`DecodeError::Malformed`] where the protocol's own rules are broken so that no
    /// PDU can be counted.
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        match self.flow_decoder(packet.flow) {
            Some(mut own) => own.decode_packet(packet, result),
            None => Err(DecodeError::Refused { protocol: "", reason: "the decoder decodes nothing" }),
        }
    }

    /// The name of a kind of packet that `decode_packet` gave.
    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str>;

    /// The name of a stream that `decode_packet` gave.
    fn stream_name(&self, id: StreamId) -> String {
        format!("{:#x}", id.0)
    }

    /// In a byte stream after a gap: how many bytes to pass over until a PDU plausibly begins; `None` where none
    /// does. Unless overridden, the engine goes on at the next segment that `can_decode` believes with 0.5 or more.
    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        (self.can_decode(packet).value() >= 0.5).then_some(0)
    }

    /// Whether a datagram that begins with a packet of this protocol holds several of one stream, which the receiving machine
    /// has joined (receive offload). A protocol whose packets have no numbers can't tell, and need not say anything; packets
    /// that a sender puts into one datagram are no matter of this, but of [`Self::decode_packet`]. Asked of datagrams whose
    /// length is new in their flow, and of those that were captured whole.
    fn joined(&self, payload: &[u8]) -> Joined {
        let _ = payload;
        Joined::One
    }

    /// Inspects a datagram of another protocol, from or to one of its
    /// [announcement ports](DecoderInfo::announcement_ports), that no encoding of its flow takes. What it
    /// [publishes](DecodingResult::publish) reaches its [`NetworkMonitor`]; the datagram is neither claimed nor counted for
    /// this encoding.
    fn inspect_foreign(&self, packet: &Packet<'_>, result: &mut DecodingResult) {
        let _ = (packet, result);
    }

    /// A decoder with memory for one flow, where the protocol needs one. It is made when the flow is identified, is then
    /// shown every packet of it, and decodes in this decoder's place. None unless overridden.
    fn flow_decoder(&self, flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        let _ = flow;
        None
    }

    /// A monitor of both directions between two endpoints, where the protocol is measured across them. None unless
    /// overridden.
    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        None
    }

    /// A monitor of all flows of this encoding together (PTP domains, announcements and their streams, redundant
    /// paths). One per analysis. None unless overridden.
    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        None
    }
}

/// Decodes and measures one flow, with memory.
pub trait FlowDecoder: Send + Sync + Any {
    /// As [`StreamDecoder::decode_packet`].
    ///
    /// # Errors
    ///
    /// As [`StreamDecoder::decode_packet`].
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError>;

    /// The user has said that the flow is of this protocol: from now on nothing is refused for want of evidence. Called before
    /// the first packet. Does nothing unless overridden.
    fn accept_all(&mut self) {}

    /// Bytes of the stream were lost: what was begun can't be completed. `bytes` is how many, where that is known.
    fn on_gap(&mut self, bytes: Option<u64>, at: Occurrence) {
        let _ = (bytes, at);
    }

    /// Adds what it knows to the result: metadata, measures per stream, findings, a refinement of the encoding. Called
    /// for every snapshot, so it must not change what it knows.
    fn report(&self, report: &mut FlowReport) {
        let _ = report;
    }

    /// Whether [`report`](Self::report) may add findings. A result that shows the largest of a million flows asks the others
    /// for no more than their findings, and makes no report where this returns `false`. The default, `true`, is always
    /// correct.
    fn may_have_findings(&self) -> bool {
        true
    }
}

/// One decoded PDU, as a monitor sees it. Borrowed.
#[derive(Clone, Copy, Debug)]
pub struct ObservedPdu<'a> {
    /// The frame that completed it.
    pub at: Occurrence,
    /// The flow it came in.
    pub flow: &'a FlowKey,
    /// Its kind.
    pub packet_type: PacketType,
    /// Conversation monitors: the PDU's bytes, as far as they lie in this payload. Network monitors: what was
    /// [published](DecodingResult::publish).
    pub bytes: &'a [u8],
}

/// Measures across both directions between two endpoints.
pub trait ConversationMonitor: Send + Sync + Any {
    /// Records a PDU. They come in frame order, but for those of a young flow, which come when it is identified.
    fn observe(&mut self, pdu: &ObservedPdu<'_>);

    /// Records that the capture holds the beginning of a TCP connection between the two endpoints: nothing that comes
    /// from then on answers what came before the capture. `at` is the frame of a SYN in either direction. Does nothing
    /// unless overridden.
    fn on_connection(&mut self, at: Occurrence) {
        let _ = at;
    }

    /// Adds what it knows to the result of one of the two flows. Findings are given once, in the report of the flow
    /// where they belong.
    fn report(&self, flow: &FlowKey, report: &mut FlowReport);
}

/// One flow of an encoding, as a [`NetworkMonitor`] sees it when a result is made.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    /// The flow.
    pub flow: &'a FlowKey,
    /// Its decoder with memory, to be downcast by `Any`; `None` where the flow has none.
    pub decoder: Option<&'a dyn FlowDecoder>,
    /// Which encoding it was identified as: a monitor sees the flows of its own decoder and, through
    /// [`NetworkMonitor::watches`], those of others.
    pub encoding: &'a str,
    /// The interface that it was captured by, where frames of the flow came by several: each is a path of its own.
    pub interface: Option<&'a str>,
}

/// What a thread notes of flows for a [`Survey`]: where there are very many, threads that show them don't wait for each
/// other. The survey takes it over by `Any`.
pub trait SurveyNotes: Send + Any {
    /// As [`Survey::observe`].
    fn observe(&mut self, number: u64, peer: &Peer<'_>);
}

/// A look at the flows of a [`NetworkMonitor`] when a result is made: those of its own encoding, and of those it watches.
pub trait Survey: Send {
    /// Flows of fewer frames need not be shown. 0 unless overridden.
    fn least_frames(&self) -> u64 {
        0
    }

    /// Whether each path of a flow that was captured by several interfaces is to be shown, and not the first alone. False unless
    /// overridden.
    fn sees_paths(&self) -> bool {
        false
    }

    /// Records a flow; `number` stands for it in [`NetworkReport::flows`]. Flows come in no particular order. Where
    /// there are very many, those of few frames are decoded anew for this, and what is shown is gone when it returns.
    fn observe(&mut self, number: u64, peer: &Peer<'_>);

    /// Empty notes, which some of the flows are shown to in place of the survey. The default, `None`, is always
    /// correct.
    fn empty_notes(&self) -> Option<Box<dyn SurveyNotes>> {
        None
    }

    /// Takes over what was noted, before [`Self::needs_second_pass`] and [`Self::report`]; in no particular order. Called only with what
    /// [`Self::empty_notes`] gave, and overridden with it: what is not taken over is lost.
    fn merge(&mut self, notes: Box<dyn SurveyNotes>) {
        let _ = notes;
    }

    /// Whether its report adds facts to single flows, which stand with them. Return `false` only if the report adds nothing but
    /// findings to flows: the survey is then shown flows while they are written, and what else it says of them is passed
    /// over. The default, `true`, is always correct.
    fn adds_facts_to_flows(&self) -> bool {
        true
    }

    /// Called when all flows have been shown: whether to show them once more. False unless overridden.
    fn needs_second_pass(&mut self) -> bool {
        false
    }

    /// Adds what it and its monitor know to the result: about single flows by their numbers, and about the network.
    fn report(self: Box<Self>, report: &mut NetworkReport);
}

/// Measures across flows.
pub trait NetworkMonitor: Send + Sync + Any {
    /// Records a published PDU. They come in frame order, but for those of a young flow, which come when it is
    /// identified.
    fn observe(&mut self, pdu: &ObservedPdu<'_>);

    /// Names of other encodings whose flows are wanted in a [`Survey`], and whose monitors in [`Self::report_beside`].
    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    /// Begins a look at the flows, for a result.
    fn survey(&self) -> Box<dyn Survey + '_>;

    /// Shows these flows, numbered from 0, to a survey and takes its report.
    fn report(&self, peers: &[Peer<'_>], report: &mut NetworkReport) {
        let mut survey = self.survey();
        let show = |survey: &mut Box<dyn Survey + '_>| {
            (0..).zip(peers).for_each(|(number, peer)| survey.observe(number, peer));
        };
        show(&mut survey);
        if survey.needs_second_pass() {
            show(&mut survey);
        }
        survey.report(report);
    }

    /// Adds what only the monitor of another encoding that it watches lets it know; `other` is to be downcast by `Any`.
    /// Called after the survey's report, once for each that there is.
    fn report_beside(&self, other: &dyn NetworkMonitor, report: &mut NetworkReport) {
        let _ = (other, report);
    }
}
