//! Opens the captures and watches over their reading: progress, Ctrl-C, and failures of the system in the middle.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens::Analyzer;
use streamlens::engine::Engine;
use streamlens::model::words::Times;
use streamlens::model::{CaptureSummary, FrameBatch, FrameSource, SourceError, SourceLayer, Warning, WarningInfo};
use streamlens::pcap::{CaptureReader, MergedReader, ReaderOptions};
use streamlens_filter::Filter;
use streamlens_live::{LoopSource, ReplaySource};

use crate::args::AnalyzeArgs;
use crate::progress::Progress;
use crate::updates;

/// The code of the warning about a file that is given more than once.
const GIVEN_TWICE: &str = "capture.given-twice";

/// The codes of the warnings that the command adds to those of reading.
pub(crate) const WARNINGS: &[WarningInfo] =
    &[WarningInfo::new(GIVEN_TWICE, "A file is given more than once: each of its frames counts as often.")];

/// Status of a program that Ctrl-C ended, by the custom of shells.
const INTERRUPTED: i32 = 130;

/// Whether a capture comes through a pipe: who watches wants its frames as they come, not a buffer at a time.
pub(crate) fn is_piped(captures: &[PathBuf]) -> bool {
    captures.iter().any(|path| path.as_os_str() == "-" || std::fs::metadata(path).is_ok_and(|of| !of.is_file()))
}

/// Reads the captures, merged by time where they are several. Gives the engine with what is known of the capture.
pub(crate) fn read(
    analyzer: &Analyzer,
    args: &AnalyzeArgs,
    filter: Option<&Filter>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    let (captures, follow) = (args.captures(), args.follow);
    let low_latency = args.every.is_some() && is_piped(&captures);
    let options = ReaderOptions { follow, low_latency, ..ReaderOptions::default() };
    let is_endless = follow || args.replay.is_some() || captures.iter().any(|path| path.as_os_str() == "-");
    if is_endless {
        // where it can't be had, Ctrl-C ends the command without a result, as it does for files
        let _ = end_on_interrupt(&options.stop);
    }
    let hint = match (follow, is_endless) {
        (true, _) => "; Ctrl-C ends and shows the result",
        (false, true) => "; shown when the input ends or at Ctrl-C",
        (false, false) => "",
    };
    let (progress, stop) = (Progress::on_stderr(hint), Arc::clone(&options.stop));
    if args.is_looped {
        if captures.iter().any(|path| path.as_os_str() == "-") {
            let why = io::Error::other("--loop: standard input can't be read a second time; name a file");
            return Err(SourceError::new("-", false, why));
        }
        let source = LoopSource::new(move || open(&captures, &options))?;
        return paced(analyzer, source, (progress, stop), args, filter);
    }
    let source = open(&captures, &options)?;
    let (engine, mut summary) = paced(analyzer, source, (progress, stop), args, filter)?;
    summary.warnings.extend(given_twice(&captures));
    Ok((engine, summary))
}

/// A warning for each file that is given more than once.
fn given_twice(captures: &[PathBuf]) -> Vec<Warning> {
    let files: Vec<_> = captures.iter().filter_map(|path| Some((path, std::fs::canonicalize(path).ok()?))).collect();
    let times = |file: &PathBuf, until: usize| files.iter().take(until).filter(|(_, other)| other == file).count();
    let is_last = |place: usize, file: &PathBuf| times(file, files.len()) == times(file, place + 1);
    let twice = files.iter().enumerate().filter(|(place, (_, file))| times(file, *place) > 0 && is_last(*place, file));
    let warning = |(_, (path, file)): (usize, &(&PathBuf, PathBuf))| Warning {
        code: GIVEN_TWICE.into(),
        path: Some((*path).clone()),
        byte: None,
        after_frame: None,
        text: format!(
            "the file is given {}: each of its frames counts as often",
            Times(times(file, files.len()) as u64)
        ),
        incomplete: false,
    };
    twice.map(warning).collect()
}

/// Opens the captures as one source.
pub(crate) fn open(captures: &[PathBuf], options: &ReaderOptions) -> Result<Box<dyn FrameSource>, SourceError> {
    let mut readers =
        captures.iter().map(|path| CaptureReader::open_with(path, options)).collect::<Result<Vec<_>, _>>()?;
    Ok(match readers.pop() {
        Some(only) if readers.is_empty() => Box::new(only),
        last => Box::new(MergedReader::new(readers.into_iter().chain(last).collect())),
    })
}

/// Reads a source as fast as it goes, or at the pace that `--replay` asks for, until it is stopped.
fn paced(
    analyzer: &Analyzer,
    source: impl FrameSource,
    (progress, stop): (Progress, Arc<AtomicBool>),
    args: &AnalyzeArgs,
    filter: Option<&Filter>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    match args.replay {
        Some(speed) => {
            let source = ReplaySource::new(source, speed);
            updates::read(analyzer, Watched { source, progress, stop, frames: 0 }, args, filter)
        }
        None => updates::read(analyzer, Watched { source, progress, stop, frames: 0 }, args, filter),
    }
}

/// The first Ctrl-C (or SIGTERM of a service manager, or SIGHUP of a terminal that went away) raises the flag, the second ends the
/// command at once.
pub(crate) fn end_on_interrupt(stop: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // in this order: the second signal has to find the flag that the first one raised
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

/// A source that someone watches.
struct Watched<S> {
    source: S,
    progress: Progress,
    stop: Arc<AtomicBool>,
    frames: u64,
}

impl<S: FrameSource> SourceLayer for Watched<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            batch.clear();
            return Ok(false);
        }
        match self.source.read_batch(batch) {
            Ok(more) => {
                self.frames += batch.len() as u64;
                self.progress.update(self.source.position(), self.frames);
                Ok(more)
            }
            // what was read is shown; one of the source's warnings says what failed and where
            Err(_) if self.frames > 0 => {
                batch.clear();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
