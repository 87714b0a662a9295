//! Live capture: opens interfaces and files, gives up rights, and watches over the reading.

#[cfg(all(feature = "live", feature = "tui", target_os = "linux"))]
pub(crate) use linux::{confine, open};
#[cfg(all(feature = "live", target_os = "linux"))]
pub(crate) use linux::{list, read};

#[cfg(all(feature = "tui", not(all(feature = "live", target_os = "linux"))))]
pub(crate) use elsewhere::open;
#[cfg(not(all(feature = "live", target_os = "linux")))]
pub(crate) use elsewhere::{list, read};

#[cfg(not(all(feature = "live", target_os = "linux")))]
mod elsewhere {
    use streamlens::Analyzer;
    use streamlens::engine::Engine;
    use streamlens::model::CaptureSummary;

    use streamlens_filter::Filter;

    use crate::args::AnalyzeArgs;
    use crate::exit::Failure;
    use crate::live_args::LiveArgs;

    #[cfg(feature = "tui")]
    pub(crate) fn open(
        _: &AnalyzeArgs,
        _: std::sync::Arc<std::sync::atomic::AtomicBool>,
    ) -> Result<Box<dyn streamlens::model::FrameSource>, Failure> {
        Err(missing())
    }

    fn missing() -> Failure {
        Failure::usage("this build has no live capture; it needs Linux and the feature `live`".to_owned())
    }

    pub(crate) fn list(args: &LiveArgs) -> Option<Result<String, Failure>> {
        (args.list_interfaces || args.list_time_stamp_types).then(|| Err(missing()))
    }

    pub(crate) fn read(_: &Analyzer, _: &AnalyzeArgs, _: Option<&Filter>) -> Result<(Engine, CaptureSummary), Failure> {
        Err(missing())
    }
}

#[cfg(all(feature = "live", target_os = "linux"))]
mod linux {
    use std::collections::BTreeSet;
    use std::io;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use streamlens::Analyzer;
    use streamlens::engine::Engine;
    use streamlens::live::{
        Confinement, InterfaceInfo, Join, Limits, LiveError, LiveOptions, LiveSource, OnFile, Owner, RecordError,
        Recorder, Ring, StampType, Target, interfaces,
    };
    use streamlens::model::{CaptureSummary, FrameBatch, FrameSource, SourceError, SourceLayer};

    use streamlens_filter::Filter;

    use crate::args::AnalyzeArgs;
    use crate::exit::{Failure, Status, say};
    use crate::live_args::{self, Condition, LiveArgs};
    use crate::progress::Progress;
    use crate::source::end_on_interrupt;

    /// Captures until it is stopped. Gives the engine with what is known of the capture.
    pub(crate) fn read(
        analyzer: &Analyzer,
        args: &AnalyzeArgs,
        filter: Option<&Filter>,
    ) -> Result<(Engine, CaptureSummary), Failure> {
        let live = &args.live;
        let stop = Arc::new(AtomicBool::new(false));
        // where it can't be had, Ctrl-C ends the command without a result, as it does for files
        let _ = end_on_interrupt(&stop);
        let recorder = open(args, Arc::clone(&stop))?;
        let name = recorder.name().to_owned();
        if !live.no_sandbox {
            confine(&recorder, live, None);
        }
        say(&format!("capturing on {name}; Ctrl-C ends and shows the result"));
        let progress = Progress::on_stderr("; Ctrl-C ends and shows the result");
        let watched = Watched { source: recorder, progress, told: BTreeSet::new(), stop };
        Ok(crate::updates::read(analyzer, watched, args, filter)?)
    }

    /// Opens the interfaces, and what is recorded to.
    pub(crate) fn open(args: &AnalyzeArgs, stop: Arc<AtomicBool>) -> Result<Recorder<LiveSource>, Failure> {
        let options = options(&args.live, Arc::clone(&stop))?;
        let (limits, target) = (limits(args), target(&args.live)?);
        Ok(Recorder::new(LiveSource::open(&options)?, target, limits, stop)?)
    }

