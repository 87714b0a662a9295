//! StreamLens.
