//! All announcements of an analysis, and the streams that they speak of.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use streamlens_model::words::Grouped;
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Subject, Value};

use super::compare::{Sent, compare};
use super::description::{MediaDescription, SessionDescription};
use super::header::{SapContent, SapPacket};
#[cfg(feature = "ptp")]
use super::media_time::{self, MediaTime};
#[cfg(feature = "ptp")]
use crate::ptp::PtpMonitor;
use crate::rtp::RtpFlow;
use crate::{NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey};

/// Where the user's own descriptions stand: in no frame.
const NOWHERE: Occurrence = Occurrence { frame: 0, time: None };

/// How long a session was announced, in nanoseconds, of which something should be sent although it was withdrawn in the end: most
/// announce again within it. One that was withdrawn earlier may have ended before the capture began.
const ANNOUNCED_LONG_NS: i64 = 10_000_000_000;

/// The most sessions remembered.
const MAX_SESSIONS: usize = 1024;

/// One session, as it was last announced.
#[derive(Debug)]
struct Announced {
    bytes: Vec<u8>,
    session: Option<Arc<SessionDescription>>,
    announcements: u64,
    deletions: u64,
    changes: u64,
    first: Occurrence,
    last: Occurrence,
    deleted: bool,
}

impl Announced {
    /// How long it was announced until it was withdrawn, where that was at least twice and long enough to be sent.
    fn long_withdrawn(&self) -> Option<i64> {
        let lasted = self.last.time?.since(self.first.time?);
        (self.deleted && self.announcements >= 2 && lasted >= ANNOUNCED_LONG_NS).then_some(lasted)
    }
}

/// Remembers what is announced and compares it with the flows of RTP when a result is made.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    given: Vec<Arc<SessionDescription>>,
    announced: BTreeMap<(IpAddr, String), Announced>,
    not_kept: u64,
    findings: FindingLog,
}

impl Announcements {
    /// Longer announcements are no use to anyone (RFC 2974 §3 asks for less than 1 KiB) and are not kept.
    pub(super) const MAX_LENGTH: usize = 16 * 1024;

    pub(super) fn new(given: &[Arc<SessionDescription>]) -> Self {
        Self { given: given.to_vec(), ..Self::default() }
    }

    fn withdraw(&mut self, source: IpAddr, text: &[u8], at: Occurrence) {
        // A deletion repeats the description, or its origin only.
        let text = String::from_utf8_lossy(text);
        let origin = text.lines().find_map(|line| line.strip_prefix("o=")).unwrap_or_default();
        let mut words = origin.split_ascii_whitespace();
        let (identifier, address) = (words.nth(1).unwrap_or_default(), words.nth(3).unwrap_or_default());
        if let Some(known) = self.announced.get_mut(&(source, format!("{identifier} {address}"))) {
            known.deleted = true;
            known.deletions += 1;
            known.last = at;
        }
    }
}

impl NetworkMonitor for Announcements {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let Ok(sap) = SapPacket::parse(pdu.bytes) else { return };
        let SapContent::Sdp(text) = sap.content else { return };
        if sap.is_deletion {
            return self.withdraw(sap.source, text, pdu.at);
        }
        // Announcements repeat for hours: only a new one is read.
        let known = self.announced.iter_mut().find(|((source, _), known)| *source == sap.source && known.bytes == text);
        if let Some((_, known)) = known {
            known.announcements += 1;
            known.last = pdu.at;
            known.deleted = false;
            return;
        }
        let session = match SessionDescription::parse(text) {
            Ok(session) => {
                note_skipped(&session, &format!("an announcement of {}", sap.source), pdu.at, &mut self.findings);
                Arc::new(session)
            }
            Err(error) => {
                self.findings.add("sap.malformed-sdp", Severity::Warning, None, pdu.at, || {
                    format!("an announcement of {} holds {error}", sap.source)
                });
                return;
            }
        };
        let key = (sap.source, session.origin.clone());
        if let Some(known) = self.announced.get_mut(&key) {
            known.announcements += 1;
            known.changes += 1;
            (known.bytes, known.session, known.last, known.deleted) = (text.to_vec(), Some(session), pdu.at, false);
        } else if self.announced.len() < MAX_SESSIONS {
            let announced = Announced {
                bytes: text.to_vec(),
                session: Some(session),
                announcements: 1,
                deletions: 0,
                changes: 0,
                first: pdu.at,
                last: pdu.at,
                deleted: false,
            };
            self.announced.insert(key, announced);
        } else {
            self.not_kept += 1;
        }
    }

    fn watches(&self) -> &'static [&'static str] {
        &["RTP", "PTP"]
    }

    #[cfg(feature = "ptp")]
    fn report_beside(&self, other: &dyn NetworkMonitor, report: &mut NetworkReport) {
        if let Some(ptp) = (other as &dyn Any).downcast_ref::<PtpMonitor>() {
            self.compare_clocks(ptp, report);
            media_time::compare(ptp, report);
        }
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(SessionSurvey { announcements: self, flows: BTreeMap::new(), report: NetworkReport::default() })
    }
}

