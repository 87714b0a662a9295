//! Captures that are dropped: analysed as they arrive.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use streamlens_engine::Engine;
use streamlens_pcap::CaptureReader;
use streamlens_protocol::AnalysisKind;
use tokio::sync::{mpsc, oneshot};

use super::App;
use super::is_raised;
use super::problem::Fault;
use super::rest::Query;
use crate::hub::Command;
use crate::server::with_intervals;
use crate::source::Progress;

/// Content types of captures: none that a form can send.
const KINDS: [&str; 3] = ["application/octet-stream", "application/vnd.tcpdump.pcap", "application/x-pcapng"];
/// Pieces of the body that wait for the reader.
const ROOM: usize = 8;

/// How long a client may send nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One upload that counts.
struct Counted(Arc<App>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.uploads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes a capture.
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let limits = app.options.limits;
    if !app.options.uploads {
        let what = "this server takes no captures";
        return Err(Fault::new("rights", "This may not be done", StatusCode::FORBIDDEN, what));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !KINDS.contains(&kind.split(';').next().unwrap_or_default().trim()) {
        let what = "send the capture as Content-Type: application/octet-stream";
        return Err(Fault::new("content-type", "Not this content type", StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let total = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_long = || {
        let what = format!("a capture has at most {} bytes", limits.upload_bytes);
        Fault::limit(StatusCode::PAYLOAD_TOO_LARGE, "--max-upload", what)
    };
    if total.is_some_and(|total| total > limits.upload_bytes) {
        return Err(too_long());
    }
    if app.uploads.fetch_add(1, Ordering::AcqRel) >= limits.uploads {
        app.uploads.fetch_sub(1, Ordering::AcqRel);
        let what = format!("{} captures are being dropped, which is as many as may be at once", limits.uploads);
        return Err(Fault::limit(StatusCode::SERVICE_UNAVAILABLE, "--max-uploads", what));
    }
    let _counted = Counted(Arc::clone(&app));
    let room = app.shared.hub.ask(move |hub| hub.make_room(limits.analyses)).await.ok_or_else(Fault::ending)?;
    if !room {
        let what = format!("{} analyses are kept, and none of them has ended; take one away", limits.analyses);
        return Err(Fault::limit(StatusCode::SERVICE_UNAVAILABLE, "--max-analyses", what));
    }
    app.shared.metrics.uploads.fetch_add(1, Ordering::Relaxed);
    let name = Query::of(query).get("name").filter(|name| !name.is_empty()).unwrap_or("upload").to_owned();
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(255).collect();
    let progress = Arc::new(Progress::default());
    progress.tell(|told| told.bytes_total = total);
    let id = app.shared.begin(name.clone(), AnalysisKind::Upload, Arc::clone(&progress), None);
    let (pieces, rest) = mpsc::channel(ROOM);
    let opened = open(&app, &id, name, Arc::clone(&progress), rest)?;
    let mut stream = body.into_data_stream();
    let (mut came, mut fault) = (0_u64, None);
    let mut ending = app.shared.ending.subscribe();
    loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(PATIENCE, stream.next()) => match piece {
                Ok(piece) => piece,
                Err(_) => Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))),
            },
            () = is_raised(&mut ending) => {
                fault = Some(Fault::ending());
                break;
            }
        };
        let piece: Bytes = match piece {
            None => break,
            Some(Err(error)) => {
                progress.tell(|told| {
                    told.is_incomplete = true;
                    told.messages.push("the upload was cut off: what came of it is analysed".to_owned());
                });
                fault =
                    Some(Fault::new("cut-off", "The upload was cut off", StatusCode::BAD_REQUEST, error.to_string()));
                break;
            }
            Some(Ok(piece)) => piece,
        };
        came += piece.len() as u64;
        if came > limits.upload_bytes {
            progress.tell(|told| {
                told.is_incomplete = true;
                told.messages.push(format!("only the first {} bytes were taken", limits.upload_bytes));
            });
            fault = Some(too_long());
            break;
        }
        if pieces.send(piece).await.is_err() {
            // the reader has ended: it is no capture, or has been taken away
            break;
        }
    }
    drop(pieces);
    if let Ok(Err(failure)) = opened.await {
        return Err(Fault::new("capture", "This is no capture", StatusCode::UNPROCESSABLE_ENTITY, failure));
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    let of = id.clone();
    let info = app.shared.hub.ask(move |hub| hub.infos().into_iter().find(|info| info.id == of)).await.flatten();
    let mut response = (StatusCode::CREATED, serde_json::to_vec(&info).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/analyses/{id}")) {
        headers.insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Opens the capture on a thread of its own, which waits for its first bytes. The answer says whether it is one.
fn open(
    app: &Arc<App>,
    id: &str,
    name: String,
    progress: Arc<Progress>,
    rest: mpsc::Receiver<Bytes>,
) -> Result<oneshot::Receiver<Result<(), String>>, Fault> {
    let (answer, opened) = oneshot::channel();
    let (app, id) = (Arc::clone(app), id.to_owned());
    let body = BodyReader { rest, piece: Bytes::new() };
    let thread = std::thread::Builder::new().name("streamlens-upload".to_owned()).spawn(move || {
        let source = CaptureReader::from_reader(name, body).map_err(|error| error.to_string());
        let driver = source.and_then(|source| {
            let total = progress.told().bytes_total;
            let engine = Engine::new(app.options.registry.clone(), with_intervals(app.options.engine.clone(), total));
            crate::server::start(source, AnalysisKind::Upload, engine, Arc::clone(&progress))
                .map_err(|error| error.to_string())
        });
        let result = driver.map(|driver| app.shared.hub.tell(Command::Open(id, Box::new(driver))));
        if let Err(failure) = &result {
            progress.tell(|told| told.failure = Some(failure.clone()));
        }
        let _ = answer.send(result);
    });
    thread.map_err(|_| Fault::ending())?;
    Ok(opened)
}

/// The body of a request as a reader that waits.
struct BodyReader {
    rest: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.rest.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.piece.len());
        let taken = self.piece.split_to(count);
        into.get_mut(..count).unwrap_or_default().copy_from_slice(&taken);
        Ok(count)
    }
}
