//! Capture through libpcap on the loopback, which needs the right to capture. `cargo test -p streamlens-live --features pcap`
//! runs it; without the feature libpcap need not be there.
#![cfg(feature = "pcap")]
#![allow(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "frames of an interface have system time")]

use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use streamlens_live::{LiveError, LiveOptions, PcapSource, StampType};
use streamlens_model::{FrameBatch, FrameSource, LinkType};

const PATIENCE: Duration = Duration::from_secs(20);

/// The loopback's name, where it can be captured on. Else it is said loudly, and under CI it is a failure.
fn loopback(test: &str) -> Option<String> {
    let list = PcapSource::list().expect("libpcap lists interfaces");
    let name = list.into_iter().find(|info| info.is_loopback).expect("a loopback").name;
    match PcapSource::open(&LiveOptions { interfaces: vec![name.clone()], ..LiveOptions::default() }) {
        Ok(_) => Some(name),
        Err(error) => {
            assert!(matches!(error, LiveError::Libpcap { is_denied: true, .. }), "{error}");
            let message = format!("LIBPCAP TEST NOT RUN: {test}: {error}");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("\n******** {message} ********\n");
            None
        }
    }
}

fn nanos() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

/// Receiver, sender, and a filter for what goes between them.
fn pair() -> (UdpSocket, UdpSocket, String) {
    let (receiver, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let port = receiver.local_addr().unwrap().port();
    sender.connect(("127.0.0.1", port)).unwrap();
    (receiver, sender, format!("udp dst port {port}"))
}

/// Reads until there are a hundred frames: of each its time, lengths and number at the end of its payload.
fn read(source: &mut PcapSource) -> Vec<(i64, usize, u32, u32)> {
    let (mut batch, mut frames, start) = (FrameBatch::default(), Vec::new(), Instant::now());
    while frames.len() < 100 && source.read_batch(&mut batch).unwrap() {
        assert!(start.elapsed() < PATIENCE, "{} frames of 100 came", frames.len());
        assert!(batch.now.is_some());
        assert_eq!(batch.first_number, frames.len() as u64 + 1);
        for index in 0..batch.len() {
            let frame = batch.frame(index).unwrap();
            let number = frame.data.last_chunk().map_or(0, |number| u32::from_be_bytes(*number));
            frames.push((frame.time.unwrap().as_nanos(), frame.data.len(), frame.original_length, number));
        }
    }
    frames
}

fn send(sender: &UdpSocket, number: u32) {
    let mut payload = [0; 200];
    payload[196..].copy_from_slice(&number.to_be_bytes());
    sender.send(&payload).unwrap();
}

#[test]
fn datagrams_on_the_loopback_are_frames_once_and_in_order() {
    let Some(name) = loopback("datagrams_on_the_loopback_are_frames_once_and_in_order") else { return };
    let (_receiver, sender, filter) = pair();
    let options = LiveOptions { interfaces: vec![name.clone()], filter, ..LiveOptions::default() };
    let mut source = PcapSource::open(&options).unwrap();
    assert_eq!((source.name(), source.format(), source.timestamp_source()), (name.as_str(), "live", "unknown"));
    let before = nanos();
    (0..100).for_each(|number| send(&sender, number));
    let frames = read(&mut source);
    let after = nanos();
    options.stop.store(true, Ordering::Relaxed);
    assert_eq!(read_on(&mut source), 0, "none comes twice, and it ends");

    let numbers: Vec<u32> = frames.iter().map(|frame| frame.3).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    let header = if source.interfaces()[0].link_type == LinkType::ETHERNET { 14 } else { 4 };
    assert!(frames.iter().all(|&(_, captured, original, _)| captured == header + 228 && original as usize == captured));
    assert!(frames.is_sorted_by_key(|frame| frame.0));
    // of microseconds the last ones are cut off
    assert!(frames.iter().all(|frame| (before - 1000..=after).contains(&frame.0)), "{before} {frames:?} {after}");
    if cfg!(target_os = "linux") {
        assert!(frames.iter().any(|frame| frame.0 % 1000 != 0), "nanoseconds");
    }
    assert_eq!(source.timestamp_source(), "kernel");
    let counts = source.interfaces()[0].counts.unwrap();
    assert_eq!((counts.accepted, counts.dropped.ring), (100, 0));
    assert_eq!(counts.dropped.adapter.is_some(), cfg!(target_os = "linux"));
    assert!(source.warnings().is_empty());
}

#[test]
fn several_interfaces_are_one_source_and_the_snap_length_cuts() {
    let Some(name) = loopback("several_interfaces_are_one_source_and_the_snap_length_cuts") else { return };
    let (_receiver, sender, filter) = pair();
    let interfaces = vec!["any".to_owned(), name.clone()];
    let options = LiveOptions { interfaces, filter, snap_length: 64, promiscuous: false, ..LiveOptions::default() };
    let mut source = PcapSource::open(&options).unwrap();
    assert!(source.name().split(", ").any(|one| one == name), "{}", source.name());
    (0..100).for_each(|number| send(&sender, number));
    let frames = read(&mut source);
    options.stop.store(true, Ordering::Relaxed);
    assert_eq!(read_on(&mut source), 0);
    assert!(frames.is_sorted_by_key(|frame| frame.0));
    assert!(frames.iter().all(|frame| frame.1 == 64 && frame.2 > 200));
    let of_loopback = source.interfaces().iter().find(|info| info.name.as_deref() == Some(&name)).unwrap();
    let counts = of_loopback.counts.unwrap();
    assert_eq!((counts.accepted, counts.dropped.adapter), (100, None), "not promiscuous: the adapter's are not told");
}

/// How many more frames come until the end.
fn read_on(source: &mut PcapSource) -> usize {
    let (mut batch, mut frames) = (FrameBatch::default(), 0);
    while source.read_batch(&mut batch).unwrap() {
        frames += batch.len();
    }
    frames
}

#[test]
fn nothing_is_said_by_an_empty_batch_with_the_time() {
    let Some(name) = loopback("nothing_is_said_by_an_empty_batch_with_the_time") else { return };
    let (_receiver, _sender, filter) = pair();
    let options = LiveOptions { interfaces: vec![name], filter, ..LiveOptions::default() };
    let mut source = PcapSource::open(&options).unwrap();
    let mut batch = FrameBatch::default();
    for _ in 0..3 {
        let before = nanos();
        assert!(source.read_batch(&mut batch).unwrap(), "it goes on");
        assert!(batch.is_empty());
        let now = batch.now.unwrap().as_nanos();
        assert!((before - 100_000_000..=nanos()).contains(&now), "{now} is not now");
    }
    options.stop.store(true, Ordering::Relaxed);
    assert_eq!(read_on(&mut source), 0);
}

#[test]
fn what_the_ring_drops_is_counted() {
    let Some(name) = loopback("what_the_ring_drops_is_counted") else { return };
    let (_receiver, sender, filter) = pair();
    let options = LiveOptions { interfaces: vec![name], filter, ring_bytes: 1 << 20, ..LiveOptions::default() };
    let mut source = PcapSource::open(&options).unwrap();
    let sent = 20_000;
    (0..sent).for_each(|number| send(&sender, number));
    options.stop.store(true, Ordering::Relaxed);
    let read = read_on(&mut source) as u64;
    let interface = &source.interfaces()[0];
    let counts = interface.counts.unwrap();
    assert!(read < u64::from(sent) && counts.dropped.ring > 0, "{read} {counts:?}");
    assert_eq!(counts.accepted, read + counts.dropped.ring);
    assert!(interface.dropped.unwrap() >= counts.dropped.ring);
    // on the loopback Linux drops each frame twice: going out, which libpcap hides where it is read, and coming in
    let lost = u64::from(sent) - read;
    assert!((lost..=2 * lost).contains(&counts.dropped.ring), "{lost} lost: {counts:?}");
}

#[test]
fn what_libpcap_can_not_do_is_told() {
    let open = |options: LiveOptions| PcapSource::open(&options).unwrap_err().to_string();
    let stamps = StampType::AdapterUnsynced;
    let said = open(LiveOptions { interfaces: vec!["lo".to_owned()], stamps, ..LiveOptions::default() });
    assert_eq!(said, "lo: stamps of the adapter can't be had through libpcap; leave --time-stamp-type out");
    let said = open(LiveOptions { interfaces: vec!["no-such-interface".to_owned()], ..LiveOptions::default() });
    assert_eq!(said, "no-such-interface: no such interface; -D lists those that there are");
    let Some(name) = loopback("what_libpcap_can_not_do_is_told") else { return };
    let (interfaces, filter) = (vec![name], "udp prot 5".to_owned());
    let said = open(LiveOptions { interfaces, filter, ..LiveOptions::default() });
    assert!(said.starts_with("capture filter: ") && said.ends_with("; man pcap-filter has the language"), "{said}");
}
