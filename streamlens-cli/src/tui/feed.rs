//! What the terminal interface sees and asks for, by way of a driver.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use streamlens::engine::{DecodeAs, Engine, EngineOptions, FlowSelection, LookOptions};
use streamlens::model::row::{Delta, FlowId};
use streamlens::model::{CaptureSummary, Flow, FlowKey, FrameSource, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_live::{Driver, DriverOptions, Reader, Update};
use streamlens_tui::{Answer, Feed, Kind, Packets, Request, Status as Standing};

use super::memory::Memory;
use super::picked::Analysis;
use super::source::{Moments, Opened, Told, captures_once, open, told};
use super::{TuiArgs, again};
use crate::exit::{Failure, Status};

/// While a file is read it is looked at so often: a look costs the more the more flows there are, and it is the reading that
/// is waited for.
const LOOKS: Duration = Duration::from_millis(250);
/// And so often before there is anything to show.
const FIRST_LOOKS: Duration = Duration::from_millis(50);

/// A driver as the interface sees it.
pub(super) struct DriverFeed<'a> {
    args: &'a TuiArgs,
    refresh: Duration,
    registry: DecoderRegistry,
    options: EngineOptions,
    driver: Driver,
    reader: Reader,
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    kind: Kind,
    name: String,
    /// When a look was asked for.
    asked: Instant,
    is_asked: bool,
    answers: (Sender<Answer>, Receiver<Answer>),
    moments: Option<Moments>,
    memory: Option<Memory>,
    /// Ends the second reading that goes on.
    is_over: Arc<AtomicBool>,
    now: Option<Timestamp>,
}

impl<'a> DriverFeed<'a> {
    /// Opens what is to be read, and begins to read it.
    pub(super) fn start(
        args: &'a TuiArgs,
        registry: DecoderRegistry,
        options: EngineOptions,
        refresh: Duration,
    ) -> Result<Self, Failure> {
        // before rights are given up, with which it could not be opened any more
        let memory = Memory::open();
        let Opened { source, kind, told, stop, moments } = open(&args.analyze)?;
        let name = source.name().to_owned();
        let period_ns = match kind {
            // files are looked at by the clock, whatever their own times
            Kind::File => None,
            // and so is one that grows: its last frames are shown though no more come
            Kind::Replay if args.analyze.follow => None,
            Kind::Replay | Kind::Live => Some(i64::try_from(refresh.as_nanos()).unwrap_or(i64::MAX)),
        };
        let engine = Engine::new(registry.clone(), options.clone());
        let driver = Driver::start(source, engine, DriverOptions { period_ns, look: LookOptions::default() });
        let driver = driver.map_err(|error| Failure { status: Status::Partial, message: error.to_string() })?;
        let reader = driver.reader();
        let (answers, is_over) = (channel(), Arc::default());
        let (asked, is_asked, now) = (now(), false, None);
        Ok(Self {
            args,
            refresh,
            registry,
            options,
            driver,
            reader,
            told,
            stop,
            kind,
            name,
            asked,
            is_asked,
            answers,
            moments,
            memory,
            is_over,
            now,
        })
    }

    /// Ends the analysis; how it went.
    pub(super) fn end(self) -> Result<Status, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.is_over.store(true, Ordering::Relaxed);
        let missing = {
            let told = told(&self.told);
            told.failure.clone().or_else(|| Some(told.lacking.as_ref()?.1.clone()))
        };
        if self.kind == Kind::File && !self.driver.has_ended() {
            // reading may wait for a pipe for ever, and nothing is left to be written
            std::mem::forget(self.driver);
        } else {
            // the process ends here; giving back the memory of many flows one by one would only take time
            std::mem::forget(self.driver.stop());
        }
        match missing {
            Some(message) => Err(Failure { status: Status::Partial, message }),
            None => Ok(Status::Fine),
        }
    }

    /// Asks for a look at a file that is being read, where it is time.
    fn look(&mut self) {
        let is_by_clock = self.kind == Kind::File || self.args.analyze.follow;
        let pace = if self.now.is_some() { LOOKS } else { FIRST_LOOKS };
        if !is_by_clock || self.driver.has_ended() || self.is_asked || self.asked.elapsed() < pace {
            return;
        }
        (self.asked, self.is_asked) = (now(), true);
        self.driver.show(LookOptions::default());
    }
}

