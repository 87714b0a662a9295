//! Capture filters against tcpdump: as many frames of every capture of the corpus.
//!
//! Captures with VLAN tags are left out, for the outermost tag is set aside here and not there. tcpdump is started for each
//! of some ten thousand comparisons: a tenth of the small captures is compared with every run, all captures where
//! `STREAMLENS_LIVE_ALL` is set.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use streamlens_live::filter::{Filter, Link, untagged};
use streamlens_model::{FrameBatch, LinkType};
use streamlens_pcap::CaptureReader;

const EXPRESSIONS: [&str; 42] = [
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "igmp",
    "not ip",
    "not (tcp or udp)",
    "ip proto 17",
    "ip proto 1",
    "ip6 proto 58",
    "ether proto 0x88a4",
    "ether proto 0x8892",
    "ether proto 0x88f7",
    "port 502",
    "src port 502",
    "dst port 502",
    "tcp port 80",
    "udp port 319",
    "udp portrange 319-320",
    "portrange 1024-65535",
    "udp dst port 5004",
    "net 192.168.0.0/16",
    "src net 10.0.0.0/8",
    "dst net 224.0.0.0/4",
    "host 192.168.1.1",
    "ip host 10.0.0.1",
    "net 239",
    "ip6 net fe80::/10",
    "dst net ff00::/8",
    "multicast",
    "broadcast",
    "ip multicast",
    "ip6 multicast",
    "greater 200",
    "less 100",
    "greater 60 and less 1000",
    "udp and not port 53 or arp",
    "ether dst 01:1b:19:00:00:00",
    "tcp and (port 502 or port 80) and not host 127.0.0.1",
];
const SMALL: u64 = 100_000;

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

/// Frames that pass each filter; `None` where the capture is not of Ethernet alone, has tags, or is damaged.
fn ours(path: &Path, filters: &[Filter]) -> Option<Vec<u64>> {
    let mut reader = CaptureReader::open(path).ok()?;
    let (mut counts, mut batch, mut frames) = (vec![0; filters.len()], FrameBatch::default(), 0);
    while reader.read_batch(&mut batch).ok()? {
        for frame in batch.iter() {
            if frame.link_type != LinkType::ETHERNET || untagged(frame.data).is_some() {
                return None;
            }
            frames += 1;
            for (filter, count) in filters.iter().zip(&mut counts) {
                *count += u64::from(filter.accepts(frame.data, frame.original_length));
            }
        }
    }
    (frames > 0 && reader.warnings().is_empty()).then_some(counts)
}

/// What tcpdump counts; `None` where it can't read the capture.
fn theirs(path: &Path, expression: &str) -> Option<u64> {
    let output = Command::new("tcpdump").args(["--count", "-r"]).arg(path).arg(expression).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.split(' ').next()?.parse().ok())?
}

#[test]
fn filters_count_as_tcpdump_does() {
    let Some(corpus) = std::env::var_os("STREAMLENS_CORPUS") else { return };
    if !Command::new("tcpdump").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        let message = "LIVE TEST NOT RUN: filters_count_as_tcpdump_does: tcpdump is missing";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("\n******** {message} ********\n");
        return;
    }
    let filters = EXPRESSIONS.map(|text| Filter::compile(text, Link::Ethernet, 262_144).unwrap());
    let mut paths = Vec::new();
    captures(&PathBuf::from(corpus).join("captures"), &mut paths);
    paths.sort();
    let is_all = std::env::var_os("STREAMLENS_LIVE_ALL").is_some();
    if !is_all {
        paths.retain(|path| path.metadata().is_ok_and(|file| file.len() <= SMALL));
        paths = paths.into_iter().step_by(10).collect();
    }
    let (mut compared, mut differing) = (0, Vec::new());
    for path in &paths {
        let Some(counts) = ours(path, &filters) else { continue };
        for (expression, ours) in EXPRESSIONS.iter().zip(counts) {
            let Some(theirs) = theirs(path, expression) else { break };
            compared += 1;
            if ours != theirs {
                differing.push(format!("{}: `{expression}`: {ours}, tcpdump {theirs}", path.display()));
            }
        }
    }
    println!("{compared} comparisons of {} captures", paths.len());
    assert!(compared > 500, "{compared}");
    assert!(differing.is_empty(), "{} of {compared} differ:\n{}", differing.len(), differing.join("\n"));
}
