//! Sessions of the corpus, cut in every way, against what is expected of them.

mod corpus;
mod harness;
mod kinds;
mod properties;
mod vectors;
