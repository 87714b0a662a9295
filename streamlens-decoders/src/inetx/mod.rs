//! iNetX, the acquisition format of Curtiss-Wright (Acra) units: header, stream identifiers and their health.
//!
//! One UDP datagram is one iNetX packet. The control word is 0x11000000 in every known packet, so it is a constant
//! here: a TmNS message with one option word has the same shape, and a Chapter 10 segment with sequence 0 the same first
//! bytes.
//!
//! Not decoded: the payload (placed parameters, MPEG-TS, PCM words, parser-aligned blocks), which only configuration
//! knows.

mod decoder;
mod flow;
mod header;
mod terms;

#[cfg(test)]
#[cfg(feature = "tmns")]
mod tests;

pub use decoder::InetxDecoder;
pub use flow::InetxFlow;
pub use header::{InetxHeader, PayloadInformation};