/// Holds flows against the sessions that were announced.
struct SessionSurvey<'m> {
    announcements: &'m Announcements,
    /// How many flows go where an announced stream should, by the place of the stream among all, from 1.
    flows: BTreeMap<u128, u64>,
    report: NetworkReport,
}

impl Survey for SessionSurvey<'_> {
    fn least_frames(&self) -> u64 {
        // nothing to be held against
        if self.announcements.sessions().next().is_none() { u64::MAX } else { 0 }
    }

    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let Some(flow) = peer.decoder.and_then(|decoder| (decoder as &dyn Any).downcast_ref::<RtpFlow>()) else {
            return;
        };
        let (Some(to), Some(from)) = (peer.flow.dst.address.ip(), peer.flow.src.address.ip()) else { return };
        let sessions = self.announcements.sessions();
        let streams =
            sessions.flat_map(|(session, known)| session.media.iter().map(move |media| (session, media, known)));
        for (index, (session, media, known)) in (1..).zip(streams.filter(|(_, media, _)| media.is_rtp())) {
            if Some(to) != media.address || peer.flow.dst.port != Some(media.port) {
                continue;
            }
            *self.flows.entry(index).or_default() += 1;
            let at = known.map_or(NOWHERE, |known| known.last);
            let sent = Sent { from, flow, name: name(session, media), at };
            let to = self.report.flows.entry(number).or_default();
            compare(media, &sent, to);
            #[cfg(feature = "ptp")]
            for stream in sent.flow.streams() {
                // of the payload type that most of its packets have
                let Some((payload_type, _)) = stream.payload_types.iter().max_by_key(|(_, packets)| *packets) else {
                    continue;
                };
                let Some(format) = media.formats.iter().find(|format| format.payload_type == *payload_type) else {
                    continue;
                };
                self.report.media_times.extend(MediaTime::new(number, &sent.name, media, format, &stream));
            }
            to.fact("sdp_session", session.name.clone());
            to.fact("sdp_announced_by", known.map_or("the user", |_| "SAP"));
        }
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let announcements = self.announcements;
        *report = self.report;
        let mut findings = announcements.findings.clone();
        for session in &announcements.given {
            note_skipped(session, "the description of the user", NOWHERE, &mut findings);
        }
        let mut sessions = Vec::new();
        let mut index = 0;
        for (session, known) in announcements.sessions() {
            let mut streams = Vec::new();
            for media in session.media.iter().filter(|media| media.is_rtp()) {
                index += 1;
                let at = known.map_or(NOWHERE, |known| known.last);
                let flows = self.flows.get(&index).copied().unwrap_or(0);
                let withdrawn = known.and_then(Announced::long_withdrawn);
                if flows == 0 && media.is_sent && (withdrawn.is_some() || !known.is_some_and(|known| known.deleted)) {
                    let id = StreamId(index);
                    report.stream_names.insert(id, name(session, media));
                    findings.add("sdp.not-sent", Severity::Warning, Some(id), at, || {
                        let address = media.address.map_or_else(|| "?".to_owned(), |address| address.to_string());
                        let (name, port) = (name(session, media), media.port);
                        match withdrawn {
                            Some(lasted) => format!(
                                "{name} was announced to {address} port {port} for {:.1} s, until frame {}, and no RTP went there",
                                lasted as f64 / 1e9,
                                Grouped(at.frame)
                            ),
                            None if known.is_none() => {
                                format!("{name} is described as sent to {address} port {port}, and no RTP goes there")
                            }
                            None => format!("{name} is announced to {address} port {port}, and no RTP goes there"),
                        }
                    });
                }
                streams.push(describe(media, flows));
            }
            let mut facts = vec![
                ("name", Value::from(session.name.clone())),
                ("origin", session.origin.clone().into()),
                ("version", session.version.into()),
                ("media", Value::List(streams)),
            ];
            if let Some(known) = known {
                facts.push(("announcements", known.announcements.into()));
                facts.push(("deletions", known.deletions.into()));
                facts.push(("changes", known.changes.into()));
                let span = known.last.time.zip(known.first.time).map(|(last, first)| last.since(first));
                let repeats = (known.announcements + known.deletions).saturating_sub(1);
                if let Some(span) = span.filter(|_| repeats > 0) {
                    facts.push(("mean_interval_ns", (span as f64 / repeats as f64).into()));
                }
            } else {
                facts.push(("given_by_user", true.into()));
            }
            sessions.push(Value::map(facts));
        }
        if !sessions.is_empty() {
            report.facts.insert("sdp_sessions".into(), Value::List(sessions));
        }
        if announcements.not_kept > 0 {
            report.facts.insert("sdp_sessions_not_kept".into(), announcements.not_kept.into());
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}

