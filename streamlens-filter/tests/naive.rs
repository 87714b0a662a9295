//! Filters against a second evaluation of the JSON document, written apart from the evaluator: each filter by hand.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue, demo};
use serde_json::Value;
use streamlens::model::Analysis;
use streamlens::model::row::{FindingIndex, RowContext};
use streamlens_filter::Filter;

/// Yes, no, or that rows below decide.
type Answer = Option<bool>;

/// A row of the document, with what stands above it.
#[derive(Clone, Copy)]
struct Row<'a> {
    flow: &'a Value,
    transport: Option<&'a Value>,
    encoding: Option<&'a Value>,
    stream: Option<&'a Value>,
    kind: Option<&'a Value>,
    /// The packet types in which the row's own lies; no deeper in any protocol.
    around: [Option<&'a Value>; 2],
    findings: &'a [Value],
    now: i128,
}

fn each(value: &Value, key: &str) -> Vec<Value> {
    match &value[key] {
        Value::Object(map) => map.values().cloned().collect(),
        Value::Array(list) => list.clone(),
        _ => Vec::new(),
    }
}

/// Nanoseconds of an instant of the document.
fn nanos(time: &Value) -> Option<i128> {
    let text = time.as_str()?;
    let number = |range: std::ops::Range<usize>| text[range].parse::<i128>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    Some(seconds * 1_000_000_000 + number(20..29))
}

fn endpoint(end: &Value) -> String {
    let port = end["port"].as_u64();
    match (end["address"].as_str(), port) {
        (None, _) => "-".into(),
        (Some(address), None) => address.into(),
        (Some(address), Some(port)) if address.contains(':') => format!("[{address}]:{port}"),
        (Some(address), Some(port)) => format!("{address}:{port}"),
    }
}

fn flow_text(flow: &Value) -> String {
    let tags: Vec<_> = each(flow, "vlan").iter().map(Value::to_string).collect();
    let tags = if tags.is_empty() { String::new() } else { format!(" vlan {}", tags.join(",")) };
    format!("{} -> {}{tags}", endpoint(&flow["src"]), endpoint(&flow["dst"]))
}

