//! `--decap` and `--bursts` by what the command prints.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use common::{Scratch, pcap, udp};

/// Three datagrams in VXLAN, 5 ms and 100 ms apart.
fn tunnelled() -> Vec<u8> {
    let frame = |millis| {
        let inner = udp((1, 4001), (2, 4002), b"hello");
        (millis, udp((8, 50_000), (9, 4789), &[&[8, 0, 0, 0, 0, 0, 7, 0], &inner[..]].concat()))
    };
    pcap(&[frame(0), frame(5), frame(105)])
}

#[test]
fn a_named_tunnel_is_taken_off() {
    let scratch = Scratch::new("decap");
    let file = scratch.file("vxlan.pcap", &tunnelled());
    let flow = |arguments: &[&str]| {
        let document = scratch.run(&[&[file, "--format", "json"], arguments].concat()).json();
        (
            document["flows"][0]["dst"]["address"].clone(),
            document["flows"][0]["outer"][0].clone(),
            document["capture"]["outer_bytes"].clone(),
        )
    };
    let (shut, open) = (flow(&[]), flow(&["--decap", "vxlan"]));
    assert_eq!((shut.0, shut.1.is_null(), shut.2.is_null()), ("10.0.0.9".into(), true, true));
    assert_eq!(open.0, "10.0.0.2");
    assert_eq!((&open.1["layer"], &open.1["id"], &open.1["dst"]), (&"VXLAN".into(), &7.into(), &"10.0.0.9".into()));
    assert_eq!(open.2, 3 * 50);
    let ran = scratch.run(&[file, "--decap", "vlan"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("there is no layer `vlan`"), "{}", ran.stderr);
}

#[test]
fn bursts_are_found_and_told() {
    let scratch = Scratch::new("bursts");
    let file = scratch.file("vxlan.pcap", &tunnelled());
    let document = scratch.run(&[file, "--format", "json", "--bursts", "--link-speed", "100M"]).json();
    let length = 14 + 20 + 8 + 8 + 47;
    for bursts in [&document["flows"][0]["bursts"], &document["capture"]["bursts"][0]["bursts"]] {
        assert_eq!(
            (&bursts[0]["window_ns"], &bursts[0]["bytes"], &bursts[0]["frames"]),
            (&1_000_000.into(), &length.into(), &1.into())
        );
        assert_eq!(
            (&bursts[1]["window_ns"], &bursts[1]["bytes"], &bursts[1]["frames"]),
            (&10_000_000.into(), &(2 * length).into(), &2.into())
        );
        assert_eq!(bursts[1]["bytes_since"], "1970-01-01T00:01:40.000000000Z");
    }
    let link_use = document["capture"]["bursts"][0]["bursts"][1]["link_use"].as_f64().unwrap();
    assert!((link_use - 2.0 * f64::from(length + 24) * 8.0 / 1e6).abs() < 1e-12, "{link_use}");
    let without = scratch.run(&[file, "--format", "json"]).json();
    assert!(without["flows"][0]["bursts"].is_null() && without["capture"]["bursts"].is_null());
    let table = scratch.run(&[file, "--bursts=7ms"]).stdout;
    assert!(
        table.contains(
            "Bursts    interface 0: in 7 ms at most 194 bytes from 1970-01-01 00:01:40.000000000 UTC, 2 frames"
        ),
        "{table}"
    );
    let table = scratch.run(&[file, "--bursts"]).stdout;
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for of in ["interface 0", "10.0.0.9:4789"] {
        for window in ["1 ms", "10 ms"] {
            assert!(flat.contains(&format!("{of}: in {window} at most ")), "{of} in {window}:\n{table}");
        }
    }
    assert_eq!(scratch.run(&[file, "--bursts=0ms"]).status, 2);
}

#[test]
fn what_nobody_decodes_is_listed() {
    let scratch = Scratch::new("unidentified");
    let mut arp = vec![0xFF; 6];
    arp.extend([2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.resize(60, 0);
    let mut odd = udp((1, 4001), (2, 4002), &[1, 2, 3]);
    odd[23] = 113;
    // a length, which is no EtherType: LLC behind it (spanning tree)
    let mut llc = vec![1, 0x80, 0xC2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0x27, 0x42, 0x42, 3];
    llc.resize(60, 0);
    let frames = [
        (4, llc),
        (0, udp((1, 4001), (2, 47_808), b"hello, world")),
        (1, udp((1, 4001), (2, 47_808), b"hi")),
        (2, arp),
        (3, odd),
    ];
    let file = scratch.file("a.pcap", &pcap(&frames));
    let table = scratch.run(&[file, "--unidentified"]).stdout;
    for part in [
        "Unidentified  4 flows",
        ", IEEE 802.3 LLC: 1 frame",
        "10.0.0.1:4001 -> 10.0.0.2:47808, UDP: 2 frames",
        "[port 47808 is customarily BACnet/IP; a hint, not what was seen]",
        "2 payloads of 2 to 12 bytes; the first begins 68 65 6c 6c 6f",
        "EtherType 0x0806 (ARP)",
        "IP protocol 113 (PGM, reliable multicast)",
    ] {
        assert!(table.contains(part), "{part}:\n{table}");
    }
    let table = scratch.run(&[file]).stdout;
    for part in [
        "\u{2514}\u{2500} [BACnet/IP? by port 47808]\n",
        " EtherType 0x0806 (ARP)\n",
        " IEEE 802.3 LLC\n",
        " IP protocol 113 (PGM, reliable multicast)\n",
    ] {
        assert!(table.contains(part), "{part}:\n{table}");
    }
    let document = scratch.run(&[file, "--format", "json"]).json();
    assert!(document["flows"][0]["transport_protocols"]["UDP"]["payload_sample"].is_null());
}

#[test]
fn every_command_that_decodes_is_told_how() {
    let scratch = Scratch::new("decoding");
    let capture = scratch.file("vxlan.pcap", &tunnelled());
    let session =
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=Probe\r\nc=IN IP4 239.1.1.1/8\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n";
    let session = scratch.file("probe.sdp", session);
    let report = scratch.run(&["report", "media", capture, "--sdp", session]);
    assert!(report.stdout.contains("sdp.not-sent") && report.status == 0, "{}", report.stdout);
    // the user's own description stands in no frame, and SAP announced nothing
    let table = scratch.run(&[capture, "--sdp", session]).stdout;
    let (_, told) = table.split_once("sdp.not-sent: ").expect("a finding");
    let lines: Vec<_> = told.lines().take(2).map(str::trim).collect();
    assert_eq!(lines, ["in the whole capture", "stream Probe"], "{table}");
    assert!(told.contains("Probe is described as sent to 239.1.1.1 port 5004, and no RTP goes there"), "{table}");
    assert!(report.stdout.contains("whole capture") && !report.stdout.contains("SAP"), "{}", report.stdout);
    let commands: [&[&str]; 4] =
        [&["report", "plant", capture], &["learn", capture], &["compare", capture, capture], &["serve", capture]];
    for command in commands {
        let ran = scratch.run(&[command, &["-d", "udp.port==4002,nonsense"]].concat());
        assert!(ran.status == 2 && ran.stderr.contains("nonsense"), "{command:?}: {}", ran.stderr);
    }
    let differs = scratch.run(&["compare", capture, capture, "--decap", "vlan"]);
    assert!(differs.status == 2 && differs.stderr.contains("there is no layer `vlan`"), "{}", differs.stderr);
}
