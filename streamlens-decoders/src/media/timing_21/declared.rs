//! The sender timing that an announcement declares (ST 2110-21 §8), held against what was measured.

use streamlens_model::words::Span;

use super::super::Difference;
use super::limits::Profile;
use super::report::with_models;
use super::{Anchor, Extremes, Models, Timing};
use crate::sap::PayloadFormat;

/// Sender type (`TP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SenderType {
    Narrow,
    NarrowLinear,
    Wide,
}

/// The parameters of the format that speak of timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Declared {
    sender_type: Option<SenderType>,
    /// `CMAX`: what a sender of type W keeps to instead of the default.
    cmax: Option<i64>,
    /// `TROFF` in microseconds, instead of `TRO_DEFAULT`.
    offset_us: Option<u32>,
}

impl Declared {
    fn of(announced: &PayloadFormat) -> Self {
        Self {
            sender_type: match announced.parameter("TP") {
                Some("2110TPN") => Some(SenderType::Narrow),
                Some("2110TPNL") => Some(SenderType::NarrowLinear),
                Some("2110TPW") => Some(SenderType::Wide),
                _ => None,
            },
            cmax: announced.parameter("CMAX").and_then(|value| value.parse().ok()).filter(|&value| value > 0),
            offset_us: announced.parameter("TROFF").and_then(|value| value.parse().ok()),
        }
    }
}

impl Timing {
    /// In what the timing differs from what was announced. `profile` and `with_vrx` as for [`Self::report`].
    pub(crate) fn differences(
        &self,
        profile: Option<Profile>,
        with_vrx: bool,
        announced: &PayloadFormat,
    ) -> Vec<Difference> {
        let declared = Declared::of(announced);
        with_models(self, profile, |models| models.differences(declared, with_vrx)).unwrap_or_default()
    }
}

impl Models {
    fn differences(&self, declared: Declared, with_vrx: bool) -> Vec<Difference> {
        let (limits, mut out) = (self.profile.limits(), Vec::new());
        if let Some(sender_type) = declared.sender_type {
            let narrow = limits.cmax_narrow.unwrap_or(limits.cmax_narrow_linear);
            let (name, cmax, vrx_full, gapped) = match sender_type {
                SenderType::Narrow => ("2110TPN", narrow, limits.vrx_full_narrow, self.profile.active().is_some()),
                SenderType::NarrowLinear => ("2110TPNL", limits.cmax_narrow_linear, limits.vrx_full_narrow, false),
                SenderType::Wide => {
                    ("2110TPW", declared.cmax.unwrap_or(limits.cmax_wide), limits.vrx_full_wide, self.is_gapped())
                }
            };
            if let Some((peak, at)) = self.c_inst.peak.filter(|(peak, _)| *peak > cmax) {
                let text = format!("is announced as {name}, and its C_INST peaks at {peak} (limit {cmax})");
                out.push(Difference { code: "sdp.c-inst", at: Some(at), text });
            }
            if let Some(Extremes { minimum: Some(low), peak: Some(high) }) =
                self.extremes(self.declared_anchor(declared), gapped).filter(|_| with_vrx)
                && (low.0 < 0 || high.0 > vrx_full)
            {
                let at = Some(if low.0 < 0 { low.1 } else { high.1 });
                let text = format!(
                    "is announced as {name}, and its VRX runs from {} to {} (limits 0 and {vrx_full})",
                    low.0, high.0
                );
                out.push(Difference { code: "sdp.vrx", at, text });
            }
        }
        if let Some((offset, latest)) = declared.offset_us.filter(|_| with_vrx).zip(self.first_packet.time.max())
            && latest > i64::from(offset) * 1000
        {
            let text = format!(
                "is announced with TROFF={offset} us, and its first packets come up to {} after the period's begin",
                Span(latest)
            );
            out.push(Difference { code: "sdp.first-packet-time", at: None, text });
        }
        out
    }

    /// The schedule at the epoch holds for `TRO_DEFAULT`; with another offset only the one at the first packet does.
    fn declared_anchor(&self, declared: Declared) -> Anchor {
        let default = self.profile.default_offset_ns() / 1e3;
        let is_default = declared.offset_us.is_none_or(|offset| (f64::from(offset) - default).abs() <= 1.0);
        if self.to_tai.is_some() && is_default { Anchor::Epoch } else { Anchor::FirstPacket }
    }
}
