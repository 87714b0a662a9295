//! Payload types with a fixed meaning (RFC 3551 §6).

/// What RFC 3551 assigns to a static payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticPayloadType {
    /// The encoding's name.
    pub name: &'static str,
    /// Rate of the timestamp clock in Hz.
    pub clock_rate_hz: u32,
    /// Channels; 0 for video and multiplexes.
    pub channels: u8,
}

/// The assignment of a payload type; `None` for dynamic, reserved and unassigned ones.
#[must_use]
pub const fn static_payload_type(payload_type: u8) -> Option<StaticPayloadType> {
    let (name, clock_rate_hz, channels) = match payload_type {
        0 => ("PCMU", 8_000, 1),
        3 => ("GSM", 8_000, 1),
        4 => ("G723", 8_000, 1),
        5 => ("DVI4", 8_000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8_000, 1),
        8 => ("PCMA", 8_000, 1),
        // It samples at 16 kHz; the clock of 8 kHz is a mistake of RFC 1890 that was kept.
        9 => ("G722", 8_000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8_000, 1),
        13 => ("CN", 8_000, 1),
        14 => ("MPA", 90_000, 0),
        15 => ("G728", 8_000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8_000, 1),
        25 => ("CelB", 90_000, 0),
        26 => ("JPEG", 90_000, 0),
        28 => ("nv", 90_000, 0),
        31 => ("H261", 90_000, 0),
        32 => ("MPV", 90_000, 0),
        33 => ("MP2T", 90_000, 0),
        34 => ("H263", 90_000, 0),
        _ => return None,
    };
    Some(StaticPayloadType { name, clock_rate_hz, channels })
}

/// Whether a payload type may stand in the first packets of a stream that nothing announced: assigned or dynamic.
/// Type 19 was comfort noise once and old gear still sends it.
#[must_use]
pub(crate) const fn is_plausible(payload_type: u8) -> bool {
    payload_type >= 96 || payload_type == 19 || static_payload_type(payload_type).is_some()
}
