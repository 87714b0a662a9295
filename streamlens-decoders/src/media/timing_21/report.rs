//! The timing's figures as metadata, with pass or fail, the limit, the worst case and when it was.

use streamlens_model::stats::Summary;
use streamlens_model::{Metadata, Occurrence, Value};

use super::limits::{Class, Limits, Profile};
use super::{Anchor, Extremes, Models, Timing};

/// The verdict, for findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    pub(crate) c_peak: i64,
    pub(crate) c_limit: i64,
    pub(crate) at: Occurrence,
    /// The receiver buffer's extremes by the schedule that was judged, anchored at the first packet.
    pub(crate) vrx: Option<(i64, i64, Occurrence)>,
}

impl Timing {
    /// The figures. `profile` is what is known now, for streams whose models have not begun; `with_vrx` is false for
    /// payloads that are held to the network compatibility model alone (ST 2110-22).
    pub(crate) fn report(&self, profile: Option<Profile>, with_vrx: bool) -> Option<(Metadata, Verdict)> {
        with_models(self, profile, |models| models.report(self, with_vrx)).flatten()
    }
}

/// Looks at the models; where they have not begun, at models of what is held. `None` without a profile to begin with.
pub(super) fn with_models<T>(timing: &Timing, profile: Option<Profile>, look: impl FnOnce(&Models) -> T) -> Option<T> {
    Some(match &timing.models {
        Some(models) => look(models),
        None => look(&timing.models_of_held(profile?)),
    })
}

impl Models {
    /// Gapped by EBU LIST's rule: the mean interval after a marker is more than 50 times the other mean. A raster
    /// without a gapped schedule is linear.
    pub(super) fn is_gapped(&self) -> bool {
        let (after, other) = (self.intervals.after_marker, self.intervals.regular);
        self.profile.active().is_some()
            && after.count() > 0
            && other.count() > 0
            && after.sum() * i128::from(other.count()) > 50 * other.sum().max(1) * i128::from(after.count())
    }

    pub(super) fn extremes(&self, anchor: Anchor, gapped: bool) -> Option<Extremes> {
        let found = self.receivers.iter().find(|(a, g, _)| *a == anchor && *g == gapped);
        found.map(|(_, _, receiver)| receiver.extremes(self.unit_is_regular))
    }

