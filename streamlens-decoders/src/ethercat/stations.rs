//! Stations by address or position: states, errors, distributed clocks.

use std::collections::BTreeMap;

use streamlens_model::stats::Line;
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Subject};

use super::names::{al_state, al_status};
use super::working_counters::{position_id, station_id};

/// Stations that are followed.
const MAX_STATIONS: usize = 1024;
/// A clock difference above this, in nanoseconds, for [`OUT_OF_SYNC`] readings in a row, is lost synchronisation.
const CLOCK_LIMIT: u32 = 1_000;
const OUT_OF_SYNC: u32 = 100;
/// A reference clock that moves this much against the capture clock between readings, in nanoseconds, was set anew.
const CLOCK_STEP: i64 = 100_000_000;

/// How a station is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Address(u16),
    Position(u16),
}

impl Place {
    fn id(self) -> StreamId {
        match self {
            Self::Address(address) => station_id(address),
            Self::Position(position) => position_id(position),
        }
    }

    /// `station 0x1001`, `position 3`.
    pub(super) fn name(self) -> String {
        super::working_counters::place_name(self.id())
    }
}

/// What is known of a station.
#[derive(Clone, Debug, Default)]
pub(super) struct Station {
    pub(super) position: Option<u16>,
    /// AL status: state in the low four bits, 0x10 error.
    pub(super) state: Option<u8>,
    pub(super) state_changes: u64,
    pub(super) status_code: Option<u16>,
    /// A state with the error bit set that a master at its start finds, and acknowledges: of the run before.
    left_in_error: Option<LeftInError>,
    /// The clock's largest difference from the reference, in nanoseconds.
    pub(super) largest_difference: Option<u32>,
    out_of_sync: u32,
    /// Registers 0x0300 to 0x0313.
    pub(super) errors: Option<[u8; 20]>,
}

/// An error of the run before.
#[derive(Clone, Copy, Debug)]
struct LeftInError {
    state: u8,
    at: Occurrence,
    /// Whether the capture found the station so.
    at_beginning: bool,
}

/// All stations of a conversation.
#[derive(Debug, Default)]
pub(super) struct Stations {
    pub(super) list: BTreeMap<Place, Station>,
    pub(super) reference: Reference,
    /// The state that the master asked for last.
    pub(super) requested: Option<u8>,
    /// Addresses by position.
    addresses: BTreeMap<u16, u16>,
    /// How many stations are on the line, by the address that came back of a broadcast.
    pub(super) count: Option<u16>,
}

impl Stations {
    /// The address of a position, where the master has assigned one.
    fn known(&self, place: Place) -> Place {
        match place {
            Place::Position(position) => self.addresses.get(&position).map_or(place, |a| Place::Address(*a)),
            Place::Address(_) => place,
        }
    }

    fn station(&mut self, place: Place) -> Option<&mut Station> {
        if self.list.len() >= MAX_STATIONS && !self.list.contains_key(&place) {
            return None;
        }
        Some(self.list.entry(place).or_default())
    }

    /// A station got its address.
    pub(super) fn assigned(&mut self, address: u16, position: u16) {
        if self.addresses.len() < MAX_STATIONS {
            self.addresses.insert(position, address);
        }
        let before = self.list.remove(&Place::Position(position));
        let Some(station) = self.station(Place::Address(address)) else { return };
        if let Some(before) = before
            && station.state.is_none()
        {
            *station = before;
        }
        station.position = Some(position);
    }

