//! Blocks of the pcapng format (draft-ietf-opsawg-pcapng).
//!
//! The framing of blocks and the fixed fields of packets are taken apart here, which lets reading go on behind
//! damage and costs a few nanoseconds per frame; block types and options are `pcap_parser`'s.
//!
//! Where a block's two lengths do not agree, the next place is searched at which a block of a known type with two
//! equal lengths begins: 64 bits that hardly agree by chance. If one of the lengths of the block before it fits
//! that place, it was the other one that is damaged, and the block counts.

mod framing;
mod section;

use pcap_parser::{EPB_MAGIC, IDB_MAGIC, ISB_MAGIC, SHB_MAGIC, SPB_MAGIC};
use streamlens_model::Interface;
use streamlens_model::words::{Counted, Grouped};

use self::framing::{
    Candidate, FRAMING, Flaw, Framed, OPB_MAGIC, Order, candidate, candidate_in_other_order, frame_block,
};
use self::section::Sections;
use crate::detect::{Format, format_behind, may_be_capture};
use crate::report::code;
use crate::walk::Walk;

/// A damaged block is kept in the buffer up to this distance, in case its end shows that it was whole.
const KEEP_DAMAGED: usize = 1 << 18;

/// Blocks of types from here on are nearly unheard of, and the magic numbers of pcap files read as such.
const FIRST_UNUSUAL: u32 = 0x1000_0000;

/// Walks the blocks of one pcapng file.
#[derive(Debug, Default)]
pub(crate) struct PcapNg {
    order: Order,
    sections: Sections,
    damage: Option<Damage>,
}

/// A search for the place to go on at.
#[derive(Clone, Copy, Debug)]
struct Damage {
    flaw: Flaw,
    /// The byte order that the blocks behind it probably have.
    order: Order,
    /// Bytes from the damage to where the buffer now starts.
    behind: u64,
    /// Bytes from the start of the buffer that need not be searched again.
    searched: usize,
}

impl Damage {
    fn new(flaw: Flaw, order: Order) -> Self {
        Self { flaw, order, behind: 0, searched: 0 }
    }
}

/// What became of a search.
enum Search {
    /// Reading goes on here.
    Found(usize),
    /// Nothing before this place is needed any more.
    More(usize),
}

impl PcapNg {
    /// Behind another file, whose interfaces are these.
    pub(crate) fn behind(interfaces: Vec<Interface>) -> Self {
        Self { sections: Sections::behind(interfaces), ..Self::default() }
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.sections.interfaces
    }

