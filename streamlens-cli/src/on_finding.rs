//! `--on-finding` and `--buffer`: the last moments are kept, and what passed around a finding is written.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use streamlens::engine::{Engine, finding_codes};
use streamlens::model::row::Delta;
use streamlens::model::{CaptureSummary, FrameSource, SourceError};
use streamlens::registry::DecoderRegistry;

use crate::live_args::LiveArgs;

/// Reads a source with looks. `read` gets the source to read, and what each look is to be shown to.
#[cfg(any(feature = "live", feature = "pcap"))]
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
#[cfg(not(any(feature = "live", feature = "pcap")))]
pub(crate) fn watch(
    mut source: impl FrameSource,
    _: &LiveArgs,
    read: impl FnOnce(&mut dyn FrameSource, &mut dyn FnMut(&Delta)) -> Result<Engine, SourceError>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    let engine = read(&mut source, &mut |_| {})?;
    Ok((engine, CaptureSummary::of(&source)))
}

/// Nanoseconds that a finding may come up behind the frame that it is about, and that are kept beside what is asked for.
#[cfg(any(feature = "live", feature = "pcap"))]
const LATE_NS: u64 = 5_000_000_000;

/// What is written, where that is asked for.
#[cfg(any(feature = "live", feature = "pcap"))]
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
#[cfg(any(feature = "live", feature = "pcap"))]
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
    if cfg!(not(any(feature = "live", feature = "pcap"))) {
        return Err(Failure::usage("this build has no --on-finding; it needs the feature `live`".to_owned()));
    }
    if let Some(chosen) = &args.on_finding {
        let codes = finding_codes(&DecoderRegistry::with_builtins());
        if !codes.iter().any(|code| code.starts_with(&chosen.prefix)) {
            let protocols: BTreeSet<&str> = codes.iter().filter_map(|code| code.split('.').next()).collect();
            let known = codes.iter().map(String::as_str).chain(protocols);
            let near = streamlens_filter::nearest(&chosen.prefix, known);
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Failure::usage(format!(
                "--on-finding: no finding has a code that begins with '{}'{near}; `streamlens findings` lists them",
                chosen.prefix
            )));
        }
    }
    let folder = args.folder();
    if !folder.is_dir() {
        let text = format!("--write-dir {}: is no folder; make it, or name another", folder.display());
        return Err(Failure::usage(text));
    }
    let refused = |why| format!("--write-dir {}: can't be written to: {why}; name another folder", folder.display());
    try_to_write_in(&folder).map_err(|why| Failure::usage(refused(why)))
}

/// Makes a file in a folder and deletes it: whether the first finding can have one is to be known before there is a finding.
fn try_to_write_in(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".streamlens-{}", std::process::id()));
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(_) => fs::remove_file(&path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