impl Announcements {
    /// All sessions, those given by the user first.
    fn sessions(&self) -> impl Iterator<Item = (&SessionDescription, Option<&Announced>)> {
        let given = self.given.iter().map(|session| (session.as_ref(), None));
        let announced = self.announced.values().filter_map(|known| Some((known.session.as_deref()?, Some(known))));
        given.chain(announced)
    }

    /// Compares the reference clocks of the announcements with the grandmasters of the capture. Announced domains that
    /// the capture does not show say nothing.
    #[cfg(feature = "ptp")]
    fn compare_clocks(&self, ptp: &PtpMonitor, report: &mut NetworkReport) {
        let (mut findings, mut clocks) = (FindingLog::default(), Vec::new());
        for (session, known) in self.sessions() {
            for media in session.media.iter().filter(|media| media.is_sent) {
                let Some((identity, domain)) = media.ptp_grandmaster() else { continue };
                let Some(announced) = identity_number(identity) else { continue };
                let in_domain = |&(number, _): &(u8, u64)| domain.is_none_or(|domain| domain == number);
                let seen: Vec<_> = ptp.grandmasters().filter(in_domain).collect();
                let verdict = match seen.last() {
                    None => "no grandmaster of this domain in the capture",
                    Some(_) if seen.iter().any(|(_, grandmaster)| *grandmaster == announced) => "in the capture",
                    Some(&(number, last)) => {
                        let at = known.map_or(NOWHERE, |known| known.last);
                        findings.add("sdp.reference-clock", Severity::Warning, None, at, || {
                            format!(
                                "{} is announced to follow PTP grandmaster {identity}; that of domain {number} is {}",
                                name(session, media),
                                identity_text(last)
                            )
                        });
                        "another grandmaster in the capture"
                    }
                };
                clocks.push(Value::map([
                    ("stream", Value::from(name(session, media))),
                    ("ptp_grandmaster", identity.to_owned().into()),
                    ("is", verdict.into()),
                ]));
            }
        }
        if !clocks.is_empty() {
            report.facts.insert("sdp_reference_clocks".into(), Value::List(clocks));
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}

/// Points out the streams of a session that can't be read.
fn note_skipped(session: &SessionDescription, whose: &str, at: Occurrence, findings: &mut FindingLog) {
    for (number, skipped) in (1..).zip(&session.skipped) {
        findings.add_about("sap.malformed-medium", Severity::Warning, None, Subject::of([number]), at, || {
            format!("{whose} ({}) holds a stream that can't be read and is passed over: {skipped}", session.name)
        });
    }
}

/// A clock's identity, written as `39-A7-94-FF-FE-07-CB-D0` (RFC 7273 §4.3), as a number.
fn identity_number(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    if digits.len() == 16 { u64::from_str_radix(&digits, 16).ok() } else { None }
}

fn identity_text(identity: u64) -> String {
    identity.to_be_bytes().map(|byte| format!("{byte:02X}")).join("-")
}

/// The name of an announced stream, for people.
fn name(session: &SessionDescription, media: &MediaDescription) -> String {
    match &media.title {
        Some(title) => format!("{} ({title})", session.name),
        None => session.name.clone(),
    }
}

fn describe(media: &MediaDescription, flows: u64) -> Value {
    let formats = media.formats.iter().map(|format| {
        let rate = format.clock_rate_hz.map(|rate| format!("/{rate}")).unwrap_or_default();
        let channels = format.channels.map(|channels| format!("/{channels}")).unwrap_or_default();
        format!("{} {}{rate}{channels}", format.payload_type, format.encoding)
    });
    let mut pairs = vec![
        ("kind", Value::from(media.kind.clone())),
        ("port", media.port.into()),
        ("formats", Value::list(formats)),
        ("flows", flows.into()),
    ];
    pairs.extend(media.address.map(|address| ("address", address.to_string().into())));
    pairs.extend(media.packet_time_ns.map(|time| ("packet_time_ns", time.into())));
    pairs.extend(media.reference_clock.clone().map(|clock| ("ts_refclk", clock.into())));
    pairs.extend(media.media_clock.clone().map(|clock| ("mediaclk", clock.into())));
    if let Some((identity, domain)) = media.ptp_grandmaster() {
        pairs.push(("ptp_grandmaster", identity.to_owned().into()));
        pairs.extend(domain.map(|domain| ("ptp_domain", domain.into())));
    }
    Value::map(pairs)
}
