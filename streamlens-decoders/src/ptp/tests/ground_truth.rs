//! Offsets and delays against what the slave's own daemon printed beside the capture.
//!
//! # The capture point's own error
//!
//! The captures were made on the slave's interface; capture, master and slave all read one system clock, so the true
//! offset is 0. The capture's times differ from the slave's timestamps of the same packets, because both are taken in
//! software at different points of the kernel: some hundred nanoseconds at reception, up to tens of microseconds at
//! transmission. With errors e2 of a Sync's and e3 of a Delay_Req's capture time, A is e2 too large and B is e3 too
//! small, so the offset errs by (e2 + e3) / 2 and the delay by (e2 - e3) / 2. Both errors are bounded by what the
//! capture itself shows: no packet is faster than the fastest, so the means of A and B exceed their least value by no
//! more than mean queueing and these errors together. Hence the derived bound of a mean:
//! ((mean A - min A) + (mean B - min B)) / 2, plus the least error, for which 5 us is allowed. Of single values the
//! bound is that of the extremes, for which the corpus states 100 us.

use std::path::Path;

use streamlens_model::Value;

use super::Network;
use super::corpus::watch;
use crate::testing::corpus;

/// What the corpus states for single values and for means, in nanoseconds.
const SINGLE_NS: f64 = 100_000.0;
const MEAN_NS: f64 = 20_000.0;

