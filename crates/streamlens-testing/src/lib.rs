//! Frames made from the field tables of the standards, a writer of pcapng, and the demo capture. Never published.
//!
//! Nothing here was captured: every byte follows from a table or from a formula, so the results of an analysis can
//! be worked out by hand and compared.

pub mod demo;
mod net;
mod pcapng;

pub use net::{Host, Tcp, ethernet, fragments, tcp, udp, vlan};
pub use pcapng::pcapng;

/// A frame with its capture time in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Capture time in nanoseconds since 1970.
    pub time: i64,
    /// The bytes on the wire, without frame check sequence.
    pub data: Vec<u8>,
}
