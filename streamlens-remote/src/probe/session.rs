//! One connection to a hub: the hub asks, the probe answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use streamlens_model::Timestamp;
use streamlens_protocol::{Envelope, ErrorMessage, HubMessage, ProbeMessage, ProbeStatus};
use streamlens_web::{Client, Sent, deflated};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::dial::Socket;
use super::fill::Filling;
use super::is_raised;
use super::spool::Spool;
use crate::clock;

/// How long a hub may say nothing: it measures the clock every ten seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Messages of the hub in a second; further ones wait.
const MOST_MESSAGES: u32 = 100;
/// Messages of fewer bytes are not compressed.
const WORTH_COMPRESSING: usize = 1024;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The probe was stopped.
    Stopped,
    /// The connection is gone, or the hub does not want it.
    Lost {
        /// Why, in words.
        why: String,
        /// Whether the hub had let the probe in.
        was_welcome: bool,
    },
}

/// A connection.
pub(super) struct Session<'a> {
    socket: Socket,
    client: Client,
    spool: &'a Arc<Spool>,
    filling: Filling,
    offset_ns: i64,
    is_welcome: bool,
    heard: Instant,
    pace: (Option<Instant>, u32),
    /// Number of the message of changes that is on its way, and since when: the next is made when the hub has it, for what lies
    /// in buffers grows old.
    on_the_way: Option<(u64, Instant)>,
    updates: u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(socket: Socket, client: Client, spool: &'a Arc<Spool>, offset_ns: i64) -> Self {
        let filling = Filling::new(spool.state().next);
        let heard = clock::instant();
        Self {
            socket,
            client,
            spool,
            filling,
            offset_ns,
            is_welcome: false,
            heard,
            pace: (None, 0),
            on_the_way: None,
            updates: 0,
        }
    }

    /// Answers until the connection is gone.
    pub(super) async fn run(mut self, stopped: &mut watch::Receiver<bool>, on_welcome: impl Fn()) -> Ended {
        let why = loop {
            match self.step(stopped).await {
                Ok(true) if !self.is_welcome => {
                    self.is_welcome = true;
                    on_welcome();
                }
                Ok(_) => {}
                Err(None) => {
                    let close = Message::Close(Some(CloseFrame { code: 1001.into(), reason: "the probe ends".into() }));
                    let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.send(close)).await;
                    return Ended::Stopped;
                }
                Err(Some(why)) => break why,
            }
        };
        Ended::Lost { why, was_welcome: self.is_welcome }
    }

    /// Waits for what comes next and does it; whether the hub has let the probe in. `Err(None)` where the probe is stopped.
    async fn step(&mut self, stopped: &mut watch::Receiver<bool>) -> Result<bool, Option<String>> {
        let now = clock::instant();
        let (is_welcome, live) = (self.is_welcome, self.filling.live);
        let due = self.filling.due(now).filter(|_| is_welcome);
        let silence = self.heard + SILENCE;
        tokio::select! {
            biased;
            () = is_raised(stopped) => return Err(None),
            said = self.socket.next() => return self.hear(said).await,
            message = self.client.next() => {
                let Some(Sent { bytes, is_compressed, is_update }) = message else {
                    return Err(Some("the connection was too slow".to_owned()));
                };
                self.send(bytes, is_compressed).await?;
                if is_update {
                    // every WebSocket answers a ping once it has what was sent before
                    self.updates += 1;
                    self.on_the_way = Some((self.updates, clock::instant()));
                    self.send_message(Message::Ping(self.updates.to_be_bytes().to_vec().into())).await?;
                }
            }
            () = self.spool.wait_for(live), if is_welcome => {
                if let Some(text) = self.filling.live(self.spool) {
                    self.send_text(text).await?;
                }
            }
            () = until(due), if due.is_some() => {
                if let Some(text) = self.filling.earlier(self.spool, clock::instant()) {
                    self.send_text(text).await?;
                }
            }
            () = until(Some(now + Duration::from_secs(1))), if is_welcome => {}
            () = until(self.on_the_way.map(|(_, since)| since + PATIENCE)) => {
                return Err(Some("the hub has taken nothing for 20 s".to_owned()));
            }
            () = until(Some(silence)) => return Err(Some("the hub has been silent for 30 s".to_owned())),
        }
        if is_welcome && self.status_is_due() {
            let status = ProbeMessage::Status(ProbeStatus { spool: self.spool.state(), load: load() });
            self.send_text(serde_json::to_vec(&status).unwrap_or_default()).await?;
        }
        Ok(self.is_welcome)
    }

    /// Whether a second has passed since the last status.
    fn status_is_due(&mut self) -> bool {
        let now = clock::instant();
        let is_due = self.pace.0.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_millis(990));
        if is_due {
            self.pace = (Some(now), 0);
        }
        is_due
    }

    async fn hear(
        &mut self,
        said: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<bool, Option<String>> {
        let received = self.now();
        self.heard = clock::instant();
        self.pace.1 += 1;
        if self.pace.1 > MOST_MESSAGES {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let text = match said {
            None => return Err(Some("the hub has closed the connection".to_owned())),
            Some(Err(error)) => return Err(Some(error.to_string())),
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.reason.to_string()).filter(|why| !why.is_empty());
                return Err(Some(why.unwrap_or_else(|| "the hub has closed the connection".to_owned())));
            }
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Pong(of))) => {
                if self.on_the_way.is_some_and(|(number, _)| *of == number.to_be_bytes()) {
                    self.on_the_way = None;
                    self.client.taken();
                }
                return Ok(self.is_welcome);
            }
            Some(Ok(_)) => return Ok(self.is_welcome),
        };
        let envelope: Envelope = serde_json::from_str(&text).unwrap_or_default();
        match envelope.kind.as_deref() {
            Some("ping") => {
                // stamped here, as near to the wire as it gets
                let id = envelope.id;
                let answer =
                    json!({"type": "pong", "id": id, "received": received.to_string(), "sent": self.now().to_string()});
                self.send_text(answer.to_string().into_bytes()).await?;
            }
            Some("error") => {
                let why = serde_json::from_str::<ErrorMessage>(&text).ok().and_then(|error| error.error.detail);
                return Err(Some(why.unwrap_or_else(|| "the hub refuses the probe".to_owned())));
            }
            Some(kind) if HubMessage::KINDS.contains(&kind) => match serde_json::from_str(&text) {
                Ok(HubMessage::Fill(fill)) => {
                    self.filling.ask(&fill.ranges);
                    return Ok(true);
                }
                Ok(HubMessage::Ack(ack)) => {
                    self.filling.acknowledged(ack.number, self.spool, clock::instant());
                }
                Err(_) => {}
            },
            _ => self.client.say(&text),
        }
        Ok(self.is_welcome)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(clock::now().as_nanos().saturating_add(self.offset_ns))
    }

    async fn send_text(&mut self, text: Vec<u8>) -> Result<(), Option<String>> {
        if text.len() >= WORTH_COMPRESSING
            && let Some(small) = deflated(&text)
        {
            return self.send(small, true).await;
        }
        self.send(text, false).await
    }

    async fn send(&mut self, bytes: Vec<u8>, is_compressed: bool) -> Result<(), Option<String>> {
        let message = match is_compressed {
            true => Message::Binary(bytes.into()),
            false => match String::from_utf8(bytes) {
                Ok(text) => Message::Text(text.into()),
                Err(_) => return Ok(()),
            },
        };
        self.send_message(message).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), Option<String>> {
        match tokio::time::timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Some(error.to_string())),
            Err(_) => Err(Some("the hub has taken nothing for 20 s".to_owned())),
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Load average of the last minute, on Linux.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}
