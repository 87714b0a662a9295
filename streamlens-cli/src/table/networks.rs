//! What spans flows, in words: clocks and their masters, announced sessions, redundant pairs, sources, devices and their answers.

use streamlens::model::words::{Counted, Span, counted, duration};
use streamlens::model::{Analysis, ApplicationEncoding, Flow, Value};

/// What there is of one kind: a title, and a line for each thing.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) lines: Vec<String>,
}

/// All groups that have anything.
pub(super) fn groups(analysis: &Analysis) -> Vec<Group> {
    let fact = |encoding: &str, name: &str| analysis.networks.get(encoding).and_then(|network| network.get(name));
    let profinet = fact("PROFINET", "profinet");
    let list = |value: Option<&Value>, line: fn(&Value) -> Vec<String>| {
        value.map(Value::items).unwrap_or_default().iter().flat_map(line).collect::<Vec<_>>()
    };
    let within = |value: Option<&'_ Value>, name: &str, line| list(value.and_then(|value| value.get(name)), line);
    let domains = fact("PTP", "domains").and_then(Value::as_map);
    let groups = [
        ("PTP", domains.into_iter().flat_map(|map| map.iter()).flat_map(|(name, of)| domain(name, of)).collect()),
        ("Sessions", sessions(analysis, fact("SAP", "sdp_sessions"))),
        ("Pairs", list(fact("RTP", "st2022_7_pairs"), pair)),
        ("NDI", list(fact("NDI", "sources"), ndi_source)),
        ("PROFINET", [within(profinet, "stations", station), within(profinet, "relations", relation)].concat()),
        ("EtherCAT", of_flows(analysis, "EtherCAT", ethercat)),
        ("Modbus", [of_flows(analysis, "ModbusTCP", modbus), of_flows(analysis, "ModbusRTU", modbus)].concat()),
    ];
    let groups = groups.into_iter().map(|(title, lines)| Group { title, lines });
    groups.filter(|group| !group.lines.is_empty()).collect()
}

fn of_flows(analysis: &Analysis, name: &str, lines: fn(&Flow, &ApplicationEncoding) -> Vec<String>) -> Vec<String> {
    let of_flow =
        |flow| Flow::encodings(flow).filter(|of| of.encoding_name == name).flat_map(move |of| lines(flow, of));
    analysis.flows.iter().flat_map(of_flow).collect()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).map(Value::to_string).filter(|text| !text.is_empty())
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

/// Nanoseconds, with a sign where they are negative.
fn span(nanos: f64) -> Span {
    Span(nanos.round() as i64)
}

/// The mean of a summary.
fn mean(value: &Value, name: &str) -> Option<f64> {
    value.get(name)?.get("mean_ns")?.as_f64()
}

/// Parts that are there, with commas between.
fn joined<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn domain(name: &str, of: &Value) -> Vec<String> {
    let announcer = text(of, "master_port");
    let said = announcer.as_ref().and_then(|port| of.get("announcers")?.get(port));
    let said = |name: &str| said.and_then(|said| text(said, name));
    let class = said("clock_class").map(|class| match said("clock_class_name") {
        Some(meaning) => format!("class {class} ({meaning})"),
        None => format!("class {class}"),
    });
    let changes = number(of, "grandmaster_changes").unwrap_or(0);
    let parts = joined([
        Some(
            text(of, "grandmaster").map_or_else(|| "no grandmaster seen".to_owned(), |id| format!("grandmaster {id}")),
        ),
        class,
        said("clock_accuracy_name"),
        said("time_source_name"),
        said("current_utc_offset_s").map(|offset| format!("UTC offset {offset} s")),
        (changes > 0).then(|| format!("{} of grandmaster", counted(changes, "change"))),
    ]);
    let mut lines = vec![format!("domain {name}: {parts}")];
    // the master counts TAI, the capture UTC
    let scale = said("ptpTimescale").filter(|answer| answer == "true").and(said("current_utc_offset_s"));
    let scale = scale.and_then(|offset| offset.parse::<f64>().ok()).map(|seconds| seconds * 1e9);
    let in_utc = |nanos: f64| {
        let is_tai = scale.is_some_and(|scale| (nanos + scale).abs() < nanos.abs());
        let (nanos, note) = if is_tai { (nanos + scale.unwrap_or(0.0), " as UTC") } else { (nanos, "") };
        format!("{}{note}", span(nanos))
    };
    let masters = of.get("masters").and_then(Value::as_map);
    for (port, master) in masters.into_iter().flat_map(|map| map.iter()) {
        let (one_step, two_step) = (number(master, "one_step_syncs"), number(master, "two_step_syncs"));
        let syncs = one_step.unwrap_or(0) + two_step.unwrap_or(0);
        let rate = master.get("rate_offset_from_capture_clock_ppm").and_then(Value::as_f64);
        let parts = joined([
            Some(counted(syncs, "Sync").replace("Syncs", "Sync")),
            mean(master, "sync_capture_minus_origin").map(|of| format!("capture less origin {}", in_utc(of))),
            rate.map(|ppm| format!("rate {:.3} ppm off the capture's clock", ppm + 0.0)),
        ]);
        lines.push(format!("  master {port}: {parts}"));
        let requesters = master.get("by_requester").and_then(Value::as_map);
        for (slave, path) in requesters.into_iter().flat_map(|map| map.iter()) {
            let parts = joined([
                mean(path, "capture_clock_offset_from_master").map(|of| format!("capture clock offset {}", in_utc(of))),
                mean(path, "path_delay_capture_point_to_master").map(|of| format!("path delay {}", span(of))),
            ]);
            if !parts.is_empty() {
                lines.push(format!("    with {slave}: {parts}"));
            }
        }
    }
    let links = of.get("links").and_then(Value::as_map);
    for (ends, link) in links.into_iter().flat_map(|map| map.iter()) {
        if let Some(delay) = mean(link, "link_delay_capture_point_to_responder") {
            lines.push(format!("  link {ends}: path delay {} (peer to peer)", span(delay)));
        }
    }
    lines
}

