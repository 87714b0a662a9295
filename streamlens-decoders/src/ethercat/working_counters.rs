//! Working counters by slot: command, address and length together.

use std::collections::HashMap;

use streamlens_model::StreamId;
use streamlens_model::words::Counted;

use super::frame::is_logical;
use super::names::COMMANDS;

/// Logical slots that are followed.
const MAX_LOGICAL: usize = 64;
/// Register slots that are followed.
const MAX_REGISTERS: usize = 4096;
/// A working counter that is lower this often in a row is what is expected from then on (the mode of the last 100).
const LOWER_ADOPTED: u32 = 51;
/// A higher one is adopted sooner: a station has joined.
const HIGHER_ADOPTED: u32 = 3;
/// Returns before a mismatch is believed.
const LEARNING: u64 = 8;

/// What a slot answered in a run.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: u64,
    pub(super) expected: u16,
    pub(super) returned: u64,
    pub(super) below: u64,
    pub(super) above: u64,
    pub(super) zero: u64,
    pub(super) longest_run: u32,
    since_learning: u64,
    epoch: u32,
    run: u32,
    run_value: u16,
    next: usize,
}

/// What a returned working counter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As expected, or not known well enough.
    Good,
    /// Below this expected value.
    Below(u16),
}

impl Slot {
    fn new(key: u64, epoch: u32) -> Self {
        Self {
            key,
            expected: 0,
            returned: 0,
            below: 0,
            above: 0,
            zero: 0,
            longest_run: 0,
            since_learning: 0,
            epoch,
            run: 0,
            run_value: 0,
            next: 0,
        }
    }

    #[inline]
    fn judge(&mut self, counter: u16, epoch: u32) -> Verdict {
        self.returned += 1;
        if self.epoch != epoch || self.since_learning == 0 {
            (self.epoch, self.since_learning, self.expected, self.run) = (epoch, 1, counter, 0);
            self.zero += u64::from(counter == 0);
            return Verdict::Good;
        }
        self.since_learning += 1;
        if counter == self.expected {
            self.run = 0;
            self.zero += u64::from(counter == 0);
            return Verdict::Good;
        }
        self.differs(counter)
    }

    #[cold]
    fn differs(&mut self, counter: u16) -> Verdict {
        self.zero += u64::from(counter == 0);
        self.run = if self.run > 0 && self.run_value == counter { self.run + 1 } else { 1 };
        self.run_value = counter;
        let expected = self.expected;
        let learning = self.since_learning <= LEARNING;
        let enough = if counter > expected { HIGHER_ADOPTED } else { LOWER_ADOPTED };
        if learning || self.run >= enough {
            self.expected = counter;
        }
        if learning {
            return Verdict::Good;
        }
        if counter > expected {
            self.above += 1;
            return Verdict::Good;
        }
        self.below += 1;
        self.longest_run = self.longest_run.max(self.run);
        Verdict::Below(expected)
    }
}

/// What a register slot answered last.
#[derive(Clone, Copy, Debug, Default)]
struct Register {
    last: u16,
    answered: bool,
}

/// All slots of a conversation.
#[derive(Debug, Default)]
pub(super) struct Slots {
    logical: Vec<Slot>,
    at: usize,
    registers: HashMap<u64, Register>,
    /// Grows when the master asks for another state: then other working counters are right.
    pub(super) epoch: u32,
    /// Returns of slots that found no room.
    pub(super) left_out: u64,
}

/// What became of a register slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// As before, or seen for the first time.
    None,
    /// It answered before, and now nobody does.
    Silent,
    /// Another number of stations answered than before.
    Counter(u16),
}

impl Slots {
    /// Takes in the working counter of a returned logical datagram.
    #[inline]
    pub(super) fn logical(&mut self, key: u64, counter: u16) -> Verdict {
        // Frames repeat, so the slot behind the last one is most often the same as last time.
        let guess = self.logical.get(self.at).map_or(0, |slot| slot.next);
        let index = match self.logical.get(guess) {
            Some(slot) if slot.key == key => guess,
            _ => match self.find(key) {
                Some(index) => index,
                None => return Verdict::Good,
            },
        };
        self.at = index;
        let epoch = self.epoch;
        self.logical.get_mut(index).map_or(Verdict::Good, |slot| slot.judge(counter, epoch))
    }

    #[cold]
    fn find(&mut self, key: u64) -> Option<usize> {
        let index = match self.logical.iter().position(|slot| slot.key == key) {
            Some(index) => index,
            None if self.logical.len() < MAX_LOGICAL => {
                self.logical.push(Slot::new(key, self.epoch));
                self.logical.len() - 1
            }
            None => {
                self.left_out += 1;
                return None;
            }
        };
        if let Some(before) = self.logical.get_mut(self.at) {
            before.next = index;
        }
        Some(index)
    }

    /// Takes in the working counter of a returned datagram that reaches registers.
    pub(super) fn register(&mut self, key: u64, counter: u16) -> Change {
        if let Some(register) = self.registers.get_mut(&key) {
            let before = std::mem::replace(&mut register.last, counter);
            let answered = register.answered;
            register.answered |= counter > 0;
            return match counter {
                _ if counter == before || !answered => Change::None,
                0 => Change::Silent,
                _ => Change::Counter(before),
            };
        }
        if self.registers.len() < MAX_REGISTERS {
            self.registers.insert(key, Register { last: counter, answered: counter > 0 });
        } else {
            self.left_out += 1;
        }
        Change::None
    }

    /// The logical slots, in the order of their addresses.
    pub(super) fn list(&self) -> Vec<&Slot> {
        let mut list: Vec<&Slot> = self.logical.iter().collect();
        list.sort_by_key(|slot| (slot.key as u32, slot.key));
        list
    }
}

/// The place of a slot, in findings.
pub(super) fn slot_id(key: u64) -> StreamId {
    StreamId(1 << 64 | u128::from(key))
}

/// The place of a station by its configured address, in findings.
pub(super) fn station_id(address: u16) -> StreamId {
    StreamId(2 << 64 | u128::from(address))
}

/// The place of a station by its position, in findings.
pub(super) fn position_id(position: u16) -> StreamId {
    StreamId(3 << 64 | u128::from(position))
}

/// `LRW 0x01000000, 12 bytes`, `station 0x1001`, `position 3`.
pub(super) fn place_name(id: StreamId) -> String {
    let low = id.0 as u64;
    match id.0 >> 64 {
        1 => slot_name(low),
        2 => format!("station {low:#06x}"),
        3 => format!("position {low}"),
        _ => format!("{:#x}", id.0),
    }
}

/// `LRW 0x01000000, 12 bytes`, `FPRD 0x1001 register 0x0130, 2 bytes`.
pub(super) fn slot_name(key: u64) -> String {
    let (command, length, address) = ((key >> 48) as u8, key >> 32 & 0x07FF, key as u32);
    let length = Counted(length, "byte");
    let name = COMMANDS.get(usize::from(command)).copied().unwrap_or("EXT");
    if is_logical(command) {
        return format!("{name} {address:#010x}, {length}");
    }
    match command {
        4..=6 | 14 => format!("{name} {:#06x} register {:#06x}, {length}", address & 0xFFFF, address >> 16),
        _ => format!("{name} register {:#06x}, {length}", address >> 16),
    }
}
