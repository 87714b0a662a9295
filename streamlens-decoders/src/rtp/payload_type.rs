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

/// Whether a payload of so many bytes can be of a payload type: some have frames of a fixed size, or a header in front
/// (RFC 3551 §4.5, RFC 2250, RFC 2435), and SRTP adds a tag of 4 or 10 bytes (RFC 3711 §4.2). Nothing is known of dynamic
/// types.
#[must_use]
pub(crate) fn is_length_plausible(payload_type: u8, length: usize) -> bool {
    [0, 4, 10]
        .into_iter()
        .any(|tag| length.checked_sub(tag).is_some_and(|length| is_plain_length(payload_type, length)))
}

const fn is_plain_length(payload_type: u8, length: usize) -> bool {
    match payload_type {
        // whole frames of 33 bytes
        3 => length.is_multiple_of(33),
        // frames of 24, 20 and 4 bytes
        4 => length.is_multiple_of(4),
        // DVI4: a header of 4 bytes
        5 | 6 | 16 | 17 => length >= 4,
        7 => length.is_multiple_of(14),
        10 => length.is_multiple_of(4),
        11 => length.is_multiple_of(2),
        14 | 31 | 32 => length > 4,
        15 => length.is_multiple_of(5),
        // frames of 10 bytes, and one of 2 bytes at the end
        18 => matches!(length % 10, 0 | 2),
        26 => length > 8,
        33 => length.is_multiple_of(188) || length.is_multiple_of(204),
        _ => true,
    }
}

/// Whether a payload type may stand in the first packets of a stream that nothing announced: assigned or dynamic.
/// Type 19 was comfort noise once and old gear still sends it.
#[must_use]
pub(crate) const fn is_plausible(payload_type: u8) -> bool {
    payload_type >= 96 || payload_type == 19 || static_payload_type(payload_type).is_some()
}
