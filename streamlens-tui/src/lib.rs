#![doc = include_str!("../README.md")]
//!
//! It knows rows, deltas, details and filters of the model and the filter language, and neither files nor sockets: what it
//! shows comes from a [`Feed`], and what is to be done (write packets, decode as something else) is asked of it.
//!
//! [`run`] takes the terminal over and gives it back whole. [`App`] is the state without a terminal, [`draw`] writes it into a
//! buffer of any size: that is how the screens are tested.

mod app;
mod columns;
mod config;
mod copy;
mod draw;
mod feed;
mod format;
mod keys;
mod order;
mod pending;
mod run;
mod terminal;
mod theme;
mod touched;
mod tree;

pub use app::{App, Effect, Options, Tab, View};
pub use draw::draw;
pub use feed::{Answer, Feed, Kind, Packets, Request, RowPath, Status};
pub use format::width as text_width;
pub use keys::{Command, Group, Key, Keymap, Scope};
pub use run::run;
pub use terminal::Screen;
pub use theme::{Role, Theme};
