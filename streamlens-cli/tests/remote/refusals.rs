//! What a hub refuses, and that nobody else is disturbed.

use serde_json::{Value, json};

use super::fake::{Fake, ID, flow, identity, update};
use super::lab::{Hub, Lab, demo};

const OTHER: &str = "7f0c9f0a-0d4e-4a35-8a0f-6c5f5b0a8f11";
const START: &str = "2026-11-28T20:00:00Z";

/// Findings of the hub with a code, once there is one in whose sentence all of this stands.
fn finding(hub: &Hub, code: &str, parts: &[&str]) -> Value {
    let has = |finding: &Value| parts.iter().all(|part| finding["text"].as_str().unwrap_or_default().contains(part));
    let page = hub.until(&format!("analyses/1/findings?code={code}"), |page| {
        page["findings"].as_array().unwrap().iter().any(has)
    });
    page["findings"].as_array().unwrap().iter().find(|finding| has(finding)).unwrap().clone()
}

#[test]
fn tokens_let_in_the_probe_that_they_are_of() {
    let lab = Lab::new();
    let tokens = lab.file("tokens");
    let made = |name: &str| lab.output(&["token", "--token-dir", &tokens, "--name", name]).trim().to_owned();
    let (one, other) = (made("one"), made("other"));
    let hub = lab.hub(0, &["--token-dir", &tokens]);
    assert_eq!(Fake::dial(&hub, None).err(), Some(401));
    assert_eq!(Fake::dial(&hub, Some("0123456789abcdef")).err(), Some(401));
    finding(&hub, "probe.refused", &["127.0.0.1", "does not know the token"]);
    let (status, _) = hub.ask(
        "/probe",
        &format!("Origin: http://{}\r\nAuthorization: Bearer {one}\r\nUpgrade: websocket\r\n", hub.address),
    );
    assert!(status >= 400, "{status}");
    let mut first = Fake::dial(&hub, Some(&one)).unwrap();
    first.introduce(&identity(ID, "studio-a", START)).unwrap();
    // the token of one is not that of another, and the UUID of one not that of another
    let mut thief = Fake::dial(&hub, Some(&one)).unwrap();
    assert_eq!(
        thief.introduce(&identity(OTHER, "studio-b", START)),
        Err("its token is that of another probe".to_owned())
    );
    let mut twin = Fake::dial(&hub, Some(&other)).unwrap();
    let why = twin.introduce(&identity(ID, "studio-a", "2026-11-28T21:00:00Z")).unwrap_err();
    assert!(why.contains("a probe with its UUID is connected"), "{why}");
    let refused = hub
        .until("probes", |all| all.as_array().unwrap().iter().filter(|probe| probe["state"] == "refused").count() >= 3);
    let reasons: Vec<&str> = refused.as_array().unwrap().iter().filter_map(|probe| probe["reason"].as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("UUID")), "{reasons:?}");
    finding(&hub, "probe.refused", &["studio-b", "its token is that of another"]);
    // a file that is deleted ends the connection
    std::fs::remove_file(lab.0.join("tokens/one")).unwrap();
    let why = loop {
        if let Err(why) = first.hear() {
            break why;
        }
    };
    assert_eq!(why, "the token has been revoked");
    assert_eq!(Fake::dial(&hub, Some(&one)).err(), Some(401));
    hub.probe("studio-a", |probe| probe["state"] == "away");
    assert!(std::fs::read_to_string(lab.0.join("tokens/other")).is_ok_and(|text| !text.contains(&other)));
}

