#![doc = include_str!("../README.md")]

mod ast;
mod catalogue;
mod check;
mod complete;
mod error;
mod eval;
mod field;
mod filter;
mod instant;
mod parse;
mod program;
mod token;

pub use catalogue::{Catalogue, nearest};
pub use complete::{Completion, complete};
pub use error::FilterError;
pub use eval::Truth;
pub use filter::Filter;
pub use instant::parse as instant;
