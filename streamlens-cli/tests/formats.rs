//! What the formats say: order, depth, intervals, widths, colours, hostile names.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{Scratch, pcap, rtp, three_flows, udp, udp6};

/// Source addresses of the flows in a document.
fn sources(document: &serde_json::Value) -> Vec<String> {
    let flows = document["flows"].as_array().unwrap();
    flows.iter().map(|flow| flow["src"]["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn json_is_one_document_that_ends_with_a_line_feed_and_is_what_the_library_gives() {
    let scratch = Scratch::new("json");
    let ran = scratch.run(&[scratch.file("a.pcap", &three_flows()), "--format", "json"]);
    assert!(ran.stdout.ends_with("}\n") && ran.lines().len() == 1);
    let mut ours = serde_json::to_value(streamlens::analyze(scratch.path().join("a.pcap")).unwrap()).unwrap();
    ours["capture"]["path"] = "a.pcap".into();
    assert_eq!(ran.json(), ours);
}

#[test]
fn ndjson_has_the_parts_of_the_document_one_a_line() {
    let scratch = Scratch::new("ndjson");
    scratch.file("a.pcap", &three_flows());
    let document = scratch.run(&["a.pcap", "--format", "json"]).json();
    let ran = scratch.run(&["a.pcap", "--format", "ndjson"]);
    let lines: Vec<serde_json::Value> = ran.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["schema"], &lines[0]["capture"]), (&document["schema"], &document["capture"]));
    let flows: Vec<_> = lines.iter().filter_map(|line| line.get("flow")).collect();
    assert_eq!(flows, document["flows"].as_array().unwrap().iter().collect::<Vec<_>>());
    let findings = lines.iter().filter(|line| line.get("finding").is_some()).count();
    assert_eq!(findings, document["findings"].as_array().unwrap().len());
}

#[test]
fn csv_has_a_row_for_each_level_with_as_many_cells_as_the_header() {
    let scratch = Scratch::new("csv");
    let frames: Vec<_> =
        (0..40).map(|number| (u32::from(number) * 20, udp((1, 4001), (2, 5004), &rtp(number)))).collect();
    scratch.file("rtp.pcap", &pcap(&frames));
    let ran = scratch.run(&["rtp.pcap", "--format", "csv", "-d", "flow,rtp"]);
    let rows: Vec<Vec<_>> = ran.lines().iter().map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{}", ran.stdout);
    let column = |name| rows[0].iter().position(|title| *title == name).unwrap();
    let levels: Vec<_> = rows.iter().skip(1).map(|row| row[0]).collect();
    assert_eq!(levels, ["flow", "transport", "encoding", "type"]);
    for row in rows.iter().skip(1) {
        assert_eq!(
            (row[column("src_address")], row[column("dst_port")], row[column("packets")]),
            ("10.0.0.1", "5004", "40")
        );
    }
    assert_eq!((rows[3][column("encoding")], rows[3][column("lost")]), ("RTP", "0"));
    assert_eq!(rows[1][column("iat_mean_ns")], "20000000");
}

#[test]
fn intervals_add_up_to_their_row_in_every_machine_readable_format() {
    let scratch = Scratch::new("intervals");
    scratch.file("a.pcap", &three_flows());
    let document = scratch.run(&["a.pcap", "--format", "json", "--interval", "20ms"]).json();
    let intervals = document["flows"][0]["intervals"].as_array().unwrap();
    let starts: Vec<_> = intervals.iter().map(|interval| interval["start"].as_str().unwrap()).collect();
    assert_eq!(starts, ["1970-01-01T00:01:40.000000000Z", "1970-01-01T00:01:40.020000000Z"]);
    assert_eq!(intervals.iter().map(|interval| interval["packets"].as_u64().unwrap()).sum::<u64>(), 3);

    let csv = scratch.run(&["a.pcap", "--format", "csv", "--interval", "20ms", "--depth", "flow"]).stdout;
    assert!(
        csv.contains("\nflow_interval,10.0.0.1,4001,10.0.0.2,4002,,unicast,,,,,1970-01-01T00:01:40.020000000Z,,,1,47,"),
        "{csv}"
    );
    assert!(scratch.run(&["a.pcap", "--format", "ndjson", "--interval", "20ms"]).stdout.contains("intervals"));
    assert!(!scratch.run(&["a.pcap", "--format", "json"]).stdout.contains("intervals"));
    let table = scratch.run(&["a.pcap", "--interval", "20ms"]);
    assert!(table.status == 0 && table.stderr.contains("--interval"), "{}", table.stderr);
}

