//! The server as a program uses it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use streamlens_engine::{Engine, EngineOptions};
use streamlens_filter::Catalogue;
use streamlens_live::{Driver, DriverOptions, Reader};
use streamlens_model::FrameSource;
use streamlens_protocol::{self as protocol, AnalysisKind};

use crate::feed::Feeder;
use crate::http::{self, App};
use crate::hub::{self, Analysis, Command, HubHandle, KEPT_NS, MOST_BYTES, MOST_ROWS};
use crate::link::Client;
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::packets::{KeptFolder, Packets};
use crate::source::{Progress, Watched};
use crate::tls::Pem;

/// Nanoseconds between two looks.
const LOOK_NS: i64 = 100_000_000;

/// What is analysed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A capture, as fast as it can be read.
    Capture,
    /// A capture at its own pace, or so many times as fast; 0 is as fast as it goes.
    Replay(f64),
    /// Interfaces.
    Interface,
}

/// What a server needs rights for: the sockets that it listens on, certificate and key. A program that gives up rights opens
/// them before; see [`Server::with`].
#[derive(Debug)]
pub struct Opened {
    listeners: Vec<TcpListener>,
    tls: Option<Pem>,
    kept: Option<KeptFolder>,
}

impl Opened {
    /// Listens on the addresses of the options, and reads certificate and key. Nobody is answered yet.
    ///
    /// # Errors
    ///
    /// Where an address other than loopback is to be listened on without a token, where none can be listened on, and where
    /// certificate or key can't be read or don't belong together.
    pub fn open(options: &ServerOptions) -> io::Result<Self> {
        options.refuse_open_address()?;
        let tls = options.tls.as_ref().map(|(certificate, key)| Pem::read(certificate, key)).transpose()?;
        let listeners = listen(&options.listen)?;
        let kept = if options.uploads && options.keep_uploads { Some(KeptFolder::new()?) } else { None };
        Ok(Self { listeners, tls, kept })
    }

    /// The folder that was made for captures that are dropped, where these are kept.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.kept.as_ref().map(KeptFolder::path)
    }
}

/// A server with its analyses. Dropping it ends them.
pub struct Server {
    options: ServerOptions,
    /// Opened when it runs, unless it was before.
    opened: Option<Opened>,
    shared: Arc<Shared>,
    hub_thread: Option<JoinHandle<()>>,
}

/// What all parts of a server have.
pub(crate) struct Shared {
    pub(crate) hub: HubHandle,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) catalogue: Arc<Catalogue>,
    next: AtomicU64,
    /// Raised where the server ends.
    pub(crate) ending: tokio::sync::watch::Sender<bool>,
    /// The files of certificate and key, and what was read again of them.
    tls: Option<(PathBuf, PathBuf)>,
    pub(crate) read_again: tokio::sync::watch::Sender<Option<Arc<Pem>>>,
}

/// Ends a server from another thread, or has it read its certificate again.
#[derive(Clone)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// Ends the server: clients are told, and what is going on has five seconds to end.
    pub fn stop(&self) {
        self.0.ending.send_replace(true);
    }

    /// Reads certificate and key again, for connections from now on; without TLS nothing.
    ///
    /// # Errors
    ///
    /// Where they can't be read or don't belong together: those that there are stay.
    pub fn reload_certificate(&self) -> io::Result<()> {
        if let Some((certificate, key)) = &self.0.tls {
            let pem = Pem::read(certificate, key)?;
            self.0.read_again.send_replace(Some(Arc::new(pem)));
        }
        Ok(())
    }
}

impl Server {
    /// A server that listens to nobody yet.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread, and where an address other than loopback is to be listened on without a token.
    pub fn new(options: ServerOptions) -> io::Result<Self> {
        options.refuse_open_address()?;
        Self::begin(options, None)
    }

