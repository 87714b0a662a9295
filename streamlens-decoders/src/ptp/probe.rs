//! How sure a single packet makes us that it is PTP: rules and their weights, nothing else.
//!
//! Each rule stands on those above it. Weights differ by carrier, because the Ethernet type and, less so, the two
//! reserved ports say something by themselves.

use streamlens_model::{Address, Packet};

use super::names;
use super::v1::HeaderV1;
use super::wire::{Header, PtpTime, next_tlv, tlv_offset};
use crate::Confidence;

/// The Ethernet type of PTP (IEEE 1588-2019 annex E).
pub(super) const ETHER_TYPE: u16 = 0x88F7;
/// The UDP port of event messages.
pub(super) const EVENT_PORT: u16 = 319;
/// The UDP port of general messages.
pub(super) const GENERAL_PORT: u16 = 320;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Ethernet,
    PtpPort,
    OtherPort,
}

impl Place {
    fn of(packet: &Packet<'_>) -> Self {
        if packet.ether_type.is_some() {
            Self::Ethernet
        } else if packet.has_port(EVENT_PORT) || packet.has_port(GENERAL_PORT) {
            Self::PtpPort
        } else {
            Self::OtherPort
        }
    }

    const fn weigh(self, ethernet: f32, ptp_port: f32, other_port: f32) -> f32 {
        match self {
            Self::Ethernet => ethernet,
            Self::PtpPort => ptp_port,
            Self::OtherPort => other_port,
        }
    }
}

/// What is wrong with a message of version 2 so that it can't be counted; `None` where it holds.
pub(super) fn fault(header: &Header, wire_length: usize) -> Option<&'static str> {
    let least = usize::from(names::least_length(header.message_type).unwrap_or(Header::LENGTH as u16));
    let length = usize::from(header.message_length);
    if length < least {
        Some("messageLength is below the least of its message type")
    } else if length > wire_length {
        Some("messageLength goes beyond the payload")
    } else {
        None
    }
}

