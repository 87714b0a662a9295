//! Frames as they come from a wire.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::compare::{demo, differences, document};
use crate::lab::{ip, with_lab};
use crate::made::{capture, datagram};

#[test]
fn the_demo_gives_what_its_file_gives() {
    with_lab("traffic::the_demo_gives_what_its_file_gives", |lab| {
        let frames = document(&demo())["capture"]["packets"].to_string();
        let mut live = lab.capture(&["-i", "slvb", "-c", &frames, "-a", "duration:60", "--format", "json"]);
        lab.replay(&[], &demo());
        let ended = live.end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        let found = ended.document();
        assert_eq!(differences(&found, &document(&demo())), Vec::<String>::new());
        let capture = &found["capture"];
        assert_eq!((capture["format"].as_str(), capture["path"].as_str()), (Some("live"), Some("slvb")));
        assert_eq!(capture["timestamps"]["source"], "kernel");
        assert_eq!(
            (capture["dropped"]["slvb"].as_u64(), capture["dropped_by"]["slvb"]["ring"].as_u64()),
            (Some(0), Some(0))
        );
    });
}

#[test]
fn a_datagram_on_the_loopback_is_one_frame() {
    with_lab("traffic::a_datagram_on_the_loopback_is_one_frame", |lab| {
        let live = lab.capture(&["-i", "lo", "-f", "udp port 5004", "--format", "json"]);
        lab.inside(&lab.b, || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            for _ in 0..100 {
                socket.send_to(&[0; 50], "127.0.0.1:5004").unwrap();
            }
        });
        assert_eq!(live.interrupt().document()["capture"]["packets"], 100);
    });
}

#[test]
fn tags_are_put_back_as_they_were() {
    with_lab("traffic::tags_are_put_back_as_they_were", |lab| {
        // plain, tagged, with priority and no VLAN, double with two kinds of tags
        let tags: [&[(u16, u16)]; 4] =
            [&[], &[(0x8100, 0xA01E)], &[(0x8100, 0xE000)], &[(0x88A8, 0x2064), (0x8100, 0x0065)]];
        let frames: Vec<_> = tags.iter().map(|tags| datagram(tags, 6000, 100)).collect();
        let path = capture(&lab.folder, "tags.pcapng", &frames);
        let written = lab.folder.join("written.pcapng");
        let live = lab.capture(&["-i", "slvb", "-w", written.to_str().unwrap(), "--format", "json"]);
        lab.replay(&[], &path);
        let found = live.interrupt().document();
        assert_eq!(differences(&found, &document(&path)), Vec::<String>::new());
        let mut reader = streamlens::pcap::CaptureReader::open(&written).unwrap();
        for expected in &frames {
            let frame = reader.next_frame().unwrap().expect("a frame");
            assert_eq!((frame.data, frame.original_length as usize), (expected.as_slice(), expected.len()));
        }
    });
}

#[test]
fn a_snap_length_cuts_frames_and_keeps_their_lengths() {
    with_lab("traffic::a_snap_length_cuts_frames_and_keeps_their_lengths", |lab| {
        let frames: Vec<_> = [&[][..], &[(0x8100, 7)]].iter().map(|tags| datagram(tags, 6000, 500)).collect();
        let path = capture(&lab.folder, "long.pcapng", &frames);
        let live = lab.capture(&["-i", "slvb", "-s", "64", "--bursts", "--format", "json"]);
        lab.replay(&[], &path);
        let found = live.interrupt().document();
        let sum: usize = frames.iter().map(Vec::len).sum();
        assert_eq!(
            (found["capture"]["bytes"].as_u64(), found["capture"]["captured_bytes"].as_u64()),
            (Some(sum as u64), Some(128))
        );
        // a veth pair says that it is as fast as this
        let (interface, bursts) = (&found["capture"]["interfaces"][0], &found["capture"]["bursts"][0]);
        assert_eq!(
            (&interface["speed"], &bursts["link_speed"]),
            (&10_000_000_000_u64.into(), &10_000_000_000_u64.into())
        );
        assert!(bursts["bursts"][0]["link_use"].as_f64().is_some_and(|share| share > 0.0 && share < 0.01), "{bursts}");
    });
}

