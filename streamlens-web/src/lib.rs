//! The server of StreamLens: flows as they change over a WebSocket, REST, and the page that shows them.
//!
//! ```no_run
//! use streamlens_engine::{Engine, EngineOptions};
//! use streamlens_pcap::CaptureReader;
//! use streamlens_registry::DecoderRegistry;
//! use streamlens_web::{Kind, Server, ServerOptions};
//!
//! let server = Server::new(ServerOptions::default())?;
//! let source = CaptureReader::open("examples/captures/demo.pcapng")?;
//! let engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
//! server.analyse("demo.pcapng", Kind::Capture, source, engine, &[])?;
//! server.run(|address| println!("http://{address}/"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The engine works on threads of its own, one thread (`hub`) knows all rows and makes all messages, and the runtime of the
//! network has one worker (`http`), which only carries bytes. The protocol stands in `docs/protocol.md`.

mod clock;
mod http;
mod hub;
mod metrics;
mod options;
mod server;
mod source;

pub use options::{ServerLimits, ServerOptions, loopback};
pub use server::{Kind, Server, Stopper, token, with_intervals};