impl<'a> Row<'a> {
    fn own(&self) -> &'a Value {
        self.kind.or(self.stream).or(self.encoding).or(self.transport).unwrap_or(self.flow)
    }

    /// A figure of the row itself, in this unit or that.
    fn timing(&self, key: &str) -> Option<f64> {
        self.own()["timing_stats"][key].as_f64()
    }

    fn packets(&self) -> u64 {
        let own = self.own();
        [&own["total_packets"], &own["packet_count"], &own["received"]].iter().find_map(|count| count.as_u64()).unwrap()
    }

    fn at_transport(&self, is: impl Fn(&Value) -> bool) -> Answer {
        match self.transport {
            Some(transport) => Some(is(transport)),
            None if !each(self.flow, "transport_protocols").is_empty() => None,
            None => Some(false),
        }
    }

    fn at_encoding(&self, is: impl Fn(&Value) -> bool) -> Answer {
        let transports = || match self.transport {
            Some(transport) => vec![transport.clone()],
            None => each(self.flow, "transport_protocols"),
        };
        match self.encoding {
            Some(encoding) => Some(is(encoding)),
            None if transports().iter().any(|of| !each(of, "application_encodings").is_empty()) => None,
            None => Some(false),
        }
    }

    fn at_type(&self, is: impl Fn(&Value) -> bool) -> Answer {
        if let Some(kind) = self.kind {
            return Some(is(kind));
        }
        if self.stream.is_some() {
            return Some(false);
        }
        let encodings = match (self.encoding, self.transport) {
            (Some(encoding), _) => vec![encoding.clone()],
            (_, Some(transport)) => each(transport, "application_encodings"),
            _ => {
                each(self.flow, "transport_protocols").iter().flat_map(|of| each(of, "application_encodings")).collect()
            }
        };
        if encodings.iter().any(|of| !each(of, "packet_types").is_empty()) { None } else { Some(false) }
    }

    fn is(&self, encoding: &str) -> Answer {
        self.at_encoding(|of| of["encoding_name"] == encoding || of["decoder_metadata"]["base_encoding"] == encoding)
    }

    /// Sums over the streams of the encoding, or the stream's own. Where some carry the others, those of the side that misses
    /// more; holes in the byte stream below are lost as well.
    fn health(&self, key: &str) -> Option<u64> {
        let streams = self.streams()?;
        let sum = |key: &str, carry: Option<bool>| {
            let of_side =
                |stream: &&Value| carry.is_none_or(|carry| stream["is_carrier"].as_bool() == carry.then_some(true));
            let counts: Vec<_> = streams.iter().filter(of_side).filter_map(|stream| stream[key].as_u64()).collect();
            (!counts.is_empty()).then(|| counts.iter().sum::<u64>())
        };
        if self.stream.is_some() {
            return sum(key, None);
        }
        let carriers_count = match (sum("received", Some(true)), sum("received", Some(false))) {
            (None, _) => false,
            (Some(_), None) => true,
            _ => sum("lost", Some(false)) <= sum("lost", Some(true)),
        };
        let holes = self.encoding.and_then(|encoding| encoding["health"]["stream_gaps"].as_u64());
        let counted = sum(key, Some(carriers_count));
        if key == "lost" && holes.is_some() { Some(counted.unwrap_or(0) + holes.unwrap_or(0)) } else { counted }
    }

    fn streams(&self) -> Option<Vec<Value>> {
        match (self.stream, self.encoding) {
            (Some(stream), _) => Some(vec![stream.clone()]),
            (_, Some(encoding)) => Some(each(&encoding["health"], "streams")),
            _ => None,
        }
    }

    fn ports(&self) -> Vec<u64> {
        [&self.flow["src"], &self.flow["dst"]].iter().filter_map(|end| end["port"].as_u64()).collect()
    }

    fn addresses(&self) -> Vec<&'a str> {
        [&self.flow["src"], &self.flow["dst"]].iter().filter_map(|end| end["address"].as_str()).collect()
    }

    /// Code and severity of the findings at the row.
    fn findings(&self) -> Vec<(&'a str, &'a str)> {
        let name = |of: Option<&'a Value>, key: &str| of.map(|of| of[key].as_str().unwrap());
        let stands = |finding: &&Value| {
            let place = &finding["where"];
            let is_stream = self.stream.is_none_or(|stream| {
                place["stream"].as_str().is_some_and(|named| named == stream["id"] || stream["name"] == named)
            });
            place["flow"] == flow_text(self.flow)
                && place["transport"].as_str() == name(self.transport, "protocol_name")
                && place["encoding"].as_str() == name(self.encoding, "encoding_name")
                && is_stream
        };
        let own = self.findings.iter().filter(|finding| stands(finding) || self.is_spanned(&finding["where"]));
        own.map(|finding| (finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap())).collect()
    }

    /// Whether a finding that stands at no flow concerns the row.
    fn is_spanned(&self, place: &Value) -> bool {
        let (true, Some(encoding), Some(streams)) = (place["flow"].is_null(), self.encoding, self.streams()) else {
            return false;
        };
        let is_same = place["encoding"] == encoding["encoding_name"];
        let Some(named) = place["stream"].as_str() else { return is_same };
        let is_missing = self.stream.is_none() && encoding["health"]["streams_not_kept"].as_u64() > Some(0);
        let is_named = |stream: &Value| {
            let id = stream["id"].as_str().unwrap();
            id == named || stream["name"] == named || id.starts_with(&format!("{named} "))
        };
        is_same && is_missing || streams.iter().any(is_named)
    }

    /// Whether a word is in a text of the row or of one above it.
    fn has_word(&self, word: &str) -> Answer {
        fn texts(value: &Value, into: &mut Vec<String>) {
            match value {
                // instants are no texts, and look like them here
                Value::String(text) => into.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
                Value::Object(map) => map.values().for_each(|item| texts(item, into)),
                _ => {}
            }
        }
        let ends = [endpoint(&self.flow["src"]), endpoint(&self.flow["dst"])];
        // the arrow alone is in no text; what reaches over it is in both ends together
        let mut all = if " -> ".contains(word) { vec![] } else { vec![ends.join(" -> ")] };
        all.extend(ends);
        if let Some(transport) = self.transport {
            texts(&transport["protocol_name"], &mut all);
            texts(&transport["metadata"], &mut all);
        }
        if let Some(encoding) = self.encoding {
            texts(&encoding["encoding_name"], &mut all);
            texts(&encoding["decoder_metadata"], &mut all);
        }
        for stream in self.streams().unwrap_or_default() {
            texts(&stream["id"], &mut all);
            texts(&stream["name"], &mut all);
        }
        for kind in self.around.into_iter().flatten().chain(self.kind) {
            texts(&kind["type_name"], &mut all);
            texts(&kind["payload_characteristics"], &mut all);
        }
        let mut above = vec![*self];
        above.push(Row { stream: None, kind: None, ..*self });
        above.push(Row { stream: None, kind: None, encoding: None, ..*self });
        above.push(Row { stream: None, kind: None, encoding: None, transport: None, ..*self });
        all.extend(above.iter().flat_map(Row::findings).map(|(code, _)| code.to_owned()));
        let has_below = match (self.stream, self.kind, self.encoding, self.transport) {
            (Some(_), ..) => false,
            (_, Some(kind), ..) => !each(kind, "packet_types").is_empty(),
            (_, _, Some(encoding), _) => {
                !each(encoding, "packet_types").is_empty() || !each(&encoding["health"], "streams").is_empty()
            }
            (.., Some(transport)) => !each(transport, "application_encodings").is_empty(),
            _ => !each(self.flow, "transport_protocols").is_empty(),
        };
        let is_found = all.iter().any(|text| text.to_lowercase().contains(word));
        if is_found {
            Some(true)
        } else if has_below {
            None
        } else {
            Some(false)
        }
    }
}

