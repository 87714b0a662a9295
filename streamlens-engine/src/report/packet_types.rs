//! The packet types of an encoding, as the document lists them.

use std::borrow::Cow;

use smallvec::SmallVec;
use streamlens_decoders::{FlowReport, PacketType, StreamDecoder};
use streamlens_model::{Metadata, PacketTypeStats, Value};

use super::timing::Summaries;
use crate::flow::{EncodingEntry, TransportEntry, TypeEntry, add_up};

/// The kinds of PDUs that have one name.
struct NamedType<'t> {
    name: Cow<'static, str>,
    kinds: SmallVec<[&'t TypeEntry; 1]>,
}

/// The name of a packet type, where `report` has all that is said of the encoding.
pub(super) fn type_name(decoder: &dyn StreamDecoder, report: &FlowReport, kind: PacketType) -> Cow<'static, str> {
    report.type_names.get(&kind).cloned().unwrap_or_else(|| decoder.packet_type(kind))
}

/// What the packet types of an encoding are made of.
pub(super) struct PacketTypes<'a, 't> {
    pub(super) decoder: &'a dyn StreamDecoder,
    /// All that is said of the encoding.
    pub(super) report: &'a FlowReport,
    pub(super) transport: &'t TransportEntry,
    pub(super) encoding: &'t EncodingEntry,
}

impl<'t> PacketTypes<'_, 't> {
    /// The types in the order of their names, each with those that lie in it.
    pub(super) fn list(&self, summaries: &mut Summaries<'t>) -> Vec<PacketTypeStats> {
        self.stats(self.encoding.types.iter(), summaries)
    }

    fn stats(&self, types: impl Iterator<Item = &'t TypeEntry>, summaries: &mut Summaries<'t>) -> Vec<PacketTypeStats> {
        let named = self.by_name(types);
        let mut stats = Vec::with_capacity(named.len());
        stats.extend(named.into_iter().map(|of_one_name| self.stats_of(of_one_name, summaries)));
        stats
    }

    /// The types of each name, in the order of the names; those of one name stay in theirs.
    fn by_name(&self, types: impl Iterator<Item = &'t TypeEntry>) -> SmallVec<[NamedType<'t>; 2]> {
        let mut named: SmallVec<[NamedType<'t>; 2]> = SmallVec::new();
        for kind in types {
            let name = type_name(self.decoder, self.report, kind.kind);
            match named.binary_search_by(|known| known.name.cmp(&name)) {
                Ok(known) => named[known].kinds.push(kind),
                Err(place) => named.insert(place, NamedType { name, kinds: [kind].into_iter().collect() }),
            }
        }
        named
    }

    fn stats_of(&self, NamedType { name, kinds }: NamedType<'t>, summaries: &mut Summaries<'t>) -> PacketTypeStats {
        let timings = kinds.iter().map(|kind| self.encoding.type_timing(kind, &self.transport.timing));
        let timing_stats = summaries.of_all(timings);
        let series = kinds.iter().filter_map(|kind| kind.series.as_ref());
        // several kinds may have one name
        let mut intervals = series.flat_map(|series| series.list()).collect();
        add_up(&mut intervals);
        let nested = self.encoding.nested.iter();
        let inside = nested.filter(|nested| kinds.iter().any(|kind| kind.kind == nested.within));
        let inside: SmallVec<[_; 2]> = inside.map(|nested| &nested.entry).collect();
        PacketTypeStats {
            type_name: name,
            packet_types: self.stats(inside.into_iter(), summaries),
            packet_count: kinds.iter().map(|kind| kind.packets).sum(),
            byte_count: kinds.iter().map(|kind| kind.bytes).sum(),
            incomplete: kinds.iter().map(|kind| kind.incomplete).sum(),
            timing_stats,
            payload_characteristics: self.characteristics(&kinds),
            intervals,
        }
    }

    /// The lengths of PDUs in bytes, and what is said of their types.
    fn characteristics(&self, kinds: &[&TypeEntry]) -> Metadata {
        let mut facts = Metadata::new();
        let packets: u64 = kinds.iter().map(|kind| kind.packets).sum();
        if packets > 0 {
            let sum: u64 = kinds.iter().map(|kind| kind.length_sum).sum();
            facts.reserve(3);
            facts.insert("max_length".into(), Value::from(kinds.iter().map(|kind| kind.longest).max().unwrap_or(0)));
            facts.insert("mean_length".into(), Value::from(sum as f64 / packets as f64));
            facts.insert("min_length".into(), Value::from(kinds.iter().map(|kind| kind.shortest).min().unwrap_or(0)));
        }
        let said = kinds.iter().filter_map(|kind| self.report.packet_types.get(&kind.kind));
        said.for_each(|said| facts.extend(said.clone()));
        facts
    }
}