    /// Takes whole blocks off the front of the buffer; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        let mut position = 0;
        loop {
            if let Some(damage) = self.damage {
                match self.search(damage, data, position, out) {
                    Search::Found(next) => position = next,
                    Search::More(keep_from) => return keep_from,
                }
            }
            let rest = data.get(position..).unwrap_or_default();
            if rest.len() < FRAMING {
                if out.at_end && !rest.is_empty() {
                    out.ended_inside(position, format_args!("{} bytes are no whole block", rest.len()));
                    return data.len();
                }
                return position;
            }
            let kind = self.order.word(rest, 0).unwrap_or_default();
            if kind >= FIRST_UNUSUAL {
                match rest.first_chunk().map(format_behind) {
                    Some(Some(joined @ Format::Pcap(_))) => {
                        out.joined = Some(joined);
                        return position;
                    }
                    None if !out.at_end && may_be_capture(rest) => return position,
                    _ => {}
                }
            }
            if kind == SHB_MAGIC {
                match Order::of_section_header(rest) {
                    Some(order) => self.order = order,
                    None => {
                        self.sections.begin();
                        self.damage = Some(Damage::new(Flaw::ByteOrder, Order::of_length(rest)));
                        continue;
                    }
                }
            }
            let length = match frame_block(rest, kind, self.order, out.at_end) {
                Framed::Whole { length } => length,
                Framed::Short => return position,
                Framed::Flawed(flaw) => {
                    if kind == SHB_MAGIC {
                        self.sections.begin();
                    }
                    let order = Order::of_section_header(rest).unwrap_or(self.order);
                    self.damage = Some(Damage::new(flaw, order));
                    continue;
                }
            };
            if let Some(block) = rest.get(..length) {
                self.block(kind, block, position, out);
            }
            position += length;
        }
    }

    #[inline]
    fn block(&mut self, kind: u32, block: &[u8], position: usize, out: &mut Walk<'_>) {
        match kind {
            EPB_MAGIC => self.sections.enhanced(block, self.order, position, out),
            SPB_MAGIC => self.sections.simple(block, self.order, position, out),
            OPB_MAGIC => self.sections.obsolete(block, self.order, position, out),
            SHB_MAGIC => self.sections.begin(),
            IDB_MAGIC => self.sections.describe(block, self.order, position, out),
            ISB_MAGIC => self.sections.statistics(block, self.order),
            _ if block.len() >= 28 && Order::of_section_header(block) == Some(self.order) => {
                let place = out.place(position);
                out.report.incomplete(
                    code::DAMAGED,
                    place,
                    format_args!("the block at byte {} is a section header by all but its type", Grouped(place.byte)),
                );
                self.sections.begin();
            }
            // Name resolution, secrets, custom blocks and those of types to come hold no frames.
            _ => {}
        }
    }

    /// Searches for the next consistent block behind the damage at `start`.
    #[cold]
    fn search(&mut self, mut damage: Damage, data: &[u8], start: usize, out: &mut Walk<'_>) -> Search {
        let other = Order { big_endian: !damage.order.big_endian };
        let first = if damage.behind == 0 { 1 } else { 0 };
        let mut at = start + damage.searched.max(first);
        let end = data.len().saturating_sub(FRAMING - 1);
        while at < end {
            let in_order = candidate(data, at, damage.order);
            let in_other = match candidate(data, at, other) {
                Candidate::Consistent => candidate_in_other_order(data, at, damage.order, out.at_end),
                found => found,
            };
            match (in_order, in_other) {
                (Candidate::Consistent, _) => return self.go_on(damage, data, start, at, damage.order, out),
                (_, Candidate::Consistent) => return self.go_on(damage, data, start, at, other, out),
                (Candidate::Short, _) | (_, Candidate::Short) if !out.at_end => {
                    damage.searched = at - start;
                    self.damage = Some(damage);
                    return Search::More(start);
                }
                _ => at += 1,
            }
        }
        if out.at_end {
            self.give_up(damage, data, start, out);
            return Search::More(data.len());
        }
        damage.searched = at - start;
        if damage.searched > KEEP_DAMAGED {
            damage.behind += damage.searched as u64;
            damage.searched = 0;
            self.damage = Some(damage);
            return Search::More(at);
        }
        self.damage = Some(damage);
        Search::More(start)
    }

    fn go_on(
        &mut self,
        damage: Damage,
        data: &[u8],
        start: usize,
        next: usize,
        order: Order,
        out: &mut Walk<'_>,
    ) -> Search {
        self.damage = None;
        let block = data.get(start..next).unwrap_or_default();
        let kind = self.order.word(block, 0);
        let mut place = out.place(start);
        place.byte -= damage.behind;
        let skipped = damage.behind + block.len() as u64;
        if let (true, Some(kind)) = (self.is_whole(damage, block), kind) {
            out.report.incomplete(
                code::DAMAGED,
                place,
                format_args!(
                    "damaged at byte {}: {}; with {} it is whole, and read so",
                    Grouped(place.byte),
                    damage.flaw,
                    Counted(skipped, "byte")
                ),
            );
            self.block(kind, block, start, out);
        } else {
            out.report.incomplete(
                code::DAMAGED,
                place,
                format_args!(
                    "damaged at byte {}, after frame {}: {}; {} {} left out, reading goes on at byte {}",
                    Grouped(place.byte),
                    Grouped(place.frames),
                    damage.flaw,
                    Counted(skipped, "byte"),
                    Counted(skipped, "").are(),
                    Grouped(place.byte + skipped)
                ),
            );
            if kind == Some(IDB_MAGIC) && damage.behind == 0 {
                self.sections.describe_nothing();
            }
        }
        if order != self.order {
            // Only a section header, lost in the damage or found now, can change the byte order.
            self.order = order;
            self.sections.begin();
        }
        Search::Found(next)
    }

    /// Whether a damaged block, up to where reading goes on, has just one of its lengths wrong.
    fn is_whole(&self, damage: Damage, block: &[u8]) -> bool {
        let is_length = |at: Option<usize>| {
            at.and_then(|at| self.order.word(block, at)).is_some_and(|length| length as usize == block.len())
        };
        damage.behind == 0
            && block.len() >= FRAMING
            && !matches!(damage.flaw, Flaw::ByteOrder)
            && (is_length(Some(4)) || is_length(block.len().checked_sub(4)))
    }

    /// The capture ends, and no place to go on was found.
    fn give_up(&mut self, damage: Damage, data: &[u8], start: usize, out: &mut Walk<'_>) {
        self.damage = None;
        let is_cut = matches!(damage.flaw, Flaw::Cut { .. });
        if !is_cut && self.is_whole(damage, data.get(start..).unwrap_or_default()) {
            self.go_on(damage, data, start, data.len(), self.order, out);
            return;
        }
        if is_cut {
            out.ended_inside(start, format_args!("{}", damage.flaw));
            return;
        }
        let mut place = out.place(start);
        place.byte -= damage.behind;
        out.report.incomplete(
            code::DAMAGED,
            place,
            format_args!(
                "damaged at byte {}, after frame {}: {}; no block is found after it",
                Grouped(place.byte),
                Grouped(place.frames),
                damage.flaw
            ),
        );
    }
}