fn not(of: Answer) -> Answer {
    of.map(|answer| !answer)
}

fn and(one: Answer, other: Answer) -> Answer {
    if one == Some(false) || other == Some(false) { Some(false) } else { one.zip(other).map(|_| true) }
}

fn or(one: Answer, other: Answer) -> Answer {
    not(and(not(one), not(other)))
}

/// What a filter of the reference asks, worked out by hand.
fn ask(filter: &str, row: &Row<'_>) -> Answer {
    let more = |one: Option<f64>, other: f64| Some(one.is_some_and(|one| one > other));
    let transport = |name: &'static str| row.at_transport(move |of| of["protocol_name"] == name);
    let port_of = |name: &'static str, is: fn(u64) -> bool| {
        row.at_transport(move |of| {
            let ports = [&of["port_info"]["src_port"], &of["port_info"]["dst_port"]];
            of["protocol_name"] == name && ports.iter().any(|port| port.as_u64().is_some_and(is))
        })
    };
    let known = |answer: bool| row.at_encoding(move |_| answer);
    let whole = Row { transport: None, encoding: None, stream: None, kind: None, ..*row };
    let lost = row.health("lost");
    match filter {
        "ptp" => row.is("PTP"),
        "not ptp" => not(row.is("PTP")),
        "rtp" => row.is("RTP"),
        "rtp and encoding != AES67" => and(row.is("RTP"), row.at_encoding(|of| of["encoding_name"] != "AES67")),
        "ip.dst == 239.0.0.0/8" => {
            Some(row.flow["dst"]["address"].as_str().is_some_and(|to| to.starts_with("239.") && !to.contains(':')))
        }
        "239.69.1.31" => Some(row.addresses().contains(&"239.69.1.31")),
        "addr in {192.168.50.0/24, 192.168.20.11}" => {
            Some(row.addresses().iter().any(|of| of.starts_with("192.168.50.") || *of == "192.168.20.11"))
        }
        "src == 192.168.20.11:40001" => Some(endpoint(&row.flow["src"]) == "192.168.20.11:40001"),
        "udp.port == 5004" => port_of("UDP", |port| port == 5004),
        "all port > 1023" => Some(!row.ports().is_empty() && row.ports().iter().all(|port| *port > 1023)),
        "any port != 319" => Some(row.ports().iter().any(|port| *port != 319)),
        "tcp.port in {500..510} or profinet" => {
            or(port_of("TCP", |port| (500..=510).contains(&port)), row.is("PROFINET"))
        }
        "vlan == 30" => Some(each(row.flow, "vlan").contains(&30.into())),
        "vlan" => Some(!each(row.flow, "vlan").is_empty()),
        "cast == multicast and udp" => and(Some(row.flow["traffic_type"] == "multicast"), transport("UDP")),
        "mac.src == 02:00:00:80:00:01" => {
            Some(each(row.flow, "macs").iter().any(|change| change["value"]["src"] == "02:00:00:80:00:01"))
        }
        "not (udp or tcp)" => not(or(transport("UDP"), transport("TCP"))),
        "not encoding" => not(row.at_encoding(|_| true)),
        "findings > 0 and modbustcp" => and(Some(!row.findings().is_empty()), row.is("ModbusTCP")),
        "type in {Sync, Follow_Up}" => row.at_type(|of| of["type_name"] == "Sync" || of["type_name"] == "Follow_Up"),
        "type == \"PCM Data Format 1\"" => row.at_type(|of| of["type_name"] == "PCM Data Format 1"),
        "type matches \"^(sync|announce)$\"" => {
            row.at_type(|of| ["sync", "announce"].contains(&&*of["type_name"].as_str().unwrap().to_lowercase()))
        }
        "encoding == \"IENA\" and lost > 0" => and(row.is("IENA"), known(lost.is_some_and(|lost| lost > 0))),
        "lost > 0" | "lost != 0" => known(lost.is_some_and(|lost| lost > 0)),
        "loss >= 0.5%" => {
            let expected = row.health("expected").filter(|expected| *expected > 0);
            known(lost.zip(expected).is_some_and(|(lost, expected)| lost as f64 / expected as f64 >= 0.005))
        }
        "stream.lost > 2" => {
            let streams = row.streams().unwrap_or_default();
            known(streams.iter().any(|stream| stream["lost"].as_u64().is_some_and(|lost| lost > 2)))
        }
        "jitter > 5ms" => more(row.timing("jitter_ns"), 5e6),
        "flow.jitter > 5ms" => more(whole.timing("jitter_ns"), 5e6),
        "p99 > 3 * p50" => more(row.timing("p99_ns"), 3.0 * row.timing("p50_ns").unwrap_or(f64::INFINITY)),
        "dt in {900us..1100us}" => Some(row.timing("mean_ns").is_some_and(|mean| (9e5..=11e5).contains(&mean))),
        "flow.rate >= 1Mbps" => Some(row.flow["bit_rate"].as_f64().is_some_and(|rate| rate >= 1e6)),
        "packets > 100 and level == flow" => Some(row.packets() > 100 && row.transport.is_none()),
        "severity >= error" => Some(row.findings().iter().any(|(_, severity)| *severity == "error")),
        "finding contains \"loss\"" => Some(row.findings().iter().any(|(code, _)| code.contains("loss"))),
        "stream contains \"wing\"" => {
            let names =
                |stream: &Value| [&stream["id"], &stream["name"]].map(|of| of.as_str().unwrap_or("").to_lowercase());
            let streams = row.streams().unwrap_or_default();
            known(streams.iter().flat_map(names).any(|name| name.contains("wing")))
        }
        "commentary" => row.has_word("commentary"),
        "\"192.168.50.31:5004 -> 239.69\"" => row.has_word("192.168.50.31:5004 -> 239.69"),
        "\"->\"" => row.has_word("->"),
        "\"fpwr\"" => row.has_word("fpwr"),
        "confidence < 99.5%" => row.at_encoding(|of| of["confidence_score"].as_f64().unwrap() < 0.995),
        "idle > 1s" => Some(nanos(&row.flow["last_seen"]).is_some_and(|last| row.now - last > 1_000_000_000)),
        other => panic!("nobody worked out {other}"),
    }
}

