//! How sure a payload is Modbus TCP.

use streamlens_model::Packet;

use super::adu::{self, NoAdu};
use super::direction::PORT;
use super::shape::{self, Shape};
use crate::Confidence;

/// The most ADUs of one payload that are looked at.
const MOST: usize = 16;

/// Judges a payload that begins at the border of an ADU: how the best-shaped ADU fits, whether the lengths cut the
/// payload to its end, and whether one that does not fit stands among them.
pub(super) fn probe(packet: &Packet<'_>) -> Confidence {
    let mut rest = packet.payload;
    let (mut whole, mut exact, mut best, mut cut) = (0_usize, 0_usize, Weight::Bad, None);
    for _ in 0..MOST {
        match adu::parse(rest) {
            Ok(adu) if adu.length <= rest.len() => {
                let weight = weigh(&adu);
                exact += usize::from(weight == Weight::Exact);
                best = best.max(weight);
                whole += 1;
                rest = rest.get(adu.length..).unwrap_or_default();
            }
            // An ADU that goes on behind what was captured, and fits the rest of the segment.
            Ok(adu) if packet.missing > 0 && adu.length <= rest.len() + packet.missing => {
                cut = Some(weigh_shape(&adu, adu.cut_shape()));
                break;
            }
            // An ADU that goes on in the next segment.
            Ok(_) => break,
            Err(NoAdu::Needs(_)) => break,
            Err(NoAdu::Not(_)) => return Confidence::NONE,
        }
        if rest.is_empty() {
            break;
        }
    }
    let at_502 = packet.has_port(PORT);
    if let Some(weight) = cut.filter(|_| whole == 0) {
        return match (weight, at_502) {
            (Weight::Exact, true) => Confidence::new(0.85, "PDU of legal length, cut by the capture, port 502"),
            (Weight::Exact, false) => Confidence::new(0.45, "PDU of legal length, cut by the capture"),
            (Weight::Exception | Weight::Illegal | Weight::Vendor, true) => {
                Confidence::new(0.6, "MBAP header of right length, cut by the capture, port 502")
            }
            (_, true) => Confidence::new(0.3, "an MBAP header whose PDU is not whole, port 502"),
            (_, false) => Confidence::new(0.05, "an MBAP header whose PDU is not whole"),
        };
    }
    if whole == 0 {
        return match (packet.payload.len(), at_502) {
            (0..8, _) => Confidence::NONE,
            (_, true) => Confidence::new(0.3, "an MBAP header whose PDU is not whole yet, port 502"),
            (_, false) => Confidence::new(0.05, "an MBAP header whose PDU is not whole yet"),
        };
    }
    if exact >= 2 {
        return Confidence::new(
            if at_502 { 0.97 } else { 0.8 },
            "several PDUs of legal shape, cut to the end by length",
        );
    }
    match (best, at_502) {
        (Weight::Exact, true) => Confidence::new(0.95, "PDU of legal shape and length, port 502"),
        (Weight::Exact, false) => Confidence::new(0.55, "PDU of legal shape and length"),
        (Weight::Exception, true) => Confidence::new(0.9, "exception response, port 502"),
        (Weight::Exception, false) => Confidence::new(0.45, "exception response"),
        (Weight::Illegal, true) => Confidence::new(0.8, "PDU of right length, port 502"),
        (Weight::Illegal, false) => Confidence::new(0.35, "PDU of right length, a value not legal"),
        (Weight::Vendor, true) => Confidence::new(0.75, "vendor function, port 502"),
        (Weight::Vendor, false) => Confidence::new(0.15, "vendor function"),
        (Weight::Header, true) => Confidence::new(0.6, "MBAP header, port 502"),
        (Weight::Header, false) => Confidence::new(0.1, "MBAP header"),
        (Weight::Odd, true) => Confidence::new(0.55, "MBAP header around a PDU that does not fit, port 502"),
        (Weight::Bad, true) => Confidence::new(0.3, "MBAP header, port 502"),
        (Weight::Odd | Weight::Bad, _) => Confidence::new(0.05, "MBAP header around a PDU that does not fit"),
    }
}

/// What an ADU is worth as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Function 0, or an exception that is none.
    Bad,
    /// A public function with data that do not fit it: servers have something to complain about.
    Odd,
    /// A function that nobody has named.
    Header,
    Vendor,
    Illegal,
    Exception,
    Exact,
}

/// Whether an ADU alone may pass for Modbus; port 502 is given more.
pub(super) fn is_plausible(adu: &adu::Adu<'_>, at_502: bool) -> bool {
    at_502 || weigh(adu) >= Weight::Vendor
}

fn weigh(adu: &adu::Adu<'_>) -> Weight {
    if adu.is_exception() {
        return match adu.as_response() {
            Shape::Exact => Weight::Exception,
            // Some servers append a byte.
            Shape::Misfit if adu.data.len() == 2 => Weight::Odd,
            _ => Weight::Bad,
        };
    }
    weigh_shape(adu, adu.shape())
}

/// What an ADU that is no exception is worth, of that shape.
fn weigh_shape(adu: &adu::Adu<'_>, shape: Shape) -> Weight {
    let function = adu.function & 0x7F;
    match shape {
        Shape::Exact => Weight::Exact,
        Shape::OutOfRange => Weight::Illegal,
        Shape::Unknown if shape::is_vendor_function(function) => Weight::Vendor,
        Shape::Unknown if function != 0 => Weight::Header,
        _ if function != 0 => Weight::Odd,
        _ => Weight::Bad,
    }
}

/// Where in bytes of the middle of a stream an ADU plausibly begins: one of legal shape, behind which the bytes end
/// or a further header stands.
pub(super) fn find(bytes: &[u8]) -> Option<usize> {
    // Two zero bytes that are a protocol identifier are looked for; no more than 64 KiB are searched at a time.
    (0..bytes.len().min(1 << 16)).find(|&at| {
        let Some(rest) = bytes.get(at..) else { return false };
        let Ok(adu) = adu::parse(rest) else { return false };
        let shaped = match weigh(&adu) {
            Weight::Exact | Weight::Exception => true,
            // Beyond plain shapes only at the border of a segment.
            Weight::Illegal | Weight::Vendor | Weight::Header => at == 0,
            Weight::Odd | Weight::Bad => false,
        };
        let behind = rest.get(adu.length..).unwrap_or_default();
        shaped
            && rest.len() >= adu.length
            && (behind.is_empty() || matches!(adu::parse(behind), Ok(_) | Err(NoAdu::Needs(_))))
    })
}