    /// AL status was read, perhaps with the status code.
    pub(super) fn status(&mut self, place: Place, state: u8, code: Option<u16>, at: Occurrence, log: &mut FindingLog) {
        let place = self.known(place);
        let requested = self.requested;
        let Some(station) = self.station(place) else { return };
        let before = station.state.replace(state);
        if let Some(before) = before.filter(|before| before & 0x0F != state & 0x0F) {
            station.state_changes += 1;
            let rank = |state: u8| [0, 1, 2, 0, 4, 0, 0, 0, 8].get(usize::from(state & 0x0F)).copied().unwrap_or(0);
            let fell = rank(state) < rank(before) && requested.is_none_or(|r| r & 0x0F != state & 0x0F);
            let severity = if fell { Severity::Warning } else { Severity::Info };
            let subject = Subject::of([u16::from(before), u16::from(state)]);
            log.add_about("ethercat.state-changed", severity, Some(place.id()), subject, at, || {
                format!("{} went from {} to {}", place.name(), al_state(before), al_state(state))
            });
        }
        // positions are how a master addresses what it has not set up yet
        let is_left =
            before.is_none() || matches!(place, Place::Position(_)) && before.is_some_and(|of| of & 0x10 == 0);
        if let Some(code) = code {
            self.code(place, code, at, log);
        } else if state & 0x10 != 0 && is_left && station.left_in_error.is_none() {
            station.left_in_error = Some(LeftInError { state, at, at_beginning: before.is_none() });
        } else if state & 0x10 != 0 && before.is_some_and(|before| before & 0x10 == 0) {
            // Why is not known yet.
            let subject = Subject::of([1, u16::from(state)]);
            log.add_about("ethercat.al-status", Severity::Warning, Some(place.id()), subject, at, || {
                format!("{} is in {} with its error bit set", place.name(), al_state(state))
            });
        }
    }

    /// Lets what was said of a station's states end with where it stands now.
    pub(super) fn conclude(&self, log: &mut FindingLog) {
        for (place, station) in &self.list {
            if let (Some(LeftInError { state: left, at, at_beginning }), Some(state)) =
                (station.left_in_error, station.state)
            {
                // a master acknowledges what the run before has left: that is a normal start
                let is_over = state & 0x10 == 0;
                let severity = if is_over { Severity::Info } else { Severity::Warning };
                let subject = Subject::of([1, u16::from(left)]);
                log.add_about("ethercat.al-status", severity, Some(place.id()), subject, at, || {
                    let (verb, when) = match (is_over, at_beginning) {
                        (true, true) => ("was", " when the capture began"),
                        (true, false) => ("was", " until the master had set it up"),
                        (false, _) => ("is", ""),
                    };
                    format!("{} {verb} in {} with its error bit set{when}", place.name(), al_state(left))
                });
            }
        }
        // what was said of a station by its position, before it had an address, is of the same station
        let states = self.list.iter().flat_map(|(place, station)| {
            let ids = [Some(place.id()), station.position.map(|position| Place::Position(position).id())];
            ids.into_iter().flatten().filter_map(|id| Some((id, station.state?)))
        });
        let states: BTreeMap<StreamId, u8> = states.collect();
        for code in ["ethercat.state-changed", "ethercat.al-status"] {
            log.conclude(code, |stream, subject| {
                let state = *states.get(&stream?)?;
                (subject.0 as u8 & 0x0F != state & 0x0F).then(|| format!("; now {}", al_state(state)))
            });
        }
    }

    /// The AL status code was read.
    pub(super) fn code(&mut self, place: Place, code: u16, at: Occurrence, log: &mut FindingLog) {
        let place = self.known(place);
        let Some(station) = self.station(place) else { return };
        let before = station.status_code.replace(code);
        let state = station.state.map_or("", al_state);
        if code != 0 && before != Some(code) {
            let subject = Subject::of([2, code, u16::from(station.state.unwrap_or(0))]);
            log.add_about("ethercat.al-status", Severity::Error, Some(place.id()), subject, at, || {
                format!("{} {state}: AL status code {code:#06x} ({})", place.name(), al_status(code))
            });
        }
    }

