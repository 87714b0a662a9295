//! Captures of the corpus, live as from their files. CI takes the named ones; `cargo test -p streamlens-cli --test live --
//! --ignored` with `STREAMLENS_CORPUS` set takes all that can be sent, and lists what can't.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;
use streamlens::model::{FrameBatch, LinkType};
use streamlens::pcap::CaptureReader;

use crate::compare::{differences, document};
use crate::lab::{Lab, with_lab};

/// Longer captures are sent faster, within about this time.
const SECONDS: f64 = 4.0;

/// Captures of which the result depends on the pauses between frames, which tcpreplay does not keep: their recordings, read as
/// files, give what was live.
const BY_PAUSES: [(&str, &str); 2] = [
    ("industrial/modbus-fuzz-72.pcap", "whether segments are copies or sent again depends on the pauses"),
    ("reports/ethercat-cable-redundancy.pcap", "which frames are copies of others depends on the pauses"),
];

/// Why a capture can't be sent as it is; `None` where it can.
fn why_not(path: &Path, document: &Value) -> Option<String> {
    let mut reader = match CaptureReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return Some(error.to_string()),
    };
    let (mut batch, mut frames) = (FrameBatch::default(), 0_u64);
    while reader.read_batch(&mut batch).ok()? {
        for frame in batch.iter() {
            frames += 1;
            if frame.link_type != LinkType::ETHERNET {
                return Some(format!("link type {}", frame.link_type.name()));
            }
            if frame.missing() > 0 || frame.data.len() > frame.original_length as usize {
                return Some("cut by a snap length".to_owned());
            }
            let snap_length = reader.interfaces().first().map_or(0, |interface| interface.snap_length as usize);
            if snap_length > 0 && frame.data.len() > snap_length {
                return Some("a frame longer than the file's own snap length, to which libpcap cuts it".to_owned());
            }
            if frame.data.len() < 14 {
                return Some("a frame below 14 bytes".to_owned());
            }
            if frame.data.len() > 65_535 + 14 {
                return Some("a frame longer than any interface sends".to_owned());
            }
        }
    }
    if frames == 0 {
        return Some("no frames".to_owned());
    }
    if reader.interfaces().len() > 1 {
        return Some("several interfaces".to_owned());
    }
    if !reader.warnings().is_empty() {
        return Some("damaged".to_owned());
    }
    if let Some((_, why)) = BY_PAUSES.iter().find(|(name, _)| path.ends_with(name)) {
        return Some((*why).to_owned());
    }
    let has_copies = document["findings"].as_array().is_some_and(|findings| {
        findings.iter().any(|finding| finding["code"].as_str().is_some_and(|code| code == "capture.mirrored-twice"))
    });
    has_copies.then(|| "has copies of frames".to_owned())
}

/// Frames a second that a capture is sent with: those of its own pace on average, or more where it is longer. (Pauses between
/// frames are not kept: tcpreplay sleeps for each of them, which takes minutes on a busy machine.)
fn pace(path: &Path) -> String {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut first, mut last, mut frames) = (i64::MAX, i64::MIN, 0_u32);
    while let Some(frame) = reader.next_frame().unwrap() {
        frames += 1;
        if let Some(time) = frame.time {
            (first, last) = (first.min(time.as_nanos()), last.max(time.as_nanos()));
        }
    }
    let seconds = (last.saturating_sub(first) as f64 / 1e9).clamp(0.001, SECONDS);
    format!("--pps={:.0}", (f64::from(frames) / seconds).max(10.0))
}

/// What differs between live and file.
///
/// # Errors
///
/// Where tcpreplay can't send it.
fn compare(lab: &Lab, path: &Path, file: &Value) -> Result<Vec<String>, String> {
    let pace = pace(path);
    let live = lab.capture(&["-i", "slvb", "--format", "json"]);
    lab.try_replay(&[&pace], path)?;
    Ok(differences(&live.interrupt().document(), file))
}

fn corpus() -> Option<PathBuf> {
    std::env::var_os("STREAMLENS_CORPUS").map(|corpus| PathBuf::from(corpus).join("captures"))
}

#[test]
fn named_captures_give_what_their_files_give() {
    let Some(corpus) = corpus() else { return };
    with_lab("corpus::named_captures_give_what_their_files_give", |lab| {
        let names: Vec<&str> = include_str!("named.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(names.len(), 20);
        let mut failed = Vec::new();
        for name in names {
            let path = corpus.join(name);
            let file = document(&path);
            assert_eq!(why_not(&path, &file), None, "{name}");
            let found = compare(lab, &path, &file).unwrap();
            if !found.is_empty() {
                failed.push(format!("{name}: {}", found.join("\n  ")));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    });
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            found.push(path);
        }
    }
}

#[test]
#[ignore = "takes minutes: every capture of the corpus that can be sent"]
fn every_capture_gives_what_its_file_gives() {
    let corpus = corpus().expect("STREAMLENS_CORPUS is set");
    let mut paths = Vec::new();
    captures(&corpus, &mut paths);
    paths.sort();
    let queue = Mutex::new(paths.into_iter());
    let (left_out, failed, compared) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                with_lab("corpus::every_capture_gives_what_its_file_gives", |lab| {
                    loop {
                        let Some(path) = queue.lock().unwrap().next() else { return };
                        let name = path.strip_prefix(&corpus).unwrap_or(&path).display().to_string();
                        let output = std::process::Command::new(crate::lab::BINARY)
                            .arg(&path)
                            .args(["--format", "json"])
                            .output();
                        let Ok(file) = serde_json::from_slice::<Value>(&output.unwrap().stdout) else {
                            left_out.lock().unwrap().push(format!("{name}: no capture"));
                            continue;
                        };
                        if let Some(why) = why_not(&path, &file) {
                            left_out.lock().unwrap().push(format!("{name}: {why}"));
                            continue;
                        }
                        let found = match compare(lab, &path, &file) {
                            Ok(found) => found,
                            Err(why) => {
                                left_out.lock().unwrap().push(format!("{name}: {why}"));
                                continue;
                            }
                        };
                        *compared.lock().unwrap() += 1;
                        if !found.is_empty() {
                            failed.lock().unwrap().push(format!("{name}: {}", found.join("\n    ")));
                        }
                    }
                });
            });
        }
    });
    let (left_out, failed) = (left_out.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("left out:\n  {}", left_out.join("\n  "));
    println!("{} compared, {} left out, {} differ", compared.into_inner().unwrap(), left_out.len(), failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
