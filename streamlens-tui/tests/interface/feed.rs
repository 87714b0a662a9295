//! An analysis that stands still, for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use streamlens_engine::{Engine, EngineOptions, FlowSelection, LookOptions};
use streamlens_filter::Catalogue;
use streamlens_model::row::{Delta, FlowId};
use streamlens_model::{
    Analysis, CaptureSummary, DroppedBy, Flow, FrameBatch, FrameSource, LinkState, LiveCounts, RingUse, Timestamp,
};
use streamlens_pcap::CaptureReader;
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};
use streamlens_tui::{Answer, Feed, Kind, Request, Status};

pub(crate) struct EngineFeed {
    pub(crate) engine: Engine,
    pub(crate) capture: CaptureSummary,
    pub(crate) kind: Kind,
    pub(crate) deltas: Vec<Arc<Delta>>,
    /// What comes later.
    pub(crate) later: Vec<Arc<Delta>>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) asked: Vec<Request>,
    /// Which status there is beside the kind.
    pub(crate) status: Status,
    pub(crate) process: Vec<(&'static str, String)>,
    /// What is read again for charts.
    again: Option<PathBuf>,
    flows: u32,
}

/// Nanoseconds between two looks.
const TENTH: i64 = 100_000_000;

fn engine(options: EngineOptions) -> Engine {
    Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..options })
}

#[expect(clippy::disallowed_methods, reason = "an instant to count from; none is waited for")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

pub(crate) fn catalogue() -> Catalogue {
    let registry = DecoderRegistry::with_builtins();
    registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base))
}

