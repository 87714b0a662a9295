//! The page, as it was built.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::problem::Fault;

/// The files of `ui/dist`: in the program, or read from there where it is built for debugging.
#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Dist;

/// Whether there is such a file.
pub(crate) fn is_asset(path: &str) -> bool {
    Dist::get(path.trim_start_matches('/')).is_some()
}

/// A file of the page.
pub(crate) async fn asset(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(file) = Dist::get(path) else {
        let what = "there is nothing at this address; the page is at /, and docs/protocol.md tells of the rest";
        return Fault::new("address", "There is nothing here", StatusCode::NOT_FOUND, what).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return super::rest::wrong_method().await;
    }
    // names in assets/ have a hash of the content in them
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind_of(path))),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, file.data.into_owned()).into_response()
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
