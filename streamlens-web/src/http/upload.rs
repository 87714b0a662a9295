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
use streamlens_protocol::{Analysis, AnalysisKind};
use tokio::sync::{mpsc, oneshot};

use super::App;
use super::is_raised;
use super::openapi::UploadQuery;
use super::problem::Fault;
use super::query::Query;
use crate::hub::Command;
use crate::packets::Keeping;
use crate::server::with_intervals;
use crate::source::Progress;

/// Content types of captures: none that a form can send.
const KINDS: [&str; 3] = ["application/octet-stream", "application/vnd.tcpdump.pcap", "application/x-pcapng"];
/// Pieces of the body that wait for the reader.
const ROOM: usize = 8;

/// Threads of all uploads together, or one of each, unless the server is told how many an analysis has.
const MOST_THREADS: usize = 8;

/// How long a client may send nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One upload that counts.
struct Counted(Arc<App>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.uploads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Tells that an upload was cut off, unless it wasn't: also where the client goes and nobody asks for its answer any more.
struct CutOff {
    progress: Arc<Progress>,
    is_whole: bool,
}

impl Drop for CutOff {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        self.progress.tell(|told| {
            told.is_incomplete = true;
            told.messages.push("the upload was cut off: what came of it is analysed".to_owned());
        });
    }
}

/// Takes a capture.
#[utoipa::path(post, path = "/analyses", params(UploadQuery), request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The capture, as it is or compressed"), responses((status = 201, description = "The capture was analysed as it arrived; Location has the address of its analysis", body = Analysis)))]
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
    let id = app.shared.next_id();
    let (file, packets) = match &app.kept {
        Some(folder) => match folder.begin(&id) {
            Ok((file, packets)) => (Some(file), Some(packets)),
            Err(error) => {
                progress.tell(|told| told.messages.push(format!("the capture is not kept: {error}")));
                (None, None)
            }
        },
        None => (None, None),
    };
    app.shared.begin(&id, name.clone(), AnalysisKind::Upload, Arc::clone(&progress), packets);
    let (pieces, rest) = mpsc::channel(ROOM);
    let body_reader = Keeping::new(BodyReader { rest, piece: Bytes::new() }, file, Arc::clone(&progress));
    let opened = open(&app, &id, name, Arc::clone(&progress), body_reader)?;
    // it goes before the pieces do, so that the reader's end is told as what it is
    let mut cut_off = CutOff { progress: Arc::clone(&progress), is_whole: false };
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
            None => {
                cut_off.is_whole = true;
                break;
            }
            Some(Err(error)) => {
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
            cut_off.is_whole = true;
            fault = Some(too_long());
            break;
        }
        if pieces.send(piece).await.is_err() {
            // the reader has ended: it is no capture, or has been taken away
            cut_off.is_whole = true;
            break;
        }
    }
    drop(cut_off);
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
    body: Keeping<BodyReader>,
) -> Result<oneshot::Receiver<Result<(), String>>, Fault> {
    let (answer, opened) = oneshot::channel();
    let (app, id) = (Arc::clone(app), id.to_owned());
    let thread = std::thread::Builder::new().name("streamlens-upload".to_owned()).spawn(move || {
        step_back();
        let source = CaptureReader::from_reader(name, body).map_err(|error| error.to_string());
        let driver = source.and_then(|source| {
            let total = progress.told().bytes_total;
            let mut options = with_intervals(app.options.engine.clone(), total);
            options.threads = threads_of_each(options.threads, app.uploads.load(Ordering::Acquire));
            let engine = Engine::new(app.options.registry.clone(), options);
            crate::server::start(source, None, engine, Arc::clone(&progress)).map_err(|error| error.to_string())
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

/// How much further back than a live capture the threads of an upload stand, of 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Lets what is captured go first: Linux gives this thread less of the machine, and those that it starts, which are all that an
/// analysis has. Elsewhere the priority is one of the whole process, and stays.
fn step_back() {
    #[cfg(target_os = "linux")]
    // without it the upload is as quick as the capture
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Threads of an upload among so many at once, where an analysis alone has `all`, or as many as the engine takes by itself (0).
fn threads_of_each(all: usize, uploads: usize) -> usize {
    let all =
        if all == 0 { std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) } else { all };
    (all / uploads.max(1)).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_share_the_threads_of_one_analysis() {
        let shares =
            [(8, 1), (8, 3), (8, 4), (8, 9), (1, 1), (2, 0)].map(|(all, uploads)| threads_of_each(all, uploads));
        assert_eq!(shares, [8, 2, 2, 1, 1, 2]);
        assert!((1..=MOST_THREADS).contains(&threads_of_each(0, 1)));
    }

    /// The priority is the thread's own, and those that it starts have it.
    #[cfg(target_os = "linux")]
    #[test]
    fn threads_of_an_upload_stand_back() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let of_upload = std::thread::spawn(move || {
            step_back();
            (nice(), std::thread::spawn(nice).join().unwrap())
        });
        assert_eq!(of_upload.join().unwrap(), (NICE, NICE));
        assert_eq!(nice(), before);
    }
}
