//! `--expect FILE` and `streamlens learn`: which streams should be there, with which rate, loss and jitter; what is not so is a
//! finding.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::Deserialize;
use streamlens::model::row::{Level, RowContext, RowRef};
use streamlens::model::words::{duration, packet_rate};
use streamlens::model::{Address, Analysis, Endpoint, Finding, FindingInfo, Place, Severity};
use streamlens::registry::DecoderRegistry;

use streamlens_filter::Filter;

use crate::duration;
use crate::exit::{Failure, Status};

/// What `learn` allows beside what it has seen.
const RATE_MARGIN: f64 = 0.1;
const JITTER_MARGIN: f64 = 2.0;
/// The least jitter that it allows, in nanoseconds.
const LEAST_JITTER_NS: f64 = 100_000.0;

const ABSENT: &str = "expect.absent";
const LIMIT: &str = "expect.limit";
const UNEXPECTED: &str = "expect.unexpected";

/// The codes of what is not as expected.
pub(crate) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(ABSENT, Severity::Error, "A stream that is expected is not in the capture."),
    FindingInfo::new(LIMIT, Severity::Error, "A figure of a stream is beyond the limit that is given for it."),
    FindingInfo::new(
        UNEXPECTED,
        Severity::Warning,
        "A stream is in the capture and is not expected; only where the file says that others are unexpected.",
    ),
];

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
    #[serde(skip)]
    ends: [Option<Endpoint>; 2],
    encoding: Option<String>,
    /// Identifier or name.
    stream: Option<String>,
    /// Packets of the stream per second, over the time that its encoding is there.
    min_rate: Option<f64>,
    max_rate: Option<f64>,
    max_loss_percent: Option<f64>,
    /// With a unit: `5ms`.
    max_jitter: Option<String>,
    #[serde(skip)]
    max_jitter_ns: Option<u64>,
    /// More exact names that the encoding may be found to have.
    #[serde(skip)]
    refined: Vec<String>,
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
        let registry = DecoderRegistry::with_builtins();
        for stream in &mut all.streams {
            stream.max_jitter_ns = stream.max_jitter.as_deref().map(duration::parse).transpose()?;
            stream.check(&registry)?;
        }
        Ok(all)
    }

    /// Adds what is not as expected to the findings of an analysis.
    pub(crate) fn judge(&self, analysis: &mut Analysis) {
        for finding in self.verdicts(analysis) {
            *analysis.total_findings.entry(finding.severity).or_default() += 1;
            analysis.findings.push(finding);
        }
        // stable: those of equal gravity and frame stay as they were
        analysis.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.first.frame));
    }

    fn verdicts(&self, analysis: &Analysis) -> Vec<Finding> {
        let (start, end) = analysis.capture.span();
        let verdict = |code: &'static str, severity, place, (first, last), text| {
            let code = code.into();
            Finding { code, severity, count: 1, packets: None, first, last, place, text }
        };
        let of_row = |code, severity, row: &RowRef<'_>, text| {
            // with its first packet began what is judged; where no packet has a time, somewhere in the capture
            let at = row.first_packet().map_or((start, end), |first| (first, first));
            verdict(code, severity, place_of(row), at, text)
        };
        let mut verdicts = Vec::new();
        let is_judged = |row: &RowRef<'_>| is_stream(row) || is_unidentified(row);
        let rows: Vec<_> = analysis.rows(RowContext::default()).filter(is_judged).collect();
        let mut seen = BTreeSet::new();
        for expected in &self.streams {
            let mut is_there = false;
            for (number, row) in rows.iter().enumerate().filter(|(_, row)| expected.fits(row)) {
                is_there = true;
                seen.insert(number);
                let broken = expected.broken(row);
                if !broken.is_empty() {
                    verdicts.push(of_row(LIMIT, Severity::Error, row, broken.join("; ")));
                }
            }
            if !is_there {
                let text = format!("{} is expected and is not in the capture", expected.text());
                verdicts.push(verdict(ABSENT, Severity::Error, Place::default(), (start, end), text));
            }
        }
        if self.others == Others::Unexpected {
            for (_, row) in rows.iter().enumerate().filter(|(number, row)| is_stream(row) && !seen.contains(number)) {
                let text = format!("{} is in the capture and is not expected", Expected::of(row).text());
                verdicts.push(of_row(UNEXPECTED, Severity::Warning, row, text));
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

/// What sends, and was not recognised: there where no encoding is asked for, and of unknown loss and jitter.
fn is_unidentified(row: &RowRef<'_>) -> bool {
    row.level() == Level::Transport && row.transport().is_some_and(|of| of.application_encodings.is_empty())
}

/// An endpoint, as results write it.
fn endpoint(text: &str) -> Option<Endpoint> {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => Address::V4(address),
        IpAddr::V6(address) => Address::V6(address),
    };
    if let Ok(bare) = text.parse() {
        return Some(Endpoint { address: address(bare), port: None });
    }
    if let Ok(end) = text.parse::<SocketAddr>() {
        return Some(Endpoint { address: address(end.ip()), port: Some(end.port()) });
    }
    let mac = text.parse().ok().map(Address::Mac);
    // what links without addresses and recorder files have
    let none = (text == Endpoint::default().to_string()).then_some(Address::None);
    mac.or(none).map(|address| Endpoint { address, port: None })
}

fn place_of(row: &RowRef<'_>) -> Place {
    Place {
        flow: Some(row.flow().key.to_string()),
        transport: row.transport().map(|of| of.protocol_name.to_string()),
        encoding: row.encoding().map(|of| of.encoding_name.to_string()),
        stream: row.stream().map(|of| of.name.clone().unwrap_or_else(|| of.id.clone())),
    }
}

impl Expected {
    /// Refuses what no stream can be or have; an encoding is named as its decoder does, whatever the case of its letters.
    fn check(&mut self, registry: &DecoderRegistry) -> Result<(), String> {
        if let Some(wanted) = &mut self.encoding {
            let known = registry.encodings().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            let (name, _) =
                known.ok_or_else(|| format!("there is no encoding '{wanted}'; `streamlens decoders` lists them"))?;
            name.clone_into(wanted);
            self.refined =
                registry.encodings().filter(|(_, base)| *base == Some(name)).map(|(of, _)| of.to_owned()).collect();
        }
        let numbers =
            [("min_rate", self.min_rate), ("max_rate", self.max_rate), ("max_loss_percent", self.max_loss_percent)];
        for (key, value) in numbers {
            if let Some(value) = value.filter(|value| !value.is_finite() || *value < 0.0) {
                return Err(format!("{key} = {value} is no limit; write a number from 0 on"));
            }
        }
        for (key, written, end) in [("src", &self.src, 0), ("dst", &self.dst, 1)] {
            if let (Some(written), Some(end)) = (written, self.ends.get_mut(end)) {
                *end = Some(endpoint(written).ok_or_else(|| {
                    format!(
                        "{key} = \"{written}\" is no address; write 192.168.20.11, 192.168.20.11:40001, [fd00::1]:5004 or \
                         02:00:00:80:00:01"
                    )
                })?);
            }
        }
        match self.min_rate.zip(self.max_rate) {
            Some((least, most)) if least > most => Err(format!("min_rate = {least} is above max_rate = {most}")),
            _ => Ok(()),
        }
    }

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
        let is_end = |wanted: Option<Endpoint>, end: Endpoint| {
            wanted.is_none_or(|wanted| {
                wanted.address == end.address && (wanted.port.is_none() || wanted.port == end.port)
            })
        };
        let [src, dst] = self.ends;
        if row.level() == Level::Transport && (self.encoding.is_some() || self.stream.is_some()) {
            return false;
        }
        let is_called = |wanted: &String| {
            row.stream().is_some_and(|of| of.id.eq_ignore_ascii_case(wanted) || of.name.as_ref() == Some(wanted))
        };
        let is_encoded = |wanted: &String| {
            let own = row.encoding().map(|of| &*of.encoding_name);
            own.is_some_and(|own| own == wanted || self.refined.iter().any(|name| name == own))
        };
        is_end(src, key.src)
            && is_end(dst, key.dst)
            && self.encoding.as_ref().is_none_or(is_encoded)
            && self.stream.as_ref().is_none_or(is_called)
    }

    /// What of a stream is not as it should be, in words.
    fn broken(&self, row: &RowRef<'_>) -> Vec<String> {
        let (health, mut broken) = (row.health(), Vec::new());
        let rate = row.packet_rate().unwrap_or(0.0);
        if let Some(least) = self.min_rate.filter(|least| rate < *least) {
            broken.push(format!("{} packets a second, at least {} are expected", per_second(rate), per_second(least)));
        }
        if let Some(most) = self.max_rate.filter(|most| rate > *most) {
            broken.push(format!("{} packets a second, at most {} are expected", per_second(rate), per_second(most)));
        }
        if is_unidentified(row) && (self.max_loss_percent.is_some() || self.max_jitter_ns.is_some()) {
            broken.push("it was not recognised, so that its loss and jitter are unknown".to_owned());
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

/// A rate with as many digits as tell low ones apart.
fn per_second(rate: f64) -> String {
    if rate >= 1.0 || rate == 0.0 { packet_rate(rate) } else { format!("{rate:.3e}") }
}

/// A file of expectations that a capture meets, with room for what differs from one to the next.
///
/// Where a filter chose the streams, others are allowed.
pub(crate) fn learned(analysis: &Analysis, filter: Option<&Filter>) -> String {
    let others = if filter.is_some() { "allowed" } else { "unexpected" };
    let mut text = format!(
        "# What streamlens expects of a capture: `streamlens --expect THIS CAPTURE`.\n\
         # A stream that is not named here is a warning; others = \"allowed\" lets it be.\n\
         others = \"{others}\"\n",
    );
    if let Some(filter) = filter {
        let _ = writeln!(text, "# Of the streams that match {}", crate::text::escaped(&filter.to_string()));
    }
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
        if let Some(rate) = row.packet_rate().filter(|_| row.packets() > 9) {
            let (least, most) = (rate * (1.0 - RATE_MARGIN), rate * (1.0 + RATE_MARGIN));
            // three figures behind the first that counts, so that also what comes once a day is within
            let digits = (3.0 - least.log10().floor()).clamp(3.0, 15.0) as usize;
            let _ = write!(text, "min_rate = {least:.digits$}\nmax_rate = {most:.digits$}\n");
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
        for (wrong, said) in [
            ("encoding = \"NOPE\"", "there is no encoding 'NOPE'"),
            ("src = \"camera 4\"", "src = \"camera 4\" is no address; write 192.168.20.11,"),
            ("dst = \"10.0.0.1:99999\"", "dst = \"10.0.0.1:99999\" is no address"),
            ("min_rate = nan", "min_rate = NaN is no limit"),
            ("max_rate = inf", "max_rate = inf is no limit"),
            ("max_loss_percent = -1.0", "max_loss_percent = -1 is no limit"),
            ("min_rate = 50.0\nmax_rate = 10.0", "min_rate = 50 is above max_rate = 10"),
        ] {
            let found = Expectations::parse(&format!("[[stream]]\n{wrong}")).unwrap_err();
            assert!(found.starts_with(said), "{found}");
        }
        let all = Expectations::parse("[[stream]]\nencoding = \"rtp\"").unwrap();
        assert_eq!(all.streams[0].encoding.as_deref(), Some("RTP"));
        assert!(all.streams[0].refined.iter().any(|name| name == "AES67"));
        let one = Expectations::parse("[[stream]]\nsrc = \"10.0.0.1\"\nmax_jitter = \"1ms\"").unwrap();
        assert_eq!(one.streams[0].max_jitter_ns, Some(1_000_000));
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        use streamlens::model::MacAddress;
        let v6 = "fd00::1".parse().unwrap();
        let mac = MacAddress([2, 0, 0, 0x80, 0, 1]);
        for end in [
            Endpoint { address: Address::V4([10, 0, 0, 1].into()), port: Some(5004) },
            Endpoint { address: Address::V4([10, 0, 0, 1].into()), port: None },
            Endpoint { address: Address::V6(v6), port: Some(5004) },
            Endpoint { address: Address::V6(v6), port: None },
            Endpoint { address: Address::Mac(mac), port: None },
            Endpoint::default(),
        ] {
            assert_eq!(endpoint(&end.to_string()), Some(end), "{end}");
        }
        for wrong in ["", "camera", "10.0.0.256", "10.0.0.1:", "10.0.0.1:99999", "10.0.0.0/8"] {
            assert_eq!(endpoint(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn text_of_packets_is_text_of_toml() {
        let text = "a \"b\" \\ c\n\u{7f}";
        let read: toml::Table = toml::from_str(&format!("x = {}", toml_text(text))).unwrap();
        assert_eq!(read["x"].as_str(), Some(text));
    }
}
