//! An analysis that stands still, for tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use streamlens_engine::{Engine, EngineOptions, FlowSelection, LookOptions};
use streamlens_filter::Catalogue;
use streamlens_model::row::{Delta, FlowId};
use streamlens_model::{Analysis, CaptureSummary, Flow, FrameSource};
use streamlens_pcap::CaptureReader;
use streamlens_registry::DecoderRegistry;
use streamlens_tui::{Answer, Feed, Kind, Request, Status};

pub(crate) struct EngineFeed {
    pub(crate) engine: Engine,
    pub(crate) capture: CaptureSummary,
    pub(crate) kind: Kind,
    pub(crate) deltas: Vec<Arc<Delta>>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) asked: Vec<Request>,
    name: String,
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
        Self::open(&path).expect("the demo capture is there")
    }

    /// A capture, read to its end; `None` where it is none.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let source = CaptureReader::open(path).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(Self::of(source, name))
    }

    pub(crate) fn of(mut source: impl FrameSource, name: String) -> Self {
        let options = EngineOptions { threads: 1, ..EngineOptions::default() };
        let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
        // what can't be read to its end is shown as far as it goes
        let _ = engine.run(|batch| source.read_batch(batch));
        let delta = engine.look(&LookOptions { exact: true, ..LookOptions::default() });
        let capture = CaptureSummary::of(&source);
        Self {
            engine,
            capture,
            kind: Kind::File,
            deltas: vec![Arc::new(delta)],
            answers: Vec::new(),
            asked: Vec::new(),
            name,
        }
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

    fn status(&mut self) -> Status {
        Status { name: self.name.clone(), kind: self.kind, has_ended: true, ..Status::default() }
    }

    fn ask(&mut self, request: Request) {
        self.asked.push(request);
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}
