//! The list of the built-in decoders. A new decoder is added here, as a module of `streamlens-decoders`, and as a feature in the
//! manifests of both crates.

use std::sync::Arc;

use streamlens_decoders::StreamDecoder;

/// The built-in decoders whose features are on. Their order decides between equal confidences, so the more specific come
/// first.
pub(crate) fn all() -> Vec<Arc<dyn StreamDecoder>> {
    vec![
        #[cfg(feature = "ptp")]
        Arc::new(streamlens_decoders::ptp::PtpDecoder::new()),
        #[cfg(feature = "inetx")]
        Arc::new(streamlens_decoders::inetx::InetxDecoder),
        #[cfg(feature = "iena")]
        Arc::new(streamlens_decoders::iena::IenaDecoder::default()),
        #[cfg(feature = "chapter10")]
        Arc::new(streamlens_decoders::chapter10::Chapter10Decoder::new()),
        #[cfg(feature = "tmns")]
        Arc::new(streamlens_decoders::tmns::TmnsDecoder),
        #[cfg(feature = "npd")]
        Arc::new(streamlens_decoders::npd::NpdDecoder),
        #[cfg(feature = "profinet")]
        Arc::new(streamlens_decoders::profinet::ProfinetDecoder::new()),
        #[cfg(feature = "ethercat")]
        Arc::new(streamlens_decoders::ethercat::EtherCatDecoder),
        #[cfg(feature = "modbus")]
        Arc::new(streamlens_decoders::modbus::ModbusTcpDecoder),
        #[cfg(feature = "modbus")]
        Arc::new(streamlens_decoders::modbus::ModbusRtuDecoder),
        #[cfg(feature = "sap")]
        Arc::new(streamlens_decoders::sap::SapDecoder::default()),
        #[cfg(feature = "rtcp")]
        Arc::new(streamlens_decoders::rtcp::RtcpDecoder),
        #[cfg(feature = "mpegts")]
        Arc::new(streamlens_decoders::mpegts::MpegTsDecoder),
        #[cfg(feature = "ndi")]
        Arc::new(streamlens_decoders::ndi::NdiDecoder),
        #[cfg(feature = "rtp")]
        Arc::new(streamlens_decoders::rtp::RtpDecoder),
    ]
}
