//! The hub's thread: all that is known of all probes, and what is said to them.

mod admit;
mod watch;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use streamlens_model::row::{CaptureCounts, Delta, Epoch};
use streamlens_model::{Severity, Timestamp};
use streamlens_protocol::{
    self as protocol, Aggregates, AnalysisKind, Envelope, FlowUpdate, Id, PROTOCOL, Pong, ProbeMessage, ProbeSeries,
    ProbeState,
};
use streamlens_web::{Feed, Feeder};
use tokio::sync::mpsc;

use super::findings::{MergedFindings, OwnFindings};
use super::merge::{Merged, ProbeNumber, Probes};
use super::offset;
use super::probe::Probe;
use super::rows::{Change, ProbeRows};
use super::tokens::{Known, Tokens};
use super::{HubOptions, Way};
use crate::clock;

/// What a hub asks of a probe: all rows, once a second.
const SUBSCRIBE: &str =
    "{\"type\":\"subscribe\",\"id\":1,\"view\":1,\"depth\":\"stream\",\"rate\":1,\"findings\":true,\"whole\":true}";
/// How often all probes are put together.
const ROUND: Duration = Duration::from_millis(100);
/// Rounds between two looks whether tokens have been revoked.
const REVOCATION: u64 = 10;
/// Probes that were refused, as the list has them.
const MOST_REFUSED: usize = 100;
/// Pings of a connection that were not answered.
const MOST_PINGS: usize = 8;
/// Another connection of the same probe is believed to have died where nothing was heard of it for longer.
const DEAD: Duration = Duration::from_secs(5);
/// Aggregates are asked for again where nothing of them has come for so many rounds.
const ASK_AGAIN: u64 = 100;

/// What the hub's thread is told by others than probes.
pub(super) enum Command {
    /// Somebody was not let in.
    TurnedAway { address: SocketAddr, why: String },
    /// Somebody wants to know something.
    Ask(Box<dyn FnOnce(&Core) + Send>),
    /// A row of an analysis is watched, or no more: of a probe's, or of all.
    Watch(Option<ProbeNumber>, String, bool),
    /// Somebody looks at the analysis of a probe, or nobody any more.
    Wake(ProbeNumber, bool),
}

/// What came of a probe's connection.
pub(super) enum Event {
    /// It is there.
    Arrived(u64, Arrived),
    /// Its clock is asked for, by a number, at a time.
    Pinged(u64, u64, Timestamp),
    /// It said something, which came at a time.
    Said(u64, Vec<u8>, Timestamp),
    /// It sent more than it may, and waits.
    TooFast(u64),
    /// It is gone; why, where it was not its own wish.
    Gone(u64, Option<&'static str>),
}

/// A connection.
pub(super) struct Arrived {
    pub(super) address: SocketAddr,
    pub(super) token: Option<Known>,
    pub(super) out: mpsc::Sender<Order>,
}

/// What a connection is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Says something to the probe.
    Say(String),
    /// Measures its clock from now on.
    Measure,
    /// Ends, with a reason.
    Close(String),
}

struct Session {
    arrived: Arrived,
    probe: Option<ProbeNumber>,
    pings: VecDeque<(u64, Timestamp)>,
}

/// All that the hub knows.
pub(super) struct Core {
    options: HubOptions,
    feeder: Feeder,
    way: Weak<Way>,
    tokens: Option<Tokens>,
    /// Tokens that could not be written down, with the probes that they are of.
    bound: HashMap<String, String>,
    sessions: HashMap<u64, Session>,
    probes: Vec<Probe>,
    refused: VecDeque<protocol::Probe>,
    merged: Merged,
    findings: MergedFindings,
    own: OwnFindings,
    feed: Feed,
    epoch: u64,
    /// Counts of all as they were shown last.
    capture: CaptureCounts,
    /// Rows of all that are watched, by the probe's own.
    watched: BTreeMap<(ProbeNumber, String), String>,
    rounds: u64,
}

impl Probes for Vec<Probe> {
    fn of(&self, number: ProbeNumber) -> Option<(&Arc<str>, &ProbeRows)> {
        self.get(number as usize).map(|probe| (&probe.name, &probe.rows))
    }
}

