//! What readers and the driver's thread share: the last looks, and whether somebody wants more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamlens_model::row::{Delta, Epoch, Row};

/// Looks that are kept for readers that are behind.
const KEPT: usize = 64;
/// Bytes of rows of them; more where the whole state is large, see [`Board::whole`].
const KEPT_BYTES: usize = 16 << 20;

/// Bytes of rows of a look.
fn size(delta: &Arc<Delta>) -> usize {
    (delta.rows.len() + delta.gone.len()) * size_of::<Row>()
}

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct Shared {
    board: Mutex<Board>,
    /// A look was published, or there will be none.
    has_news: Condvar,
    /// Somebody asks for something.
    is_called: AtomicBool,
    call: Condvar,
    is_stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct Board {
    deltas: VecDeque<Arc<Delta>>,
    /// The whole state of some look, for those that begin.
    state: Option<Arc<Delta>>,
    /// Bytes of the last whole state that a reader was given. It takes time to go through it, and what comes meanwhile is kept, up
    /// to half as much again: else the reader would be behind when it is through, and be given the whole again and again.
    whole: usize,
    wants_state: bool,
    has_ended: bool,
}

impl Board {
    fn keep_state(&mut self, state: Arc<Delta>) {
        self.whole = size(&state);
        self.state = Some(state);
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a look. The whole state is made only where a reader waits for it.
    pub(super) fn publish(&self, delta: Delta, state: impl FnOnce() -> Delta) {
        let mut board = self.board();
        board.deltas.push_back(Arc::new(delta));
        board.state = None;
        if std::mem::take(&mut board.wants_state) {
            drop(board);
            let state = Arc::new(state());
            board = self.board();
            board.keep_state(state);
        }
        let most = KEPT_BYTES.max(board.whole / 2);
        while board.deltas.len() > 1
            && (board.deltas.len() > KEPT || board.deltas.iter().map(size).sum::<usize>() > most)
        {
            board.deltas.pop_front();
        }
        drop(board);
        self.has_news.notify_all();
    }

    /// Makes the whole state of the last look where a reader waits for it.
    pub(super) fn serve_state(&self, state: impl FnOnce() -> Delta) {
        let mut board = self.board();
        if board.deltas.is_empty() || !std::mem::take(&mut board.wants_state) {
            return;
        }
        drop(board);
        let state = Arc::new(state());
        self.board().keep_state(state);
        self.has_news.notify_all();
    }

    /// Tells the driver's thread that somebody asks for something.
    pub(super) fn call(&self) {
        let board = self.board();
        self.is_called.store(true, Ordering::Release);
        drop(board);
        self.call.notify_all();
    }

    pub(super) fn is_called(&self) -> bool {
        self.is_called.load(Ordering::Acquire)
    }

    pub(super) fn answer_call(&self) {
        self.is_called.store(false, Ordering::Release);
    }

    /// Sleeps until somebody asks for something.
    pub(super) fn wait_for_call(&self) {
        let mut board = self.board();
        while !self.is_called() && !self.is_stopped() {
            board = self.call.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.call();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// No more looks will come by themselves.
    pub(super) fn end(&self) {
        self.board().has_ended = true;
        self.has_news.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.board().has_ended
    }
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Update {
    /// What changed since its last update, in order; each follows on the one before. The first may be the whole state
    /// ([`Delta::since`] is `None`).
    Changes(Vec<Arc<Delta>>),
    /// Nothing has changed within the time.
    Nothing,
    /// The source has ended, and this reader has seen all.
    End,
}

/// One of any number of readers of a driver, each at its own pace.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    epoch: Option<Epoch>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, epoch: None }
    }

    /// Returns what has changed since the last call, or waits for it, at most so long. A reader that has missed more than is
    /// kept gets the whole state.
    pub fn next(&mut self, timeout: Duration) -> Update {
        let mut board = self.shared.board();
        let mut has_waited = false;
        loop {
            if let Some(changes) = self.changes(&board) {
                self.epoch = changes.last().map(|delta| delta.epoch);
                return Update::Changes(changes);
            }
            let is_behind = board.deltas.back().is_some_and(|last| Some(last.epoch) != self.epoch);
            if board.has_ended && !is_behind {
                return Update::End;
            }
            if is_behind || self.epoch.is_none() {
                board.wants_state = true;
                self.shared.is_called.store(true, Ordering::Release);
                self.shared.call.notify_all();
            }
            if has_waited {
                return Update::Nothing;
            }
            let (next, waited) =
                self.shared.has_news.wait_timeout(board, timeout).unwrap_or_else(PoisonError::into_inner);
            (board, has_waited) = (next, waited.timed_out());
        }
    }

    /// The looks that follow on the last one of this reader.
    fn changes(&self, board: &Board) -> Option<Vec<Arc<Delta>>> {
        let after = |epoch: Option<Epoch>| board.deltas.iter().filter(move |delta| Some(delta.epoch) > epoch).cloned();
        let first = after(self.epoch).next()?;
        if first.since.is_none() || first.since == self.epoch && self.epoch.is_some() {
            return Some(after(self.epoch).collect());
        }
        let state = board.state.clone().filter(|state| Some(state.epoch) > self.epoch)?;
        let epoch = Some(state.epoch);
        Some([state].into_iter().chain(after(epoch)).collect())
    }
}
