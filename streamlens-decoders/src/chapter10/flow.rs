//! The decoder of one flow: from datagrams to packets.

mod format3;
mod segments;

use smallvec::SmallVec;
use streamlens_model::stats::{Arrival, SequenceWindow};
use streamlens_model::{Occurrence, Packet, Severity, Transport};

use self::format3::ByteStream;
use self::segments::Segment;
use super::reassembly::Assembly;
use super::statistics::Statistics;
use super::transfer::{Evidence, Format, Transfer, classify, header_1};
use super::{NAME, udp_stream};
use crate::wire::le_u16;
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PacketType, PduState, Sequence};
use streamlens_chapter10_wire::{HEADER_LENGTH, PacketHeader, SYNC};

/// Decodes one flow of Chapter 10 datagrams, or one recorder file.
#[derive(Debug, Default)]
pub struct Chapter10Flow {
    /// Formats of which a datagram was proved by sync word and checksum or length.
    proved: [bool; 3],
    preferred: Option<Format>,
    /// What the calls after the first one do with the rest of a datagram.
    rest: Rest,
    windows: SmallVec<[((Format, u16), SequenceWindow); 1]>,
    assemblies: Vec<Assembly>,
    /// Memory of the last packet put together, for the next one.
    spare: Vec<u8>,
    streams: Vec<ByteStream>,
    pub(super) statistics: Statistics,
}

/// What the next call does with the rest of a datagram.
#[derive(Clone, Copy, Debug, Default)]
enum Rest {
    #[default]
    Nothing,
    Packets {
        late: bool,
    },
    Segment(Segment),
    Stream(usize),
}

/// What stands behind the transfer header of a datagram.
#[derive(Clone, Copy, Debug)]
enum Datagram {
    /// Whole packets (Formats 1 and 2). `late`: datagrams with higher numbers came before.
    Packets { late: bool },
    /// A slice of one packet (Formats 1 and 2).
    Segment { late: bool },
    /// A slice of a stream of packets (Format 3), and what its number is to those before.
    Stream(Arrival),
    /// What came before already.
    Repeat,
}

/// A packet, or as much of it as is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketView<'a> {
    pub(super) header: &'a PacketHeader,
    /// From its header on.
    pub(super) bytes: &'a [u8],
    /// The transfer header in front of it; empty where another packet or segment is.
    pub(super) transfer: &'a [u8],
    /// Whether it came behind others that were sent after it.
    pub(super) late: bool,
}

fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: NAME, reason }
}

impl Chapter10Flow {
    /// Bytes of unfinished packets that are kept.
    const MAX_HELD: usize = 8 << 20;
    /// Numbers of sources whose datagrams are told apart.
    const MAX_SOURCES: usize = 16;

    /// The first packet of a datagram. Returns the bytes it takes, the transfer header's included.
    fn datagram(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if let Some(taken) = self.plain_datagram(packet, result) {
            return Ok(taken);
        }
        self.rest = Rest::Nothing;
        let Some((transfer, evidence)) = classify(packet.payload, packet.missing, self.preferred) else {
            return Err(refused("no transfer header with a packet behind it"));
        };
        self.admit(&transfer, evidence)?;
        let begin = transfer.header_length;
        let Some((header, body)) = packet.payload.split_at_checked(begin) else {
            return Err(refused("no transfer header"));
        };
        self.statistics.transfer(transfer.format, transfer.segmented);
        Ok(match self.kind_of(&transfer, packet, result) {
            Datagram::Repeat => {
                result.state = PduState::Unfinished;
                packet.payload.len()
            }
            Datagram::Stream(arrival) => self.stream_datagram(&transfer, arrival, packet, result),
            Datagram::Segment { late } => begin + self.segment(Segment { transfer, late }, body, packet, result),
            Datagram::Packets { late } => {
                self.rest = Rest::Packets { late };
                begin + self.whole_packet(body, header, late, packet, result)
            }
        })
    }

