//! What was measured while the hub was away comes behind, and what can't come is named.

use std::collections::BTreeMap;
use std::net::TcpListener;

use serde_json::Value;

use super::lab::{Hub, Lab, Process, demo, encoded, named};

/// A flow of the demo with packets in all of its seconds.
const FLOW: &str = "192.168.20.11:40001 -> 192.168.20.50:5600";

fn series(probe: &str) -> String {
    format!("probes/{probe}/series?flow={}", encoded(FLOW))
}

/// Packets by the second.
fn seconds(series: &Value) -> BTreeMap<String, u64> {
    let of = |second: &Value| (second["from"].as_str().unwrap().to_owned(), second["packets"].as_u64().unwrap());
    series["seconds"].as_array().unwrap().iter().map(of).filter(|(_, packets)| *packets > 0).collect()
}

/// The same as the command counts them.
fn truth(lab: &Lab) -> BTreeMap<String, u64> {
    let demo = demo().display().to_string();
    let document: Value = serde_json::from_str(&lab.output(&["--interval", "1s", "--format", "json", &demo])).unwrap();
    let is_it = |flow: &&Value| flow["src"]["port"] == 40001 && flow["dst"]["port"] == 5600;
    let flow = document["flows"].as_array().unwrap().iter().find(is_it).unwrap();
    let of = |interval: &Value| (interval["start"].as_str().unwrap().to_owned(), interval["packets"].as_u64().unwrap());
    flow["intervals"].as_array().unwrap().iter().map(of).collect()
}

fn kinds(series: &Value) -> Vec<&str> {
    series["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["kind"].as_str()).collect()
}

#[test]
fn a_hub_that_was_killed_fills_in_from_the_spool() {
    let lab = Lab::new();
    let truth = truth(&lab);
    assert!(truth.len() >= 4, "{truth:?}");
    let demo = demo().display().to_string();
    let mut hub = lab.hub(0, &[]);
    let probe = lab.probe(&hub, "studio-a", &[&demo, "--replay"]);
    // some have come
    hub.until("probes", |all| named(all, "studio-a").is_some_and(|probe| probe["spool"]["next"].as_u64() >= Some(2)));
    hub.until(&series("studio-a"), |series| !seconds(series).is_empty());
    let id = hub.probe("studio-a", |_| true)["id"].clone();
    hub.process.kill();
    probe.line_with("next try");
    let again = lab.hub(hub.address.port(), &[]);
    probe.line_with("takes what studio-a sees");
    let filled =
        again.until(&series("studio-a"), |series| seconds(series).len() == truth.len() && kinds(series).is_empty());
    assert_eq!(seconds(&filled), truth);
    assert_eq!(filled["seconds"][0]["filled"], true, "{filled}");
    assert_eq!(again.probe("studio-a", |probe| probe["pending"] == 0)["id"], id);
    // rows are whole again as well
    let analysis = again.probe("studio-a", |probe| probe["frames"] == 1260)["analysis"].as_str().unwrap().to_owned();
    let page = again.json(&format!("analyses/{analysis}/flows?count=2000"));
    assert_eq!(page["flows"][FLOW]["total_packets"], truth.values().sum::<u64>());
}

#[test]
fn a_spool_that_is_too_small_says_what_it_let_go() {
    let lab = Lab::new();
    // nobody listens at this port now
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("ws://127.0.0.1:{port}");
    let demo = demo().display().to_string();
    let probe =
        Process::start(lab.command(&["probe", "--hub", &url, "--name", "a", "--spool", "1", "--replay=50", &demo]));
    probe.line_with("next try");
    let hub = lab.hub(port, &[]);
    let shown = hub.until(&series("a"), |series| kinds(series) == ["not_kept"] && !seconds(series).is_empty());
    let lost = shown["gaps"][0]["aggregates"].as_u64().unwrap();
    let info = hub.probe("a", |probe| probe["pending"] == 0);
    assert!(lost >= 1 && info["spool"]["first"] == lost + 1, "{shown} {info}");
    assert_eq!(info["spool"]["dropped"], lost);
}

/// A probe whose times are an hour later, so that two of its starts are not at the same time.
fn later(lab: &Lab, hub: &Hub, hours: i64) -> Process {
    let offset = (hours * 3_600_000_000_000).to_string();
    lab.probe(hub, "a", &[&demo().display().to_string(), "--stamp-offset", &offset])
}

#[test]
fn a_probe_that_starts_anew_is_the_same_probe() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let mut probe = later(&lab, &hub, 0);
    let first = hub.probe("a", |probe| probe["frames"] == 1260);
    hub.until(&series("a"), |series| !seconds(series).is_empty());
    probe.kill();
    hub.probe("a", |probe| probe["state"] == "away");
    let _again = later(&lab, &hub, 1);
    let second = hub.probe("a", |probe| probe["start"] != first["start"] && probe["frames"] == 1260);
    assert_eq!((&first["id"], &first["analysis"]), (&second["id"], &second["analysis"]));
    assert_eq!(hub.json("probes").as_array().unwrap().len(), 1);
    let shown = hub.until(&series("a"), |series| kinds(series).contains(&"never_measured"));
    assert_eq!(kinds(&shown), ["never_measured"]);
    // what it saw before is no part of its rows
    let analysis = second["analysis"].as_str().unwrap();
    let page = hub.until(&format!("analyses/{analysis}/flows?count=2000"), |page| page["flows"][FLOW].is_object());
    assert!(page["flows"][FLOW]["first_seen"].as_str().unwrap().starts_with("2026-03-02T10:00"), "{page}");
    assert_eq!(hub.json("analyses/1/findings?code=probe.away")["total"], 0);
}
