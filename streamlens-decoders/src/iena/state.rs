//! What is remembered of the keys of one flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamlens_model::stats::{RunLength, Tally};
use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FindingLog, Occurrence, Packet, Severity, StreamId, Subject};

use super::header::{Fit, IenaHeader, SHORTEST, body};
use super::variant::{Candidates, IenaVariant};
use super::year::Year;
use crate::telemetry::{Codes, Reading, StreamTable, TelemetryFlow, Track, at};

/// The variants that a configuration pins, by key.
pub(crate) type Pins = Arc<BTreeMap<u16, IenaVariant>>;

const CODES: Codes =
    Codes { backwards: "iena.time-backwards", jump: Some("iena.time-jump"), severity: Severity::Warning };

/// Remembers the keys of one flow. Made by [`IenaDecoder`](super::IenaDecoder).
#[derive(Debug)]
pub struct IenaFlow {
    pub(super) pins: Pins,
    pub(super) keys: StreamTable<Key>,
    pub(super) log: FindingLog,
    pub(super) size_in_bytes: u64,
    pub(super) other_size: u64,
    pub(super) other_trailer: u64,
}

/// How often each value of a status byte came, for the first 16 different ones.
#[derive(Clone, Debug, Default)]
pub(super) struct StatusCounts {
    pub(super) values: Tally<u8, 16>,
    pub(super) changes: u64,
    last: Option<u8>,
}

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) track: Track,
    pub(super) pin: Option<IenaVariant>,
    pub(super) candidates: Candidates,
    /// Packets whose structure was tested.
    pub(super) tested: u64,
    /// Whether a packet kept IENA's rules.
    pub(super) is_proved: bool,
    pub(super) malformed: u64,
    /// Whether such a packet declared no variant.
    pub(super) has_undeclared: bool,
    /// The variant declared last, and whether another one was declared before.
    pub(super) declared: Option<IenaVariant>,
    pub(super) declares_several: bool,
    pub(super) discarded: u64,
    key_status: StatusCounts,
    n2_status: StatusCounts,
    /// Key status and N2 status of the last packet, where whole packets that repeat them say nothing new by them; those
    /// that do are in no count yet.
    pub(super) repeated: RunLength<[u8; 2]>,
    /// The variant of these: pinned, or declared by that key status.
    variant: Option<IenaVariant>,
    pub(super) first_micros: u64,
    pub(super) last_micros: u64,
    year: Year,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// The variant pinned or declared; `None` where only the packets of the key together can tell.
    pub(super) variant: Option<IenaVariant>,
    /// Whether the key has room in the table.
    pub(super) is_kept: bool,
    /// The packet time in microseconds since the Unix epoch.
    pub(super) instant_micros: i64,
}

impl IenaFlow {
    pub(super) fn new(pins: Pins) -> Self {
        let (keys, log) = (StreamTable::default(), FindingLog::default());
        Self { pins, keys, log, size_in_bytes: 0, other_size: 0, other_trailer: 0 }
    }

    /// Whether a packet of this key has kept the rules in this flow.
    pub(super) fn is_proved(&mut self, key: u16) -> bool {
        self.keys.get(key.into()).is_some_and(|key| key.is_proved)
    }

    /// Records a packet.
    #[inline(always)]
    pub(super) fn observe(&mut self, packet: &Packet<'_>, header: IenaHeader, fit: Fit) -> Verdict {
        let (now, id) = (at(packet), StreamId(header.key.into()));
        match fit {
            Fit::Whole | Fit::Cut => {}
            _ => self.note_malformed(packet, header, fit),
        }
        let pins = &self.pins;
        let Some(key) = self.keys.entry(header.key.into(), now, || Key::new(packet, header, pins)) else {
            let variant = IenaVariant::declared(header.key_status);
            let instant_micros = Year::of(packet.time, header.time).instant_micros(header.time);
            return Verdict { variant, is_kept: false, instant_micros };
        };
        let instant = if key.track.packets() == 0 {
            key.year.instant(header.time)
        } else {
            key.year.follow(key.track.time(), header.time)
        };
        let reading = Reading { sequence: (header.sequence.into(), 16), time: instant, comparable: true };
        key.track.observe(packet, reading, id, &CODES, &mut self.log);
        key.last_micros = header.time;
        if fit != Fit::Whole || !key.repeated.repeats(&[header.key_status, header.n2_status]) {
            key.note_anew(header, fit, id, now, &mut self.log);
        }
        if fit == Fit::Whole {
            key.note_structure(packet.payload, header, id, now, &mut self.log);
        }
        // This is also the time in microseconds of the instant above: where the year turned, this is the new one.
        let instant_micros = key.year.instant_micros(header.time);
        let variant = if matches!(fit, Fit::Whole | Fit::Cut) { key.variant } else { None };
        Verdict { variant, is_kept: true, instant_micros }
    }

