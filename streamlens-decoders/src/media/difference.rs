//! In what a stream differs from its announcement, and the comparisons that kinds of video share.

use std::fmt::Display;

use streamlens_model::Occurrence;

use super::unit::Rate;
use crate::sap::PayloadFormat;

/// Something in which a stream differs from its announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Stable code of the finding.
    pub code: &'static str,
    /// Where it shows, if at one place.
    pub at: Option<Occurrence>,
    /// What was announced and what is sent, to follow on the stream's name.
    pub text: String,
}

impl Difference {
    pub(super) fn new(code: &'static str, announced: impl Display, sent: impl Display) -> Self {
        Self { code, at: None, text: format!("is announced as {announced}, and sends {sent}") }
    }

    /// Width and height (ST 2110-20 §7.2), where they are announced and not those sent.
    pub(super) fn of_raster(announced: &PayloadFormat, sent: (u32, u32)) -> Option<Self> {
        let number = |name| announced.parameter(name)?.parse::<u32>().ok();
        let announced = (number("width")?, number("height")?);
        let text = |(width, height)| format!("{width} x {height}");
        (announced != sent).then(|| Self::new("sdp.raster", text(announced), text(sent)))
    }

    /// `exactframerate` (ST 2110-20 §7.2), where it is announced and not the rate of the pictures sent.
    pub(super) fn of_frame_rate(announced: &PayloadFormat, sent: Option<Rate>) -> Option<Self> {
        let (announced, sent) = (Rate::parse(announced.parameter("exactframerate")?)?, sent?);
        (!announced.equals(sent)).then(|| Self::new("sdp.frame-rate", announced.text(), sent.text()))
    }
}
