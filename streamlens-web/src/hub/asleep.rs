//! Analyses that sleep while nobody looks: their rows stay with those who feed them.
//!
//! What a client says of an analysis that is asleep waits until its rows are there, and so does all that it says afterwards.

use std::time::{Duration, Instant};

use streamlens_protocol::ClientMessage;
use tokio::sync::oneshot;

use super::{Client, Command, Hub, HubHandle};
use crate::feed::OnWake;

/// How long an analysis stays awake that nobody looks at.
const LINGERS: Duration = Duration::from_secs(30);
/// How long those wait who want to see one: who feeds it may be gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages of a client that may wait.
const MOST_MESSAGES: usize = 64;

/// Whether an analysis is asleep.
#[derive(Default)]
pub(super) enum Sleep {
    /// It never is.
    #[default]
    Never,
    /// It is.
    Asleep(OnWake),
    /// Its rows have been asked for, at a time; who waits for them.
    Waking(OnWake, Instant, Vec<oneshot::Sender<()>>),
    /// Its rows are there; when somebody last looked.
    Awake(OnWake, Instant),
}

impl Sleep {
    /// Somebody wants to see it: whether its rows are there.
    fn want(&mut self, now: Instant) -> bool {
        match std::mem::take(self) {
            Self::Never => return true,
            Self::Awake(on_wake, _) => {
                *self = Self::Awake(on_wake, now);
                return true;
            }
            Self::Asleep(on_wake) => {
                on_wake(true);
                *self = Self::Waking(on_wake, now, Vec::new());
            }
            waking @ Self::Waking(..) => *self = waking,
        }
        false
    }

    /// Its rows are there.
    pub(super) fn woken(&mut self, now: Instant) {
        *self = match std::mem::take(self) {
            Self::Waking(on_wake, _, waiting) => {
                // whoever has gone meanwhile waits for nothing
                for waits in waiting {
                    let _ = waits.send(());
                }
                Self::Awake(on_wake, now)
            }
            other => other,
        };
    }

    /// Goes to sleep where nobody has looked for a while; wakes with what there is where nobody feeds it.
    fn pass(&mut self, is_seen: bool, now: Instant) {
        match std::mem::take(self) {
            Self::Awake(on_wake, seen) => {
                let seen = if is_seen { now } else { seen };
                *self = if now.saturating_duration_since(seen) > LINGERS {
                    on_wake(false);
                    Self::Asleep(on_wake)
                } else {
                    Self::Awake(on_wake, seen)
                };
            }
            Self::Waking(on_wake, since, waiting) => {
                let is_late = now.saturating_duration_since(since) > PATIENCE;
                *self = Self::Waking(on_wake, since, waiting);
                if is_late {
                    self.woken(now);
                }
            }
            other => *self = other,
        }
    }
}

impl HubHandle {
    /// Waits until the rows of an analysis are there, where it was asleep.
    pub(crate) async fn awake(&self, id: &str) {
        let (woken, is_woken) = oneshot::channel();
        self.tell(Command::Wake(id.to_owned(), woken));
        // where the hub has ended nobody answers
        let _ = is_woken.await;
    }
}

impl Hub {
    /// Answers when the rows of an analysis are there.
    pub(super) fn wake(&mut self, id: &str, woken: oneshot::Sender<()>) {
        let now = crate::clock::instant();
        if let Some(analysis) = self.analysis_mut(id)
            && !analysis.sleep.want(now)
            && let Sleep::Waking(_, _, waiting) = &mut analysis.sleep
        {
            waiting.push(woken);
        } else {
            let _ = woken.send(());
        }
    }

    /// Whether a message can be answered now: the rows that it asks for are there, and none from before it waits.
    pub(super) fn may_answer(&mut self, client: u64, message: &ClientMessage) -> bool {
        let asked = match message {
            ClientMessage::Subscribe(of) => of.analysis.as_deref(),
            ClientMessage::Watch(of) => of.analysis.as_deref(),
            _ => None,
        };
        let now = crate::clock::instant();
        let is_there = asked.and_then(|id| self.analysis_mut(id)).is_none_or(|analysis| analysis.sleep.want(now));
        is_there && self.clients.get(&client).is_none_or(|client| client.later.is_empty())
    }

    /// Keeps a message until it can be answered. A client that says very much meanwhile is not listened to.
    pub(super) fn answer_later(&mut self, client: u64, message: ClientMessage) {
        if let Some(client) = self.clients.get_mut(&client).filter(|client| client.later.len() < MOST_MESSAGES) {
            client.later.push_back(message);
        }
    }

    /// Answers what waited, and sends analyses to sleep that nobody looks at.
    pub(super) fn pass_time(&mut self, now: Instant) {
        for (id, analysis) in &mut self.analyses {
            if matches!(analysis.sleep, Sleep::Awake(..) | Sleep::Waking(..)) {
                let is_seen = self.clients.values().any(|client| client.looks_at(*id));
                analysis.sleep.pass(is_seen, now);
            }
        }
        let waiting: Vec<u64> =
            self.clients.iter().filter(|(_, client)| !client.later.is_empty()).map(|(id, _)| *id).collect();
        for id in waiting {
            let take = |client: &mut Client| std::mem::take(&mut client.later);
            for message in self.clients.get_mut(&id).map(take).unwrap_or_default() {
                match self.may_answer(id, &message) {
                    true => self.said(id, message),
                    false => self.answer_later(id, message),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn it_wakes_when_somebody_comes_and_sleeps_when_all_have_gone() {
        let told = Arc::<Mutex<Vec<bool>>>::default();
        let of_wake = Arc::clone(&told);
        let mut sleep = Sleep::Asleep(Arc::new(move |is_wanted| of_wake.lock().unwrap().push(is_wanted)));
        let begin = crate::clock::instant();
        let at = |seconds| begin + Duration::from_secs(seconds);
        // asked for once, however many come
        assert!(!sleep.want(at(0)) && !sleep.want(at(0)));
        sleep.woken(at(0));
        assert!(sleep.want(at(0)));
        sleep.pass(true, at(60));
        sleep.pass(false, at(80));
        assert!(matches!(sleep, Sleep::Awake(..)));
        sleep.pass(false, at(91));
        assert!(matches!(sleep, Sleep::Asleep(_)));
        assert_eq!(*told.lock().unwrap(), [true, false]);
        // where nobody feeds it any more those who wait get what there is
        assert!(!sleep.want(at(100)));
        sleep.pass(true, at(104));
        assert!(matches!(sleep, Sleep::Waking(..)));
        sleep.pass(true, at(106));
        assert!(sleep.want(at(106)));
    }
}
