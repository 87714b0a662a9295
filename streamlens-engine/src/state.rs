//! What an engine knows: the decoders, the options, and all that the frames so far have come to.

use std::collections::BTreeMap;

use streamlens_model::{FrameSource, Interface};
use streamlens_registry::DecoderRegistry;

use crate::dissect::NotInFlow;
use crate::network::Networks;
use crate::options::EngineOptions;
use crate::outer::Outer;
use crate::report::Drops;
use crate::shard::Shard;
use crate::totals::Totals;
use crate::work::Settings;

/// What a source tells of its capture while frames come, as far as findings of looks are made of it.
#[derive(Default)]
pub(crate) struct Told {
    /// Frames that the capture itself dropped.
    pub(crate) drops: Drops,
    /// The interfaces of the capture, for their names and the frames that were merged on them.
    pub(crate) interfaces: Vec<Interface>,
}

impl Told {
    /// Takes what a source tells; says whether it is other than before.
    pub(crate) fn note<S: FrameSource + ?Sized>(&mut self, source: &S) -> bool {
        let interfaces = source.interfaces();
        let dropped = interfaces.iter().filter_map(|interface| interface.dropped).sum();
        let named =
            |interface: &Interface| (interface.name.clone(), interface.counts.map_or(0, |counts| counts.merged.frames));
        let is_known = interfaces.iter().map(named).eq(self.interfaces.iter().map(named));
        if !is_known {
            self.interfaces = interfaces.to_vec();
        }
        self.drops.note(dropped, source.drop_places()) || !is_known
    }
}

/// The state of an engine, which it changes and reports read.
pub(crate) struct EngineState {
    pub(crate) registry: DecoderRegistry,
    pub(crate) options: EngineOptions,
    pub(crate) shards: Vec<Shard>,
    pub(crate) networks: Networks,
    pub(crate) totals: Totals,
    /// What the source has told of its capture, for looks.
    pub(crate) told: Told,
    /// What lay around frames.
    pub(crate) outer: Outer,
    pub(crate) threads: usize,
    /// Whether the source started over, and the times of its frames went on: no clock in them can be held against these any more.
    pub(crate) is_moved: bool,
    /// Whether nothing more will come, and all that waited for more is counted.
    pub(crate) is_finished: bool,
}

impl EngineState {
    /// What the analysis is made with.
    pub(crate) fn env(&self) -> Settings<'_> {
        Settings { registry: &self.registry, options: &self.options }
    }

    /// Frames that are in no flow, by reason.
    pub(crate) fn not_in_flows(&self) -> BTreeMap<NotInFlow, u64> {
        let mut sum = BTreeMap::new();
        for (&reason, &frames) in self.shards.iter().flat_map(|shard| &shard.not_in_flows) {
            *sum.entry(reason).or_default() += frames;
        }
        sum
    }
}
