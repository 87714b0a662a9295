//! The engine as others use it: frames in, results out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use streamlens_model::{Analysis, CaptureSummary, Frame, FrameBatch};
use streamlens_registry::DecoderRegistry;

use crate::dissect::Aside;
use crate::network::Networks;
use crate::options::{EngineOptions, FlowSelection};
use crate::route::{Routes, SHARES, share_of};
use crate::shard::Shard;
use crate::snapshot::Snapshot;
use crate::totals::Totals;
use crate::work::{Env, Outbox};

/// Frames after which what decoders published is handed on, where frames come one at a time.
const COLLECT_EVERY: u64 = 4096;
/// From so many flows on their memory is left to the end of the process.
const MANY_FLOWS: usize = 100_000;
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
    /// What was published and not handed on yet; swapped with those of the shares.
    outboxes: Vec<Outbox>,
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
            shards: (0..SHARES).map(Shard::new).collect(),
            outboxes: (0..SHARES).map(|_| Outbox::default()).collect(),
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
            self.collect();
            self.enforce_flow_bound();
        }
    }

    /// Analyses the frames of a batch, shared between the threads. Frames are numbered on from those before.
    pub fn push_batch(&mut self, batch: &FrameBatch) {
        let mut routes = std::mem::take(&mut self.routes);
        let first_number = self.totals.packets + 1;
        prepare(&mut self.totals, &mut routes, batch);
        self.work(batch, &routes, first_number, |_| ());
        self.routes = routes;
    }

    /// Analyses all that a source gives: `fill` is called with a batch to fill until it says that there is no more.
    /// With more than one thread the next batch is read while this one is analysed.
    ///
    /// # Errors
    ///
    /// Whatever `fill` fails with; the batches before are analysed.
    pub fn run<E>(&mut self, mut fill: impl FnMut(&mut FrameBatch) -> Result<bool, E>) -> Result<(), E> {
        let (mut batch, mut routes, mut first_number) = (FrameBatch::default(), Routes::default(), 1);
        let (mut next_batch, mut next_routes) = (FrameBatch::default(), Routes::default());
        let mut more = fill(&mut batch)?;
        if more {
            first_number = self.totals.packets + 1;
            prepare(&mut self.totals, &mut routes, &batch);
        }
        while more {
            let mut filled = Ok(false);
            let mut next_number = first_number;
            self.work(&batch, &routes, first_number, |totals| {
                filled = fill(&mut next_batch);
                next_number = totals.packets + 1;
                if matches!(filled, Ok(true)) {
                    prepare(totals, &mut next_routes, &next_batch);
                }
            });
            more = filled?;
            first_number = next_number;
            std::mem::swap(&mut batch, &mut next_batch);
            std::mem::swap(&mut routes, &mut next_routes);
        }
        Ok(())
    }

    /// Analyses a batch. `meanwhile` runs on this thread while others have begun; then this thread helps them.
    fn work(&mut self, batch: &FrameBatch, routes: &Routes, first_number: u64, meanwhile: impl FnOnce(&mut Totals)) {
        let env = Env { registry: &self.registry, options: &self.options };
        let work = |share: usize, shard: &mut Shard| {
            for &place in routes.of(share) {
                if let Some(frame) = batch.frame(place as usize) {
                    shard.frame(env, &Frame { number: first_number + u64::from(place), ..frame });
                }
            }
        };
        // what the batch before published is handed on while this one is worked on
        for (shard, outbox) in self.shards.iter_mut().zip(&mut self.outboxes) {
            std::mem::swap(&mut shard.outbox, outbox);
        }
        let (totals, networks, outboxes) = (&mut self.totals, &mut self.networks, &mut self.outboxes);
        if self.threads <= 1 {
            networks.collect(outboxes);
            self.shards.iter_mut().enumerate().for_each(|(share, shard)| work(share, shard));
            meanwhile(totals);
        } else {
            let slots: Vec<(AtomicBool, Mutex<&mut Shard>)> =
                self.shards.iter_mut().map(|shard| (AtomicBool::new(false), Mutex::new(shard))).collect();
            // every thread begins at a place of its own, so that a share mostly stays in the caches of one core
            let run = |begin: usize| {
                for (is_taken, slot) in slots.iter().cycle().skip(begin).take(SHARES) {
                    if !is_taken.swap(true, Ordering::Relaxed) {
                        let mut shard = slot.lock().unwrap_or_else(PoisonError::into_inner);
                        work(shard.share, &mut shard);
                    }
                }
            };
            let begin = |thread: usize| thread * SHARES / self.threads;
            std::thread::scope(|scope| {
                (1..self.threads).for_each(|thread| drop(scope.spawn(move || run(begin(thread)))));
                networks.collect(outboxes);
                meanwhile(totals);
                run(begin(0));
            });
        }
        self.enforce_flow_bound();
    }

    /// Hands on all that was published.
    fn collect(&mut self) {
        self.networks.collect(&mut self.outboxes);
        for (shard, outbox) in self.shards.iter_mut().zip(&mut self.outboxes) {
            std::mem::swap(&mut shard.outbox, outbox);
        }
        self.networks.collect(&mut self.outboxes);
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
        self.collect();
        Snapshot::new(self, 0).analysis(capture, FlowSelection::default())
    }

    /// The result of what has changed since a frame: flows that had a frame after `frame_number`, and all findings.
    #[must_use]
    pub fn changes_since(&mut self, frame_number: u64, capture: CaptureSummary) -> Analysis {
        self.collect();
        Snapshot::new(self, frame_number).analysis(capture, FlowSelection::default())
    }

    /// The result when nothing more will come. See [`Self::snapshot`] for `capture`.
    #[must_use]
    pub fn finish(self, capture: CaptureSummary) -> Analysis {
        self.finish_selected(capture, FlowSelection::default())
    }

    /// As [`Self::finish`], with only the flows that are asked for. Of the others no more is made than their findings
    /// need, which saves most of the memory and time where there are many.
    #[must_use]
    pub fn finish_selected(mut self, capture: CaptureSummary, selection: FlowSelection) -> Analysis {
        self.end();
        let analysis = Snapshot::new(&self, 0).analysis(capture, selection);
        if analysis.total_flows > MANY_FLOWS {
            // the process is about to end, or to go on without them: giving back a million flows one by one takes long
            std::mem::forget(self);
        }
        analysis
    }

    fn end(&mut self) {
        let env = Env { registry: &self.registry, options: &self.options };
        self.shards.iter_mut().for_each(|shard| shard.finish(env));
        self.collect();
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

/// Counts the frames of a batch for the capture as a whole, and sorts them by share.
fn prepare(totals: &mut Totals, routes: &mut Routes, batch: &FrameBatch) {
    routes.sort(batch, |frame| totals.note(frame));
}
