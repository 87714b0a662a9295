//! `streamlens serve`: what is analysed, and how the server is reached.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::FrameSource;
use streamlens::pcap::ReaderOptions;
use streamlens_live::{LoopSource, Reader, ReplaySource};
use streamlens_web::{Kind, Server, ServerLimits, ServerOptions, loopback, with_intervals};

use super::args::speed;
use super::bursts;
use super::decode_args::{DecodeArgs, Decoding};
use super::exit::{Failure, Status, say};
use super::source;

/// The heading of options about who may do what.
const ACCESS: &str = "Access";
/// The heading of limits.
const LIMITS: &str = "Limits";

/// What is analysed.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Captures to analyse, merged by time; `serve` and `hub` without any wait for one to be dropped into the page
    #[arg(value_name = "CAPTURE")]
    captures: Vec<PathBuf>,

    /// Capture on an interface. May be repeated: frames are merged by time
    #[arg(short, long, value_name = "IFACE", conflicts_with_all = ["captures", "replay"])]
    interface: Vec<String>,

    /// Capture frames that pass a filter only, such as 'udp port 319 or vlan 30'
    #[arg(short = 'f', long, value_name = "FILTER", requires = "interface")]
    capture_filter: Option<String>,

    /// Say which rights could not be given up
    #[arg(short, long, requires = "interface")]
    verbose: bool,

    /// With -i: keep the rights that the command was started with
    ///
    /// Otherwise, once the interfaces are open and a server listens: no new privileges, no capability, no root (its user
    /// becomes that of SUDO_UID, or nobody). `serve` and `hub` then read files only beside certificate and key and in
    /// --token-dir, write only captures that --keep-uploads keeps, and connect nowhere. `probe` reads only the files by which
    /// it finds and trusts its hub, opens no file to write, and connects to the hub's port alone.
    #[arg(long, requires = "interface")]
    no_sandbox: bool,

    /// Try to read a file once rights are given up, and say how it went; for tests
    #[arg(long, value_name = "FILE", hide = true)]
    probe_sandbox: Option<PathBuf>,

    /// Read captures at their own pace, or SPEED times as fast
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = speed)]
    replay: Option<f64>,

    /// With --replay: start over behind the last frame
    #[arg(long = "loop", requires = "replay")]
    is_looped: bool,

    /// Threads that share the work of an analysis [default: one per core, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Find the most bytes and frames in windows of these lengths, 1ms and 10ms by default; the page of the server or hub shows them with a flow
    #[arg(long, value_name = "DURATION,...", num_args = 0..=1, require_equals = true, default_missing_value = "1ms,10ms", value_parser = bursts::windows)]
    bursts: Option<bursts::Windows>,

    /// With --bursts: the speed of the links, such as 1G or 100M, in place of what the capture says
    #[arg(long, value_name = "BITS", value_parser = bursts::bit_rate, requires = "bursts")]
    link_speed: Option<u64>,

    #[command(flatten)]
    decode: DecodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// Address and port to listen on, such as 0.0.0.0:8443. May be repeated [default: port 8080 of 127.0.0.1 and ::1, of a hub 8443]
    ///
    /// Addresses other than loopback need --token-file.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = ACCESS)]
    listen: Vec<SocketAddr>,

    /// Port to listen on at loopback; 0 takes one that is free
    #[arg(long, value_name = "PORT", conflicts_with = "listen", help_heading = ACCESS)]
    port: Option<u16>,

    /// File with the token that clients have to know; `streamlens token` makes one. Or in STREAMLENS_TOKEN
    #[arg(long, value_name = "FILE", help_heading = ACCESS)]
    token_file: Option<PathBuf>,

    /// Name by which the server may be asked for, beside those of loopback and of its addresses. May be repeated
    #[arg(long, value_name = "NAME[:PORT]", help_heading = ACCESS)]
    allow_host: Vec<String>,

    /// Certificate chain in PEM, for TLS; read again at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = ACCESS)]
    tls_cert: Option<PathBuf>,

    /// Private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = ACCESS)]
    tls_key: Option<PathBuf>,

    /// Take no captures from the page
    #[arg(long, help_heading = ACCESS)]
    no_uploads: bool,

    /// Keep captures from the page while they are shown, so that their packets can be exported
    ///
    /// In a folder of its own among the temporary files, which others can't read and which is taken away at the end.
    #[arg(long, conflicts_with = "no_uploads", help_heading = ACCESS)]
    keep_uploads: bool,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().connections, help_heading = LIMITS)]
    max_connections: usize,

    /// Connections of one address other than loopback
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().connections_per_address, help_heading = LIMITS)]
    max_connections_per_address: usize,

    /// WebSockets at once
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().websockets, help_heading = LIMITS)]
    max_websockets: usize,

    /// Messages of a client in a second
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().client_messages, help_heading = LIMITS)]
    max_client_messages: u32,

    /// Bytes of a capture that is dropped
    #[arg(long, value_name = "BYTES", default_value_t = ServerLimits::default().upload_bytes, help_heading = LIMITS)]
    max_upload: u64,

    /// Captures that are dropped at once
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().uploads, help_heading = LIMITS)]
    max_uploads: usize,

    /// Analyses that are kept; the oldest that was dropped and has ended goes
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().analyses, help_heading = LIMITS)]
    pub(crate) max_analyses: usize,
}