#[test]
fn a_hub_for_others_wants_tokens() {
    let lab = Lab::new();
    let token = lab.output(&["token"]);
    std::fs::write(lab.0.join("page"), token).unwrap();
    let output = lab.command(&["hub", "--listen", "0.0.0.0:0", "--token-file", "page"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("--token-dir"), "{text}");
}

#[test]
fn names_that_hide_something_are_refused() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let long = "x".repeat(100_000);
    for name in [&long, "a\u{1b}[2Jb", "a\nb", " a", "a\u{202e}b", ""] {
        let why = Fake::dial(&hub, None).unwrap().introduce(&identity(ID, name, START)).unwrap_err();
        assert!(why.contains("64 characters"), "{why}");
    }
    for (id, start, part) in [("no-uuid", START, "UUID"), (ID, "yesterday", "start")] {
        let why = Fake::dial(&hub, None).unwrap().introduce(&identity(id, "a", start)).unwrap_err();
        assert!(why.contains(part), "{why}");
    }
    // a megabyte is no message at all, nor is what answers hello without saying who it is
    let mut fake = Fake::dial(&hub, None).unwrap();
    assert!(fake.introduce(&identity(ID, &"y".repeat(1 << 20), START)).is_err());
    let mut fake = Fake::dial(&hub, None).unwrap();
    assert_eq!(fake.introduce(&json!(null)), Err("it does not say which probe it is".to_owned()));
    // this one is text like any other, and the second of a name is told apart
    let _script = Fake::welcome(&hub, ID, "<script>alert(1)</script>");
    let _second = Fake::welcome(&hub, OTHER, "<script>alert(1)</script>");
    let probes = hub.json("probes");
    let live: Vec<&str> = probes
        .as_array()
        .unwrap()
        .iter()
        // one that has said nothing for a while is late; those that were not let in are listed as well
        .filter(|probe| probe["state"] != "refused")
        .filter_map(|probe| probe["name"].as_str())
        .collect();
    assert_eq!(live, ["<script>alert(1)</script>", "<script>alert(1)</script>#7f0c"]);
}

#[test]
fn what_cannot_be_is_not_taken_and_pointed_out() {
    let lab = Lab::new();
    let hub = lab.hub(0, &["--max-probe-rate", "100000"]);
    let demo = demo().display().to_string();
    let _other = lab.probe(&hub, "studio-b", &[&demo]);
    let mut fake = Fake::welcome(&hub, ID, "studio-a");
    let good = flow(1, &[], 10, "0x1");
    fake.update(good.clone());
    let analysis = hub.probe("studio-a", |probe| probe["flows"] == 1)["analysis"].as_str().unwrap().to_owned();
    // counts
    for wrong in [json!(1_u64 << 53), json!(u64::MAX), json!(-1), json!(1e30), json!("7")] {
        let mut flows = flow(2, &[], 1, "0x2");
        flows.as_object_mut().unwrap().values_mut().next().unwrap()["total_packets"] = wrong;
        fake.update(flows);
    }
    finding(&hub, "probe.message", &["studio-a", "not taken"]);
    // keys that are not the flow's own, addresses and VLANs that are none
    for (field, wrong) in [
        ("src", json!({"address": "nowhere"})),
        ("vlan", json!([5000])),
        ("vlan", json!([1, 2, 3, 4, 5, 6, 7])),
        ("dst", json!({})),
    ] {
        let mut flows = flow(3, &[], 1, "0x2");
        flows.as_object_mut().unwrap().values_mut().next().unwrap()[field] = wrong;
        fake.update(flows);
    }
    // half a message, what is no message, what has no type, and all of the depth that there is
    for text in
        ["{\"type\":\"flow_update\"", "[]", "{}", "\u{0}", "{\"type\":\"status\"}", "{\"type\":\"pong\",\"id\":1}"]
    {
        fake.say_text(text);
    }
    fake.say_text("[".repeat(100_000));
    // a number that goes back: nothing of it is taken, and all is asked for anew
    fake.say(&update(1, flow(9, &[], 99, "0x9"), 99));
    assert_eq!(fake.hear_type("unsubscribe")["view"], 1);
    // times at the ends of what there is are times
    let mut edges = flow(4, &[], 5, "0x4");
    let edge = edges.as_object_mut().unwrap().values_mut().next().unwrap();
    edge["first_seen"] = json!("1970-01-01T00:00:00Z");
    edge["last_seen"] = json!("2262-04-11T23:47:16.854775807Z");
    edges.as_object_mut().unwrap().extend(good.as_object().unwrap().clone());
    fake.update(edges);
    let page = hub.until(&format!("analyses/{analysis}/flows?depth=stream"), |page| page["total_flows"] == 2);
    assert_eq!(page["flows"]["10.0.0.4:5004 -> 239.0.0.1:5004"]["last_seen"], "2262-04-11T23:47:16.854775807Z");
    hub.until("analyses/1/flows?filter=idle%20%3E%201s", |page| page["total_flows"].is_u64());
    // ten times too fast: it waits, and the others do not
    let many: Value = (1..=200).fold(json!({}), |mut all, host| {
        all.as_object_mut().unwrap().extend(flow(host, &[], 1, "0x5").as_object().unwrap().clone());
        all
    });
    let text = update(1_000, many, 200).to_string();
    for _ in 0..(500_000 / text.len() + 1) {
        fake.say_text(text.as_str());
    }
    finding(&hub, "probe.rate", &["studio-a", "has to wait"]);
    hub.probe("studio-b", |probe| probe["state"] == "live" && probe["flows"].as_u64() > Some(10));
    // and it is still let in, however late its messages are taken
    assert!(matches!(hub.probe("studio-a", |_| true)["state"].as_str(), Some("live" | "late")));
}

