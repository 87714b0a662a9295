//! What is reached over HTTP.

mod assets;
mod export;
mod guard;
mod limit;
mod openapi;
mod openapi_page;
mod problem;
mod query;
mod rest;
mod upload;
mod ws;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};

use self::guard::{Guard, Hosts};
use self::limit::{Connections, Limited};
pub use self::problem::problem_response;
use crate::options::ServerOptions;
use crate::packets::KeptFolder;
use crate::server::Shared;
use crate::tls::Pem;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long what is going on may take when the server ends.
const GRACE: Duration = Duration::from_secs(3);

/// What all handlers have.
pub(crate) struct App {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: ServerOptions,
    pub(crate) guard: Guard,
    pub(crate) websockets: AtomicUsize,
    pub(crate) uploads: AtomicUsize,
    /// Where captures that are dropped are kept, if they are.
    pub(crate) kept: Option<KeptFolder>,
}

impl App {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: &ServerOptions,
        addresses: &[SocketAddr],
        kept: Option<KeptFolder>,
    ) -> Arc<Self> {
        let hosts = Hosts::new(addresses, &options.allow_hosts, options.tls.is_some());
        let guard = Guard::new(hosts, options.token.clone(), options.tls.is_some());
        let (websockets, uploads) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { shared, options: options.clone(), guard, websockets, uploads, kept })
    }
}

/// All that answers. The guard stands in front of routing.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let (api, _) = openapi::api().split_for_parts();
    let api = api.fallback(rest::nothing);
    let all = Router::new()
        .nest("/api/v1", api)
        .route("/api/", get(openapi::page))
        .route("/stream", get(ws::stream))
        .route("/healthz", get(rest::healthz))
        .route("/metrics", get(rest::metrics))
        .fallback(assets::asset)
        .method_not_allowed_fallback(rest::wrong_method)
        .with_state(Arc::clone(app));
    let all = match &app.options.routes {
        Some(routes) => all.merge(routes.clone()),
        None => all,
    };
    Router::new().fallback_service(all).layer(from_fn_with_state(Arc::clone(app), guard::guard))
}

/// Waits until a flag is raised.
async fn is_raised(flag: &mut tokio::sync::watch::Receiver<bool>) {
    // one whose sender is gone will not be raised: as good as raised
    let _ = flag.wait_for(|is_raised| *is_raised).await.map(drop);
}

/// Serves until the handle ends it.
pub(crate) async fn serve(listeners: Vec<TcpListener>, app: Arc<App>, tls: Option<Pem>) -> io::Result<()> {
    let handle = axum_server::Handle::new();
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let config = match tls {
        Some(Pem { certificate, key }) => {
            // a second one is as good as the first
            let _ = rustls::crypto::ring::default_provider().install_default();
            Some(RustlsConfig::from_pem(certificate, key).await?)
        }
        None => None,
    };
    let mut ending = app.shared.ending.subscribe();
    let ender = handle.clone();
    let ending = tokio::spawn(async move {
        if ending.wait_for(|is_ending| *is_ending).await.is_ok() {
            ender.graceful_shutdown(Some(GRACE));
        }
    });
    if let Some(config) = config.clone() {
        let mut read = app.shared.read_again.subscribe();
        tokio::spawn(async move {
            while read.changed().await.is_ok() {
                let pem = read.borrow_and_update().clone();
                if let Some(pem) = pem {
                    // it was tried when it was read
                    let _ = config.reload_from_pem(pem.certificate.clone(), pem.key.clone()).await;
                }
            }
        });
    }
    let limits = &app.options.limits;
    let connections = Arc::new(Connections::new(limits.connections, limits.connections_per_address));
    let mut tasks = tokio::task::JoinSet::new();
    for listener in listeners {
        let (service, handle, config) = (service.clone(), handle.clone(), config.clone());
        let connections = Arc::clone(&connections);
        tasks.spawn(async move {
            match config {
                Some(config) => {
                    let acceptor = Limited { inner: RustlsAcceptor::new(config), connections };
                    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
                    server.http_builder().http1().header_read_timeout(HEAD_TIMEOUT);
                    server.serve(service).await
                }
                None => {
                    let acceptor = Limited { inner: DefaultAcceptor::new(), connections };
                    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
                    server.http_builder().http1().header_read_timeout(HEAD_TIMEOUT);
                    server.serve(service).await
                }
            }
        });
    }
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        result = result.and(ended.unwrap_or_else(|error| Err(io::Error::other(error))));
    }
    ending.abort();
    result
}
