//! The driver: owns source and engine on a thread of its own, looks at the state at a steady pace of capture time, and
//! answers what readers ask between two batches.
//!
//! A look is published as one immutable [`Delta`] that all readers share; nothing waits for a reader, and nothing queues for
//! one that is far behind: it gets the whole state next time. A file is the same driver with one request at the end.

mod cut;
mod publish;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use streamlens_engine::{Engine, FlowSelection, LookOptions};
use streamlens_model::row::{Delta, FlowId};
use streamlens_model::{Analysis, CaptureSummary, Flow, FrameSource, SourceError};

use self::cut::{Cut, Cutter};
use self::publish::Shared;
pub use self::publish::{Reader, Update};

/// How a driver looks.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// Capture time between two looks in nanoseconds; `None` for one look at the end alone.
    pub period_ns: Option<i64>,
    /// What looks show.
    pub look: LookOptions,
}

impl Default for DriverOptions {
    /// Ten looks a second, of all rows.
    fn default() -> Self {
        Self { period_ns: Some(100_000_000), look: LookOptions::default() }
    }
}

/// Analyses all that a source gives on this thread, and ends the engine. `on_look` gets each look, the last one being exact and of
/// what there is in the end, with the engine to ask for details; it returns whether to go on.
///
/// # Errors
///
/// What the source fails with; all frames before were analysed and looked at.
pub fn drive(
    engine: &mut Engine,
    source: &mut impl FrameSource,
    options: &DriverOptions,
    mut on_look: impl FnMut(&mut Engine, &Delta) -> bool,
) -> Result<(), SourceError> {
    let mut cutter = Cutter::new(source, options.period_ns);
    let mut result = Ok(());
    loop {
        match advance(engine, &mut cutter, || false) {
            Ok(Some(Cut::Look(now))) => {
                engine.advance(now);
                engine.note_source(&cutter.source);
                let delta = engine.look(&options.look);
                if !on_look(engine, &delta) {
                    engine.end();
                    return Ok(());
                }
            }
            Ok(Some(Cut::Frames) | None) => {}
            Ok(Some(Cut::End)) => break,
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    // nothing more will come: what waited for more is counted, so that the last look and reports say what a file's do
    engine.end();
    engine.note_source(&cutter.source);
    let delta = engine.look(&LookOptions { exact: true, ..options.look.clone() });
    on_look(engine, &delta);
    result
}

/// Lets the engine work until a look is due, the source ends, or somebody asks for something.
fn advance<S: FrameSource>(
    engine: &mut Engine,
    cutter: &mut Cutter<S>,
    is_asked: impl Fn() -> bool,
) -> Result<Option<Cut>, SourceError> {
    let mut reached = None;
    engine.run(|batch| {
        if is_asked() {
            return Ok(false);
        }
        match cutter.fill(batch)? {
            Cut::Frames => Ok(true),
            other => {
                reached = Some(other);
                Ok::<_, SourceError>(false)
            }
        }
    })?;
    Ok(reached)
}

/// What the driver's thread is asked for.
enum Request {
    Detail(FlowId, Sender<Option<Box<Flow>>>),
    Report(FlowSelection, Sender<Analysis>),
    Look(LookOptions),
    Keep(BTreeSet<FlowId>),
    Work(Work),
}

/// What somebody wants done with the engine, between two batches.
type Work = Box<dyn FnOnce(&mut Engine, CaptureSummary) + Send>;

/// What is left when a driver ends.
#[derive(Debug)]
#[must_use = "the source may have failed"]
pub struct Ended {
    /// The engine, for a report.
    pub engine: Engine,
    /// What the source knows of its capture.
    pub capture: CaptureSummary,
    /// What the source failed with, if it did; all frames before were analysed.
    pub result: Result<(), SourceError>,
}

/// A source and an engine at work on a thread of their own. Dropping it ends the analysis.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    requests: Sender<Request>,
    thread: Option<JoinHandle<Ended>>,
}

impl Driver {
    /// Starts to analyse what a source gives.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(
        source: impl FrameSource + 'static,
        engine: Engine,
        options: DriverOptions,
    ) -> Result<Self, std::io::Error> {
        let shared = Arc::new(Shared::default());
        let (requests, asked) = channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("streamlens-driver".to_owned()).spawn(move || {
            Loop { shared: of_thread, asked, engine, look: options.look }.run(source, options.period_ns)
        })?;
        Ok(Self { shared, requests, thread: Some(thread) })
    }

    /// A reader that begins with the whole state.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The whole of a flow as in a document; `None` where it has ended.
    #[must_use]
    pub fn detail(&self, flow: FlowId) -> Option<Box<Flow>> {
        let (answer, answered) = channel();
        self.ask(Request::Detail(flow, answer));
        answered.recv().ok().flatten()
    }

    /// The document of what has been analysed so far, with these flows; once the source has ended it is that of
    /// [`Engine::finish`]. `None` where the driver's thread has failed.
    #[must_use]
    pub fn report(&self, selection: FlowSelection) -> Option<Analysis> {
        let (answer, answered) = channel();
        self.ask(Request::Report(selection, answer));
        answered.recv().ok()
    }

    /// What looks show from now on.
    pub fn show(&self, options: LookOptions) {
        self.ask(Request::Look(options));
    }

    /// Flows that do not end for want of room.
    pub fn keep(&self, flows: BTreeSet<FlowId>) {
        self.ask(Request::Keep(flows));
    }

    /// Has something done on the driver's thread between two batches, with what the source knows of its capture: whatever else
    /// there is to ask of the engine. Frames wait for it. It is not done where the thread has failed.
    pub fn with(&self, work: impl FnOnce(&mut Engine, CaptureSummary) + Send + 'static) {
        self.ask(Request::Work(Box::new(work)));
    }

    fn ask(&self, request: Request) {
        if self.requests.send(request).is_ok() {
            self.shared.call();
        }
    }

    /// Whether the source has ended: the state stands.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Ends the analysis.
    ///
    /// # Panics
    ///
    /// Where the driver's thread has panicked, with what it panicked with.
    pub fn stop(mut self) -> Ended {
        self.shared.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(end)) => end,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => unreachable!("the thread is there until it is taken here"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What runs on the driver's thread.
struct Loop {
    shared: Arc<Shared>,
    asked: Receiver<Request>,
    engine: Engine,
    look: LookOptions,
}

impl Loop {
    fn run(mut self, source: impl FrameSource, period_ns: Option<i64>) -> Ended {
        let _end = EndOnPanic(Arc::clone(&self.shared));
        let mut cutter = Cutter::new(source, period_ns);
        let mut result = Ok(());
        while !self.shared.is_stopped() {
            match advance(&mut self.engine, &mut cutter, || self.shared.is_called()) {
                Ok(Some(Cut::Look(now))) => {
                    self.engine.advance(now);
                    self.engine.note_source(&cutter.source);
                    self.publish(false);
                }
                Ok(Some(Cut::Frames) | None) => {}
                Ok(Some(Cut::End)) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            self.answer(&cutter.source);
        }
        if !self.shared.is_stopped() {
            // nothing more will come: what waited for more is counted, so that the last look and reports say what a file's do
            self.engine.end();
        }
        self.engine.note_source(&cutter.source);
        self.publish(true);
        self.shared.end();
        while !self.shared.is_stopped() {
            self.answer(&cutter.source);
            self.shared.wait_for_call();
        }
        Ended { engine: self.engine, capture: CaptureSummary::of(&cutter.source), result }
    }

    fn publish(&mut self, exact: bool) {
        let delta = self.engine.look(&LookOptions { exact, ..self.look.clone() });
        self.shared.publish(delta, || self.engine.state());
    }

    /// Answers what was asked.
    fn answer(&mut self, source: &impl FrameSource) {
        self.shared.answer_call();
        let mut look = None;
        while let Ok(request) = self.asked.try_recv() {
            // nobody waits for the answer where sending it fails
            match request {
                Request::Detail(flow, answer) => drop(answer.send(self.engine.detail(flow).map(Box::new))),
                Request::Report(selection, answer) => {
                    drop(answer.send(self.engine.report(CaptureSummary::of(source), selection)))
                }
                Request::Look(options) => look = Some(options),
                Request::Keep(flows) => self.engine.keep(flows),
                Request::Work(work) => work(&mut self.engine, CaptureSummary::of(source)),
            }
        }
        // one for all that were asked for while a batch was waited for: more than are kept would push out what readers follow on
        if let Some(options) = look {
            self.look = options;
            self.publish(self.shared.has_ended());
        }
        // a reader that begins, or has missed too much, wants the whole of the last look
        self.shared.serve_state(|| self.engine.state());
    }
}

/// Lets readers go where the thread panics.
struct EndOnPanic(Arc<Shared>);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        self.0.end();
    }
}