/// The port of `streamlens serve`.
const PORT: u16 = 8080;

/// Serves until Ctrl-C.
pub(crate) fn serve(args: &ServeArgs) -> Result<Status, Failure> {
    run(args, options(args, PORT)?, None, |_| Ok(()))
}

/// Serves until Ctrl-C, with something else beside it, that may read files of a folder later.
pub(crate) fn run(
    args: &ServeArgs,
    options: ServerOptions,
    beside_reads: Option<&Path>,
    beside: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<Status, Failure> {
    let is_open = options.listen.iter().any(|address| !address.ip().is_loopback());
    if is_open && options.tls.is_none() {
        say("without --tls-cert and --tls-key others on the way can read what is sent, the token too");
    }
    let (has_token, is_tls) = (options.token.is_some(), options.tls.is_some());
    // what needs rights, before they are given up and any thread starts
    let of_web = streamlens_web::Opened::open(&options).map_err(failed)?;
    let opened = open(&args.source, || confine(args, of_web.folder(), beside_reads))?;
    let server = Server::with(options, of_web).map_err(failed)?;
    beside(&server)?;
    if let Some(opened) = opened {
        opened.analyse(&server)?;
    }
    let (stopper, hung_up) = (server.stopper(), server.stopper());
    let has_certificate = args.tls_cert.is_some();
    on_signals(
        move || stopper.stop(),
        has_certificate.then_some(move || match hung_up.reload_certificate() {
            Ok(()) => say("certificate and key were read again"),
            Err(error) => say(&format!("certificate and key stay those that they were: {error}")),
        }),
    );
    let result = server.run(|address| {
        let scheme = if is_tls { "https" } else { "http" };
        let hint = if has_token { "#token=TOKEN" } else { "" };
        say(&format!("{scheme}://{address}/{hint} shows the flows; Ctrl-C ends"));
        if args.open {
            open_page(&format!("{scheme}://{address}/"));
        }
    });
    result.map(|()| Status::Fine).map_err(failed)
}

/// Has something done at Ctrl-C and SIGTERM, a second of which ends the process at once; and something else at SIGHUP.
pub(crate) fn on_signals(stop: impl FnOnce() + Send + 'static, hang_up: Option<impl Fn() + Send + 'static>) {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // in this order: a second signal has to find the flag that the first one raised
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&is_stopped));
        let _ = signal_hook::flag::register(signal, Arc::clone(&is_stopped));
    }
    let (raised, is_hung_up) = (Arc::clone(&is_stopped), Arc::new(AtomicBool::new(false)));
    if hang_up.is_some() {
        let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&is_hung_up));
    }
    std::thread::spawn(move || {
        while !raised.load(Ordering::Relaxed) {
            if is_hung_up.swap(false, Ordering::Relaxed) {
                hang_up.iter().for_each(|reload| reload());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        stop();
    });
}

pub(crate) fn failed(error: io::Error) -> Failure {
    let status = if error.kind() == io::ErrorKind::PermissionDenied { Status::NoPermission } else { Status::Usage };
    Failure { status, message: error.to_string() }
}

/// The token of a file, or of the environment.
pub(crate) fn token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let token = match (file, std::env::var("STREAMLENS_TOKEN")) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            Some(text.trim().to_owned())
        }
        (None, Ok(token)) => Some(token.trim().to_owned()),
        (None, Err(_)) => None,
    };
    if token.as_ref().is_some_and(|token| token.len() < 16) {
        let what = "the token is shorter than 16 characters, which can be guessed; `streamlens token` makes one";
        return Err(Failure::usage(what.to_owned()));
    }
    Ok(token)
}

