//! The server of StreamLens.
