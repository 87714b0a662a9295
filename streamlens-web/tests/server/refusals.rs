//! What is refused, and that others do not notice.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{Client, PATIENCE, options, run, serve};

#[test]
fn other_hosts_and_origins_are_refused() {
    let running = serve(options(), Some(0.0));
    let own = running.address.to_string();
    let port = running.address.port();
    for host in [
        "localhost.evil.example".to_owned(),
        format!("evil.example:{port}"),
        "localhost".to_owned(),
        format!("localhost:{}", port.wrapping_add(1)),
        "[::1]".to_owned(),
        format!("localhost:{port}.evil.example"),
        String::new(),
    ] {
        for path in ["/", "/stream", "/api/v1/analyses", "/healthz", "/nothing"] {
            let answer = running.request("GET", path, &[("Host", &host)], &[]);
            assert_eq!(answer.status, 421, "{host} {path}");
        }
    }
    // HTTP/2 has an authority and no Host; so may a request of HTTP/1
    let absolute = |host: &str| format!("GET http://{host}/healthz HTTP/1.0\r\nConnection: close\r\n\r\n");
    assert_eq!(running.raw(absolute(&own).as_bytes()).status, 200);
    assert_eq!(running.raw(absolute(&format!("evil.example:{port}")).as_bytes()).status, 421);
    assert_eq!(running.raw(b"GET /healthz HTTP/1.0\r\nConnection: close\r\n\r\n").status, 421);
    for origin in [
        "null".to_owned(),
        "http://evil.example".to_owned(),
        format!("http://localhost:{port}.evil.example"),
        format!("http://localhost:{}", port.wrapping_add(1)),
        "http://localhost".to_owned(),
    ] {
        for path in ["/", "/stream", "/api/v1/analyses"] {
            assert_eq!(running.request("GET", path, &[("Origin", &origin)], &[]).status, 403, "{origin} {path}");
        }
    }
    // a page elsewhere whose name leads here says its own name in both
    let evil = format!("evil.example:{port}");
    let both = [("Host", evil.as_str()), ("Origin", &format!("http://{evil}"))];
    assert_eq!(running.request("GET", "/api/v1/analyses", &both, &[]).status, 421);
    let ours = format!("http://{own}");
    assert_eq!(running.request("GET", "/api/v1/analyses", &[("Origin", &ours)], &[]).status, 200);
    assert!(!running.get("/").headers.keys().any(|name| name.starts_with("access-control")));
}

#[test]
fn a_token_is_asked_for_everywhere_and_said_nowhere() {
    let token = "0123456789abcdef0123456789abcdef";
    let running = serve(streamlens_web::ServerOptions { token: Some(token.to_owned()), ..options() }, Some(0.0));
    let bearer = format!("Bearer {token}");
    for path in ["/api/v1/analyses", "/stream", "/metrics", "/api/v1/nothing", "/nothing"] {
        for given in [
            None,
            Some("Bearer "),
            Some("Bearer 0123456789abcdef"),
            Some(token),
            Some("Basic 0123456789abcdef0123456789abcdef"),
        ] {
            let headers: Vec<(&str, &str)> = given.map(|given| ("Authorization", given)).into_iter().collect();
            let answer = running.request("GET", path, &headers, &[]);
            assert_eq!(answer.status, 401, "{path} {given:?}");
            assert!(!String::from_utf8_lossy(&answer.body).contains(&token[..16]));
        }
    }
    assert_eq!(running.get("/healthz").status, 200);
    assert_eq!(running.get("/").status, 200);
    let metrics = running.request("GET", "/metrics", &[("Authorization", &bearer)], &[]);
    assert!(metrics.status == 200 && !String::from_utf8_lossy(&metrics.body).contains(token));
    let traded = running.request("POST", "/api/v1/session", &[("Authorization", &bearer)], &[]);
    let cookie = &traded.headers["set-cookie"];
    assert!(traded.status == 204 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(token));
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(running.request("GET", "/api/v1/analyses", &[("Cookie", pair)], &[]).status, 200);
    assert_eq!(running.request("GET", "/api/v1/analyses", &[("Cookie", &pair[..pair.len() - 1])], &[]).status, 401);
}

