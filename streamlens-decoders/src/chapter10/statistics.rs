//! What a flow's packets add up to: checksums, flags, channels, time, setup, findings.

use streamlens_model::words::{Counted, Grouped, Span};
use streamlens_model::{FindingLog, Occurrence, Packet, Severity, Subject, Timestamp};

use super::body::walk;
use super::channel::{Alike, ByteCounts, Channel, ChannelTable, TimeTrack};
use super::channel_stream;
use super::flow::{INCOMPLETE, PacketView};
use super::transfer::Format;
use super::types::{self, is_computer_generated};
use crate::{DecodingResult, MediaClock, Sequence, StreamMark, clock_offset};
use streamlens_chapter10_wire::SetupReader;
use streamlens_chapter10_wire::{
    COUNTER_BITS, COUNTER_HZ, PacketHeader, SecondaryChecksum, checksum_covers_transfer_header, data_checksum_ok,
    secondary_checksum,
};
use streamlens_chapter10_wire::{Moment, nearest_year, read_time, ticks_between};

/// Counts good and bad.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdicts {
    pub(super) ok: u64,
    pub(super) bad: u64,
}

impl Verdicts {
    #[inline]
    fn add(&mut self, ok: bool) {
        if ok {
            self.ok += 1;
        } else {
            self.bad += 1;
        }
    }
}

/// The sums over a flow.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    /// Datagrams by format, whole packets and segments.
    pub(super) transfers: [[u64; 2]; 3],
    /// Without the packets of [`Channel::alike`]: all of these have the right one.
    header_checksum: Verdicts,
    pub(super) covers_transfer_header: u64,
    pub(super) data_checksum: Verdicts,
    pub(super) no_sync: u64,
    pub(super) damaged_headers: u64,
    pub(super) secondary_present: u64,
    pub(super) secondary_bytes: u64,
    pub(super) secondary_words: u64,
    pub(super) secondary_bad: u64,
    pub(super) complete: u64,
    pub(super) incomplete: u64,
    pub(super) evicted: u64,
    /// Without the packets of [`Channel::alike`].
    flags: ByteCounts,
    versions: ByteCounts,
    pub(super) channels: ChannelTable,
    pub(super) setup: SetupReader,
    pub(super) findings: FindingLog,
    pub(super) last_time: Option<Timestamp>,
    pub(super) is_file: bool,
}

impl Statistics {
    #[inline]
    pub(super) fn transfer(&mut self, format: Format, segmented: bool) {
        if let Some(count) = self.transfers.get_mut(format as usize).and_then(|f| f.get_mut(usize::from(segmented))) {
            *count += 1;
        }
    }

    /// Records a packet that goes on with its channel like most: its header says nothing new but number and time. Says
    /// where in its channel it stands, as [`Self::header`] does. False, where it is not like that; nothing is noted then.
    #[inline(always)]
    pub(super) fn goes_on(&mut self, header: &PacketHeader, packet: &Packet<'_>, result: &mut DecodingResult) -> bool {
        let Some(channel) = self.channels.recent(header.channel) else { return false };
        if !header.checksum_ok() || !channel.repeats(header) {
            return false;
        }
        if packet.time > self.last_time {
            self.last_time = packet.time;
        }
        mark(header, result);
        let at = Occurrence { frame: packet.frame, time: packet.time };
        channel.step(header, at, self.is_file, &mut self.findings);
        channel.last = Some(at);
        channel.last_time = packet.time.or(channel.last_time);
        channel.counter_last = header.counter;
        true
    }

    /// The verdicts on all header checksums.
    pub(super) fn header_checksum(&self) -> Verdicts {
        let Verdicts { ok, bad } = self.header_checksum;
        Verdicts { ok: ok + self.alike().map(|alike| alike.packets).sum::<u64>(), bad }
    }

    /// Packets by their flags, and by their header version.
    pub(super) fn flags_and_versions(&self) -> (ByteCounts, ByteCounts) {
        let (mut flags, mut versions) = (self.flags.clone(), self.versions.clone());
        for alike in self.alike() {
            flags.add_many(alike.flags, alike.packets);
            versions.add_many(alike.version, alike.packets);
        }
        (flags, versions)
    }

    fn alike(&self) -> impl Iterator<Item = Alike> {
        self.channels.iter().filter_map(Channel::alike)
    }

