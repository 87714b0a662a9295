//! IENA as a [`StreamDecoder`], and its decoder with memory.

use std::borrow::Cow;
use std::sync::Arc;

use streamlens_model::{FlowKey, Packet, StreamId, Value};

use super::header::{Fit, IenaHeader, SHORTEST, TRAILER, YEAR_MICROS, body};
use super::state::{IenaFlow, Pins};
use super::terms;
use super::variant::IenaVariant;
use crate::telemetry::terms::{AGAINST_CAPTURE, TRACK, TRACK_TIME};
use crate::telemetry::{Naming, TelemetryMonitor, has_clocks_off, may_have_findings};
use crate::text::{UPPER, hex_numbered};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport, Joined, MediaClock,
    NetworkMonitor, PacketType, PduState, Sequence, StreamDecoder, StreamMark,
};

pub(super) const ENCODING: &str = "IENA";

/// Packet type of malformed packets.
const UNKNOWN: PacketType = PacketType(0);
/// Packet types whose variant only the packets of the key together can tell: this, and the key.
const UNDECLARED: u32 = 0x1_0000;

const NAMING: Naming = Naming {
    encoding: ENCODING,
    name: |key| format!("key 0x{key:04X}"),
    stopped: "iena.stream-stopped",
    two_sources: "iena.key-from-two-sources",
    watches: &["iNetX", "TmNS", "NPD"],
};

/// Recognises and reads IENA packets.
///
/// ```
/// use streamlens_decoders::iena::{IenaDecoder, IenaVariant};
/// let decoder = IenaDecoder::new().with_variant(0x0101, IenaVariant::M);
/// ```
#[derive(Clone, Debug, Default)]
pub struct IenaDecoder {
    pins: Pins,
}

impl IenaDecoder {
    /// A decoder that knows no configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Pins the variant of a key: it goes before what the key status declares and what the structure suggests.
    #[must_use]
    pub fn with_variant(mut self, key: u16, variant: IenaVariant) -> Self {
        Arc::make_mut(&mut self.pins).insert(key, variant);
        self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(ENCODING, &[Carrier::Udp])
    .with_standards("IENA (Airbus)")
    .with_ports(&[50_000, 50_001, 5548, 5550, 1024])
    .with_packet_types(&["P-type", "D-type", "N-type", "M-type", "Q-type", "unknown-type"])
    .with_finding_prefix("iena")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[TRACK, TRACK_TIME, terms::MEASURES])
    .with_against_capture(AGAINST_CAPTURE)
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for IenaDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        let Some((header, fit)) = Fit::judge(packet.payload, packet.wire_payload_length()) else {
            return Confidence::NONE;
        };
        match fit {
            Fit::Whole => Confidence::new(0.95, "size and trailer 0xDEAD fit"),
            Fit::SizeInBytes => Confidence::new(0.4, "trailer 0xDEAD, size counts bytes instead of words"),
            Fit::Cut if header.time < YEAR_MICROS => {
                Confidence::new(0.25, "size and time fit, the capture cut the trailer off")
            }
            Fit::OtherTrailer if header.time < YEAR_MICROS => {
                Confidence::new(0.15, "size and time fit, the trailer differs")
            }
            Fit::OtherSize if header.time < YEAR_MICROS => {
                Confidence::new(0.1, "trailer 0xDEAD and time fit, the size does not")
            }
            Fit::Cut | Fit::OtherTrailer | Fit::OtherSize => Confidence::NONE,
        }
    }

    fn joined(&self, payload: &[u8]) -> Joined {
        let read = |part: &[u8]| {
            let header = IenaHeader::parse(part).ok()?;
            // by the size, in words or in bytes
            let mut sizes = [2, 1].map(|unit| usize::from(header.size) * unit).into_iter();
            let length =
                sizes.find(|&size| size >= SHORTEST && part.get(..size).is_some_and(|p| p.ends_with(&TRAILER)))?;
            Some((header, length))
        };
        let Some((first, length)) = read(payload) else { return Joined::One };
        Joined::judge(payload, length, |part| {
            let (header, length) = read(part)?;
            (header.key == first.key && length == part.len())
                .then(|| header.sequence.wrapping_sub(first.sequence).cast_signed().into())
        })
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Borrowed(match packet_type.0 {
            1 => IenaVariant::P.type_name(),
            2 => IenaVariant::D.type_name(),
            3 => IenaVariant::N.type_name(),
            4 => IenaVariant::M.type_name(),
            5 => IenaVariant::Q.type_name(),
            UNDECLARED.. => IenaVariant::P.type_name(),
            _ => "unknown-type",
        })
    }

    fn stream_name(&self, id: StreamId) -> String {
        hex_numbered("key 0x", id.0, 4, UPPER)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(IenaFlow::new(Arc::clone(&self.pins))))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(TelemetryMonitor::new(NAMING)))
    }
}

