//! Delay measurements: Delay_Req and Delay_Resp (end to end), Pdelay messages (peer to peer).

use streamlens_model::{Address, FindingLog, Occurrence, Severity, Subject};

use super::super::names::{self, message};
use super::super::wire::{DomainKey, PortIdentity};
use super::domain::Domain;
use super::message::{Message, difference};
use super::port::{Answer, PATIENCE_NS, Request, Requests};
use super::room::Room;
use super::stats::{Series, readable};

/// The most pairs of ports whose path, and whose link, is measured in one domain.
const MAX_PAIRS: usize = 4096;
/// A Sync older than this, in nanoseconds, says nothing of the offset at a Delay_Req.
const MAX_SYNC_AGE_NS: i64 = 40_000_000_000;

/// The path between the capture point and a master, from the requests of one slave.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    /// B: t4 less the capture time of the Delay_Req and the correction gathered behind the capture point.
    pub(super) departure: Series,
    /// (A + B) / 2.
    pub(super) delay: Series,
    /// (A - B) / 2.
    pub(super) offset: Series,
    /// How old A was when B was measured.
    pub(super) sync_age: Series,
}

/// The link between a requester and the responder next to it, as seen from the capture point.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    /// Between the capture point and the responder.
    pub(super) delay: Series,
    /// From the responder's receipt of the request to its response, by its own clock.
    pub(super) turn_round: Series,
    first: Option<(i64, i64)>,
    last: Option<(i64, i64)>,
}

impl Link {
    /// How fast the responder's clock runs against the capture's, as a ratio; `None` below 2 s of measurement.
    pub(super) fn rate_ratio(&self) -> Option<f64> {
        let ((origin0, seen0), (origin, seen)) = (self.first?, self.last?);
        let (own, captured) = (origin.checked_sub(origin0)?, seen.checked_sub(seen0)?);
        (captured >= 2_000_000_000 && own > 0).then(|| own as f64 / captured as f64)
    }

    /// A response that left at `origin` by the responder's clock was captured at `seen`.
    fn compare_clocks(&mut self, origin: i64, seen: i64) {
        self.first.get_or_insert((origin, seen));
        self.last = Some((origin, seen));
    }
}

impl Requests {
    fn age(&mut self, now: i64, kind: u8, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        while let Some(request) = self.waiting.pop_if(|request| now.saturating_sub(request.time) > PATIENCE_NS) {
            self.let_go(&request, kind, port, key, log);
        }
    }

    fn let_go(&mut self, request: &Request, kind: u8, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        if request.answer.is_none() {
            self.unanswered += 1;
            unanswered(request, kind, port, key, log);
        }
    }
}

/// Notes that nobody answered a request.
pub(super) fn unanswered(request: &Request, kind: u8, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
    let (code, severity) = if kind == message::DELAY_REQ {
        ("ptp.unanswered-delay-request", Severity::Warning)
    } else {
        // A port without a PTP neighbour asks for ever, which is how it is meant.
        ("ptp.unanswered-peer-delay-request", Severity::Info)
    };
    let of = (Some(key.stream(kind, port)), Subject::default());
    let numbered = |number: i64| format!("number {number}");
    log.add_figure((code, severity), of, request.at, request.sequence.into(), numbered, || {
        format!(
            "{} {} of {} was not answered within {} in this capture",
            names::message_type(kind.into()),
            request.sequence,
            key.port_name(port),
            readable(PATIENCE_NS)
        )
    });
}

impl Domain {
    pub(super) fn on_request(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog, is_peer: bool) {
        let (key, Some(now)) = (self.key, m.time()) else { return };
        let Some(port) = self.ports.get_mut(m.source) else { return };
        let requests = if is_peer { &mut port.peer } else { &mut port.delay };
        if requests.is_none() && !room.take(Requests::BYTES) {
            return;
        }
        let requests = requests.get_or_insert_default();
        requests.age(now, m.kind, m.source, key, log);
        let is_repeat = |r: &Request| r.sequence == m.sequence && r.to == m.to();
        if requests.waiting.find(is_repeat).is_some() {
            return;
        }
        let request =
            Request { at: m.at, time: now, sequence: m.sequence, to: m.to(), correction: m.correction, answer: None };
        if let Some(oldest) = requests.waiting.push(request) {
            requests.let_go(&oldest, m.kind, m.source, key, log);
        }
    }

