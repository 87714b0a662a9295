//! Live capture: opens interfaces and files, gives up rights, and watches over the reading.

#[cfg(all(feature = "web", any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
pub(crate) use capture::Source;
#[cfg(all(feature = "web", all(feature = "live", target_os = "linux")))]
pub(crate) use capture::enter;
#[cfg(all(feature = "tui", any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
pub(crate) use capture::{confine, open};
#[cfg(any(feature = "pcap", all(feature = "live", target_os = "linux")))]
pub(crate) use capture::{list, read};

#[cfg(all(feature = "tui", not(any(feature = "pcap", all(feature = "live", target_os = "linux")))))]
pub(crate) use elsewhere::open;
#[cfg(not(any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
pub(crate) use elsewhere::{list, read};

#[cfg(not(any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
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
        Failure::usage("this build has no live capture; it needs Linux and the feature `live`, or `pcap`".to_owned())
    }

    pub(crate) fn list(args: &LiveArgs) -> Option<Result<String, Failure>> {
        (args.list_interfaces || args.list_time_stamp_types).then(|| Err(missing()))
    }

    pub(crate) fn read(_: &Analyzer, _: &AnalyzeArgs, _: Option<&Filter>) -> Result<(Engine, CaptureSummary), Failure> {
        Err(missing())
    }
}

#[cfg(any(feature = "pcap", all(feature = "live", target_os = "linux")))]
mod capture {
    use std::borrow::Cow;
    use std::collections::BTreeSet;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use streamlens::Analyzer;
    use streamlens::engine::Engine;
    use streamlens::model::{CaptureSummary, FrameBatch, FrameSource, SourceError, SourceLayer};
    use streamlens_live::{
        BEFORE_THAT, Join, Limits, LiveError, LiveOptions, OnFile, RecordError, Recorder, Ring, StampType, Target,
    };

    use streamlens_filter::Filter;

    use crate::args::AnalyzeArgs;
    use crate::exit::{Failure, Status, say};
    use crate::live_args::{self, Condition, LiveArgs};
    use crate::progress::Progress;
    use crate::source::end_on_interrupt;

    /// What interfaces are read with: the kernel's ring on Linux, libpcap elsewhere and where `live` is not built in.
    #[cfg(all(feature = "live", target_os = "linux"))]
    pub(crate) type Source = streamlens_live::LiveSource;
    #[cfg(not(all(feature = "live", target_os = "linux")))]
    pub(crate) type Source = streamlens_live::PcapSource;