impl DriverFeed<'_> {
    /// The captures once more; what there is to say where they can't be read again.
    fn again(&self) -> Result<Box<dyn FrameSource>, String> {
        if self.kind == Kind::Live || self.is_once() {
            return Err("what comes from here can't be read a second time".to_owned());
        }
        captures_once(&self.args.analyze).map_err(|failure| failure.message)
    }

    /// Whether standard input is read.
    fn is_once(&self) -> bool {
        self.args.analyze.captures().iter().any(|path| path.as_os_str() == "-")
    }

    fn say(&self, text: String) {
        // the receiver is this feed's own
        let _ = self.answers.0.send(Answer::Said(text));
    }

    fn write(&mut self, packets: Packets, path: PathBuf) {
        let (answers, now) = (self.answers.0.clone(), self.now);
        let analysis = Analysis { registry: self.registry.clone(), options: self.options.clone() };
        let work: Box<dyn FnOnce() -> String + Send> = if let Some(moments) = &self.moments {
            let moments = moments.clone();
            Box::new(move || again::write_moments(&moments, packets, &path, now, &analysis))
        } else {
            // those of a row below a flow are looked for first
            let first = packets.row.is_some().then(|| self.again()).transpose();
            match first.and_then(|first| Ok((first, self.again()?))) {
                Ok(sources) => Box::new(move || again::write(sources, packets, &path, &analysis)),
                Err(why) => return self.say(why),
            }
        };
        self.spawn(move || {
            let _ = answers.send(Answer::Said(work()));
        });
    }

    fn series(&mut self, flow: FlowId, step_ns: u64) {
        // one reading at a time: that of the detail that is open
        self.is_over.store(true, Ordering::Relaxed);
        self.is_over = Arc::default();
        let Ok(source) = self.again() else { return };
        let (answers, is_over, registry) = (self.answers.0.clone(), Arc::clone(&self.is_over), self.registry.clone());
        let mut options = EngineOptions { interval_ns: Some(step_ns), ..self.options.clone() };
        if options.burst_windows_ns.is_empty() {
            // reading again is the time for what the first reading is spared
            options.burst_windows_ns = vec![1_000_000, 10_000_000];
        }
        self.spawn(move || again::series(source, registry, options, flow, &answers, &is_over));
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = std::thread::Builder::new().name("streamlens-again".to_owned()).spawn(work) {
            self.say(error.to_string());
        }
    }

    /// Has a transport of a flow decoded as an encoding: files are read again, on interfaces it holds from now on.
    fn decode_as(&mut self, key: FlowKey, transport: String, encoding: String) {
        let said = match self.kind {
            Kind::Live => format!("from now on {key} is decoded as {encoding}"),
            _ => format!("reading again with {key} decoded as {encoding}"),
        };
        let rule = format!("{key} {transport} as {encoding}");
        let selector = Arc::new(move |flow: &FlowKey, own: streamlens::model::Transport| {
            *flow == key && own.name() == transport.as_str()
        });
        let rule = DecodeAs { selector, encoding_name: encoding, rule };
        if self.kind == Kind::Live {
            // packets that are kept are read again by the same rules
            self.options.decode_as.insert(0, rule.clone());
            self.driver.with(move |engine, _| engine.decode_as(rule));
            return self.say(said);
        }
        if let Err(why) = self.again() {
            return self.say(format!("{why}; begin with -d instead"));
        }
        let mut options = self.options.clone();
        options.decode_as.insert(0, rule);
        match Self::start(self.args, self.registry.clone(), options, self.refresh) {
            Ok(feed) => {
                let answers = std::mem::replace(&mut self.answers, channel());
                let before = std::mem::replace(self, Self { answers, ..feed });
                before.stop.store(true, Ordering::Relaxed);
                drop(before.driver);
                self.say(said);
            }
            Err(failure) => self.say(failure.message),
        }
    }
}

impl Feed for DriverFeed<'_> {
    fn changes(&mut self) -> Vec<Arc<Delta>> {
        assert!(!(self.args.panic && self.driver.has_ended()), "as --panic wants it");
        self.look();
        match self.reader.next(Duration::ZERO) {
            Update::Changes(changes) => {
                self.is_asked = false;
                self.now = changes.last().and_then(|delta| delta.now);
                changes
            }
            Update::Nothing | Update::End => Vec::new(),
        }
    }

    fn detail(&mut self, flow: FlowId) -> Option<Box<Flow>> {
        self.driver.detail(flow)
    }

    fn capture(&mut self) -> Option<Box<CaptureSummary>> {
        let selection = FlowSelection { top: Some(0), most_findings: Some(0), ..FlowSelection::default() };
        self.driver.report(selection).map(|report| Box::new(report.capture))
    }

    fn process(&mut self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(memory) = self.memory.as_ref().and_then(Memory::bytes) {
            // finer figures would change with every look
            facts.push(("memory", format!("{:.0} MB", memory as f64 / 1e6)));
        }
        facts.extend(kept(self.moments.as_ref(), self.now).map(|kept| ("packets kept", kept)));
        facts.extend(told(&self.told).sandbox.iter().map(|text| ("sandbox", text.clone())));
        facts
    }

    fn status(&mut self) -> Standing {
        let has_ended = self.driver.has_ended();
        let told = told(&self.told);
        Standing {
            name: self.name.clone(),
            kind: self.kind,
            has_ended,
            failure: told.failure.clone(),
            lacking: told.lacking.as_ref().map(|(word, _)| *word),
            position: told.position,
            stamps: if told.stamps == "unknown" { String::new() } else { told.stamps.to_owned() },
            dropped: told.dropped,
            ring: told.ring,
            is_once: self.is_once(),
            notices: told.notices.clone(),
        }
    }

    fn ask(&mut self, request: Request) {
        match request {
            Request::Keep(flows) => self.driver.keep(flows),
            Request::Write(packets, path) => self.write(packets, path),
            Request::Series(flow, step_ns) => self.series(flow, step_ns),
            Request::DecodeAs(key, transport, encoding) => self.decode_as(key, transport, encoding),
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        self.answers.1.try_iter().collect()
    }
}

/// How far back the last moments go, in words.
#[cfg(any(feature = "live", feature = "pcap"))]
fn kept(moments: Option<&Moments>, now: Option<Timestamp>) -> Option<String> {
    let moments = moments?;
    let back = moments.oldest().zip(now).map_or(0, |(oldest, now)| now.since(oldest).max(0));
    let size = streamlens::model::words::bytes(moments.bytes());
    Some(format!("those of the last {} s, in {size}", back / 1_000_000_000))
}

#[cfg(not(any(feature = "live", feature = "pcap")))]
fn kept(_: Option<&Moments>, _: Option<Timestamp>) -> Option<String> {
    None
}

#[expect(clippy::disallowed_methods, reason = "files are looked at by the clock of the person who waits")]
fn now() -> Instant {
    Instant::now()
}
