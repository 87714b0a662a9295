//! What a session description says of its streams.

use std::net::IpAddr;

use sdp_types::{Attribute, Media, Session};

/// The most streams of one description that are looked at.
const MAX_MEDIA: usize = 64;

/// The most characters of a line that are quoted.
const MAX_QUOTED: usize = 80;

/// A text that is no session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no session description: {0}")]
pub struct SdpError(String);

/// A session description (RFC 8866), reduced to what streams are judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionDescription {
    /// The session's name (`s=`).
    pub name: String,
    /// Its origin (`o=`): identifier and address, which stay from version to version.
    pub origin: String,
    /// Its version.
    pub version: u64,
    /// Its streams.
    pub media: Vec<MediaDescription>,
    /// Streams that can't be read and are passed over: where they stand, and what is wrong.
    pub skipped: Vec<String>,
}

/// One stream of a session; ST 2022-7 announces one for each path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaDescription {
    /// `audio`, `video`, ...
    pub kind: String,
    /// Its title (`i=`) or identifier (`a=mid`).
    pub title: Option<String>,
    /// Where it is sent to.
    pub address: Option<IpAddr>,
    /// The port it is sent to.
    pub port: u16,
    /// The profile, such as `RTP/AVP`.
    pub profile: String,
    /// Its payload types.
    pub formats: Vec<PayloadFormat>,
    /// Duration of a packet in nanoseconds (`a=ptime`).
    pub packet_time_ns: Option<i64>,
    /// The addresses that it may come from (`a=source-filter:incl`); any where there are none.
    pub sources: Vec<IpAddr>,
    /// Its reference clock (`a=ts-refclk`), as written.
    pub reference_clock: Option<String>,
    /// How its media clock relates to that (`a=mediaclk`), as written.
    pub media_clock: Option<String>,
    /// Whether it is sent at all (`a=inactive` and `a=recvonly` say no).
    pub is_sent: bool,
}

/// What one payload type stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadFormat {
    /// The number.
    pub payload_type: u8,
    /// The encoding's name, `L24`, `raw`, `smpte291`; empty where nothing says it.
    pub encoding: String,
    /// Clock rate in Hz.
    pub clock_rate_hz: Option<u32>,
    /// Channels, where given.
    pub channels: Option<u32>,
    /// Its parameters (`a=fmtp`), as written.
    pub parameters: String,
}

impl SessionDescription {
    /// Reads a session description. A stream of it that can't be read is passed over, and named in `skipped`.
    ///
    /// # Errors
    ///
    /// [`SdpError`] where it is none.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        Session::parse(text).map(|session| Self::of(&session)).or_else(|error| {
            // without a stream that can't be read the rest may be good
            Self::parse_apart(text).ok_or_else(|| SdpError(error.to_string()))
        })
    }

    fn of(session: &Session) -> Self {
        let origin = &session.origin;
        let media = session.medias.iter().take(MAX_MEDIA).map(|media| MediaDescription::new(session, media));
        Self {
            name: session.session_name.trim().to_owned(),
            origin: format!("{} {}", origin.sess_id, origin.unicast_address),
            version: origin.sess_version,
            media: media.collect(),
            skipped: Vec::new(),
        }
    }

    /// Reads each stream by itself, behind the lines of the session; `None` where these can't be read.
    fn parse_apart(text: &[u8]) -> Option<Self> {
        let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
        let starts: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].starts_with(b"m=")).collect();
        let head = lines.get(..*starts.first()?)?.concat();
        let mut whole = Self::of(&Session::parse(&head).ok()?);
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        for (start, end) in starts.iter().copied().zip(ends).take(MAX_MEDIA) {
            let section = lines.get(start..end)?.concat();
            match Session::parse(&[head.as_slice(), &section].concat()) {
                Ok(session) => whole.media.extend(Self::of(&session).media),
                Err(error) => {
                    let line = lines.get(start).map(|line| String::from_utf8_lossy(line)).unwrap_or_default();
                    let line: String = line.trim_end().chars().take(MAX_QUOTED).collect();
                    // the library counts the lines of the head and this stream alone
                    let what = error.to_string();
                    let what = what.split(" in line").next().unwrap_or_default();
                    whole.skipped.push(format!("{line:?} of line {}: {what}", start + 1));
                }
            }
        }
        (!whole.media.is_empty()).then_some(whole)
    }
}

/// The values of an attribute, those of the stream before those of the session.
fn values<'a>(session: &'a [Attribute], media: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    let all = media.iter().chain(session);
    all.filter(move |attribute| attribute.attribute.eq_ignore_ascii_case(name))
        .map(|attribute| attribute.value.as_deref().unwrap_or_default().trim())
}

