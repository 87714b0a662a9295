//! What is saved as a file.

use std::io::Cursor;
use std::path::PathBuf;

use streamlens::model::row::{Csv, FindingIndex, Level, RowContext};
use streamlens::pcap::CaptureReader;
use streamlens_filter::{Catalogue, Filter};
use streamlens_web::ServerOptions;

use crate::{Running, demo, eventually, options, serve};

/// Numbers of frames of an exported capture.
fn frames(bytes: Vec<u8>) -> usize {
    let mut reader = CaptureReader::from_reader("export", Cursor::new(bytes)).unwrap();
    let mut count = 0;
    while reader.next_frame().unwrap().is_some() {
        count += 1;
    }
    assert!(reader.warnings().is_empty(), "{:?}", reader.warnings());
    count
}

fn upload(running: &Running) {
    let kind = [("Content-Type", "application/octet-stream")];
    let answer = running.request("POST", "/api/v1/analyses?name=demo", &kind, &std::fs::read(demo()).unwrap());
    assert_eq!(answer.status, 201);
    running.until("/api/v1/analyses/1", |info| info["state"] == "ended");
}

/// The only folder of uploads with a file for analysis 1 that holds the demo, of this process or another.
fn kept_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let folders = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("streamlens-uploads-"));
    folders.map(|folder| folder.path().join("1")).filter(|path| path.is_file()).collect()
}

#[test]
fn csv_has_the_rows_that_the_library_shows() {
    let running = serve(options(), Some(0.0));
    running.until("/api/v1/analyses/1", |info| info["state"] == "ended");
    let analysis = streamlens::analyze(demo()).unwrap();
    let index = FindingIndex::new(&analysis.findings);
    let context = RowContext { now: analysis.capture.last_seen, findings: Some(&index), live: None };
    for (query, text) in [("", ""), ("&filter=lost+%3E+0", "lost > 0"), ("&filter=vlan+%3D%3D+4000", "vlan == 4000")] {
        let filter = Filter::parse(text, &Catalogue::new()).unwrap();
        for streams in [false, true] {
            let csv = Csv::usual(streams);
            let mut expected = String::new();
            csv.header(&mut expected);
            let shown = analysis.flows.iter().flat_map(|flow| filter.shown(flow, context));
            let rows = shown.filter(|row| streams || row.level() != Level::Stream);
            rows.for_each(|row| csv.row(&row, &mut expected));
            let depth = if streams { "&depth=stream" } else { "" };
            let answer = running.get(&format!("/api/v1/analyses/1/export?format=csv{query}{depth}"));
            assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "text/csv; charset=utf-8"));
            assert_eq!(String::from_utf8(answer.body).unwrap(), expected, "{text} {streams}");
        }
    }
    let sorted = running.get("/api/v1/analyses/1/export?format=csv&depth=flow&sort=-bytes").body;
    let lines: Vec<String> = String::from_utf8(sorted).unwrap().lines().skip(1).map(str::to_owned).collect();
    let place = Csv::usual(false);
    let mut header = String::new();
    place.header(&mut header);
    let column = header.trim().split(',').position(|name| name == "bytes").unwrap();
    let bytes: Vec<u64> = lines.iter().map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect();
    assert!(lines.len() == 23 && bytes.is_sorted(), "{bytes:?}");
    assert_eq!(running.get("/api/v1/analyses/1/export?format=xml").status, 400);
}

#[test]
fn packets_are_exported_where_they_can_be_read_again() {
    let running = serve(options(), Some(0.0));
    running.until("/api/v1/analyses/1", |info| info["state"] == "ended");
    // the server was not told where its frames come from
    let refused = running.get("/api/v1/analyses/1/export?format=pcapng");
    assert_eq!((refused.status, &refused.json()["type"]), (409, &"urn:streamlens:problem:packets".into()));
    drop(running);

    let running = serve(options(), None);
    upload(&running);
    assert_ne!(running.get("/api/v1/analyses/1").json()["has_packets"], true);
    assert_eq!(running.get("/api/v1/analyses/1/export?format=pcapng").status, 409);
    drop(running);

    let before = kept_files();
    let running = serve(ServerOptions { keep_uploads: true, ..options() }, None);
    upload(&running);
    let files: Vec<PathBuf> = kept_files().into_iter().filter(|path| !before.contains(path)).collect();
    assert_eq!(files.len(), 1);
    let folder = files[0].parent().unwrap().to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files[0]), mode(&folder)), (0o600, 0o700));
    }
    assert_eq!(running.get("/api/v1/analyses/1").json()["has_packets"], true);
    let export = |query: &str| running.get(&format!("/api/v1/analyses/1/export?format=pcapng{query}"));
    assert_eq!(frames(export("").body), 1260);
    let flows = running.get("/api/v1/analyses/1/flows?filter=iena").json()["flows"].as_object().unwrap().clone();
    let of_iena: u64 = flows.values().map(|flow| flow["total_packets"].as_u64().unwrap()).sum();
    assert!(of_iena > 0);
    assert_eq!(frames(export("&filter=iena").body) as u64, of_iena);
    assert_eq!(frames(export("&filter=vlan+%3D%3D+4000").body), 0);
    let first = running.get("/api/v1/analyses/1/capture").json()["first_seen"].as_str().unwrap().to_owned();
    let at_first = frames(export(&format!("&to={first}")).body);
    assert!((1..1260).contains(&at_first), "{at_first}");
    assert_eq!(frames(export(&format!("&from={first}")).body), 1260);
    assert_eq!(export("&from=noon").status, 400);
    assert_eq!(running.request("DELETE", "/api/v1/analyses/1", &[], &[]).status, 204);
    eventually(|| if files[0].exists() { Err("it goes with its analysis".to_owned()) } else { Ok(()) });
    upload_again(&running);
    drop(running);
    assert!(!folder.exists(), "the folder goes with the server");
}

fn upload_again(running: &Running) {
    let kind = [("Content-Type", "application/octet-stream")];
    let answer = running.request("POST", "/api/v1/analyses", &kind, &std::fs::read(demo()).unwrap());
    assert_eq!(answer.status, 201);
}