    /// Records a packet whose header has come, with as many of its bytes as are there, and says where in its
    /// channel it stands.
    #[inline(never)]
    pub(super) fn header(&mut self, view: PacketView<'_>, packet: &Packet<'_>, result: &mut DecodingResult) {
        let PacketView { header, bytes, late, .. } = view;
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let stream = channel_stream(header.channel);
        self.last_time = self.last_time.max(packet.time);
        self.header_checksum.add(header.checksum_ok());
        if !header.checksum_ok() {
            self.bad_header(view, at);
        }
        self.flags.add(header.flags.0);
        self.versions.add(header.version);
        if header.flags.has_secondary() {
            self.secondary(header, bytes, at);
        }
        mark(header, result);
        let is_file = self.is_file;
        let Some(channel) = self.channels.get_mut(header.channel) else { return };
        if let Some(alike) = channel.begin(header.data_type) {
            self.header_checksum.ok += alike.packets;
            self.flags.add_many(alike.flags, alike.packets);
            self.versions.add_many(alike.version, alike.packets);
        }
        if header.flags.overflow() {
            channel.overflows += 1;
            self.findings.add("chapter10.overflow", Severity::Error, Some(stream), at, || {
                format!("channel {} lost data before they were packed: its overflow flag is set", header.channel)
            });
        }
        if header.flags.sync_error() {
            channel.sync_errors += 1;
            self.findings.add("chapter10.sync-error", Severity::Warning, Some(stream), at, || {
                format!("channel {}: the relative time counter is flagged as not synchronised", header.channel)
            });
        }
        if late {
            return;
        }
        if channel.first.is_none() {
            channel.first = Some(at);
            channel.counter_first = header.counter;
        } else {
            channel.step(header, at, is_file, &mut self.findings);
        }
        channel.last = Some(at);
        channel.last_time = packet.time.or(channel.last_time);
        channel.counter_last = header.counter;
        channel.last_was_generated = is_computer_generated(header.data_type);
        let flags = header.flags;
        if header.checksum_ok() && !(flags.has_secondary() || flags.overflow() || flags.sync_error()) {
            channel.expect_alike(header);
        }
    }

    #[cold]
    fn bad_header(&mut self, view: PacketView<'_>, at: Occurrence) {
        let PacketView { header, bytes, transfer, .. } = view;
        let covers = !transfer.is_empty() && checksum_covers_transfer_header(header, transfer, bytes);
        self.covers_transfer_header += u64::from(covers);
        let stream = Some(channel_stream(header.channel));
        self.findings.add("chapter10.header-checksum", Severity::Warning, stream, at, || {
            let why = if covers { ", which is the sum over the transfer header as well" } else { "" };
            let (stated, right) = (header.checksum, header.checksum_computed);
            format!("channel {}: header checksum is {stated:#06x}{why}, and should be {right:#06x}", header.channel)
        });
    }

    fn secondary(&mut self, header: &PacketHeader, bytes: &[u8], at: Occurrence) {
        let Some(found) = secondary_checksum(bytes) else { return };
        self.secondary_present += 1;
        match found {
            SecondaryChecksum::ByteSum => self.secondary_bytes += 1,
            SecondaryChecksum::WordSum => self.secondary_words += 1,
            SecondaryChecksum::Bad => {
                self.secondary_bad += 1;
                let stream = Some(channel_stream(header.channel));
                self.findings.add("chapter10.secondary-header-checksum", Severity::Warning, stream, at, || {
                    format!(
                        "channel {}: the secondary header's checksum is neither the sum of its bytes nor of its words",
                        header.channel
                    )
                });
            }
        }
    }

    /// Records what a whole packet holds.
    #[inline]
    pub(super) fn body(&mut self, header: &PacketHeader, bytes: &[u8], packet: &Packet<'_>) {
        if header.flags.checksum_width() > 0 || !is_opaque(header.data_type) {
            self.look_inside(header, bytes, packet);
        }
    }

