//! Work on many items by several threads, with the results in the order of the items.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Items that a thread takes at a time.
const RUN: usize = 64;
/// Runs for each thread until the results are handed on: what is made and not taken yet is bounded by that.
const RUNS: usize = 8;

/// Makes something of every item, with a state for each thread, and hands the results on, in the order of the items, until
/// `take` says that it wants no more. Gives the states back.
pub(super) fn in_order<I: Sync, S: Send, T: Send>(
    threads: usize,
    items: &[I],
    state: impl Fn() -> S,
    make: impl Fn(&mut S, &I) -> T + Sync,
    mut take: impl FnMut(T) -> bool,
) -> Vec<S> {
    let threads = threads.clamp(1, items.len().div_ceil(RUN).max(1));
    let mut states: Vec<S> = (0..threads).map(|_| state()).collect();
    for round in items.chunks(RUN * RUNS * threads) {
        let results: Vec<Mutex<Vec<T>>> = round.chunks(RUN).map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        let work = |state: &mut S| {
            while let Some((run, result)) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                round.chunks(RUN).nth(number).zip(results.get(number))
            } {
                let made = run.iter().map(|item| make(state, item)).collect();
                *result.lock().unwrap_or_else(PoisonError::into_inner) = made;
            }
        };
        std::thread::scope(|scope| {
            let Some((own, others)) = states.split_first_mut() else { return };
            for state in others {
                scope.spawn(|| work(state));
            }
            work(own);
        });
        for result in results {
            for made in result.into_inner().unwrap_or_else(PoisonError::into_inner) {
                if !take(made) {
                    return states;
                }
            }
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_every_item_is_worked_on_once() {
        let items: Vec<u32> = (0..10_000).collect();
        for threads in [1, 2, 7] {
            let mut made = Vec::new();
            let counts = in_order(
                threads,
                &items,
                || 0_usize,
                |count, item| {
                    *count += 1;
                    item * 2
                },
                |result| {
                    made.push(result);
                    true
                },
            );
            assert_eq!(counts.iter().sum::<usize>(), items.len());
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item * 2));
            assert_eq!(made.len(), items.len());
        }
    }

    #[test]
    fn nothing_is_handed_on_when_no_more_is_wanted() {
        let mut taken = 0;
        in_order(
            2,
            &[(); 5000],
            || (),
            |(), ()| (),
            |()| {
                taken += 1;
                taken < 100
            },
        );
        assert_eq!(taken, 100);
    }
}
