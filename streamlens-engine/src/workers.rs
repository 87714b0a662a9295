//! Threads that work together: on one batch after the other while frames are read, on many items when a result is made.
//!
//! Both need the same of a pool: threads that live as long as their borrowed work, jobs that all of them share in, and nobody
//! left waiting where one of them panics.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::{self, AtomicU64, AtomicUsize};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How often a thread looks for work before it sleeps: some 30 microseconds. Batches take a few hundred, and to be woken takes
/// ten or more (telemetry 268 to 259 ms).
const SPIN_LIMIT: usize = 2000;
/// Items that a thread takes at a time.
const CHUNK: usize = 64;
/// Chunks for each thread that may be made and not taken yet.
const CHUNKS_AHEAD: usize = 8;

/// Locks a mutex; that a thread has panicked is said by the pool.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads of a pool tell each other.
struct State<J> {
    job: Option<Arc<J>>,
    /// Number of the job.
    number: u64,
    /// Threads that have not done with it.
    busy: usize,
    is_over: bool,
    has_panicked: bool,
}

/// Threads that share in one job after the other, the one that made the pool among them.
pub(crate) struct WorkerPool<'w, J> {
    threads: usize,
    /// A thread's share in a job; threads are numbered from 0.
    work: &'w (dyn Fn(&J, usize) + Sync),
    state: Mutex<State<J>>,
    has_job: Condvar,
    is_done: Condvar,
    /// Number of the job and threads that have not done with it, to be read without locking the state.
    number: AtomicU64,
    busy: AtomicUsize,
    /// 0 where not every thread has a core, for then waiting takes it from another.
    spin_limit: usize,
}