    /// Gives rights up, but for writing into a folder where that is to be possible later.
    pub(crate) fn confine(recorder: &Recorder<LiveSource>, live: &LiveArgs, folder: Option<PathBuf>) {
        let mut write_in = recorder.folders();
        write_in.extend(folder);
        write_in.extend(live.on_finding.as_ref().map(|_| live.folder()));
        let missing = Confinement { write_in }.enter();
        if live.verbose {
            missing.iter().for_each(|what| say(&format!("sandbox: {what}")));
        }
        if let Some(path) = &live.probe_sandbox {
            let result = std::fs::read(path).map_or_else(|error| error.to_string(), |_| "could be read".to_owned());
            say(&format!("sandbox: {}: {result}", path.display()));
        }
    }

    fn options(live: &LiveArgs, stop: Arc<AtomicBool>) -> Result<LiveOptions, Failure> {
        let joins = live
            .join
            .iter()
            .map(|join| join.parse::<Join>().map_err(|what| Failure::usage(format!("--join {join}: {what}"))));
        Ok(LiveOptions {
            interfaces: live.interface.clone(),
            filter: live.capture_filter.clone().unwrap_or_default(),
            promiscuous: !live.no_promiscuous,
            snap_length: live.snap_length,
            ring_bytes: live.ring_size as usize * (1 << 20),
            stamps: match live.time_stamp_type {
                live_args::StampType::Host => StampType::Host,
                live_args::StampType::AdapterUnsynced => StampType::AdapterUnsynced,
            },
            joins: joins.collect::<Result<_, _>>()?,
            wait: live.wait,
            stop,
        })
    }

    fn limits(args: &AnalyzeArgs) -> Limits {
        let mut limits = Limits { frames: args.count, ..Limits::default() };
        let least = |known: Option<u64>, new: u64| Some(known.map_or(new, |known| known.min(new)));
        for condition in &args.live.autostop {
            match *condition {
                Condition::Seconds(seconds) => {
                    let known = limits.duration.map(|duration| duration.as_secs());
                    limits.duration = least(known, seconds).map(Duration::from_secs);
                }
                Condition::Packets(packets) => limits.frames = least(limits.frames, packets),
                Condition::Kilobytes(kilobytes) => limits.bytes = least(limits.bytes, kilobytes.saturating_mul(1000)),
                Condition::Files(_) => {}
            }
        }
        limits
    }

    fn target(live: &LiveArgs) -> Result<Option<Target>, Failure> {
        let Some(path) = &live.write else { return Ok(None) };
        if live.takes_stdout() {
            if !live.ring_buffer.is_empty() {
                return Err(Failure::usage("a ring of files (-b) can't be standard output".to_owned()));
            }
            return Ok(Some(Target::Writer(Box::new(io::stdout()))));
        }
        let on_file: OnFile = Box::new(|file| {
            if let Some(owner) = Owner::after_root() {
                // a file that stays root's is written all the same
                let _ = owner.take(file);
            }
        });
        if live.ring_buffer.is_empty() {
            return Ok(Some(Target::File(path.clone(), on_file)));
        }
        let mut ring = Ring::default();
        for condition in &live.ring_buffer {
            match *condition {
                Condition::Seconds(seconds) => ring.nanos = Some(seconds.saturating_mul(1_000_000_000)),
                Condition::Kilobytes(kilobytes) => ring.bytes = Some(kilobytes.saturating_mul(1000)),
                Condition::Files(files) => ring.files = Some(usize::try_from(files).unwrap_or(usize::MAX)),
                Condition::Packets(_) => {}
            }
        }
        if ring.nanos.is_none() && ring.bytes.is_none() {
            return Err(Failure::usage(
                "-b files:N needs a duration:SECONDS or filesize:KB that ends a file".to_owned(),
            ));
        }
        Ok(Some(Target::Ring(path.clone(), ring, on_file)))
    }

