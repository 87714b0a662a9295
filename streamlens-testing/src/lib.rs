//! Frames made from the field tables of the standards, a writer of pcapng, the demo capture, and where the corpus of real
//! captures lies. Never published.
//!
//! Nothing here was captured: every byte follows from a table or from a formula, so the results of an analysis can
//! be worked out by hand and compared.

mod corpus;
pub mod demo;
pub mod faults;
mod mixed;
mod net;
mod pcapng;
mod source;
mod telemetry;

pub use corpus::corpus;
pub use mixed::mixed;
pub use net::{Host, Tcp, ethernet, fragments, tcp, udp, vlan};
pub use pcapng::pcapng;
pub use source::Source;
pub use telemetry::telemetry;

use streamlens_model::{Frame, LinkType, Timestamp};

/// A frame with its capture time in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Capture time in nanoseconds since 1970.
    pub time: i64,
    /// The bytes on the wire, without frame check sequence.
    pub data: Vec<u8>,
}

impl Made {
    /// The frame as a reader of an Ethernet capture gives it. The engine and batches count frames themselves.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            number: 0,
            time: Some(Timestamp::from_nanos(self.time)),
            link_type: LinkType::ETHERNET,
            interface: 0,
            original_length: self.data.len() as u32,
            data: &self.data,
        }
    }
}