impl EngineFeed {
    /// The demo capture.
    pub(crate) fn demo() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures/demo.pcapng");
        let mut feed = Self::open(&path).expect("the demo capture is there");
        feed.again = Some(path);
        feed
    }

    /// The demo capture as frames of an interface, looked at ten times a second.
    pub(crate) fn live() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures/demo.pcapng");
        let mut source = CaptureReader::open(&path).expect("the demo capture is there");
        let (mut engine, mut deltas) = (engine(EngineOptions::default()), Vec::new());
        let (mut batch, mut due) = (FrameBatch::default(), None);
        while source.read_batch(&mut batch).expect("it can be read") {
            for frame in batch.iter() {
                let time = frame.time.expect("a time");
                let look = *due.get_or_insert(Timestamp::from_nanos(time.as_nanos() + TENTH));
                if time >= look {
                    engine.advance(look);
                    deltas.push(Arc::new(engine.look(&LookOptions::default())));
                    due = Some(Timestamp::from_nanos(look.as_nanos() + TENTH));
                }
                engine.push(&frame);
            }
        }
        let ring = RingUse { bytes: 64 << 20, waited: 2 << 20 };
        let mut capture = CaptureSummary::of(&source);
        for interface in &mut capture.interfaces {
            interface.name = Some("eth0".to_owned());
            interface.speed = Some(1_000_000_000);
            let (link, dropped) = (Some(LinkState::Up), DroppedBy { ring: 0, adapter: Some(0) });
            interface.counts =
                Some(LiveCounts { accepted: 1260, dropped, ring: Some(ring), link, ..LiveCounts::default() });
        }
        let mut feed = Self::with(engine, capture, deltas, "eth0".to_owned());
        feed.later = feed.deltas.split_off(5);
        (feed.kind, feed.status.has_ended, feed.status.stamps) = (Kind::Live, false, "kernel".to_owned());
        (feed.status.dropped, feed.status.ring) = (Some(0), Some(ring));
        feed.process = [
            ("memory", "48 MB"),
            ("packets kept", "those of the last 4 s, in 1.05 MB"),
            ("sandbox", "writes into /home/flight alone"),
            ("sandbox", "reads no file, connects nowhere, has no capability and gets none"),
        ]
        .map(|(name, text)| (name, text.to_owned()))
        .to_vec();
        feed
    }

    /// An interface with so many flows of RTP, to be gone on with by [`Self::round`].
    pub(crate) fn many(flows: u32) -> Self {
        let options = EngineOptions { max_flows: 1 << 17, ..EngineOptions::live() };
        let mut feed = Self::with(engine(options), CaptureSummary::default(), Vec::new(), "eth0".to_owned());
        (feed.kind, feed.status.has_ended, feed.flows) = (Kind::Live, false, flows);
        feed
    }

    /// The frames of a tenth of a second: one of each flow.
    pub(crate) fn frames(&self, round: u32) -> FrameBatch {
        let mut batch = FrameBatch::default();
        for flow in 0..self.flows {
            let [_, high, middle, low] = flow.to_be_bytes();
            let (from, to) = (Host::new([10, high, middle, low]), Host::new([11, high, middle, low]));
            let mut packet = vec![0x80, 97];
            packet.extend((round as u16).to_be_bytes());
            packet.extend((round * 4800).to_be_bytes());
            packet.extend(flow.to_be_bytes());
            packet.resize(12 + 60, 0);
            let data = udp((from, 5004), (to, 5004), &packet);
            let time = 1_700_000_000_000_000_000 + i64::from(round) * TENTH + i64::from(flow) * 1500;
            batch.push(&Made { time, data }.frame());
        }
        batch
    }

    /// A tenth of a second passes.
    pub(crate) fn round(&mut self, round: u32) {
        let batch = self.frames(round);
        self.look_at(&batch);
    }

    /// These frames come, and are looked at.
    pub(crate) fn look_at(&mut self, batch: &FrameBatch) {
        self.engine.push_batch(batch);
        self.deltas.push(Arc::new(self.engine.look(&LookOptions::default())));
    }

    /// A capture, read to its end; `None` where it is none.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let source = CaptureReader::open(path).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(Self::of(source, name))
    }

    pub(crate) fn of(mut source: impl FrameSource, name: String) -> Self {
        let mut engine = engine(EngineOptions::default());
        // what can't be read to its end is shown as far as it goes
        let _ = engine.run(|batch| source.read_batch(batch));
        let delta = engine.look(&LookOptions { exact: true, ..LookOptions::default() });
        Self::with(engine, CaptureSummary::of(&source), vec![Arc::new(delta)], name)
    }

    fn with(engine: Engine, capture: CaptureSummary, deltas: Vec<Arc<Delta>>, name: String) -> Self {
        let status = Status { name, has_ended: true, ..Status::default() };
        let (kind, again, process) = (Kind::File, None, Vec::new());
        let (later, answers, asked) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, capture, kind, deltas, later, answers, asked, status, process, again, flows: 0 }
    }

    pub(crate) fn report(&mut self) -> Analysis {
        self.engine.report(self.capture.clone(), FlowSelection::default())
    }
}

impl Feed for EngineFeed {
    fn changes(&mut self) -> Vec<Arc<Delta>> {
        std::mem::take(&mut self.deltas)
    }

    fn detail(&mut self, flow: FlowId) -> Option<Box<Flow>> {
        self.engine.detail(flow).map(Box::new)
    }

    fn capture(&mut self) -> Option<Box<CaptureSummary>> {
        Some(Box::new(self.report().capture))
    }

    fn process(&mut self) -> Vec<(&'static str, String)> {
        self.process.clone()
    }

    fn status(&mut self) -> Status {
        Status { kind: self.kind, ..self.status.clone() }
    }

    fn ask(&mut self, request: Request) {
        if let (Request::Series(flow, step), Some(path)) = (&request, &self.again) {
            let mut source = CaptureReader::open(path).expect("it was opened before");
            let (interval_ns, burst_windows_ns) = (Some(*step), vec![1_000_000, 10_000_000]);
            let mut engine = engine(EngineOptions { interval_ns, burst_windows_ns, ..EngineOptions::default() });
            engine.run(|batch| source.read_batch(batch)).expect("it was read before");
            engine.look(&LookOptions { exact: true, ..LookOptions::default() });
            let series = engine.detail(*flow).map(Box::new);
            self.answers.extend(series.map(|series| Answer::Series(*flow, Ok(series))));
        }
        self.asked.push(request);
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}
