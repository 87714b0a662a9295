//! One direction over UDP: fragments of messages (multicast, unicast) or reliable UDP.

use streamlens_model::{Packet, StreamId};

use super::decoder::REFUSED;
use super::message::{Fragment, MessageHeader};
use super::quic::{LongHeader, StreamData, for_each_stream, short_header};
use crate::wire::le_u32;
use crate::{Confidence, DecodeError, DecodingResult, FlowDecoder, FlowReport, PacketType, PduState, Sequence};

/// How sure it is that the datagram is NDI. Fragments other than the first of a message, and packets with a short
/// header, prove nothing by themselves.
pub(super) fn probe(packet: &Packet<'_>) -> Confidence {
    match packet.payload {
        [_, 0, 0, 0, 1, ..] => reliable(packet),
        [_, _, 1, ..] => first_fragment(packet.payload),
        _ => Confidence::NONE,
    }
}

#[inline(never)]
fn reliable(packet: &Packet<'_>) -> Confidence {
    if LongHeader::parse(packet.payload).is_none() {
        Confidence::NONE
    } else if packet.has_port(5960) {
        Confidence::new(0.97, "QUIC shape in the clear at the port of NDI reliable UDP")
    } else {
        Confidence::new(0.8, "QUIC shape in the clear, as NDI reliable UDP sends it")
    }
}

#[inline(never)]
fn first_fragment(bytes: &[u8]) -> Confidence {
    match Fragment::parse(bytes).and_then(|_| MessageHeader::parse(bytes.get(Fragment::LENGTH..)?)) {
        Some(header) if header.is_familiar() => Confidence::new(0.95, "first fragment of an NDI message"),
        Some(_) => Confidence::new(0.4, "plausible first fragment of an NDI message"),
        None => Confidence::NONE,
    }
}

#[derive(Clone, Copy, Debug)]
struct Message {
    kind: PacketType,
    total: u64,
    got: u64,
}

/// A QUIC-like stream with the place where its next message begins.
#[derive(Clone, Copy, Debug)]
struct Track {
    id: u64,
    kind: PacketType,
    total: u64,
    /// Offset of the message's end.
    end: u64,
    /// Whether its end has not come yet.
    is_open: bool,
}

/// Memory of one direction.
#[derive(Debug, Default)]
pub(super) struct NdiDatagrams {
    tag: Option<u32>,
    message: Option<Message>,
    connection: Option<([u8; 20], usize)>,
    tracks: Vec<Track>,
    kinds: [u64; 5],
    long_headers: u64,
    short_headers: u64,
    messages: [u64; 4],
    bytes: u64,
}

impl NdiDatagrams {
    /// The most streams of one connection that are followed.
    const MAX_TRACKS: usize = 16;

    fn fragment(&mut self, bytes: &[u8], missing: usize, result: &mut DecodingResult) -> Result<(), DecodeError> {
        let fragment = Fragment::parse(bytes).ok_or(REFUSED)?;
        let body = bytes.get(Fragment::LENGTH..).unwrap_or_default();
        let header = if fragment.kind == 1 { MessageHeader::parse(body) } else { None };
        // Another tag is another sender's stream: it begins with a message.
        if self.tag != Some(fragment.tag) && header.is_none() || fragment.kind == 1 && header.is_none() {
            return Err(REFUSED);
        }
        self.tag = Some(fragment.tag);
        if let Some(count) = self.kinds.get_mut(usize::from(fragment.kind)) {
            *count += 1;
        }
        result.sequence(StreamId(fragment.tag.into()), Sequence::new(fragment.counter.into(), 16));
        result.state = PduState::Unfinished;
        let length = (body.len() + missing) as u64;
        match fragment.kind {
            1 => self.message = header.map(|h| Message { kind: h.kind.packet_type(), total: h.total(), got: length }),
            0 | 2 => {
                if let Some(message) = &mut self.message {
                    message.got += length;
                }
            }
            _ => {}
        }
        if let (2, Some(message)) = (fragment.kind, self.message) {
            self.message = None;
            result.packet_type = message.kind;
            result.state = if message.got < message.total { PduState::Cut } else { PduState::Whole };
            result.pdu_length = u32::try_from(message.total).ok();
            self.finish(message.kind, message.total);
        }
        Ok(())
    }

