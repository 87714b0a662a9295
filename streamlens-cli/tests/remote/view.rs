//! What two probes see is shown as one, and never added up.

use serde_json::Value;

use super::lab::{Lab, demo, encoded, named};

/// All flows of an analysis with what lies below them.
fn flows(hub: &super::lab::Hub, analysis: &str, rest: &str) -> Value {
    hub.json(&format!("analyses/{analysis}/flows?count=2000&depth=stream{rest}"))
}

#[test]
fn what_several_saw_is_one_row_with_a_line_for_each() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let demo = demo().display().to_string();
    let _both = ["studio-a", "studio-b"].map(|name| lab.probe(&hub, name, &[&demo, "--site", "here"]));
    let document: Value = serde_json::from_str(&lab.output(&["--format", "json", &demo])).unwrap();
    let frames = document["capture"]["packets"].as_u64().unwrap();
    let analyses = ["studio-a", "studio-b"].map(|name| {
        let probe = hub.probe(name, |probe| probe["frames"] == frames && probe["clock"].is_object());
        assert_eq!((&probe["state"], &probe["site"]), (&"live".into(), &"here".into()), "{probe}");
        // one machine has one clock
        let clock = &probe["clock"];
        let (offset, uncertainty) = (clock["offset_ns"].as_i64().unwrap(), clock["uncertainty_ns"].as_i64().unwrap());
        assert!(offset.abs() <= uncertainty, "{probe}");
        probe["analysis"].as_str().unwrap().to_owned()
    });
    // each probe's rows are those of its own document
    let count = document["flows"].as_array().unwrap().len() as u64;
    for analysis in &analyses {
        hub.until(&format!("analyses/{analysis}/flows?count=0"), |page| page["total_flows"] == count);
        let own = flows(&hub, analysis, "");
        for flow in document["flows"].as_array().unwrap() {
            same(flow, &own["flows"][&key(flow)]);
        }
    }
    // and those of all are once what both saw
    let all = hub.until("analyses/1/flows?count=2000&depth=stream", |page| {
        page["capture"]["packets"] == document_packets(&document)
            && page["total_flows"].as_u64() <= Some(count)
            && page["flows"].as_object().unwrap().values().all(|flow| flow["probes"].as_object().unwrap().len() == 2)
    });
    for (key, flow) in all["flows"].as_object().unwrap() {
        assert!(!key.contains(" vlan "), "{key}");
        let probes = flow["probes"].as_object().unwrap();
        assert_eq!(probes.keys().collect::<Vec<_>>(), ["studio-a", "studio-b"], "{key}");
        let most = probes.values().map(|line| line["total_packets"].as_u64()).max().unwrap();
        assert_eq!(flow["total_packets"].as_u64(), most, "{key}");
        let totals_of = flow["totals_of"].as_str().unwrap();
        assert_eq!(probes[totals_of]["total_packets"], flow["total_packets"]);
    }
    // the filter knows probes
    let of_filter = |text: &str| hub.json(&format!("analyses/1/flows?filter={}", encoded(text)))["total_flows"].clone();
    assert_eq!(of_filter("probe == \"studio-a\""), all["total_flows"]);
    assert_eq!(of_filter("probe == \"studio-c\""), 0);
    // a finding that both have is one, and names them
    let page = hub.until("analyses/1/findings?code=iena.loss", |page| {
        page["findings"].as_array().unwrap().iter().all(|finding| finding["probes"].as_array().unwrap().len() == 2)
    });
    assert_eq!(page["total"], 1, "{page}");
    assert!(page["findings"][0]["text"].as_str().unwrap().starts_with("studio-a, studio-b: "), "{page}");
    let own = hub.json(&format!("analyses/{}/findings?code=iena.loss", analyses[0]));
    assert_eq!((&own["total"], &own["findings"][0]["probes"]), (&1.into(), &serde_json::json!(["studio-a"])));
    // documents are elsewhere
    let (status, body) = hub.ask(&format!("/api/v1/analyses/{}/document", analyses[0]), "");
    assert!(status == 422 && body.contains("its rows come from a probe"), "{status} {body}");
    assert!(named(&hub.json("probes"), "studio-b").is_some());
}

/// Packets of all flows, each pair of ends once: the capture has none that differ in VLANs alone.
fn document_packets(document: &Value) -> u64 {
    document["flows"].as_array().unwrap().iter().map(|flow| flow["total_packets"].as_u64().unwrap()).sum()
}

/// The key of a flow of a document.
fn key(flow: &Value) -> String {
    let end = |end: &Value| {
        let address = end["address"].as_str().unwrap_or("-");
        match end["port"].as_u64() {
            Some(port) if address.matches(':').count() > 1 => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address.to_owned(),
        }
    };
    let vlan: Vec<String> = flow["vlan"].as_array().unwrap().iter().map(Value::to_string).collect();
    let vlan = if vlan.is_empty() { String::new() } else { format!(" vlan {}", vlan.join(",")) };
    format!("{} -> {}{vlan}", end(&flow["src"]), end(&flow["dst"]))
}

/// Whether counts, times and health of a document are those of a row.
fn same(document: &Value, row: &Value) {
    let name = key(document);
    for field in ["total_packets", "total_bytes", "first_seen", "last_seen"] {
        assert_eq!(document[field], row[field], "{name}: {field}");
    }
    for (transport, of) in document["transport_protocols"].as_object().unwrap() {
        let shown = &row["transport_protocols"][transport];
        assert_eq!(of["packet_count"], shown["packet_count"], "{name} {transport}");
        for (encoding, of) in of["application_encodings"].as_object().unwrap() {
            let shown = &shown["application_encodings"][encoding];
            for field in ["packet_count", "byte_count"] {
                assert_eq!(of[field], shown[field], "{name} {encoding} {field}");
            }
            assert_eq!(of["timing_stats"]["mean_ns"], shown["timing_stats"]["mean_ns"], "{name} {encoding}");
            for stream in of["health"]["streams"].as_array().into_iter().flatten() {
                let shown = &shown["health"]["streams"][stream["id"].as_str().unwrap()];
                for field in ["received", "expected", "lost", "jitter_ns"] {
                    assert_eq!(stream[field], shown[field], "{name} {encoding} {stream}");
                }
            }
            for (kind, of) in of["packet_types"].as_object().unwrap() {
                assert_eq!(of["packet_count"], shown["packet_types"][kind]["packet_count"], "{name} {encoding} {kind}");
            }
        }
    }
}
