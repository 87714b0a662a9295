//! The engine as others use it: frames in, results out.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;

use streamlens_model::row::FlowId;
use streamlens_model::{Analysis, CaptureSummary, Frame, FrameBatch, FrameRecord, FrameSource, Timestamp};
use streamlens_registry::DecoderRegistry;

use crate::batch::{ShardSlots, SortedBatch};
use crate::deferred::Lobby;
use crate::flow::LISTS_FRAMES;
use crate::look::{Looks, may_be_idle};
use crate::network::Networks;
use crate::options::{EngineOptions, FlowSelection};
use crate::outer::Outer;
use crate::report::{Collected, Report, ReportSink};
use crate::route::{SHARD_COUNT, shard_of};
use crate::shard::Shard;
use crate::state::{EngineState, Told};
use crate::totals::Totals;
use crate::work::{Outbox, Settings};
use crate::workers::{WorkerPool, for_each_parallel};

/// Frames after which what decoders published is handed on, where frames come one at a time.
const COLLECT_EVERY: u64 = 4096;
/// Where there are fewer flows, a thread would take longer to start than they do to be worked on.
const WORTH_A_THREAD: usize = 256;
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
    pub(crate) state: EngineState,
    /// What was published and not handed on yet; swapped with those of the shards.
    outboxes: Vec<Outbox>,
    /// Kept for their memory.
    batches: (SortedBatch, SortedBatch),
    pub(crate) looks: Looks,
    /// Flows that do not end for want of room.
    pub(crate) kept: BTreeSet<FlowId>,
    /// The earliest last frame of a flow that was not idle when idle ones were looked for.
    pub(crate) next_idle: Option<Timestamp>,
    is_closed: bool,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows: usize = self.state.shards.iter().map(Shard::flow_count).sum();
        f.debug_struct("Engine").field("frames", &self.frames()).field("flows", &flows).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with these decoders.
    #[must_use]
    pub fn new(registry: DecoderRegistry, mut options: EngineOptions) -> Self {
        // one comparison a frame and level for both: nothing where neither is asked for
        options.interval_ns = match options.lists_frames {
            true => Some(LISTS_FRAMES),
            false => options.interval_ns.map(|length| length.max(LISTS_FRAMES + 1)),
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if options.threads == 0 { cores.min(MOST_THREADS) } else { options.threads };
        let state = EngineState {
            networks: Networks::new(&registry),
            outer: Outer::new(options.decap, options.time_source),
            shards: (0..SHARD_COUNT).map(|number| Shard::new(number, Lobby::new(&options, &registry))).collect(),
            registry,
            options,
            totals: Totals::default(),
            told: Told::default(),
            threads,
            is_moved: false,
            is_finished: false,
        };
        let outboxes = (0..SHARD_COUNT).map(|_| Outbox::default()).collect();
        Self {
            state,
            outboxes,
            batches: Default::default(),
            looks: Looks::default(),
            kept: BTreeSet::new(),
            next_idle: None,
            is_closed: false,
        }
    }

    /// Analyses one frame. Frames are numbered from 1 in the order in which they are given, whatever their own number.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let Frame { time, link_type, interface, original_length, data, .. } = *frame;
        let captured_length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut record = FrameRecord { offset: 0, captured_length, original_length, interface, time, link_type };
        let EngineState { registry, options, shards, totals, outer, .. } = &mut self.state;
        totals.note_link_types(std::iter::once(&record));
        totals.note_outer(outer.take_off(std::slice::from_mut(&mut record), data));
        totals.note(std::iter::once(&record));
        totals.note_bursts(std::slice::from_ref(&record), &options.burst_windows_ns);
        let Some(frame) = record.frame(data) else { return };
        let frame = Frame { number: totals.packets, ..frame };
        if let Some(shard) = shards.get_mut(shard_of(&frame)) {
            shard.process(Settings { registry, options }, &frame);
        }
        if self.state.totals.packets.is_multiple_of(COLLECT_EVERY) {
            self.collect();
            self.enforce_flow_bound();
        }
    }

    /// Analyses the frames of a batch. Frames are numbered on from those before. The batch is copied, and the threads are
    /// called up for it alone: [`Self::run`] needs neither.
    pub fn push_batch(&mut self, batch: &FrameBatch) {
        let mut batch = Some(batch);
        let filled = self.run(|into| {
            let next = batch.take();
            if let Some(next) = next {
                into.clone_from(next);
            }
            Ok::<_, Infallible>(next.is_some())
        });
        let Ok(()) = filled;
    }

    /// Analyses all that a source gives: `fill` is called with a batch to fill until it says that there is no more.
    /// With more than one thread the next batch is read while this one is analysed. With a batch that
    /// [begins anew](FrameBatch::begins_anew) all that was before is forgotten, but for the number of looks.
    ///
    /// # Errors
    ///
    /// Whatever `fill` fails with; the batches before are analysed.
    pub fn run<E>(&mut self, mut fill: impl FnMut(&mut FrameBatch) -> Result<bool, E>) -> Result<(), E> {
        let mut is_filled = false;
        loop {
            // where it pauses, the batch at hand is read, and not worked on yet
            match self.run_until_pause(&mut fill, is_filled)? {
                Pause::End => return Ok(()),
                Pause::Full => self.enforce_flow_bound(),
                Pause::Anew => self.start_over(),
            }
            is_filled = true;
        }
    }

    /// Forgets all but the number of looks, and the batch at hand, with which another start begins.
    fn start_over(&mut self) {
        let EngineState { registry, options, .. } = &self.state;
        let fresh = Self::new(registry.clone(), options.clone());
        let old = std::mem::replace(self, fresh);
        (self.looks, self.batches) = (old.looks.next_round(), old.batches);
        let epoch = self.looks.shard_epoch();
        self.state.shards.iter_mut().for_each(|shard| shard.epoch = epoch);
        self.looks.told = self.batches.0.batch.now;
        self.state.is_moved = true;
        let EngineState { totals, outer, options, .. } = &mut self.state;
        self.batches.0.prepare(totals, outer, &options.burst_windows_ns);
    }

    /// As [`Self::run`], until flows have to end or a source starts over. `is_filled` says that the first batch is there already.
    fn run_until_pause<E>(
        &mut self,
        mut fill: impl FnMut(&mut FrameBatch) -> Result<bool, E>,
        is_filled: bool,
    ) -> Result<Pause, E> {
        let next_idle = self.next_idle;
        let Self { state, outboxes, batches, is_closed, looks, .. } = self;
        let EngineState { registry, options, shards, networks, totals, outer, threads, .. } = state;
        let is_anew = Cell::new(false);
        let end = || if is_anew.get() { Pause::Anew } else { Pause::End };
        let mut fill = |batch: &mut SortedBatch, totals: &mut Totals| -> Result<bool, E> {
            (batch.batch.now, batch.batch.begins_anew) = (None, false);
            let more = fill(&mut batch.batch)?;
            if more && batch.batch.begins_anew {
                // first the frames before are worked on to their end
                is_anew.set(true);
                return Ok(false);
            }
            looks.told = looks.told.max(batch.batch.now);
            if more {
                batch.prepare(totals, outer, &options.burst_windows_ns);
            }
            Ok(more)
        };
        let (batch, next) = batches;
        let mut more = is_filled || fill(batch, totals)?;
        let (env, shards, threads) = (Settings { registry, options }, ShardSlots::new(shards), (*threads).max(1));
        let work = |batch: &SortedBatch, thread: usize| batch.process(env, &shards, thread * SHARD_COUNT / threads);
        WorkerPool::with(threads, &work, |pool| {
            while more {
                // what the batch before published is handed on while this one is worked on
                shards.exchange(outboxes);
                let mut filled = Ok(false);
                let done = pool.run(std::mem::take(batch), || {
                    networks.collect(outboxes);
                    if threads > 1 {
                        filled = fill(next, totals);
                    }
                });
                *batch = done.unwrap_or_default();
                if threads == 1 {
                    // the same memory, which the caches still hold
                    filled = fill(batch, totals);
                }
                let count = shards.all(|shards| shards.iter().map(|shard| shard.flow_count()).sum::<usize>());
                let may_end = options.ends_idle_flows && may_be_idle(next_idle, totals.last_seen());
                let is_full = count >= options.max_flows;
                if is_full && !*is_closed && !may_end {
                    shards.all(|shards| enforce_bound(shards, options.max_flows));
                    *is_closed = !options.ends_idle_flows;
                }
                more = filled?;
                if threads > 1 {
                    std::mem::swap(batch, next);
                }
                if is_full && may_end && more {
                    return Ok(Pause::Full);
                }
            }
            Ok(end())
        })
    }

    /// Takes what a source tells of its capture so far: frames that were dropped, how many and where, and frames that were
    /// merged. The findings of looks say so; reports go by their [`CaptureSummary`].
    pub fn note_source<S: FrameSource + ?Sized>(&mut self, source: &S) {
        self.looks.has_news |= self.state.told.note(source);
    }

    /// Hands on all that was published.
    fn collect(&mut self) {
        let Self { state: EngineState { networks, shards, .. }, outboxes, .. } = self;
        networks.collect(outboxes);
        for (shard, outbox) in shards.iter_mut().zip(&mut *outboxes) {
            std::mem::swap(&mut shard.outbox, outbox);
        }
        networks.collect(outboxes);
    }

    pub(crate) fn enforce_flow_bound(&mut self) {
        if self.state.options.ends_idle_flows {
            if self.retire_idle() {
                self.state.shards.iter_mut().for_each(|shard| shard.is_closed = false);
            } else {
                let mut shards: Vec<_> = self.state.shards.iter_mut().collect();
                enforce_bound(&mut shards, self.state.options.max_flows);
            }
        } else if !self.is_closed {
            let mut shards: Vec<_> = self.state.shards.iter_mut().collect();
            self.is_closed = enforce_bound(&mut shards, self.state.options.max_flows);
        }
    }

    /// Says that nothing more will come: what waited for more frames is counted, and protocols are identified by what there is
    /// of them. Without it, a report shows flows that are too young to be identified with their candidates.
    pub fn end(&mut self) {
        let EngineState { registry, options, shards, threads, is_finished, .. } = &mut self.state;
        let env = Settings { registry, options };
        let flows: usize = shards.iter().map(Shard::flow_count).sum();
        let threads = if flows < WORTH_A_THREAD { 1 } else { *threads };
        for_each_parallel(threads, shards, |shard| shard.finish(env));
        *is_finished = true;
        self.looks.has_concluded = true;
        self.collect();
        self.enforce_flow_bound();
    }

    /// Returns the result so far, with the flows that are asked for. Of the others no more is made than their findings need,
    /// which saves most of the memory and time where there are many.
    ///
    /// `capture` brings what the source knows: path, format, interfaces, warnings; the rest is filled in.
    #[must_use]
    pub fn report(&mut self, capture: CaptureSummary, selection: FlowSelection) -> Analysis {
        let mut lists = Collected::default();
        let mut analysis = self.report_to(capture, selection, &mut lists);
        (analysis.flows, analysis.findings) = (lists.flows, lists.findings);
        analysis
    }

    /// As [`Self::report`], but hands the flows and findings to a sink as they are made; the result has neither.
    ///
    /// ```
    /// use streamlens_engine::{Engine, EngineOptions, FlowSelection, ReportChunk, ReportSink};
    /// use streamlens_model::{CaptureSummary, Finding, Flow};
    /// use streamlens_registry::DecoderRegistry;
    ///
    /// #[derive(Default)]
    /// struct Frames(u64);
    ///
    /// impl ReportChunk for Frames {
    ///     fn empty(&self) -> Self {
    ///         Self::default()
    ///     }
    ///     fn add_flow(&mut self, flow: &mut Flow) {
    ///         self.0 += flow.total_packets;
    ///     }
    ///     fn add_finding(&mut self, _: &Finding) {}
    /// }
    ///
    /// impl ReportSink for Frames {
    ///     type Chunk = Self;
    ///     fn chunk(&self) -> Self {
    ///         Self::default()
    ///     }
    ///     fn write(&mut self, _: &CaptureSummary, chunk: &mut Self) -> bool {
    ///         self.0 += std::mem::take(&mut chunk.0);
    ///         true
    ///     }
    /// }
    ///
    /// let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    /// let mut frames = Frames::default();
    /// let rest = engine.report_to(Default::default(), FlowSelection::default(), &mut frames);
    /// assert_eq!((frames.0, rest.total_flows), (0, 0));
    /// ```
    #[must_use]
    pub fn report_to<S: ReportSink>(
        &mut self,
        capture: CaptureSummary,
        selection: FlowSelection,
        sink: &mut S,
    ) -> Analysis {
        self.collect();
        Report::collect(&self.state, self.with_retired(capture), selection).write(sink)
    }

    /// Returns the whole result when nothing more will come: [`Self::end`] and [`Self::report`].
    #[must_use]
    pub fn finish(mut self, capture: CaptureSummary) -> Analysis {
        self.end();
        self.report(capture, FlowSelection::default())
    }

    /// Decodes what is deferred, defers nothing from now on, and hands on all that was published.
    pub(crate) fn release(&mut self) {
        let EngineState { registry, options, shards, threads, .. } = &mut self.state;
        let env = Settings { registry, options };
        let threads = if shards.iter().all(|shard| shard.lobby.is_empty()) { 1 } else { *threads };
        for_each_parallel(threads, shards, |shard| shard.let_all_through(env));
        self.collect();
    }

    fn with_retired(&self, mut capture: CaptureSummary) -> CaptureSummary {
        capture.retired = Some(&self.looks.retired).filter(|retired| retired.flows > 0).cloned();
        capture
    }

    /// Number of frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.state.totals.packets
    }

    /// The latest time of any frame so far; `None` before the first with a time.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.state.totals.last_seen()
    }
}

/// Why [`Engine::run`] has to do something in between.
enum Pause {
    /// There is no more.
    End,
    /// Flows have to end.
    Full,
    /// The source starts over.
    Anew,
}

/// Where there are as many flows as are allowed, lets no new ones in, and gives up those that were made last beyond that;
/// says whether it is so. Batches end at the same frames for any number of threads, so it is the same flows.
fn enforce_bound(shards: &mut [&mut Shard], max_flows: usize) -> bool {
    let count: usize = shards.iter().map(|shard| shard.flow_count()).sum();
    if count < max_flows {
        return false;
    }
    if let Some(last) = (count - max_flows).checked_sub(1) {
        let mut created: Vec<u64> = shards.iter().flat_map(|shard| shard.created()).collect();
        let (_, &mut from, _) = created.select_nth_unstable_by(last, |a, b| b.cmp(a));
        shards.iter_mut().for_each(|shard| shard.drop_since(from));
    }
    shards.iter_mut().for_each(|shard| shard.is_closed = true);
    true
}
