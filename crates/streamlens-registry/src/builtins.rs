//! The list of the built-in decoders: the one place where a new one is added.

use std::sync::Arc;

use streamlens_decoders::StreamDecoder;
use streamlens_decoders::iena::IenaDecoder;
use streamlens_decoders::inetx::InetxDecoder;
use streamlens_decoders::npd::NpdDecoder;
use streamlens_decoders::profinet::ProfinetDecoder;
use streamlens_decoders::tmns::TmnsDecoder;

/// The built-in decoders. Their order decides between equal confidences, so the more specific come first.
pub(crate) fn all() -> Vec<Arc<dyn StreamDecoder>> {
    vec![
        Arc::new(InetxDecoder::default()),
        Arc::new(IenaDecoder::default()),
        Arc::new(TmnsDecoder::default()),
        Arc::new(NpdDecoder::default()),
        Arc::new(ProfinetDecoder::new()),
    ]
}
