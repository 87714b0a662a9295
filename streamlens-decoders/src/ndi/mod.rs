//! NDI, as far as public knowledge reaches. There is no public specification: everything here is read off the wire
//! (five modes of SDK 6.3.2), and said so.
//!
//! Known, because it was seen to hold in every message: the 12-byte message header with its lengths; the `<ndi` list of
//! sources on TCP 5960; the chunks of multi-TCP; the 7-byte fragment header over UDP; QUIC packet shapes without any
//! packet protection in reliable UDP. Inferred: that type 1 is audio (no audio was seen), that kind 3 is parity, that a
//! message ends with its fragment of kind 2, and that UDP unicast is framed as multicast is. Not decoded: media headers
//! and metadata, which are obfuscated on purpose; nothing here undoes that. Reliable UDP is only recognised from a
//! packet with a long header, hence not in a capture that begins later.
//!
//! Discovery by mDNS is inspected only: it names sources and their flows, and stays multicast DNS, whatever else it
//! announces.

mod datagrams;
mod decoder;
mod discovery;
mod message;
mod quic;
mod stream;
mod terms;
#[cfg(test)]
mod tests;

pub use decoder::NdiDecoder;
pub use message::{MessageHeader, MessageKind};
