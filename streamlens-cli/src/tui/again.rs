//! Captures are read a second time: for the packets of some flows, and for charts of the whole capture.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use streamlens::engine::{Engine, EngineOptions, FlowFinder, LookOptions};
use streamlens::model::row::FlowId;
use streamlens::model::{Frame, FrameBatch, FrameSource, Timestamp};
use streamlens::pcap::PcapngWriter;
use streamlens::registry::DecoderRegistry;
use streamlens_tui::{Answer, Packets};

use super::source::Moments;

/// Picks the packets that were asked for.
struct Pick {
    packets: Packets,
    finder: FlowFinder,
}

impl Pick {
    fn new(packets: Packets) -> Self {
        Self { packets, finder: FlowFinder::default() }
    }

    fn takes(&mut self, frame: &Frame<'_>) -> bool {
        let Packets { flows, span } = &self.packets;
        // first fragments are to be known whatever their time
        let is_of_flow = flows.is_empty() || self.finder.flow_of(frame).is_some_and(|flow| flows.contains(&flow));
        is_of_flow && span.as_ref().is_none_or(|span| frame.time.is_some_and(|time| span.contains(&time)))
    }
}

/// Makes a file of what `write` writes; none is left where that fails.
fn create<T>(path: &Path, write: impl FnOnce(BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    // never over a file that is there: it may be the one that is read
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    write(BufWriter::new(file)).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

/// Writes packets of captures that are read again; what there is to say of it.
pub(super) fn write(mut source: Box<dyn FrameSource>, packets: Packets, path: &Path) -> String {
    let written = create(path, |out| copy(&mut *source, packets, out));
    said(written, path, "")
}

fn copy(source: &mut dyn FrameSource, packets: Packets, out: impl io::Write) -> io::Result<u64> {
    let mut pick = Pick::new(packets);
    let mut writer = PcapngWriter::new(out, source.interfaces())?;
    let (mut batch, mut frames) = (FrameBatch::default(), 0);
    while source.read_batch(&mut batch).map_err(|error| io::Error::other(error.to_string()))? {
        for interface in source.interfaces().iter().skip(writer.interfaces() as usize) {
            writer.interface(interface)?;
        }
        for frame in batch.iter().filter(|frame| pick.takes(frame)) {
            writer.frame(&frame)?;
            frames += 1;
        }
    }
    writer.flush()?;
    Ok(frames)
}

/// Writes packets of the last moments; what there is to say of it.
#[cfg(any(feature = "live", feature = "pcap"))]
pub(super) fn write_moments(moments: &Moments, packets: Packets, path: &Path, now: Option<Timestamp>) -> String {
    let all = Timestamp::from_nanos(i64::MIN)..=Timestamp::from_nanos(i64::MAX);
    let mut pick = Pick::new(packets);
    let written = create(path, |out| moments.write(all, |frame| pick.takes(frame), out));
    if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        // the rights to other folders were given up with the others
        let folders = "live capture can only write to the folder that it was started in, or that --write-dir names";
        return format!("{}: {folders}", path.display());
    }
    let oldest = written.as_ref().ok().and_then(|written| written.oldest);
    let back = oldest.zip(now).map(|(oldest, now)| now.since(oldest).max(0) as f64 * 1e-9);
    let back = back.map_or_else(String::new, |seconds| format!("; the buffer goes back {seconds:.1} s"));
    said(written.map(|written| written.frames), path, &back)
}

#[cfg(not(any(feature = "live", feature = "pcap")))]
pub(super) fn write_moments(_: &Moments, _: Packets, _: &Path, _: Option<Timestamp>) -> String {
    "this build keeps no packets".to_owned()
}

fn said(written: io::Result<u64>, path: &Path, back: &str) -> String {
    let name = path.display();
    match written {
        Ok(frames) => format!("wrote {} to {name}{back}", streamlens::model::words::counted(frames, "frame")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            format!("{name} is there already; name another file")
        }
        Err(error) => format!("{name}: {error}"),
    }
}

/// Reads captures again with counts per interval of time, and answers with the flow; and with the share that is read
/// meanwhile.
pub(super) fn series(
    mut source: Box<dyn FrameSource>,
    registry: DecoderRegistry,
    options: EngineOptions,
    flow: FlowId,
    answers: &Sender<Answer>,
    is_over: &Arc<AtomicBool>,
) {
    let mut engine = Engine::new(registry, options);
    let mut percent = 0;
    let read = engine.run(|batch| {
        let position = source.position();
        let total = position.total_bytes.unwrap_or(0).max(1);
        let now = position.read_bytes.saturating_mul(100) / total;
        if now > percent {
            percent = now;
            let _ = answers.send(Answer::Series(flow, Err(now.min(100) as f64 / 100.0)));
        }
        Ok::<_, streamlens::model::SourceError>(!is_over.load(Ordering::Relaxed) && source.read_batch(batch)?)
    });
    if read.is_err() || is_over.load(Ordering::Relaxed) {
        return;
    }
    // a look settles what spans flows, as it did when they were read first
    engine.look(&LookOptions { exact: true, ..LookOptions::default() });
    if let Some(flow_again) = engine.detail(flow) {
        let _ = answers.send(Answer::Series(flow, Ok(Box::new(flow_again))));
    }
}
