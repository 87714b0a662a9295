//! The engine as others use it: frames in, results out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use streamlens_model::{Analysis, CaptureSummary, Frame, FrameBatch};
use streamlens_registry::DecoderRegistry;

use crate::dissect::Aside;
use crate::network::Networks;
use crate::options::EngineOptions;
use crate::route::{Routes, SHARES, share_of};
use crate::shard::Shard;
use crate::snapshot::Snapshot;
use crate::totals::Totals;
use crate::work::Env;

/// Frames after which what decoders published is handed on, where frames come one at a time.
const COLLECT_EVERY: u64 = 4096;
/// The most threads that are taken unless more are asked for.
const MOST_THREADS: usize = 8;

/// Analyses frames: flows, transports, encodings and packet types with their statistics, health and findings.
///
/// Time is that of the frames; the engine has no clock. The result depends on the frames and the options alone, not
/// on the number of threads.
///
/// ```
/// use streamlens_engine::{Engine, EngineOptions};
/// use streamlens_model::{Frame, LinkType, Timestamp};
/// use streamlens_registry::DecoderRegistry;
///
/// let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
/// let data = [0xFF; 60];
/// let time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000));
/// engine.push(&Frame { number: 1, time, link_type: LinkType::ETHERNET, interface: 0, original_length: 60, data: &data });
/// let analysis = engine.finish(Default::default());
/// assert_eq!(analysis.flows[0].total_packets, 1);
/// ```
pub struct Engine {
    pub(crate) registry: DecoderRegistry,
    pub(crate) options: EngineOptions,
    pub(crate) shards: Vec<Shard>,
    pub(crate) networks: Networks,
    pub(crate) totals: Totals,
    routes: Routes,
    threads: usize,
    is_closed: bool,
}

impl Engine {
    /// An engine with these decoders.
    #[must_use]
    pub fn new(registry: DecoderRegistry, options: EngineOptions) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if options.threads == 0 { cores.min(MOST_THREADS) } else { options.threads };
        Self {
            networks: Networks::new(&registry),
            registry,
            options,
            shards: (0..SHARES).map(|_| Shard::default()).collect(),
            totals: Totals::default(),
            routes: Routes::default(),
            threads,
            is_closed: false,
        }
    }

    /// Analyses one frame. Frames are numbered from 1 in the order in which they are given, whatever their own number.
    pub fn push(&mut self, frame: &Frame<'_>) {
        self.totals.note(frame);
        let frame = Frame { number: self.totals.packets, ..*frame };
        let env = Env { registry: &self.registry, options: &self.options };
        if let Some(shard) = self.shards.get_mut(share_of(&frame)) {
            shard.frame(env, &frame);
        }
        if self.totals.packets.is_multiple_of(COLLECT_EVERY) {
            self.networks.collect(&mut self.shards);
            self.enforce_flow_bound();
        }
    }

    /// Analyses the frames of a batch, shared between the threads. Frames are numbered on from those before.
    pub fn push_batch(&mut self, batch: &FrameBatch) {
        batch.iter().for_each(|frame| self.totals.note(&frame));
        let first_number = self.totals.packets + 1 - batch.len() as u64;
        self.routes.sort(batch);
        let env = Env { registry: &self.registry, options: &self.options };
        let routes = &self.routes;
        let work = |share: usize, shard: &mut Shard| {
            for &place in routes.of(share) {
                if let Some(frame) = batch.frame(place as usize) {
                    shard.frame(env, &Frame { number: first_number + u64::from(place), ..frame });
                }
            }
        };
        if self.threads <= 1 {
            self.shards.iter_mut().enumerate().for_each(|(share, shard)| work(share, shard));
        } else {
            let slots: Vec<Mutex<&mut Shard>> = self.shards.iter_mut().map(Mutex::new).collect();
            let next = AtomicUsize::new(0);
            let run = || {
                loop {
                    let share = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = slots.get(share) else { break };
                    work(share, &mut slot.lock().unwrap_or_else(PoisonError::into_inner));
                }
            };
            std::thread::scope(|scope| {
                (1..self.threads).for_each(|_| drop(scope.spawn(run)));
                run();
            });
        }
        self.networks.collect(&mut self.shards);
        self.enforce_flow_bound();
    }

    /// Analyses all that a source gives: `fill` is called with an empty batch until it says that there is no more.
    /// With more than one thread the next batch is read while this one is analysed.
    ///
    /// # Errors
    ///
    /// Whatever `fill` fails with; the batches before are analysed.
    pub fn run<E>(&mut self, mut fill: impl FnMut(&mut FrameBatch) -> Result<bool, E>) -> Result<(), E> {
        let mut batch = FrameBatch::default();
        while fill(&mut batch)? {
            self.push_batch(&batch);
        }
        Ok(())
    }

    /// Where the flows are more than the bound, gives up those that were made last. Batches end at the same frames
    /// for any number of threads, so it is the same flows.
    fn enforce_flow_bound(&mut self) {
        if self.is_closed {
            return;
        }
        let mut count: usize = self.shards.iter().map(|shard| shard.flows.len()).sum();
        if count < self.options.max_flows {
            return;
        }
        while count > self.options.max_flows {
            let newest = self.shards.iter_mut().max_by_key(|shard| {
                shard.flows.len().checked_sub(1).and_then(|last| shard.flows.get(last)).map(|flow| flow.created)
            });
            let Some(newest) = newest else { break };
            newest.drop_newest();
            count -= 1;
        }
        self.is_closed = true;
        self.shards.iter_mut().for_each(|shard| shard.is_closed = true);
    }

    /// The result so far. Flows that are too young to be identified are shown with their candidates.
    ///
    /// `capture` brings what the source knows: path, format, interfaces, warnings; the rest is filled in.
    #[must_use]
    pub fn snapshot(&mut self, capture: CaptureSummary) -> Analysis {
        self.networks.collect(&mut self.shards);
        Snapshot::new(self, 0).analysis(capture)
    }

    /// The result of what has changed since a frame: flows that had a frame after `frame_number`, and all findings.
    #[must_use]
    pub fn changes_since(&mut self, frame_number: u64, capture: CaptureSummary) -> Analysis {
        self.networks.collect(&mut self.shards);
        Snapshot::new(self, frame_number).analysis(capture)
    }

    /// The result when nothing more will come. See [`Self::snapshot`] for `capture`.
    #[must_use]
    pub fn finish(mut self, capture: CaptureSummary) -> Analysis {
        self.end();
        Snapshot::new(&self, 0).analysis(capture)
    }

    fn end(&mut self) {
        let env = Env { registry: &self.registry, options: &self.options };
        self.shards.iter_mut().for_each(|shard| shard.finish(env));
        self.networks.collect(&mut self.shards);
        self.enforce_flow_bound();
    }

    /// Number of frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.totals.packets
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
