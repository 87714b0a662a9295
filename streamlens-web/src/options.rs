//! What a server is told.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use axum::Router;
use streamlens_engine::EngineOptions;
use streamlens_protocol::ProbeIdentity;
use streamlens_registry::DecoderRegistry;

/// How a server is reached, what it lets others do, and what it analyses with.
#[derive(Clone)]
pub struct ServerOptions {
    /// Addresses that it listens on. Others than loopback need a token.
    pub listen: Vec<SocketAddr>,
    /// Names by which it may be asked for, beside those of loopback: `lab.example`, or `lab.example:8443` for another port.
    pub allow_hosts: Vec<String>,
    /// What clients have to know; nobody has to know anything without.
    pub token: Option<String>,
    /// Certificate and key in PEM, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What others may take of it.
    pub limits: ServerLimits,
    /// Whether captures may be dropped.
    pub uploads: bool,
    /// Whether captures that are dropped are kept while they are shown, so that their packets can be exported: in a folder of the
    /// server's own that is taken away at its end.
    pub keep_uploads: bool,
    /// Decoders of captures that are dropped, and names in filters.
    pub registry: DecoderRegistry,
    /// How captures are analysed that are dropped.
    pub engine: EngineOptions,
    /// What answers beside the server's own, behind the same guard.
    pub routes: Option<Router>,
    /// A path of these that guards itself: neither a name of the server nor its token is asked for there. Pages of browsers,
    /// which say their origin, are kept out.
    pub open_path: Option<&'static str>,
    /// Who this is, where it is a probe.
    pub probe: Option<ProbeIdentity>,
}

impl ServerOptions {
    /// Fails where an address that others reach has no token.
    pub(crate) fn refuse_open_address(&self) -> io::Result<()> {
        let open = self.listen.iter().find(|address| !address.ip().is_loopback());
        match open.filter(|_| self.token.is_none()) {
            Some(open) => Err(io::Error::other(format!(
                "{open} is open to other machines: a token is needed; make one by `streamlens token > FILE` and give --token-file FILE"
            ))),
            None => Ok(()),
        }
    }
}

/// What clients may take of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address other than loopback.
    pub connections_per_address: usize,
    /// WebSockets at once.
    pub websockets: usize,
    /// Bytes of a client's message.
    pub client_message_bytes: usize,
    /// Messages of a client in a second.
    pub client_messages: u32,
    /// Bytes of a capture that is dropped.
    pub upload_bytes: u64,
    /// Captures that are dropped at once.
    pub uploads: usize,
    /// Analyses that are kept.
    pub analyses: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_address: 32,
            websockets: 200,
            client_message_bytes: 64 << 10,
            client_messages: 20,
            upload_bytes: 8 << 30,
            uploads: 4,
            analyses: 16,
        }
    }
}

impl Default for ServerOptions {
    /// Loopback at port 8080, no token, uploads, the built-in decoders.
    fn default() -> Self {
        Self {
            listen: loopback(8080).to_vec(),
            allow_hosts: Vec::new(),
            token: None,
            tls: None,
            limits: ServerLimits::default(),
            uploads: true,
            keep_uploads: false,
            registry: DecoderRegistry::with_builtins(),
            engine: EngineOptions::default(),
            routes: None,
            open_path: None,
            probe: None,
        }
    }
}

/// The two addresses of loopback.
#[must_use]
pub fn loopback(port: u16) -> [SocketAddr; 2] {
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)]
}
