#![doc = include_str!("../README.md")]
//!
//! # Interfaces
//!
//! Frames come as they were on the wire: the VLAN tag that the kernel takes off is put back, their times are in nanoseconds,
//! and what the capture may have missed is counted by interface. Filters ([`filter`]) and recording ([`Recorder`]) work on
//! every system; `LiveSource` and what belongs to it need Linux and no system library. Elsewhere, and where a program wants it,
//! `PcapSource` captures through libpcap: feature `pcap`.
//!
//! The way of a frame: the kernel's ring of an interface (`port`), put together with those of other interfaces by time
//! (`source`), written to files (`record`), into the batch of whoever asked.

#[cfg(feature = "capture")]
pub mod filter;

#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod choose;
#[cfg(feature = "capture")]
mod clock;
mod driver;
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod error;
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod in_order;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod interface;
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod join;
#[cfg(feature = "pcap")]
mod libpcap;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod link_events;
mod looped;
#[cfg(feature = "capture")]
mod moments;
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod notices;
#[cfg(feature = "capture")]
mod on_finding;
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
mod options;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod outages;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod port;
#[cfg(feature = "capture")]
mod record;
mod replay;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod sandbox;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod source;
#[cfg(all(feature = "capture", target_os = "linux"))]
mod sysfs;
mod terms;
#[cfg(feature = "capture")]
mod written_file;

pub use driver::{Driver, DriverOptions, Ended, Reader, Update, drive};
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
pub use error::LiveError;
#[cfg(all(feature = "capture", target_os = "linux"))]
pub use interface::{InterfaceInfo, interfaces};
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
pub use join::Join;
#[cfg(feature = "pcap")]
pub use libpcap::{PcapInterface, PcapSource};
pub use looped::LoopSource;
#[cfg(feature = "capture")]
pub use moments::{BufferLimits, Moments, Remember, Written};
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
pub use notices::BEFORE_THAT;
#[cfg(feature = "capture")]
pub use on_finding::{OnFinding, OnFindingOptions};
#[cfg(any(feature = "pcap", all(feature = "capture", target_os = "linux")))]
pub use options::{LiveOptions, StampType};
#[cfg(feature = "capture")]
pub use record::{Limits, OnFile, RecordError, Recorder, Ring, Target};
pub use replay::ReplaySource;
#[cfg(all(feature = "capture", target_os = "linux"))]
pub use sandbox::{Confinement, Owner};
#[cfg(all(feature = "capture", target_os = "linux"))]
pub use source::LiveSource;
pub use terms::WARNINGS;