    fn report(&self, timing: &Timing, with_vrx: bool) -> Option<(Metadata, Verdict)> {
        let (profile, limits, gapped) = (self.profile, self.profile.limits(), self.is_gapped());
        let (c_peak, c_at) = self.c_inst.peak?;
        let t_frame = profile.rate.period_ns();
        let mut out = Metadata::new();
        let mut put = |name: &'static str, value: Value| {
            out.insert(name.into(), value);
        };
        put("npackets", profile.packets.into());
        put("t_frame_ns", t_frame.into());
        put("t_drain_ns", (t_frame / f64::from(profile.packets.max(1)) / 1.1).into());
        put("c_inst_peak", c_peak.into());
        put("c_inst_peak_at", c_at.into());
        put("c_inst_histogram", self.c_histogram());
        if let Some(limit) = limits.cmax_narrow {
            put("cmax_narrow", limit.into());
        }
        put("cmax_narrow_linear", limits.cmax_narrow_linear.into());
        put("cmax_wide", limits.cmax_wide.into());
        let by_c = limits.class_by_c(c_peak, gapped);
        put("class_by_c", by_c.name().into());
        put("packet_interval", interval(&self.intervals.regular));
        put("packet_interval_after_marker", interval(&self.intervals.after_marker));
        if timing.let_go > 0 {
            put("packets_not_measured", timing.let_go.into());
        }
        self.clock(timing, &mut put);
        let (mut class, mut judged) = (by_c, None);
        if with_vrx {
            put("schedule", if gapped { "gapped" } else { "linear" }.into());
            put("t_rs_linear_ns", (t_frame / f64::from(profile.packets.max(1))).into());
            if let Some((active, whole)) = profile.active() {
                let share = f64::from(active) / f64::from(whole);
                put("t_rs_gapped_ns", (t_frame * share / f64::from(profile.packets.max(1))).into());
            }
            put("vrx_full_narrow", limits.vrx_full_narrow.into());
            put("vrx_full_wide", limits.vrx_full_wide.into());
            for (anchor, gapped, minimum, peak, peak_at) in [
                (
                    Anchor::FirstPacket,
                    false,
                    "vrx_min_first_packet_anchor",
                    "vrx_peak_first_packet_anchor",
                    "vrx_peak_first_packet_anchor_at",
                ),
                (
                    Anchor::FirstPacket,
                    true,
                    "vrx_min_first_packet_anchor_gapped",
                    "vrx_peak_first_packet_anchor_gapped",
                    "vrx_peak_first_packet_anchor_gapped_at",
                ),
                (Anchor::Epoch, false, "vrx_min_ptp", "vrx_peak_ptp", "vrx_peak_ptp_at"),
                (Anchor::Epoch, true, "vrx_min_ptp_gapped", "vrx_peak_ptp_gapped", "vrx_peak_ptp_gapped_at"),
            ] {
                let Some(extremes) = self.extremes(anchor, gapped) else { continue };
                if let (Some(low), Some(high)) = (extremes.minimum, extremes.peak) {
                    put(minimum, low.0.into());
                    put(peak, high.0.into());
                    put(peak_at, high.1.into());
                }
            }
            let anchor = if self.to_tai.is_some() { Anchor::Epoch } else { Anchor::FirstPacket };
            if let Some(Extremes { minimum: Some(low), peak: Some(high) }) = self.extremes(anchor, gapped) {
                let by_vrx = limits.class_by_vrx(low.0, high.0, gapped);
                put("class_by_vrx", by_vrx.name().into());
                class = class.max(by_vrx);
                judged = Some((low.0, high.0, if low.0 < 0 { low.1 } else { high.1 }));
            }
        }
        put("class", class.name().into());
        put("verdicts", self.verdicts(&limits, with_vrx));
        let c_limit = limits.cmax_wide;
        Some((out, Verdict { class, c_peak, c_limit, at: c_at, vrx: judged }))
    }

    fn c_histogram(&self) -> Value {
        let bins = self.histogram.iter().enumerate().filter(|(_, count)| **count > 0);
        Value::map(bins.map(|(level, &count)| {
            let name = if level == Self::HISTOGRAM { format!("{level} or more") } else { level.to_string() };
            (name, Value::from(count))
        }))
    }

    /// For each sender type: limit, worst case, when, and whether it passes.
    fn verdicts(&self, limits: &Limits, with_vrx: bool) -> Value {
        let anchor = if self.to_tai.is_some() { Anchor::Epoch } else { Anchor::FirstPacket };
        let mut out = Metadata::new();
        let types = [
            ("narrow", limits.cmax_narrow, limits.vrx_full_narrow, true),
            ("narrow_linear", Some(limits.cmax_narrow_linear), limits.vrx_full_narrow, false),
            ("wide", Some(limits.cmax_wide), limits.vrx_full_wide, self.is_gapped()),
        ];
        for (name, cmax, vrx_full, gapped) in types {
            let (Some(cmax), Some((c, c_at))) = (cmax, self.c_inst.peak) else { continue };
            let mut verdict = Metadata::new();
            verdict.insert("c_inst".into(), judged(cmax, c, None, c <= cmax, c_at));
            if let Some(Extremes { minimum: Some(low), peak: Some(high) }) =
                self.extremes(anchor, gapped).filter(|_| with_vrx)
            {
                let at = if low.0 < 0 { low.1 } else { high.1 };
                let passes = low.0 >= 0 && high.0 <= vrx_full;
                verdict.insert("vrx".into(), judged(vrx_full, high.0, Some(low.0), passes, at));
            }
            out.insert(name.into(), Value::Map(verdict));
        }
        Value::Map(out)
    }

    fn clock(&self, timing: &Timing, put: &mut impl FnMut(&'static str, Value)) {
        let Some((minimum, mean, maximum)) = timing.clock.latency() else {
            put("capture_clock", "not PTP: VRX is anchored at the first packet, RTP offset is undefined".into());
            return;
        };
        let shift = timing.clock.tai_shift().unwrap_or(0);
        put("capture_clock", if shift == 0 { "PTP (TAI)" } else { "UTC, 37 s behind the PTP timestamps" }.into());
        let bounds = [("min", minimum.into()), ("mean", mean.into()), ("max", maximum.into())];
        put("packet_vs_rtp_ns", Value::map(bounds));
        put("packet_vs_rtp_limit_ns", Value::list([0_i64, 1_000_000]));
        put("packet_vs_rtp_passes", (minimum >= 0 && maximum <= 1_000_000).into());
        let tro = self.profile.default_offset_ns();
        put("tro_default_ns", tro.into());
        let first = &self.first_packet;
        if let (Some(latest), Some(least), Some(most)) = (first.time.max(), first.offset.min(), first.offset.max()) {
            put("first_packet_time_ns", interval(&first.time));
            put("first_packet_time_passes", (latest as f64 <= tro).into());
            put("rtp_offset_ticks", interval(&first.offset));
            let limit = (tro * 9e-5).ceil() as i64 + 1;
            put("rtp_offset_limit_ticks", Value::list([-1, limit]));
            put("rtp_offset_passes", (least >= -1 && most <= limit).into());
        }
    }
}

fn interval(figures: &Summary) -> Value {
    let (Some(min), Some(mean), Some(max)) = (figures.min(), figures.mean(), figures.max()) else {
        return Value::Map(Metadata::new());
    };
    Value::map([("count", figures.count().into()), ("min", min.into()), ("mean", mean.into()), ("max", max.into())])
}

fn judged(limit: i64, worst: i64, minimum: Option<i64>, passes: bool, at: Occurrence) -> Value {
    let mut map = Metadata::new();
    map.insert("limit".into(), limit.into());
    map.insert("worst".into(), worst.into());
    if let Some(minimum) = minimum {
        map.insert("minimum".into(), minimum.into());
    }
    map.insert("passes".into(), passes.into());
    map.insert("at".into(), at.into());
    Value::Map(map)
}
