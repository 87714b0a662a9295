#![doc = include_str!("../README.md")]
//!
//! The engine works on threads of its own, one thread (`hub`) knows all rows and makes all messages, and the runtime of the
//! network has one worker (`http`), which only carries bytes. The protocol stands in `docs/protocol.md`.

mod clock;
mod feed;
mod http;
mod hub;
mod link;
mod metrics;
mod options;
mod packets;
mod server;
mod source;
mod tls;

pub use feed::{Feed, Feeder, OnWake, OnWatch};
pub use http::problem_response;
pub use link::{Client, Sent, deflated};
pub use options::{ServerLimits, ServerOptions, loopback};
pub use server::{Kind, Opened, Server, Stopper, token, with_intervals};
