//! Which streams are on this network, what are they, is every packet there, is the timing right?
//!
//! This is the facade: it opens captures, runs the engine over them, and gives the whole result as an
//! [`Analysis`](model::Analysis). The parts are crates of their own, re-exported here.

mod analyze;

pub use analyze::{Analyzer, analyze};
pub use streamlens_decoders as decoders;
pub use streamlens_engine as engine;
#[cfg(feature = "live")]
pub use streamlens_live as live;
pub use streamlens_model as model;
pub use streamlens_pcap as pcap;
pub use streamlens_registry as registry;

/// The examples of the README are compiled and run as tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
