//! A hub: a server that probes dial, and that shows what they see as one.

mod core;
mod findings;
mod history;
mod list;
mod merge;
mod nat;
mod offset;
mod probe;
mod rows;
mod socket;
mod tokens;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use axum::Router;
use axum::routing::get;
use streamlens_web::Feeder;
use tokio::sync::mpsc;

use self::core::{Command, Core, Event};
pub use self::nat::NatRule;
use self::tokens::Tokens;
pub use self::tokens::new_token;

/// Where probes dial.
pub const PROBE_PATH: &str = "/probe";

/// Messages of all probes that wait to be read: a probe whose message finds no room waits.
const ROOM: usize = 256;

/// What a hub lets probes do.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Folder with the hashes of the tokens of probes; without it every probe is let in.
    pub tokens: Option<PathBuf>,
    /// Probes at once.
    pub probes: usize,
    /// Bytes of figures by the second that are kept of a probe.
    pub history_bytes: usize,
    /// The same of all probes together: of each no more than its part.
    pub history_bytes_of_all: usize,
    /// Bytes of messages of a probe in a second.
    pub bytes_per_second: u64,
    /// Whether times of a probe are shown less the offset of its clock.
    pub is_clock_corrected: bool,
    /// Addresses that probes see as others.
    pub nat: Vec<NatRule>,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            tokens: None,
            probes: 2_000,
            history_bytes: 64 << 20,
            history_bytes_of_all: 1 << 30,
            bytes_per_second: 2 << 20,
            is_clock_corrected: false,
            nat: Vec::new(),
        }
    }
}

/// A hub that waits for its server.
pub struct Hub {
    options: HubOptions,
    way: Arc<Way>,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Receiver<Event>,
}

/// The way to the hub's thread.
struct Way {
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::Sender<Event>,
    tokens: Option<Tokens>,
    bytes_per_second: u64,
    next: AtomicU64,
}

impl Hub {
    /// A hub without a server.
    #[must_use]
    pub fn new(options: HubOptions) -> Self {
        let (commands, told) = mpsc::unbounded_channel();
        let (events, came) = mpsc::channel(ROOM);
        let way = Way {
            commands,
            events,
            tokens: options.tokens.clone().map(Tokens::new),
            bytes_per_second: options.bytes_per_second,
            next: AtomicU64::new(1),
        };
        Self { options, way: Arc::new(way), commands: told, events: came }
    }

    /// What a server has to answer beside its own: [`PROBE_PATH`], which guards itself, and the lists of probes under `/api/v1`.
    pub fn routes(&self) -> Router {
        Router::new()
            .route(PROBE_PATH, get(socket::probe))
            .route("/api/v1/probes", get(list::probes))
            .route("/api/v1/probes/{id}/series", get(list::series))
            .with_state(Arc::clone(&self.way))
    }

    /// Begins to show, by the server's feeder. It ends with the process.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(self, feeder: Feeder) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("streamlens-probes".to_owned()).spawn(move || {
            let core = Core::new(self.options, feeder, &self.way);
            runtime.block_on(core.run(self.commands, self.events));
        })
    }
}
