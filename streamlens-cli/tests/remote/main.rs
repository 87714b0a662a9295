//! Probes and a hub as processes, on loopback.
#![cfg(feature = "remote")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod clock;
#[path = "../common/mod.rs"]
mod common;
mod fake;
mod lab;
mod network;
mod outage;
mod refusals;
mod tls;
mod transcript;
mod view;
