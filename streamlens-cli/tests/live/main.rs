//! Live capture, on interfaces that each test makes for itself. See `lab`.
#![cfg(all(feature = "live", target_os = "linux"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod compare;
mod corpus;
mod cost;
mod drops;
mod lab;
mod made;
mod recording;
mod rights;
mod state;
mod traffic;
