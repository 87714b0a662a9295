//! TmNS data messages (IRIG 106 Chapter 24, "Telemetry Network Standard"): header, message definitions and their
//! health, packages where they carry the standard's headers.
//!
//! Over UDP one datagram is one message; over TCP the messages follow each other, framed by their length. Streams are
//! message definition identifiers. An end marker (no data, no identifier, no number, no time) is kept out of the
//! sequence accounting. The layout of the first word is that of 106-19 to 106-24; some software writes the flags first,
//! which is not read here.
//!
//! Not decoded: the data of packages, packages without standard headers (configuration only), the reassembly of
//! fragments, and the RTSP control channel.

mod decoder;
mod flow;
mod header;
mod terms;

#[cfg(test)]
mod tests;

pub use decoder::TmnsDecoder;
pub use flow::TmnsFlow;
pub use header::{Packages, TmnsHeader, TmnsPackage};
