//! A client of the hub, whatever carries its messages: a WebSocket that came, or one that this program has dialled.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression as Level;
use flate2::write::DeflateEncoder;
use streamlens_protocol::{ClientMessage, Compression, Envelope, ErrorMessage, Id, Problem};
use tokio::sync::mpsc;

use crate::hub::{Command, HubHandle, Out};

/// Answers that may wait for a client, beside one message of changes.
const ROOM: usize = 64;
/// Messages of fewer bytes are not compressed.
const WORTH_COMPRESSING: usize = 1024;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A client: it is told what to say, and gives what is to be sent. Dropping it ends it.
pub struct Client {
    id: u64,
    hub: HubHandle,
    messages: mpsc::Receiver<Out>,
    compression: Option<Compression>,
}

/// A message as it goes over the wire.
#[derive(Debug)]
pub struct Sent {
    /// The text, or a whole stream of RFC 1951 with it.
    pub bytes: Vec<u8>,
    /// Whether it is compressed: a binary message of a WebSocket.
    pub is_compressed: bool,
    /// Whether the next such is made when this one has been taken: [`Client::taken`].
    pub is_update: bool,
}

impl Client {
    pub(crate) fn connect(hub: &HubHandle) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (out, messages) = mpsc::channel(ROOM);
        hub.tell(Command::Connect(id, out));
        Self { id, hub: hub.clone(), messages, compression: None }
    }

    /// The next message; `None` where the client has let too many lie, or the server has ended.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            let (text, is_update) = match self.messages.recv().await? {
                Out::Compress(asked) => {
                    self.compression = asked;
                    continue;
                }
                Out::Small(text) => (text, false),
                Out::Update(text) => (text, true),
            };
            if self.compression.is_none() || text.len() < WORTH_COMPRESSING {
                return Some(Sent { bytes: text, is_compressed: false, is_update });
            }
            return Some(Sent { bytes: deflated(&text)?, is_compressed: true, is_update });
        }
    }

    /// Says that a message of changes has been sent.
    pub fn taken(&self) {
        self.hub.tell(Command::Ready(self.id));
    }

    /// Says what the client says; what is wrong is answered.
    pub fn say(&self, text: &str) {
        self.hub.tell(match read(text) {
            Ok(message) => Command::Said(self.id, message),
            Err(error) => Command::Wrong(self.id, error),
        });
    }

    /// Has the client be told that something is wrong.
    pub(crate) fn fault(&self, error: ErrorMessage) {
        self.hub.tell(Command::Wrong(self.id, Box::new(error)));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.hub.tell(Command::Gone(self.id));
    }
}

/// A text as a whole stream of RFC 1951.
pub fn deflated(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(text.len() / 3), Level::fast());
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}

pub(crate) fn wrong(id: Option<Id>, what: impl Into<String>) -> Box<ErrorMessage> {
    Box::new(ErrorMessage { id, error: Problem::new("message", "The message is wrong", 400, what) })
}

/// Reads a message of a client.
fn read(text: &str) -> Result<ClientMessage, Box<ErrorMessage>> {
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