/// What speaks against PTP where neither Ethernet type nor port speaks for it; `None` where nothing does. Three small fields and
/// a length agree in many a protocol, so what contradicts the standard there is another protocol's.
pub(super) fn contradiction(packet: &Packet<'_>, header: &Header) -> Option<&'static str> {
    if Place::of(packet) != Place::OtherPort {
        return None;
    }
    if !is_plausible(packet.payload, header) {
        return Some("fields that no lawful message has, and not PTP's port");
    }
    let is_whole = packet.payload.len() >= usize::from(header.message_length);
    let has_tlvs = tlv_offset(header.message_type).is_some_and(|start| start < usize::from(header.message_length));
    if is_whole && has_tlvs && !tlvs_fit(packet.payload, header) {
        return Some("what stands behind the body is no chain of TLVs, and not PTP's port");
    }
    None
}

/// The confidence in one packet.
pub(super) fn judge(packet: &Packet<'_>) -> Confidence {
    // most payloads that are not PTP's have another number where its versions are
    match packet.payload {
        [_, version, ..] if version & 0x0F == Header::VERSION => judge_v2(packet),
        [0, 1, ..] if packet.ether_type.is_none() => judge_v1(packet, Place::of(packet)),
        _ => Confidence::NONE,
    }
}

#[inline(never)]
fn judge_v2(packet: &Packet<'_>) -> Confidence {
    let place = Place::of(packet);
    if place == Place::Ethernet && packet.ether_type != Some(ETHER_TYPE) {
        return Confidence::NONE;
    }
    let Ok(header) = &Header::parse(packet.payload) else { return Confidence::NONE };
    if fault(header, packet.wire_payload_length()).is_some() {
        return Confidence::NONE;
    }
    if contradiction(packet, header).is_some() {
        return Confidence::NONE;
    }
    let excess = packet.wire_payload_length() - usize::from(header.message_length);
    let plausible = is_plausible(packet.payload, header);
    if names::least_length(header.message_type).is_none() {
        let known_place = place != Place::OtherPort && excess <= 26 && plausible;
        return if known_place {
            Confidence::new(0.5, "PTP header with a reserved message type")
        } else {
            Confidence::NONE
        };
    }
    let strange_sdo = if header.major_sdo_id > 2 { 0.3 } else { 0.0 };
    let confidence = |value: f32, reason| Confidence::new(value - strange_sdo, reason);
    let fits = match place {
        // Frames are padded to 60 octets on the wire, so padding is lawful only in short ones.
        Place::Ethernet => excess == 0 || packet.wire_length <= 64 || excess <= 4,
        Place::PtpPort | Place::OtherPort => excess == 0 || excess == 2,
    };
    if !fits {
        return if plausible || place == Place::Ethernet {
            confidence(place.weigh(0.95, 0.90, 0.30), "version, message type and length fit")
        } else {
            // Nothing but three small fields agree: any protocol gets that far in one of 10,000 packets.
            confidence(place.weigh(0.95, 0.40, 0.10), "version and message type fit, other fields do not")
        };
    }
    if !plausible {
        return confidence(place.weigh(0.97, 0.80, 0.30), "message fills the payload, some fields are not lawful");
    }
    if place == Place::PtpPort && !is_on_its_port(packet, header.message_type) {
        return confidence(0.95, "message fills the payload, lawful fields, event and general ports mixed up");
    }
    if place != Place::OtherPort {
        return confidence(0.99, "message fills the payload and its fields are lawful");
    }
    if !control_fits(header) {
        return confidence(0.60, "message fills the payload and its fields are lawful");
    }
    if !has_mac_identity(packet, header) {
        return confidence(0.70, "message fills the payload, its fields are lawful and agree");
    }
    if tlvs_fit(packet.payload, header) {
        confidence(0.85, "lawful fields, an identity made from a MAC address, TLVs to the last octet")
    } else {
        confidence(0.80, "lawful fields, an identity made from a MAC address")
    }
}

/// Rule 4: values that a lawful message can have.
fn is_plausible(payload: &[u8], header: &Header) -> bool {
    let time_fits = match header.message_type {
        0xC | 0xD => true,
        // A cut message shows no timestamp to judge.
        _ => PtpTime::parse(payload, Header::LENGTH).is_none_or(|time| time.nanoseconds < 1_000_000_000),
    };
    time_fits
        && header.source.clock != 0
        && header.source.clock != u64::MAX
        && header.source.port != 0
        && header.minor_version <= 1
        && matches!(header.log_interval, -10..=22 | 127)
}

/// Rule 5: the obsolete control field and the reserved flags.
fn control_fits(header: &Header) -> bool {
    let expected = match header.message_type {
        0x0 => 0,
        0x1 => 1,
        0x8 => 2,
        0x9 => 3,
        0xD => 4,
        _ => 5,
    };
    (header.control == expected || (header.minor_version == 1 && header.control == 0))
        && header.flags & 0x1880 == 0
        && (header.minor_version == 1 || header.type_specific == 0)
}

fn is_on_its_port(packet: &Packet<'_>, message_type: u8) -> bool {
    let port = if message_type < 8 { EVENT_PORT } else { GENERAL_PORT };
    packet.dst_port() == Some(port)
}

/// Rule 6: an EUI-64 made from a MAC address, that of the frame where the flow shows it.
fn has_mac_identity(packet: &Packet<'_>, header: &Header) -> bool {
    let [a, b, c, 0xFF, 0xFE, d, e, g] = header.source.clock.to_be_bytes() else { return false };
    match packet.flow.src.address {
        Address::Mac(mac) => mac.0 == [a, b, c, d, e, g],
        _ => true,
    }
}

/// Rule 7: TLVs behind the body end exactly where the message does.
fn tlvs_fit(payload: &[u8], header: &Header) -> bool {
    let Some(start) = tlv_offset(header.message_type) else { return false };
    let Some(mut rest) = payload.get(start..usize::from(header.message_length)) else { return false };
    while !rest.is_empty() {
        let Some((_, _, behind)) = next_tlv(rest) else { return false };
        rest = behind;
    }
    true
}

#[inline(never)]
fn judge_v1(packet: &Packet<'_>, place: Place) -> Confidence {
    let Some(header) = HeaderV1::parse(packet.payload) else { return Confidence::NONE };
    let class_fits = match header.control {
        0 | 1 => header.class == 1,
        2..=4 => header.class == 2,
        _ => false,
    };
    if class_fits && packet.wire_payload_length() >= header.least_length() && header.has_printable_subdomain() {
        Confidence::new(place.weigh(0.0, 0.97, 0.85), "PTP version 1 header and subdomain")
    } else {
        Confidence::NONE
    }
}
