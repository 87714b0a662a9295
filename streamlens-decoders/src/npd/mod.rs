//! NPD, the network packet of DARv3 recorders (Teletronics and others): header, segments, data sources and their
//! health.
//!
//! One UDP datagram is one NPD packet. Packet types are the data types; some forty codes exist and the list is open, so
//! an unknown one is no fault. Streams are data source identifiers.
//!
//! Not decoded: what stands in a segment, and the time beyond its count of seconds (some units put something else
//! there: it is never compared with the capture time).

mod decoder;
mod flow;
mod header;
mod terms;

#[cfg(test)]
mod tests;

pub use decoder::NpdDecoder;
pub use flow::NpdFlow;
pub use header::{NpdHeader, NpdSegment, Segments, Walk, data_type_meaning};
