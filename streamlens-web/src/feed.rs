//! Analyses whose engine is elsewhere: their rows are fed to the server, which shows them like its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens_model::row::Delta;
use streamlens_protocol::{AnalysisKind, Detail};

use crate::hub::{Command, HubHandle};
use crate::server::Shared;
use crate::source::Progress;

/// Told where a row begins to be watched (again, by another client) or is watched no more; by the row's name.
pub type OnWatch = Arc<dyn Fn(&str, bool) + Send + Sync>;

/// Told where somebody wants to see an analysis that is asleep, and where nobody does any more.
pub type OnWake = Arc<dyn Fn(bool) + Send + Sync>;

/// Begins analyses that are fed.
#[derive(Clone)]
pub struct Feeder(pub(crate) Arc<Shared>);

impl Feeder {
    /// An analysis without rows. `on_watch` is told which rows somebody wants details of: they are given by [`Feed::detail`].
    ///
    /// With `on_wake` the analysis is asleep while nobody wants to see it: its rows are not taken up, so that they cost nothing,
    /// but its counts and findings are. `on_wake` is told when somebody comes, to be answered by [`Feed::wake`], and when all have
    /// gone for a while, to be answered by [`Feed::sleep`].
    #[must_use]
    pub fn begin(&self, name: &str, kind: AnalysisKind, on_watch: Option<OnWatch>, on_wake: Option<OnWake>) -> Feed {
        let progress = Arc::new(Progress::default());
        let id = self.0.next_id();
        self.0.begin(&id, name.to_owned(), kind, Arc::clone(&progress), None);
        let hub = self.0.hub.clone();
        if let Some(on_watch) = on_watch {
            hub.tell(Command::WatchedBy(id.clone(), on_watch));
        }
        let is_asleep = on_wake.is_some();
        if let Some(on_wake) = on_wake {
            hub.tell(Command::WokenBy(id.clone(), on_wake));
        }
        Feed { id, hub, progress, is_asleep: AtomicBool::new(is_asleep) }
    }
}

/// An analysis that is fed. It stays, with its last rows, where this is dropped.
pub struct Feed {
    id: String,
    hub: HubHandle,
    progress: Arc<Progress>,
    is_asleep: AtomicBool,
}

impl Feed {
    /// What the analysis is called in messages.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Shows a look. It has to follow on the one before, or hold the whole state.
    pub fn apply(&self, delta: Delta) {
        self.progress.frames.store(delta.capture.packets, Ordering::Relaxed);
        let delta = match self.is_asleep.load(Ordering::Relaxed) {
            true => Delta { rows: Vec::new(), names: Vec::new(), gone: Vec::new(), sightings: Vec::new(), ..delta },
            false => delta,
        };
        self.hub.tell(Command::Fed(self.id.clone(), Arc::new(delta)));
    }

    /// Shows the whole state, and from now on all that changes: somebody wants to see it.
    pub fn wake(&self, state: Delta) {
        self.is_asleep.store(false, Ordering::Relaxed);
        self.apply(Delta { since: None, ..state });
        self.hub.tell(Command::Awake(self.id.clone()));
    }

    /// Takes the rows away, until it is woken: nobody wants to see them. `state` is the whole of it.
    pub fn sleep(&self, state: Delta) {
        self.is_asleep.store(true, Ordering::Relaxed);
        self.apply(Delta { since: None, ..state });
    }

    /// Gives the analysis another name.
    pub fn rename(&self, name: &str) {
        self.hub.tell(Command::Rename(self.id.clone(), name.to_owned()));
    }

    /// Says how many frames the capture itself lost, by interface.
    pub fn dropped(&self, dropped: &BTreeMap<String, u64>) {
        if self.progress.told().dropped != *dropped {
            self.progress.tell(|told| told.dropped.clone_from(dropped));
        }
    }

    /// Gives details of a row that is watched; of those who watch it not at all, nothing becomes.
    pub fn detail(&self, row: &str, detail: Detail) {
        self.hub.tell(Command::FedDetail(self.id.clone(), row.to_owned(), Box::new(detail)));
    }
}