    /// Whether a datagram with this evidence is one of this flow.
    fn admit(&mut self, transfer: &Transfer, evidence: Evidence) -> Result<(), DecodeError> {
        let format = transfer.format;
        let is_proved = self.proved.get(format as usize).copied().unwrap_or_default();
        match evidence {
            Evidence::Checksum | Evidence::Length => {
                self.preferred = Some(format);
                if let Some(proved) = self.proved.get_mut(format as usize) {
                    *proved = true;
                }
                Ok(())
            }
            // Before the first proved datagram, only a flow that was identified by a later one gets here.
            Evidence::Continuation if is_proved || self.preferred.is_none() => Ok(()),
            Evidence::Sync if is_proved => {
                self.statistics.damaged_headers += 1;
                Err(DecodeError::Malformed {
                    protocol: NAME,
                    field: "packet header",
                    offset: transfer.header_length,
                    reason: "neither checksum nor length is right",
                })
            }
            _ => Err(refused("no packet header, and no datagram of this format before")),
        }
    }

    /// What a datagram is by its format and its number, which the result is told.
    fn kind_of(&mut self, transfer: &Transfer, packet: &Packet<'_>, result: &mut DecodingResult) -> Datagram {
        let arrival = self.arrival(transfer, occurrence(packet));
        // Segments of a Format 2 packet share a number, and packets of other channels may come in between.
        let repeats = transfer.format == Format::Two && transfer.segmented;
        let sequence = Sequence::new(u64::from(transfer.sequence), transfer.sequence_bits);
        result.sequence(udp_stream(transfer.format, transfer.source), Sequence { repeats, ..sequence });
        let is_again = match arrival {
            Arrival::Duplicate(0) => !repeats,
            Arrival::Duplicate(_) => !(repeats && self.is_open(transfer.sequence)),
            _ => false,
        };
        let late = matches!(arrival, Arrival::Reordered(_));
        match transfer.format {
            _ if is_again => Datagram::Repeat,
            Format::Three => Datagram::Stream(arrival),
            _ if transfer.segmented => Datagram::Segment { late },
            _ => Datagram::Packets { late },
        }
    }

