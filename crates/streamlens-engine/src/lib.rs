//! StreamLens engine.