/// Announced media, and whether what is sent is as announced.
fn sessions(analysis: &Analysis, sessions: Option<&Value>) -> Vec<String> {
    let mut lines = Vec::new();
    for session in sessions.map(Value::items).unwrap_or_default() {
        let name = text(session, "name").unwrap_or_default();
        for medium in session.get("media").map(Value::items).unwrap_or_default() {
            let (address, port) =
                (text(medium, "address").unwrap_or_default(), text(medium, "port").unwrap_or_default());
            let formats: Vec<_> =
                medium.get("formats").map(Value::items).unwrap_or_default().iter().map(Value::to_string).collect();
            let endpoint = format!("{address}:{port}");
            let verdict = match number(medium, "flows") {
                Some(0) => "not sent in this capture".to_owned(),
                Some(flows) => {
                    let differs = differences(analysis, &endpoint, &name);
                    let sent = if flows == 1 { String::new() } else { format!("sent in {}, ", counted(flows, "flow")) };
                    if differs.is_empty() {
                        format!("{sent}compared, agrees")
                    } else {
                        format!("{sent}differs: {differs}")
                    }
                }
                None => "not compared".to_owned(),
            };
            let parts = joined([
                Some(endpoint),
                Some(formats.join(" ")).filter(|formats| !formats.is_empty()),
                text(medium, "ptp_grandmaster").map(|id| format!("clock {id}")),
                Some(verdict),
            ]);
            lines.push(format!("{name}: {parts}"));
        }
    }
    lines
}

/// The codes of findings that say how what goes to an endpoint differs from its announcement.
fn differences(analysis: &Analysis, endpoint: &str, name: &str) -> String {
    let concerns = |flow: &Option<String>| flow.as_ref().is_some_and(|flow| flow.contains(&format!("-> {endpoint}")));
    let findings = analysis.findings.iter().filter(|finding| {
        let place = &finding.place;
        finding.code.starts_with("sdp.") && (concerns(&place.flow) || place.stream.as_deref() == Some(name))
    });
    let mut codes: Vec<_> = findings.map(|finding| finding.code.as_ref()).collect();
    codes.dedup();
    codes.join(", ")
}

fn pair(of: &Value) -> Vec<String> {
    let Some(comparison) = of.get("comparison") else { return Vec::new() };
    let lost = |value: &Value, name| number(value, name).unwrap_or(0);
    let (here, there) = (lost(comparison, "lost_on_this_path"), lost(of, "lost_on_other_path"));
    let name = text(of, "ssrc").unwrap_or_default();
    let (path, other) = (text(of, "path").unwrap_or_default(), text(comparison, "other_path").unwrap_or_default());
    let skew = |name| comparison.get(name).and_then(Value::as_f64).map(f64::abs);
    let apart = skew("skew_min_ns").into_iter().chain(skew("skew_max_ns")).reduce(f64::max);
    let parts = joined([
        Some(format!("{} lost after merging", counted(lost(comparison, "lost_after_merge"), "packet"))),
        number(comparison, "overlap_packets").map(|all| format!("of {}", Counted(all, "packet"))),
        apart.map(|nanos| format!("up to {} apart", duration(nanos))),
        text(comparison, "differential_class").map(|class| format!("class {class}")),
    ]);
    vec![format!("{name}: {parts}"), format!("  {path}: {here} lost"), format!("  {other}: {there} lost")]
}

