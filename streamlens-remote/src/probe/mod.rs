//! A probe: an analysis that nobody but its hub can reach.

mod aggregate;
mod backoff;
mod dial;
mod disk;
mod fill;
mod identity;
mod session;
mod shift;
mod spool;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use streamlens_live::Reader;
use streamlens_web::Server;
use tokio::sync::watch;

pub use self::backoff::Backoff;
pub use self::dial::{Address, authorities};
pub use self::disk::SpoolFiles;
pub use self::identity::identity;
pub(crate) use self::identity::is_uuid;
use self::session::{Ended, Session};
pub use self::shift::Shifted;
use self::spool::Spool;

/// How a probe reaches its hub, and what it keeps for it.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Where the hub is.
    pub hub: Address,
    /// What the hub knows it by.
    pub token: Option<String>,
    /// Certificates of authorities in PEM; those of the system without.
    pub authorities: Option<PathBuf>,
    /// Bytes of aggregates that are kept.
    pub spool_bytes: usize,
    /// Files that they are kept in; in memory without.
    pub spool_files: Option<Arc<SpoolFiles>>,
    /// Nanoseconds that its clock is said to be ahead of the machine's, for tests.
    pub clock_offset_ns: i64,
}

/// What a probe tells of its way to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is let in.
    Connected,
    /// It is not connected, why, and when it dials again.
    Away(String, Duration),
}

impl Told {
    /// Whether it says the same as another, but for the wait.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Away(one, _), Self::Away(other, _)) => one == other,
            (one, other) => one == other,
        }
    }
}

/// A probe.
pub struct Probe {
    server: Server,
    options: ProbeOptions,
    trust: Option<Arc<ClientConfig>>,
    spool: Arc<Spool>,
    stop: watch::Sender<bool>,
}

/// Ends a probe from another thread.
#[derive(Clone)]
pub struct ProbeStopper(watch::Sender<bool>);

impl ProbeStopper {
    /// Ends the probe.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Probe {
    /// A probe of a server, whose options name it, and of the reader of its analysis.
    ///
    /// # Errors
    ///
    /// Where the authorities of TLS can't be read, or the system gives no thread.
    pub fn new(server: Server, reader: Reader, options: ProbeOptions) -> io::Result<Self> {
        let trust = options.hub.is_tls().then(|| dial::trust(options.authorities.as_deref())).transpose();
        let trust = trust.map_err(io::Error::other)?;
        let spool = Arc::new(Spool::new(options.spool_bytes, options.spool_files.clone()));
        let of_thread = Arc::clone(&spool);
        std::thread::Builder::new()
            .name("streamlens-spool".to_owned())
            .spawn(move || aggregate::follow(reader, &of_thread))?;
        Ok(Self { server, options, trust, spool, stop: watch::Sender::new(false) })
    }

    /// Ends the probe from another thread.
    #[must_use]
    pub fn stopper(&self) -> ProbeStopper {
        ProbeStopper(self.stop.clone())
    }

    /// Measures and tells the hub until it is stopped; a hub that is away is dialled again and again.
    ///
    /// # Errors
    ///
    /// Where the system gives no runtime.
    pub fn run(self, tell: impl Fn(&Told)) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.stay_connected(tell));
        Ok(())
    }

    async fn stay_connected(&self, tell: impl Fn(&Told)) {
        let (mut stopped, mut backoff) = (self.stop.subscribe(), Backoff::default());
        loop {
            let dialled = tokio::select! {
                dialled = dial::dial(&self.options.hub, self.options.token.as_deref(), self.trust.as_ref()) => dialled,
                () = is_raised(&mut stopped) => return,
            };
            let ended = match dialled {
                Ok(socket) => {
                    let session = Session::new(socket, self.server.client(), &self.spool, self.options.clock_offset_ns);
                    session.run(&mut stopped, || tell(&Told::Connected)).await
                }
                Err(why) => Ended::Lost { why, was_welcome: false },
            };
            let Ended::Lost { why, was_welcome } = ended else { return };
            if was_welcome {
                backoff = Backoff::default();
            }
            let wait = backoff.wait(crate::clock::random());
            tell(&Told::Away(why, wait));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = is_raised(&mut stopped) => return,
            }
        }
    }
}

/// Waits until a flag is raised.
async fn is_raised(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|is_raised| *is_raised).await.map(drop);
}