impl<'w, J: Send + Sync> WorkerPool<'w, J> {
    /// Runs `lead` on this thread, with the others ready to share in its jobs.
    pub(crate) fn with<T>(threads: usize, work: &'w (dyn Fn(&J, usize) + Sync), lead: impl FnOnce(&Self) -> T) -> T {
        let threads = threads.max(1);
        let has_cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= threads);
        let pool = Self {
            threads,
            work,
            state: Mutex::new(State { job: None, number: 0, busy: 0, is_over: false, has_panicked: false }),
            has_job: Condvar::new(),
            is_done: Condvar::new(),
            number: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            spin_limit: if has_cores { SPIN_LIMIT } else { 0 },
        };
        std::thread::scope(|scope| {
            // also when `lead` panics: the others would wait for ever
            let _over = Over(&pool);
            for thread in 1..threads {
                let pool = &pool;
                scope.spawn(move || pool.worker_loop(thread));
            }
            lead(&pool)
        })
    }

    /// Works on a job and returns it when all have done with it. `meanwhile` runs on this thread when others have begun.
    pub(crate) fn run(&self, job: J, meanwhile: impl FnOnce()) -> Option<J> {
        if self.threads == 1 {
            (self.work)(&job, 0);
            meanwhile();
            return Some(job);
        }
        let job = Arc::new(job);
        let mut state = lock(&self.state);
        (state.job, state.busy) = (Some(Arc::clone(&job)), self.threads - 1);
        state.number += 1;
        self.busy.store(state.busy, atomic::Ordering::Release);
        self.number.store(state.number, atomic::Ordering::Release);
        drop(state);
        self.has_job.notify_all();
        meanwhile();
        (self.work)(&job, 0);
        self.spin_until(|| self.busy.load(atomic::Ordering::Acquire) == 0);
        let mut state = lock(&self.state);
        while state.busy > 0 {
            state = self.is_done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        assert!(!state.has_panicked, "a thread of the analysis has panicked");
        drop(state);
        // the others have let go of it before they were done
        Arc::into_inner(job)
    }

    /// Waits for a moment for something to be so.
    fn spin_until(&self, is_so: impl Fn() -> bool) {
        for _ in 0..self.spin_limit {
            if is_so() {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// What the other threads do.
    fn worker_loop(&self, thread: usize) {
        let mut number = 0;
        loop {
            self.spin_until(|| self.number.load(atomic::Ordering::Acquire) > number);
            let mut state = lock(&self.state);
            let job = loop {
                if state.is_over {
                    return;
                }
                match &state.job {
                    Some(job) if state.number > number => break Arc::clone(job),
                    _ => state = self.has_job.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            number = state.number;
            drop(state);
            let done = Done(self);
            (self.work)(&job, thread);
            drop(job);
            drop(done);
        }
    }
}

/// A thread is done with a job, be it by a panic.
struct Done<'p, 'w, J>(&'p WorkerPool<'w, J>);

impl<J> Drop for Done<'_, '_, J> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.busy -= 1;
        state.has_panicked |= std::thread::panicking();
        self.0.busy.store(state.busy, atomic::Ordering::Release);
        if state.busy == 0 {
            self.0.is_done.notify_one();
        }
    }
}

/// There will be no more jobs.
struct Over<'p, 'w, J>(&'p WorkerPool<'w, J>);

impl<J> Drop for Over<'_, '_, J> {
    fn drop(&mut self) {
        lock(&self.0.state).is_over = true;
        self.0.number.store(u64::MAX, atomic::Ordering::Release);
        self.0.has_job.notify_all();
    }
}

/// Works on each item of a list, on several threads.
pub(crate) fn for_each_parallel<I: Send>(threads: usize, items: &mut [I], work: impl Fn(&mut I) + Sync) {
    let threads = threads.clamp(1, items.len().max(1));
    let items = Mutex::new(items.iter_mut());
    let next = || lock(&items).next();
    let work = |(): &(), _| std::iter::from_fn(next).for_each(&work);
    WorkerPool::with(threads, &work, |pool| pool.run((), || ()));
}

/// Sorts a list in parts, on several threads.
pub(crate) fn sort<I: Send>(threads: usize, items: &mut [I], compare: impl Fn(&I, &I) -> Ordering + Sync) {
    let mut parts: Vec<_> = items.chunks_mut(items.len().div_ceil(threads.max(1)).max(1)).collect();
    // a stable sort sees where parts are in order already, and merges them
    for_each_parallel(threads, &mut parts, |part| part.sort_by(&compare));
    items.sort_by(compare);
}

/// Which chunks are made, and which are taken.
struct Progress<T> {
    /// The next chunk to be made, and the next to be taken.
    next: usize,
    taken: usize,
    /// What was made, by number.
    made: BTreeMap<usize, T>,
    /// What was taken; its memory is used again.
    free_list: Vec<T>,
    /// Threads that wait for something to change: to wake nobody is a system call too.
    waiting: usize,
    is_over: bool,
}

/// The chunks of one call.
struct Chunks<T> {
    count: usize,
    /// How many may be made and not taken yet.
    most: usize,
    progress: Mutex<Progress<T>>,
    has_changed: Condvar,
}

impl<T> Chunks<T> {
    fn new(count: usize, threads: usize) -> Self {
        let (made, free_list) = (BTreeMap::new(), Vec::new());
        let progress = Progress { next: 0, taken: 0, made, free_list, waiting: 0, is_over: false };
        let most = CHUNKS_AHEAD * threads;
        Self { count, most, progress: Mutex::new(progress), has_changed: Condvar::new() }
    }

    /// Makes a chunk; waits where there is none that may be made now.
    fn make<'p>(
        &'p self,
        mut progress: MutexGuard<'p, Progress<T>>,
        blank: impl FnOnce() -> T,
        make: impl FnOnce(usize, &mut T),
    ) -> MutexGuard<'p, Progress<T>> {
        if !self.has_more(&progress) || progress.next >= progress.taken + self.most {
            progress.waiting += 1;
            progress = self.has_changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
            progress.waiting -= 1;
            return progress;
        }
        let number = progress.next;
        progress.next += 1;
        let chunk = progress.free_list.pop();
        drop(progress);
        let mut chunk = chunk.unwrap_or_else(blank);
        make(number, &mut chunk);
        progress = lock(&self.progress);
        progress.made.insert(number, chunk);
        self.wake(&progress);
        progress
    }

    /// Wakes those that wait.
    fn wake(&self, progress: &Progress<T>) {
        if progress.waiting > 0 {
            self.has_changed.notify_all();
        }
    }

    /// Whether there is another chunk to be made, now or later.
    fn has_more(&self, progress: &Progress<T>) -> bool {
        !progress.is_over && progress.next < self.count
    }
}

/// Lets the others go when a thread ends, be it by a panic.
struct Leave<'c, T>(&'c Chunks<T>);

impl<T> Drop for Leave<'_, T> {
    fn drop(&mut self) {
        let mut progress = lock(&self.0.progress);
        progress.is_over |= std::thread::panicking() || progress.taken == self.0.count;
        self.0.wake(&progress);
    }
}

