//! `/stream`: carries messages between a client and the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use streamlens_protocol::{Envelope, ErrorMessage, Problem};

use super::App;
use super::is_raised;
use super::problem::Fault;
use crate::link::{Client, Sent, wrong};

/// How long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that a client may save up.
const BURST: u32 = 40;

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
        // one that is somewhat too long is read, so that the client is still there to hear why it is closed
        .max_message_size(4 * limits.client_message_bytes)
        .max_frame_size(4 * limits.client_message_bytes)
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
    let mut client = Client::connect(&app.shared.hub);
    let mut ending = app.shared.ending.subscribe();
    let longest = app.options.limits.client_message_bytes;
    let mut pace = Pace::new(app.options.limits.client_messages);
    let why = loop {
        tokio::select! {
            message = client.next() => {
                let Some(Sent { bytes, is_compressed, is_update }) = message else { break Some((1013, "too slow")) };
                let length = bytes.len() as u64;
                let message = match is_compressed {
                    true => Message::Binary(bytes.into()),
                    false => match Utf8Bytes::try_from(bytes) {
                        Ok(text) => Message::Text(text),
                        Err(_) => break Some((1011, "no message")),
                    },
                };
                match tokio::time::timeout(PATIENCE, socket.send(message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break None,
                    Err(_) => break Some((1013, "nothing was taken for ten seconds")),
                }
                app.shared.metrics.bytes.fetch_add(length, Ordering::Relaxed);
                if is_update {
                    client.taken();
                }
            }
            said = socket.recv() => {
                match said {
                    Some(Err(error)) if is_too_long(&error) => break Some((1009, TOO_LONG)),
                    Some(Ok(Message::Text(text))) if text.len() > longest => break Some((1009, TOO_LONG)),
                    Some(Ok(Message::Binary(bytes))) if bytes.len() > longest => break Some((1009, TOO_LONG)),
                    None | Some(Err(_)) | Some(Ok(Message::Close(_))) => break None,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        if pace.is_late(crate::clock::instant()) { pace.wait().await; }
                    }
                    Some(Ok(Message::Binary(_))) => client.fault(*wrong(None, "messages are JSON texts; this one is binary")),
                    Some(Ok(Message::Text(text))) if pace.is_late(crate::clock::instant()) => {
                        let id_of = serde_json::from_str::<Envelope>(&text).ok().and_then(|envelope| envelope.id);
                        let what = format!("at most {} messages a second", app.options.limits.client_messages);
                        let mut problem = Problem::new("limit", "Too much is asked for", 429, what);
                        problem.option = Some("--max-client-messages".to_owned());
                        // who sends on and on waits
                        pace.wait().await;
                        client.fault(ErrorMessage { id: id_of, error: problem });
                    }
                    Some(Ok(Message::Text(text))) => client.say(&text),
                }
            }
            () = is_raised(&mut ending) => break Some((1001, "the server ends")),
        }
    };
    drop(client);
    if let Some((code, reason)) = why {
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(close)).await;
    }
}

/// What is said where a client's message is longer than `limits.client_message_bytes` of `hello`.
const TOO_LONG: &str = "the message is too long";

fn is_too_long(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<tungstenite::Error>());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
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
