//! From captures to an analysis.

use std::path::Path;

use streamlens_engine::{Engine, EngineOptions, FlowSelection};
use streamlens_model::{Analysis, CaptureSummary, FirstFrames, FrameSource, SourceError};
use streamlens_pcap::{CaptureReader, MergedReader};
use streamlens_registry::DecoderRegistry;

/// Analyses a capture file with the built-in decoders.
///
/// # Errors
///
/// Where the file can't be opened or is no capture: [`SourceError::get_ref`] is a [`CaptureError`](streamlens_pcap::CaptureError).
/// A capture that is damaged gives an analysis with warnings.
pub fn analyze(path: impl AsRef<Path>) -> Result<Analysis, SourceError> {
    Analyzer::default().run(CaptureReader::open(path)?)
}

/// Analyses captures with chosen decoders and options.
#[derive(Clone)]
pub struct Analyzer {
    /// The decoders; the built-in ones unless changed.
    pub registry: DecoderRegistry,
    /// What the engine is told.
    pub options: EngineOptions,
    /// Frames after which reading stops.
    pub max_frames: Option<u64>,
    /// Which flows the result holds; all unless changed.
    pub selection: FlowSelection,
}

impl Default for Analyzer {
    fn default() -> Self {
        Self {
            registry: DecoderRegistry::with_builtins(),
            options: EngineOptions::default(),
            max_frames: None,
            selection: FlowSelection::default(),
        }
    }
}

impl Analyzer {
    /// Analyses all that a source gives.
    ///
    /// # Errors
    ///
    /// Where the system fails to read it.
    pub fn run(&self, source: impl FrameSource) -> Result<Analysis, SourceError> {
        let (mut engine, capture) = self.read(source)?;
        Ok(engine.report(capture, self.selection))
    }

    /// Reads all that a source gives, and leaves the report to be made: by [`Engine::report_to`] where it may not fit into
    /// memory. Beside the engine it returns what the source knows of the capture.
    ///
    /// # Errors
    ///
    /// Where the system fails to read it.
    pub fn read(&self, source: impl FrameSource) -> Result<(Engine, CaptureSummary), SourceError> {
        let mut engine = Engine::new(self.registry.clone(), self.options.clone());
        let mut source = FirstFrames::new(source, self.max_frames);
        engine.run(|batch| source.read_batch(batch))?;
        engine.end();
        Ok((engine, CaptureSummary::of(&source)))
    }

    /// Analyses several captures as one, merged by time.
    ///
    /// # Errors
    ///
    /// Where one of them can't be opened or read.
    pub fn run_files(&self, paths: &[impl AsRef<Path>]) -> Result<Analysis, SourceError> {
        let mut readers = paths.iter().map(CaptureReader::open).collect::<Result<Vec<_>, _>>()?;
        match readers.pop() {
            Some(only) if readers.is_empty() => self.run(only),
            last => self.run(MergedReader::new(readers.into_iter().chain(last).collect())),
        }
    }
}