impl FlowDecoder for IenaFlow {
    fn may_have_findings(&self) -> bool {
        may_have_findings(&self.keys, &self.log) || has_clocks_off(self, false)
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        // Told apart here, so that nothing below asks a whole packet again what it is.
        match Fit::whole(packet.payload, packet.wire_payload_length()) {
            Some(header) => self.take(packet, header, Fit::Whole, result),
            None => self.take_other(packet, result)?,
        }
        Ok(packet.payload.len())
    }

    fn report(&self, report: &mut FlowReport) {
        self.write_report(report);
    }
}

impl IenaFlow {
    #[inline(always)]
    fn take(&mut self, packet: &Packet<'_>, header: IenaHeader, fit: Fit, result: &mut DecodingResult) {
        let verdict = self.observe(packet, header, fit);
        result.packet_type = packet_type(header.key, verdict.variant, fit, verdict.is_kept);
        // The year is filled in, so the clock runs on over New Year.
        let clock = MediaClock { ticks: verdict.instant_micros as u64, bits: 64, rate_hz: 1_000_000 };
        fill(packet, header, fit, clock, verdict.variant, result);
    }

    /// A packet that the capture cut, or that breaks a rule.
    #[inline(never)]
    fn take_other(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<(), DecodeError> {
        let (header, fit) = judge(packet)?;
        // One rule broken is a damaged packet where the key is known to be IENA, another protocol otherwise. A size that is
        // always wrong is a fault of the sender: the trailer stands in every packet, and the numbers run on.
        let breaks_a_rule = match fit {
            Fit::OtherTrailer => true,
            Fit::OtherSize | Fit::Cut => header.time >= YEAR_MICROS,
            Fit::Whole | Fit::SizeInBytes => false,
        };
        if breaks_a_rule && !self.is_proved(header.key) {
            return Err(refused(fit));
        }
        self.take(packet, header, fit, result);
        Ok(())
    }
}

#[inline]
fn judge(packet: &Packet<'_>) -> Result<(IenaHeader, Fit), DecodeError> {
    let reason = "neither size nor trailer fits";
    Fit::judge(packet.payload, packet.wire_payload_length()).ok_or(DecodeError::Refused { protocol: ENCODING, reason })
}

fn refused(fit: Fit) -> DecodeError {
    let reason = match fit {
        Fit::OtherSize => "the size does not fit",
        Fit::Cut => "the time is beyond a year",
        _ => "the trailer does not fit",
    };
    DecodeError::Refused { protocol: ENCODING, reason }
}

#[inline]
fn packet_type(key: u16, variant: Option<IenaVariant>, fit: Fit, is_kept: bool) -> PacketType {
    match (fit, variant) {
        (Fit::SizeInBytes | Fit::OtherSize | Fit::OtherTrailer, _) => UNKNOWN,
        (_, Some(variant)) => PacketType(variant as u32 + 1),
        (_, None) if is_kept => undeclared(key),
        (_, None) => PacketType(IenaVariant::P as u32 + 1),
    }
}

/// The packet type of the packets of a key that declare nothing.
#[inline]
pub(super) fn undeclared(key: u16) -> PacketType {
    PacketType(UNDECLARED | u32::from(key))
}

#[inline]
fn fill(
    packet: &Packet<'_>,
    header: IenaHeader,
    fit: Fit,
    clock: MediaClock,
    variant: Option<IenaVariant>,
    result: &mut DecodingResult,
) {
    if fit == Fit::Cut {
        result.state = PduState::Cut;
    }
    // The size says nothing of the clock; another trailer may stand for bytes that went missing before it.
    let clock = matches!(fit, Fit::Whole | Fit::Cut | Fit::SizeInBytes).then_some(clock);
    let sequence = Some(Sequence::new(header.sequence.into(), 16));
    result.mark(StreamMark { id: StreamId(header.key.into()), sequence, clock });
    if result.wants_fields() {
        fields(packet, header, variant, result);
    }
}

#[cold]
fn fields(packet: &Packet<'_>, header: IenaHeader, variant: Option<IenaVariant>, result: &mut DecodingResult) {
    result.field("key", header.key);
    result.field("size", header.size);
    result.field("time_of_year_us", header.time);
    result.field("key_status", header.key_status);
    result.field("n2_status", header.n2_status);
    result.field("sequence", header.sequence);
    let body = body(packet.payload);
    result.field("payload_bytes", body.len() as u64);
    let Some(variant) = variant else { return };
    result.field("variant", variant.letter());
    let parameters = || variant.parameters(body, header.data_words()).take(MAX_PARAMETERS);
    if parameters().next().is_some() {
        result.field("parameter_ids", Value::list(parameters().map(|parameter| parameter.id)));
        if parameters().any(|parameter| parameter.delay.is_some()) {
            result.field("parameter_delays", Value::list(parameters().filter_map(|parameter| parameter.delay)));
        }
    }
}

/// Parameters beyond this many are not shown among the fields.
const MAX_PARAMETERS: usize = 64;
