//! The server as a program uses it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use streamlens_engine::{Engine, EngineOptions};
use streamlens_filter::Catalogue;
use streamlens_live::{Driver, DriverOptions};
use streamlens_model::FrameSource;
use streamlens_protocol::{self as protocol, AnalysisKind};

use crate::http::{self, App};
use crate::hub::{self, Analysis, Command, HubHandle, KEPT_NS, MOST_BYTES, MOST_ROWS};
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::source::{Progress, Watched};

/// What is analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A capture, as fast as it can be read.
    Capture,
    /// A capture at its own pace.
    Replay,
    /// Interfaces.
    Interface,
}

/// A server with its analyses. Dropping it ends them.
pub struct Server {
    options: ServerOptions,
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
    /// Says that certificate and key are to be read again.
    pub(crate) reload: tokio::sync::Notify,
}

/// Ends a server from another thread, or has it read its certificate again.
#[derive(Clone)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// Ends the server: clients are told, and what is going on has five seconds to end.
    pub fn stop(&self) {
        self.0.ending.send_replace(true);
    }

    /// Reads certificate and key again, for connections from now on; without TLS nothing. Where they can't be read those that
    /// there are stay.
    pub fn reload_certificate(&self) {
        self.0.reload.notify_one();
    }
}

impl Server {
    /// A server that listens to nobody yet.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread, and where an address other than loopback is to be listened on without a token.
    pub fn new(options: ServerOptions) -> io::Result<Self> {
        if options.token.is_none()
            && let Some(open) = options.listen.iter().find(|address| !address.ip().is_loopback())
        {
            return Err(io::Error::other(format!(
                "{open} is open to other machines: a token is needed; make one by `streamlens token > FILE` and give --token-file FILE"
            )));
        }
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
        let rights = protocol::Rights { upload: options.uploads, packets: false };
        let (hub, hub_thread) = hub::start(Arc::clone(&catalogue), limits, rights, Arc::clone(&metrics))?;
        let (next, (ending, _)) = (AtomicU64::new(1), tokio::sync::watch::channel(false));
        let shared = Arc::new(Shared { hub, metrics, catalogue, next, ending, reload: tokio::sync::Notify::new() });
        Ok(Self { options, shared, hub_thread: Some(hub_thread) })
    }

    /// Analyses what a source gives; it is shown at once. `packets` are the files that its frames can be read from again.
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
    ) -> io::Result<()> {
        let kind = match kind {
            Kind::Capture => AnalysisKind::Capture,
            Kind::Replay => AnalysisKind::Replay,
            Kind::Interface => AnalysisKind::Interface,
        };
        let progress = Arc::new(Progress::default());
        let packets = Some(packets).filter(|packets| !packets.is_empty()).map(Arc::from);
        let id = self.shared.begin(name.to_owned(), kind, Arc::clone(&progress), packets);
        let driver = start(source, kind, engine, progress)?;
        self.shared.hub.tell(Command::Open(id, Box::new(driver)));
        Ok(())
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
        let listeners = listen(&self.options.listen)?;
        let addresses: Vec<SocketAddr> = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let first = addresses.first().copied().ok_or_else(|| io::Error::other("there is no address to listen on"))?;
        let app = App::new(Arc::clone(&self.shared), &self.options, &addresses);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("streamlens-http")
            .enable_all()
            .build()?;
        on_ready(first);
        let result = runtime.block_on(http::serve(listeners, app, self.options.tls.take()));
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
    /// Makes an analysis known; returns what it is called.
    pub(crate) fn begin(
        &self,
        name: String,
        kind: AnalysisKind,
        progress: Arc<Progress>,
        packets: Option<Arc<[PathBuf]>>,
    ) -> String {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let analysis = Analysis::begin(id, name, kind, progress).with_packets(packets);
        self.hub.tell(Command::Begin(Box::new(analysis)));
        id.to_string()
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

/// Starts the driver of an analysis.
pub(crate) fn start(
    source: impl FrameSource + 'static,
    kind: AnalysisKind,
    engine: Engine,
    progress: Arc<Progress>,
) -> io::Result<Driver> {
    let is_paced = matches!(kind, AnalysisKind::Replay | AnalysisKind::Interface);
    let period_ns = is_paced.then_some(100_000_000);
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
