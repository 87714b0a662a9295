//! IENA, the flight-test acquisition format of Airbus: header, keys and their health, packet variants.
//!
//! The governing document is not public; what stands here is what several public implementations agree on, and what
//! recordings show. One UDP datagram is one IENA packet. Streams are keys, numbered with 16 bits each.
//!
//! The five variants (P, D, N, M, Q) say how the payload is cut into parameters. Four of them can be *declared* by the
//! key status; recorders often leave those bits clear. Then the variant is what fits the *structure* of every packet of
//! the key, or, where nothing fits, P is *assumed*: [`IenaDecoder::with_variant`] pins what the configuration knows.
//!
//! Not decoded: what parameters mean, positional layouts, the unit of delays and the bits of the N2 status; only
//! configuration knows these.

mod decoder;
mod header;
mod report;
mod state;
mod terms;
mod variant;
mod year;

#[cfg(test)]
mod tests;

pub use decoder::IenaDecoder;
pub use header::{Fit, IenaHeader};
pub use state::IenaFlow;
pub use variant::{IenaParameter, IenaVariant};
