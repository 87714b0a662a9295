//! A sender's media time against PTP time, where announcement, stream and grandmaster are all in the capture (RFC 7273 §5,
//! AES67-2018 §7, ST 2110-10 §7): the timestamp of `mediaclk:direct=OFFSET` is PTP time in ticks plus that offset.

use streamlens_model::words::{Counted, duration};
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Value};

use super::description::{MediaDescription, PayloadFormat};
use crate::NetworkReport;
use crate::ptp::PtpMonitor;
use crate::rtp::RtpStreamView;

/// A receiver holds so many packets or so much, whichever is less (AES67-2018 §7.5): what is later it may throw away.
const HELD_PACKETS: i64 = 20;
const HELD_NS: i64 = 20_000_000;
/// The range of a timestamp.
const WRAP: i128 = 1 << 32;

/// Sampled packets of an announced stream that follows PTP.
#[derive(Debug)]
pub(crate) struct MediaTime {
    flow: u64,
    stream: StreamId,
    name: String,
    last: Occurrence,
    domain: Option<u8>,
    clock_rate_hz: u32,
    offset: u32,
    /// How far the timestamps are behind what is sent, where the announcement says it (`TSDELAY` of ST 2110-10:2022 §8.7).
    announced_ns: Option<i64>,
    /// Further off, a receiver may throw it away; of sound, and of what the announcement says a delay of.
    limit_ns: Option<i64>,
    /// Arrival in nanoseconds of the capture's clock, and timestamp.
    samples: Vec<(i64, u32)>,
}

impl MediaTime {
    /// What has to be known of a stream of flow `flow`; `None` where it does not follow PTP.
    pub(super) fn new(
        flow: u64,
        name: &str,
        media: &MediaDescription,
        format: &PayloadFormat,
        stream: &RtpStreamView<'_>,
    ) -> Option<Self> {
        let reference = media.reference_clock.as_deref()?.strip_prefix("ptp=")?;
        let domain =
            reference.rsplit(':').next().and_then(|number| number.trim_start_matches("domain-nmbr=").parse().ok());
        // an offset, and behind it there may be a rate
        let direct = media.media_clock.as_deref()?.strip_prefix("direct=")?;
        let offset = direct.split_ascii_whitespace().next()?.parse::<u64>().ok()? as u32;
        let clock_rate_hz = format.clock_rate_hz.filter(|rate| *rate > 0)?;
        let packet_time = stream.timestamp_step.map(|step| i64::from(step) * 1_000_000_000 / i64::from(clock_rate_hz));
        let microseconds = format.parameter("TSDELAY").and_then(|value| value.parse::<u32>().ok());
        let announced_ns = microseconds.map(|value| i64::from(value) * 1000);
        let of_sound = packet_time.filter(|_| media.kind == "audio").map(|time| (time * HELD_PACKETS).min(HELD_NS));
        let limit_ns = of_sound.or(announced_ns.map(|_| HELD_NS));
        let samples: Vec<_> = stream.samples().map(|(time, timestamp)| (time.as_nanos(), timestamp)).collect();
        (!samples.is_empty()).then(|| Self {
            flow,
            stream: StreamId(u128::from(stream.ssrc)),
            name: name.to_owned(),
            last: stream.last,
            domain,
            clock_rate_hz,
            offset,
            announced_ns,
            limit_ns,
            samples,
        })
    }

    /// How far a timestamp is behind PTP time at an instant of the capture's clock, which is `shift` ahead of PTP; in
    /// nanoseconds, within half the timestamp's range.
    fn behind(&self, (time, timestamp): (i64, u32), shift: i64) -> i64 {
        let rate = i128::from(self.clock_rate_hz);
        let ticks = i128::from(timestamp.wrapping_sub(self.offset));
        let range = WRAP * 1_000_000_000;
        let difference = (i128::from(time.saturating_sub(shift)) * rate - ticks * 1_000_000_000).rem_euclid(range);
        let signed = if difference >= range / 2 { difference - range } else { difference };
        i64::try_from(signed / rate).unwrap_or(i64::MAX)
    }
}

/// Adds how far the media times are behind PTP time.
pub(super) fn compare(ptp: &PtpMonitor, report: &mut NetworkReport) {
    let mut findings = FindingLog::default();
    for media in std::mem::take(&mut report.media_times) {
        let Some((domain, shift)) = ptp.capture_offset(media.domain) else { continue };
        let behind = || media.samples.iter().map(|&sample| media.behind(sample, shift));
        let (Some(least), Some(greatest)) = (behind().min(), behind().max()) else { continue };
        let mean = behind().map(|nanos| nanos as f64).sum::<f64>() / media.samples.len() as f64;
        let mut figures = vec![
            ("domain", Value::from(domain.to_string())),
            ("min_ns", least.into()),
            ("mean_ns", mean.into()),
            ("max_ns", greatest.into()),
            ("samples", (media.samples.len() as u64).into()),
        ];
        figures.extend(media.announced_ns.map(|delay| ("announced_ns", delay.into())));
        let figures = Value::map(figures);
        // the packets of a picture have its timestamp: the first of them tell how far that is behind
        let said = media.announced_ns.unwrap_or(0) as f64;
        let found = if media.announced_ns.is_some() { least as f64 } else { mean };
        let flow = report.flows.entry(media.flow).or_default();
        flow.stream(media.stream).measures.insert("behind_ptp".into(), figures);
        if let Some(limit) = media.limit_ns.filter(|limit| (found - said).abs() > *limit as f64) {
            let ticks = (found.abs() * f64::from(media.clock_rate_hz) / 1e9) as u64;
            report.stream_names.insert(media.stream, media.name.clone());
            findings.add("rtp.media-time", Severity::Warning, Some(media.stream), media.last, || {
                let announced = media.announced_ns.map_or_else(String::new, |delay| {
                    format!("{} are announced (TSDELAY), and ", duration(delay as f64))
                });
                format!(
                    "the timestamps of {} are {} ({}) {} PTP time (domain {domain}) when its packets arrive; \
                     {announced}receivers need hold no more than {} (AES67 7.5)",
                    media.name,
                    duration(found.abs()),
                    Counted(ticks, "tick"),
                    if found < 0.0 { "ahead of" } else { "behind" },
                    duration(limit as f64)
                )
            });
        }
    }
    if !findings.is_empty() {
        report.findings.push(findings);
    }
}