#[test]
fn other_addresses_need_a_token() {
    let options = streamlens_web::ServerOptions { listen: vec!["0.0.0.0:0".parse().unwrap()], ..options() };
    let refused = streamlens_web::Server::new(options).err().unwrap();
    assert!(refused.to_string().contains("--token-file"), "{refused}");
}

#[test]
fn paths_lead_nowhere_else() {
    let running = serve(options(), None);
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/../../Cargo.toml",
        "//etc/passwd",
        "/%00",
    ] {
        let answer = running.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    assert_eq!(running.get("/api/v1/nothing").json()["type"], "urn:streamlens:problem:address");
    assert_eq!(running.request("PUT", "/api/v1/version", &[], &[]).status, 405);
    assert_eq!(running.get("/api/v1/analyses/7/flows").status, 404);
    assert_eq!(running.get("/api/v1/analyses/%2e%2e/document").status, 404);
}

#[test]
fn wrong_messages_are_answered_and_others_do_not_notice() {
    let running = serve(options(), Some(0.0));
    run(async {
        let mut other = Client::connect(&running).await;
        other.settle(&running).await;
        let mut client = Client::connect(&running).await;
        client.settle(&running).await;
        let bombs = [
            "not JSON".to_owned(),
            "[".repeat(10_000),
            format!("{{\"type\":\"ping\",\"id\":{}}}", "1".repeat(400)),
            json!({"type": "ping", "id": "x".repeat(65)}).to_string(),
            json!({"type": "nonsense"}).to_string(),
            json!({"id": 3}).to_string(),
            json!({"type": "subscribe", "view": 9}).to_string(),
            json!({"type": "subscribe", "rate": 0}).to_string(),
            json!({"type": "subscribe", "window": {"from": -1, "count": 10}}).to_string(),
            json!({"type": "subscribe", "window": {"from": 0, "count": 100000}}).to_string(),
            json!({"type": "subscribe", "filter": "(".repeat(65) + &")".repeat(65)}).to_string(),
            json!({"type": "watch", "flow": "a/b/c/d"}).to_string(),
            json!({"type": "at", "time": "never"}).to_string(),
            format!("{{\"type\":\"subscribe\",\"window\":{{\"from\":{},\"count\":1}}}}", u128::from(u64::MAX) + 1),
        ];
        for bomb in bombs {
            client.send(Message::text(bomb.clone())).await;
            loop {
                let message = client.next().await;
                if message["type"] == "error" {
                    assert_eq!(
                        message["error"]["status"].as_u64().map(|status| status / 100),
                        Some(4),
                        "{bomb}: {message}"
                    );
                    break;
                }
            }
        }
        client.send(Message::binary(vec![1, 2, 3])).await;
        client.say(json!({"type": "ping", "id": 99, "unknown": {"deep": [1]}})).await;
        assert_eq!(client.answer(99).await["type"], "pong");
        // one that is too long ends the connection, and no other
        client.send(Message::text("x".repeat(100_000))).await;
        while client.receive().await.is_some() {}
        other.say(json!({"type": "ping", "id": 1})).await;
        assert_eq!(other.answer(1).await["type"], "pong");
    });
}

#[test]
fn different_views_are_bounded() {
    let running = serve(options(), Some(0.0));
    run(async {
        let mut clients = Vec::new();
        for _ in 0..17 {
            clients.push(Client::connect(&running).await);
        }
        let (mut refused, mut number) = (0, 0);
        for client in &mut clients {
            for view in 1..=4 {
                number += 1;
                client.say(json!({"type": "subscribe", "id": number, "view": view, "filter": format!("packets > {number}")})).await;
                refused += usize::from(client.answer(number).await["error"]["type"] == "urn:streamlens:problem:views");
            }
        }
        assert!(refused >= 4, "{refused}");
        drop(clients);
        let mut client = Client::connect(&running).await;
        let finds_room = async {
            loop {
                client.say(json!({"type": "subscribe", "id": 1, "filter": "bytes > 7"})).await;
                if client.answer(1).await["type"] == "done" {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, finds_room).await.is_ok(), "there is room when others have gone");
    });
}
