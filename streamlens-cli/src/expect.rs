//! `--expect FILE` and `streamlens learn`: which streams should be there, with which rate, loss and jitter; what is not so is a
//! finding.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use streamlens::model::row::{Level, RowContext, RowRef};
use streamlens::model::words::duration;
use streamlens::model::{Analysis, Finding, Occurrence, Place, Severity};

use crate::duration;
use crate::exit::{Failure, Status};

/// What `learn` allows beside what it has seen.
const RATE_MARGIN: f64 = 0.1;
const JITTER_MARGIN: f64 = 2.0;
/// The least jitter that it allows, in nanoseconds.
const LEAST_JITTER_NS: f64 = 100_000.0;

/// A file of expectations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectations {
    /// Whether streams that the file doesn't name are findings.
    #[serde(default)]
    others: Others,
    #[serde(default, rename = "stream")]
    streams: Vec<Expected>,
}

/// What is made of streams that are not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Others {
    #[default]
    Unexpected,
    Allowed,
}

/// A stream that should be there. What is not given may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Endpoints, as they are written everywhere: `192.168.20.11:40001`; without a port any.
    src: Option<String>,
    dst: Option<String>,
    encoding: Option<String>,
    /// Identifier or name.
    stream: Option<String>,
    /// Packets per second of the encoding in this flow.
    min_rate: Option<f64>,
    max_rate: Option<f64>,
    max_loss_percent: Option<f64>,
    /// With a unit: `5ms`.
    max_jitter: Option<String>,
    #[serde(skip)]
    max_jitter_ns: Option<u64>,
}

impl Expectations {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let failure = |what: String| Failure {
            status: Status::Usage,
            message: format!("{}: {what}; --expect takes a file as `streamlens learn` writes it", path.display()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
        Self::parse(&text).map_err(failure)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut all: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().replace('\n', " "))?;
        for stream in &mut all.streams {
            stream.max_jitter_ns = stream.max_jitter.as_deref().map(duration::parse).transpose()?;
        }
        Ok(all)
    }

    /// Adds what is not as expected to the findings of an analysis.
    pub(crate) fn judge(&self, analysis: &mut Analysis) {
        let (verdicts, at) = (self.verdicts(analysis), Occurrence { frame: 1, time: analysis.capture.first_seen });
        for (code, severity, place, text) in verdicts {
            *analysis.total_findings.entry(severity).or_default() += 1;
            let (first, last) =
                (at, Occurrence { frame: analysis.capture.packets.max(1), time: analysis.capture.last_seen });
            let finding = Finding { code: code.into(), severity, count: 1, packets: None, first, last, place, text };
            analysis.findings.push(finding);
        }
        // stable: those of equal gravity and frame stay as they were
        analysis.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.first.frame));
    }

    fn verdicts(&self, analysis: &Analysis) -> Vec<(&'static str, Severity, Place, String)> {
        let mut verdicts = Vec::new();
        let rows: Vec<_> = analysis.rows(RowContext::default()).filter(is_stream).collect();
        let mut seen = BTreeSet::new();
        for expected in &self.streams {
            let mut is_there = false;
            for (number, row) in rows.iter().enumerate().filter(|(_, row)| expected.fits(row)) {
                is_there = true;
                seen.insert(number);
                let broken = expected.broken(row);
                if !broken.is_empty() {
                    verdicts.push(("expect.limit", Severity::Error, place_of(row), broken.join("; ")));
                }
            }
            if !is_there {
                let text = format!("{} is expected and is not in the capture", expected.text());
                verdicts.push(("expect.absent", Severity::Error, Place::default(), text));
            }
        }
        if self.others == Others::Unexpected {
            for (_, row) in rows.iter().enumerate().filter(|(number, _)| !seen.contains(number)) {
                verdicts.push((
                    "expect.unexpected",
                    Severity::Warning,
                    place_of(row),
                    format!("{} is in the capture and is not expected", Expected::of(row).text()),
                ));
            }
        }
        verdicts
    }
}

/// Rows that are expected: streams, and encodings without any.
fn is_stream(row: &RowRef<'_>) -> bool {
    match row.level() {
        Level::Stream => true,
        Level::Encoding => row.encoding().is_some_and(|encoding| encoding.health.streams.is_empty()),
        Level::Flow | Level::Transport | Level::PacketType => false,
    }
}

fn place_of(row: &RowRef<'_>) -> Place {
    Place {
        flow: Some(row.flow().key.to_string()),
        transport: row.transport().map(|of| of.protocol_name.to_string()),
        encoding: row.encoding().map(|of| of.encoding_name.to_string()),
        stream: row.stream().map(|of| of.name.clone().unwrap_or_else(|| of.id.clone())),
    }
}

/// Packets per second of the encoding that a row is in.
fn rate_of(row: &RowRef<'_>) -> Option<f64> {
    let timing = &row.encoding()?.timing_stats;
    timing.mean_ns.filter(|mean| *mean > 0.0).map(|mean| 1e9 / mean)
}