/// Per stream as well, in JSON and at depth stream in CSV: packets and losses are those of the stream.
#[test]
fn intervals_of_streams_add_up_to_the_stream() {
    let scratch = Scratch::new("stream-intervals");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    let document = scratch.run(&["demo.pcapng", "--format", "json", "--interval", "1s"]).json();
    let (mut streams, mut with_loss) = (0, 0);
    for flow in document["flows"].as_array().unwrap() {
        let transports = flow["transport_protocols"].as_object().unwrap().values();
        let encodings = transports.flat_map(|of| of["application_encodings"].as_object().unwrap().values());
        for stream in encodings.flat_map(|of| of["health"]["streams"].as_array().unwrap()) {
            let intervals = stream["intervals"].as_array().unwrap();
            let sum = |key: &str| intervals.iter().filter_map(|one| one[key].as_i64()).sum::<i64>();
            assert_eq!(Some(sum("packets")), stream["received"].as_i64(), "{stream}");
            assert_eq!(sum("lost"), stream["lost"].as_i64().unwrap_or(0), "{stream}");
            assert!(
                intervals.iter().all(|one| one["bytes"].is_null() && one["lost"].is_null() == stream["lost"].is_null())
            );
            let last = intervals.iter().rev().find_map(|one| one["jitter_ns"].as_f64());
            assert!(
                last.is_none() || stream["jitter_ns"].is_null() || last == stream["jitter_ns"].as_f64(),
                "{stream}"
            );
            streams += 1;
            with_loss += i32::from(stream["lost"].as_u64() > Some(0));
        }
    }
    assert!(streams > 15 && with_loss > 3, "{streams}, {with_loss} with loss");

    let csv = scratch.run(&["demo.pcapng", "--format", "csv", "--interval", "1s", "--depth", "stream"]).stdout;
    let place = |name: &str| csv.lines().next().unwrap().split(',').position(|header| header == name).unwrap();
    let (level, stream, packets, bytes, lost) =
        (place("level"), place("stream"), place("packets"), place("bytes"), place("lost"));
    let rows: Vec<Vec<_>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let own = rows.iter().filter(|row| row[level] == "stream_interval" && row[stream] == "key 0x0A01");
    let own: Vec<_> = own.map(|row| (row[packets], row[bytes], row[lost])).collect();
    assert_eq!(own, [("50", "", "0"), ("50", "", "0"), ("47", "", "3"), ("50", "", "0")]);
}

/// What two interfaces captured of one stream is told apart by their names.
#[test]
fn streams_that_several_interfaces_captured_are_told_apart() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let capture = corpus.join("captures/reports/st2022-7-same-addresses-two-interfaces.pcapng");
    let scratch = Scratch::new("interfaces");
    let capture = capture.to_str().unwrap();
    let table = scratch.run(&[capture]).stdout;
    let csv = scratch.run(&[capture, "--format", "csv", "--depth", "stream"]).stdout;
    for interface in ["red", "blue"] {
        let name = format!("0x00000072 on {interface}");
        assert!(table.contains(&format!("─ {name} (stream)")), "{table}");
        assert!(csv.contains(&format!(",{name}\n")), "{csv}");
    }
    // the key of a flow is there once, whoever captured it
    assert_eq!(csv.lines().filter(|line| line.starts_with("flow,")).count(), 1);
}

#[test]
fn flows_come_in_the_order_asked_for_in_every_format() {
    let scratch = Scratch::new("sort");
    scratch.file("a.pcap", &three_flows());
    let (one, two, three) = ("10.0.0.1", "10.0.0.2", "10.0.0.3");
    for (key, expected) in [
        ("first", [one, three, two]),
        ("last", [one, three, two]),
        ("frames", [one, three, two]),
        ("bytes", [three, one, two]),
        ("rate", [three, one, two]),
        ("dt", [one, three, two]),
        ("src", [one, two, three]),
        ("dst", [two, one, three]),
    ] {
        assert_eq!(sources(&scratch.run(&["a.pcap", "--format", "json", "--sort", key]).json()), expected, "{key}");
        let csv = scratch.run(&["a.pcap", "--format", "csv", "--depth", "flow", "--sort", key]).stdout;
        let rows: Vec<_> = csv.lines().skip(1).map(|row| row.split(',').nth(1).unwrap()).collect();
        assert_eq!(rows, expected, "{key}");
        let table = scratch.run(&["a.pcap", "--sort", key]).stdout;
        let rows: Vec<_> = table.lines().skip(1).take(3).map(|row| row.split(':').next().unwrap()).collect();
        assert_eq!(rows, expected, "{key}");
    }
}

