//! StreamLens registry.