    fn reliable(&mut self, bytes: &[u8], result: &mut DecodingResult) -> Result<(), DecodeError> {
        result.state = PduState::Unfinished;
        let mut finished = None;
        if let Some(mut long) = LongHeader::parse(bytes) {
            self.long_headers += 1;
            // Several packets may share a datagram; each is shorter than the rest, so this ends.
            loop {
                let mut id = [0; 20];
                for (to, from) in id.iter_mut().zip(long.destination) {
                    *to = *from;
                }
                self.connection = Some((id, long.destination.len()));
                self.packet(Some(long.number), long.frames, result, &mut finished);
                match LongHeader::parse(long.rest) {
                    Some(next) => long = next,
                    None => break,
                }
            }
        } else {
            let (id, length) = self.connection.ok_or(REFUSED)?;
            let (number, frames) = short_header(bytes, id.get(..length).unwrap_or_default()).ok_or(REFUSED)?;
            self.short_headers += 1;
            self.packet(number, frames, result, &mut finished);
        }
        if let Some(track) = finished {
            (result.packet_type, result.state) = (track.kind, PduState::Whole);
            result.pdu_length = u32::try_from(track.total).ok();
        }
        Ok(())
    }

    fn packet(
        &mut self,
        number: Option<u32>,
        frames: &[u8],
        result: &mut DecodingResult,
        finished: &mut Option<Track>,
    ) {
        if let Some(number) = number {
            result.sequence(StreamId(0), Sequence::new(number.into(), 32));
        }
        // A frame that is not known ends the walk; what came before it holds.
        for_each_stream(frames, |data| *finished = self.follow(data).or(*finished));
    }

    /// Follows a stream: length 32, then a message, over and over. A frame that begins with a length and a header that
    /// agree gets into step. Gives the last message that this data ends.
    fn follow(&mut self, stream: StreamData<'_>) -> Option<Track> {
        let mut finished = None;
        let end = stream.offset.checked_add(stream.data.len() as u64)?;
        let (mut at, mut rest) = (stream.offset, stream.data);
        loop {
            let known = self.tracks.iter().position(|track| track.id == stream.id);
            let track = known.and_then(|index| self.tracks.get_mut(index)).filter(|track| track.end > at);
            if let Some(track) = track {
                if end < track.end {
                    return finished;
                }
                let skip = usize::try_from(track.end - at).unwrap_or(usize::MAX);
                (rest, at) = (rest.get(skip..).unwrap_or_default(), track.end);
                if std::mem::take(&mut track.is_open) {
                    let done = *track;
                    self.finish(done.kind, done.total);
                    finished = Some(done);
                }
                continue;
            }
            let Ok((message, total)) = le_u32("length of message")(rest) else { return finished };
            let total = u64::from(total);
            let Some(header) = MessageHeader::parse(message).filter(|header| header.total() == total) else {
                return finished;
            };
            let end = at.saturating_add(4 + total);
            let track = Track { id: stream.id, kind: header.kind.packet_type(), total, end, is_open: true };
            if let Some(old) = known.and_then(|index| self.tracks.get_mut(index)) {
                *old = track;
            } else if self.tracks.len() < Self::MAX_TRACKS {
                self.tracks.push(track);
            } else {
                return finished;
            }
        }
    }

    fn finish(&mut self, kind: PacketType, total: u64) {
        self.bytes += total;
        if let Some(count) = self.messages.get_mut(kind.0 as usize) {
            *count += 1;
        }
    }
}

impl FlowDecoder for NdiDatagrams {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let bytes = packet.payload;
        let is_reliable = match (self.connection, self.tag) {
            (Some(_), _) => true,
            (None, Some(_)) => false,
            (None, None) => LongHeader::parse(bytes).is_some(),
        };
        if is_reliable {
            self.reliable(bytes, result)?;
        } else {
            self.fragment(bytes, packet.missing, result)?;
        }
        Ok(bytes.len())
    }

    fn report(&self, report: &mut FlowReport) {
        super::decoder::report_messages(report, &self.messages, self.bytes);
        if self.connection.is_some() {
            report.fact("framing", "reliable UDP (QUIC shapes in the clear)");
            report.fact("long_headers", self.long_headers);
            report.fact("short_headers", self.short_headers);
            return;
        }
        report.fact("framing", "UDP fragments");
        for (name, count) in ["middle", "first", "last", "parity", "hello"].into_iter().zip(self.kinds) {
            report.fact(format!("fragments_{name}"), count);
        }
    }
}
