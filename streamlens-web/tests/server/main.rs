//! A server and clients in one process.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod abuse;
mod clients;
mod description;
mod documents;
mod exports;
mod refusals;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;
use streamlens_live::ReplaySource;
use streamlens_protocol::merge;
use streamlens_web::{Kind, Server, ServerOptions, Stopper, loopback};
use tokio_tungstenite::tungstenite::Message;

/// How long anything may take, on a machine however busy: nothing is judged by it but that it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn demo() -> PathBuf {
    root().join("examples/captures/demo.pcapng")
}

/// A server that ends with the test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub(crate) fn options() -> ServerOptions {
    ServerOptions { listen: loopback(0)[..1].to_vec(), ..ServerOptions::default() }
}

/// Serves the demo: as fast as it can be read, or so many times as fast as it was captured; or nothing.
pub(crate) fn serve(options: ServerOptions, demo_at: Option<f64>) -> Running {
    let server = Server::new(options).unwrap();
    if let Some(speed) = demo_at {
        let source = CaptureReader::open(demo()).unwrap();
        let engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
        if speed > 0.0 {
            server.analyse("demo", Kind::Replay(speed), ReplaySource::new(source, speed), engine, &[]).unwrap();
        } else {
            server.analyse("demo", Kind::Capture, source, engine, &[]).unwrap();
        }
    }
    let stopper = server.stopper();
    let (ready, address) = channel();
    let thread = std::thread::spawn(move || server.run(move |address| ready.send(address).unwrap()).unwrap());
    let address = address.recv_timeout(PATIENCE).unwrap();
    Running { address, stopper, thread: Some(thread) }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Running {
    /// Sends bytes and reads the answer until the connection is closed.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // one that has answered already may have closed
        let _ = stream.write_all(bytes);
        read(stream)
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let host = self.address.to_string();
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {host}\r\n");
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        self.raw(&[text.as_bytes(), body].concat())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], &[])
    }

    /// Asks again and again until it is so.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(|| {
            let answer = self.get(path);
            if answer.status == 200 && is_so(&answer.json()) {
                Ok(answer.json())
            } else {
                Err(format!("{path}: {answer:?}"))
            }
        })
    }
}

/// Looks again and again until it is so; says what was there last where it never is.
pub(crate) fn eventually<T>(look: impl Fn() -> Result<T, String>) -> T {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        match look() {
            Ok(found) => return found,
            Err(_) if left > 0 => left -= 1,
            Err(last) => panic!("{last}"),
        }
        std::thread::sleep(PAUSE);
    }
}

pub(crate) fn read(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    // a connection that is reset has said what it had to
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunked(&body);
    }
    Response { status, headers, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let from = end + 2;
        body.extend_from_slice(rest.get(from..from + length).unwrap_or_default());
        rest = rest.get(from + length + 2..).unwrap_or_default();
    }
    body
}

/// A client that does what docs/protocol.md says.
pub(crate) struct Client {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    pub(crate) flows: BTreeMap<String, Value>,
    pub(crate) order: Vec<String>,
    pub(crate) findings: BTreeMap<String, Value>,
    pub(crate) last: Value,
    pub(crate) messages: usize,
    has_subscribed: bool,
}

impl Client {
    pub(crate) async fn connect(running: &Running) -> Self {
        let address = format!("ws://{}/stream", running.address);
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        Self {
            socket,
            flows: BTreeMap::new(),
            order: Vec::new(),
            findings: BTreeMap::new(),
            last: Value::Null,
            messages: 0,
            has_subscribed: false,
        }
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.has_subscribed |= message["type"] == "subscribe";
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next message, as text.
    pub(crate) async fn receive(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.ok()??.ok()?;
            match next {
                Message::Text(text) => return Some(text.to_string()),
                Message::Binary(bytes) => {
                    let mut text = String::new();
                    flate2::read::DeflateDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
                    return Some(text);
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next message; those about flows are applied.
    pub(crate) async fn next(&mut self) -> Value {
        let text = self.receive().await.expect("a message");
        let typed: streamlens_protocol::ServerMessage<Value> =
            serde_json::from_str(&text).expect("one of the protocol");
        let message: Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() < (1 << 20) + (1 << 16));
        if let streamlens_protocol::ServerMessage::FlowUpdate(update) = typed {
            self.messages += 1;
            if update.reset {
                self.flows.clear();
                self.order.clear();
                self.findings.clear();
            }
            for key in &update.removed {
                assert!(self.flows.remove(key).is_some(), "{key} is not held: {text}");
            }
            for (key, patch) in update.flows {
                let held = self.flows.entry(key).or_insert(Value::Null);
                if self.has_subscribed { merge(held, patch) } else { *held = patch }
            }
            if let Some(order) = update.order {
                self.order = order;
            }
            for finding in update.findings {
                let value = serde_json::to_value(&finding).unwrap();
                match finding.state {
                    streamlens_protocol::FindingState::Resolved => self.findings.remove(&finding.id),
                    _ => self.findings.insert(finding.id, value),
                };
            }
            self.last = message.clone();
        }
        message
    }

    /// Waits for an answer to this message.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.next().await;
            if message["id"] == json!(id) {
                return message;
            }
        }
    }

    /// Takes the next message, if one comes soon. That none came says nothing of what is to come.
    pub(crate) async fn glance(&mut self) {
        let _ = tokio::time::timeout(Duration::from_millis(50), self.next()).await;
    }

    /// Reads on until the first analysis has ended and all of its flows are held as they are then. The last message may have
    /// come before it was said to have ended, so what is held is looked at, and no message waited for.
    pub(crate) async fn settle(&mut self, running: &Running) {
        let settled = async {
            loop {
                // asked for first: an analysis that has ended has no other flows afterwards
                let has_ended = running.get("/api/v1/analyses").json()[0]["state"] == "ended";
                let page = running.get("/api/v1/analyses/1/flows?count=2000").json();
                if has_ended && json!(self.flows) == page["flows"] && self.last["total"] == page["total"] {
                    return;
                }
                self.glance().await;
            }
        };
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            panic!("what is held never was what there is: {}", self.last);
        }
    }
}

/// Runs a client on this thread.
pub(crate) fn run<T>(of: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(of)
}
