//! Documents of a server are those of the command, however the capture came.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use streamlens::Analyzer;
use streamlens::pcap::CaptureReader;

use crate::{Running, demo, options, read, serve};

/// What the command prints.
fn wanted(name: &str, path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let analysis = Analyzer::default().run(CaptureReader::from_bytes(name.to_owned(), bytes).unwrap()).unwrap();
    let mut text = serde_json::to_vec(&analysis).unwrap();
    text.push(b'\n');
    text
}

fn document(running: &Running, id: &str) -> Vec<u8> {
    running.until(&format!("/api/v1/analyses/{id}"), |info| info["state"] != "running");
    running.get(&format!("/api/v1/analyses/{id}/document")).body
}

fn upload(running: &Running, name: &str, bytes: &[u8], piece: usize) -> String {
    let mut stream = TcpStream::connect(running.address).unwrap();
    let head = format!(
        "POST /api/v1/analyses?name={name} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        running.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    for piece in bytes.chunks(piece) {
        stream.write_all(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let answer = read(stream);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.headers["location"].rsplit('/').next().unwrap().to_owned()
}

#[test]
fn documents_are_those_of_the_command_byte_for_byte() {
    let running = serve(options(), Some(0.0));
    let body = document(&running, "1");
    assert_eq!(body, wanted(&demo().display().to_string(), &demo()));
    let bytes = std::fs::read(demo()).unwrap();
    for piece in [1 << 20, 4_099, 61] {
        let id = upload(&running, "demo", &bytes, piece);
        assert!(document(&running, &id) == wanted("demo", &demo()), "in pieces of {piece}");
        assert_eq!(running.request("DELETE", &format!("/api/v1/analyses/{id}"), &[], &[]).status, 204);
    }
    let Some(corpus) = std::env::var_os("STREAMLENS_CORPUS") else {
        eprintln!("SKIPPED: captures of the corpus; set STREAMLENS_CORPUS");
        return;
    };
    for path in ["ptp", "industrial", "flight-test", "broadcast"] {
        let mut captures: Vec<_> = std::fs::read_dir(Path::new(&corpus).join("captures").join(path)).unwrap().collect();
        captures.sort_by_key(|entry| entry.as_ref().unwrap().path());
        let is_capture = |path: &Path| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng");
        let captures = captures.into_iter().map(|entry| entry.unwrap().path()).filter(|path| is_capture(path));
        for path in captures.filter(|path| path.metadata().unwrap().len() < 2 << 20).take(12) {
            let id = upload(&running, "x", &std::fs::read(&path).unwrap(), 10_007);
            assert!(document(&running, &id) == wanted("x", &path), "{}", path.display());
        }
    }
}

#[test]
fn what_is_cut_off_is_analysed_and_what_is_no_capture_is_refused() {
    let running = serve(options(), None);
    let bytes = std::fs::read(demo()).unwrap();
    let kind = "Content-Type: application/octet-stream";
    let head = |length: usize| {
        format!(
            "POST /api/v1/analyses?name=cut HTTP/1.1\r\nHost: {}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n",
            running.address
        )
    };
    {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.write_all(head(bytes.len()).as_bytes()).unwrap();
        stream.write_all(&bytes[..bytes.len() / 2]).unwrap();
        // gone
    }
    let cut = running.until("/api/v1/analyses/1", |info| info["state"] == "ended");
    assert_eq!(cut["exit_status"], 5, "{cut}");
    let messages = cut["messages"].as_array().unwrap();
    assert!(messages.iter().any(|message| message.as_str().unwrap().contains("upload was cut off")), "{cut}");
    assert!(messages.iter().any(|message| message.as_str().unwrap().contains("the capture ends early")), "{cut}");
    assert!(cut["frames"].as_u64().unwrap() > 10, "{cut}");
    let junk =
        running.raw(&[head(5).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes(), b"junk!"].concat());
    assert_eq!((junk.status, junk.json()["type"].clone()), (422, "urn:streamlens:problem:capture".into()));
    let long = running.raw(head(9 << 30).as_bytes());
    assert_eq!((long.status, long.json()["option"].clone()), (413, "--max-upload".into()));
    let form = running.request("POST", "/api/v1/analyses", &[("Content-Type", "text/plain")], b"x");
    assert_eq!(form.status, 415);
}
