//! A client of the hub: what it asked for, and the way to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use streamlens_protocol::{self as protocol, ClientMessage, Compression, Problem};
use tokio::sync::mpsc::Sender;

use super::analysis::{Analysis, Board};
use super::compose::{ClientView, Frame, MOST_BYTES};
use super::detail::ClientWatch;
use super::view::ViewSpec;
use crate::metrics::Metrics;

/// Bytes of flows of the first piece of what is sent in pieces, and of the smallest.
const FIRST_PIECE: usize = 64 << 10;
const LEAST_PIECE: usize = 16 << 10;
/// Pieces that are taken sooner grow, those that are taken later shrink: what has just changed waits for one of them.
const QUICK: Duration = Duration::from_millis(400);
const SLOW: Duration = Duration::from_millis(900);

/// What is sent to a client.
#[derive(Debug)]
pub(crate) enum Out {
    /// An answer, or news that are told once.
    Small(Vec<u8>),
    /// What has changed; the next is made when this one is taken.
    Update(Vec<u8>),
    /// How the messages from here on are compressed.
    Compress(Option<Compression>),
}

/// A client.
pub(crate) struct Client {
    out: Sender<Out>,
    pub(super) views: Vec<ClientView>,
    pub(super) watches: Vec<ClientWatch>,
    /// Whether the last message has been taken.
    pub(super) is_ready: bool,
    pub(super) is_paused: bool,
    pub(super) has_said_hello: bool,
    has_subscribed: bool,
    /// Rows at the time that it looks at, by analysis; empty for now.
    pub(super) past: HashMap<String, Board>,
    seq: u64,
    /// Whether the way to it is closed.
    is_gone: bool,
    /// Bytes of flows of a piece, by how long the last one took, and since when it is on its way.
    piece: usize,
    sent: Option<Instant>,
    /// What it has said that can't be answered yet.
    pub(super) later: VecDeque<ClientMessage>,
    /// Which view, or detail, comes first.
    turn: usize,
}

impl Client {
    pub(super) fn new(out: Sender<Out>) -> Self {
        Self {
            out,
            views: Vec::new(),
            watches: Vec::new(),
            is_ready: true,
            is_paused: false,
            has_said_hello: false,
            has_subscribed: false,
            past: HashMap::new(),
            seq: 0,
            is_gone: false,
            piece: FIRST_PIECE,
            sent: None,
            later: VecDeque::new(),
            turn: 0,
        }
    }

    /// Whether it is shown anything of an analysis.
    pub(super) fn looks_at(&self, analysis: u64) -> bool {
        let is_it = |of: &str| of.parse() == Ok(analysis);
        self.views.iter().any(|view| is_it(&view.analysis)) || self.watches.iter().any(|watch| is_it(&watch.analysis))
    }

    /// What a client gets that says nothing.
    pub(super) fn show_all(&mut self, analysis: String, spec: ViewSpec) {
        let mut view = ClientView::new(1, analysis, spec);
        view.is_whole = true;
        self.views.push(view);
    }

    /// Sends an answer. Where there is no room the client has let too many lie, and is given up.
    pub(super) fn send_small(&mut self, text: Vec<u8>) {
        self.is_gone |= self.out.try_send(Out::Small(text)).is_err();
    }

    /// Its last message has been taken: the next may be larger where that was quick, and is smaller where it was not.
    pub(super) fn taken(&mut self, now: Instant) {
        self.is_ready = true;
        let Some(sent) = self.sent.take() else { return };
        let took = now.saturating_duration_since(sent);
        if took < QUICK {
            self.piece = (self.piece * 2).min(MOST_BYTES);
        } else if took > SLOW {
            self.piece = (self.piece / 2).max(LEAST_PIECE);
        }
    }

    pub(super) fn set_compression(&mut self, compression: Option<Compression>) {
        self.is_gone |= self.out.try_send(Out::Compress(compression)).is_err();
    }

    pub(super) fn take_view(&mut self, number: u8) -> Option<ClientView> {
        let place = self.views.iter().position(|view| view.number == number)?;
        Some(self.views.remove(place))
    }

    /// Takes a view up, or changes it. Returns what it has no use for any more.
    pub(super) fn subscribe(
        &mut self,
        number: u8,
        analysis: String,
        spec: ViewSpec,
        subscribe: protocol::Subscribe,
    ) -> Vec<(String, ViewSpec)> {
        let mut replaced = Vec::new();
        let mut view = ClientView::new(number, analysis, spec);
        view.window = subscribe.window;
        view.expanded = subscribe.expanded;
        view.rate = subscribe.rate.unwrap_or(10);
        view.findings = subscribe.findings;
        view.history = subscribe.history;
        view.is_whole = subscribe.whole;
        view.is_in_pieces = subscribe.whole && subscribe.window.is_none();
        if !std::mem::replace(&mut self.has_subscribed, true) {
            // it got everything until now
            replaced.extend(self.views.drain(..).map(|view| (view.analysis, view.spec)));
        }
        if let Some(before) = self.take_view(number) {
            replaced.push((before.analysis.clone(), before.spec.clone()));
            let is_same = before.analysis == view.analysis
                && before.spec.shows_what(&view.spec)
                && (before.history, before.findings, before.is_whole) == (view.history, view.findings, view.is_whole);
            if is_same {
                view.follow(before);
                view.next_due = None;
            }
        }
        if let Some(board) = self.past.get_mut(&view.analysis) {
            let _ = board.views.add(&view.spec, true);
            board.update_view(&view.spec.key);
        }
        self.views.push(view);
        replaced
    }

