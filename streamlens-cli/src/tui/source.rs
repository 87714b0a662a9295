//! What is read, and what there is to say of it while it is.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamlens::model::{FirstFrames, FrameBatch, FrameSource, Position, RingUse, SourceError, SourceLayer};
use streamlens::pcap::ReaderOptions;
use streamlens_live::{LoopSource, ReplaySource};
use streamlens_tui::Kind;

use crate::args::AnalyzeArgs;
use crate::exit::Failure;

/// What a source tells while it is read on another thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) position: Position,
    pub(super) dropped: Option<u64>,
    pub(super) ring: Option<RingUse>,
    /// Which rights were given up, in sentences; none where that is not for this source.
    pub(super) sandbox: Vec<String>,
    pub(super) notices: Vec<String>,
    /// What is wrong where something could not be read: in a word, and in a sentence.
    pub(super) lacking: Option<(&'static str, String)>,
    pub(super) stamps: &'static str,
    /// What it failed with, and whether that is for want of rights.
    pub(super) failure: Option<String>,
}

/// A source that is read by the driver, and how to end it.
pub(super) struct Opened {
    pub(super) source: Box<dyn FrameSource>,
    pub(super) kind: Kind,
    pub(super) told: Arc<Mutex<Told>>,
    pub(super) stop: Arc<AtomicBool>,
    /// The last moments, where packets can't be read again.
    pub(super) moments: Option<Moments>,
}

/// Opens what the options ask for.
pub(super) fn open(args: &AnalyzeArgs) -> Result<Opened, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::new(Mutex::new(Told::default()));
    let mut moments = None;
    let (source, kind): (Box<dyn FrameSource>, Kind) = if args.live.is_asked() {
        (remembered(live(args, &stop, &told)?, args, &mut moments), Kind::Live)
    } else {
        let captures = captures(args, &stop)?;
        match args.replay {
            Some(speed) => (Box::new(ReplaySource::new(captures, speed)), Kind::Replay),
            None if args.follow => (captures, Kind::Replay),
            None => (captures, Kind::File),
        }
    };
    let watched = Watched { source, told: Arc::clone(&told), stop: Arc::clone(&stop) };
    Ok(Opened { source: Box::new(watched), kind, told, stop, moments })
}

/// The last moments of a source.
#[cfg(any(feature = "live", feature = "pcap"))]
pub(super) type Moments = streamlens_live::Moments;
#[cfg(not(any(feature = "live", feature = "pcap")))]
pub(super) type Moments = ();

/// The source with its last moments kept: those that `--buffer` asks for, or 30 s and 256 MiB.
#[cfg(any(feature = "live", feature = "pcap"))]
fn remembered(source: Box<dyn FrameSource>, args: &AnalyzeArgs, moments: &mut Option<Moments>) -> Box<dyn FrameSource> {
    let (nanos, bytes) = args.live.buffer_limits().unwrap_or((Some(30_000_000_000), None));
    let bytes = bytes.unwrap_or(if args.live.buffer.is_empty() { 256 << 20 } else { 1 << 30 });
    let source = streamlens_live::Remember::new(source, streamlens_live::BufferLimits { nanos, bytes });
    *moments = Some(source.moments());
    Box::new(source)
}

#[cfg(not(any(feature = "live", feature = "pcap")))]
fn remembered(source: Box<dyn FrameSource>, _: &AnalyzeArgs, _: &mut Option<Moments>) -> Box<dyn FrameSource> {
    source
}

/// The captures as one source, as they are now: none is waited for to grow, and none begins again behind its end.
pub(super) fn captures_once(args: &AnalyzeArgs) -> Result<Box<dyn FrameSource>, Failure> {
    opened(args, &ReaderOptions::default())
}

fn opened(args: &AnalyzeArgs, options: &ReaderOptions) -> Result<Box<dyn FrameSource>, Failure> {
    let source = crate::source::open(&args.captures(), options)?;
    Ok(match args.count {
        Some(count) => Box::new(FirstFrames::new(source, Some(count))),
        None => source,
    })
}

/// The captures as one source.
fn captures(args: &AnalyzeArgs, stop: &Arc<AtomicBool>) -> Result<Box<dyn FrameSource>, Failure> {
    let (captures, follow) = (args.captures(), args.follow);
    let low_latency = crate::source::is_piped(&captures);
    let options = ReaderOptions { follow, low_latency, stop: Arc::clone(stop), ..ReaderOptions::default() };
    if !args.is_looped {
        return opened(args, &options);
    }
    if captures.iter().any(|path| path.as_os_str() == "-") {
        let why = io::Error::other("--loop: standard input can't be read a second time; name a file");
        return Err(SourceError::new("-", false, why).into());
    }
    Ok(Box::new(LoopSource::new(move || crate::source::open(&captures, &options))?))
}

#[cfg(any(feature = "pcap", all(feature = "live", target_os = "linux")))]
fn live(args: &AnalyzeArgs, stop: &Arc<AtomicBool>, of: &Mutex<Told>) -> Result<Box<dyn FrameSource>, Failure> {
    let recorder = crate::live::open(args, Arc::clone(stop))?;
    told(of).sandbox = match args.live.no_sandbox {
        true => vec!["none (--no-sandbox): all rights are kept".to_owned()],
        false => crate::live::confine(&args.live, Some(args.live.folder())),
    };
    Ok(Box::new(recorder))
}

#[cfg(not(any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
fn live(args: &AnalyzeArgs, stop: &Arc<AtomicBool>, _: &Mutex<Told>) -> Result<Box<dyn FrameSource>, Failure> {
    crate::live::open(args, Arc::clone(stop))
}

/// A source that tells how it stands.
struct Watched {
    source: Box<dyn FrameSource>,
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
}

/// What a source tells.
pub(super) fn told(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    fn tell(&self) {
        let mut told = told(&self.told);
        told.position = self.source.position();
        told.stamps = self.source.timestamp_source();
        let counts = || self.source.interfaces().iter().filter_map(|interface| interface.counts);
        told.dropped = counts().map(|counts| counts.dropped.ring).reduce(|sum, more| sum + more);
        let rings = counts().filter_map(|counts| counts.ring);
        told.ring =
            rings.reduce(|sum, ring| RingUse { bytes: sum.bytes + ring.bytes, waited: sum.waited + ring.waited });
        let warnings = self.source.warnings();
        if warnings.iter().map(|warning| &warning.text).ne(&told.notices) {
            told.notices = warnings.iter().map(|warning| warning.text.clone()).collect();
            let mut lacking = warnings.iter().filter(|warning| warning.incomplete);
            told.lacking = lacking.next().map(|first| {
                let word = if first.code == "capture.truncated" { "cut off" } else { "damaged" };
                let name = first
                    .path
                    .as_ref()
                    .map_or_else(|| self.source.name().to_owned(), |path| path.display().to_string());
                (word, format!("{name}: {}", first.text))
            });
        }
    }
}

impl SourceLayer for Watched {
    type Below = dyn FrameSource;

    fn below(&self) -> &Self::Below {
        &*self.source
    }

    fn below_mut(&mut self) -> &mut Self::Below {
        &mut *self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            batch.clear();
            return Ok(false);
        }
        let more = self.source.read_batch(batch);
        self.tell();
        if let Err(error) = &more {
            told(&self.told).failure = Some(error.to_string());
        }
        more
    }
}