#[test]
fn top_takes_the_largest_and_leaves_the_totals() {
    let scratch = Scratch::new("top");
    scratch.file("a.pcap", &three_flows());
    let document = scratch.run(&["a.pcap", "--format", "json", "--top", "1"]).json();
    assert_eq!((sources(&document), &document["capture"]["packets"]), (vec!["10.0.0.3".to_owned()], &6.into()));
    let document = scratch.run(&["a.pcap", "--format", "json", "--top", "2", "--sort", "first"]).json();
    assert_eq!(sources(&document), ["10.0.0.1", "10.0.0.3"]);
    assert!(scratch.run(&["a.pcap", "--top", "1"]).stdout.contains("1 of 3 flows shown; 6 frames"));
}

#[test]
fn depth_cuts_the_hierarchy_below_a_level() {
    let scratch = Scratch::new("depth");
    let frames: Vec<_> =
        (0..40).map(|number| (u32::from(number) * 20, udp((1, 4001), (2, 5004), &rtp(number)))).collect();
    scratch.file("rtp.pcap", &pcap(&frames));
    for (depth, levels) in [
        ("flow", &["flow"][..]),
        ("transport", &["flow", "transport"]),
        ("encoding", &["flow", "transport", "encoding"]),
        ("type", &["flow", "transport", "encoding", "type"]),
    ] {
        let csv = scratch.run(&["rtp.pcap", "-d", "flow,rtp", "--format", "csv", "--depth", depth]).stdout;
        let rows: Vec<_> = csv.lines().skip(1).map(|row| row.split(',').next().unwrap()).collect();
        assert_eq!(rows, levels);
        let table = scratch.run(&["rtp.pcap", "-d", "flow,rtp", "--depth", depth]).stdout;
        assert!(table.contains("  UDP  "), "the transport is named at any depth: {table}");
        assert_eq!(table.contains("─ RTP ("), levels.len() > 2, "{table}");
        assert_eq!(table.contains("PT 97"), levels.len() > 3, "{table}");
        assert_eq!(table.contains("─ UDP"), depth == "transport", "{table}");
    }
}

#[test]
fn lost_packets_have_a_column_where_numbers_tell() {
    let scratch = Scratch::new("lost");
    let numbers = (0..40).filter(|number| *number != 20);
    let frames: Vec<_> =
        numbers.map(|number| (u32::from(number) * 20, udp((1, 4001), (2, 5004), &rtp(number)))).collect();
    scratch.file("rtp.pcap", &pcap(&frames));
    let table = scratch.run(&["rtp.pcap", "-d", "flow,rtp"]).stdout;
    assert!(table.lines().next().unwrap().contains("Lost"), "{table}");
    assert!(!scratch.run(&[scratch.file("a.pcap", &three_flows())]).stdout.contains("Lost"));
}

#[test]
fn the_table_fits_its_width_and_cuts_no_address() {
    let scratch = Scratch::new("width");
    let address = "[2001:db8:1234:5678:9abc:def1:1122:3301]:40000";
    scratch.file("six.pcap", &pcap(&[(0, udp6(b"one")), (7, udp6(b"two")), (9, udp((1, 4001), (2, 4002), b"hello"))]));
    for columns in [60, 80, 100, 120, 160] {
        let table = scratch.run_with(&["six.pcap"], &[("COLUMNS", &columns.to_string())]).stdout;
        assert!(table.contains(address), "{table}");
        for line in table.lines() {
            assert!(line.chars().count() <= columns, "{columns} columns: {line}");
        }
    }
    let table = scratch.run(&["six.pcap"]).stdout;
    let row = table.lines().nth(1).unwrap();
    assert!(row.contains(address) && row.contains(":40001") && row.contains("7.000 ms"), "{table}");
}