    #[inline(never)]
    fn look_inside(&mut self, header: &PacketHeader, bytes: &[u8], packet: &Packet<'_>) {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        if let Some(ok) = data_checksum_ok(header, bytes) {
            self.data_checksum.add(ok);
            if !ok {
                let stream = Some(channel_stream(header.channel));
                self.findings.add("chapter10.data-checksum", Severity::Error, stream, at, || {
                    format!("channel {}: the data checksum is wrong, so the data can't be trusted", header.channel)
                });
            }
        }
        if is_opaque(header.data_type) {
            return;
        }
        let Some(data) = header.data(bytes) else { return };
        match header.data_type {
            types::SETUP => {
                let first = self.setup.record().is_none();
                if self.setup.packet(header.sequence, data) && !first {
                    let stream = Some(channel_stream(header.channel));
                    self.findings.add("chapter10.configuration-changed", Severity::Info, stream, at, || {
                        "a setup record says that the configuration has changed".to_owned()
                    });
                }
            }
            types::TIME_1 | types::TIME_2 => self.time_packet(header, data, packet),
            _ => {
                if let Some(found) = walk(header, data)
                    && let Some(channel) = self.channels.get_mut(header.channel)
                {
                    channel.messages += u64::from(found.messages);
                    if !found.sound {
                        channel.unsound += 1;
                        let stream = Some(channel_stream(header.channel));
                        self.findings.add("chapter10.body-structure", Severity::Warning, stream, at, || {
                            format!(
                                "channel {}: {} {} found in a packet of {} whose data do not end with them",
                                header.channel,
                                Counted(found.messages.into(), "message"),
                                Counted(found.messages.into(), "").verb("was", "were"),
                                types::type_name(header.data_type)
                            )
                        });
                    }
                }
            }
        }
    }

    fn time_packet(&mut self, header: &PacketHeader, data: &[u8], packet: &Packet<'_>) {
        let Some(channel) = self.channels.get_mut(header.channel) else { return };
        let Some(reading) = read_time(header, data) else {
            channel.invalid_times += 1;
            return;
        };
        let known = channel.time.as_deref();
        let (utc, year_from_capture) = match reading.moment {
            Moment::Instant(utc) => (utc, false),
            Moment::OfYear(of_year) => {
                // A year that was right stays right: what the counter has run since then is the best guide.
                let ran_on = known.map(|time| {
                    let ran = ticks_between(time.last.0, reading.counter).saturating_mul(100);
                    Timestamp::from_nanos(time.last.1.saturating_add(ran))
                });
                let Some(near) = ran_on.or(packet.time) else { return };
                (nearest_year(of_year, near), true)
            }
        };
        let offset = packet.time.filter(|_| !self.is_file).map(|time| utc.saturating_sub(time.as_nanos()));
        let at = Occurrence { frame: packet.frame, time: packet.time };
        match channel.time.as_deref_mut() {
            None => channel.time = Some(Box::new(TimeTrack::new(reading, utc, (offset, at), year_from_capture))),
            Some(track) => {
                if let Some(step) = track.go_on(reading, utc, (offset, at)) {
                    let stream = Some(channel_stream(header.channel));
                    let (code, of) = (("chapter10.time-jump", Severity::Warning), (stream, Subject::of([1])));
                    self.findings.add_figure(
                        code,
                        of,
                        at,
                        step,
                        |step| Span(step).to_string(),
                        || {
                            let known =
                                clock_offset::in_words(step).map_or_else(String::new, |words| format!(": {words}"));
                            format!(
                                "time packets of channel {} jump by {} against the relative time counter{known}",
                                header.channel,
                                Span(step)
                            )
                        },
                    );
                }
            }
        }
    }

    #[cold]
    pub(super) fn wrong_length(&mut self, header: &PacketHeader, present: usize, at: Occurrence) {
        let stream = Some(channel_stream(header.channel));
        self.findings.add("chapter10.packet-length", Severity::Warning, stream, at, || {
            format!(
                "channel {}: the header states a packet of {} bytes, and {present} are there",
                header.channel, header.packet_length
            )
        });
    }

    #[cold]
    pub(super) fn incomplete_packet(&mut self, channel: u16, at: Occurrence, received: u32, stated: Option<u32>) {
        let stream = Some(channel_stream(channel));
        let code = ("chapter10.incomplete-packet", INCOMPLETE);
        let Some(stated) = stated else {
            return self.findings.add_about(code.0, code.1, stream, Subject::of([1]), at, || {
                format!("a packet of channel {channel} is incomplete: its first segment never came")
            });
        };
        let (of, write) = ((stream, Subject::of([2])), |bytes: i64| Counted(bytes.unsigned_abs(), "byte").to_string());
        self.findings.add_figure(code, of, at, received.into(), write, || {
            format!(
                "a packet of channel {channel} is incomplete: {} of {} came",
                Grouped(received.into()),
                Counted(stated.into(), "byte")
            )
        });
    }

    /// The beginning of a packet of a Format 3 stream that can't be completed.
    #[cold]
    pub(super) fn partial_dropped(&mut self, bytes: &[u8], at: Occurrence) {
        self.incomplete += 1;
        match PacketHeader::parse(bytes) {
            Some(header) => {
                self.incomplete_packet(header.channel, at, bytes.len() as u32, Some(header.packet_length));
            }
            None => self.findings.add("chapter10.incomplete-packet", INCOMPLETE, None, at, || {
                "a packet of the stream is incomplete: its header never came".to_owned()
            }),
        }
    }
}

/// Whether the data of a type say nothing more without the setup record.
#[inline]
const fn is_opaque(data_type: u8) -> bool {
    matches!(data_type, 0x09 | 0x0A | 0x21 | 0x23)
}

/// Says where in its channel a packet stands.
#[inline]
fn mark(header: &PacketHeader, result: &mut DecodingResult) {
    result.mark(StreamMark {
        id: channel_stream(header.channel),
        sequence: Some(Sequence::new(u64::from(header.sequence), 8)),
        clock: Some(MediaClock { ticks: header.counter, bits: COUNTER_BITS, rate_hz: COUNTER_HZ }),
    });
}
