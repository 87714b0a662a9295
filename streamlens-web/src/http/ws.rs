//! `/stream`: carries messages between a client and the hub.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flate2::Compression as Level;
use flate2::write::DeflateEncoder;
use streamlens_protocol::{ClientMessage, Compression, Envelope, ErrorMessage, Id, Problem};
use tokio::sync::mpsc;

use super::App;
use super::is_raised;
use super::problem::Fault;
use crate::hub::{Command, Out};

/// How long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers that may wait for a client, beside one message of changes.
const ROOM: usize = 64;
/// Messages of fewer bytes are not compressed.
const WORTH_COMPRESSING: usize = 1024;
/// Messages that a client may save up.
const BURST: u32 = 40;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Takes up a WebSocket.
pub(crate) async fn stream(State(app): State<Arc<App>>, upgrade: WebSocketUpgrade) -> Response {
    let limits = &app.options.limits;
    if app.websockets.fetch_add(1, Ordering::AcqRel) >= limits.websockets {
        app.websockets.fetch_sub(1, Ordering::AcqRel);
        app.shared.metrics.refused.fetch_add(1, Ordering::Relaxed);
        let what = format!("{} clients are connected, which is as many as may be", limits.websockets);
        return Fault::limit(StatusCode::SERVICE_UNAVAILABLE, "--max-websockets", what).into_response();
    }
    let counted = Counted(Arc::clone(&app));
    upgrade
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(4 << 20)
        .max_message_size(limits.client_message_bytes)
        .max_frame_size(limits.client_message_bytes)
        .on_upgrade(move |socket| async move {
            let counted = counted;
            carry(&counted.0, socket).await;
        })
}

/// A WebSocket that counts.
struct Counted(Arc<App>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.websockets.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn carry(app: &App, mut socket: WebSocket) {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let hub = &app.shared.hub;
    let (out, mut messages) = mpsc::channel(ROOM);
    hub.tell(Command::Connect(id, out));
    let mut ending = app.shared.ending.subscribe();
    let mut pace = Pace::new(app.options.limits.client_messages);
    let mut compression = None;
    let why = loop {
        tokio::select! {
            message = messages.recv() => {
                let (text, is_update) = match message {
                    None => break Some((1013, "too slow")),
                    Some(Out::Compress(asked)) => {
                        compression = asked;
                        continue;
                    }
                    Some(Out::Small(text)) => (text, false),
                    Some(Out::Update(text)) => (text, true),
                };
                let Some(message) = framed(text, compression) else { break Some((1011, "no message")) };
                let length = match &message { Message::Binary(bytes) => bytes.len(), Message::Text(text) => text.len(), _ => 0 };
                match tokio::time::timeout(PATIENCE, socket.send(message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break None,
                    Err(_) => break Some((1013, "nothing was taken for ten seconds")),
                }
                app.shared.metrics.bytes.fetch_add(length as u64, Ordering::Relaxed);
                if is_update {
                    hub.tell(Command::Ready(id));
                }
            }
            said = socket.recv() => {
                let command = match said {
                    None | Some(Err(_)) | Some(Ok(Message::Close(_))) => break None,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        if pace.is_late(crate::clock::instant()) { pace.wait().await; }
                        continue;
                    }
                    Some(Ok(Message::Binary(_))) => Command::Wrong(id, wrong(None, "messages are JSON texts; this one is binary")),
                    Some(Ok(Message::Text(text))) if pace.is_late(crate::clock::instant()) => {
                        let id_of = serde_json::from_str::<Envelope>(&text).ok().and_then(|envelope| envelope.id);
                        let what = format!("at most {} messages a second", app.options.limits.client_messages);
                        let mut problem = Problem::new("limit", "Too much is asked for", 429, what);
                        problem.option = Some("--max-client-messages".to_owned());
                        // who sends on and on waits
                        pace.wait().await;
                        Command::Wrong(id, Box::new(ErrorMessage { id: id_of, error: problem }))
                    }
                    Some(Ok(Message::Text(text))) => match read(&text) {
                        Ok(message) => Command::Said(id, message),
                        Err(error) => Command::Wrong(id, error),
                    },
                };
                hub.tell(command);
            }
            () = is_raised(&mut ending) => break Some((1001, "the server ends")),
        }
    };
    hub.tell(Command::Gone(id));
    if let Some((code, reason)) = why {
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(close)).await;
    }
}

/// A message as it goes over the wire.
fn framed(text: Vec<u8>, compression: Option<Compression>) -> Option<Message> {
    match compression {
        Some(Compression::DeflateRaw) if text.len() >= WORTH_COMPRESSING => {
            let mut encoder = DeflateEncoder::new(Vec::with_capacity(text.len() / 3), Level::fast());
            encoder.write_all(&text).ok()?;
            Some(Message::Binary(encoder.finish().ok()?.into()))
        }
        _ => Some(Message::Text(Utf8Bytes::try_from(text).ok()?)),
    }
}

fn wrong(id: Option<Id>, what: impl Into<String>) -> Box<ErrorMessage> {
    Box::new(ErrorMessage { id, error: Problem::new("message", "The message is wrong", 400, what) })
}

/// Reads a message of a client.
pub(super) fn read(text: &str) -> Result<ClientMessage, Box<ErrorMessage>> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| wrong(None, format!("no message: {error}")))?;
    let id = envelope.id;
    if matches!(&id, Some(Id::Text(text)) if text.len() > 64) {
        return Err(wrong(None, "an id has at most 64 bytes"));
    }
    let kind = envelope.kind.ok_or_else(|| wrong(id.clone(), "the message has no type"))?;
    if !ClientMessage::KINDS.contains(&kind.as_str()) {
        let known = ClientMessage::KINDS.join(", ");
        let shown: String = kind.chars().take(40).collect();
        return Err(wrong(id, format!("there is no type '{shown}'; there are {known}")));
    }
    serde_json::from_str(text).map_err(|error| wrong(id, format!("{kind}: {error}")))
}

/// Messages that a client may send: so many a second, some saved up.
struct Pace {
    each: Duration,
    left: f64,
    last: Option<Instant>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.max(1), left: f64::from(BURST), last: None }
    }

    /// Counts a message; whether it is one too many.
    fn is_late(&mut self, now: Instant) -> bool {
        if let Some(last) = self.last.replace(now) {
            let gained = now.saturating_duration_since(last).as_secs_f64() / self.each.as_secs_f64();
            self.left = (self.left + gained).min(f64::from(BURST));
        }
        self.left -= 1.0;
        self.left < 0.0
    }

    async fn wait(&self) {
        tokio::time::sleep(self.each).await;
    }
}
