//! A probe that says whatever a test wants.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::lab::Hub;

/// A connection to a hub.
pub(crate) struct Fake {
    socket: WebSocket<TcpStream>,
    seq: u64,
}

pub(crate) const ID: &str = "0c7bd7fd-6a6e-4a8e-9a42-1a60a86e3f0e";

/// Who a probe says to be.
pub(crate) fn identity(id: &str, name: &str, start: &str) -> Value {
    json!({"id": id, "name": name, "start": start})
}

impl Fake {
    /// Dials; the status where it is not let in.
    pub(crate) fn dial(hub: &Hub, token: Option<&str>) -> Result<Self, u16> {
        let stream = TcpStream::connect(hub.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut request = format!("ws://{}/probe", hub.address).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        match tokio_tungstenite::tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, seq: 0 }),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says something; a hub that does not want to hear it has closed.
    pub(crate) fn say(&mut self, message: &Value) {
        self.say_text(message.to_string());
    }

    pub(crate) fn say_text(&mut self, text: impl Into<String>) {
        let _ = self.socket.send(Message::Text(text.into().into()));
    }

    /// Bytes that are no whole message.
    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        let _ = std::io::Write::write_all(self.socket.get_mut(), bytes);
    }

    /// What the hub says next; `Err` with its reason where it closes.
    pub(crate) fn hear(&mut self) -> Result<Value, String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    return Err(frame.map(|frame| frame.reason.to_string()).unwrap_or_default());
                }
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Waits for a message of a type.
    pub(crate) fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().unwrap_or_else(|why| panic!("no {kind}: {why}"));
            if heard["type"] == kind {
                return heard;
            }
        }
    }

    /// Says who it is; whether it is let in, or why not.
    pub(crate) fn introduce(&mut self, identity: &Value) -> Result<(), String> {
        assert_eq!(self.hear()?["type"], "hello");
        self.say(&json!({"type": "hello", "id": 0, "protocol": "streamlens.v1", "version": "0.1.0",
            "limits": {"rows": 2000, "message_bytes": 1048576, "client_message_bytes": 65536, "client_messages_per_second": 20,
                "views": 4, "watches": 16, "at_ns": 0, "upload_bytes": 0, "analyses": 16},
            "analyses": [], "rights": {"upload": false, "packets": false}, "probe": identity}));
        loop {
            let heard = self.hear()?;
            match heard["type"].as_str() {
                Some("error") => return Err(heard["error"]["detail"].as_str().unwrap_or_default().to_owned()),
                Some("fill") => return Ok(()),
                _ => {}
            }
        }
    }

    /// A probe that is let in.
    pub(crate) fn welcome(hub: &Hub, id: &str, name: &str) -> Self {
        let mut fake = Self::dial(hub, None).unwrap();
        fake.introduce(&identity(id, name, "2026-11-28T20:00:00Z")).unwrap();
        fake
    }

    /// Tells of flows.
    pub(crate) fn update(&mut self, flows: Value) {
        self.seq += 1;
        let packets: u64 = flows
            .as_object()
            .unwrap()
            .values()
            .filter_map(|flow| flow["total_packets"].as_u64())
            .fold(0, u64::saturating_add);
        self.say(&update(self.seq, flows, packets));
    }
}

/// A message of changes.
pub(crate) fn update(seq: u64, flows: Value, packets: u64) -> Value {
    let count = flows.as_object().map_or(0, serde_json::Map::len);
    json!({"type": "flow_update", "timestamp": "2026-11-28T20:15:00.1Z", "sent": "2026-11-28T20:15:00.1Z",
        "start": "2026-11-28T20:00:00Z", "analysis": "1", "seq": seq, "epoch": seq, "view": 1, "complete": true, "flows": flows,
        "total": count, "total_flows": count,
        "capture": {"packets": packets, "bytes": packets.saturating_mul(100), "flows": count, "packets_in_flows": packets,
            "packets_not_in_flows": 0}})
}

/// A flow under its key, with so many packets and a stream.
pub(crate) fn flow(host: u8, vlan: &[u16], packets: u64, stream: &str) -> Value {
    let (src, dst) = (format!("10.0.0.{host}"), "239.0.0.1");
    let tags: Vec<String> = vlan.iter().map(u16::to_string).collect();
    let tags = if tags.is_empty() { String::new() } else { format!(" vlan {}", tags.join(",")) };
    let timing = json!({"count": packets.saturating_sub(1)});
    let health = json!({"received": packets, "lost": 0, "expected": packets, "streams": {stream: {"id": stream, "received": packets}}});
    let encoding = json!({"encoding_name": "RTP", "packet_count": packets, "byte_count": 100 * packets, "timing_stats": timing,
        "health": health});
    let transport = json!({"protocol_name": "UDP", "packet_count": packets, "byte_count": 100 * packets, "timing_stats": timing,
        "application_encodings": {"RTP": encoding}});
    json!({format!("{src}:5004 -> {dst}:5004{tags}"): {
        "src": {"address": src, "port": 5004}, "dst": {"address": dst, "port": 5004}, "vlan": vlan, "traffic_type": "multicast",
        "first_seen": "2026-11-28T20:14:00Z", "last_seen": "2026-11-28T20:15:00Z", "total_packets": packets,
        "total_bytes": 100 * packets, "timing_stats": timing, "transports": ["UDP"], "encodings": ["RTP"],
        "transport_protocols": {"UDP": transport}}})
}