fn ndi_source(of: &Value) -> Vec<String> {
    let name = text(of, "name").unwrap_or_default();
    let withdrawn = of.get("withdrawn").and_then(Value::as_bool) == Some(true);
    let addresses: Vec<_> =
        of.get("addresses").map(Value::items).unwrap_or_default().iter().map(Value::to_string).collect();
    let parts = joined([
        text(of, "host"),
        Some(addresses.join(" ")).filter(|all| !all.is_empty()),
        text(of, "port").map(|port| format!("port {port}")),
        number(of, "flows").map(|flows| counted(flows, "flow")),
        withdrawn.then(|| "withdrawn".to_owned()),
    ]);
    vec![format!("{name}: {parts}")]
}

fn station(of: &Value) -> Vec<String> {
    let name = text(of, "name").or_else(|| text(of, "mac")).unwrap_or_default();
    vec![format!("{name}: {}", joined([text(of, "role"), text(of, "type"), text(of, "mac"), text(of, "address")]))]
}

fn relation(of: &Value) -> Vec<String> {
    let update = of.get("iocrs").map(Value::items).unwrap_or_default().first();
    let update = update.and_then(|iocr| iocr.get("update_time_ns")?.as_f64());
    let end = |name: &str, address: &str| {
        text(of, address).or_else(|| text(of, name)).unwrap_or_else(|| "unknown".to_owned())
    };
    let parts = joined([
        text(of, "state"),
        update.map(|nanos| format!("update time {}", duration(nanos))),
        text(of, "ended_at").map(|time| format!("ended {time}")),
        text(of, "module_difference").map(|_| "modules differ from those expected".to_owned()),
    ]);
    vec![format!("{} -> {}: {parts}", end("controller", "controller_address"), end("device", "device_address"))]
}

fn ethercat(flow: &Flow, of: &ApplicationEncoding) -> Vec<String> {
    let facts = &of.decoder_metadata;
    let round_trip = facts.get("round_trip").and_then(|of| of.get("mean_ns")?.as_f64());
    let cycles = facts.get("cycles").map(Value::items).unwrap_or_default().iter();
    let cyclic = cycles.filter(|of| of.get("process_data").and_then(Value::as_bool) == Some(true));
    let cyclic = cyclic.max_by_key(|of| number(of, "sent"));
    let stations = facts.get("stations").map(Value::items).unwrap_or_default();
    if round_trip.is_none() && stations.is_empty() {
        return Vec::new();
    }
    let parts = joined([
        cyclic.and_then(|of| mean(of, "interval")).map(|nanos| format!("cycle {}", duration(nanos))),
        round_trip.map(|nanos| format!("round trip {}", duration(nanos))),
        facts.get("station_count").and_then(Value::as_u64).map(|count| counted(count, "station")),
    ]);
    let mut lines = vec![format!("segment of {}: {parts}", flow.key.src)];
    for station in stations {
        let error = station.get("error").and_then(Value::as_bool) == Some(true);
        let changes = number(station, "state_changes").filter(|count| *count > 0);
        let parts = joined([
            text(station, "position").map(|place| format!("position {place}")),
            text(station, "state"),
            error.then(|| "error bit set".to_owned()),
            changes.map(|count| counted(count, "state change")),
        ]);
        lines.push(format!("  {}: {parts}", text(station, "station").unwrap_or_default()));
    }
    lines
}

fn modbus(flow: &Flow, of: &ApplicationEncoding) -> Vec<String> {
    let functions = of.decoder_metadata.get("functions").map(Value::items).unwrap_or_default();
    let mut units: Vec<_> = functions.iter().filter_map(|of| number(of, "unit")).collect();
    units.sort_unstable();
    units.dedup();
    let line = |unit: u64| {
        let own = || functions.iter().filter(|of| number(of, "unit") == Some(unit));
        let sum = |name| own().filter_map(|of| number(of, name)).sum::<u64>();
        let times = || own().filter_map(|of| of.get("response_time"));
        let answered = times().filter_map(|of| number(of, "count")).sum::<u64>();
        let weighted = times().filter_map(|of| Some(of.get("mean_ns")?.as_f64()? * number(of, "count")? as f64));
        let mean = (answered > 0).then(|| weighted.sum::<f64>() / answered as f64);
        let most = times().filter_map(|of| of.get("max_ns")?.as_f64()).reduce(f64::max);
        let exceptions = sum("exceptions");
        let parts = joined([
            Some(counted(sum("requests"), "request")),
            mean.map(|nanos| format!("answered in {}", duration(nanos))),
            most.map(|nanos| format!("{} at most", duration(nanos))),
            (exceptions > 0).then(|| counted(exceptions, "exception")),
        ]);
        format!("unit {unit} at {}, asked by {}: {parts}", flow.key.dst, flow.key.src)
    };
    units.into_iter().map(line).collect()
}
