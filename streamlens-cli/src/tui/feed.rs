//! What the terminal interface sees and asks for, by way of a driver.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use streamlens::engine::{Engine, EngineOptions, FlowSelection, LookOptions};
use streamlens::model::row::{Delta, FlowId};
use streamlens::model::{CaptureSummary, Flow};
use streamlens::registry::DecoderRegistry;
use streamlens_live::{Driver, DriverOptions, Reader, Update};
use streamlens_tui::{Answer, Feed, Kind, Request, Status as Standing};

use super::TuiArgs;
use super::source::{Opened, Told, open, told};
use crate::exit::{Failure, Status};

/// While a file is read it is looked at so often: a look costs the more the more flows there are, and it is the reading that
/// is waited for.
const LOOKS: Duration = Duration::from_millis(250);

/// A driver as the interface sees it.
pub(super) struct DriverFeed {
    driver: Driver,
    reader: Reader,
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    kind: Kind,
    name: String,
    /// When a look was asked for.
    asked: Instant,
    is_asked: bool,
    answers: Vec<Answer>,
}

impl DriverFeed {
    /// Opens what is to be read, and begins to read it.
    pub(super) fn start(args: &TuiArgs, registry: DecoderRegistry, options: EngineOptions) -> Result<Self, Failure> {
        let Opened { source, kind, told, stop } = open(&args.analyze)?;
        let name = source.name().to_owned();
        let period_ns = match kind {
            // files are looked at by the clock, whatever their own times
            Kind::File => None,
            Kind::Replay | Kind::Live => Some(i64::try_from(args.refresh).unwrap_or(i64::MAX)),
        };
        let engine = Engine::new(registry, options);
        let driver = Driver::start(source, engine, DriverOptions { period_ns, look: LookOptions::default() });
        let driver = driver.map_err(|error| Failure { status: Status::Partial, message: error.to_string() })?;
        let reader = driver.reader();
        let answers = Vec::new();
        Ok(Self { driver, reader, told, stop, kind, name, asked: now(), is_asked: false, answers })
    }

    /// Ends the analysis; how it went.
    pub(super) fn end(self) -> Result<Status, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let failure = told(&self.told).failure.clone();
        if self.kind == Kind::File && !self.driver.has_ended() {
            // reading may wait for a pipe for ever, and nothing is left to be written
            std::mem::forget(self.driver);
        } else {
            // the process ends here; giving back the memory of many flows one by one would only take time
            std::mem::forget(self.driver.stop());
        }
        match failure {
            Some(message) => Err(Failure { status: Status::Partial, message }),
            None => Ok(Status::Fine),
        }
    }

    /// Asks for a look at a file that is being read, where it is time.
    fn look(&mut self) {
        if self.kind != Kind::File || self.driver.has_ended() || self.is_asked || self.asked.elapsed() < LOOKS {
            return;
        }
        (self.asked, self.is_asked) = (now(), true);
        self.driver.show(LookOptions::default());
    }
}

impl Feed for DriverFeed {
    fn changes(&mut self) -> Vec<Arc<Delta>> {
        self.look();
        match self.reader.next(Duration::ZERO) {
            Update::Changes(changes) => {
                self.is_asked = false;
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

    fn status(&mut self) -> Standing {
        let has_ended = self.driver.has_ended();
        let told = told(&self.told);
        Standing {
            name: self.name.clone(),
            kind: self.kind,
            has_ended,
            failure: told.failure.clone(),
            position: told.position,
            stamps: if told.stamps == "unknown" { String::new() } else { told.stamps.to_owned() },
            dropped: told.dropped,
            notices: told.notices.clone(),
        }
    }

    fn ask(&mut self, request: Request) {
        match request {
            Request::Keep(flows) => self.driver.keep(flows),
            _ => self.answers.push(Answer::Said("not possible yet".to_owned())),
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}

#[expect(clippy::disallowed_methods, reason = "files are looked at by the clock of the person who waits")]
fn now() -> Instant {
    Instant::now()
}
