//! What the blocks of a section say: interfaces, packets, statistics.

use pcap_parser::{OptionCode, PcapError, parse_option_be, parse_option_le};
use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FrameRecord, Interface, LinkType};

use super::framing::Order;
use crate::clock::Clock;
use crate::report::code;
use crate::walk::{MAX_FRAME, Walk};

/// Interfaces kept apart, over all sections; a hostile file could describe millions.
const MAX_INTERFACES: usize = 1 << 16;
/// Interfaces of sections before that one may be again.
const MAX_AGAIN: usize = 64;

/// One interface of the current section.
#[derive(Clone, Copy, Debug)]
struct Local {
    /// Its index in [`Sections::interfaces`].
    global: u32,
    link_type: LinkType,
    snap_length: u32,
    clock: Clock,
    /// Whether its description could be read; else its frames have no time.
    described: bool,
    /// Frames that it dropped in sections before.
    dropped_before: u64,
}

/// The interfaces of all sections, and those that the current one may name.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) interfaces: Vec<Interface>,
    locals: Vec<Local>,
    /// Interfaces that sections before this one have described, as far as they may be described again.
    earlier: usize,
    /// Index of the interface that stands for all those which are not described.
    undescribed: Option<u32>,
    /// Index of the interface that stands for those that are described and find no room.
    further: Option<u32>,
    warned_undescribed: bool,
    warned_many: bool,
}

impl Sections {
    /// Behind another file, whose interfaces are these.
    pub(super) fn behind(interfaces: Vec<Interface>) -> Self {
        Self { interfaces, ..Self::default() }
    }

    pub(super) fn begin(&mut self) {
        self.earlier = self.interfaces.len().min(MAX_AGAIN);
        self.locals.clear();
        self.warned_undescribed = false;
    }

