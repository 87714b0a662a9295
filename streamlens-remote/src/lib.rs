#![doc = include_str!("../README.md")]
//!
//! A [`Probe`] measures where the wire is. It dials its [`Hub`], and on that one connection the roles of `/stream` are turned
//! round: the hub subscribes, the probe answers with the same messages of `streamlens.v1`. The hub shows each probe as an
//! analysis of its own, and all of them as one, in which a flow that several saw is one row with a line for each, never added up.
//!
//! The probe is a [`Server`](streamlens_web::Server) that nobody can reach, with one client that is carried to the hub; the hub
//! is a server whose analyses are fed. `docs/probes.md` has what is said between them.

mod clock;
mod hub;
mod probe;
mod text;

pub use clock::now;
pub use hub::{Hub, HubOptions, NatRule, PROBE_PATH, new_token};
pub use probe::{
    Address, Backoff, Probe, ProbeOptions, ProbeStopper, Shifted, SpoolFiles, Told, authorities, identity,
};
pub use text::is_name;
