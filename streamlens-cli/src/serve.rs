//! `streamlens serve`: what is analysed, and how the server is reached.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::FrameSource;
use streamlens::pcap::ReaderOptions;
use streamlens::registry::DecoderRegistry;
use streamlens_live::{LoopSource, ReplaySource};
use streamlens_web::{Kind, Server, ServerLimits, ServerOptions, loopback, with_intervals};

use super::args::speed;
use super::exit::{Failure, Status, say};
use super::source;

/// The heading of options about who may do what.
const ACCESS: &str = "Access";
/// The heading of limits.
const LIMITS: &str = "Limits";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Captures to analyse, merged by time; without any the server waits for one to be dropped into the page
    #[arg(value_name = "CAPTURE")]
    captures: Vec<PathBuf>,

    /// Capture on an interface. May be repeated: frames are merged by time
    #[arg(short, long, value_name = "IFACE", conflicts_with_all = ["captures", "replay"])]
    interface: Vec<String>,

    /// Capture frames that pass a filter only, such as 'udp port 319 or vlan 30'
    #[arg(short = 'f', long, value_name = "FILTER", requires = "interface")]
    capture_filter: Option<String>,

    /// Read captures at their own pace, or SPEED times as fast
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = speed)]
    replay: Option<f64>,

    /// With --replay: start over behind the last frame
    #[arg(long = "loop", requires = "replay")]
    is_looped: bool,

    /// Threads that share the work of an analysis [default: one per core, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Address and port to listen on, such as 0.0.0.0:8443. May be repeated [default: 127.0.0.1:8080 and [::1]:8080]
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
    max_analyses: usize,
}

/// Serves until Ctrl-C.
pub(crate) fn serve(args: &ServeArgs) -> Result<Status, Failure> {
    let options = options(args)?;
    let is_open = options.listen.iter().any(|address| !address.ip().is_loopback());
    if is_open && options.tls.is_none() {
        say("without --tls-cert and --tls-key others on the way can read what is sent, the token too");
    }
    let (has_token, is_tls) = (options.token.is_some(), options.tls.is_some());
    let server = Server::new(options).map_err(failed)?;
    analyse(args, &server)?;
    let (stopper, is_stopped) = (server.stopper(), Arc::new(AtomicBool::new(false)));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // in this order: a second signal has to find the flag that the first one raised
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&is_stopped));
        let _ = signal_hook::flag::register(signal, Arc::clone(&is_stopped));
    }
    let (raised, is_hung_up) = (Arc::clone(&is_stopped), Arc::new(AtomicBool::new(false)));
    if args.tls_cert.is_some() {
        let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&is_hung_up));
    }
    std::thread::spawn(move || {
        while !raised.load(Ordering::Relaxed) {
            if is_hung_up.swap(false, Ordering::Relaxed) {
                stopper.reload_certificate();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        stopper.stop();
    });
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

fn failed(error: io::Error) -> Failure {
    let status = if error.kind() == io::ErrorKind::PermissionDenied { Status::NoPermission } else { Status::Usage };
    Failure { status, message: error.to_string() }
}

fn options(args: &ServeArgs) -> Result<ServerOptions, Failure> {
    let listen = match (args.listen.as_slice(), args.port) {
        ([], port) => loopback(port.unwrap_or(8080)).to_vec(),
        (listen, _) => listen.to_vec(),
    };
    let token = match (&args.token_file, std::env::var("STREAMLENS_TOKEN")) {
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
    Ok(ServerOptions {
        listen,
        allow_hosts: args.allow_host.clone(),
        token,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        limits,
        uploads: !args.no_uploads,
        registry: DecoderRegistry::with_builtins(),
        engine: engine_options(args, EngineOptions::default()),
    })
}

fn engine_options(args: &ServeArgs, defaults: EngineOptions) -> EngineOptions {
    EngineOptions { threads: args.threads.map_or(defaults.threads, usize::from), ..defaults }
}

/// Starts what is to be analysed from the beginning.
fn analyse(args: &ServeArgs, server: &Server) -> Result<(), Failure> {
    let engine = |options| Engine::new(DecoderRegistry::with_builtins(), engine_options(args, options));
    if !args.interface.is_empty() {
        let source = live(args)?;
        let name = source.name().to_owned();
        return server.analyse(&name, Kind::Interface, source, engine(EngineOptions::live()), &[]).map_err(failed);
    }
    if args.captures.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = args.captures.iter().map(|path| path.display().to_string()).collect();
    let name = names.join(", ");
    let options = ReaderOptions::default();
    let (kind, source): (Kind, Box<dyn FrameSource>) = match args.replay {
        None => (Kind::Capture, source::open(&args.captures, &options)?),
        Some(speed) if args.is_looped => {
            let captures = args.captures.clone();
            let source = LoopSource::new(move || source::open(&captures, &options))?;
            (Kind::Replay, Box::new(ReplaySource::new(source, speed)))
        }
        Some(speed) => (Kind::Replay, Box::new(ReplaySource::new(source::open(&args.captures, &options)?, speed))),
    };
    let of = match kind {
        Kind::Capture => {
            let bytes = args.captures.iter().map(|path| path.metadata().ok().map(|metadata| metadata.len())).sum();
            with_intervals(EngineOptions::default(), bytes)
        }
        _ if args.is_looped => EngineOptions::live(),
        _ => EngineOptions::default(),
    };
    server.analyse(&name, kind, source, engine(of), &args.captures).map_err(failed)
}

#[cfg(all(feature = "live", target_os = "linux"))]
fn live(args: &ServeArgs) -> Result<Box<dyn FrameSource>, Failure> {
    use streamlens::live::{LiveOptions, LiveSource};
    let options = LiveOptions {
        interfaces: args.interface.clone(),
        filter: args.capture_filter.clone().unwrap_or_default(),
        ..LiveOptions::default()
    };
    Ok(Box::new(LiveSource::open(&options)?))
}

#[cfg(not(all(feature = "live", target_os = "linux")))]
fn live(_: &ServeArgs) -> Result<Box<dyn FrameSource>, Failure> {
    Err(Failure::usage("this build has no live capture; it needs Linux and the feature `live`".to_owned()))
}

/// Asks the desktop to open the page. Where there is none, the address has been printed.
fn open_page(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if std::process::Command::new(program).arg(address).spawn().is_err() {
        say(&format!("{program} is not there: open {address} yourself"));
    }
}
