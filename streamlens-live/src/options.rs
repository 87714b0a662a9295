//! What to capture on, and how.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::join::Join;

/// Whose clock stamps frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StampType {
    /// The kernel's, when it copies a frame into the ring.
    #[default]
    Host,
    /// The adapter's own, which nothing keeps in step with system time.
    AdapterUnsynced,
}

impl StampType {
    /// The name that it has on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::AdapterUnsynced => "adapter_unsynced",
        }
    }
}

/// What to capture on, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Names of interfaces; `any` is every one that is up.
    pub interfaces: Vec<String>,
    /// A capture filter, see [`crate::filter`]; empty for every frame.
    pub filter: String,
    /// Whether frames for others are captured as well.
    pub promiscuous: bool,
    /// The most bytes of a frame that are captured.
    pub snap_length: u32,
    /// Memory of the ring of each interface, in bytes.
    pub ring_bytes: usize,
    /// Whose clock stamps frames.
    pub stamps: StampType,
    /// Multicast groups that the network is asked for, on every interface.
    pub joins: Vec<Join>,
    /// Whether to wait for an interface that is down or not there yet. For one that is not there no longer than this; nothing is
    /// captured on the others meanwhile.
    pub wait: Option<Duration>,
    /// Told what is waited for, in half a sentence, whenever that is something else.
    pub on_wait: fn(&str),
    /// Ends the capture, once it is set: what is in the rings by then is still handed out.
    pub stop: Arc<AtomicBool>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            filter: String::new(),
            promiscuous: true,
            snap_length: 262_144,
            ring_bytes: 64 << 20,
            stamps: StampType::Host,
            joins: Vec::new(),
            wait: None,
            on_wait: |_| {},
            stop: Arc::default(),
        }
    }
}