#[test]
fn frames_that_were_merged_are_told_with_the_remedy() {
    with_lab("traffic::frames_that_were_merged_are_told_with_the_remedy", |lab| {
        for (space, interface, address) in [(&lab.a, "slva", "10.9.1.1/24"), (&lab.b, "slvb", "10.9.1.2/24")] {
            ip(&["-n", space, "link", "set", interface, "mtu", "1500", "arp", "on"]).unwrap();
            ip(&["-n", space, "addr", "add", address, "dev", interface]).unwrap();
        }
        let live = lab.capture(&["-i", "slvb", "-f", "tcp", "--format", "json"]);
        let listener = lab.inside(&lab.b, || TcpListener::bind("10.9.1.2:7000").unwrap());
        lab.inside(&lab.a, || {
            let mut stream = TcpStream::connect("10.9.1.2:7000").unwrap();
            let (mut other, _) = listener.accept().unwrap();
            let reader = std::thread::spawn(move || {
                let mut sum = 0;
                let mut buffer = vec![0; 1 << 16];
                while let Ok(count @ 1..) = other.read(&mut buffer) {
                    sum += count;
                }
                sum
            });
            stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(&vec![7; 2_000_000]).unwrap();
            drop(stream);
            assert_eq!(reader.join().unwrap(), 2_000_000);
        });
        let found = live.interrupt().document();
        let findings = found["findings"].as_array().unwrap();
        let merged: Vec<_> = findings.iter().filter(|finding| finding["code"] == "capture.merged").collect();
        assert_eq!(merged.len(), 1, "{findings:?}");
        let (number, text) = (merged[0]["count"].as_u64().unwrap(), merged[0]["text"].as_str().unwrap());
        assert!(number > 0 && number <= found["capture"]["packets"].as_u64().unwrap(), "{text}");
        assert!(text.starts_with("slvb: ") && text.contains(" longer than the MTU of 1,500 allows"), "{text}");
        assert!(text.contains("No decoder took any apart; ethtool -K slvb gro off lro off"), "{text}");
    });
}

#[test]
fn the_kernel_counts_as_the_interpreter_does() {
    with_lab("traffic::the_kernel_counts_as_the_interpreter_does", |lab| {
        use streamlens::live::filter::{Filter, Link};
        let filters = [
            "udp",
            "udp port 319 or udp port 320",
            "vlan",
            "vlan 30",
            "not vlan",
            "tcp or arp",
            "ether multicast",
            "greater 400",
            "less 100 and not icmp",
            "ip multicast and portrange 5000-6000",
            "net 10.0.0.0/8",
            "ip6 or igmp",
        ];
        for text in filters {
            let filter = Filter::compile(text, Link::Ethernet, 262_144).unwrap();
            let mut reader = streamlens::pcap::CaptureReader::open(demo()).unwrap();
            let mut expected = 0;
            while let Some(frame) = reader.next_frame().unwrap() {
                expected += u64::from(filter.accepts(frame.data, frame.original_length));
            }
            let live = lab.capture(&["-i", "slvb", "-f", text, "--format", "json"]);
            lab.replay(&["--pps=4000"], &demo());
            assert_eq!(live.interrupt().document()["capture"]["packets"].as_u64(), Some(expected), "{text}");
        }
    });
}

#[test]
fn several_interfaces_are_one_capture_in_order_of_time() {
    with_lab("traffic::several_interfaces_are_one_capture_in_order_of_time", |lab| {
        ip(&["link", "add", "slvc", "netns", &lab.a, "type", "veth", "peer", "name", "slvd", "netns", &lab.b]).unwrap();
        for (space, interface) in [(&lab.a, "slvc"), (&lab.b, "slvd")] {
            ip(&["-n", space, "link", "set", interface, "arp", "off", "up"]).unwrap();
        }
        let frames: Vec<_> = (0..400).map(|number| datagram(&[], 6000 + number % 2, 60)).collect();
        let path = capture(&lab.folder, "many.pcapng", &frames);
        let written = lab.folder.join("both.pcapng");
        let live = lab.capture(&["-i", "any", "-f", "udp", "-w", written.to_str().unwrap(), "--format", "json"]);
        std::thread::scope(|scope| {
            for interface in ["slva", "slvc"] {
                let path = path.clone();
                scope.spawn(move || {
                    let mut command = std::process::Command::new("ip");
                    command.args(["netns", "exec", &lab.a, "tcpreplay", "-q", "--pps=1000", "-i", interface]).arg(path);
                    assert!(command.output().unwrap().status.success());
                });
            }
        });
        let found = live.interrupt().document();
        assert_eq!(found["capture"]["packets"], 800);
        assert_eq!(found["capture"]["timestamps"]["backward_steps"], 0);
        let mut reader = streamlens::pcap::CaptureReader::open(&written).unwrap();
        let (mut last, mut by_interface) = (None, std::collections::BTreeMap::<u32, u32>::new());
        while let Some(frame) = reader.next_frame().unwrap() {
            assert!(frame.time >= last, "frames of both are in order");
            last = frame.time;
            *by_interface.entry(frame.interface).or_default() += 1;
        }
        assert_eq!(by_interface.values().copied().collect::<Vec<_>>(), [400, 400]);
    });
}
