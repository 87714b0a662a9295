//! The way to a hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use streamlens_protocol::Problem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, http};

/// How long dialling may take, up to the answer of the hub.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a message of the hub.
const MOST_BYTES: usize = 64 << 10;
/// Where systems keep the certificates of authorities that they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a hub is: `wss://hub.example:8443`, or `ws://` without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    is_tls: bool,
}

impl Address {
    /// Whether what is said is kept from others on the way.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is this machine by its name or number.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    /// # Errors
    ///
    /// Where it is no `ws://HOST[:PORT]` or `wss://HOST[:PORT]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no hub; write wss://HOST:PORT, or ws://HOST:PORT without TLS");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let is_tls = match scheme {
            "ws" => false,
            "wss" => true,
            _ => return Err(wrong()),
        };
        let authority: http::uri::Authority = rest.trim_end_matches('/').parse().map_err(|_| wrong())?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = match (authority.port_u16(), authority.as_str().ends_with(':')) {
            (Some(port), _) => port,
            (None, false) if authority.as_str() == authority.host() => 8443,
            _ => return Err(wrong()),
        };
        Ok(Self { host, port, is_tls })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// A connection, with TLS or without.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// The file of the authorities that TLS trusts: this one, or that of the system where it has one.
#[must_use]
pub fn authorities(file: Option<&Path>) -> Option<PathBuf> {
    let given = file.map(Path::to_owned).or_else(|| std::env::var_os("SSL_CERT_FILE").map(Into::into));
    given.or_else(|| AUTHORITIES.iter().map(PathBuf::from).find(|path| path.exists()))
}

/// What TLS trusts: the authorities of a file, or those of the system.
pub(super) fn trust(file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let path = authorities(file).ok_or("this system has no file of authorities: name one by --tls-ca")?;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| named(&error))? {
        let certificate = certificate.map_err(|error| named(&error))?;
        // a system's file may hold some that this one can't read
        let added = roots.add(certificate);
        if file.is_some() {
            added.map_err(|error| named(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(named(&"there is no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

/// Dials a hub; why not, in words.
pub(super) async fn dial(
    to: &Address,
    token: Option<&str>,
    trust: Option<&Arc<ClientConfig>>,
) -> Result<Socket, String> {
    match tokio::time::timeout(PATIENCE, dial_patiently(to, token, trust)).await {
        Ok(socket) => socket,
        Err(_) => Err(format!("{to} does not answer")),
    }
}

async fn dial_patiently(
    to: &Address,
    token: Option<&str>,
    trust: Option<&Arc<ClientConfig>>,
) -> Result<Socket, String> {
    let named = |error: &dyn std::fmt::Display| format!("{to}: {error}");
    let stream = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(|error| named(&error))?;
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Wire> = match trust {
        Some(trust) if to.is_tls => {
            let name = ServerName::try_from(to.host.clone()).map_err(|error| named(&error))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(trust));
            Box::new(connector.connect(name, stream).await.map_err(|error| named(&error))?)
        }
        _ => Box::new(stream),
    };
    let mut request = format!("{to}/probe").into_client_request().map_err(|error| named(&error))?;
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| named(&"this is no token"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(4 << 20)
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            let why = serde_json::from_slice::<Problem>(body).ok().and_then(|problem| problem.detail);
            Err(named(&why.unwrap_or_else(|| format!("it answers {}, and takes no probes", answer.status()))))
        }
        Err(error) => Err(named(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubs_have_a_scheme_a_host_and_a_port() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        for (text, wanted) in [
            ("wss://hub:8443", "wss://hub:8443"),
            ("ws://127.0.0.1:9", "ws://127.0.0.1:9"),
            ("wss://hub.example/", "wss://hub.example:8443"),
            ("ws://[::1]:8443", "ws://[::1]:8443"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(wanted));
        }
        for text in ["", "hub:8443", "http://hub", "ws://", "ws://hub:", "ws://hub:99999", "ws://a@b", "ws://hub/probe"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!("ws://[::1]:1".parse::<Address>().unwrap().is_loopback());
    }
}