impl MediaDescription {
    fn new(session: &Session, media: &Media) -> Self {
        let attributes = |name| values(&session.attributes, &media.attributes, name);
        let connection = media.connections.first().or(session.connection.as_ref());
        let address = connection.and_then(|c| c.connection_address.split('/').next()?.trim().parse().ok());
        let payload_types = media.fmt.split_ascii_whitespace().filter_map(|number| number.parse().ok());
        let formats = payload_types.filter(|&number: &u8| number < 128).take(16);
        let formats = formats.map(|payload_type| PayloadFormat::new(payload_type, &media.attributes)).collect();
        let milliseconds = attributes("ptime").next().and_then(|value| value.parse::<f64>().ok());
        let milliseconds = milliseconds.filter(|value| (0.01..=10_000.0).contains(value));
        let filters = attributes("source-filter").filter_map(|value| {
            let mut words = value.split_ascii_whitespace();
            (words.next()? == "incl").then(|| words.skip(3).filter_map(|source| source.parse().ok()))
        });
        let is_silent = |name: &str| media.attributes.iter().any(|attribute| attribute.attribute == name);
        Self {
            kind: media.media.clone(),
            title: media.media_title.clone().or_else(|| attributes("mid").next().map(str::to_owned)),
            address,
            port: media.port,
            profile: media.proto.clone(),
            formats,
            packet_time_ns: milliseconds.map(|value| (value * 1e6).round() as i64),
            sources: filters.flatten().take(16).collect(),
            reference_clock: attributes("ts-refclk").next().map(str::to_owned),
            media_clock: attributes("mediaclk").next().map(str::to_owned),
            is_sent: media.port != 0 && !is_silent("inactive") && !is_silent("recvonly"),
        }
    }

    /// Whether it is RTP.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        self.profile.contains("RTP/")
    }

    /// The identity of the PTP grandmaster and its domain that the reference clock names (RFC 7273 §4.3).
    #[must_use]
    pub fn ptp_grandmaster(&self) -> Option<(&str, Option<u8>)> {
        let clock = self.reference_clock.as_deref()?.strip_prefix("ptp=")?;
        let mut parts = clock.split(':');
        let _version = parts.next()?;
        let identity = parts.next()?;
        let domain = parts.next().and_then(|domain| domain.trim_start_matches("domain-nmbr=").parse().ok());
        (identity != "traceable").then_some((identity, domain))
    }
}

impl PayloadFormat {
    fn new(payload_type: u8, attributes: &[Attribute]) -> Self {
        // `a=rtpmap:97 L24/48000/2`, `a=fmtp:97 ...`: the number, then the rest.
        let of = |name| {
            values(&[], attributes, name).find_map(|value| {
                let (number, rest) = value.split_once(char::is_whitespace)?;
                (number.parse() == Ok(payload_type)).then_some(rest.trim())
            })
        };
        let known = crate::rtp::static_payload_type(payload_type);
        let mut map = of("rtpmap").unwrap_or_default().split('/');
        let encoding = map.next().unwrap_or_default().trim();
        let encoding = if encoding.is_empty() { known.map_or("", |known| known.name) } else { encoding };
        let rate = map.next().and_then(|rate| rate.trim().parse().ok());
        Self {
            payload_type,
            encoding: encoding.to_owned(),
            clock_rate_hz: rate.filter(|&rate| rate > 0).or(known.map(|known| known.clock_rate_hz)),
            channels: map.next().and_then(|channels| channels.trim().parse().ok()),
            parameters: of("fmtp").unwrap_or_default().to_owned(),
        }
    }

    /// A parameter of the format (`a=fmtp`): `Some("")` for one that stands alone.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameter_pairs().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All parameters with their values, in order: some may stand several times (`DID_SDID`).
    pub fn parameter_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.split(';').map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (key.trim(), value.trim())
        })
    }

    /// Bytes of a sample of linear PCM.
    #[must_use]
    pub fn sample_bytes(&self) -> Option<u32> {
        match self.encoding.to_ascii_uppercase().as_str() {
            "L8" => Some(1),
            "L16" => Some(2),
            "L24" => Some(3),
            "AM824" => Some(4),
            _ => None,
        }
    }

    /// The standard that a stream announced like this follows, where the announcement tells; `media` is the stream's.
    #[must_use]
    pub fn standard(&self, media: &MediaDescription) -> Option<&'static str> {
        let names_2110 = self.parameter("SSN").is_some_and(|value| value.starts_with("ST2110"));
        match self.encoding.to_ascii_lowercase().as_str() {
            "raw" if names_2110 || self.parameter("PM").is_some_and(|value| value.starts_with("2110")) => {
                Some("ST2110-20")
            }
            "jxsv" => Some("ST2110-22"),
            "l16" | "l24" => {
                let order = self.parameter("channel-order").is_some_and(|value| value.starts_with("SMPTE2110"));
                if order || names_2110 {
                    Some("ST2110-30")
                } else if media.reference_clock.is_some() && media.media_clock.is_some() {
                    Some("AES67")
                } else {
                    None
                }
            }
            "am824" => Some("ST2110-31"),
            "smpte291" => Some("ST2110-40"),
            "smpte2022-6" => Some("ST2022-6"),
            _ => None,
        }
    }
}
