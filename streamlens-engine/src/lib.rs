#![doc = include_str!("../README.md")]
// 60, as clippy.toml says; on for the workspace once the tables of names in the decoders are out of its way
#![warn(clippy::too_many_lines)]

mod batch;
mod chunked_vec;
mod deferred;
mod dissect;
mod engine;
mod find;
mod flow;
mod fragments;
mod health;
mod identify;
mod index;
mod key;
mod look;
mod network;
mod options;
mod outer;
mod report;
mod route;
mod shard;
mod state;
mod tcp;
pub mod terms;
mod totals;
mod work;
mod workers;

pub use engine::Engine;
pub use find::{FlowFinder, FrameSet};
pub use look::LookOptions;
pub use options::{DecodeAs, EngineOptions, FlowOrder, FlowSelection, Selector};
pub use outer::{TimeSource, Tunnel, Tunnels};
pub use report::{ReportChunk, ReportSink};
pub use terms::finding_codes;
