//! The hub: one thread that knows all rows of all analyses, works out the views, and makes the messages of all clients.
//!
//! It takes what the drivers publish, about ten times a second, and tells each client that is ready the difference between
//! what it holds and now. It waits for nobody: messages go into a channel that has room for one, and a client that has not taken
//! its last one is passed over.

mod analysis;
mod asleep;
mod client;
mod compose;
mod detail;
mod past;
mod text;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use streamlens_filter::Catalogue;
use streamlens_live::Driver;
use streamlens_model::row::{Delta, RowId};
use streamlens_protocol::{self as protocol, ClientMessage, Depth, Problem, RowPath, Window};

pub(crate) use self::analysis::Analysis;
use self::asleep::Sleep;
pub(crate) use self::client::{Client, Out};
pub(crate) use self::compose::{MOST_BYTES, MOST_ROWS};
use self::detail::Answer;
pub(crate) use self::past::KEPT_NS;
pub(crate) use self::view::{ViewSpec, bytes_of, filter_problem, utf16};
use crate::feed::{OnWake, OnWatch};
use crate::metrics::Metrics;
use crate::packets::Packets;
use crate::source::Progress;

/// How often the drivers are asked for news.
const POLL: Duration = Duration::from_millis(20);
/// The same while nobody looks.
const POLL_ALONE: Duration = Duration::from_millis(100);
/// How often clients are told of progress.
const TELL_ANALYSES: Duration = Duration::from_millis(250);
/// Clients that may look at the past at the same time: each has a state of its own.
const MOST_IN_PAST: usize = 8;

/// What the hub is told.
pub(crate) enum Command {
    /// A client has come.
    Connect(u64, tokio::sync::mpsc::Sender<Out>),
    /// A client has said something.
    Said(u64, ClientMessage),
    /// What a client said is wrong.
    Wrong(u64, Box<protocol::ErrorMessage>),
    /// A client has taken its last message.
    Ready(u64),
    /// A client has gone.
    Gone(u64),
    /// An analysis begins.
    Begin(Box<Analysis>),
    /// Its source is open.
    Open(String, Box<Driver>),
    /// Somebody wants to know something.
    Ask(Box<dyn FnOnce(&mut Hub) + Send>),
    /// What another instance has looked at.
    Fed(String, Arc<Delta>),
    /// Details that another instance has given of a row.
    FedDetail(String, String, Box<protocol::Detail>),
    /// The rows of an analysis that was asleep are there.
    Awake(String),
    /// Who has the rows of an analysis that sleeps while nobody looks.
    WokenBy(String, OnWake),
    /// Somebody waits until the rows of an analysis are there.
    Wake(String, tokio::sync::oneshot::Sender<()>),
    /// Who wants to know which rows of an analysis are watched.
    WatchedBy(String, OnWatch),
    /// An analysis gets another name.
    Rename(String, String),
    /// The engine has answered.
    Answered(String, String, Box<Answer>),
    /// The server ends.
    End,
}

/// The way to the hub.
#[derive(Clone)]
pub(crate) struct HubHandle {
    commands: Sender<Command>,
}

impl HubHandle {
    /// Tells the hub something; nothing where it has ended.
    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Asks the hub; `None` where it has ended.
    pub(crate) async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&mut Hub) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.tell(Command::Ask(Box::new(move |hub| drop(answer.send(ask(hub))))));
        answered.await.ok()
    }
}

/// What runs on the hub's thread.
pub(crate) struct Hub {
    pub(crate) analyses: BTreeMap<u64, Analysis>,
    clients: HashMap<u64, Client>,
    catalogue: Arc<Catalogue>,
    limits: protocol::Limits,
    rights: protocol::Rights,
    probe: Option<protocol::ProbeIdentity>,
    metrics: Arc<Metrics>,
    commands: Sender<Command>,
    told: (Option<Instant>, Vec<protocol::Analysis>),
}