    /// Watches a row; whether it did not before.
    pub(super) fn watch(
        &mut self,
        analysis: &str,
        row: String,
        parts: Vec<protocol::Part>,
        most: u64,
    ) -> Result<bool, Problem> {
        let new = ClientWatch::new(analysis.to_owned(), row, parts);
        let known = self.watches.iter_mut().find(|watch| (&watch.analysis, &watch.row) == (&new.analysis, &new.row));
        if let Some(known) = known {
            *known = new;
            return Ok(false);
        }
        if self.watches.len() as u64 >= most {
            let what = format!("at most {most} rows may be watched; unwatch some");
            return Err(Problem::new("limit", "Too much is asked for", 429, what));
        }
        self.watches.push(new);
        Ok(true)
    }

    pub(super) fn take_watches(&mut self, analysis: &str, row: Option<&str>) -> Vec<ClientWatch> {
        let is_meant = |watch: &mut ClientWatch| row.is_none_or(|row| row == watch.row && watch.analysis == analysis);
        self.watches.extract_if(.., is_meant).collect()
    }

    pub(super) fn resume(&mut self) {
        self.is_paused = false;
        if !std::mem::take(&mut self.past).is_empty() {
            self.views.iter_mut().for_each(ClientView::begin_anew);
        }
    }

    /// Shows views as they were.
    pub(super) fn go_to(&mut self, mut boards: HashMap<String, Board>) {
        for view in &mut self.views {
            if let Some(board) = boards.get_mut(&view.analysis) {
                let _ = board.views.add(&view.spec, true);
                board.update_view(&view.spec.key);
            }
            view.begin_anew();
        }
        self.past = boards;
        self.is_paused = false;
    }

    /// Sends what has changed, where the client is ready; false where it is gone.
    pub(super) fn update(&mut self, analyses: &mut BTreeMap<u64, Analysis>, metrics: &Metrics, now: Instant) -> bool {
        if self.is_gone || self.out.is_closed() {
            return false;
        }
        if !self.is_ready || self.is_paused {
            return true;
        }
        let parts = self.views.len() + self.watches.len();
        for next in 0..parts {
            let place = (self.turn + next) % parts;
            let text = match place.checked_sub(self.views.len()) {
                None => self.view_message(place, analyses, now),
                Some(place) => self.detail_message(place, analyses),
            };
            if let Some(text) = text {
                self.turn = place + 1;
                metrics.messages.fetch_add(1, Ordering::Relaxed);
                (self.is_ready, self.sent) = (false, Some(now));
                self.is_gone = self.out.try_send(Out::Update(text)).is_err();
                break;
            }
        }
        !self.is_gone
    }

    fn view_message(&mut self, place: usize, analyses: &mut BTreeMap<u64, Analysis>, now: Instant) -> Option<Vec<u8>> {
        let view = self.views.get_mut(place)?;
        // a tick that comes a little early is as good as one that comes late
        let pause = Duration::from_millis(1_000 / u64::from(view.rate.max(1)));
        let follows_on = view.has_more();
        if !follows_on && view.next_due.is_some_and(|due| now + Duration::from_millis(5) < due) {
            return None;
        }
        let analysis = analyses.get_mut(&view.analysis.parse().ok()?)?;
        let frame_seq = self.seq + 1;
        let message = match self.past.get_mut(&view.analysis) {
            Some(board) => view.message(board, &Frame { seq: frame_seq, analysis, piece: self.piece }),
            None => {
                let mut board = std::mem::take(&mut analysis.board);
                if !board.views.is_fresh(&view.spec.key, board.table.epoch.0) {
                    // it came before the analysis did
                    let _ = board.views.add(&view.spec, !board.views.has(&view.spec.key));
                    board.update_view(&view.spec.key);
                }
                let message = view.message(&mut board, &Frame { seq: frame_seq, analysis, piece: self.piece });
                analysis.board = board;
                message
            }
        }?;
        self.seq = frame_seq;
        if follows_on {
            return Some(message);
        }
        // the pace is kept where it can be: a message that came late does not move the next ones
        view.next_due = Some(match view.next_due {
            Some(due) if now.saturating_duration_since(due) < pause => due + pause,
            _ => now + pause,
        });
        Some(message)
    }

    fn detail_message(&mut self, place: usize, analyses: &mut BTreeMap<u64, Analysis>) -> Option<Vec<u8>> {
        let watch = self.watches.get_mut(place)?;
        let analysis = analyses.get_mut(&watch.analysis.parse().ok()?)?;
        let path = watch.row.parse().ok()?;
        let mut board = std::mem::take(&mut analysis.board);
        let watched = analysis.watches.rows.get(&watch.row).filter(|watched| watched.version > watch.version);
        let detail = watched.map(|watched| watched.message(watch, analysis, &mut board, &path));
        analysis.board = board;
        let message = protocol::ServerMessage::<protocol::Flow>::Detail(detail?);
        serde_json::to_vec(&message).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_large_as_the_link_takes() {
        let (out, _messages) = tokio::sync::mpsc::channel(1);
        let mut client = Client::new(out);
        let begin = crate::clock::instant();
        let mut take = |ms| {
            client.sent = Some(begin);
            client.taken(begin + Duration::from_millis(ms));
            client.piece >> 10
        };
        assert_eq!([700, 100, 100, 2_000].map(&mut take), [64, 128, 256, 128]);
        assert_eq!([2_000; 8].map(&mut take).last(), Some(&16));
        assert_eq!([1; 12].map(&mut take).last(), Some(&1_024));
    }
}
