//! Vectors, truncation, properties, and the captures of the corpus.

mod corpus;
mod harness;
mod monitor;
mod properties;
mod vectors;
mod wire;