/// Words become short before a column goes, further columns come where there is room, and what flows are ordered by stays.
#[test]
fn a_terminal_shows_the_columns_that_fit_best() {
    let scratch = Scratch::new("fits-best");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    let shown = |columns: usize, arguments: &[&str]| {
        let arguments = [&["demo.pcapng"], arguments].concat();
        let table = scratch.run_with(&arguments, &[("COLUMNS", &columns.to_string())]).stdout;
        let flows: Vec<_> = table.split("\n\n").next().unwrap().lines().collect();
        assert!(flows.iter().all(|line| line.chars().count() <= columns), "{columns}: {table}");
        flows[0].to_owned()
    };
    let has = |titles: &str, wanted: [&str; 5]| {
        ["Jitter", "\u{394}T p99", "Loss", "Rate", "Lost"].map(|title| titles.contains(title))
            == wanted.map(|one| one == "+")
    };
    for (columns, wanted) in [
        (80, ["-", "-", "-", "-", "+"]),
        (120, ["+", "+", "-", "-", "+"]),
        (140, ["+", "+", "+", "-", "+"]),
        (160, ["+", "+", "+", "+", "+"]),
    ] {
        assert!(has(&shown(columns, &[]), wanted), "{columns}: {}", shown(columns, &[]));
    }
    for key in ["jitter", "p99", "loss", "rate", "first_seen", "media_jitter"] {
        // an instant takes 30 columns
        let titles = shown(if key == "first_seen" { 130 } else { 100 }, &["--sort", key]);
        let title = match key {
            "jitter" => "Jitter",
            "p99" => "\u{394}T p99",
            "loss" => "Loss",
            "rate" => "Rate",
            other => other,
        };
        assert!(titles.contains(title), "--sort {key}: {titles}");
    }
    // also where nothing has it
    scratch.file("a.pcap", &three_flows());
    assert!(scratch.run(&["a.pcap", "--sort", "lost"]).stdout.lines().next().unwrap().contains("Lost"));
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let scratch = Scratch::new("colours");
    scratch.file("a.pcap", &three_flows());
    let is_coloured = |arguments: &[&str], environment: &[(&str, &str)]| {
        scratch.run_with(&[&["a.pcap"], arguments].concat(), environment).stdout.contains('\u{1b}')
    };
    assert!(!is_coloured(&[], &[]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["--color", "always", "--format", "csv"], &[]));
}

/// What is lost is red, and nothing lost is not.
#[test]
fn zeros_are_neither_red_nor_yellow() {
    let scratch = Scratch::new("zeros");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    let table = scratch.run(&["demo.pcapng", "--color", "always", "--depth", "stream"]).stdout;
    assert!(table.contains("\u{1b}[31m3\u{1b}[0m") && table.contains("\u{1b}[32m0\u{1b}[0m"), "{table:?}");
    for colour in [31, 33] {
        for zero in ["0\u{1b}", "0 ", "Dropped"] {
            assert!(!table.contains(&format!("\u{1b}[{colour}m{zero}")), "{colour} {zero}: {table:?}");
        }
    }
    assert!(table.contains("Dropped\u{1b}[0m   demo0: 0 frames"), "{table:?}");
}

#[cfg(unix)]
#[test]
fn hostile_names_reach_no_terminal() {
    let scratch = Scratch::new("hostile");
    let name = scratch.file("a\u{1b}[2J\u{202e}b.pcap", &three_flows());
    let ran = scratch.run(&[name]);
    assert!(ran.status == 0 && ran.stdout.contains("a\\u{1b}[2J\\u{202e}b.pcap"), "{}", ran.stdout);
    let ran = scratch.run(&["missing\u{1b}[2J.pcap"]);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("\\u{1b}"), "{}", ran.stderr);
}

/// An RTP stream with a packet missing, of which numbers tell.
fn lossy() -> Vec<u8> {
    let numbers = (0..40).filter(|number| *number != 20);
    let frames: Vec<_> =
        numbers.map(|number| (u32::from(number) * 20, udp((1, 4001), (2, 5004), &rtp(number)))).collect();
    pcap(&frames)
}

#[test]
fn streams_are_rows_where_they_are_asked_for() {
    let scratch = Scratch::new("streams");
    scratch.file("rtp.pcap", &lossy());
    let plain = scratch.run(&["rtp.pcap", "--format", "csv", "-d", "flow,rtp"]);
    let ran = scratch.run(&["rtp.pcap", "--format", "csv", "-d", "flow,rtp", "--depth", "stream"]);
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let titles = cells(ran.lines()[0]);
    let column = |name: &str| titles.iter().position(|title| title == name).unwrap();
    let (streams, others): (Vec<_>, Vec<_>) = ran.lines().into_iter().map(cells).partition(|row| row[0] == "stream");
    let [stream] = streams.as_slice() else { panic!("{}", ran.stdout) };
    assert_eq!((&*stream[column("stream")], &*stream[column("encoding")]), ("0xcafe0001", "RTP"));
    assert_eq!((&*stream[column("received")], &*stream[column("lost")], &*stream[column("bytes")]), ("39", "1", ""));
    let others: Vec<_> = others.iter().map(|row| row[..row.len() - 1].join(",")).collect();
    assert_eq!(others, plain.lines(), "the other rows are as without");
    let table = scratch.run(&["rtp.pcap", "-d", "flow,rtp", "--depth", "stream"]).stdout;
    assert!(table.lines().any(|line| line.contains("0xcafe0001 (stream)") && line.contains("39")), "{table}");
}