    /// The clock difference (register 0x092C) was read: sign and magnitude in nanoseconds.
    pub(super) fn difference(&mut self, place: Place, raw: u32, at: Occurrence, log: &mut FindingLog) {
        let place = self.known(place);
        let Some(station) = self.station(place) else { return };
        let magnitude = raw & 0x7FFF_FFFF;
        station.largest_difference = Some(station.largest_difference.unwrap_or(0).max(magnitude));
        station.out_of_sync = if magnitude > CLOCK_LIMIT { station.out_of_sync + 1 } else { 0 };
        if station.out_of_sync == OUT_OF_SYNC {
            log.add("ethercat.dc-sync-lost", Severity::Warning, Some(place.id()), at, || {
                format!("{}: its clock was more than {CLOCK_LIMIT} ns off for {OUT_OF_SYNC} readings", place.name())
            });
        }
    }

    /// Error counters were read from register 0x0300 + `offset` on.
    pub(super) fn errors(&mut self, place: Place, offset: usize, data: &[u8], at: Occurrence, log: &mut FindingLog) {
        let place = self.known(place);
        let Some(station) = self.station(place) else { return };
        let known = station.errors.is_some();
        let counters = station.errors.get_or_insert_default();
        for (register, (slot, &now)) in counters.iter_mut().skip(offset).zip(data).enumerate() {
            let before = std::mem::replace(slot, now);
            if known && now > before {
                let register = offset + register;
                let (code, subject) = (("ethercat.link-errors", Severity::Warning), Subject::of([register as u16]));
                log.add_figure(
                    code,
                    (Some(place.id()), subject),
                    at,
                    now.into(),
                    |now| now.to_string(),
                    || format!("{}: {} rose from {before} to {now}", place.name(), error_name(register)),
                );
            }
        }
    }
}

/// What register 0x0300 + `offset` counts.
fn error_name(offset: usize) -> String {
    match offset {
        0..8 if offset.is_multiple_of(2) => format!("invalid frames at port {}", offset / 2),
        0..8 => format!("receive errors at port {}", offset / 2),
        8..12 => format!("forwarded errors at port {}", offset - 8),
        12 => "processing unit errors".to_owned(),
        13 => "PDI errors".to_owned(),
        _ => format!("lost links at port {}", offset.saturating_sub(16)),
    }
}

/// The reference clock (register 0x0910) against the capture's clock: a straight line through all readings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reference {
    pub(super) station: Option<u16>,
    pub(super) readings: u64,
    pub(super) last: u64,
    first_time: i64,
    last_time: i64,
    /// Reference time since the first reading less capture time since then, in nanoseconds.
    offset: i64,
    /// `offset` over seconds since the first reading.
    line: Line,
}

impl Reference {
    /// A reading of `width` bytes (4 or 8) at a capture time in nanoseconds.
    pub(super) fn read(&mut self, station: u16, value: u64, width: usize, time: i64) {
        if self.readings > 0 && self.station == Some(station) {
            let step = if width >= 8 {
                value.wrapping_sub(self.last) as i64
            } else {
                i64::from((value as u32).wrapping_sub(self.last as u32) as i32)
            };
            let apart = step.wrapping_sub(time.wrapping_sub(self.last_time));
            if apart.checked_abs().is_some_and(|apart| apart <= CLOCK_STEP) {
                self.offset = self.offset.saturating_add(apart);
                self.point(time);
            } else {
                self.start(station, time);
            }
        } else {
            self.start(station, time);
        }
        (self.last, self.last_time) = (value, time);
        self.readings += 1;
    }

    fn start(&mut self, station: u16, time: i64) {
        *self = Self { station: Some(station), readings: self.readings, first_time: time, ..Self::default() };
        self.last_time = time;
        self.point(time);
    }

    fn point(&mut self, time: i64) {
        self.line.push(time.wrapping_sub(self.first_time) as f64 / 1e9, self.offset as f64);
    }

    /// How much faster than the capture's clock it runs, in parts per million; `None` below one second and 20 readings.
    pub(super) fn drift_ppm(&self) -> Option<f64> {
        let span = self.last_time.wrapping_sub(self.first_time);
        self.line.slope().filter(|_| self.line.count() >= 20 && span >= 1_000_000_000).map(|slope| slope.value / 1e3)
    }
}