/// Keeps the items of a map or a list that `keep` wants.
fn retain(map: &mut Value, mut keep: impl FnMut(&mut Value) -> bool) {
    match map {
        Value::Object(map) => {
            let kept =
                std::mem::take(map).into_iter().filter_map(|(key, mut value)| keep(&mut value).then_some((key, value)));
            *map = kept.collect();
        }
        Value::Array(list) => list.retain_mut(keep),
        _ => {}
    }
}

fn prune_types(filter: &str, above: &Row<'_>, value: &mut Value) -> bool {
    let whole = value.clone();
    let own = Row { kind: Some(&whole), around: [above.around[1], above.kind], ..*above };
    let mut is_shown = ask(filter, &own) == Some(true);
    if whole.get("packet_types").is_some() {
        retain(&mut value["packet_types"], |inner| {
            let shown = prune_types(filter, &own, inner);
            is_shown |= shown;
            shown
        });
        if each(value, "packet_types").is_empty() {
            value.as_object_mut().unwrap().remove("packet_types");
        }
    }
    is_shown
}

fn prune_flow(filter: &str, findings: &[Value], now: i128, flow: &mut Value) -> bool {
    let whole = flow.clone();
    let row = Row {
        flow: &whole,
        transport: None,
        encoding: None,
        stream: None,
        kind: None,
        around: [None; 2],
        findings,
        now,
    };
    let mut shows_flow = ask(filter, &row) == Some(true);
    retain(&mut flow["transport_protocols"], |transport| {
        let whole = transport.clone();
        let row = Row { transport: Some(&whole), ..row };
        let mut shows_transport = ask(filter, &row) == Some(true);
        retain(&mut transport["application_encodings"], |encoding| {
            let whole = encoding.clone();
            let row = Row { encoding: Some(&whole), ..row };
            let mut is_shown = ask(filter, &row) == Some(true);
            retain(&mut encoding["health"]["streams"], |stream| {
                let shown = ask(filter, &Row { stream: Some(stream), ..row }) == Some(true);
                is_shown |= shown;
                shown
            });
            retain(&mut encoding["packet_types"], |kind| {
                let shown = prune_types(filter, &row, kind);
                is_shown |= shown;
                shown
            });
            shows_transport |= is_shown;
            is_shown
        });
        shows_flow |= shows_transport;
        shows_transport
    });
    shows_flow
}