    /// Finds the request that a message answers and notes the answer: `None` where there is none, or where it is a copy
    /// of an answer. A second master's answer measures the way to that master.
    fn answer(&mut self, m: &Message<'_>, log: &mut FindingLog, is_peer: bool) -> Option<Request> {
        let (now, requester) = (m.time()?, m.requester()?);
        let key = self.key;
        let port = self.ports.get_mut(requester)?;
        if let (false, Some(log_interval)) = (is_peer, m.log_interval) {
            port.log_min_delay_req = Some(log_interval);
        }
        let requests = if is_peer { port.peer.as_mut()? } else { port.delay.as_mut()? };
        let Some(request) = requests.waiting.find(|r| r.sequence == m.answers && m.may_answer(r.to)) else {
            requests.stray_answers += 1;
            return None;
        };
        if let Some(first) = request.answer {
            if first.from == m.source {
                return None;
            }
            let request = *request;
            // Masters that start together both answer until they know who is best.
            if is_peer || !self.masters.is_electing(now) {
                several_answers(m, first.from, requester, key, is_peer, log);
            }
            return (!is_peer).then_some(request);
        }
        let turn_round = now.saturating_sub(request.time);
        let is_complete = !(is_peer && m.two_step);
        request.answer =
            Some(Answer { from: m.source, time: now, stamp: m.stamp(), correction: m.correction, is_complete });
        let request = *request;
        requests.answered += 1;
        if turn_round >= 0 {
            requests.turn_round.push(turn_round);
        }
        Some(request)
    }

    pub(super) fn on_delay_resp(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        let (Some(request), Some(requester), Some(received)) = (self.answer(m, log, false), m.requester(), m.stamp())
        else {
            return;
        };
        // The part of the correction that was gathered behind the capture point.
        let Some(correction) = m.correction.0.checked_sub(request.correction.0) else { return };
        let Some(departure) = difference(received, request.time, &[super::super::wire::TimeInterval(correction)])
        else {
            return;
        };
        let sync = self.ports.get(m.source).and_then(|port| port.master.as_ref()?.last_arrival);
        let is_known = self.paths.contains_key(&(m.source, requester));
        if !is_known && (self.paths.len() >= MAX_PAIRS || !room.take(2 * size_of::<Path>())) {
            return;
        }
        let path = self.paths.entry((m.source, requester)).or_default();
        path.departure.push(departure);
        let Some(sync) = sync else { return };
        let age = request.time.saturating_sub(sync.time);
        if (0..=MAX_SYNC_AGE_NS).contains(&age) {
            let (a, b) = (i128::from(sync.difference), i128::from(departure));
            if let (Ok(delay), Ok(offset)) = (i64::try_from((a + b) / 2), i64::try_from((a - b) / 2)) {
                path.delay.push(delay);
                path.offset.push(offset);
                path.sync_age.push(age);
            }
        }
    }

    pub(super) fn on_peer_resp(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        let (Some(request), Some(now)) = (self.answer(m, log, true), m.time()) else { return };
        if !m.two_step
            && let Some(round) = difference(now, request.time, &[m.correction])
        {
            self.link_measured(m, room, round / 2, None);
        }
    }