#[test]
fn the_columns_that_are_asked_for_stand_in_every_flat_format() {
    let scratch = Scratch::new("columns");
    scratch.file("rtp.pcap", &lossy());
    let run = |format| {
        let columns = ["--columns", "encoding,lost,stream.lost,media_jitter,meta.clock_rate_hz,port"];
        scratch.run(&[&["rtp.pcap", "-d", "flow,rtp", "--depth", "stream", "--format", format], &columns[..]].concat())
    };
    let csv = run("csv");
    let rows: Vec<Vec<_>> = csv.lines().iter().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["encoding", "lost", "stream.lost", "jitter_ns", "meta.clock_rate_hz", "port"]);
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), ["lost", "", "", "1", "1", ""]);
    assert_eq!(rows.iter().map(|row| row[5]).collect::<Vec<_>>(), ["port", "4001 5004", "", "", "", ""]);
    let ndjson = run("ndjson");
    let rows: Vec<serde_json::Value> = ndjson.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<_> = rows.iter().filter_map(|line| line.get("row")).collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0]["port"], serde_json::json!([4001, 5004]));
    assert_eq!((&rows[3]["level"], &rows[3]["stream.lost"]), (&"stream".into(), &1.into()));
    assert!(rows[3]["id"].as_str().unwrap().ends_with("/0/0/s0"), "{}", rows[3]);
    let table = run("table").stdout;
    assert!(table.starts_with("Src:Port") && table.contains("stream.lost") && !table.contains("#Frames"), "{table}");
}

#[test]
fn a_column_that_leads_nowhere_is_told() {
    let scratch = Scratch::new("nowhere");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    for format in ["table", "csv"] {
        let said = |columns: &str| {
            let ran = scratch.run(&["demo.pcapng", "--format", format, "--depth", "stream", "--columns", columns]);
            assert_eq!(ran.status, 0);
            ran.stderr
        };
        assert!(said("packets,meta.nonesuch").contains("no row that is shown has meta.nonesuch"), "{format}");
        assert!(said("measure.typo").contains("no row that is shown has measure.typo"), "{format}");
        assert_eq!(said("packets,src.addr,measure.format,meta.station_count"), "", "{format}");
    }
}

#[test]
fn flows_are_ordered_by_any_column_and_by_the_older_words() {
    let scratch = Scratch::new("sort-columns");
    scratch.file("a.pcap", &three_flows());
    let ports = |key: &str| {
        let document = scratch.run(&["a.pcap", "--format", "json", "--sort", key]).json();
        let flows = document["flows"].as_array().unwrap().iter();
        flows.map(|flow| flow["src"]["port"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    for (word, column) in [("first", "first_seen"), ("last", "last_seen"), ("frames", "packets"), ("bit_rate", "rate")]
    {
        assert_eq!(ports(word), ports(column), "{word}");
    }
    assert_eq!(ports("dst.port"), [4002, 4001, 4003], "the least first; equal ones as they were first seen");
    assert_eq!(ports("dt.max"), [4003, 4001, 4002], "the most first; what is undefined last");
}

#[test]
fn a_column_that_is_none_is_refused_with_the_nearest() {
    let scratch = Scratch::new("no-column");
    for option in ["--sort", "--columns"] {
        let ran = scratch.run(&["a.pcap", option, "jiter"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains("did you mean jitter?"), "{}", ran.stderr);
    }
}

/// Two jitters, two columns: by the media clock, and of the times between packets.
#[test]
fn both_jitters_are_shown_as_what_they_are() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let capture = corpus.join("captures/broadcast/sap-sdp-l16-ffmpeg.pcap");
    let scratch = Scratch::new("jitters");
    let capture = capture.to_str().unwrap();
    let table = scratch.run(&[capture]).stdout;
    let row =
        |start: &str| table.lines().find(|line| line.contains(start)).unwrap_or_else(|| panic!("{start}:\n{table}"));
    assert!(row("RTP (").contains("15.23 ms") && !row("RTP (").contains("\u{394}15.23"), "{table}");
    assert!(row(":5010").contains('\u{394}'), "{table}");
    let csv = scratch.run(&[capture, "--format", "csv"]).stdout;
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let titles = lines.next().unwrap();
    let place = |title: &str| titles.iter().position(|name| *name == title).unwrap();
    let of = lines.find(|cells| cells[0] == "encoding" && cells[place("encoding")] == "RTP").unwrap();
    let number = |title: &str| of[place(title)].parse::<f64>().unwrap();
    assert!((number("jitter_ns") - 15_230_233.0).abs() < 1e3, "{csv}");
    assert!((number("iat_jitter_ns") - number("jitter_ns")).abs() > 1e3, "{csv}");
}
