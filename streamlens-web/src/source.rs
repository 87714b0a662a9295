//! Sources that are watched: how far they are, and a way to end them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer};

/// What is known of a source while another thread reads it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) bytes_read: AtomicU64,
    pub(crate) frames: AtomicU64,
    /// Raised to end the reading.
    pub(crate) stop: AtomicBool,
    told: Mutex<Told>,
}

/// What changes rarely.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) bytes_total: Option<u64>,
    pub(crate) format: Option<String>,
    /// Frames that the capture itself lost, by interface.
    pub(crate) dropped: BTreeMap<String, u64>,
    /// What the source warned of, at most 16.
    pub(crate) warnings: Vec<String>,
    /// What else is wrong.
    pub(crate) messages: Vec<String>,
    /// Whether something that should be there could not be read.
    pub(crate) is_incomplete: bool,
    /// Why it is no capture, or can't be opened.
    pub(crate) failure: Option<String>,
}

impl Progress {
    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A source that tells how far it is.
pub(crate) struct Watched<S> {
    pub(crate) source: S,
    pub(crate) progress: Arc<Progress>,
    warnings: usize,
    dropped: u64,
}

impl<S: FrameSource> Watched<S> {
    pub(crate) fn new(source: S, progress: Arc<Progress>) -> Self {
        let total = source.position().total_bytes;
        progress.tell(|told| {
            told.format = Some(source.format().to_owned()).filter(|format| !format.is_empty());
            told.bytes_total = told.bytes_total.or(total);
        });
        Self { source, progress, warnings: 0, dropped: 0 }
    }

    fn note(&mut self, frames: usize) {
        self.progress.bytes_read.fetch_max(self.source.position().read_bytes, Ordering::Relaxed);
        self.progress.frames.fetch_add(frames as u64, Ordering::Relaxed);
        let dropped = self.source.interfaces().iter().filter_map(|interface| interface.dropped).sum();
        let warnings = self.source.warnings();
        if warnings.len() != self.warnings || dropped != self.dropped {
            (self.warnings, self.dropped) = (warnings.len(), dropped);
            self.progress.tell(|told| {
                told.warnings = warnings.iter().take(16).map(|warning| warning.text.clone()).collect();
                told.is_incomplete |= warnings.iter().any(|warning| warning.incomplete);
                told.dropped.clear();
                for (number, interface) in self.source.interfaces().iter().enumerate() {
                    if let Some(dropped) = interface.dropped {
                        let name = interface.name.clone().unwrap_or_else(|| number.to_string());
                        *told.dropped.entry(name).or_default() += dropped;
                    }
                }
            });
        }
    }
}

impl<S: FrameSource> SourceLayer for Watched<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        if self.progress.stop.load(Ordering::Relaxed) {
            batch.clear();
            return Ok(false);
        }
        let more = self.source.read_batch(batch);
        self.note(batch.len());
        match more {
            // what was read before is shown, as the command shows it; a warning says what failed
            Err(error) if self.progress.frames.load(Ordering::Relaxed) > 0 => {
                self.progress.tell(|told| {
                    told.is_incomplete = true;
                    told.messages.push(error.to_string());
                });
                batch.clear();
                Ok(false)
            }
            other => other,
        }
    }
}