    #[cold]
    fn note_malformed(&mut self, packet: &Packet<'_>, header: IenaHeader, fit: Fit) {
        let (now, id, length) = (at(packet), Some(StreamId(header.key.into())), packet.wire_payload_length());
        let size = header.size;
        match fit {
            Fit::SizeInBytes => {
                self.size_in_bytes += 1;
                self.log.add("iena.size-mismatch", Severity::Error, id, now, || {
                    format!(
                        "the size field counts bytes: it says {} for a packet of {}, which are {}",
                        Grouped(size.into()),
                        Counted(length as u64, "byte"),
                        Counted(length as u64 / 2, "word")
                    )
                });
            }
            Fit::OtherTrailer => {
                self.other_trailer += 1;
                self.log.add("iena.trailer-mismatch", Severity::Error, id, now, || {
                    format!(
                        "a packet of {}, as its size says, does not end with 0xDEAD",
                        Counted(length as u64, "byte")
                    )
                });
            }
            _ => {
                self.other_size += 1;
                let (code, of) = (("iena.size-mismatch", Severity::Error), (id, Subject::of([1])));
                self.log.add_figure(
                    code,
                    of,
                    now,
                    size.into(),
                    |size| Counted(size.unsigned_abs(), "word").to_string(),
                    || {
                        format!(
                            "the size field says {}, {}; the packet has {}",
                            Counted(size.into(), "word"),
                            Counted(u64::from(size) * 2, "byte"),
                            Counted(length as u64, "byte")
                        )
                    },
                );
            }
        }
    }
}

impl TelemetryFlow for IenaFlow {
    fn visit(&self, see: &mut dyn FnMut(u32, &Track)) {
        self.keys.iter().for_each(|(id, key)| see(id, &key.track));
    }
}

impl Key {
    fn new(packet: &Packet<'_>, header: IenaHeader, pins: &Pins) -> Self {
        Self {
            track: Track::new(packet),
            pin: pins.get(&header.key).copied(),
            candidates: Candidates::ALL,
            tested: 0,
            is_proved: false,
            malformed: 0,
            has_undeclared: false,
            declared: None,
            declares_several: false,
            discarded: 0,
            key_status: StatusCounts::default(),
            n2_status: StatusCounts::default(),
            repeated: RunLength::default(),
            variant: None,
            first_micros: header.time,
            last_micros: header.time,
            year: Year::of(packet.time, header.time),
        }
    }

    /// How often each value of the status bytes came: of the key status, and of the N2 status.
    pub(super) fn statuses(&self) -> (StatusCounts, StatusCounts) {
        let mut counts = (self.key_status.clone(), self.n2_status.clone());
        if let Some(([key_status, n2_status], repeats)) = self.repeated.run() {
            counts.0.values.add_many(key_status, repeats);
            counts.1.values.add_many(n2_status, repeats);
        }
        counts
    }