    /// A server on what has been opened for it, that answers nobody yet. It is given options like those.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn with(options: ServerOptions, opened: Opened) -> io::Result<Self> {
        Self::begin(options, Some(opened))
    }

    fn begin(options: ServerOptions, opened: Option<Opened>) -> io::Result<Self> {
        let registry = &options.registry;
        let mut catalogue = registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base));
        for decoder in registry.iter() {
            catalogue = decoder.info().packet_types.iter().fold(catalogue, |all, name| all.packet_type(name));
        }
        let catalogue = Arc::new(catalogue);
        let metrics = Arc::new(Metrics::default());
        let limits = protocol::Limits {
            rows: MOST_ROWS as u64,
            message_bytes: MOST_BYTES as u64,
            client_message_bytes: options.limits.client_message_bytes as u64,
            client_messages_per_second: options.limits.client_messages.into(),
            views: 4,
            watches: 16,
            at_ns: KEPT_NS.unsigned_abs(),
            upload_bytes: options.limits.upload_bytes,
            analyses: options.limits.analyses as u64,
        };
        let rights = protocol::Rights { upload: options.uploads, packets: true };
        let (hub, hub_thread) =
            hub::start(Arc::clone(&catalogue), (limits, rights, options.probe.clone()), Arc::clone(&metrics))?;
        let (next, (ending, _)) = (AtomicU64::new(1), tokio::sync::watch::channel(false));
        let (tls, (read_again, _)) = (options.tls.clone(), tokio::sync::watch::channel(None));
        let shared = Arc::new(Shared { hub, metrics, catalogue, next, ending, tls, read_again });
        Ok(Self { options, opened, shared, hub_thread: Some(hub_thread) })
    }

    /// Analyses what a source gives; it is shown at once. `packets` are the files that its frames can be read from again.
    /// Returns a reader of its looks, for those who want more than to show them.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn analyse(
        &self,
        name: &str,
        kind: Kind,
        source: impl FrameSource + 'static,
        engine: Engine,
        packets: &[PathBuf],
    ) -> io::Result<Reader> {
        // looks come ten times a second of the clock, in capture time
        let (kind, period_ns) = match kind {
            Kind::Replay(speed) if speed > 0.0 => {
                (AnalysisKind::Replay, Some((LOOK_NS as f64 * speed).clamp(1e6, 1e9) as i64))
            }
            Kind::Capture | Kind::Replay(_) => (AnalysisKind::Capture, None),
            Kind::Interface => (AnalysisKind::Interface, Some(LOOK_NS)),
        };
        let progress = Arc::new(Progress::default());
        let packets = (!packets.is_empty()).then(|| Arc::new(Packets::of(packets)));
        let id = self.shared.next_id();
        self.shared.begin(&id, name.to_owned(), kind, Arc::clone(&progress), packets);
        let driver = start(source, period_ns, engine, progress)?;
        let reader = driver.reader();
        self.shared.hub.tell(Command::Open(id, Box::new(driver)));
        Ok(reader)
    }

    /// A client within this program, for one who carries its messages. A server need not run for it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(&self.shared.hub)
    }

    /// What begins analyses whose engine is elsewhere.
    #[must_use]
    pub fn feeder(&self) -> Feeder {
        Feeder(Arc::clone(&self.shared))
    }

    /// Ends the server from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// Serves until it is stopped. `on_ready` gets the first address that it listens on.
    ///
    /// # Errors
    ///
    /// Where no address can be listened on, or certificate and key can't be read.
    pub fn run(mut self, on_ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
        let Opened { listeners, tls, kept } = match self.opened.take() {
            Some(opened) => opened,
            None => Opened::open(&self.options)?,
        };
        let addresses: Vec<SocketAddr> = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let first = addresses.first().copied().ok_or_else(|| io::Error::other("there is no address to listen on"))?;
        let app = App::new(Arc::clone(&self.shared), &self.options, &addresses, kept);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("streamlens-http")
            .enable_all()
            .build()?;
        on_ready(first);
        let result = runtime.block_on(http::serve(listeners, app, tls));
        // uploads read on their own threads; nobody waits for those
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.hub.tell(Command::End);
        if let Some(thread) = self.hub_thread.take() {
            // it drops the analyses, which end between two batches
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// What the next analysis is called.
    pub(crate) fn next_id(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Makes an analysis known.
    pub(crate) fn begin(
        &self,
        id: &str,
        name: String,
        kind: AnalysisKind,
        progress: Arc<Progress>,
        packets: Option<Arc<Packets>>,
    ) {
        let analysis = Analysis::begin(id, name, kind, progress).with_packets(packets);
        self.hub.tell(Command::Begin(Box::new(analysis)));
    }
}

/// Captures of more bytes have no figures by the second: every second of each row in which it has packets takes some.
const MOST_WITH_INTERVALS: u64 = 64 << 20;

/// Options for a capture of so many bytes that is read as fast as it goes: with figures by the second, for charts, where it is
/// not too long. Documents of a server are without.
#[must_use]
pub fn with_intervals(options: EngineOptions, bytes: Option<u64>) -> EngineOptions {
    let is_short = bytes.is_some_and(|bytes| bytes <= MOST_WITH_INTERVALS);
    EngineOptions { interval_ns: options.interval_ns.or(is_short.then_some(1_000_000_000)), ..options }
}

/// Starts the driver of an analysis, which looks so often in capture time; where it doesn't, it is looked at by the clock.
pub(crate) fn start(
    source: impl FrameSource + 'static,
    period_ns: Option<i64>,
    engine: Engine,
    progress: Arc<Progress>,
) -> io::Result<Driver> {
    Driver::start(Watched::new(source, progress), engine, DriverOptions { period_ns, ..DriverOptions::default() })
}

/// Listens on all addresses that there are; where the port is 0, on one port for all.
fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failure = None;
    for address in addresses {
        let mut address = *address;
        if address.port() == 0
            && let Some(Ok(first)) = listeners.first().map(TcpListener::local_addr)
        {
            address.set_port(first.port());
        }
        match TcpListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                listeners.push(listener);
            }
            // a machine without IPv6 has one loopback address
            Err(error) if address.ip().is_loopback() && address.is_ipv6() => failure = failure.or(Some(error)),
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("{address} can't be listened on: {error}")));
            }
        }
    }
    match failure {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// A new token: 256 bits of the system's random numbers, as 64 hexadecimal digits.
///
/// # Errors
///
/// Where the system gives no random numbers.
pub fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