/// Compares all filters of the reference on a result; gives how many flows they showed.
fn compare(name: &str, analysis: &Analysis) -> usize {
    let catalogue = catalogue();
    let index = FindingIndex::new(&analysis.findings);
    let context = RowContext { now: analysis.capture.last_seen, findings: Some(&index), live: None };
    let document = serde_json::to_value(analysis).unwrap();
    let (flows, findings) = (each(&document, "flows"), each(&document, "findings"));
    let now = nanos(&document["capture"]["last_seen"]).unwrap_or(0);
    let mut shown = 0;
    for (text, _) in FILTERS {
        let filter = Filter::parse(text, &catalogue).unwrap();
        for (flow, value) in analysis.flows.iter().zip(&flows) {
            let (mut ours, mut naive) = (flow.clone(), value.clone());
            let is_shown = prune_flow(text, &findings, now, &mut naive);
            assert_eq!(filter.prune(&mut ours, context), is_shown, "{name}: {text}: {}", flow_text(value));
            if is_shown {
                assert_eq!(serde_json::to_value(&ours).unwrap(), naive, "{name}: {text}");
                shown += 1;
            }
        }
    }
    shown
}

#[test]
fn the_demo_is_filtered_as_its_document_says() {
    assert!(compare("demo", &demo()) > 150);
}

#[test]
fn the_corpus_is_filtered_as_its_documents_say() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let mut folders = vec![corpus.join("captures")];
    let (mut captures, mut shown) = (0, 0);
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(analysis) = streamlens::analyze(&path) {
                // naive takes its time with thousands of rows
                if analysis.flows.len() <= 300 {
                    captures += 1;
                    shown += compare(&path.display().to_string(), &analysis);
                }
            }
        }
    }
    eprintln!("{captures} captures, {shown} flows shown by {} filters", FILTERS.len());
    assert!(captures > 100 && shown > 1000);
}
