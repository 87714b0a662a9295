//! The fullest moments of interfaces and flows, in words.

use streamlens::model::{Analysis, Burst};

use super::summary::instant;
use crate::text::{bit_rate, counted, exact_duration};

/// Flows that are shown.
const MOST_FLOWS: usize = 6;

/// Lines with their titles: of each interface, and of the flows with the most bytes in the shortest window.
pub(super) fn lines(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for of in &analysis.capture.bursts {
        let speed = of.link_speed.map_or_else(String::new, |speed| format!(" ({})", bit_rate(speed as f64)));
        lines.extend(of.bursts.iter().map(|burst| format!("interface {}{speed}: {}", of.interface, sentence(burst))));
    }
    let mut flows: Vec<_> = analysis.flows.iter().filter_map(|flow| Some((flow, flow.bursts.first()?))).collect();
    flows.sort_by_key(|(_, burst)| std::cmp::Reverse(burst.bytes));
    for (flow, _) in flows.iter().take(MOST_FLOWS) {
        lines.extend(flow.bursts.iter().map(|burst| format!("{}: {}", flow.key, sentence(burst))));
    }
    let title = |place| if place == 0 { "Bursts" } else { "" };
    lines.into_iter().enumerate().map(|(place, line)| (title(place), line)).collect()
}

fn sentence(burst: &Burst) -> String {
    let least = if burst.is_at_least { "at least " } else { "" };
    let link = burst.link_use.map_or_else(String::new, |of| format!(" ({:.1} % of the link)", of * 100.0));
    format!(
        "in {} at most {least}{}{link} from {}, {} from {}",
        exact_duration(burst.window_ns),
        counted(burst.bytes, "byte"),
        instant(burst.bytes_since),
        counted(burst.frames, "frame"),
        instant(burst.frames_since)
    )
}
