//! Dissection, reassembly, flow table, identification, statistics and health. Takes frames; has no clock, no file and
//! no terminal.

mod crew;
mod dissect;
mod engine;
mod flow;
mod fragments;
mod health;
mod held;
mod identify;
mod key;
mod look;
mod network;
mod options;
mod parallel;
mod pieces;
mod route;
mod shard;
mod snapshot;
mod tcp;
mod totals;
mod work;

pub use engine::Engine;
pub use look::LookOptions;
pub use options::{DecodeAs, EngineOptions, FlowOrder, FlowSelection, Selector};
pub use snapshot::Part;
