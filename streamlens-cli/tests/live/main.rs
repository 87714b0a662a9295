//! Live capture, on interfaces that each test makes for itself. See `lab`.
#![cfg(all(feature = "live", target_os = "linux"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod corpus;
mod cost;
mod drops;
mod groups;
mod lab;
mod made;
mod recording;
mod rights;
#[cfg(feature = "tui")]
#[path = "../terminal/session.rs"]
mod session;
mod state;
mod traffic;
#[cfg(feature = "tui")]
mod watched;