/// `master offset` and `path delay` of ptp4l's log.
fn log(corpus: &Path, name: &str) -> Vec<(f64, f64)> {
    let text = std::fs::read_to_string(corpus.join("captures/ptp").join(format!("{name}.slave.log"))).expect("a log");
    let after = |line: &str, word: &str| line.split_once(word)?.1.split_whitespace().next()?.parse().ok();
    let rows: Vec<_> =
        text.lines().filter_map(|line| Some((after(line, "master offset")?, after(line, "path delay")?))).collect();
    assert!(rows.len() >= 8, "{name}: the slave printed its offsets");
    rows
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Minimum, mean and maximum.
fn figures(network: &Network, domain: &str, path: &[&str]) -> Option<[f64; 3]> {
    let one = |name| network.number(domain, &path.iter().copied().chain([name]).collect::<Vec<_>>());
    Some([one("min_ns")?, one("mean_ns")?, one("max_ns")?])
}

fn only_key(network: &Network, domain: &str, path: &[&str]) -> String {
    let Some(Value::Map(map)) = network.fact(domain, path) else { panic!("{path:?} is missing") };
    assert_eq!(map.len(), 1, "{path:?}");
    map.keys().next().unwrap().to_string()
}

/// `single` are the least and the most that single values can be, but for the capture point's error.
fn agrees(name: &str, what: &str, mean_value: f64, single: (f64, f64), logged: &[f64], bound: f64) {
    let (least, most) = single;
    let logged_mean = mean(logged.iter().copied());
    eprintln!("{name}: {what} mean {mean_value:.0} ns, slave's {logged_mean:.0} ns, derived bound {bound:.0} ns");
    assert!((mean_value - logged_mean).abs() <= MEAN_NS, "{name}: {what}: mean beyond what the corpus states");
    assert!((mean_value - logged_mean).abs() <= bound, "{name}: {what}: mean beyond the capture point's own error");
    for value in logged {
        assert!((least - SINGLE_NS..=most + SINGLE_NS).contains(value), "{name}: {what}: {value}");
    }
}

#[test]
fn end_to_end_offset_and_delay_agree_with_the_slave() {
    let Some(corpus) = corpus() else { return };
    for (name, domain) in [
        ("ptp4l-udp4-e2e", "0"),
        ("ptp4l-udp6-e2e", "0"),
        ("ptp4l-aes67", "0"),
        ("ptp4l-st2059-2-hybrid", "127"),
        ("ptp4l-g8275.1-l2", "24"),
        ("ptp4l-g8275.2-unicast", "44"),
        ("ptp4l-e2e-tc", "0"),
        ("ptp4l-management", "0"),
        ("ptp4l-asymmetric-delay", "0"),
    ] {
        let network = watch(&corpus, &format!("{name}.pcap"));
        let master = only_key(&network, domain, &["masters"]);
        let slave = only_key(&network, domain, &["masters", &master, "by_requester"]);
        let path = |last| ["masters", master.as_str(), "by_requester", slave.as_str(), last];
        let a = figures(&network, domain, &["masters", &master, "sync_capture_minus_origin"]).unwrap();
        let b = figures(&network, domain, &path("delay_resp_receive_minus_capture")).unwrap();
        let bound = ((a[1] - a[0]) + (b[1] - b[0])) / 2.0 + 5_000.0;
        let offset = figures(&network, domain, &path("capture_clock_offset_from_master")).unwrap();
        let delay = figures(&network, domain, &path("path_delay_capture_point_to_master")).unwrap();
        let rows = log(&corpus, name);
        // The slave takes a filtered path delay off each Sync, so its offsets spread as A does.
        let single = (a[0] - delay[1], a[2] - delay[1]);
        agrees(name, "offset", offset[1], single, &rows.iter().map(|r| r.0).collect::<Vec<_>>(), bound);
        agrees(
            name,
            "path delay",
            delay[1],
            (delay[0], delay[2]),
            &rows.iter().map(|r| r.1).collect::<Vec<_>>(),
            bound,
        );
        if name == "ptp4l-asymmetric-delay" {
            // 2 ms there and 0.5 ms back, plus scheduling: half the difference shows as an offset that is not there.
            assert!((offset[1] - 750_000.0).abs() < 50_000.0, "{offset:?}");
            assert!((delay[1] - 1_400_000.0).abs() < 50_000.0, "{delay:?}");
        }
    }
}

#[test]
fn peer_to_peer_offset_and_link_delay_agree_with_the_slave() {
    let Some(corpus) = corpus() else { return };
    for (name, domain) in [("ptp4l-l2-p2p", "0"), ("ptp4l-gptp", "gPTP 0"), ("ptp4l-p2p-tc", "0")] {
        let network = watch(&corpus, &format!("{name}.pcap"));
        let master = only_key(&network, domain, &["masters"]);
        let Some(Value::Text(responder)) = network.fact(domain, &["masters", &master, "link_delay_from"]) else {
            panic!("{name}: no link delay towards the master")
        };
        let link = format!("02005efffe100002-1 -> {responder}");
        let delay = figures(&network, domain, &["links", &link, "link_delay_capture_point_to_responder"]).unwrap();
        let a = figures(&network, domain, &["masters", &master, "sync_capture_minus_origin"]).unwrap();
        let bound = (a[1] - a[0]) + (delay[1] - delay[0]) / 2.0 + 5_000.0;
        let offset = figures(&network, domain, &["masters", &master, "capture_clock_offset_from_master"]).unwrap();
        let rows = log(&corpus, name);
        let single = (a[0] - delay[1], a[2] - delay[1]);
        agrees(name, "offset", offset[1], single, &rows.iter().map(|r| r.0).collect::<Vec<_>>(), bound);
        agrees(
            name,
            "link delay",
            delay[1],
            (delay[0], delay[2]),
            &rows.iter().map(|r| r.1).collect::<Vec<_>>(),
            bound,
        );
    }
}

#[test]
fn both_masters_of_the_grandmaster_change_agree_with_the_slave() {
    let Some(corpus) = corpus() else { return };
    let network = watch(&corpus, "ptp4l-gm-change.pcap");
    let rows = log(&corpus, "ptp4l-gm-change");
    let logged = mean(rows.iter().map(|row| row.0));
    for master in ["02005efffe100001-1", "02005efffe100003-1"] {
        let slave = only_key(&network, "0", &["masters", master, "by_requester"]);
        let path = ["masters", master, "by_requester", &slave, "capture_clock_offset_from_master"];
        let offset = figures(&network, "0", &path).unwrap();
        assert!((offset[1] - logged).abs() <= MEAN_NS, "{master}: {offset:?}, the slave's mean {logged}");
    }
}
