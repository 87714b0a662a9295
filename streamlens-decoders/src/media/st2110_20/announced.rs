//! The announced picture (ST 2110-20 §7) against the one that is sent.

use super::super::Difference;
use super::super::unit::Rate;
use super::raster::{Picture, Raster};
use crate::sap::PayloadFormat;

/// In what the picture differs; `rate` is that of whole pictures, `is_block` whether all packets fit block packing.
pub(super) fn differences(
    announced: &PayloadFormat,
    raster: &Raster,
    picture: &Picture,
    rate: Option<Rate>,
    is_block: bool,
) -> Vec<Difference> {
    let mut out = Vec::new();
    let said = |name| announced.parameter(name);
    let names = || picture.samplings.iter().map(|sampling| sampling.name);
    let sampling = sampling(said("sampling"), said("depth"));
    if let Some(sampling) = sampling.as_deref().filter(|sampling| !names().any(|name| name == *sampling)) {
        let fitting: Vec<_> = names().collect();
        let fitting = if fitting.is_empty() { "none that is known".to_owned() } else { fitting.join(" or ") };
        out.push(Difference::new("sdp.sampling", sampling, fitting));
    }
    out.extend(Difference::of_raster(announced, raster.size_as(picture, sampling.as_deref())));
    out.extend(Difference::of_frame_rate(announced, rate));
    let scan = |interlaced: bool, segmented: bool| match (interlaced, segmented) {
        (_, true) => "segmented frames",
        (true, _) => "interlaced",
        _ => "progressive",
    };
    let announced_scan = scan(said("interlace").is_some(), said("segmented").is_some());
    let sent_scan = scan(picture.is_interlaced, picture.is_segmented);
    // Without the F bit, segmented and progressive frames look alike.
    if announced_scan != sent_scan && (announced_scan, sent_scan) != ("segmented frames", "progressive") {
        out.push(Difference::new("sdp.scan", announced_scan, sent_scan));
    }
    // Packets of general packing may happen to fit blocks, not the other way round.
    if said("PM") == Some("2110BPM") && !is_block {
        out.push(Difference::new("sdp.packing", "2110BPM", "packets that are no multiple of 180 octets"));
    }
    out
}

/// The announced sampling under the name that the raster gives it; `None` where its rows tell nothing of it.
fn sampling(sampling: Option<&str>, depth: Option<&str>) -> Option<String> {
    let structure = match sampling? {
        "RGB" | "XYZ" => "4:4:4",
        "RGBA" => "RGBA",
        other => other.split_once('-')?.1,
    };
    let name = format!("{structure} {} bit", depth?.trim_end_matches('f'));
    Raster::knows(&name).then_some(name)
}
