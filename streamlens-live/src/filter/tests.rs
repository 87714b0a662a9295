use proptest::prelude::*;

use super::program::op;
use super::*;

const SNAP: u32 = 262_144;

fn compiled(text: &str) -> Filter {
    Filter::compile(text, Link::Ethernet, SNAP).unwrap_or_else(|error| panic!("{error}"))
}

fn accepts(text: &str, frame: &[u8]) -> bool {
    compiled(text).accepts(frame, frame.len() as u32)
}

/// An Ethernet frame with IPv4 and UDP, from 10.0.0.1:5004 to 239.1.2.3:5006.
fn udp() -> Vec<u8> {
    let mut frame = vec![0x01, 0, 0x5E, 1, 2, 3, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 239, 1, 2, 3]);
    frame.extend([0x13, 0x8C, 0x13, 0x8E, 0, 26, 0, 0]);
    frame.resize(60, 0);
    frame
}

fn tagged(frame: &[u8], tpid: u16, tci: u16) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    out.extend(tpid.to_be_bytes());
    out.extend(tci.to_be_bytes());
    out.extend(&frame[12..]);
    out
}

#[test]
fn terms_say_what_they_mean_of_an_ipv4_datagram() {
    let yes = [
        "",
        "ip",
        "udp",
        "ip proto 17",
        "ip proto \\udp",
        "ether proto 0x800",
        "not tcp",
        "! arp",
        "host 10.0.0.1",
        "src host 10.0.0.1",
        "src 10.0.0.1",
        "dst net 239.0.0.0/8",
        "net 10",
        "net 10.0.0.0 mask 255.255.255.0",
        "ip host 239.1.2.3",
        "port 5004",
        "udp port 5006",
        "udp src port 5004",
        "dst portrange 5000-5010",
        "portrange 5010-5000",
        "multicast",
        "ip multicast",
        "ether multicast",
        "ether dst 01:00:5e:01:02:03",
        "ether host 2:0:0:0:0:1",
        "ether src host 02-00-00-00-00-01",
        "greater 60",
        "less 60",
        "net 0.0.0.0/0",
        "(udp or tcp) and not (port 53)",
        "tcp or udp and port 5004",
        "not not udp",
        "udp && !(tcp || arp)",
    ];
    let no = [
        "ip6",
        "arp",
        "tcp",
        "icmp",
        "igmp",
        "icmp6",
        "ip proto 6",
        "host 10.0.0.2",
        "dst host 10.0.0.1",
        "net 11",
        "ip6 host ::1",
        "arp host 10.0.0.1",
        "src port 5006",
        "tcp port 5004",
        "portrange 5005-5005",
        "broadcast",
        "ip broadcast",
        "ip6 multicast",
        "ether src 01:00:5e:01:02:03",
        "greater 61",
        "less 59",
        "vlan",
        "vlan 1",
        // `and` and `or` bind alike, from the left
        "udp or tcp and port 53",
    ];
    for text in yes {
        assert!(accepts(text, &udp()), "{text}");
    }
    for text in no {
        assert!(!accepts(text, &udp()), "{text}");
    }
}

#[test]
fn the_outermost_tag_is_set_aside() {
    for (tpid, tci, identifier) in [(0x8100, 0x601E, 30), (0x88A8, 0x0FFE, 4094), (0x8100, 0x6000, 0)] {
        let frame = tagged(&udp(), tpid, tci);
        for text in ["udp port 5004", "vlan", "host 10.0.0.1 and vlan", "ip multicast", "greater 64", "less 64"] {
            assert!(accepts(text, &frame), "{text}");
        }
        assert!(accepts(&format!("vlan {identifier} and udp"), &frame));
        assert!(!accepts(&format!("vlan {}", identifier + 1), &frame));
        assert!(!accepts("greater 65", &frame) && !accepts("less 63", &frame));
    }
    // Linux takes no tag of this TPID off: it is there for `vlan`, and hides what is behind it from the others
    let old = tagged(&udp(), 0x9100, 0x601E);
    for text in ["vlan", "vlan 30", "ether proto 0x9100", "greater 64", "less 64"] {
        assert!(accepts(text, &old), "{text}");
    }
    for text in ["udp", "vlan 31", "not vlan", "greater 65"] {
        assert!(!accepts(text, &old), "{text}");
    }
    // of two tags the inner one stays, and hides what is behind it
    let double = tagged(&tagged(&udp(), 0x8100, 40), 0x88A8, 30);
    assert!(accepts("vlan 30", &double) && accepts("ether proto 0x8100", &double));
    assert!(!accepts("udp", &double) && !accepts("vlan 40", &double));
}