impl Core {
    pub(super) fn new(options: HubOptions, feeder: Feeder, way: &Arc<Way>) -> Self {
        let commands = way.commands.clone();
        let feed = feeder.begin(
            "all probes",
            AnalysisKind::Hub,
            Some(Arc::new(move |row: &str, is_watched| {
                let _ = commands.send(Command::Watch(None, row.to_owned(), is_watched));
            })),
            None,
        );
        Self {
            tokens: options.tokens.clone().map(Tokens::new),
            feeder,
            way: Arc::downgrade(way),
            bound: HashMap::new(),
            sessions: HashMap::new(),
            probes: Vec::new(),
            refused: VecDeque::new(),
            merged: Merged::new(options.nat.clone()),
            findings: MergedFindings::default(),
            own: OwnFindings::default(),
            feed,
            epoch: 0,
            capture: CaptureCounts::default(),
            watched: BTreeMap::new(),
            rounds: 0,
            options,
        }
    }

    /// Works until the server is gone.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::Receiver<Event>,
    ) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                _ = rounds.tick() => self.round(),
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::TurnedAway { address, why } => self.turned_away(None, &address.to_string(), &why),
            Command::Ask(ask) => ask(self),
            Command::Watch(Some(probe), row, is_watched) => self.watch(probe, &row, is_watched),
            Command::Watch(None, row, is_watched) => self.watch_shown(&row, is_watched),
            Command::Wake(number, is_looked_at) => {
                if let Some(probe) = self.probes.get_mut(number as usize) {
                    let state = probe.rows.state(&probe.sighting);
                    if is_looked_at { probe.feed.wake(state) } else { probe.feed.sleep(state) }
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Arrived(id, arrived) => {
                let hello = format!(
                    "{{\"type\":\"hello\",\"id\":0,\"versions\":[\"{PROTOCOL}\"],\"compression\":\"deflate-raw\"}}"
                );
                let session = Session { arrived, probe: None, pings: VecDeque::new() };
                session.say(hello);
                self.sessions.insert(id, session);
            }
            Event::Pinged(id, number, sent) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.pings.push_back((number, sent));
                    while session.pings.len() > MOST_PINGS {
                        session.pings.pop_front();
                    }
                }
            }
            Event::Said(id, text, came) => {
                if let Err(why) = self.said(id, &text, came) {
                    self.refuse_message(id, why);
                }
            }
            Event::TooFast(id) => {
                let what = format!("sends more than {} bytes a second, and has to wait", self.options.bytes_per_second);
                self.complain(id, "probe.rate", &what);
            }
            Event::Gone(id, why) => {
                if let Some(why) = why {
                    self.complain(id, "probe.connection", &format!("has lost its connection: {why}"));
                }
                self.gone(id);
            }
        }
    }

    /// Points out what a probe does.
    fn complain(&mut self, session: u64, code: &'static str, what: &str) {
        let Some(of) = self.sessions.get(&session) else { return };
        let probe = of.probe.and_then(|number| self.probes.get(number as usize));
        let name = probe.map(|probe| Arc::clone(&probe.name));
        let who = name.as_ref().map_or_else(|| of.arrived.address.ip().to_string(), |name| name.to_string());
        let text = format!("{who} {what}");
        self.own.add((code, Severity::Warning), &who, name.as_ref(), clock::now(), text);
    }

    fn refuse_message(&mut self, session: u64, why: &str) {
        self.complain(session, "probe.message", &format!("sent what can't be, which was not taken: {why}"));
    }

    /// Says that somebody was not let in.
    fn turned_away(&mut self, name: Option<&str>, address: &str, why: &str) {
        let ip = address.rsplit_once(':').map_or(address, |(ip, _)| ip);
        let who = name.unwrap_or(ip);
        let text = format!("{who} was not let in: {why}");
        self.own.add(("probe.refused", Severity::Warning), &format!("{who} {why}"), None, clock::now(), text);
        let shown = protocol::Probe {
            name: who.to_owned(),
            state: ProbeState::Refused,
            reason: Some(why.to_owned()),
            address: Some(address.to_owned()),
            heard: Some(clock::now().to_string()),
            ..protocol::Probe::default()
        };
        self.refused.retain(|known| (&known.name, &known.reason) != (&shown.name, &shown.reason));
        self.refused.push_back(shown);
        while self.refused.len() > MOST_REFUSED {
            self.refused.pop_front();
        }
    }

    fn said(&mut self, id: u64, text: &[u8], came: Timestamp) -> Result<(), &'static str> {
        let Some(session) = self.sessions.get(&id) else { return Ok(()) };
        let number = session.probe;
        let is_update = text.starts_with(b"{\"type\":\"flow_update\"");
        let envelope = if is_update { Envelope::default() } else { read(text)? };
        let kind = if is_update { Some("flow_update") } else { envelope.kind.as_deref() };
        let Some(number) = number else {
            return match kind {
                Some("hello") => {
                    let hello = read(text)?;
                    self.hello(id, hello);
                    Ok(())
                }
                // what a probe says before it has answered is of no use
                _ => Ok(()),
            };
        };
        let probe = self.probes.get_mut(number as usize).ok_or("no probe")?;
        probe.heard = (clock::instant(), came);
        match kind {
            Some("flow_update") => self.update(id, number, read(text)?),
            Some("pong") => self.pong(id, number, &read(text)?, came),
            Some("detail") => self.detail(number, read(text)?),
            Some(kind) if ProbeMessage::KINDS.contains(&kind) => match read(text)? {
                ProbeMessage::Status(status) => {
                    probe.history.spool(status.spool);
                    probe.status = Some(status);
                    if let Some(session) = self.sessions.get(&id).filter(|_| probe.history.is_behind()) {
                        session.fill(probe);
                    }
                    Ok(())
                }
                ProbeMessage::Aggregates(aggregates) => self.aggregates(id, number, &aggregates),
            },
            // answers, and what a newer probe may say
            _ => Ok(()),
        }
    }

    fn update(&mut self, id: u64, number: ProbeNumber, update: FlowUpdate) -> Result<(), &'static str> {
        let probe = self.probes.get_mut(number as usize).ok_or("no probe")?;
        if update.seq <= probe.seq {
            // what was left out in between is asked for anew
            if let Some(session) = self.sessions.get(&id) {
                session.say("{\"type\":\"unsubscribe\",\"id\":2,\"view\":1}");
                session.say(SUBSCRIBE);
            }
            return Err("a message whose number is not higher than that of the one before");
        }
        probe.seq = update.seq;
        let dropped = update.capture.dropped.clone().unwrap_or_default();
        probe.dropped = dropped.values().fold(0, |sum, of| sum.saturating_add(*of));
        probe.feed.dropped(&dropped);
        let sighting = Arc::clone(&probe.sighting);
        let change = probe.rows.take(update, &sighting);
        let refused = change.refused;
        self.show(number, change);
        refused.map_or(Ok(()), Err)
    }

    /// Shows what has changed of a probe: its own analysis now, all with the next round.
    fn show(&mut self, number: ProbeNumber, change: Change) {
        let Some(probe) = self.probes.get(number as usize) else { return };
        self.findings.is_dirty |= !change.delta.findings.is_empty();
        for (flow, key) in &change.flows {
            self.merged.touch((number, &probe.name), *flow, key, probe.rows.flows.contains_key(flow));
        }
        probe.feed.apply(change.delta);
    }

    fn pong(&mut self, id: u64, number: ProbeNumber, pong: &Pong, came: Timestamp) -> Result<(), &'static str> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let Some(Id::Number(answered)) = pong.id else { return Ok(()) };
        let Some(place) = session.pings.iter().position(|(number, _)| *number == answered) else { return Ok(()) };
        let Some((_, sent)) = session.pings.remove(place) else { return Ok(()) };
        let stamp = |text: &str| streamlens_filter::instant(text).ok_or("a stamp that is no time");
        let answered = stamp(&pong.sent)?;
        let received = pong.received.as_deref().map_or(Ok(answered), stamp)?;
        let probe = self.probes.get_mut(number as usize).ok_or("no probe")?;
        if !probe.offsets.note([sent, received, answered, came]) {
            return Err("stamps of its clock that can't be");
        }
        let Some(measured) = probe.offsets.clock() else { return Ok(()) };
        let name = Arc::clone(&probe.name);
        let is_corrected = self.options.is_clock_corrected;
        match offset::severity(&measured) {
            Some(severity) => {
                let text = offset::sentence(&name, &measured, is_corrected);
                self.own.add(("probe.clock-offset", severity), &name, Some(&name), clock::now(), text);
            }
            None => self.own.resolve("probe.clock-offset", &name),
        }
        if is_corrected && let Some(change) = probe.rows.correct(measured.offset_ns) {
            self.show(number, change);
        }
        Ok(())
    }

    fn aggregates(&mut self, id: u64, number: ProbeNumber, of: &Aggregates) -> Result<(), &'static str> {
        let probe = self.probes.get_mut(number as usize).ok_or("no probe")?;
        let mut result = Ok(());
        for aggregate in &of.aggregates {
            result = result.and(probe.history.take(aggregate, of.live));
        }
        if let (Some(last), Some(session)) = (of.aggregates.last(), self.sessions.get(&id)) {
            session.say(format!("{{\"type\":\"ack\",\"number\":{}}}", last.number));
        }
        result
    }

    fn gone(&mut self, id: u64) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let Some(number) = session.probe else { return };
        let Some(probe) = self.probes.get_mut(number as usize).filter(|probe| probe.session == Some(id)) else {
            return;
        };
        probe.session = None;
        let name = Arc::clone(&probe.name);
        let change = probe.rows.silence(None);
        self.show(number, change);
        let text = format!("{name} is away: what is shown of it is what it saw last");
        self.own.add(("probe.away", Severity::Warning), &name, Some(&name), clock::now(), text);
    }

    fn round(&mut self) {
        self.rounds += 1;
        let now = clock::now();
        if self.rounds.is_multiple_of(REVOCATION) {
            self.end_revoked();
        }
        if self.rounds.is_multiple_of(ASK_AGAIN) {
            for probe in &mut self.probes {
                if let Some(session) = probe.session.and_then(|id| self.sessions.get(&id))
                    && probe.history.is_stuck()
                {
                    session.fill(probe);
                }
            }
        }
        let mut delta = self.merged.round(&self.probes, now);
        let rows = (0..).zip(&self.probes).map(|(number, probe)| (number, &probe.name, &probe.rows));
        let findings = self.findings.round(&mut self.own, rows, &self.merged);
        if delta.is_none() && findings.is_none() {
            return;
        }
        let mut delta = delta.take().unwrap_or_else(|| Delta { capture: self.capture.clone(), ..Delta::default() });
        self.capture.clone_from(&delta.capture);
        delta.since = (self.epoch > 0).then_some(Epoch(self.epoch));
        self.epoch += 1;
        (delta.epoch, delta.now) = (Epoch(self.epoch), Some(now));
        if let Some((findings, probes)) = findings {
            (delta.findings, delta.finding_probes) = (findings, probes);
        }
        self.feed.apply(delta);
    }

    /// Ends connections whose token was deleted.
    fn end_revoked(&mut self) {
        let Some(tokens) = &self.tokens else { return };
        for session in self.sessions.values() {
            if session.arrived.token.as_ref().is_some_and(|token| !tokens.has(token)) {
                session.order(Order::Close("the token has been revoked".to_owned()));
            }
        }
    }

    /// All probes, in order of their names, and behind them those that were refused.
    pub(super) fn list(&self) -> Vec<protocol::Probe> {
        let now = clock::instant();
        let mut probes: Vec<protocol::Probe> = self.probes.iter().map(|probe| probe.info(now)).collect();
        probes.sort_by(|one, other| one.name.cmp(&other.name));
        probes.extend(self.refused.iter().cloned());
        probes
    }

    /// The figures by the second of a flow at a probe.
    pub(super) fn series(&self, probe: &str, flow: &str) -> Result<ProbeSeries, Unknown> {
        let is_it = |known: &&Probe| known.identity.id == probe || *known.name == *probe;
        let probe = self.probes.iter().find(is_it).ok_or(Unknown::Probe)?;
        let (series, has_flow) = probe.history.series(flow, probe.rows.shift_ns());
        // one whose first second isn't over is known all the same
        if has_flow || probe.rows.by_key.contains_key(flow) {
            return Ok(series);
        }
        Err(Unknown::Flow)
    }
}

/// What somebody asked for and there is none of.
pub(super) enum Unknown {
    Probe,
    Flow,
}

impl Session {
    fn say(&self, text: impl Into<String>) {
        self.order(Order::Say(text.into()));
    }

    /// Where there is no room the probe takes nothing, and its connection is about to end.
    fn order(&self, order: Order) {
        let _ = self.arrived.out.try_send(order);
    }

    /// Asks for what is missing; a probe takes it for its welcome.
    fn fill(&self, probe: &mut Probe) {
        let fill = protocol::HubMessage::Fill(protocol::Fill { ranges: probe.history.ask() });
        self.say(serde_json::to_string(&fill).unwrap_or_default());
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a [u8]) -> Result<T, &'static str> {
    serde_json::from_slice(text).map_err(|_| "a message that can't be read, or with numbers that can't be")
}
