//! The list of the built-in decoders: the one place where a new one is added.

use std::sync::Arc;

use streamlens_decoders::StreamDecoder;

/// The built-in decoders. Their order decides between equal confidences, so the more specific come first.
pub(crate) fn all() -> Vec<Arc<dyn StreamDecoder>> {
    vec![]
}