#[test]
fn later_fragments_have_no_ports_and_ipv6_has_its_own_places() {
    let mut fragment = udp();
    fragment[21] = 1;
    assert!(accepts("udp", &fragment) && !accepts("port 5004", &fragment));
    let mut v6 = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xDD, 0x60, 0, 0, 0, 0, 8, 17, 64];
    v6.extend([0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    v6.extend([0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    v6.extend([1, 63, 1, 64, 0, 8, 0, 0]);
    let yes =
        ["ip6", "udp", "udp port 319", "dst port 320", "host fd00::1", "net fd00::/8", "ip6 multicast", "net ::/0"];
    for text in yes {
        assert!(accepts(text, &v6), "{text}");
    }
    for text in ["ip", "tcp", "host fd00::2", "src net ff00::/8", "port 321", "net fd00::/128", "ip multicast"] {
        assert!(!accepts(text, &v6), "{text}");
    }
    v6[20] = 44;
    v6[54] = 17;
    assert!(accepts("udp", &v6) && accepts("ip6 proto 44", &v6) && !accepts("port 319", &v6));
}

#[test]
fn a_frame_without_a_link_header_has_ip_alone() {
    let filter = |text| Filter::compile(text, Link::Ip, SNAP);
    let packet = &udp()[14..];
    for (text, expected) in [("udp port 5004", true), ("ip", true), ("ip6", false), ("arp", false), ("net 239", true)] {
        assert_eq!(filter(text).map(|filter| filter.accepts(packet, 46)), Ok(expected), "{text}");
    }
    assert!(filter("ether host 1:2:3:4:5:6").is_err());
}

#[test]
fn mistakes_are_marked_where_they_are() {
    for (text, message, mark) in [
        ("udp port", "expected a port from 0 to 65535", "        ^"),
        ("udp port 70000", "expected a port from 0 to 65535, found `70000`", "         ^^^^^"),
        ("(udp", "this `(` has no `)`", "^"),
        ("udp)", "`)` without a `(` before it", "   ^"),
        ("udp and", "a term is missing here", "       ^"),
        (
            "host example.org",
            "expected an IP address, found `example.org`; names are not looked up",
            "     ^^^^^^^^^^^",
        ),
        ("net 10.0.0.1/8", "there are bits set behind the prefix", "    ^^^^^^^^^^"),
        ("ip[0] == 4", "`ip[0]` is outside of the subset of capture filters; see --help", "^^^^^"),
        ("mpls", "`mpls` is outside of the subset of capture filters; see --help", "^^^^"),
        ("ip6 broadcast", "IPv6 has no broadcast; `ip6 multicast` is what it has", "    ^^^^^^^^^"),
        ("ip6 host 1.2.3.4", "an address of another protocol than the one named before it", "         ^^^^^^^"),
        ("ether proto 5", "expected an EtherType of at least 0x600; smaller numbers are lengths", "            ^"),
        ("vlan 4096", "expected a VLAN identifier from 0 to 4095, found `4096`", "     ^^^^"),
    ] {
        let error = Filter::check(text).expect_err(text);
        let shown = error.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines[0], lines[2].get(2..)), (message, Some(mark)), "{text}");
    }
}

#[test]
fn long_filters_jump_far_and_too_long_ones_are_refused() {
    let ports = |count: u32| (0..count).map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or ");
    let filter = compiled(&format!("not ({}) or udp port 5004", ports(60)));
    assert!(filter.instructions().len() > 600 && filter.accepts(&udp(), 60));
    assert!(!compiled(&ports(60)).accepts(&udp(), 60));
    assert!(compiled(&format!("{} or port 5006", ports(60))).accepts(&udp(), 60));
    assert!(Filter::check(&ports(1000)).is_err());
    assert!(Filter::check(&"(".repeat(100_000)).is_err());
    assert!(Filter::check(&"not ".repeat(1000)).is_err());
}

#[test]
fn programs_only_jump_ahead_and_end_inside() {
    let filter = compiled("udp port 319 or (vlan 30 and not host 10.0.0.1) or less 100 or ether multicast");
    for (place, one) in filter.instructions().iter().enumerate() {
        let furthest = match one.code {
            op::JUMP => one.k as usize,
            op::RETURN => continue,
            _ => one.jt.max(one.jf).into(),
        };
        assert!(place + 1 + furthest < filter.instructions().len(), "instruction {place}");
    }
}

proptest! {
    #[test]
    fn no_text_and_no_frame_makes_it_panic(text in ".{0,60}", frame in any::<Vec<u8>>(), length in any::<u32>()) {
        if let Ok(filter) = Filter::compile(&text, Link::Ethernet, SNAP) {
            let _ = filter.accepts(&frame, length);
        }
    }

    #[test]
    fn words_of_the_language_never_panic(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "host", "net", "port", "src", "dst", "and", "or", "not", "(", ")", "ip", "ip6", "udp", "vlan", "10.0.0.1", "5",
            "ether", "proto", "fd00::1", "multicast", "greater", "portrange", "1-2", "mask",
        ]), 0..12),
        frame in any::<Vec<u8>>(),
    ) {
        let text = words.join(" ");
        for link in [Link::Ethernet, Link::Ip] {
            if let Ok(filter) = Filter::compile(&text, link, SNAP) {
                let _ = filter.accepts(&frame, frame.len() as u32);
            }
        }
        if let Err(error) = Filter::check(&text) {
            prop_assert!(error.place().end <= text.len());
        }
    }
}

/// The place of a mistake may be far away, and the mistake long.
#[test]
fn a_mistake_is_told_however_long_the_filter_is() {
    for text in [format!("udp {}", "x".repeat(70_000)), format!("{}jiter", " ".repeat(70_000))] {
        let told = Filter::compile(&text, Link::Ethernet, SNAP).unwrap_err().to_string();
        assert!(told.len() < 400 && told.ends_with('^'), "{told}");
    }
    let wide = Filter::compile("host 日本語 or jiter", Link::Ethernet, SNAP).unwrap_err().to_string();
    assert!(wide.ends_with("  host 日本語 or jiter\n       ^^^^^^"), "{wide}");
}