    #[cfg(all(feature = "live", target_os = "linux"))]
    use on_linux as system;
    #[cfg(all(feature = "live", target_os = "linux"))]
    pub(crate) use on_linux::enter;
    #[cfg(not(all(feature = "live", target_os = "linux")))]
    use with_libpcap as system;

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
            confine(live, None);
        }
        say(&format!("capturing on {name}; Ctrl-C ends and shows the result"));
        let progress = Progress::on_stderr("; Ctrl-C ends and shows the result");
        let watched = Watched { source: recorder, progress, told: BTreeSet::new(), stop };
        Ok(crate::updates::read(analyzer, watched, args, filter)?)
    }

    /// Opens the interfaces, and what is recorded to.
    pub(crate) fn open(args: &AnalyzeArgs, stop: Arc<AtomicBool>) -> Result<Recorder<Source>, Failure> {
        let options = options(args, Arc::clone(&stop))?;
        let (limits, target) = (limits(args), target(&args.live)?);
        Ok(Recorder::new(Source::open(&options)?, target, limits, stop)?)
    }

    /// Gives rights up, but for writing into a folder where that is to be possible later; says what is held then, in sentences.
    pub(crate) fn confine(live: &LiveArgs, folder: Option<PathBuf>) -> Vec<String> {
        let mut write_in = written_later(live);
        write_in.extend(folder);
        system::give_up(write_in, live)
    }

    /// Folders in which files are made while frames are captured: those of a ring of files and of `--on-finding`.
    fn written_later(live: &LiveArgs) -> Vec<PathBuf> {
        let of_ring = live.write.as_ref().filter(|_| !live.ring_buffer.is_empty()).and_then(|path| path.parent());
        let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
        of_ring.map(here).into_iter().chain(live.on_finding.as_ref().map(|_| live.folder())).collect()
    }

    fn options(args: &AnalyzeArgs, stop: Arc<AtomicBool>) -> Result<LiveOptions, Failure> {
        let live = &args.live;
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
            wait: live.wait.then(|| limits(args).duration.unwrap_or(Duration::MAX)),
            on_wait: say,
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
        let on_file: OnFile = match live.no_sandbox {
            // its user stays who it is
            true => Box::new(|_| {}),
            false => system::hand_over(written_later(live)),
        };
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
                LiveError::Filter(_) | LiveError::LibpcapFilter(_) => Self::usage(error.to_string()),
                _ => Self { status: Status::NoPermission, message: error.to_string() },
            }
        }
    }

    impl From<RecordError> for Failure {
        fn from(error: RecordError) -> Self {
            let status = match error.source.kind() {
                io::ErrorKind::PermissionDenied => Status::NoPermission,
                io::ErrorKind::NotFound => Status::Usage,
                _ => Status::Partial,
            };
            Self { status, message: error.to_string() }
        }
    }

    /// A live source that someone watches: what there is to say is said when it comes up.
    struct Watched {
        source: Recorder<Source>,
        progress: Progress,
        told: BTreeSet<(Cow<'static, str>, Option<PathBuf>, String)>,
        stop: Arc<AtomicBool>,
    }

    impl Watched {
        fn tell(&mut self) {
            for warning in self.source.warnings() {
                // an interface may go and come again; others change with their figures
                let text = if warning.code == "capture.interface-down" { warning.text.clone() } else { String::new() };
                if self.told.insert((warning.code.clone(), warning.path.clone(), text)) {
                    let path = warning.path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()));
                    // what was before was said then
                    let news = warning.text.split(BEFORE_THAT).next().unwrap_or_default();
                    say(&format!("{path}{news}"));
                }
            }
        }
    }

    impl SourceLayer for Watched {
        type Below = Recorder<Source>;

        fn below(&self) -> &Recorder<Source> {
            &self.source
        }

        fn below_mut(&mut self) -> &mut Recorder<Source> {
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
        let is_any = |asked: &String| asked == "any";
        let is_all = args.interface.is_empty() || args.interface.iter().any(is_any);
        let mut unknown: BTreeSet<&str> =
            args.interface.iter().filter(|asked| !is_any(asked)).map(|name| &**name).collect();
        let is_meant = |name: &str| unknown.remove(name) || is_all;
        let rows = if args.list_interfaces { system::interfaces(is_meant) } else { system::stamps(is_meant) };
        Some(rows.map_err(refused).and_then(|rows| match unknown.first() {
            None => Ok(in_columns(&rows)),
            Some(name) => Err(LiveError::NoSuchInterface { interface: (*name).to_owned(), near: Vec::new() }.into()),
        }))
    }

    /// In words.
    const fn state(is_up: bool, is_running: bool) -> &'static str {
        match (is_up, is_running) {
            (false, _) => "down",
            (true, false) => "no carrier",
            (true, true) => "up",
        }
    }

    fn in_columns(rows: &[Vec<String>]) -> String {
        let mut widths = vec![0; rows.first().map_or(0, Vec::len)];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    #[cfg(all(feature = "live", target_os = "linux"))]
    mod on_linux {
        use std::io;
        use std::path::{Path, PathBuf};

        use streamlens_live::{Confinement, InterfaceInfo, OnFile, interfaces as all_interfaces};

        use crate::exit::say;
        use crate::live_args::LiveArgs;

        pub(super) fn give_up(mut write_in: Vec<PathBuf>, live: &LiveArgs) -> Vec<String> {
            write_in.sort();
            write_in.dedup();
            let folders: Vec<String> = write_in.iter().map(|folder| folder.display().to_string()).collect();
            let confinement = Confinement { write_in, ..Confinement::default() };
            let missing = enter(&confinement, live.verbose, live.probe_sandbox.as_deref());
            let mut held = vec![match folders.as_slice() {
                [] => "nothing is written".to_owned(),
                folders => format!("writes into {} alone", folders.join(", ")),
            }];
            match missing.is_empty() {
                true => held.push("reads no file, connects nowhere, has no capability and gets none".to_owned()),
                false => held.extend(missing),
            }
            held
        }

        /// Gives rights up, says what could not be had where that is wanted, and how it went to read a file then. Returns what
        /// could not be had, in sentences.
        pub(crate) fn enter(confinement: &Confinement, verbose: bool, probe: Option<&Path>) -> Vec<String> {
            let missing = confinement.enter();
            if verbose {
                missing.iter().for_each(|what| say(&format!("sandbox: {what}")));
            }
            if let Some(path) = probe {
                let result = std::fs::read(path).map_or_else(|error| error.to_string(), |_| "could be read".to_owned());
                say(&format!("sandbox: {}: {result}", path.display()));
            }
            missing
        }

        /// Gives files to the user that root becomes, where it does: files are written into these folders later.
        pub(super) fn hand_over(write_in: Vec<PathBuf>) -> OnFile {
            let owner = Confinement { write_in, ..Confinement::default() }.owner().ok();
            Box::new(move |file| {
                if let Some(owner) = owner {
                    // a file that stays root's is written all the same
                    let _ = owner.take(file);
                }
            })
        }

        fn meant(mut is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<InterfaceInfo>> {
            Ok(all_interfaces()?.into_iter().filter(|info| is_meant(&info.name)).collect())
        }

        fn stamps_of(info: &InterfaceInfo) -> String {
            info.stamp_types.iter().map(|stamp| stamp.name()).collect::<Vec<_>>().join(" ")
        }

        /// What `-D` shows, with its heading.
        pub(super) fn interfaces(is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<Vec<String>>> {
            let heading = ["interface", "link", "state", "stamps", "addresses"].map(str::to_owned).to_vec();
            let mut rows = vec![heading];
            for info in meant(is_meant)? {
                let link = match info.link_type() {
                    Some(_) => info.hardware_name().to_owned(),
                    None => format!("not read: ARPHRD {} ({})", info.hardware_type, info.hardware_name()),
                };
                let mac = info.mac.map(|mac| mac.to_string());
                let addresses = mac.into_iter().chain(info.addresses.iter().map(ToString::to_string));
                let addresses = addresses.collect::<Vec<_>>().join(" ");
                let state = super::state(info.is_up, info.is_running).to_owned();
                rows.push(vec![info.name.clone(), link, state, stamps_of(&info), addresses]);
            }
            Ok(rows)
        }

        /// What `--list-time-stamp-types` shows.
        pub(super) fn stamps(is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<Vec<String>>> {
            Ok(meant(is_meant)?.iter().map(|info| vec![format!("{}: {}", info.name, stamps_of(info))]).collect())
        }
    }

    #[cfg(not(all(feature = "live", target_os = "linux")))]
    mod with_libpcap {
        use std::io;
        use std::path::PathBuf;

        use streamlens_live::{OnFile, PcapInterface, PcapSource, StampType};

        use crate::exit::say;
        use crate::live_args::LiveArgs;

        pub(super) fn give_up(_: Vec<PathBuf>, live: &LiveArgs) -> Vec<String> {
            let kept = "all rights are kept: with libpcap none are given up";
            if live.verbose || live.probe_sandbox.is_some() {
                say(&format!("sandbox: {kept}"));
            }
            vec![kept.to_owned()]
        }

        /// The user stays who it is, and so do files.
        pub(super) fn hand_over(_: Vec<PathBuf>) -> OnFile {
            Box::new(|_| {})
        }

        fn meant(mut is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<PcapInterface>> {
            Ok(PcapSource::list()?.into_iter().filter(|info| is_meant(&info.name)).collect())
        }

        /// What `-D` shows, with its heading.
        pub(super) fn interfaces(is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<Vec<String>>> {
            let mut rows = vec![["interface", "state", "what", "addresses"].map(str::to_owned).to_vec()];
            for info in meant(is_meant)? {
                let what =
                    info.description.unwrap_or_else(|| if info.is_loopback { "loopback" } else { "" }.to_owned());
                let addresses = info.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                rows.push(vec![info.name, super::state(info.is_up, info.is_running).to_owned(), what, addresses]);
            }
            Ok(rows)
        }

        /// What `--list-time-stamp-types` shows.
        pub(super) fn stamps(is_meant: impl FnMut(&str) -> bool) -> io::Result<Vec<Vec<String>>> {
            let row = |info: &PcapInterface| vec![format!("{}: {}", info.name, StampType::Host.name())];
            Ok(meant(is_meant)?.iter().map(row).collect())
        }
    }
}
