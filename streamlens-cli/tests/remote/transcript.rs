//! What a probe of each version says is played to today's hub.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use super::common::{pcap, rtp, udp};
use super::fake::Fake;
use super::lab::{Lab, Process};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/protocol")
}

/// What a message says: without compression all are texts.
fn text(message: Message) -> Option<Value> {
    match message {
        Message::Text(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

/// Plays the hub for a real probe, and writes down what both say. The capture comes through a pipe, and its second half only
/// when the probe was welcomed, so that its end is always told: a hello of a capture that has ended says so itself.
fn record(lab: &Lab) -> Vec<Value> {
    let frames: Vec<(u32, Vec<u8>)> = (0..40_u16)
        .map(|number| (u32::from(number) * 50, udp((1, 5004), (2, 5004), &rtp(number + u16::from(number > 20)))))
        .collect();
    let capture = pcap(&frames);
    let (first, rest) = capture.split_at(capture.len() / 2);
    assert!(Command::new("mkfifo").arg(lab.0.join("rtp.pcap")).status().unwrap().success());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let arguments = ["probe", "--hub", &url, "--name", "studio-a", "rtp.pcap"];
    let _probe = Process::start(lab.command(&arguments));
    let mut pipe = std::fs::OpenOptions::new().write(true).open(lab.0.join("rtp.pcap")).ok();
    pipe.as_mut().unwrap().write_all(first).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut socket: WebSocket<TcpStream> = tokio_tungstenite::tungstenite::accept(stream).unwrap();
    let mut lines = Vec::new();
    let say = |socket: &mut WebSocket<TcpStream>, lines: &mut Vec<Value>, message: Value| {
        socket.send(Message::Text(message.to_string().into())).unwrap();
        lines.push(json!({"from": "hub", "message": message}));
    };
    say(&mut socket, &mut lines, json!({"type": "hello", "id": 0, "versions": ["streamlens.v1"]}));
    let (mut has_pong, mut has_aggregates, mut has_ended, mut packets) = (false, false, false, 0);
    while !(has_pong && has_aggregates && has_ended && packets == 40) {
        let Some(message) = text(socket.read().unwrap()) else { continue };
        let kind = message["type"].as_str().unwrap().to_owned();
        lines.push(json!({"from": "probe", "message": message.clone()}));
        match kind.as_str() {
            "hello" if pipe.is_some() => {
                let subscribe = json!({"type": "subscribe", "id": 1, "view": 1, "depth": "stream", "rate": 1, "findings": true, "whole": true});
                say(&mut socket, &mut lines, subscribe);
                say(&mut socket, &mut lines, json!({"type": "fill", "ranges": [[1, 1000]]}));
                say(&mut socket, &mut lines, json!({"type": "ping", "id": 1}));
                pipe.take().unwrap().write_all(rest).unwrap();
            }
            "pong" => has_pong = true,
            "analyses" => has_ended = message["analyses"][0]["state"] == "ended",
            "aggregates" => {
                has_aggregates = true;
                let last = message["aggregates"].as_array().unwrap().last().unwrap()["number"].clone();
                say(&mut socket, &mut lines, json!({"type": "ack", "number": last}));
            }
            "flow_update" => packets = message["capture"]["packets"].as_u64().unwrap(),
            _ => {}
        }
    }
    lines
}

/// Puts keys that nobody knows into every object that has a type, or names, of its own, and messages that nobody knows between
/// the others.
fn strange(lines: &[Value]) -> Vec<Value> {
    fn add(value: &mut Value, is_map: bool) {
        match value {
            Value::Object(map) => {
                for (key, below) in map.iter_mut() {
                    // these hold rows by their names
                    let is_map = matches!(
                        key.as_str(),
                        "flows"
                            | "transport_protocols"
                            | "application_encodings"
                            | "packet_types"
                            | "streams"
                            | "dropped"
                    );
                    add(below, is_map);
                }
                if !is_map {
                    map.insert("from_tomorrow".to_owned(), json!({"nested": [1, null, "x"]}));
                }
            }
            // rows of aggregates are lists of a fixed length
            Value::Array(list) => list.iter_mut().filter(|item| item.is_object()).for_each(|item| add(item, false)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for line in lines {
        let mut line = line.clone();
        if line["from"] == "probe" {
            add(&mut line["message"], false);
            all.push(json!({"from": "probe", "message": {"type": "tomorrow", "flows": 7}}));
        }
        all.push(line);
    }
    all
}

/// Plays the probe to a real hub.
fn play(lines: &[Value], what: &str) {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let mut fake = Fake::dial(&hub, None).unwrap();
    let mut identity = Value::Null;
    for line in lines {
        let message = &line["message"];
        if line["from"] == "probe" {
            if message["type"] == "hello" {
                identity = message["probe"].clone();
            }
            fake.say(message);
        } else if message["type"] != "ping" && message["type"] != "ack" {
            fake.hear_type(message["type"].as_str().unwrap());
        }
    }
    let probe =
        hub.probe(identity["name"].as_str().unwrap(), |probe| probe["frames"] == 40 && probe["clock"].is_object());
    assert_eq!((&probe["id"], &probe["state"]), (&identity["id"], &json!("live")), "{what}");
    let key = "10.0.0.1:5004 -> 10.0.0.2:5004";
    let page = hub.until("analyses/1/flows?depth=stream", |page| page["flows"][key]["total_packets"] == 40);
    let encoding = &page["flows"][key]["transport_protocols"]["UDP"]["application_encodings"]["RTP"];
    assert_eq!(
        (&encoding["health"]["lost"], &encoding["health"]["streams"]["0xcafe0001"]["received"]),
        (&json!(1), &json!(40)),
        "{what}"
    );
    let findings = hub.until("analyses/1/findings?code=rtp.loss", |page| page["total"] == 1);
    assert_eq!(findings["findings"][0]["probes"], json!([identity["name"]]), "{what}");
    let path = format!("probes/studio-a/series?flow={}", super::lab::encoded(key));
    hub.until(&path, |series| series["seconds"].as_array().is_some_and(|all| !all.is_empty()));
    let refused = hub.json("analyses/1/findings?code=probe.message");
    assert_eq!(refused["total"], 0, "{what}: {refused}");
}

#[test]
fn transcripts_are_understood() {
    let own = folder().join(format!("probe-{}.jsonl", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("UPDATE_TRANSCRIPT").is_some() {
        let lines: Vec<String> = record(&Lab::new()).iter().map(Value::to_string).collect();
        std::fs::write(&own, lines.join("\n") + "\n").unwrap();
    }
    let mut count = 0;
    for file in std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        play(&lines, &file.display().to_string());
        play(&strange(&lines), &format!("{} with what is unknown", file.display()));
        count += 1;
    }
    assert!(own.exists() && count > 0, "{} is not there: run this test with UPDATE_TRANSCRIPT=1", own.display());
}

#[test]
fn todays_probe_says_what_its_transcript_has() {
    // types and keys, not figures and times
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(map) => map.iter().map(|(key, below)| (key.clone(), shape(below))).collect(),
            Value::Array(list) => Value::Array(list.iter().take(1).map(shape).collect()),
            _ => Value::Null,
        }
    }
    let text = std::fs::read_to_string(folder().join(format!("probe-{}.jsonl", env!("CARGO_PKG_VERSION")))).unwrap();
    let shapes = |lines: Vec<Value>| {
        let mut last = std::collections::BTreeMap::new();
        for line in lines.iter().filter(|line| line["from"] == "probe") {
            last.insert(line["message"]["type"].to_string(), shape(&line["message"]));
        }
        // whether anything came of a time varies
        last.retain(|kind, _| kind != "\"flow_update\"");
        last
    };
    let known = shapes(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    assert_eq!(shapes(record(&Lab::new())), known);
}
