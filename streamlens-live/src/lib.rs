//! Live capture: network interfaces as a [`FrameSource`](streamlens_model::FrameSource), capture filters compiled to classic
//! BPF, and recording of what passed.
//!
//! Frames come as they were on the wire: the VLAN tag that the kernel takes off is put back, their times are in nanoseconds,
//! and what the capture may have missed is counted by interface. Filters ([`filter`]) and recording ([`Recorder`]) work on
//! every system; [`LiveSource`] and what belongs to it need Linux and no system library.
//!
//! The way of a frame: the kernel's ring of an interface (`port`), put together with those of other interfaces by time
//! (`source`), written to files (`record`), into the batch of whoever asked.

pub mod filter;

mod clock;
#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(target_os = "linux")]
mod join;
#[cfg(target_os = "linux")]
mod notices;
#[cfg(target_os = "linux")]
mod port;
mod record;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod source;

#[cfg(target_os = "linux")]
pub use error::LiveError;
#[cfg(target_os = "linux")]
pub use interface::{InterfaceInfo, StampType, interfaces};
#[cfg(target_os = "linux")]
pub use join::Join;
pub use record::{Limits, OnFile, RecordError, Recorder, Ring, Target};
#[cfg(target_os = "linux")]
pub use sandbox::{Confinement, Owner};
#[cfg(target_os = "linux")]
pub use source::{LiveOptions, LiveSource};
