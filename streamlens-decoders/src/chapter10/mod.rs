//! IRIG 106 Chapter 10 (from 106-17 on Chapter 11): telemetry packets over UDP and in recorder files.
//!
//! Read are: the three formats of the UDP transfer header, whole and segmented packets put together, several packets
//! a datagram; packet header, secondary header and their checksums, the data checksum; the relative time counter and
//! Time Data Formats 1 and 2, which tie it to UTC; setup records (TMATS, chapter 9) in their ASCII form, from which
//! channels get their names. Where messages say their own length (MIL-STD-1553, ARINC 429, UART, Ethernet, messages,
//! discretes, events, index, transport streams), they are counted and their chain is checked.
//!
//! Not read are: the words in the messages, what needs a setup record to be cut up (PCM, analog), the XML form of
//! setup records, and the Chapter 4 form of the secondary header's time, on whose word order readers disagree.
//!
//! A packet counts when its last segment comes; one that loss cut counts, as cut, when its channel goes on with another
//! packet. A Format 3 stream has no segments, so what loss cuts there is dropped and counts as no packet.

mod body;
mod channel;
mod flow;
mod monitor;
mod reassembly;
mod report;
mod statistics;
mod terms;
mod transfer;
mod types;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId, Transport};

use crate::text::numbered;
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, NetworkMonitor, PacketType,
    StreamDecoder,
};

pub use flow::Chapter10Flow;
pub use monitor::Chapter10Monitor;
pub use streamlens_chapter10_wire::{
    ChannelSetup, Moment, PacketFlags, PacketHeader, SetupReader, SetupRecord, TimeReading, TimeScale, counter_to_utc,
    nearest_year, read_time,
};
pub use transfer::{Evidence, Format, Transfer, classify};
pub use types::type_name;

const NAME: &str = "Chapter10";

/// Recognises and decodes Chapter 10 packets in UDP datagrams and recorder files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chapter10Decoder;

impl Chapter10Decoder {
    /// The decoder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp, Carrier::Chapter10File])
    .with_standards("IRIG 106 Chapters 10 and 11")
    .with_ports(&[6679, 51001, 5555])
    .with_packet_types(types::TYPE_NAMES)
    .with_finding_prefix("chapter10")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[terms::MEASURES])
    .with_against_capture(&["first_less_capture_time_ns", "last_less_capture_time_ns"]);

impl StreamDecoder for Chapter10Decoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.transport == Transport::Chapter10File || transfer::may_begin(packet.payload) {
            probe(packet)
        } else {
            Confidence::NONE
        }
    }

    /// Without the memory of a flow a datagram has to prove itself: continuations are refused, so that they never speak for a
    /// flow.
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.offset == 0 && self.can_decode(packet).value() < 0.5 {
            return Err(DecodeError::Refused { protocol: NAME, reason: "no packet header that proves itself" });
        }
        Chapter10Flow::default().decode_packet(packet, result)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        type_name(u8::try_from(packet_type.0).unwrap_or(u8::MAX))
    }

    fn stream_name(&self, id: StreamId) -> String {
        let (format, source) = ((id.0 >> 32) as u8, id.0 & 0xFFFF);
        match format {
            0 => channel_name(source as u16),
            3 => format!("UDP format 3 source 0x{source:02X}"),
            _ => numbered("UDP format ", format.into()),
        }
    }

    fn flow_decoder(&self, _flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::<Chapter10Flow>::default())
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(Chapter10Monitor))
    }
}

#[inline(never)]
fn probe(packet: &Packet<'_>) -> Confidence {
    let evidence = if packet.transport == Transport::Chapter10File {
        file_packet(packet)
    } else {
        classify(packet.payload, packet.missing, None).map(|(_, evidence)| evidence)
    };
    match evidence {
        Some(Evidence::Checksum) => Confidence::new(0.99, "sync word and header checksum"),
        Some(Evidence::Length) => Confidence::new(0.75, "sync word and packet length; the header checksum is wrong"),
        Some(Evidence::Sync) => Confidence::new(0.3, "sync word alone"),
        Some(Evidence::Continuation) if !is_inetx(packet) => {
            Confidence::new(0.2, "fields of a transfer header, without a packet header behind it")
        }
        _ => Confidence::NONE,
    }
}

/// The stream of a channel.
const fn channel_stream(channel: u16) -> StreamId {
    StreamId(channel as u128)
}

/// The stream of a transfer header's datagram numbers.
const fn udp_stream(format: Format, source: u16) -> StreamId {
    StreamId((format as u128 + 1) << 32 | source as u128).carrying()
}

fn channel_name(channel: u16) -> String {
    numbered("channel ", channel.into())
}

/// What speaks for a payload as a packet of a recorder file.
fn file_packet(packet: &Packet<'_>) -> Option<Evidence> {
    let header = PacketHeader::parse(packet.payload)?;
    Some(if header.checksum_ok() {
        Evidence::Checksum
    } else if header.packet_length as usize == packet.wire_payload_length() {
        Evidence::Length
    } else {
        Evidence::Sync
    })
}

/// An iNetX packet begins as a Format 1 segment with number 0 does, and its length field tells it apart.
fn is_inetx(packet: &Packet<'_>) -> bool {
    let length = packet.payload.get(12..).and_then(|rest| crate::wire::u32("packet length")(rest).ok());
    packet.payload.starts_with(&[0x11, 0, 0, 0])
        && length.is_some_and(|(_, length)| length as usize == packet.wire_payload_length())
}
