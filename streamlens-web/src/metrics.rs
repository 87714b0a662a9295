//! What the server counts of itself, in OpenMetrics.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::hub::{Analysis, Hub};

/// Counts of the server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) clients: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) uploads: AtomicU64,
}

/// Codes of findings that have a line of their own.
const MOST_CODES: usize = 200;

impl Metrics {
    /// The text of `/metrics`.
    pub(crate) fn text(&self, hub: &Hub) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, unit: &str, help: &str, values: &[(String, u64)]| {
            // writing to memory doesn't fail
            let _ = writeln!(text, "# TYPE streamlens_{name} {kind}");
            if !unit.is_empty() {
                let _ = writeln!(text, "# UNIT streamlens_{name} {unit}");
            }
            let _ = writeln!(text, "# HELP streamlens_{name} {help}");
            let total = if kind == "counter" { "_total" } else { "" };
            for (labels, value) in values {
                let _ = writeln!(text, "streamlens_{name}{total}{labels} {value}");
            }
        };
        let one = |value: &AtomicU64| vec![(String::new(), value.load(Ordering::Relaxed))];
        family("clients", "gauge", "", "WebSocket clients", &one(&self.clients));
        family("messages", "counter", "", "Messages of changes to clients", &one(&self.messages));
        family("sent_bytes", "counter", "bytes", "Bytes of messages to WebSocket clients", &one(&self.bytes));
        family("requests", "counter", "", "Requests of HTTP", &one(&self.requests));
        family("refused", "counter", "", "Requests refused by host, origin, token or a limit", &one(&self.refused));
        family("uploads", "counter", "", "Captures that were dropped", &one(&self.uploads));
        let by_analysis = |of: &dyn Fn(&Analysis) -> u64| -> Vec<(String, u64)> {
            let line = |analysis: &Analysis| (format!("{{analysis=\"{}\"}}", analysis.identity().0), of(analysis));
            hub.analyses.values().map(line).collect()
        };
        family("frames", "counter", "", "Frames analysed", &by_analysis(&|of| of.counts().packets));
        family("frame_bytes", "counter", "bytes", "Their bytes on the wire", &by_analysis(&|of| of.counts().bytes));
        family("dropped_frames", "counter", "", "Frames that the capture lost", &by_analysis(&Analysis::dropped));
        family("flows", "gauge", "", "Flows that are kept", &by_analysis(&|of| of.counts().flows));
        let codes: Vec<(String, u64)> = hub
            .codes()
            .into_iter()
            .take(MOST_CODES)
            .map(|((code, severity), count)| (format!("{{code=\"{code}\",severity=\"{severity}\"}}"), count))
            .collect();
        family("findings", "gauge", "", "Findings that stand, by code", &codes);
        text.push_str("# EOF\n");
        text
    }
}
