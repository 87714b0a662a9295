//! Reads captures, and writes pcapng. Read are pcap, pcapng and IRIG 106 Chapter 10 recorder files, in gzip, Zstandard or lz4 or plain, from a file, standard input, any
//! [`Read`](std::io::Read) or memory. What a source holds is found by its bytes, never by its name.
//!
//! Frames come in batches whose memory the caller uses again, so that nothing is allocated per frame and a frame
//! is copied once; memory does not grow with the capture. A capture that is cut or damaged yields every frame that
//! can be read, and a [`Warning`](streamlens_model::Warning) that says where it broke.
//!
//! ```
//! use streamlens_pcap::CaptureReader;
//!
//! // A little-endian pcap header for Ethernet, and one frame of four bytes at 1.000002 s.
//! let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
//! capture.extend([1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 60, 0, 0, 0]);
//! capture.extend([0xde, 0xad, 0xbe, 0xef]);
//!
//! let mut reader = CaptureReader::from_bytes("example", capture)?;
//! assert_eq!(reader.format(), "pcap");
//! let frame = reader.next_frame()?.expect("one frame");
//! assert_eq!(frame.time.map(|time| time.as_nanos()), Some(1_000_002_000));
//! assert_eq!((frame.data.len(), frame.original_length), (4, 60));
//! assert!(reader.next_frame()?.is_none() && reader.warnings().is_empty());
//! # Ok::<(), streamlens_pcap::CaptureError>(())
//! ```
//!
//! The way of the bytes: `input` counts and, for growing files, waits; `inflate` takes compression off; `detect`
//! names the format; `legacy` and `pcapng` walk records in a buffer; [`CaptureReader`] fills that buffer and owns
//! what runs across its borders. A further format is one more walker and one more line in `detect`.

mod chapter10;
mod clock;
mod detect;
mod error;
mod inflate;
mod input;
mod legacy;
mod merge;
mod options;
mod pcapng;
mod reader;
mod report;
mod walk;
mod write;

pub use error::CaptureError;
pub use merge::MergedReader;
pub use options::ReaderOptions;
pub use reader::CaptureReader;
pub use write::{InterfaceCounts, PcapngWriter};
