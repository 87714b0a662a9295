//! What an engine knows: the decoders, the options, and all that the frames so far have come to.

use std::collections::BTreeMap;

use streamlens_registry::DecoderRegistry;

use crate::dissect::Aside;
use crate::network::Networks;
use crate::options::EngineOptions;
use crate::shard::Shard;
use crate::totals::Totals;
use crate::work::Env;

/// The state of an engine, which it changes and reports read.
pub(crate) struct EngineState {
    pub(crate) registry: DecoderRegistry,
    pub(crate) options: EngineOptions,
    pub(crate) shards: Vec<Shard>,
    pub(crate) networks: Networks,
    pub(crate) totals: Totals,
    pub(crate) threads: usize,
    /// Whether nothing more will come, and all that waited for more is counted.
    pub(crate) is_finished: bool,
}

impl EngineState {
    /// What the analysis is made with.
    pub(crate) fn env(&self) -> Env<'_> {
        Env { registry: &self.registry, options: &self.options }
    }

    /// Frames that are in no flow, by reason.
    pub(crate) fn asides(&self) -> BTreeMap<Aside, u64> {
        let mut sum = BTreeMap::new();
        for (&reason, &frames) in self.shards.iter().flat_map(|shard| &shard.asides) {
            *sum.entry(reason).or_default() += frames;
        }
        sum
    }
}