impl Expected {
    fn of(row: &RowRef<'_>) -> Self {
        Self {
            src: Some(row.flow().key.src.to_string()),
            dst: Some(row.flow().key.dst.to_string()),
            encoding: row.encoding().map(|of| of.encoding_name.to_string()),
            stream: row.stream().map(|of| of.id.clone()),
            ..Self::default()
        }
    }

    fn fits(&self, row: &RowRef<'_>) -> bool {
        let key = &row.flow().key;
        let is_end = |wanted: &Option<String>, end: streamlens::model::Endpoint| {
            let bare = streamlens::model::Endpoint { port: None, ..end };
            wanted.as_ref().is_none_or(|wanted| *wanted == end.to_string() || *wanted == bare.to_string())
        };
        let is_called =
            |wanted: &String| row.stream().is_some_and(|of| of.id == *wanted || of.name.as_ref() == Some(wanted));
        is_end(&self.src, key.src)
            && is_end(&self.dst, key.dst)
            && self.encoding.as_ref().is_none_or(|name| row.encoding().is_some_and(|of| of.encoding_name == *name))
            && self.stream.as_ref().is_none_or(is_called)
    }

    /// What of a stream is not as it should be, in words.
    fn broken(&self, row: &RowRef<'_>) -> Vec<String> {
        let (health, mut broken) = (row.health(), Vec::new());
        let rate = rate_of(row).unwrap_or(0.0);
        if let Some(least) = self.min_rate.filter(|least| rate < *least) {
            broken.push(format!("{rate:.1} packets a second, at least {least:.1} are expected"));
        }
        if let Some(most) = self.max_rate.filter(|most| rate > *most) {
            broken.push(format!("{rate:.1} packets a second, at most {most:.1} are expected"));
        }
        let loss = health.loss().unwrap_or(0.0) * 100.0;
        if let Some(most) = self.max_loss_percent.filter(|most| loss > *most) {
            broken.push(format!("{loss:.3} % are missing, at most {most} % are expected"));
        }
        let jitter = health.media_jitter_ns.unwrap_or(0.0);
        if let Some(most) = self.max_jitter_ns.filter(|most| jitter > *most as f64) {
            broken.push(format!("its jitter is {}, at most {} is expected", duration(jitter), duration(most as f64)));
        }
        broken
    }

    fn text(&self) -> String {
        let any = |end: &Option<String>| end.clone().unwrap_or_else(|| "anywhere".to_owned());
        let mut text = self.encoding.clone().unwrap_or_else(|| "a stream".to_owned());
        // writing to a String cannot fail
        let _ = write!(text, " from {} to {}", any(&self.src), any(&self.dst));
        if let Some(stream) = &self.stream {
            let _ = write!(text, ", stream {stream}");
        }
        text
    }
}

/// A file of expectations that a capture meets, with room for what differs from one to the next.
pub(crate) fn learned(analysis: &Analysis) -> String {
    let mut text = String::from(
        "# What streamlens expects of a capture: `streamlens --expect THIS CAPTURE`.\n\
         # A stream that is not named here is a warning; others = \"allowed\" lets it be.\n\
         others = \"unexpected\"\n",
    );
    for row in analysis.rows(RowContext::default()).filter(is_stream) {
        let own = Expected::of(&row);
        text.push_str("\n[[stream]]\n");
        if let Some(name) = row.stream().and_then(|of| of.name.as_ref()) {
            let _ = writeln!(text, "# {}", crate::text::escaped(name));
        }
        for (key, value) in [("src", own.src), ("dst", own.dst), ("encoding", own.encoding), ("stream", own.stream)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {}", toml_text(&value));
            }
        }
        if let Some(rate) = rate_of(&row).filter(|_| row.packets() > 9) {
            let (least, most) = (rate * (1.0 - RATE_MARGIN), rate * (1.0 + RATE_MARGIN));
            let _ = write!(text, "min_rate = {least:.3}\nmax_rate = {most:.3}\n");
        }
        let health = row.health();
        if let Some(loss) = health.loss() {
            let _ = writeln!(text, "max_loss_percent = {:.4}", (loss * 1e6).ceil() / 1e4);
        }
        if let Some(jitter) = health.media_jitter_ns {
            let most = (jitter * JITTER_MARGIN).max(LEAST_JITTER_NS);
            let _ = writeln!(text, "max_jitter = \"{}us\"", (most / 1e3).ceil());
        }
    }
    text
}

/// A string of TOML.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            other if other.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_wrong_says_where() {
        assert!(Expectations::parse("[[stream]]\nmax_jiter = \"1ms\"").unwrap_err().contains("max_jiter"));
        assert!(Expectations::parse("[[stream]]\nmax_jitter = \"1\"").unwrap_err().contains("no duration"));
        let one = Expectations::parse("[[stream]]\nsrc = \"10.0.0.1\"\nmax_jitter = \"1ms\"").unwrap();
        assert_eq!(one.streams[0].max_jitter_ns, Some(1_000_000));
    }

    #[test]
    fn text_of_packets_is_text_of_toml() {
        let text = "a \"b\" \\ c\n\u{7f}";
        let read: toml::Table = toml::from_str(&format!("x = {}", toml_text(text))).unwrap();
        assert_eq!(read["x"].as_str(), Some(text));
    }
}
