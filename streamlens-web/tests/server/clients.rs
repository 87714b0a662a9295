//! What clients of `/stream` see.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Client, PATIENCE, Running, options, run, serve};

/// The original design's client: walks the flows of each message and takes their timing.
#[test]
fn a_client_that_says_nothing_gets_all_flows_whole() {
    let running = serve(options(), Some(0.0));
    run(async {
        let mut client = Client::connect(&running).await;
        let mut charts: BTreeMap<String, Value> = BTreeMap::new();
        client.settle(&running).await;
        let total = client.last["total"].as_u64().unwrap();
        assert!(total > 5 && client.flows.len() as u64 == total, "{total}");
        for (key, flow) in &client.flows {
            assert!(flow["timing_stats"]["count"].is_u64(), "{key}");
            charts.insert(key.clone(), flow["timing_stats"].clone());
        }
        assert_eq!(client.last["type"], "flow_update");
        assert!(client.last["timestamp"].as_str().is_some_and(|time| time.len() == 30));
        assert_eq!(charts.len() as u64, total);
    });
}

#[test]
fn the_page_and_the_rest_answer() {
    let running = serve(options(), Some(0.0));
    let page = running.get("/");
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'"));
    let list = running.until("/api/v1/analyses", |list| list[0]["state"] == "ended");
    assert_eq!((&list[0]["exit_status"], &list[0]["kind"]), (&json!(0), &json!("capture")));
    assert_eq!(list[0]["bytes_read"], list[0]["bytes_total"]);
    let flows = running.until("/api/v1/analyses/1/flows?sort=-bytes&count=3", |page| page["total"] != 0);
    let bytes = |key: &Value| flows["flows"][key.as_str().unwrap()]["total_bytes"].as_u64().unwrap();
    let order = flows["order"].as_array().unwrap();
    assert!(order.len() == 3 && bytes(&order[0]) <= bytes(&order[1]));
    let row = order[0].as_str().unwrap().replace(' ', "%20").replace('>', "%3E").replace(':', "%3A");
    let flow = running.get(&format!("/api/v1/analyses/1/flows/{row}"));
    assert_eq!((flow.status, flow.json()["total_bytes"].as_u64().unwrap()), (200, bytes(&order[0])));
    let metrics = String::from_utf8(running.get("/metrics").body).unwrap();
    assert!(metrics.ends_with("# EOF\n") && metrics.contains("streamlens_frames_total{analysis=\"1\"} "), "{metrics}");
    assert_eq!(running.get("/healthz").body, b"ok\n");
    let description = running.get("/api/v1/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let page = running.get("/api/");
    let people = String::from_utf8(page.body).unwrap();
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    assert!(!people.contains("<script") && !people.contains("://"), "it loads nothing: {people}");
    for path in description["paths"].as_object().unwrap().keys() {
        assert!(people.contains(&format!("<code>/api/v1{path}")), "{path} is on the page");
        let path = path.replace("{id}", "1").replace("{row}", "x");
        let answer = running.request("PATCH", &format!("/api/v1{path}"), &[], &[]);
        assert_eq!(answer.status, 405, "{path} is routed");
    }
    for path in ["decoders", "version", "analyses/1", "analyses/1/findings?severity=warning", "analyses/1/capture"] {
        assert_eq!(running.get(&format!("/api/v1/{path}")).status, 200, "{path}");
    }
}

#[test]
fn filters_are_refused_with_their_place_and_completed() {
    let running = serve(options(), Some(0.0));
    let post = |path: &str, body: Value| {
        let kind = [("Content-Type", "application/json")];
        running.request("POST", &format!("/api/v1/filter/{path}"), &kind, body.to_string().as_bytes())
    };
    let checked = post("check", json!({"filter": "\"ä😀\" and jiter > 5ms"})).json();
    assert_eq!((&checked["valid"], &checked["place"]), (&json!(false), &json!({"start": 10, "end": 15})));
    assert_eq!(post("check", json!({"filter": "lost > 0"})).json()["printed"], "lost > 0");
    let completed = post("complete", json!({"filter": "encoding == RT", "cursor": 14})).json();
    assert!(completed["suggestions"].as_array().unwrap().contains(&json!("RTP")), "{completed}");
    assert_eq!(post("check", json!({"filter": 3})).status, 400);
    run(async {
        let mut client = Client::connect(&running).await;
        client.say(json!({"type": "subscribe", "id": 7, "filter": "jiter > 5ms"})).await;
        let refused = client.answer(7).await;
        assert_eq!((&refused["type"], &refused["error"]["place"]), (&json!("error"), &json!({"start": 0, "end": 5})));
        client.say(json!({"type": "subscribe", "id": 8, "filter": "rtp", "sort": "nothing"})).await;
        assert_eq!(client.answer(8).await["error"]["type"], "urn:streamlens:problem:column");
    });
}

#[test]
fn details_and_compression() {
    let running = serve(options(), Some(0.0));
    run(async {
        let mut client = Client::connect(&running).await;
        client.settle(&running).await;
        let key = client.flows.keys().next().unwrap().clone();
        client
            .say(json!({"type": "hello", "id": 1, "versions": ["streamlens.v1"], "compression": "deflate-raw"}))
            .await;
        assert_eq!(client.answer(1).await["protocol"], "streamlens.v1");
        client.say(json!({"type": "watch", "id": 2, "flow": key})).await;
        assert_eq!(client.answer(2).await["type"], "done");
        let detail = loop {
            let message = client.next().await;
            if message["type"] == "detail" {
                break message;
            }
        };
        assert_eq!(detail["row"], json!(key));
        assert!(detail["metadata"]["total_packets"].is_u64() && detail["histogram"].is_array(), "{detail}");
        client.say(json!({"type": "watch", "id": 3, "flow": "nothing"})).await;
        assert_eq!(client.answer(3).await["type"], "error");
        client.say(json!({"type": "hello", "id": 4, "versions": ["streamlens.v9"]})).await;
        assert_eq!(client.answer(4).await["type"], "error");
    });
}

/// What a client may do with its view while frames come.
#[derive(Clone, Debug)]
enum Step {
    Subscribe(Value),
    Pause,
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let filters = prop::sample::select(vec!["", "rtp or iena", "lost > 0", "not udp", "packets > 20"]);
    let sorts = prop::sample::select(vec!["first_seen", "bytes", "-bytes", "src", "jitter", "lost"]);
    let depths = prop::sample::select(vec!["flow", "transport", "encoding", "type", "stream"]);
    let subscribe = (filters, sorts, depths, 0..30_u64, 0..40_u64, any::<bool>()).prop_map(
        |(filter, sort, depth, from, count, is_open)| {
            Step::Subscribe(json!({"type": "subscribe", "id": 1, "filter": filter, "sort": sort, "depth": depth,
                "window": {"from": from, "count": count}, "expanded": is_open}))
        },
    );
    prop_oneof![3 => subscribe, 1 => Just(Step::Pause), 2 => (1..8_usize).prop_map(Step::Read)]
}

async fn walk(running: &Running, steps: Vec<Step>) {
    let mut client = Client::connect(running).await;
    client.next().await;
    let keys: Vec<String> = client.flows.keys().cloned().collect();
    let mut view = json!({"type": "subscribe", "id": 1});
    for step in steps {
        match step {
            Step::Subscribe(mut next) => {
                let rows: Vec<String> = keys.iter().flat_map(|key| [key.clone(), format!("{key}/UDP")]).collect();
                let is_open = next["expanded"] == json!(true);
                next["expanded"] = json!(if is_open { rows } else { Vec::new() });
                client.say(next.clone()).await;
                view = next;
            }
            Step::Pause => {
                client.say(json!({"type": "pause", "id": 2})).await;
                client.answer(2).await;
                client.say(json!({"type": "resume", "id": 3})).await;
            }
            Step::Read(count) => {
                for _ in 0..count {
                    client.glance().await;
                }
            }
        }
    }
    // behind this answer nothing comes of an earlier view
    view["id"] = json!(99);
    client.say(view.clone()).await;
    client.answer(99).await;
    let before = client.messages;
    let mut query = format!(
        "sort={}&depth={}&filter={}",
        view["sort"].as_str().unwrap_or("first_seen"),
        view["depth"].as_str().unwrap_or("flow"),
        view["filter"].as_str().unwrap_or_default().replace(' ', "+").replace('>', "%3E")
    );
    let window = view.get("window").cloned().unwrap_or(json!({"from": 0, "count": 2000}));
    query += &format!("&from={}&count={}", window["from"], window["count"]);
    for row in view["expanded"].as_array().into_iter().flatten() {
        let row = row.as_str().unwrap().replace(' ', "+").replace('>', "%3E");
        query += &format!("&expanded={row}");
    }
    // while frames come what is held may be of another look than what REST shows; what is of the same look is the same, and when
    // all have come it is the same of any look: those that changed nothing are not told
    let walked = async {
        loop {
            let has_ended = running.get("/api/v1/analyses/1").json()["state"] == "ended";
            let page = running.get(&format!("/api/v1/analyses/1/flows?{query}")).json();
            let held = json!([client.flows, client.order, client.last["total"], client.last["total_flows"]]);
            let shown = json!([page["flows"], page["order"], page["total"], page["total_flows"]]);
            let is_whole = client.messages > before && client.last["complete"] == true;
            if is_whole && page["epoch"] == client.last["epoch"] {
                assert_eq!(held, shown, "{view}");
                return;
            }
            if has_ended && client.last["complete"] == true && held == shown {
                return;
            }
            client.glance().await;
        }
    };
    if tokio::time::timeout(PATIENCE, walked).await.is_err() {
        panic!("what is held never was what REST shows: {view}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn patches_applied_to_the_first_state_are_a_fresh_page(steps in prop::collection::vec(step(), 1..6)) {
        // its frames come while the client does what it does
        let running = serve(options(), Some(4.0));
        run(walk(&running, steps));
    }
}