    /// Records what the key and its status say, where the packet before did not say the same.
    #[inline(never)]
    fn note_anew(&mut self, header: IenaHeader, fit: Fit, id: StreamId, now: Occurrence, log: &mut FindingLog) {
        if let Some(([key_status, n2_status], repeats)) = self.repeated.replace(None) {
            self.key_status.values.add_many(key_status, repeats);
            self.n2_status.values.add_many(n2_status, repeats);
        }
        if matches!(fit, Fit::Whole | Fit::Cut | Fit::SizeInBytes) {
            self.note_status(header, id, now, log);
        }
        if matches!(fit, Fit::Whole | Fit::Cut) {
            self.is_proved = true;
            let declared = IenaVariant::declared(header.key_status);
            self.note_declared(declared);
            self.variant = self.pin.or(declared);
        } else {
            self.malformed += 1;
        }
        if fit == Fit::Whole && !header.is_discarded() {
            self.repeated.replace(Some([header.key_status, header.n2_status]));
        }
    }

    fn note_status(&mut self, header: IenaHeader, id: StreamId, now: Occurrence, log: &mut FindingLog) {
        let key_status = self.key_status.count(header.key_status);
        let n2_status = self.n2_status.count(header.n2_status);
        if header.is_discarded() || key_status.is_some() || n2_status.is_some() {
            self.discarded += u64::from(header.is_discarded());
            log_status(header, key_status, n2_status, id, now, log);
        }
    }

    fn note_declared(&mut self, declared: Option<IenaVariant>) {
        match declared {
            None => self.has_undeclared = true,
            Some(_) => {
                self.declares_several |= self.declared.is_some() && self.declared != declared;
                self.declared = declared;
            }
        }
    }

    #[inline]
    fn note_structure(
        &mut self,
        payload: &[u8],
        header: IenaHeader,
        id: StreamId,
        now: Occurrence,
        log: &mut FindingLog,
    ) {
        if payload.len() <= SHORTEST {
            return;
        }
        self.tested += 1;
        // Every body has the structure of P, and once no other variant fits, none will.
        if self.candidates != Candidates::NONE || !matches!(self.variant, None | Some(IenaVariant::P)) {
            self.test_structure(body(payload), header, id, now, log);
        }
    }

    #[inline(never)]
    fn test_structure(&mut self, body: &[u8], header: IenaHeader, id: StreamId, now: Occurrence, log: &mut FindingLog) {
        self.candidates.narrow(body, header.data_words());
        let Some(said) = self.variant else { return };
        if !self.candidates.contains(said) && !said.fits(body, header.data_words()) {
            log_contradiction(said, self.pin.is_some(), body.len(), id, now, log);
        }
    }
}

/// Puts into words what the status bytes of a packet say, with the values before where they changed.
#[cold]
#[inline(never)]
fn log_status(
    header: IenaHeader,
    key_status: Option<u8>,
    n2_status: Option<u8>,
    id: StreamId,
    now: Occurrence,
    log: &mut FindingLog,
) {
    if let Some(before) = key_status {
        let subject = Subject::of([before.into(), header.key_status.into()]);
        log.add_about("iena.key-status-changed", Severity::Info, Some(id), subject, now, || {
            format!("the key status changes from 0x{before:02X} to 0x{:02X}", header.key_status)
        });
    }
    if let Some(before) = n2_status {
        let subject = Subject::of([before.into(), header.n2_status.into()]);
        log.add_about("iena.n2-status-changed", Severity::Info, Some(id), subject, now, || {
            format!("the N2 status changes from 0x{before:02X} to 0x{:02X}", header.n2_status)
        });
    }
    if header.is_discarded() {
        log.add("iena.discard-bit", Severity::Warning, Some(id), now, || {
            "the key status marks packets to be discarded by the central unit (0x40)".into()
        });
    }
}

#[cold]
#[inline(never)]
fn log_contradiction(
    said: IenaVariant,
    is_pinned: bool,
    length: usize,
    id: StreamId,
    now: Occurrence,
    log: &mut FindingLog,
) {
    log.add("iena.variant-contradicted", Severity::Warning, Some(id), now, || {
        let by = if is_pinned { "is configured" } else { "is declared by the key status" };
        format!("{} {by}, and {length} bytes of payload do not have its structure", said.type_name())
    });
}

impl StatusCounts {
    /// Counts a value; returns the one before where it differs.
    fn count(&mut self, value: u8) -> Option<u8> {
        let before = self.last.replace(value).filter(|last| *last != value);
        self.changes += u64::from(before.is_some());
        self.values.add(value);
        before
    }
}
