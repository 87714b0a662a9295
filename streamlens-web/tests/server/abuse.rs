//! Clients that mean harm, and others that do not notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::{Client, PATIENCE, Running, options, run, serve};

/// Bytes of a frame of a client: masked with zeros, so that the payload stands as it is.
fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => bytes.push(mask | length as u8),
        Ok(length) => {
            bytes.push(mask | 126);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(mask | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    if is_masked {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

const TEXT: u8 = 0x81;
const TEXT_THAT_GOES_ON: u8 = 0x01;
const REST: u8 = 0x80;
const PING: u8 = 0x89;

/// A WebSocket by hand, behind the handshake.
fn socket(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // what it does not take within this time it need not take
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let head = format!(
        "GET /stream HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        running.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Reads until the server closes; what came.
fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is not closed: {error}"),
    }
    bytes
}

/// A client that did nothing wrong is answered as ever.
fn others_are_served(running: &Running) {
    run(async {
        let mut other = Client::connect(running).await;
        other.say(json!({"type": "ping", "id": 1})).await;
        assert_eq!(other.answer(1).await["type"], "pong");
        while other.flows.is_empty() {
            other.next().await;
        }
    });
    assert_eq!(running.get("/healthz").status, 200);
}

#[test]
fn frames_against_the_rules_end_their_connection_alone() {
    let running = serve(options(), Some(0.0));
    running.until("/api/v1/analyses", |list| list[0]["state"] == "ended");
    let ping = json!({"type": "ping", "id": 5}).to_string();
    let wrong = [
        frame(TEXT, ping.as_bytes(), false),
        frame(PING, &[0; 126], true),
        // a part of nothing, a reserved bit, an unknown kind, a ping in parts
        frame(REST, b"{}", true),
        frame(TEXT | 0x40, ping.as_bytes(), true),
        frame(0x83, b"", true),
        frame(PING & 0x0F, b"", true),
        frame(TEXT, &[0xFF, 0xFE], true),
        // 2^63 bytes are to come
        [&[0x81, 0xFF][..], &(1_u64 << 63).to_be_bytes(), &[0; 4]].concat(),
    ];
    for bytes in wrong {
        let mut stream = socket(&running);
        stream.write_all(&bytes).unwrap();
        until_closed(stream);
        others_are_served(&running);
    }
}

/// The code of the frame that closes, and what it says.
fn close_of(frames: &[u8]) -> Option<(u16, String)> {
    let mut rest = frames;
    while let [first, length, behind @ ..] = rest {
        let (length, behind) = match length {
            126 => (usize::from(u16::from_be_bytes(behind.first_chunk().copied()?)), behind.get(2..)?),
            127 => (usize::try_from(u64::from_be_bytes(behind.first_chunk().copied()?)).ok()?, behind.get(8..)?),
            length => (usize::from(*length), behind),
        };
        let (payload, behind) = behind.split_at_checked(length)?;
        if first & 0x0F == 8 {
            let (code, reason) = payload.split_first_chunk()?;
            return Some((u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()));
        }
        rest = behind;
    }
    None
}

#[test]
fn a_message_that_is_too_long_closes_with_the_code_for_it() {
    let running = serve(options(), Some(0.0));
    let ping = json!({"type": "ping", "id": 1}).to_string();
    let mut longest = ping.clone().into_bytes();
    longest.resize(64 << 10, b' ');
    // that long it may be
    let mut stream = socket(&running);
    stream.write_all(&frame(TEXT, &longest, true)).unwrap();
    let (mut came, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&came).contains("\"pong\"") {
        let count = stream.read(&mut piece).expect("it answers");
        assert!(count > 0, "it closed without an answer");
        came.extend_from_slice(&piece[..count]);
    }
    drop(stream);
    let too_long = Some((1009, "the message is too long".to_owned()));
    for more in [1, 100_000, 10_000_000] {
        for kind in [TEXT, 0x82] {
            let mut message = longest.clone();
            message.resize(longest.len() + more, b' ');
            let mut stream = socket(&running);
            // the server may have closed before all of it is written
            let _ = stream.write_all(&frame(kind, &message, true));
            let came = until_closed(stream);
            // where much was on its way the system may take back what the server said
            assert!(close_of(&came) == too_long || more > 1_000_000, "{more}: {came:?}");
        }
    }
    others_are_served(&running);
}

#[test]
fn a_message_in_parts_is_one_message() {
    let running = serve(options(), Some(0.0));
    let ping = json!({"type": "ping", "id": "in parts"}).to_string();
    let mut stream = socket(&running);
    let (first, rest) = ping.as_bytes().split_at(7);
    // control frames may lie between
    let parts = [frame(TEXT_THAT_GOES_ON, first, true), frame(PING, b"", true), frame(REST, rest, true)].concat();
    stream.write_all(&parts).unwrap();
    let (mut came, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&came).contains("\"id\":\"in parts\"") {
        let count = stream.read(&mut piece).expect("it answers");
        assert!(count > 0, "it closed without an answer");
        came.extend_from_slice(&piece[..count]);
    }
    assert!(String::from_utf8_lossy(&came).contains("pong"));
}

#[test]
fn a_hundred_thousand_pings_hold_nobody_up() {
    let running = serve(options(), Some(0.0));
    running.until("/api/v1/analyses", |list| list[0]["state"] == "ended");
    let mut stream = socket(&running);
    let pings = frame(PING, b"", true).repeat(100_000);
    // it may be that not all are taken
    let _ = stream.write_all(&pings);
    others_are_served(&running);
    drop(stream);
    others_are_served(&running);
}

#[test]
fn a_client_that_never_reads_holds_nobody_up() {
    let running = serve(options(), Some(8.0));
    // it says nothing, and is so sent all flows whole again and again
    let never = socket(&running);
    run(async {
        let mut other = Client::connect(&running).await;
        other.settle(&running).await;
        assert_eq!(other.last["capture"]["packets"], 1260, "{}", other.last["capture"]);
        assert_eq!(other.flows.len(), 23);
    });
    drop(never);
}

#[test]
fn three_hundred_filters_of_one_client_replace_each_other() {
    let mut options = options();
    options.limits.client_messages = 10_000;
    let running = serve(options, Some(0.0));
    run(async {
        let mut client = Client::connect(&running).await;
        for number in 0..300_u64 {
            let filter = format!("packets > {number} or bytes == {number}");
            client.say(json!({"type": "subscribe", "id": number, "view": 1 + number % 4, "filter": filter})).await;
            assert_eq!(client.answer(number).await["type"], "done", "{number}");
        }
    });
    others_are_served(&running);
}

/// Each sends a byte and no more: as many as there may be stay, for ten seconds, and the others are turned away.
#[test]
fn slow_heads_take_no_room_for_long() {
    let mut options = options();
    options.limits.connections = 40;
    let running = serve(options, Some(0.0));
    running.until("/api/v1/analyses", |list| list[0]["state"] == "ended");
    run(async {
        // one that was there before goes on
        let mut other = Client::connect(&running).await;
        other.next().await;
        let slow: Vec<TcpStream> = (0..1_000)
            .filter_map(|_| {
                let mut stream = TcpStream::connect(running.address).ok()?;
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // one that is turned away may be closed by now
                let _ = stream.write_all(b"G");
                Some(stream)
            })
            .collect();
        other.say(json!({"type": "ping", "id": 1})).await;
        assert_eq!(other.answer(1).await["type"], "pong");
        // the server closes all of them, though they still have time
        slow.into_iter().for_each(|stream| drop(until_closed(stream)));
        other.say(json!({"type": "ping", "id": 2})).await;
        assert_eq!(other.answer(2).await["type"], "pong");
    });
    others_are_served(&running);
}
