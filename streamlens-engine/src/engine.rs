//! The engine as others use it: frames in, results out.

use std::collections::BTreeMap;
use std::convert::Infallible;

use streamlens_model::{Analysis, CaptureSummary, Finding, Frame, FrameBatch, FrameRecord, Timestamp};
use streamlens_registry::DecoderRegistry;

use crate::crew::{Crew, Job};
use crate::dissect::Aside;
use crate::network::Networks;
use crate::options::{EngineOptions, FlowSelection};
use crate::parallel::each;
use crate::route::{SHARES, share_of};
use crate::shard::Shard;
use crate::snapshot::{Part, Snapshot, whole};
use crate::totals::Totals;
use crate::work::{Env, Outbox};

/// Frames after which what decoders published is handed on, where frames come one at a time.
const COLLECT_EVERY: u64 = 4096;
/// Where there are fewer flows, a thread would take longer to start than they do to be worked on.
const WORTH_A_THREAD: usize = 256;
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
    /// Kept for their memory.
    jobs: (Job, Job),
    pub(crate) threads: usize,
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
            jobs: Default::default(),
            threads,
            is_closed: false,
        }
    }

    /// Analyses one frame. Frames are numbered from 1 in the order in which they are given, whatever their own number.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let Frame { time, link_type, interface, original_length, data, .. } = *frame;
        let captured_length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let record = FrameRecord { offset: 0, captured_length, original_length, interface, time, link_type };
        self.totals.note(std::iter::once(&record));
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
    /// With more than one thread the next batch is read while this one is analysed.
    ///
    /// # Errors
    ///
    /// Whatever `fill` fails with; the batches before are analysed.
    pub fn run<E>(&mut self, mut fill: impl FnMut(&mut FrameBatch) -> Result<bool, E>) -> Result<(), E> {
        let Self { registry, options, shards, networks, outboxes, totals, jobs, threads, is_closed } = self;
        let mut fill = |job: &mut Job, totals: &mut Totals| -> Result<bool, E> {
            let more = fill(&mut job.batch)?;
            if more {
                job.prepare(totals);
            }
            Ok(more)
        };
        let (job, next) = jobs;
        let mut more = fill(job, totals)?;
        let env = Env { registry, options };
        Crew::with(*threads, env, shards, |crew| {
            while more {
                // what the batch before published is handed on while this one is worked on
                crew.exchange(outboxes);
                let mut filled = Ok(false);
                *job = crew.work(std::mem::take(job), || {
                    networks.collect(outboxes);
                    if *threads > 1 {
                        filled = fill(next, totals);
                    }
                });
                if *threads == 1 {
                    // the same memory, which the caches still hold
                    filled = fill(job, totals);
                }
                if !*is_closed {
                    *is_closed = crew.all(|shards| enforce_bound(shards, options.max_flows));
                }
                more = filled?;
                if *threads > 1 {
                    std::mem::swap(job, next);
                }
            }
            Ok(())
        })
    }

    /// Hands on all that was published.
    fn collect(&mut self) {
        self.networks.collect(&mut self.outboxes);
        for (shard, outbox) in self.shards.iter_mut().zip(&mut self.outboxes) {
            std::mem::swap(&mut shard.outbox, outbox);
        }
        self.networks.collect(&mut self.outboxes);
    }

    /// What the analysis is made with.
    pub(crate) fn env(&self) -> Env<'_> {
        Env { registry: &self.registry, options: &self.options }
    }

    fn enforce_flow_bound(&mut self) {
        if !self.is_closed {
            let mut shards: Vec<_> = self.shards.iter_mut().collect();
            self.is_closed = enforce_bound(&mut shards, self.options.max_flows);
        }
    }

    /// The result so far. Flows that are too young to be identified are shown with their candidates.
    ///
    /// `capture` brings what the source knows: path, format, interfaces, warnings; the rest is filled in.
    #[must_use]
    pub fn snapshot(&mut self, capture: CaptureSummary) -> Analysis {
        self.release();
        Snapshot::new(self, 0, FlowSelection::default()).analysis(capture)
    }

    /// The result of what has changed since a frame: flows that had a frame after `frame_number`, and all findings.
    #[must_use]
    pub fn changes_since(&mut self, frame_number: u64, capture: CaptureSummary) -> Analysis {
        self.release();
        Snapshot::new(self, frame_number, FlowSelection::default()).analysis(capture)
    }

    /// The result when nothing more will come. See [`Self::snapshot`] for `capture`.
    #[must_use]
    pub fn finish(self, capture: CaptureSummary) -> Analysis {
        self.finish_selected(capture, FlowSelection::default())
    }

    /// As [`Self::finish`], with only the flows that are asked for. Of the others no more is made than their findings
    /// need, which saves most of the memory and time where there are many.
    #[must_use]
    pub fn finish_selected(self, capture: CaptureSummary, selection: FlowSelection) -> Analysis {
        whole(|make, take| self.finish_in_pieces(capture, selection, make, take))
    }

    /// As [`Self::finish_selected`], but hands on the flows and findings, in their order, as they are made. Several threads
    /// make pieces of them: `make` adds a flow or a finding to one, and `take` gets the pieces in order, with what is known
    /// of the capture. It empties them, for their memory is used again, and says whether it wants more. First come the
    /// flows, then, in pieces of their own, the findings; the result has neither. So a million flows can be written that
    /// would find no room in memory.
    ///
    /// ```
    /// use streamlens_engine::{Engine, EngineOptions, FlowSelection, Part};
    /// use streamlens_registry::DecoderRegistry;
    ///
    /// let engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    /// let (mut frames, selection) = (0, FlowSelection::default());
    /// let make = |piece: &mut Vec<u64>, part: Part<'_>| match part {
    ///     Part::Flow(flow) => piece.push(flow.total_packets),
    ///     Part::Finding(_) => {}
    /// };
    /// engine.finish_in_pieces(Default::default(), selection, make, |_, piece| {
    ///     frames += piece.drain(..).sum::<u64>();
    ///     true
    /// });
    /// assert_eq!(frames, 0);
    /// ```
    #[must_use]
    pub fn finish_in_pieces<T: Default + Send>(
        mut self,
        capture: CaptureSummary,
        selection: FlowSelection,
        make: impl Fn(&mut T, Part<'_>) + Sync,
        take: impl FnMut(&CaptureSummary, &mut T) -> bool,
    ) -> Analysis {
        self.end();
        let (analysis, findings) = Snapshot::new(&self, 0, selection).in_pieces(capture, &make, take);
        if analysis.total_flows > MANY_FLOWS {
            // the process is about to end, or to go on without them: giving back a million flows one by one takes long
            std::mem::forget((self, findings));
        }
        analysis
    }

    /// Ends the analysis, and shows the findings of its result, for who needs them before the flows are made by
    /// [`Self::finish_in_pieces`]. That takes about as long as to make the result.
    pub fn finish_findings(&mut self, capture: &CaptureSummary, mut see: impl FnMut(&Finding)) {
        self.end();
        let selection = FlowSelection { top: Some(0), ..FlowSelection::default() };
        let make = |piece: &mut Vec<Finding>, part: Part<'_>| {
            if let Part::Finding(finding) = part {
                piece.push(finding.clone());
            }
        };
        let take = |_: &CaptureSummary, piece: &mut Vec<Finding>| {
            piece.drain(..).for_each(|finding| see(&finding));
            true
        };
        Snapshot::new(self, 0, selection).in_pieces(capture.clone(), &make, take);
    }

    /// Decodes what waits, and hands on all that was published.
    fn release(&mut self) {
        let env = Env { registry: &self.registry, options: &self.options };
        each(self.helpers(), &mut self.shards, |shard| shard.release_all(env));
        self.collect();
    }

    /// Threads for what takes a moment for each flow.
    fn helpers(&self) -> usize {
        let flows: usize = self.shards.iter().map(Shard::flow_count).sum();
        if flows < WORTH_A_THREAD { 1 } else { self.threads }
    }

    fn end(&mut self) {
        let env = Env { registry: &self.registry, options: &self.options };
        each(self.helpers(), &mut self.shards, |shard| shard.finish(env));
        self.collect();
        self.enforce_flow_bound();
    }

    /// Number of frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.totals.packets
    }

    /// The latest time of any frame so far; `None` before the first with a time.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.totals.last_seen()
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