    /// An interface description block (section 4.2); `block` is all of it.
    pub(super) fn describe(&mut self, block: &[u8], order: Order, position: usize, out: &mut Walk<'_>) {
        let Some([l0, l1, _, _, snap @ ..]) = block.get(8..).and_then(|body| body.first_chunk::<8>()) else { return };
        let link_type = LinkType(order.u16([*l0, *l1]));
        let mut interface = Interface { link_type, snap_length: order.u32(*snap), ..Interface::default() };
        let (mut resolution, mut offset) = (6, 0);
        let whole = each_option(block, 16, order, |option, value| match (option, value) {
            (OptionCode::IfName, name) if interface.name.is_none() => {
                let name = String::from_utf8_lossy(name);
                interface.name = Some(name.trim_end_matches('\0').to_owned()).filter(|name| !name.is_empty());
            }
            (OptionCode::IfSpeed, value) => {
                interface.speed = value.first_chunk().map(|bytes| order.u64(*bytes)).filter(|speed| *speed > 0);
            }
            (OptionCode::IfTsresol, [value, ..]) => resolution = *value,
            (OptionCode::IfTsoffset, value) => {
                offset = value.first_chunk().map_or(0, |bytes| order.u64(*bytes).cast_signed());
            }
            _ => {}
        });
        if !whole {
            let place = out.place(position);
            out.report.incomplete(
                code::DAMAGED,
                place,
                format_args!(
                    "the interface description at byte {} has an option that is longer than the block; options \
                     before it are used",
                    Grouped(place.byte)
                ),
            );
        }
        let clock = Clock::new(resolution, offset);
        interface.resolution_ns = clock.resolution_ns();
        let snap_length = interface.snap_length;
        let known = self.described_before(&interface);
        let global = if let Some(known) = known {
            known
        } else if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
            (self.interfaces.len() - 1) as u32
        } else {
            self.many(position, out);
            self.further(interface)
        };
        let dropped = known.and_then(|known| self.interfaces.get(known as usize)).and_then(|known| known.dropped);
        let dropped_before = dropped.unwrap_or(0);
        self.add_local(Local { global, link_type, snap_length, clock, described: true, dropped_before });
    }

    /// The interface of a section before that is described again: a recording that goes on, or captures that were joined.
    fn described_before(&self, interface: &Interface) -> Option<u32> {
        let is_free = |place: usize| self.locals.iter().take(MAX_AGAIN).all(|local| local.global as usize != place);
        let earlier = self.interfaces.iter().take(self.earlier).enumerate();
        let mut same = earlier.filter(|(place, known)| known.is_described_like(interface) && is_free(*place));
        same.next().map(|(place, _)| place as u32)
    }

    /// Keeps the numbers of the interfaces that follow right where a description is lost.
    pub(super) fn describe_nothing(&mut self) {
        let global = self.undescribed();
        self.add_local(Local {
            global,
            link_type: LinkType::UNDESCRIBED,
            snap_length: 0,
            clock: Clock::MICROSECONDS,
            described: false,
            dropped_before: 0,
        });
    }

    fn add_local(&mut self, local: Local) {
        if self.locals.len() < MAX_INTERFACES {
            self.locals.push(local);
        }
    }

    #[cold]
    fn many(&mut self, position: usize, out: &mut Walk<'_>) {
        if !self.warned_many {
            self.warned_many = true;
            let place = out.place(position);
            out.report.note(
                code::MANY_INTERFACES,
                place,
                format_args!(
                    "more than {} interfaces are described; the further ones are counted as one",
                    Grouped(MAX_INTERFACES as u64)
                ),
            );
        }
    }

    /// The interface that stands for all that find no room; each frame has the link type of its own.
    fn further(&mut self, first: Interface) -> u32 {
        let interfaces = &mut self.interfaces;
        *self.further.get_or_insert_with(|| {
            interfaces.push(Interface { name: None, ..first });
            (interfaces.len() - 1) as u32
        })
    }

    fn undescribed(&mut self) -> u32 {
        let interfaces = &mut self.interfaces;
        *self.undescribed.get_or_insert_with(|| {
            interfaces.push(Interface { link_type: LinkType::UNDESCRIBED, resolution_ns: 1, ..Interface::default() });
            (interfaces.len() - 1) as u32
        })
    }

    /// Warns of an interface that is not described; returns the one that stands for it.
    #[cold]
    fn unknown(&mut self, id: u32, position: usize, out: &mut Walk<'_>) -> u32 {
        if !self.warned_undescribed {
            self.warned_undescribed = true;
            let place = out.place(position);
            out.report.incomplete(
                code::UNKNOWN_INTERFACE,
                place,
                format_args!(
                    "the packet at byte {} names interface {id}, which its section does not describe; its frames \
                     are counted, but their link type and time are not known",
                    Grouped(place.byte)
                ),
            );
        }
        self.undescribed()
    }

    /// An enhanced packet block (section 4.3); `block` is all of it, `position` its place in the buffer.
    #[inline]
    pub(super) fn enhanced(&mut self, block: &[u8], order: Order, position: usize, out: &mut Walk<'_>) {
        let Some(fixed) = block.first_chunk::<28>() else { return };
        let [_, _, _, _, _, _, _, _, i0, i1, i2, i3, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] =
            *fixed;
        let packet = Packet {
            interface: order.u32([i0, i1, i2, i3]),
            ticks: u64::from(order.u32([h0, h1, h2, h3])) << 32 | u64::from(order.u32([l0, l1, l2, l3])),
            captured: order.u32([c0, c1, c2, c3]),
            original: order.u32([o0, o1, o2, o3]),
        };
        self.packet(&packet, block.len(), position, out);
    }

    /// The obsolete packet block (appendix A): as the enhanced one, but the interface has 16 bits.
    pub(super) fn obsolete(&mut self, block: &[u8], order: Order, position: usize, out: &mut Walk<'_>) {
        let word = |at| order.word(block, at).unwrap_or_default();
        let Some(&[i0, i1]) = block.get(8..10).and_then(|bytes| bytes.first_chunk::<2>()) else { return };
        let packet = Packet {
            interface: u32::from(order.u16([i0, i1])),
            ticks: u64::from(word(12)) << 32 | u64::from(word(16)),
            captured: word(20),
            original: word(24),
        };
        self.packet(&packet, block.len(), position, out);
    }

    #[inline]
    fn packet(&mut self, packet: &Packet, block_length: usize, position: usize, out: &mut Walk<'_>) {
        const DATA: usize = 28;
        if packet.captured > MAX_FRAME || packet.captured as usize + DATA + 4 > block_length {
            let place = out.place(position);
            out.report.incomplete(
                code::DAMAGED,
                place,
                format_args!(
                    "the packet block at byte {} has {} and claims {} of a frame; this frame is left out",
                    Grouped(place.byte),
                    Counted(block_length as u64, "byte"),
                    Counted(packet.captured.into(), "byte")
                ),
            );
            return;
        }
        let (interface, link_type, time) = match self.locals.get(packet.interface as usize) {
            Some(local) if local.described => (local.global, local.link_type, local.clock.instant(packet.ticks)),
            _ => (self.unknown(packet.interface, position, out), LinkType::UNDESCRIBED, None),
        };
        out.records.push(FrameRecord {
            offset: (out.start + position + DATA) as u32,
            captured_length: packet.captured,
            original_length: packet.original,
            interface,
            time,
            link_type,
        });
    }

    /// A simple packet block (section 4.4): no time, the first interface, and its snap length cuts the frame.
    pub(super) fn simple(&mut self, block: &[u8], order: Order, position: usize, out: &mut Walk<'_>) {
        const DATA: usize = 12;
        let original = order.word(block, 8).unwrap_or_default();
        let (interface, link_type, limit) = match self.locals.first() {
            Some(local) if local.described => (local.global, local.link_type, local.snap_length),
            _ => (self.unknown(0, position, out), LinkType::UNDESCRIBED, 0),
        };
        let room = block.len().saturating_sub(DATA + 4) as u32;
        let cut = if limit == 0 { original } else { original.min(limit) };
        // Where the snap length does not explain the block's length, it is the block that bounds the frame.
        let captured_length = if cut.checked_next_multiple_of(4) == Some(room) { cut } else { original.min(room) };
        out.records.push(FrameRecord {
            offset: (out.start + position + DATA) as u32,
            captured_length,
            original_length: original,
            interface,
            time: None,
            link_type,
        });
    }

    /// An interface statistics block (section 4.6).
    pub(super) fn statistics(&mut self, block: &[u8], order: Order) {
        let Some(local) = order.word(block, 8).and_then(|id| self.locals.get(id as usize)) else { return };
        let mut dropped: Option<u64> = None;
        each_option(block, 20, order, |option, value| {
            if let (OptionCode::IsbIfDrop | OptionCode::IsbOsDrop, Some(count)) = (option, value.first_chunk()) {
                dropped = Some(dropped.unwrap_or(0).saturating_add(order.u64(*count)));
            }
        });
        if let (true, Some(_), Some(interface)) =
            (local.described, dropped, self.interfaces.get_mut(local.global as usize))
        {
            interface.dropped = dropped.map(|dropped| dropped.saturating_add(local.dropped_before));
        }
    }
}

struct Packet {
    interface: u32,
    ticks: u64,
    captured: u32,
    original: u32,
}

/// Calls `take` with each option of a block and its value without padding (section 3.5). False where an option is
/// longer than the block.
fn each_option(block: &[u8], from: usize, order: Order, mut take: impl FnMut(OptionCode, &[u8])) -> bool {
    let mut rest = block.get(from..block.len().saturating_sub(4)).unwrap_or_default();
    while rest.len() >= 4 {
        let parsed = if order.big_endian {
            parse_option_be::<PcapError<&[u8]>>(rest)
        } else {
            parse_option_le::<PcapError<&[u8]>>(rest)
        };
        let Ok((after, option)) = parsed else { return false };
        if option.code == OptionCode::EndOfOpt {
            break;
        }
        if let Ok(value) = option.as_bytes() {
            take(option.code, value);
        }
        rest = after;
    }
    true
}