    impl From<LiveError> for Failure {
        fn from(error: LiveError) -> Self {
            match error {
                LiveError::Filter(_) => Self::usage(error.to_string()),
                _ => Self { status: Status::NoPermission, message: error.to_string() },
            }
        }
    }

    impl From<RecordError> for Failure {
        fn from(error: RecordError) -> Self {
            let is_denied = error.source.kind() == io::ErrorKind::PermissionDenied;
            let status = if is_denied { Status::NoPermission } else { Status::Partial };
            Self { status, message: error.to_string() }
        }
    }

    /// A live source that someone watches: what there is to say is said when it comes up.
    struct Watched {
        source: Recorder<LiveSource>,
        progress: Progress,
        told: BTreeSet<(&'static str, Option<PathBuf>)>,
        stop: Arc<AtomicBool>,
    }

    impl Watched {
        fn tell(&mut self) {
            for warning in self.source.warnings() {
                if self.told.insert((warning.code, warning.path.clone())) {
                    let path = warning.path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()));
                    say(&format!("{path}{}", warning.text));
                }
            }
        }
    }

    impl SourceLayer for Watched {
        type Below = Recorder<LiveSource>;

        fn below(&self) -> &Recorder<LiveSource> {
            &self.source
        }

        fn below_mut(&mut self) -> &mut Recorder<LiveSource> {
            &mut self.source
        }

        fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
            let more = self.source.read_batch(batch)?;
            self.tell();
            if !self.stop.load(std::sync::atomic::Ordering::Relaxed) {
                self.progress.update(self.source.position(), self.source.frames());
            }
            Ok(more)
        }
    }

    /// What `-D` and `--list-time-stamp-types` print; `None` where neither is asked for.
    pub(crate) fn list(args: &LiveArgs) -> Option<Result<String, Failure>> {
        if !args.list_interfaces && !args.list_time_stamp_types {
            return None;
        }
        let refused = |error| Failure::from(SourceError::new("-D", false, io::Error::other(error)));
        Some(interfaces().map_err(refused).map(|list| {
            let is_meant = |info: &&InterfaceInfo| args.interface.is_empty() || args.interface.contains(&info.name);
            let meant: Vec<&InterfaceInfo> = list.iter().filter(is_meant).collect();
            if args.list_interfaces { interfaces_text(&meant) } else { stamps_text(&meant) }
        }))
    }

    fn interfaces_text(list: &[&InterfaceInfo]) -> String {
        let mut rows: Vec<[String; 5]> = vec![["interface", "link", "state", "stamps", "addresses"].map(str::to_owned)];
        for info in list {
            let state = match (info.is_up, info.is_running) {
                (false, _) => "down",
                (true, false) => "no carrier",
                (true, true) => "up",
            };
            let link = match info.link_type() {
                Some(_) => info.hardware_name().to_owned(),
                None => format!("not read: ARPHRD {} ({})", info.hardware_type, info.hardware_name()),
            };
            let stamps: Vec<&str> = info.stamp_types.iter().map(|stamp| stamp.name()).collect();
            let mac = info.mac.map(|mac| mac.to_string());
            let addresses = mac.into_iter().chain(info.addresses.iter().map(ToString::to_string));
            let addresses = addresses.collect::<Vec<_>>().join(" ");
            rows.push([info.name.clone(), link, state.to_owned(), stamps.join(" "), addresses]);
        }
        let mut widths = [0; 5];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn stamps_text(list: &[&InterfaceInfo]) -> String {
        let mut text = String::new();
        for info in list {
            let stamps: Vec<&str> = info.stamp_types.iter().map(|stamp| stamp.name()).collect();
            text.push_str(&format!("{}: {}\n", info.name, stamps.join(" ")));
        }
        text
    }
}
