//! Threads that work on one batch after the other. The shares of a batch are taken by whoever is free; between batches
//! nobody works, so that what was published is handed on in frame order.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use streamlens_model::{Frame, FrameBatch};

use crate::route::{Routes, SHARES};
use crate::shard::Shard;
use crate::totals::Totals;
use crate::work::{Env, Outbox};

/// A batch, sorted by share.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) batch: FrameBatch,
    routes: Routes,
    /// Number of the first frame.
    first_number: u64,
    /// Which shares have no frames, or somebody works on them, or has.
    taken: Vec<AtomicBool>,
}

impl Job {
    /// Counts the frames of the batch for the capture as a whole, and sorts them by share.
    pub(crate) fn prepare(&mut self, totals: &mut Totals) {
        self.first_number = totals.packets + 1;
        totals.note(self.batch.records.iter());
        self.routes.sort(&self.batch);
        self.taken.clear();
        self.taken.extend((0..SHARES).map(|share| AtomicBool::new(self.routes.of(share).is_empty())));
    }

    fn share(&self, env: Env<'_>, shard: &mut Shard) {
        shard.frames(env, self.routes.of(shard.share), |place| {
            let frame = self.batch.frame(place as usize)?;
            Some(Frame { number: self.first_number + u64::from(place), ..frame })
        });
    }
}

/// What the threads tell each other.
#[derive(Debug, Default)]
struct Board {
    job: Option<Arc<Job>>,
    /// Number of the job.
    number: u64,
    /// Threads that have not done with it.
    busy: usize,
    is_over: bool,
    has_panicked: bool,
}

/// The threads of one run, this one included, and the shares that they work on.
pub(crate) struct Crew<'e> {
    env: Env<'e>,
    threads: usize,
    slots: Vec<Mutex<&'e mut Shard>>,
    board: Mutex<Board>,
    has_job: Condvar,
    is_done: Condvar,
    /// What the board says, to be looked at without taking it: the number of the job, and how many threads have not done.
    number: AtomicU64,
    busy: AtomicUsize,
    /// Whether every thread has a core, so that waiting for a moment takes nothing from another.
    has_cores: bool,
}

/// How often a thread looks whether there is something for it before it sleeps: some 30 microseconds. Batches take a few
/// hundred, and to be woken takes ten or more.
const LOOKS: usize = 2000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'e> Crew<'e> {
    /// Runs `lead` on this thread, with the others ready to help it.
    pub(crate) fn with<T>(threads: usize, env: Env<'e>, shards: &'e mut [Shard], lead: impl FnOnce(&Self) -> T) -> T {
        let threads = threads.max(1);
        let slots = shards.iter_mut().map(Mutex::new).collect();
        let (board, has_job, is_done) = (Mutex::default(), Condvar::new(), Condvar::new());
        let (number, busy) = (AtomicU64::new(0), AtomicUsize::new(0));
        let has_cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= threads);
        let crew = Self { env, threads, slots, board, has_job, is_done, number, busy, has_cores };
        std::thread::scope(|scope| {
            // also when `lead` panics: the others would wait for ever
            let _over = Over(&crew);
            for thread in 1..threads {
                let crew = &crew;
                scope.spawn(move || crew.help(thread));
            }
            lead(&crew)
        })
    }

    /// Works on a job, and gives it back when it is done. `meanwhile` runs on this thread while others have begun.
    pub(crate) fn work(&self, job: Job, meanwhile: impl FnOnce()) -> Job {
        if self.threads == 1 {
            self.shares(&job, 0);
            meanwhile();
            return job;
        }
        let job = Arc::new(job);
        let mut board = lock(&self.board);
        (board.job, board.busy) = (Some(Arc::clone(&job)), self.threads - 1);
        board.number += 1;
        self.busy.store(board.busy, Ordering::Release);
        self.number.store(board.number, Ordering::Release);
        drop(board);
        self.has_job.notify_all();
        meanwhile();
        self.shares(&job, 0);
        self.look_out(|| self.busy.load(Ordering::Acquire) == 0);
        let mut board = lock(&self.board);
        while board.busy > 0 {
            board = self.is_done.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
        board.job = None;
        assert!(!board.has_panicked, "a thread of the analysis has panicked");
        drop(board);
        // the others have let go of it before they were done
        Arc::into_inner(job).unwrap_or_default()
    }

    /// Waits for a moment for something to be so.
    fn look_out(&self, is_so: impl Fn() -> bool) {
        let looks = if self.has_cores { LOOKS } else { 0 };
        for _ in 0..looks {
            if is_so() {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// What the other threads do.
    fn help(&self, thread: usize) {
        let mut number = 0;
        loop {
            self.look_out(|| self.number.load(Ordering::Acquire) > number);
            let mut board = lock(&self.board);
            let job = loop {
                if board.is_over {
                    return;
                }
                match &board.job {
                    Some(job) if board.number > number => break Arc::clone(job),
                    _ => board = self.has_job.wait(board).unwrap_or_else(PoisonError::into_inner),
                }
            };
            number = board.number;
            drop(board);
            let done = Done(self);
            // every thread begins at a place of its own, so that a share mostly stays in the caches of one core
            self.shares(&job, thread * SHARES / self.threads);
            drop(job);
            drop(done);
        }
    }

    fn shares(&self, job: &Job, begin: usize) {
        for (is_taken, slot) in job.taken.iter().zip(&self.slots).cycle().skip(begin).take(SHARES) {
            if !is_taken.load(Ordering::Relaxed) && !is_taken.swap(true, Ordering::Relaxed) {
                job.share(self.env, &mut lock(slot));
            }
        }
    }

    /// Exchanges the outboxes of the shares for these.
    pub(crate) fn exchange(&self, outboxes: &mut [Outbox]) {
        for (slot, outbox) in self.slots.iter().zip(outboxes) {
            std::mem::swap(&mut lock(slot).outbox, outbox);
        }
    }

    /// All shares at once, for what concerns them together.
    pub(crate) fn all<T>(&self, look: impl FnOnce(&mut [&mut Shard]) -> T) -> T {
        let mut guards: Vec<_> = self.slots.iter().map(lock).collect();
        look(&mut guards.iter_mut().map(|guard| &mut ***guard).collect::<Vec<_>>())
    }
}

/// A thread is done with a job, be it by a panic.
struct Done<'c, 'e>(&'c Crew<'e>);

impl Drop for Done<'_, '_> {
    fn drop(&mut self) {
        let mut board = lock(&self.0.board);
        board.busy -= 1;
        board.has_panicked |= std::thread::panicking();
        self.0.busy.store(board.busy, Ordering::Release);
        if board.busy == 0 {
            self.0.is_done.notify_one();
        }
    }
}

/// There will be no more jobs.
struct Over<'c, 'e>(&'c Crew<'e>);

impl Drop for Over<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.board).is_over = true;
        self.0.number.store(u64::MAX, Ordering::Release);
        self.0.has_job.notify_all();
    }
}
