//! Protocols whose datagrams begin with a byte of 0x80 to 0xBF, as RTP of version 2 does, are not taken for RTP, nor for
//! anything else. They are made from their published layouts.

mod common;

use streamlens_engine::EngineOptions;
use streamlens_registry::DecoderRegistry;

use common::{MILLISECOND, analyse_with, udp};

/// A protocol: its name with where its layout is published, its port, and its n-th datagram.
type Protocol = (&'static str, u16, fn(u32) -> Vec<u8>);

/// Numbers that look random and are the same on every run.
fn noise(n: u32) -> u32 {
    let mut x = n.wrapping_mul(0x9E37_79B9) ^ 0x7F4A_7C15;
    x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35) ^ (x >> 16)
}

fn noisy(n: u32, length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (noise(n.wrapping_mul(131).wrapping_add(at)) >> 11) as u8).collect()
}

/// Parts of a datagram, one behind the other.
macro_rules! bytes {
    ($($part:expr),* $(,)?) => {{
        let mut datagram: Vec<u8> = Vec::new();
        $(datagram.extend_from_slice(($part).as_ref());)*
        datagram
    }};
}

fn be16(number: u32) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

fn be32(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// An IPv4 header with UDP behind it, as tunnels carry it.
fn inner_ip(n: u32) -> Vec<u8> {
    let addresses = [10, 1, 0, 1, 10, 1, 0, 2];
    bytes![
        [0x45, 0],
        be16(60),
        be16(0x1000 + n),
        [0x40, 0, 64, 17, 0, 0],
        addresses,
        be16(4000),
        be16(53),
        be16(40),
        [0; 2],
        noisy(n, 32)
    ]
}

const PROTOCOLS: &[Protocol] = &[
    ("BACnet/IP, original unicast (ASHRAE 135 Annex J)", 47808, |n| {
        let apdu = bytes![
            [0x01, 0x04, 0x00, 0x05, n as u8, 0x0C, 0x0C, 0x02, 0x3F, 0xFF, 0xFF, 0x19, 0x4D],
            noisy(n, (n % 9) as usize)
        ];
        bytes![[0x81, 0x0A], be16(4 + apdu.len() as u32), apdu]
    }),
    ("BACnet/IP, file written in growing pieces", 47808, |n| {
        let apdu = bytes![[0x01, 0x04, 0x02, 0x75, n as u8, 0x07, 0x0E], noisy(n, 40 + n as usize)];
        bytes![[0x81, 0x0B], be16(4 + apdu.len() as u32), apdu]
    }),
    ("NetBIOS name service (RFC 1002 4.2)", 137, |n| {
        let name = *b"\x20EJFDEBFEEBFACACACACACACACACACAAA\0";
        bytes![be16(0x8060 + n / 4), be16(0x2910), be16(1), be16(0), be16(0), be16(1), name, [0, 0x20, 0, 1]]
    }),
    ("DNS on another port (RFC 1035 4.1)", 5300, |n| {
        bytes![be16(0x8000 | (noise(n) & 0x3FFF)), be16(0x0100), be16(1), [0; 6], b"\x03www\x07example\0", [0, 1, 0, 1]]
    }),
    ("DNS with numbers that count (RFC 1035 4.1)", 5301, |n| {
        bytes![
            be16(0x8060 + n),
            be16(0x8180),
            be16(1),
            be16(1),
            [0; 4],
            b"\x03www\x07example\0",
            [0, 1, 0, 1],
            noisy(n, 16)
        ]
    }),
    ("LLMNR (RFC 4795 2.1)", 5355, |n| {
        bytes![be16(0xA000 | (noise(n) & 0xFFF)), [0; 2], be16(1), [0; 6], b"\x04wpad\0", [0, 1, 0, 1]]
    }),
    ("IKEv2 (RFC 7296 3.1)", 500, |n| {
        let body = noisy(n / 2, 200);
        bytes![
            be32(0xA888_75A8),
            be32(0x8199_92A6),
            noisy(1, 8),
            [0x2E, 0x20, 0x25, 0x08],
            be32(n / 2),
            be32(228),
            body
        ]
    }),
    ("NTP of a clock that is about to insert a second (RFC 5905 7.3)", 123, |n| {
        bytes![
            [0xA4, 0x03, 0x06, 0xEC],
            be32(0x0123),
            be32(0x0456),
            [192, 0, 2, 1],
            be32(0xE000_0000 + n),
            noisy(n, 28)
        ]
    }),
    ("QUIC long header with the fixed bit greased (RFC 9000 17.2, RFC 9287)", 443, |n| {
        bytes![[0x80 | (noise(n) & 0x3F) as u8], be32(1), [8], noisy(7, 8), [8], noisy(8, 8), noisy(n, 1150)]
    }),
    ("QUIC version negotiation (RFC 9000 17.2.1)", 443, |n| {
        bytes![
            [0x80 | (noise(n) & 0x3F) as u8],
            be32(0),
            [8],
            noisy(7, 8),
            [8],
            noisy(n, 8),
            be32(1),
            be32(0x6B33_43CF)
        ]
    }),
    ("memcached over UDP, an answer of many datagrams (protocol.txt)", 11211, |n| {
        bytes![be16(0x8060), be16(n), be16(60), be16(0), noisy(n, 1392)]
    }),
    ("ONC RPC calls (RFC 5531 9)", 2049, |n| {
        bytes![be32(0x8060_1000 + n), be32(0), be32(2), be32(100_003), be32(3), be32(1), noisy(3, 48), noisy(n, 32)]
    }),
    ("ONC RPC, NFS writes of 1 KiB (RFC 1813)", 2049, |n| {
        bytes![be32(0x8061_1000 + n), be32(0), be32(2), be32(100_003), be32(3), be32(7), noisy(3, 48), noisy(n, 1024)]
    }),
    ("ONC RPC replies (RFC 5531 9)", 111, |n| {
        bytes![be32(0x8062_1000 + n), be32(1), be32(0), be32(0), be32(0), be32(0), noisy(n, 4)]
    }),
    ("BitTorrent tracker (BEP 15)", 6969, |n| {
        bytes![be32(0x8061_55AA), be32(0x1234_5678), be32(2), be32(noise(n)), noisy(9, 40)]
    }),
    ("ENet (protocol.h)", 7777, |n| bytes![be16(0x8001), be16(n * 20), [0x86, 0], be16(n), be16(12), noisy(n, 12)]),
    ("RakNet data (RakNet manual, Minecraft Bedrock)", 19132, |n| {
        bytes![[0x84, n as u8, (n >> 8) as u8, 0, 0x40, 0x00, 0x90], (n * 2).to_le_bytes(), noisy(n, 40)]
    }),
    ("RakNet negative acknowledgement", 19132, |n| bytes![[0xA0], be16(1), [1, n as u8, 0, 0], noisy(n, 6)]),
    ("Mumble voice, Opus (Mumble protocol 1.2)", 64738, |n| {
        bytes![[0x80, 0x05, (n * 2) as u8 & 0x7F, 0x40], noisy(n, 60 + (n % 7) as usize)]
    }),
    ("OPC UA PubSub UADP (OPC 10000-14 7.2)", 4840, |n| {
        bytes![[0xB1, 0x21], be16(0x0102), [0x0F], be16(100), be32(1), be16(1), (n as u16).to_le_bytes(), noisy(n, 40)]
    }),
    ("SOME/IP (AUTOSAR PRS 696)", 30490, |n| {
        bytes![be16(0x8100), be16(0x8001), be32(40), be16(1), be16(n + 1), [1, 1, 2, 0], noisy(n, 32)]
    }),
    ("XCP on Ethernet (ASAM MCD-1 XCP)", 5555, |n| {
        bytes![[0x80, 0x00], (n as u16).to_le_bytes(), [0xFF], noisy(n, 127)]
    }),
    ("Omron FINS (W227)", 9600, |n| bytes![[0x80, 0, 2, 0, 10, 0, 0, 20, 0, n as u8, 1, 1, 0x82, 0, 100, 0, 0, 10]]),
    ("Synchrophasors (IEEE C37.118.2)", 4713, |n| {
        bytes![[0xAA, 0x01], be16(52), be16(7), be32(1_700_000_000 + n / 25), be32(n % 25 * 40_000), noisy(n, 36)]
    }),
    ("Synchrophasors, configuration", 4713, |n| {
        bytes![[0xAA, 0x21], be16(60), be16(7), be32(1_700_000_000 + n), be32(0), noisy(1, 44)]
    }),
    ("MPLS in UDP (RFC 7510)", 6635, |n| bytes![be32(0x8606_0140), inner_ip(n)]),
    ("LISP data with a nonce (RFC 9300 5.3)", 4341, |n| bytes![[0x80], noisy(3, 3), be32(1), inner_ip(n)]),
    ("LISP encapsulated control message (RFC 9301 5.8)", 4342, |n| bytes![be32(0x8000_0000), inner_ip(n)]),
    ("KCP (ikcp.h)", 4000, |n| {
        bytes![
            be32(0x8060_0011),
            [0x51, 0],
            [0x80, 0],
            (n * 20).to_le_bytes(),
            n.to_le_bytes(),
            [0; 4],
            [64, 0, 0, 0],
            noisy(n, 64)
        ]
    }),
    ("SCTP in UDP (RFC 6951)", 9899, |n| {
        bytes![be16(0x8060), be16(5060), be32(0x1234_5678), be32(noise(n)), [0, 3, 0, 80], noisy(n, 80)]
    }),
    ("IAX2 full frames (RFC 5456 8.1)", 4569, |n| {
        bytes![be16(0x8003), be16(0x0007), be32(n * 20), [n as u8, 3, 2, 4], noisy(n, 160)]
    }),
    ("UDPTL after 32,768 packets (ITU-T T.38 Annex D)", 4002, |n| {
        let ifp = noisy(n, 40);
        bytes![be16(0x8000 + n), [ifp.len() as u8], ifp, [0, 0]]
    }),
    ("MQTT-SN (1.2, 5.4.12)", 1884, |n| bytes![[0x90, 0x0C, 0x20], be16(7), be16(n + 1), noisy(n, 137)]),
    ("AFS Rx (rx.h)", 7001, |n| {
        bytes![be32(0x8060_1122), be32(0x0102_0300), be32(5), be32(n + 1), be32(n + 10), [1, 2, 0, 0], noisy(n, 1400)]
    }),
    ("ASTERIX category 129 (EUROCONTROL SPEC-0149)", 8600, |n| bytes![[0x81], be16(48), [0xFF, 0x80], noisy(n, 43)]),
    ("RDP-UDP (MS-RDPEUDP 2.2.2)", 3389, |n| {
        bytes![be32(0x8060_0100 + n), be16(1024), be16(0x0004), be32(n + 5), be32(n + 5), noisy(n, 400)]
    }),
    ("UDT acknowledgements (draft-gg-udt 3)", 9000, |n| {
        bytes![be16(0x8002), be16(0), be32(n + 1), be32(n * 10_000), be32(0x1122_3344), be32(n * 7), noisy(n, 20)]
    }),
    ("SRT acknowledgements of acknowledgements (draft-sharabayko-srt 3.2)", 9001, |n| {
        bytes![be16(0x8006), be16(0), be32(n + 1), be32(n * 10_000), be32(0x1122_3344)]
    }),
    ("Aeron data (Aeron transport protocol)", 40123, |n| {
        bytes![[0xA0, 0x05, 0, 0, 0, 0xC0, 1, 0], (n * 1440).to_le_bytes(), noisy(1, 12), noisy(n, 1408)]
    }),
    ("LIFX (LAN protocol)", 56700, |n| {
        bytes![[0x98, 0x00, 0x00, 0x34], be32(0x1122_3344), noisy(2, 8), [0; 6], [1, n as u8], noisy(n, 128)]
    }),
    ("a game's datagram, again and again", 27015, |_| bytes![[0x80, 0x60, 0x12, 0x34], noisy(5, 30)]),
    ("a counter and nothing else", 27016, |n| {
        bytes![[0x80, 0x60], be16(n), be32(0x0001_0000), be32(0xCAFE_0001), [0; 24]]
    }),
    ("ciphertext whose first two bits are 10", 9993, |n| {
        let mut random = noisy(n, 300);
        random[0] = random[0] & 0x3F | 0x80;
        random
    }),
];

/// What was identified in 40 datagrams of a protocol, so many milliseconds apart.
fn encodings(datagram: fn(u32) -> Vec<u8>, port: u16, every: i64) -> Vec<String> {
    let frames: Vec<_> = (0..40).map(|n| udp(i64::from(n) * every * MILLISECOND, 1, 2, port, &datagram(n))).collect();
    let analysis = analyse_with(
        DecoderRegistry::with_builtins(),
        EngineOptions { threads: 1, ..EngineOptions::default() },
        &frames,
    );
    let transports = analysis.flows.iter().flat_map(|flow| &flow.transport_protocols);
    let encodings = transports.flat_map(|transport| &transport.application_encodings);
    encodings.map(|encoding| format!("{} ({})", encoding.encoding_name, encoding.confidence_score)).collect()
}

#[test]
fn protocols_that_begin_like_rtp_are_not_taken_for_it() {
    assert!(PROTOCOLS.len() >= 30);
    assert!(DecoderRegistry::with_builtins().get("RTP").is_some(), "without decoders nothing is proved");
    let mut wrong = Vec::new();
    for &(name, port, datagram) in PROTOCOLS {
        for n in 0..40 {
            assert_eq!(datagram(n)[0] >> 6, 2, "{name}: what is not like RTP proves nothing");
        }
        // at its own port, and at RTP's
        for port in [port, 5004] {
            for every in [1, 20, 1000] {
                let found = encodings(datagram, port, every);
                if !found.is_empty() {
                    wrong.push(format!("{name} at port {port}, every {every} ms: {}", found.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The other side: what is RTP is found by the same means, whatever its payload type and however it begins.
#[test]
fn rtp_is_found_all_the_same() {
    let head = |payload_type: u8, sequence: u32, timestamp: u32| {
        bytes![[0x80, payload_type], be16(sequence), be32(timestamp), be32(0xCAFE_0001)]
    };
    type Payload<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    let streams: [(&str, Payload<'_>); 7] = [
        ("G.711", &|n| bytes![head(0, 65_530 + n, n * 160), noisy(n, 160)]),
        ("every third packet lost", &|n| bytes![head(0, n * 3, n * 480), noisy(n, 160)]),
        ("video, one picture", &|n| bytes![head(96, n, 7), noisy(n, 1200)]),
        ("video that begins with parameter sets", &|n| {
            let length = [20, 6, 40, 1200][n.min(3) as usize];
            bytes![head(96, n, if n < 30 { 7 } else { 3007 }), noisy(n, length)]
        }),
        ("fields of 25 small packets", &|n| bytes![head(112, n, n / 25 * 1800), noisy(n, 204)]),
        ("Opus of all lengths", &|n| bytes![head(111, n, n * 960), noisy(n, 3 + (noise(n) % 200) as usize)]),
        ("padding counts that cannot be", &|n| {
            let mut packet = bytes![head(8, n, n * 160), noisy(n, 159), [0]];
            packet[0] |= 0x20;
            packet
        }),
    ];
    for (name, datagram) in streams {
        let frames: Vec<_> = (0..40).map(|n| udp(i64::from(n) * 20 * MILLISECOND, 1, 2, 6000, &datagram(n))).collect();
        let analysis = analyse_with(DecoderRegistry::with_builtins(), EngineOptions::default(), &frames);
        let encodings = &analysis.flows[0].transport_protocols[0].application_encodings;
        let found: Vec<_> =
            encodings.iter().map(|encoding| (&*encoding.encoding_name, encoding.packet_count)).collect();
        assert_eq!(found, [("RTP", 40)], "{name}");
    }
}
