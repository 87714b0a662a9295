//! `--on-finding` and `--buffer`: the last moments are kept, and what passed around a finding is written.

use streamlens::engine::Engine;
use streamlens::model::row::Delta;
use streamlens::model::{CaptureSummary, FrameSource, SourceError};

use crate::live_args::LiveArgs;

/// Reads a source with looks. `read` gets the source to read, and what each look is to be shown to.
#[cfg(feature = "live")]
pub(crate) fn watch(
    mut source: impl FrameSource,
    args: &LiveArgs,
    read: impl FnOnce(&mut dyn FrameSource, &mut dyn FnMut(&Delta)) -> Result<Engine, SourceError>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    use streamlens_live::{OnFinding, Remember};

    let Some(options) = options(args) else {
        let engine = read(&mut source, &mut |_| {})?;
        return Ok((engine, CaptureSummary::of(&source)));
    };
    let mut source = Remember::new(source, limits(args));
    let mut on_finding = OnFinding::new(options, source.moments());
    let engine = read(&mut source, &mut |delta| on_finding.look(delta).iter().for_each(|text| crate::exit::say(text)))?;
    // the last look comes behind the last frame
    source.gather_warnings();
    Ok((engine, CaptureSummary::of(&source)))
}

/// As above; nothing is kept.
#[cfg(not(feature = "live"))]
pub(crate) fn watch(
    mut source: impl FrameSource,
    _: &LiveArgs,
    read: impl FnOnce(&mut dyn FrameSource, &mut dyn FnMut(&Delta)) -> Result<Engine, SourceError>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    let engine = read(&mut source, &mut |_| {})?;
    Ok((engine, CaptureSummary::of(&source)))
}

/// Nanoseconds that a finding may come up behind the frame that it is about, and that are kept beside what is asked for.
#[cfg(feature = "live")]
const LATE_NS: u64 = 5_000_000_000;

/// What is written, where that is asked for.
#[cfg(feature = "live")]
fn options(args: &LiveArgs) -> Option<streamlens_live::OnFindingOptions> {
    let chosen = args.on_finding.clone()?;
    let mut options = streamlens_live::OnFindingOptions {
        severity: chosen.severity,
        prefix: chosen.prefix,
        folder: args.folder(),
        ..Default::default()
    };
    if let Some((Some(nanos), _)) = args.buffer_limits() {
        options.before_ns = options.before_ns.min(nanos);
    }
    Some(options)
}

/// What is kept.
#[cfg(feature = "live")]
fn limits(args: &LiveArgs) -> streamlens_live::BufferLimits {
    let (nanos, bytes) = match args.buffer_limits() {
        None => (Some(10_000_000_000), 256 << 20),
        Some((nanos, bytes)) => (nanos, bytes.unwrap_or(1 << 30)),
    };
    streamlens_live::BufferLimits { nanos: nanos.map(|nanos| nanos.saturating_add(LATE_NS)), bytes }
}

/// Says what is wrong with these options before anything is opened.
pub(crate) fn check(args: &LiveArgs) -> Result<(), crate::exit::Failure> {
    use crate::exit::{Failure, say};

    if args.on_finding.is_none() {
        if !args.buffer.is_empty() {
            say("--buffer is what --on-finding writes from, which is not asked for");
        }
        return Ok(());
    }
    if cfg!(not(feature = "live")) {
        return Err(Failure::usage("this build has no --on-finding; it needs the feature `live`".to_owned()));
    }
    let folder = args.folder();
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!("--write-dir {}: is no folder; make it, or name another", folder.display())))
}
