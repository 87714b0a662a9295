//! Who may ask: hosts, origins, tokens. It stands in front of everything.
//!
//! A page of another site must not read what is served here, even though it runs on this machine: `Host` has to be a name of
//! this server (else names that somebody else owns could be made to lead here), and `Origin`, where a browser sends it, has to be
//! a page of this server, compared whole and with the list, not with what the client says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::App;
use super::problem::Fault;

/// Name of the cookie.
const COOKIE: &str = "streamlens_session";

/// Names that this server has, with ports, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    is_tls: bool,
}

impl Hosts {
    pub(crate) fn new(addresses: &[SocketAddr], allowed: &[String], is_tls: bool) -> Self {
        let mut names = Vec::new();
        let default_port = if is_tls { 443 } else { 80 };
        for address in addresses {
            let port = address.port();
            let mut own = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
            if !address.ip().is_unspecified() && !address.ip().is_loopback() {
                own.push(match address.ip() {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                });
            }
            let other = allowed.iter().map(|name| name.trim().to_lowercase());
            for name in own.into_iter().chain(other) {
                let has_port = name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                if has_port {
                    names.push(name);
                    continue;
                }
                if port == default_port {
                    names.push(name.clone());
                }
                names.push(format!("{name}:{port}"));
            }
        }
        Self { names, is_tls }
    }

    fn has(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        self.names.contains(&host)
    }

    /// Whether an origin is a page of this server.
    fn has_origin(&self, origin: &str) -> bool {
        let scheme = if self.is_tls { "https://" } else { "http://" };
        // behind another server that speaks TLS the page is one of https
        let other = origin.strip_prefix("https://").filter(|_| !self.is_tls);
        origin.strip_prefix(scheme).or(other).is_some_and(|host| self.has(host))
    }
}

/// What is asked of those that come.
pub(crate) struct Guard {
    hosts: Hosts,
    token: Option<String>,
    /// What the cookie holds: nothing that leads back to the token.
    session: String,
    is_tls: bool,
}

impl Guard {
    pub(crate) fn new(hosts: Hosts, token: Option<String>, is_tls: bool) -> Self {
        let session = crate::server::token().unwrap_or_default();
        // without random numbers there is no cookie
        Self { hosts, token, session, is_tls }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        self.has_token(headers, token) || self.has_session(headers)
    }

    fn has_token(&self, headers: &HeaderMap, token: &str) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.split_once(' '));
        bearer.is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case("bearer") && is_same(given.trim(), token))
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        !self.session.is_empty() && pairs.any(|(name, value)| name == COOKIE && is_same(value, &self.session))
    }
}

fn is_same(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}

/// What answers have that are not refused.
const SECURITY: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// Lets through who may pass.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    ConnectInfo(_): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    app.shared.metrics.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(fault) => {
            app.shared.metrics.refused.fetch_add(1, Ordering::Relaxed);
            fault.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn check(app: &App, request: &Request) -> Result<(), Fault> {
    let (guard, headers) = (&app.guard, request.headers());
    if app.options.open_path == Some(request.uri().path()) && !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let hosts: Vec<&str> = headers.get_all(header::HOST).iter().filter_map(|host| host.to_str().ok()).collect();
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let is_ours = match (hosts.as_slice(), authority) {
        ([host], None) => guard.hosts.has(host),
        ([host], Some(authority)) => guard.hosts.has(host) && guard.hosts.has(authority),
        // HTTP/2, which browsers speak where there is TLS, has the authority alone
        ([], Some(authority)) => guard.hosts.has(authority),
        _ => false,
    };
    if !is_ours {
        return Err(Fault::new(
            "host",
            "This server has another name",
            StatusCode::MISDIRECTED_REQUEST,
            "the host that was asked for is none of this server's; start it with --allow-host NAME if it is to be",
        ));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| origin.to_str().is_ok_and(|origin| guard.hosts.has_origin(origin))) {
        return Err(Fault::new(
            "origin",
            "Pages of other sites may not ask",
            StatusCode::FORBIDDEN,
            "the page that asks is not one of this server's",
        ));
    }
    let is_open = request.uri().path() == "/healthz" || is_asset(request);
    if !is_open && !guard.admits(headers) {
        return Err(Fault::new(
            "token",
            "A token is needed",
            StatusCode::UNAUTHORIZED,
            "send Authorization: Bearer TOKEN, or open the page with #token=TOKEN behind its address",
        ));
    }
    Ok(())
}

/// The page itself, which takes the token out of its address: it holds nothing that is anybody's.
fn is_asset(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::GET && (path == "/" || super::assets::is_asset(path))
}

/// Gives a cookie for a token, which the guard has seen.
#[utoipa::path(post, path = "/session", responses((status = 204, description = "Gives a cookie for the token")))]
pub(crate) async fn session(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let guard = &app.guard;
    let may = guard.token.as_ref().is_none_or(|token| guard.has_token(&headers, token));
    if !may {
        return Fault::new("token", "A token is needed", StatusCode::UNAUTHORIZED, "send Authorization: Bearer TOKEN")
            .into_response();
    }
    let secure = if guard.is_tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", guard.session);
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) if guard.token.is_some() => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Takes the cookie back.
#[utoipa::path(delete, path = "/session", responses((status = 204, description = "Takes the cookie back")))]
pub(crate) async fn end_session() -> Response {
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins_are_compared_whole() {
        let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let hosts = Hosts::new(&[address], &["Lab.example".to_owned(), "proxy.example:443".to_owned()], false);
        for ours in [
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "LOCALHOST:8080",
            "lab.example:8080",
            "proxy.example:443",
        ] {
            assert!(hosts.has(ours), "{ours}");
        }
        for other in [
            "localhost",
            "localhost:8081",
            "localhost.evil.example:8080",
            "evil.example:8080",
            "[::1]:80",
            "",
            "127.0.0.1:80800",
        ] {
            assert!(!hosts.has(other), "{other}");
        }
        assert!(hosts.has_origin("http://localhost:8080") && hosts.has_origin("https://proxy.example:443"));
        for other in [
            "null",
            "http://localhost",
            "http://localhost:8080.evil.example",
            "http://localhost:8080/",
            "file://",
            "ws://localhost:8080",
        ] {
            assert!(!hosts.has_origin(other), "{other}");
        }
    }
}
