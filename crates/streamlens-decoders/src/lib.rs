//! StreamLens decoders.
