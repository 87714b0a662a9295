//! How a capture is read.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How a capture is read.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Waits at the end of a file for it to grow, until [`Self::stop`] is raised. Implies [`Self::low_latency`].
    /// Without effect on sources other than files.
    pub follow: bool,
    /// Hands out frames as soon as they are there, in short batches, instead of filling each batch. For pipes that
    /// another program writes to.
    pub low_latency: bool,
    /// How long to sleep before a growing file is looked at again.
    pub poll_interval: Duration,
    /// Raise it to end the waiting for a growing file; the reader then ends as at the end of the file.
    pub stop: Arc<AtomicBool>,
}

impl Default for ReaderOptions {
    /// No waiting, full batches; 100 ms between looks at a growing file.
    fn default() -> Self {
        Self {
            follow: false,
            low_latency: false,
            poll_interval: Duration::from_millis(100),
            stop: Arc::new(AtomicBool::new(false)),
        }
    }
}
