//! Captures are read a second time: for the packets of some flows, and for charts of the whole capture.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::row::FlowId;
use streamlens::model::{Frame, FrameBatch, FrameSource, Interface, Timestamp};
use streamlens::pcap::PcapngWriter;
use streamlens::registry::DecoderRegistry;
use streamlens_tui::{Answer, Packets};

use super::picked::{Analysis, Pick, Row};
use super::source::Moments;

/// Makes a file of what `write` writes; none is left where that fails.
fn create<T>(path: &Path, write: impl FnOnce(BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    // never over a file that is there: it may be the one that is read
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    write(BufWriter::new(file)).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

/// Writes packets of captures that are read again, first those to look for the packets of a row in; what there is to say of it.
pub(super) fn write(
    (first, mut source): (Option<Box<dyn FrameSource>>, Box<dyn FrameSource>),
    packets: Packets,
    path: &Path,
    analysis: &Analysis,
) -> String {
    let of_row = match first.zip(Row::of(&packets, analysis)) {
        None => None,
        Some((mut first, mut row)) => {
            let read = each(&mut *first, |_, frame| {
                row.push(frame);
                Ok(())
            });
            match read.map_err(|error| error.to_string()).and_then(|()| row.frames()) {
                Ok(frames) => Some(frames),
                Err(why) => return why,
            }
        }
    };
    let pick = Pick::new(packets, of_row, analysis);
    said(create(path, |out| copy(&mut *source, pick, out)), path, "")
}

/// Reads all frames of a source, with the interfaces that are known by then.
fn each(
    source: &mut dyn FrameSource,
    mut see: impl FnMut(&[Interface], &Frame<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut batch = FrameBatch::default();
    while source.read_batch(&mut batch).map_err(|error| io::Error::other(error.to_string()))? {
        for frame in batch.iter() {
            see(source.interfaces(), &frame)?;
        }
    }
    Ok(())
}

fn copy(source: &mut dyn FrameSource, mut pick: Pick, out: impl io::Write) -> io::Result<u64> {
    let mut writer = PcapngWriter::new(out, source.interfaces())?;
    let mut frames = 0;
    each(source, |interfaces, frame| {
        for interface in interfaces.iter().skip(writer.interfaces() as usize) {
            writer.interface(interface)?;
        }
        if pick.takes(frame) {
            writer.frame(frame)?;
            frames += 1;
        }
        Ok(())
    })?;
    writer.flush()?;
    Ok(frames)
}

/// Writes packets of the last moments; what there is to say of it.
#[cfg(any(feature = "live", feature = "pcap"))]
pub(super) fn write_moments(
    moments: &Moments,
    packets: Packets,
    path: &Path,
    now: Option<Timestamp>,
    analysis: &Analysis,
) -> String {
    let all = Timestamp::from_nanos(i64::MIN)..=Timestamp::from_nanos(i64::MAX);
    let written = match Row::of(&packets, analysis) {
        None => {
            let mut pick = Pick::new(packets, None, analysis);
            create(path, |out| moments.write(all, |frame| pick.takes(frame), out))
        }
        Some(mut row) => {
            // those of the flow are set aside first: which of them are the row's is known behind the last one
            let (mut of_flow, mut pick) = (Vec::new(), Pick::new(Packets { row: None, ..packets }, None, analysis));
            let read = moments.write(
                all.clone(),
                |frame| {
                    if pick.takes(frame) {
                        row.push(frame);
                        of_flow.push(frame.number);
                    }
                    false
                },
                io::sink(),
            );
            let frames = match row.frames() {
                Ok(frames) => frames,
                Err(why) => return why,
            };
            let is_of_row = |frame: &Frame<'_>| {
                of_flow.binary_search(&frame.number).is_ok_and(|place| frames.contains(place as u64 + 1))
            };
            read.and_then(|_| create(path, |out| moments.write(all, is_of_row, out)))
        }
    };
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
pub(super) fn write_moments(_: &Moments, _: Packets, _: &Path, _: Option<Timestamp>, _: &Analysis) -> String {
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

#[cfg(all(test, any(feature = "live", feature = "pcap")))]
mod tests;
