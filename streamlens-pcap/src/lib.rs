#![doc = include_str!("../README.md")]
//!
//! The way of the bytes: `input` counts and, for growing files, waits; `inflate` decompresses; `detect`
//! names the format; `legacy` and `pcapng` walk records in a buffer; [`CaptureReader`] fills that buffer and owns
//! what runs across its borders. A further format is one more walker and one more line in `detect`.

mod chapter10;
mod clock;
mod detect;
mod erf;
mod error;
mod inflate;
mod input;
mod legacy;
mod merge;
mod options;
mod pcapng;
mod reader;
mod report;
mod snoop;
mod walk;
mod write;

pub use error::CaptureError;
pub use merge::MergedReader;
pub use options::ReaderOptions;
pub use reader::CaptureReader;
pub use report::WARNINGS;
pub use write::{InterfaceCounts, PcapngWriter};
