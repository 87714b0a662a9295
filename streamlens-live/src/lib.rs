//! Analysis while frames flow: the [`Driver`] that lets any number of readers watch, and captures at their own pace.
//!
//! ```
//! use std::time::Duration;
//!
//! use streamlens_engine::{Engine, EngineOptions};
//! use streamlens_live::{Driver, DriverOptions, ReplaySource, Update};
//! use streamlens_model::row::RowTable;
//! use streamlens_pcap::CaptureReader;
//! use streamlens_registry::DecoderRegistry;
//!
//! // a capture of one Ethernet frame
//! let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
//! capture.extend([1, 0, 0, 0, 2, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
//! capture.extend([0xff; 60]);
//!
//! let source = ReplaySource::new(CaptureReader::from_bytes("example", capture)?, 1.0);
//! let engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::live());
//! let driver = Driver::start(source, engine, DriverOptions::default())?;
//! let (mut reader, mut table) = (driver.reader(), RowTable::default());
//! loop {
//!     match reader.next(Duration::from_secs(1)) {
//!         Update::Changes(deltas) => deltas.iter().for_each(|delta| assert!(table.apply(delta))),
//!         Update::Nothing => {}
//!         Update::End => break,
//!     }
//! }
//! assert_eq!(table.capture.packets, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod driver;
mod replay;

pub use driver::{Driver, DriverOptions, Reader, Update, drive};
pub use replay::ReplaySource;