/// Makes chunks of items, with a state for each thread: `make` adds some items to a chunk (which `blank` returns empty), and
/// `take` gets the chunks in the order of the items, and empties them. Returns the states.
pub(crate) fn map_chunks_ordered<I: Sync, S: Send, T: Send>(
    threads: usize,
    items: &[I],
    state: impl Fn() -> S,
    blank: impl Fn() -> T + Sync,
    make: impl Fn(&mut S, &mut T, &[I]) + Sync,
    mut take: impl FnMut(&mut T),
) -> Vec<S> {
    let count = items.len().div_ceil(CHUNK);
    let threads = threads.clamp(1, count.max(1));
    let states: Vec<_> = (0..threads).map(|_| Mutex::new(state())).collect();
    let chunks = Chunks::new(count, threads);
    let make = |state: &mut S, number: usize, chunk: &mut T| {
        make(state, chunk, items.chunks(CHUNK).nth(number).unwrap_or_default());
    };
    let work = |(): &(), thread: usize| {
        let (_leave, Some(state)) = (Leave(&chunks), states.get(thread)) else { return };
        let (mut state, mut progress) = (lock(state), lock(&chunks.progress));
        while chunks.has_more(&progress) {
            progress = chunks.make(progress, &blank, |number, chunk| make(&mut state, number, chunk));
        }
    };
    let mut lead = || {
        let (_leave, Some(state)) = (Leave(&chunks), states.first()) else { return };
        let (mut state, mut progress) = (lock(state), lock(&chunks.progress));
        while progress.taken < count && !progress.is_over {
            let next = progress.taken;
            let Some(mut chunk) = progress.made.remove(&next) else {
                progress = chunks.make(progress, &blank, |number, chunk| make(&mut state, number, chunk));
                continue;
            };
            drop(progress);
            take(&mut chunk);
            progress = lock(&chunks.progress);
            progress.free_list.push(chunk);
            progress.taken += 1;
            chunks.wake(&progress);
        }
    };
    if threads == 1 {
        lead();
    } else {
        WorkerPool::with(threads, &work, |pool| pool.run((), lead));
    }
    states.into_iter().map(|state| state.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_every_item_is_worked_on_once() {
        let items: Vec<u32> = (0..10_000).collect();
        for threads in [1, 2, 7] {
            let mut made = Vec::new();
            let make = |count: &mut usize, piece: &mut Vec<u32>, items: &[u32]| {
                *count += items.len();
                piece.extend(items.iter().map(|item| item * 2));
            };
            let counts = map_chunks_ordered(threads, &items, || 0, Vec::new, make, |piece| made.append(piece));
            assert_eq!(counts.iter().sum::<usize>(), items.len());
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item * 2));
            assert_eq!(made.len(), items.len());
        }
    }

    #[test]
    fn a_panic_ends_the_others_too() {
        let items: Vec<u32> = (0..100_000).collect();
        for (bad, is_taking) in [(70, false), (99_999, false), (70, true)] {
            let make = |(): &mut (), piece: &mut Vec<u32>, items: &[u32]| {
                assert!(is_taking || !items.contains(&bad), "made to fail");
                piece.extend(items);
            };
            let take = |piece: &mut Vec<u32>| {
                piece.drain(..).for_each(|item| assert!(!is_taking || item != bad, "made to fail"))
            };
            let run = std::panic::AssertUnwindSafe(|| map_chunks_ordered(3, &items, || (), Vec::new, make, take));
            assert!(std::panic::catch_unwind(run).is_err(), "{bad} {is_taking}");
        }
    }

    #[test]
    fn a_list_is_sorted_by_any_number_of_threads() {
        for (threads, count) in [(1, 100), (2, 101), (3, 2), (4, 0)] {
            let mut items: Vec<u32> = (0..count).map(|number| number * 7919 % 101).collect();
            let mut wanted = items.clone();
            wanted.sort_unstable();
            sort(threads, &mut items, u32::cmp);
            assert_eq!(items, wanted);
        }
    }

    #[test]
    fn every_item_of_a_list_is_worked_on() {
        for (threads, count) in [(1, 5), (2, 5), (3, 2), (4, 0)] {
            let mut items: Vec<u32> = (0..count).collect();
            for_each_parallel(threads, &mut items, |item| *item += 1);
            assert!(items.into_iter().eq(1..=count), "{threads}");
        }
    }
}
