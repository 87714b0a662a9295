//! The list of the built-in decoders: the one place where a new one is added.

use std::sync::Arc;

use streamlens_decoders::StreamDecoder;
use streamlens_decoders::chapter10::Chapter10Decoder;
use streamlens_decoders::ethercat::EtherCatDecoder;
use streamlens_decoders::iena::IenaDecoder;
use streamlens_decoders::inetx::InetxDecoder;
use streamlens_decoders::modbus::{ModbusRtuDecoder, ModbusTcpDecoder};
use streamlens_decoders::mpegts::MpegTsDecoder;
use streamlens_decoders::ndi::NdiDecoder;
use streamlens_decoders::npd::NpdDecoder;
use streamlens_decoders::profinet::ProfinetDecoder;
use streamlens_decoders::ptp::PtpDecoder;
use streamlens_decoders::rtcp::RtcpDecoder;
use streamlens_decoders::rtp::RtpDecoder;
use streamlens_decoders::sap::SapDecoder;
use streamlens_decoders::tmns::TmnsDecoder;

/// The built-in decoders. Their order decides between equal confidences, so the more specific come first.
pub(crate) fn all() -> Vec<Arc<dyn StreamDecoder>> {
    vec![
        Arc::new(PtpDecoder::new()),
        Arc::new(InetxDecoder),
        Arc::new(IenaDecoder::default()),
        Arc::new(Chapter10Decoder::new()),
        Arc::new(TmnsDecoder),
        Arc::new(NpdDecoder),
        Arc::new(ProfinetDecoder::new()),
        Arc::new(EtherCatDecoder),
        Arc::new(ModbusTcpDecoder),
        Arc::new(ModbusRtuDecoder),
        Arc::new(SapDecoder::default()),
        Arc::new(RtcpDecoder),
        Arc::new(MpegTsDecoder),
        Arc::new(NdiDecoder),
        Arc::new(RtpDecoder),
    ]
}