    pub(super) fn on_peer_follow_up(&mut self, m: &Message<'_>, room: &mut Room, log: &mut FindingLog) {
        let (Some(requester), Some(sent)) = (m.requester(), m.stamp()) else { return };
        let Some(requests) = self.ports.get_mut(requester).and_then(|port| port.peer.as_mut()) else { return };
        let fits = |r: &Request| r.sequence == m.answers && r.answer.is_some_and(|answer| answer.from == m.source);
        let key = self.key;
        let Some(request) = requests.waiting.find(fits) else {
            // before the first answer, its Pdelay_Resp may lie before the capture
            if requests.answered > 0 {
                stray_follow_up(m, requester, key, log);
            }
            return;
        };
        let Some(answer) = request.answer.as_mut() else { return };
        if std::mem::replace(&mut answer.is_complete, true) {
            repeated_follow_up(m, requester, key, log);
            return;
        }
        let (answer, asked) = (*answer, request.time);
        let Some(received) = answer.stamp else { return };
        // IEEE 802.1AS adds the corrections to the responder's times, IEEE 1588 takes them off the round trip.
        let plus = |time: i64, correction: super::super::wire::TimeInterval| time.checked_add(correction.as_nanos());
        let times = if self.key.is_gptp() {
            plus(received, answer.correction).zip(plus(sent, m.correction))
        } else {
            Some((received, sent))
        };
        let Some((received, sent)) = times else { return };
        let ratio = self.links.get(&(requester, m.source)).and_then(Link::rate_ratio);
        let Some(turn_round) = sent.checked_sub(received) else { return };
        let seen = answer.time.saturating_sub(asked);
        // The round trip by the capture's clock, brought to the rate of the responder's.
        let stretch = ratio.map_or(0, |ratio| ((ratio - 1.0) * seen as f64) as i64);
        let corrections = [answer.correction, m.correction];
        let corrections = if self.key.is_gptp() { &[][..] } else { &corrections[..] };
        if let Some(round) = difference(seen.saturating_add(stretch), turn_round, corrections) {
            self.link_measured(m, room, round / 2, Some((turn_round, sent, answer.time)));
        }
    }

    /// Notes a link delay, and tells those masters whose Syncs come over this link.
    fn link_measured(&mut self, m: &Message<'_>, room: &mut Room, delay: i64, times: Option<(i64, i64, i64)>) {
        let Some(requester) = m.requester() else { return };
        let is_known = self.links.contains_key(&(requester, m.source));
        if !is_known && (self.links.len() >= MAX_PAIRS || !room.take(2 * size_of::<Link>())) {
            return;
        }
        let link = self.links.entry((requester, m.source)).or_default();
        link.delay.push(delay);
        if let Some((turn_round, sent, seen)) = times {
            link.turn_round.push(turn_round);
            link.compare_clocks(sent, seen);
        }
        // The responder is the master itself, or the transparent clock from whose address the Sync frames come.
        let from = m.flow.src.address;
        for sender in &self.sync_senders {
            let Some(master) = self.ports.get_mut(*sender).and_then(|port| port.master.as_mut()) else { continue };
            if *sender == m.source || (from != Address::None && master.sent_from == from) {
                master.link_delay = Some((delay, m.source));
            }
        }
    }
}

#[cold]
fn repeated_follow_up(m: &Message<'_>, requester: PortIdentity, key: DomainKey, log: &mut FindingLog) {
    let stream = Some(key.stream(m.kind, m.source));
    log.add("ptp.peer-follow-up-repeated", Severity::Warning, stream, m.at, || {
        let (port, requester) = (key.port_name(m.source), key.port_name(requester));
        format!(
            "Pdelay_Resp_Follow_Up {} of {port} to {requester} came again: its number was used before, or belongs to \
             another response",
            m.answers
        )
    });
}

#[cold]
fn stray_follow_up(m: &Message<'_>, requester: PortIdentity, key: DomainKey, log: &mut FindingLog) {
    let stream = Some(key.stream(m.kind, m.source));
    log.add("ptp.peer-follow-up-without-response", Severity::Warning, stream, m.at, || {
        let (port, requester) = (key.port_name(m.source), key.port_name(requester));
        format!("Pdelay_Resp_Follow_Up {} of {port} to {requester} belongs to no Pdelay_Resp that waits", m.answers)
    });
}

fn several_answers(
    m: &Message<'_>,
    first: PortIdentity,
    requester: PortIdentity,
    key: DomainKey,
    is_peer: bool,
    log: &mut FindingLog,
) {
    let at: Occurrence = m.at;
    let (first, second, requester) = (key.port_name(first), key.port_name(m.source), key.port_name(requester));
    let stream = Some(key.stream(m.kind, m.source));
    if is_peer {
        log.add("ptp.several-peers", Severity::Warning, stream, at, || {
            format!(
                "Pdelay_Req {} of {requester} was answered by {first} and by {second}: something between them passes \
                 peer delay messages on without taking part in PTP",
                m.answers
            )
        });
    } else {
        log.add("ptp.two-masters", Severity::Warning, stream, at, || {
            format!("Delay_Req {} of {requester} was answered by {first} and by {second}", m.answers)
        });
    }
}