#[test]
fn half_a_message_and_silence_end_the_connection() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let mut fake = Fake::dial(&hub, None).unwrap();
    assert_eq!(fake.hear().unwrap()["type"], "hello");
    // the head of a text of a hundred bytes, and ten of them
    fake.say_raw(&[&[0x81, 0x80 | 100, 1, 2, 3, 4], &[0; 10][..]].concat());
    assert!(fake.hear().is_err(), "it is closed after ten seconds");
    finding(&hub, "probe.connection", &["127.0.0.1", "silent"]);
    let mut next = Fake::dial(&hub, None).unwrap();
    next.introduce(&identity(ID, "studio-a", START)).unwrap();
}

#[test]
fn flows_of_different_streams_are_two() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let (mut one, mut other) = (Fake::welcome(&hub, ID, "studio-a"), Fake::welcome(&hub, OTHER, "studio-b"));
    // the same stream on two VLANs is one; other streams between the same addresses, as of two sites, are not
    one.update(flow(1, &[10], 100, "0xa"));
    other.update(flow(1, &[20], 101, "0xa"));
    let key = "10.0.0.1:5004 -> 239.0.0.1:5004";
    let page = hub.until("analyses/1/flows", |page| page["flows"][key]["probes"]["studio-b"].is_object());
    assert_eq!((&page["total_flows"], &page["capture"]["packets"]), (&json!(1), &page["flows"][key]["total_packets"]));
    let page = hub.until("analyses/1/flows", |page| page["flows"][key]["totals_of"] == "studio-b");
    assert_eq!(page["flows"][key]["total_packets"], 101);
    assert_eq!(page["flows"][key]["probes"]["studio-a"]["vlan"], json!([10]));
    one.update(flow(2, &[], 7, "0xb"));
    other.update(flow(2, &[], 9, "0xc"));
    let page = hub.until("analyses/1/flows", |page| page["total_flows"] == 3);
    let names: Vec<&String> =
        page["flows"].as_object().unwrap().keys().filter(|key| key.starts_with("10.0.0.2")).collect();
    assert!(names.iter().any(|name| name.ends_with(" at studio-b")), "{names:?}");
    // gone at one is no longer a line of it; gone at both is gone
    one.say(&json!({"type": "ignored"}));
    let mut gone = update(3, json!({}), 0);
    gone["removed"] = json!([format!("{key} vlan 10")]);
    one.say(&gone);
    hub.until("analyses/1/flows", |page| {
        page["flows"][key]["probes"]["studio-a"].is_null() && page["flows"][key].is_object()
    });
    // its rates are unknown when it is away, its counts stay
    drop(other);
    hub.probe("studio-b", |probe| probe["state"] == "away");
    finding(&hub, "probe.away", &["studio-b"]);
    assert_eq!(hub.json("analyses/1/flows")["flows"][key]["total_packets"], 101);
}
