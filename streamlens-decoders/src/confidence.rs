//! How sure a decoder is that a payload is its own, and why.

/// The answer to "is this yours?": a figure from 0 (no) to 1 (beyond doubt) and the reason for it.
///
/// A confidence speaks of one payload alone. The engine lets it grow and fall with what follows, alike for every
/// decoder, so a decoder whose protocol one packet can't prove gives an honest low figure.
///
/// Rungs to keep to: below 0.1 hardly anything speaks for it; 0.1 to 0.3 the fixed fields are legal; 0.3 to 0.5
/// structure holds but other protocols pass by chance; 0.7 to 0.9 lengths and structure agree; above 0.95 a signature
/// or checksum. A port alone is never proof: a customary port may add 0.02.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confidence {
    value: f32,
    reason: &'static str,
}

impl Confidence {
    /// Not this protocol.
    pub const NONE: Self = Self { value: 0.0, reason: "" };

    /// A confidence with the reason for it, a short phrase such as `size and trailer fit`. Values outside of 0 to 1
    /// are brought to the nearer end.
    #[must_use]
    pub const fn new(value: f32, reason: &'static str) -> Self {
        let value = if value > 1.0 {
            1.0
        } else if value > 0.0 {
            value
        } else {
            0.0
        };
        Self { value, reason }
    }

    /// The figure, 0.0 to 1.0.
    #[must_use]
    pub const fn value(self) -> f32 {
        self.value
    }

    /// The reason; empty where the figure is 0.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.reason
    }

    /// Whether anything at all speaks for it.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.value > 0.0
    }
}