    /// A datagram like most: whole packets behind Format 1, proved by the checksum, in a flow of that format. `None`
    /// where it is not that, or came before.
    #[inline]
    fn plain_datagram(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Option<usize> {
        let (head, bytes) = packet.payload.split_at_checked(4)?;
        let (_, (kind, number)) = header_1(head).ok()?;
        if self.preferred != Some(Format::One) || kind != 1 {
            return None;
        }
        let header = PacketHeader::parse(bytes).filter(PacketHeader::checksum_ok)?;
        let sequence = Sequence::new(u64::from(number), 24);
        let ((format, _), window) = self.windows.first_mut()?;
        if *format != Format::One || !window.push_next(&sequence) {
            return None;
        }
        self.statistics.transfer(Format::One, false);
        result.sequence(udp_stream(Format::One, 0), sequence);
        self.rest = Rest::Packets { late: false };
        if header.packet_length as usize != bytes.len() {
            let view = PacketView { header: &header, bytes, transfer: head, late: false };
            return Some(4 + self.packet(view, packet, result));
        }
        result.packet_type = PacketType(u32::from(header.data_type));
        result.pdu_length = Some(header.packet_length);
        if !self.statistics.goes_on(&header, packet, result) {
            self.statistics.header(PacketView { header: &header, bytes, transfer: head, late: false }, packet, result);
        }
        self.statistics.body(&header, bytes, packet);
        Some(packet.payload.len())
    }

    /// The next packet of a datagram of which another one was taken.
    fn go_on(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(match self.rest {
            Rest::Packets { late } => self.whole_packet(packet.payload, &[], late, packet, result),
            Rest::Segment(segment) => self.segment(segment, packet.payload, packet, result),
            Rest::Stream(index) => self.stream_packet(index, packet.payload, packet, result),
            Rest::Nothing => return Err(refused("nothing was begun in this datagram")),
        })
    }

    /// What a datagram's number is to those of its source before it; a stray is a restart at once.
    fn arrival(&mut self, transfer: &Transfer, at: Occurrence) -> Arrival {
        let key = (transfer.format, transfer.source);
        let sequence = Sequence::new(u64::from(transfer.sequence), transfer.sequence_bits);
        let Some((_, window)) = self.windows.iter_mut().find(|(known, _)| *known == key) else {
            if self.windows.len() < Self::MAX_SOURCES {
                self.windows.push((key, SequenceWindow::new(&sequence)));
            }
            return Arrival::Restart;
        };
        match window.push(&sequence, &at) {
            Arrival::Stray => {
                window.restart(&sequence);
                Arrival::Restart
            }
            arrival => arrival,
        }
    }

    /// One of the whole packets of a datagram. Returns the bytes it takes.
    #[inline(never)]
    fn whole_packet(
        &mut self,
        bytes: &[u8],
        transfer: &[u8],
        late: bool,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        let Some(header) = PacketHeader::parse(bytes) else {
            self.statistics.no_sync += 1;
            result.state = PduState::Unfinished;
            return bytes.len();
        };
        self.packet(PacketView { header: &header, bytes, transfer, late }, packet, result)
    }

    /// A whole packet whose header has been read. Returns the bytes it takes.
    #[inline(never)]
    fn packet(&mut self, view: PacketView<'_>, packet: &Packet<'_>, result: &mut DecodingResult) -> usize {
        let PacketView { header, bytes, .. } = view;
        let at = occurrence(packet);
        let (stated, on_wire) = (header.packet_length as usize, bytes.len() + packet.missing);
        let length = if stated < HEADER_LENGTH { bytes.len() } else { stated.min(bytes.len()) };
        if stated > bytes.len() && stated <= on_wire {
            result.state = PduState::Cut;
        } else if stated == on_wire + 4 || stated < HEADER_LENGTH {
            self.statistics.wrong_length(header, on_wire, at);
            result.state = if packet.missing > 0 { PduState::Cut } else { PduState::Whole };
        } else if stated > on_wire {
            result.state = PduState::Cut;
            self.statistics.incomplete_packet(header.channel, at, on_wire as u32, Some(header.packet_length));
        }
        let whole = bytes.get(..length).unwrap_or_default();
        result.packet_type = PacketType(u32::from(header.data_type));
        result.pdu_length = u32::try_from(length).ok();
        if view.late || !self.statistics.goes_on(header, packet, result) {
            self.statistics.header(PacketView { bytes: whole, ..view }, packet, result);
        }
        if result.state == PduState::Whole {
            self.statistics.body(header, whole, packet);
        }
        let behind = bytes.get(length..).unwrap_or_default();
        if behind.is_empty() || begins_with_sync(behind) {
            return length;
        }
        if behind.iter().any(|byte| !matches!(byte, 0 | 0xFF)) {
            self.statistics.no_sync += 1;
        }
        bytes.len()
    }

    /// Packets that are not whole yet.
    pub(super) fn open_packets(&self) -> u64 {
        let segmented = self.assemblies.iter().filter(|held| !held.done).count();
        (segmented + self.streams.iter().filter(|stream| !stream.buffer.is_empty()).count()) as u64
    }
}

impl FlowDecoder for Chapter10Flow {
    fn may_have_findings(&self) -> bool {
        super::report::findings(&self.statistics).is_some()
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.payload.is_empty() {
            return Err(refused("empty"));
        }
        let taken = if packet.transport == Transport::Chapter10File {
            if !begins_with_sync(packet.payload) || packet.payload.len() < HEADER_LENGTH {
                return Err(refused("no packet header"));
            }
            self.statistics.is_file = true;
            self.whole_packet(packet.payload, &[], false, packet, result)
        } else if packet.offset > 0 {
            self.go_on(packet, result)?
        } else {
            self.datagram(packet, result)?
        };
        Ok(taken)
    }

    fn report(&self, report: &mut FlowReport) {
        super::report::report(self, report);
    }
}

fn begins_with_sync(bytes: &[u8]) -> bool {
    le_u16("sync")(bytes).is_ok_and(|(_, sync)| sync == SYNC)
}

fn occurrence(packet: &Packet<'_>) -> Occurrence {
    Occurrence { frame: packet.frame, time: packet.time }
}

/// How much an incomplete packet matters: data are lost.
pub(super) const INCOMPLETE: Severity = Severity::Warning;
