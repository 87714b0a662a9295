//! What the registers of stations say when a datagram comes back from them (ETG.1000.4, register descriptions).

use streamlens_model::{Occurrence, Severity};

use super::frame::Datagram;
use super::mailbox;
use super::monitor::ExchangeMonitor;
use super::stations::Place;
use super::working_counters::{Change, slot_id, slot_name, station_id};
use crate::wire::{at as read_at, le_u16, le_u32, le_u64};

/// The commands that registers are read and written with; the standard's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Read by position.
    Aprd,
    /// Write by position.
    Apwr,
    /// Read by address.
    Fprd,
    /// Write by address.
    Fpwr,
    /// Read and write by address.
    Fprw,
    /// Read of all stations.
    Brd,
    /// Write to all stations.
    Bwr,
    /// Read by position, write to the stations behind.
    Armw,
    /// Read by address, write to all others.
    Frmw,
    /// One that no figure is taken from.
    Other,
}

impl Command {
    pub(super) const fn of(number: u8) -> Self {
        match number {
            1 => Self::Aprd,
            2 => Self::Apwr,
            4 => Self::Fprd,
            5 => Self::Fpwr,
            6 => Self::Fprw,
            7 => Self::Brd,
            8 => Self::Bwr,
            13 => Self::Armw,
            14 => Self::Frmw,
            _ => Self::Other,
        }
    }
}

/// The registers that figures are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    /// Configured Station Address, 0x0010.
    StationAddress,
    /// AL Control, 0x0120.
    AlControl,
    /// AL Status, 0x0130; the status code may be read with it.
    AlStatus,
    /// AL Status Code, 0x0134.
    AlStatusCode,
    /// Error counters from 0x0300 on: so many bytes behind the first.
    ErrorCounter(u16),
    /// System Time of the distributed clocks, 0x0910.
    SystemTime,
    /// System Time Difference, 0x092C.
    SystemTimeDifference,
    /// Another one, or memory.
    Other,
}

impl Register {
    pub(super) const fn of(address: u16) -> Self {
        match address {
            0x0010 => Self::StationAddress,
            0x0120 => Self::AlControl,
            0x0130 => Self::AlStatus,
            0x0134 => Self::AlStatusCode,
            0x0300..=0x0313 => Self::ErrorCounter(address - 0x0300),
            0x0910 => Self::SystemTime,
            0x092C => Self::SystemTimeDifference,
            _ => Self::Other,
        }
    }
}

/// Registers that every station has.
const fn is_core(register: u16) -> bool {
    matches!(register, 0..=0x000B | 0x0110 | 0x0120 | 0x0130 | 0x0134)
}

impl ExchangeMonitor {
    /// A datagram with a register that came back with this working counter.
    pub(super) fn register_came_back(&mut self, datagram: &Datagram<'_>, slot: u64, counter: u16, at: Occurrence) {
        let command = Command::of(datagram.command);
        // An empty mailbox does not answer, so silence of memory says nothing.
        if datagram.register() < mailbox::MEMORY {
            self.judge_answers(command, datagram, slot, counter, at);
        }
        if counter == 0 {
            return;
        }
        if matches!(command, Command::Brd | Command::Bwr) {
            self.stations.count = Some(datagram.station());
        }
        if let Some(place) = self.place_of(command, datagram) {
            self.read_register(command, place, datagram, at);
        }
    }

    /// Records where a station, or one of all of them, no longer answers.
    fn judge_answers(&mut self, command: Command, datagram: &Datagram<'_>, slot: u64, counter: u16, at: Occurrence) {
        use Command::{Brd, Fprd, Fprw, Fpwr};
        match (self.slots.register(slot, counter), command) {
            (Change::Silent, Fprd | Fpwr | Fprw) => {
                let station = datagram.station();
                self.log.add("ethercat.no-answer", Severity::Warning, Some(station_id(station)), at, || {
                    format!("station {station:#06x} no longer answers: {}", slot_name(slot))
                });
            }
            (Change::Silent | Change::Counter(_), Brd) if is_core(datagram.register()) => {
                self.log.add("ethercat.slave-count", Severity::Warning, Some(slot_id(slot)), at, || {
                    format!("{}: now {counter} stations answer", slot_name(slot))
                });
            }
            _ => {}
        }
    }

    /// Which station has answered; `None` where that can't be told, or it is not one alone.
    fn place_of(&self, command: Command, datagram: &Datagram<'_>) -> Option<Place> {
        match command {
            Command::Fprd | Command::Frmw => Some(Place::Address(datagram.station())),
            // Every station has counted the position up.
            Command::Aprd | Command::Apwr | Command::Armw => {
                Some(Place::Position(self.stations.count?.wrapping_sub(datagram.station())))
            }
            _ => None,
        }
    }

    /// Records what a register of a station says.
    fn read_register(&mut self, command: Command, place: Place, datagram: &Datagram<'_>, at: Occurrence) {
        use Command::{Aprd, Apwr, Armw, Fprd, Frmw};
        let (data, stations, log) = (datagram.data, &mut self.stations, &mut self.log);
        match (command, Register::of(datagram.register())) {
            (Apwr, Register::StationAddress) => {
                if let (Some(address), Place::Position(position)) = (read_at(data, 0, le_u16("station address")), place)
                {
                    stations.assigned(address, position);
                }
            }
            (Aprd | Fprd, Register::AlStatus) => {
                if let Some(state) = data.first() {
                    stations.status(place, *state, read_at(data, 4, le_u16("AL status code")), at, log);
                }
            }
            (Aprd | Fprd, Register::AlStatusCode) => {
                if let Ok((_, code)) = le_u16("AL status code")(data) {
                    stations.code(place, code, at, log);
                }
            }
            (Aprd | Fprd, Register::ErrorCounter(offset)) => {
                stations.errors(place, usize::from(offset), data, at, log);
            }
            (Armw | Frmw, Register::SystemTime) => {
                if let (Some((value, width)), Some(time)) = (system_time(data), at.time) {
                    stations.reference.read(datagram.station(), value, width, time.as_nanos());
                }
            }
            (Aprd | Fprd, Register::SystemTimeDifference) => {
                if let Ok((_, raw)) = le_u32("system time difference")(data) {
                    stations.difference(place, raw, at, log);
                }
            }
            (Aprd | Fprd, _) => self.message(datagram, at),
            _ => {}
        }
    }
}

/// A system time in nanoseconds and its width in bytes: the whole one, or its lower half.
fn system_time(data: &[u8]) -> Option<(u64, usize)> {
    match le_u64("system time")(data) {
        Ok((_, whole)) => Some((whole, 8)),
        Err(_) => le_u32("system time, lower half")(data).ok().map(|(_, half)| (half.into(), 4)),
    }
}