/// What the server is told; `port` is that of loopback unless told.
pub(crate) fn options(args: &ServeArgs, port: u16) -> Result<ServerOptions, Failure> {
    let listen = match (args.listen.as_slice(), args.port) {
        ([], told) => loopback(told.unwrap_or(port)).to_vec(),
        (listen, _) => listen.to_vec(),
    };
    let limits = ServerLimits {
        connections: args.max_connections,
        connections_per_address: args.max_connections_per_address,
        websockets: args.max_websockets,
        client_messages: args.max_client_messages,
        upload_bytes: args.max_upload,
        uploads: args.max_uploads,
        analyses: args.max_analyses,
        ..ServerLimits::default()
    };
    let decoding = args.source.decode.resolve()?;
    Ok(ServerOptions {
        listen,
        allow_hosts: args.allow_host.clone(),
        token: token(args.token_file.as_deref())?,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        limits,
        uploads: !args.no_uploads,
        keep_uploads: args.keep_uploads,
        engine: engine_options(&args.source, EngineOptions::default(), &decoding),
        registry: decoding.registry,
        ..ServerOptions::default()
    })
}

fn engine_options(args: &SourceArgs, defaults: EngineOptions, decoding: &Decoding) -> EngineOptions {
    decoding.options(EngineOptions {
        threads: args.threads.map_or(defaults.threads, usize::from),
        burst_windows_ns: args.bursts.clone().map_or_else(Vec::new, |windows| windows.0),
        link_speed: args.link_speed,
        ..defaults
    })
}

/// What is analysed from the beginning, opened.
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: Box<dyn FrameSource>,
    engine: Engine,
    /// Files that its frames can be read from again.
    pub(crate) packets: Vec<PathBuf>,
}

impl Opened {
    /// Analyses it; returns a reader of its looks.
    pub(crate) fn analyse(self, server: &Server) -> Result<Reader, Failure> {
        server.analyse(&self.name, self.kind, self.source, self.engine, &self.packets).map_err(failed)
    }
}