/// Starts the hub's thread.
pub(crate) fn start(
    catalogue: Arc<Catalogue>,
    (limits, rights, probe): (protocol::Limits, protocol::Rights, Option<protocol::ProbeIdentity>),
    metrics: Arc<Metrics>,
) -> std::io::Result<(HubHandle, JoinHandle<()>)> {
    let (commands, told) = channel();
    let handle = HubHandle { commands: commands.clone() };
    let thread = std::thread::Builder::new().name("streamlens-hub".to_owned()).spawn(move || {
        let mut hub = Hub {
            analyses: BTreeMap::new(),
            clients: HashMap::new(),
            catalogue,
            limits,
            rights,
            probe,
            metrics,
            commands,
            told: (None, Vec::new()),
        };
        hub.run(&told);
    })?;
    Ok((handle, thread))
}

impl Hub {
    fn run(&mut self, told: &Receiver<Command>) {
        loop {
            let wait = if self.clients.is_empty() { POLL_ALONE } else { POLL };
            match told.recv_timeout(wait) {
                Ok(Command::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => {
                    self.handle(command);
                    while let Ok(command) = told.try_recv() {
                        if matches!(command, Command::End) {
                            return;
                        }
                        self.handle(command);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick();
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Connect(id, out) => self.connect(id, out),
            Command::Said(id, message) => match self.may_answer(id, &message) {
                true => self.said(id, message),
                false => self.answer_later(id, message),
            },
            Command::Wrong(id, error) => self.answer(id, &protocol::ServerMessage::Error(*error)),
            Command::Ready(id) => {
                self.clients.get_mut(&id).into_iter().for_each(|client| client.taken(crate::clock::instant()));
            }
            Command::Gone(id) => self.forget(id),
            Command::Begin(analysis) => {
                let id = analysis.id.parse().unwrap_or_default();
                self.analyses.insert(id, *analysis);
            }
            Command::Open(id, driver) => {
                if let Some(analysis) = self.analysis_mut(&id) {
                    analysis.open(*driver);
                }
            }
            Command::Ask(ask) => ask(self),
            Command::Fed(id, delta) => {
                self.analysis_mut(&id).into_iter().for_each(|analysis| analysis.fed.push(Arc::clone(&delta)));
            }
            Command::FedDetail(id, row, detail) => {
                let watched = self.analysis_mut(&id).and_then(|analysis| analysis.watches.rows.get_mut(&row));
                if let Some(watched) = watched {
                    watched.take_fed(*detail);
                }
            }
            Command::Awake(id) => {
                let now = crate::clock::instant();
                if let Some(analysis) = self.analysis_mut(&id) {
                    // what it was woken for can be answered at once
                    if analysis.read(now) {
                        analysis.board.update_views();
                    }
                    analysis.sleep.woken(now);
                }
            }
            Command::WokenBy(id, on_wake) => {
                if let Some(analysis) = self.analysis_mut(&id) {
                    analysis.sleep = Sleep::Asleep(Arc::clone(&on_wake));
                }
            }
            Command::Wake(id, woken) => self.wake(&id, woken),
            Command::WatchedBy(id, on_watch) => {
                self.analysis_mut(&id).into_iter().for_each(|analysis| analysis.on_watch = Some(Arc::clone(&on_watch)));
            }
            Command::Rename(id, name) => {
                self.analysis_mut(&id).into_iter().for_each(|analysis| analysis.name.clone_from(&name));
            }
            Command::Answered(analysis, row, answer) => {
                if let Some(analysis) = self.analysis_mut(&analysis) {
                    let id = analysis.board.find(&row).filter(|_| analysis.is_paced());
                    let (board, watches) = (&analysis.board, &mut analysis.watches);
                    if let Some(watched) = watches.rows.get_mut(&row) {
                        let figures = id.and_then(|id| board.row(id)).map(|(row, _)| *row);
                        watched.take(*answer, figures.as_ref(), board.table.now, board.table.epoch.0);
                    }
                }
            }
            Command::End => {}
        }
    }

    pub(crate) fn analysis(&self, id: &str) -> Option<&Analysis> {
        self.analyses.get(&id.parse().ok()?)
    }

    pub(crate) fn analysis_mut(&mut self, id: &str) -> Option<&mut Analysis> {
        self.analyses.get_mut(&id.parse().ok()?)
    }

    /// The identifier that is meant: the first where none is said.
    fn meant(&self, id: Option<&str>) -> Result<String, Problem> {
        match id {
            Some(id) if self.analysis(id).is_some() => Ok(id.to_owned()),
            Some(id) => {
                Err(Problem::new("analysis", "There is no such analysis", 404, format!("there is no analysis '{id}'")))
            }
            // one that comes later is shown when it is there
            None => Ok(self.analyses.values().next().map_or_else(|| "1".to_owned(), |first| first.id.clone())),
        }
    }

    /// One round: what is new, and messages to those that are ready.
    fn tick(&mut self) {
        let now = crate::clock::instant();
        for analysis in self.analyses.values_mut() {
            if analysis.read(now) {
                analysis.board.update_views();
            }
            for (name, watched) in &mut analysis.watches.rows {
                let Some(driver) = &analysis.driver else { continue };
                let Some(id) = analysis.board.find(name) else { continue };
                if watched.is_due(now, analysis.board.table.epoch.0, analysis.has_ended) {
                    let (commands, name, of) = (self.commands.clone(), name.clone(), analysis.id.clone());
                    driver.with(move |engine, _| {
                        let answer =
                            Answer { flow: engine.detail(id.flow).map(Box::new), buckets: engine.intervals(id) };
                        let _ = commands.send(Command::Answered(of, name, Box::new(answer)));
                    });
                }
            }
        }
        self.pass_time(now);
        self.tell_analyses(now);
        let mut gone = Vec::new();
        for (id, client) in &mut self.clients {
            if !client.update(&mut self.analyses, &self.metrics, now) {
                gone.push(*id);
            }
        }
        gone.into_iter().for_each(|id| self.forget(id));
    }

    fn tell_analyses(&mut self, now: Instant) {
        let (last, known) = &self.told;
        if last.is_some_and(|last| now.saturating_duration_since(last) < TELL_ANALYSES) {
            return;
        }
        let infos: Vec<protocol::Analysis> = self.infos();
        if infos == *known {
            return;
        }
        let list = protocol::ServerMessage::<protocol::Flow>::Analyses(protocol::Analyses { analyses: infos.clone() });
        let text = serde_json::to_vec(&list).unwrap_or_default();
        self.told = (Some(now), infos);
        for client in self.clients.values_mut().filter(|client| client.has_said_hello) {
            client.send_small(text.clone());
        }
    }

    /// All analyses, the oldest first.
    pub(crate) fn infos(&self) -> Vec<protocol::Analysis> {
        self.analyses.values().map(Analysis::info).collect()
    }

    fn connect(&mut self, id: u64, out: tokio::sync::mpsc::Sender<Out>) {
        let mut client = Client::new(out);
        if let Ok(spec) = ViewSpec::new(None, None, Depth::Flow, &self.catalogue)
            && let Ok(analysis) = self.meant(None)
        {
            if let Some(of) = self.analysis_mut(&analysis) {
                // one view for all that say nothing
                let _ = of.board.views.add(&spec, true);
                of.board.update_view(&spec.key);
            }
            client.show_all(analysis, spec);
        }
        self.clients.insert(id, client);
        self.metrics.clients.fetch_add(1, Ordering::Relaxed);
    }

    fn forget(&mut self, id: u64) {
        let Some(client) = self.clients.remove(&id) else { return };
        self.metrics.clients.fetch_sub(1, Ordering::Relaxed);
        for view in client.views {
            self.give_up(&view.analysis.clone(), &view.spec);
        }
        for watch in client.watches {
            self.unwatch(&watch.analysis, &watch.row);
        }
    }

    fn give_up(&mut self, analysis: &str, spec: &ViewSpec) {
        if let Some(analysis) = self.analysis_mut(analysis) {
            analysis.board.views.give_up(&spec.key);
        }
    }

    fn unwatch(&mut self, analysis: &str, row: &str) {
        let Some(analysis) = self.analysis_mut(analysis) else { return };
        if let Some(watched) = analysis.watches.rows.get_mut(row) {
            watched.users = watched.users.saturating_sub(1);
            if watched.users == 0 {
                analysis.watches.rows.remove(row);
                analysis.on_watch.iter().for_each(|tell| tell(row, false));
            }
        }
        analysis.keep_watched();
    }

    fn answer(&mut self, id: u64, message: &protocol::ServerMessage) {
        let text = serde_json::to_vec(message).unwrap_or_default();
        if let Some(client) = self.clients.get_mut(&id) {
            client.send_small(text);
        }
    }

    fn said(&mut self, id: u64, message: ClientMessage) {
        let named = match &message {
            ClientMessage::Hello(of) => of.id.clone(),
            ClientMessage::Subscribe(of) => of.id.clone(),
            ClientMessage::Unsubscribe(of) => of.id.clone(),
            ClientMessage::Watch(of) => of.id.clone(),
            ClientMessage::Unwatch(of) => of.id.clone(),
            ClientMessage::Pause(of) => of.id.clone(),
            ClientMessage::Resume(of) => of.id.clone(),
            ClientMessage::At(of) => of.id.clone(),
            ClientMessage::Ping(of) => of.id.clone(),
        };
        let answer = match self.obey(id, message) {
            Ok(mut answer) => {
                match &mut answer {
                    protocol::ServerMessage::Done(done) => done.id = named,
                    protocol::ServerMessage::Hello(hello) => hello.id = named,
                    protocol::ServerMessage::Pong(pong) => pong.id = named,
                    _ => {}
                }
                answer
            }
            Err(error) => protocol::ServerMessage::Error(protocol::ErrorMessage { id: named, error }),
        };
        self.answer(id, &answer);
    }

    fn obey(&mut self, id: u64, message: ClientMessage) -> Result<protocol::ServerMessage, Problem> {
        let done = |view| protocol::ServerMessage::Done(protocol::Done { view, ..protocol::Done::default() });
        match message {
            ClientMessage::Hello(hello) => {
                if !hello.versions.is_empty() && !hello.versions.iter().any(|version| version == protocol::PROTOCOL) {
                    let why = format!("this server speaks {}", protocol::PROTOCOL);
                    return Err(Problem::new("version", "No version in common", 400, why));
                }
                if let Some(client) = self.clients.get_mut(&id) {
                    client.has_said_hello = true;
                    client.set_compression(hello.compression);
                }
                Ok(protocol::ServerMessage::Hello(protocol::HelloAnswer {
                    id: None,
                    protocol: protocol::PROTOCOL.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    compression: hello.compression,
                    limits: self.limits,
                    analyses: self.infos(),
                    rights: self.rights,
                    probe: self.probe.clone(),
                }))
            }
            ClientMessage::Subscribe(subscribe) => {
                let view = subscribe.view.unwrap_or(1);
                self.subscribe(id, view, subscribe).map(|()| done(Some(view)))
            }
            ClientMessage::Unsubscribe(of) => {
                let view = of.view.unwrap_or(1);
                let removed = self.clients.get_mut(&id).and_then(|client| client.take_view(view));
                if let Some(view) = removed {
                    self.give_up(&view.analysis, &view.spec);
                }
                Ok(done(Some(view)))
            }
            ClientMessage::Watch(watch) => self.watch(id, watch).map(|()| done(None)),
            ClientMessage::Unwatch(unwatch) => {
                let analysis = self.meant(unwatch.analysis.as_deref())?;
                let of =
                    self.clients.get_mut(&id).map(|client| client.take_watches(&analysis, unwatch.flow.as_deref()));
                for watch in of.into_iter().flatten() {
                    self.unwatch(&watch.analysis, &watch.row);
                }
                Ok(done(None))
            }
            ClientMessage::Pause(_) => {
                self.clients.get_mut(&id).into_iter().for_each(|client| client.is_paused = true);
                Ok(done(None))
            }
            ClientMessage::Resume(_) => {
                self.clients.get_mut(&id).into_iter().for_each(Client::resume);
                Ok(done(None))
            }
            ClientMessage::At(at) => self.at(id, &at.time),
            ClientMessage::Ping(_) => {
                let sent = crate::clock::now().to_string();
                Ok(protocol::ServerMessage::Pong(protocol::Pong { id: None, sent, received: None }))
            }
        }
    }

    fn subscribe(&mut self, id: u64, number: u8, subscribe: protocol::Subscribe) -> Result<(), Problem> {
        let wrong = |what: String| Problem::new("message", "The message is wrong", 400, what);
        if !(1..=self.limits.views as u8).contains(&number) {
            return Err(wrong(format!("views have numbers from 1 to {}", self.limits.views)));
        }
        let rate = subscribe.rate.unwrap_or(10);
        if !(1..=10).contains(&rate) {
            return Err(wrong("rate is 1 to 10 messages a second".to_owned()));
        }
        if subscribe.window.is_some_and(|window| window.count > MOST_ROWS as u64) {
            return Err(wrong(format!("a window has at most {MOST_ROWS} rows")));
        }
        if subscribe.expanded.len() > 1_000 {
            return Err(wrong("at most 1,000 rows may be expanded".to_owned()));
        }
        let analysis = self.meant(subscribe.analysis.as_deref())?;
        let depth = subscribe.depth.unwrap_or_default();
        let spec = ViewSpec::new(subscribe.filter.as_deref(), subscribe.sort.as_deref(), depth, &self.catalogue)?;
        if let Some(of) = self.analysis_mut(&analysis) {
            of.board.views.add(&spec, true)?;
            of.board.update_view(&spec.key);
        }
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let replaced = client.subscribe(number, analysis, spec, subscribe);
        for (analysis, spec) in replaced {
            self.give_up(&analysis, &spec);
        }
        Ok(())
    }

    fn watch(&mut self, id: u64, watch: protocol::Watch) -> Result<(), Problem> {
        let analysis = self.meant(watch.analysis.as_deref())?;
        let wrong = |what: String| Problem::new("row", "There is no such row", 404, what);
        let path: RowPath = watch.flow.parse().map_err(|error| wrong(format!("{error}")))?;
        let name = path.to_string();
        let most = self.limits.watches;
        let Some(of) = self.analysis_mut(&analysis) else {
            return Err(wrong("there is no analysis yet".to_owned()));
        };
        if of.board.find(&name).is_none() {
            return Err(wrong(format!("there is no row '{name}'")));
        }
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let is_new = client.watch(&analysis, name.clone(), watch.parts, most)?;
        if let Some(of) = self.analysis_mut(&analysis) {
            of.on_watch.iter().for_each(|tell| tell(&name, true));
            of.watches.rows.entry(name).or_default().users += usize::from(is_new);
            of.keep_watched();
        }
        Ok(())
    }

    fn at(&mut self, id: u64, time: &str) -> Result<protocol::ServerMessage, Problem> {
        let wrong = |what: String| Problem::new("time", "There is nothing to show of that time", 400, what);
        let time = streamlens_filter::instant(time)
            .ok_or_else(|| wrong(format!("'{time}' is no time; write 2026-11-28T20:15:00.5Z")))?;
        let others = self.clients.iter().filter(|(of, client)| **of != id && !client.past.is_empty()).count();
        if others >= MOST_IN_PAST {
            return Err(wrong(format!("{MOST_IN_PAST} clients look at the past already")));
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(protocol::ServerMessage::Done(Default::default()));
        };
        let mut boards = HashMap::new();
        let mut shown = None;
        for view in &client.views {
            let Some(of) = view.analysis.parse().ok().and_then(|id: u64| self.analyses.get(&id)) else { continue };
            if boards.contains_key(&view.analysis) {
                continue;
            }
            let Some(then) = of.past.at(time) else {
                return Err(wrong("nothing is remembered of that time; hello says how far back it goes".to_owned()));
            };
            let board = analysis::Board::of(then.table());
            shown = board.table.now;
            boards.insert(view.analysis.clone(), board);
        }
        client.go_to(boards);
        Ok(protocol::ServerMessage::Done(protocol::Done {
            timestamp: shown.map(|time| time.to_string()),
            ..protocol::Done::default()
        }))
    }

    /// The rows of a view, as text, for REST.
    pub(crate) fn page(
        &mut self,
        id: &str,
        spec: &ViewSpec,
        window: Window,
        expanded: &[String],
        at: Option<streamlens_model::Timestamp>,
    ) -> Result<Vec<u8>, Problem> {
        let missing =
            || Problem::new("analysis", "There is no such analysis", 404, format!("there is no analysis '{id}'"));
        let analysis = self.analysis_mut(id).ok_or_else(missing)?;
        let mut board = match at {
            None => std::mem::take(&mut analysis.board),
            Some(time) => {
                let then = analysis.past.at(time).ok_or_else(|| {
                    Problem::new(
                        "time",
                        "There is nothing to show of that time",
                        404,
                        "nothing is remembered of that time",
                    )
                })?;
                analysis::Board::of(then.table())
            }
        };
        let added = board.views.add(spec, false);
        board.update_view(&spec.key);
        let page = added.map(|()| compose::page(&mut board, analysis, spec, window, expanded));
        if at.is_none() {
            analysis.board = board;
        }
        page
    }

    /// Findings of an analysis, the gravest first.
    pub(crate) fn findings(&mut self, id: &str) -> Option<Vec<protocol::Finding>> {
        let board = &mut self.analysis_mut(id)?.board;
        let known: Vec<_> =
            board.table.findings.iter().map(|(id, (row, finding))| (*id, *row, Arc::clone(finding))).collect();
        let mut findings: Vec<protocol::Finding> = known
            .into_iter()
            .map(|(id, row, finding)| {
                let row = row.map(|row| board.name(row).to_string());
                let probes = board.table.finding_probes.get(&id);
                compose::finding_message(id, row, &finding, protocol::FindingState::New, probes)
            })
            .collect();
        findings.sort_by(|one, other| {
            other.severity.cmp(&one.severity).then(one.first.frame.cmp(&other.first.frame)).then(one.id.cmp(&other.id))
        });
        Some(findings)
    }

    /// Findings by code, for metrics.
    pub(crate) fn codes(&self) -> BTreeMap<(String, &'static str), u64> {
        let mut codes = BTreeMap::new();
        for (_, finding) in self.analyses.values().flat_map(|analysis| analysis.board.table.findings.values()) {
            *codes.entry((finding.code.to_string(), finding.severity.name())).or_default() += 1;
        }
        codes
    }

    /// Makes room for one more analysis: the oldest that was dropped and has ended goes. Whether there is room.
    pub(crate) fn make_room(&mut self, most: usize) -> bool {
        // those of probes have a bound of their own
        let is_ours = |analysis: &&Analysis| !analysis.is_fed();
        while self.analyses.values().filter(is_ours).count() >= most {
            let oldest = self.analyses.values().find(|analysis| analysis.may_be_removed() && analysis.is_over());
            let Some(id) = oldest.map(|analysis| analysis.id.clone()) else { return false };
            self.remove(&id);
        }
        true
    }

    /// Takes an analysis away; whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(analysis) = id.parse().ok().and_then(|id: u64| self.analyses.remove(&id)) else { return false };
        analysis.progress.stop.store(true, Ordering::Relaxed);
        // its thread may be at a batch: nobody waits for it
        std::thread::spawn(move || drop(analysis));
        true
    }
}

impl Analysis {
    /// Flows that are watched do not end for want of room.
    fn keep_watched(&self) {
        if let Some(driver) = &self.driver {
            let rows = self.watches.rows.keys().filter_map(|name| self.board.find(name));
            driver.keep(rows.map(|row: RowId| row.flow).collect());
        }
    }

    /// One that begins.
    pub(crate) fn begin(id: &str, name: String, kind: protocol::AnalysisKind, progress: Arc<Progress>) -> Self {
        Self::new(id.to_owned(), name, kind, progress)
    }

    /// Files that its packets can be read from again.
    pub(crate) fn with_packets(mut self, packets: Option<Arc<Packets>>) -> Self {
        self.packets = packets;
        self
    }

    pub(crate) fn packets(&self) -> Option<Arc<Packets>> {
        self.packets.clone()
    }

    pub(crate) fn counts(&self) -> &streamlens_model::row::CaptureCounts {
        &self.board.table.capture
    }

    pub(crate) fn identity(&self) -> (&str, &str) {
        (&self.id, &self.start)
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.board.table.epoch.0
    }

    /// The driver, and the flow of a row.
    pub(crate) fn flow_of(&self, name: &str) -> Option<streamlens_model::row::FlowId> {
        self.board.find(name).map(|row| row.flow)
    }

    pub(crate) fn driver(&self) -> Option<&Driver> {
        self.driver.as_ref()
    }

    pub(crate) fn has_failed(&self) -> Option<String> {
        self.progress.told().failure
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.progress.told().dropped.values().sum()
    }

    /// Whether its engine is elsewhere.
    pub(crate) fn is_fed(&self) -> bool {
        matches!(self.kind, protocol::AnalysisKind::Probe | protocol::AnalysisKind::Hub)
    }

    pub(crate) fn may_be_removed(&self) -> bool {
        self.kind == protocol::AnalysisKind::Upload
    }

    pub(crate) fn is_over(&self) -> bool {
        self.has_ended || self.has_failed().is_some()
    }
}