/// Opens what is to be analysed from the beginning; `None` where there is nothing. Rights are given up by `confine` once
/// interfaces are open.
pub(crate) fn open(args: &SourceArgs, confine: impl FnOnce()) -> Result<Option<Opened>, Failure> {
    // it may read session descriptions, before rights are given up
    let decoding = args.decode.resolve()?;
    let engine = |options| {
        let options = engine_options(args, options, &decoding);
        Engine::new(decoding.registry, options)
    };
    if !args.interface.is_empty() {
        let source = live(args)?;
        confine();
        let (name, engine) = (source.name().to_owned(), engine(EngineOptions::live()));
        return Ok(Some(Opened { name, kind: Kind::Interface, source, engine, packets: Vec::new() }));
    }
    if args.captures.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = args.captures.iter().map(|path| path.display().to_string()).collect();
    let name = names.join(", ");
    let options = ReaderOptions { low_latency: source::is_piped(&args.captures), ..ReaderOptions::default() };
    let (kind, source): (Kind, Box<dyn FrameSource>) = match args.replay {
        None => (Kind::Capture, source::open(&args.captures, &options)?),
        Some(speed) if args.is_looped => {
            let captures = args.captures.clone();
            let source = LoopSource::new(move || source::open(&captures, &options))?;
            (Kind::Replay(speed), Box::new(ReplaySource::new(source, speed)))
        }
        Some(speed) => {
            (Kind::Replay(speed), Box::new(ReplaySource::new(source::open(&args.captures, &options)?, speed)))
        }
    };
    let of = match kind {
        Kind::Capture => {
            let bytes = args.captures.iter().map(|path| path.metadata().ok().map(|metadata| metadata.len())).sum();
            with_intervals(EngineOptions::default(), bytes)
        }
        _ if args.is_looped => EngineOptions::live(),
        _ => EngineOptions::default(),
    };
    // standard input can't be read again
    let can_be_read_again = args.captures.iter().all(|path| path.as_os_str() != "-");
    let packets = if can_be_read_again { args.captures.clone() } else { Vec::new() };
    Ok(Some(Opened { name, kind, source, engine: engine(of), packets }))
}

/// Opens the interfaces.
#[cfg(any(feature = "pcap", all(feature = "live", target_os = "linux")))]
fn live(args: &SourceArgs) -> Result<Box<dyn FrameSource>, Failure> {
    let options = streamlens_live::LiveOptions {
        interfaces: args.interface.clone(),
        filter: args.capture_filter.clone().unwrap_or_default(),
        ..streamlens_live::LiveOptions::default()
    };
    Ok(Box::new(crate::live::Source::open(&options)?))
}

/// Gives rights up.
#[cfg(all(feature = "live", target_os = "linux"))]
fn confine(args: &ServeArgs, kept: Option<&Path>, beside_reads: Option<&Path>) {
    use streamlens::live::{Confinement, Owner};
    // certificate and key are read again at SIGHUP, and may be other files then
    let of_tls = [&args.tls_cert, &args.tls_key].into_iter().flatten().filter_map(|path| path.parent());
    let folder = |path: &Path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
    let own: Vec<PathBuf> = kept.map(Path::to_owned).into_iter().collect();
    if let (Some(owner), Some(kept)) = (Owner::after_root(), kept) {
        // where it stays root's, so does the process, without capabilities
        let _ = std::fs::File::open(kept).and_then(|folder| owner.take(&folder));
    }
    let read_in = of_tls.map(folder).chain(own.iter().cloned()).chain(beside_reads.map(Path::to_owned)).collect();
    let confinement = Confinement { read_in, write_in: own, ..Confinement::default() };
    args.source.confine(&confinement);
}

#[cfg(all(feature = "live", target_os = "linux"))]
impl SourceArgs {
    /// Gives up all rights but these, unless that is not wanted.
    pub(crate) fn confine(&self, confinement: &streamlens::live::Confinement) {
        if !self.no_sandbox {
            crate::live::enter(confinement, self.verbose, self.probe_sandbox.as_deref());
        }
    }
}

#[cfg(not(all(feature = "live", target_os = "linux")))]
fn confine(_: &ServeArgs, _: Option<&Path>, _: Option<&Path>) {}

#[cfg(not(any(feature = "pcap", all(feature = "live", target_os = "linux"))))]
fn live(_: &SourceArgs) -> Result<Box<dyn FrameSource>, Failure> {
    Err(Failure::usage("this build has no live capture; it needs Linux and the feature `live`, or `pcap`".to_owned()))
}

/// Asks the desktop to open the page. Where there is none, the address has been printed.
fn open_page(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(error) = std::process::Command::new(program).arg(address).spawn() {
        // with -i no program can be started any more, for instance
        say(&format!("{program} can't be run ({error}): open {address} yourself"));
    }
}
