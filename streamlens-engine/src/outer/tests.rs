//! The same traffic with and without each layer around it, from the published layouts.

use serde_json::Value;
use streamlens_model::{Analysis, CaptureSummary, Frame, FrameBatch, LinkType, Timestamp};
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Tcp, ethernet, tcp, udp, vlan};

use super::{TimeSource, Tunnel, Tunnels};
use crate::{Engine, EngineOptions, FlowFinder};

const START: i64 = 1_700_000_000_000_000_000;
const A: Host = Host::new([192, 0, 2, 1]);
const B: Host = Host::new([192, 0, 2, 2]);
/// Ends of the tunnels.
const C: Host = Host::new([10, 0, 0, 1]);
const D: Host = Host::new([10, 0, 0, 2]);

/// UDP, TCP and tagged UDP, none of them padded.
fn inner_frames() -> Vec<Vec<u8>> {
    (0..30_u8)
        .map(|n| match n % 3 {
            0 => udp((A, 5000), (B, 5001), &[n; 40]),
            1 => tcp((B, 80), (A, 4000), Tcp { sequence: u32::from(n) * 100, ..Tcp::default() }, &[n; 100]),
            _ => vlan(&udp((A, 6000), (B, 6001), &[n; 64]), 3, 20),
        })
        .collect()
}

fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((payload.len() as u16 + 20).to_be_bytes());
    packet.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend(C.ip);
    packet.extend(D.ip);
    packet.extend(payload);
    ethernet(C.mac, D.mac, 0x0800, &packet)
}

/// What comes of frames, which is the same whether they come one by one or as a batch.
fn analysis(frames: &[Vec<u8>], link_type: LinkType, options: EngineOptions) -> Analysis {
    let new = || Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..options.clone() });
    let (mut engine, mut batch) = (new(), FrameBatch::default());
    for (place, data) in (0..).zip(frames) {
        let time = Some(Timestamp::from_nanos(START + place * 1_000_000));
        let original_length = data.len() as u32;
        let frame = Frame { number: 0, time, link_type, interface: 0, original_length, data };
        engine.push(&frame);
        assert!(batch.push(&frame));
    }
    let one_by_one = engine.finish(CaptureSummary::default());
    // trailers are recognised by many frames at once
    if options.time_source == TimeSource::Capture {
        let mut engine = new();
        engine.push_batch(&batch);
        let as_batch = engine.finish(CaptureSummary::default());
        let text = |analysis: &Analysis| serde_json::to_string(analysis).unwrap();
        assert_eq!(text(&as_batch), text(&one_by_one));
    }
    one_by_one
}

fn opened(frames: &[Vec<u8>], decap: Tunnels) -> Analysis {
    analysis(frames, LinkType::ETHERNET, EngineOptions { decap, ..EngineOptions::default() })
}

/// The flows of a document, without what lay around them.
fn flows(analysis: &Analysis) -> Vec<Value> {
    let mut flows: Vec<Value> = analysis.flows.iter().map(|flow| serde_json::to_value(flow).unwrap()).collect();
    for flow in &mut flows {
        flow.as_object_mut().unwrap().remove("outer");
    }
    flows
}

/// The name of a layer, what it is asked for with, its identifier, and how it is put around an Ethernet frame.
type Around = (&'static str, Tunnel, Option<u64>, Box<dyn Fn(&[u8]) -> Vec<u8>>);

fn layers() -> Vec<Around> {
    let gre = |head: &'static [u8]| move |frame: &[u8]| ip(47, &[head, frame].concat());
    let datagram =
        |port: u16, head: &'static [u8]| move |frame: &[u8]| udp((C, 50_000), (D, port), &[head, frame].concat());
    vec![
        ("ERSPAN I", Tunnel::Erspan, None, Box::new(gre(&[0, 0, 0x88, 0xBE]))),
        (
            "ERSPAN II",
            Tunnel::Erspan,
            Some(0x101),
            Box::new(gre(&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 9, 0x10, 0, 0x01, 0x01, 0, 0, 0, 3])),
        ),
        (
            "ERSPAN III",
            Tunnel::Erspan,
            Some(7),
            Box::new(gre(&[0x10, 0, 0x22, 0xEB, 0, 0, 0, 9, 0x20, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x80, 0])),
        ),
        // a padding tag, a tag with a value, the end
        ("TZSP", Tunnel::Tzsp, None, Box::new(datagram(37_008, &[1, 0, 0, 1, 0, 10, 1, 0xD8, 1]))),
        ("VXLAN", Tunnel::Vxlan, Some(0x01_02_03), Box::new(datagram(4789, &[8, 0, 0, 0, 1, 2, 3, 0]))),
        // with a word of options
        ("GENEVE", Tunnel::Geneve, Some(5), Box::new(datagram(6081, &[1, 0, 0x65, 0x58, 0, 0, 5, 0, 0, 0, 0, 0]))),
        // checksum and key
        ("GRE", Tunnel::Gre, Some(0xAB), Box::new(gre(&[0xA0, 0, 0x65, 0x58, 0x12, 0x34, 0, 0, 0, 0, 0, 0xAB]))),
        // a cookie of 4 bytes
        ("L2TPv3", Tunnel::L2tpV3, Some(77), Box::new(|frame| ip(115, &[&[0, 0, 0, 77, 1, 2, 3, 4], frame].concat()))),
        ("L2TPv3", Tunnel::L2tpV3, Some(77), Box::new(datagram(1701, &[0, 3, 0, 0, 0, 0, 0, 77]))),
        // two labels, a control word
        (
            "MPLS",
            Tunnel::Mpls,
            Some(16),
            Box::new(|frame| {
                let labels = [&[0, 1, 0, 64, 0, 1, 0x11, 64, 0, 0, 0, 0], frame].concat();
                ethernet(C.mac, D.mac, 0x8847, &labels)
            }),
        ),
    ]
}

#[test]
fn the_same_traffic_has_the_same_flows_with_and_without_a_layer() {
    let plain = inner_frames();
    let without = opened(&plain, Tunnels::NONE);
    assert_eq!(without.flows.len(), 3);
    for (layer, tunnel, id, around) in layers() {
        let wrapped: Vec<_> = plain.iter().map(|frame| around(frame)).collect();
        let asked = opened(&wrapped, Tunnels::NONE.with(tunnel));
        assert_eq!(flows(&asked), flows(&without), "{layer}");
        let more = (wrapped[0].len() - plain[0].len()) as u64;
        assert_eq!(asked.capture.outer_bytes, more * 30, "{layer}");
        assert_eq!(asked.capture.bytes, wrapped.iter().map(|frame| frame.len() as u64).sum::<u64>(), "{layer}");
        for flow in &asked.flows {
            let [outer] = &flow.outer[..] else { panic!("{layer}: {:?}", flow.outer) };
            assert_eq!((&*outer.layer, outer.id, outer.packets, outer.bytes), (layer, id, 10, more * 10));
            let ends = if tunnel == Tunnel::Mpls {
                ("02:00:0a:00:00:01", "02:00:0a:00:00:02")
            } else {
                ("10.0.0.1", "10.0.0.2")
            };
            assert_eq!((outer.src.to_string().as_str(), outer.dst.to_string().as_str()), ends);
        }
        // mirror formats are opened unless told, tunnels of users where they are asked for
        let untold = analysis(&wrapped, LinkType::ETHERNET, EngineOptions::default());
        assert_eq!(flows(&untold) == flows(&without), Tunnels::MIRRORS.has(tunnel), "{layer}");
        let shut = opened(&wrapped, Tunnels::NONE);
        assert_eq!((shut.capture.outer_bytes, shut.flows.iter().all(|flow| flow.outer.is_empty())), (0, true));
    }
}

/// Layers that carry IP alone: the flows are those of the packets without a link layer.
#[test]
fn packets_without_a_link_layer_have_the_same_flows_too() {
    let plain: Vec<_> =
        inner_frames().into_iter().filter(|frame| frame[12] == 8).map(|frame| frame[14..].to_vec()).collect();
    let without = analysis(&plain, LinkType::RAW, EngineOptions::default());
    let gre_1 = |packet: &[u8]| {
        let ppp = [&[0xFF, 0x03, 0x00, 0x21], packet].concat();
        ip(47, &[&[0x30, 0x01, 0x88, 0x0B, 0, ppp.len() as u8, 0, 42, 0, 0, 0, 1][..], &ppp].concat())
    };
    let pppoe = |packet: &[u8]| {
        let length = (packet.len() as u16 + 2).to_be_bytes();
        let frame = ethernet(C.mac, D.mac, 0x8864, &[&[0x11, 0, 0, 6, length[0], length[1], 0, 0x21], packet].concat());
        vlan(&frame, 0, 9)
    };
    let layers: [Around; 6] = [
        ("IP in IP", Tunnel::IpInIp, None, Box::new(|packet| ip(4, packet))),
        ("GRE", Tunnel::Gre, None, Box::new(|packet| ip(47, &[&[0, 0, 8, 0], packet].concat()))),
        ("GRE", Tunnel::Gre, Some(42), Box::new(gre_1)),
        ("PPPoE", Tunnel::Pppoe, Some(6), Box::new(pppoe)),
        (
            "MPLS",
            Tunnel::Mpls,
            Some(16),
            Box::new(|packet| ethernet(C.mac, D.mac, 0x8847, &[&[0, 1, 1, 64], packet].concat())),
        ),
        (
            "GENEVE",
            Tunnel::Geneve,
            Some(5),
            Box::new(|packet| udp((C, 1), (D, 6081), &[&[0, 0, 8, 0, 0, 0, 5, 0], packet].concat())),
        ),
    ];
    for (layer, tunnel, id, around) in layers {
        let wrapped: Vec<_> = plain.iter().map(|packet| around(packet)).collect();
        let asked = opened(&wrapped, Tunnels::NONE.with(tunnel));
        assert_eq!(flows(&asked), flows(&without), "{layer}");
        assert!(asked.flows.iter().all(|flow| flow.outer[0].layer == layer && flow.outer[0].id == id), "{layer}");
    }
}

#[test]
fn layers_in_layers_are_all_taken_off_and_the_outermost_comes_first() {
    let plain = inner_frames();
    let all = layers();
    let (vxlan, erspan) = (&all[4].3, &all[1].3);
    let wrapped: Vec<_> = plain.iter().map(|frame| erspan(&vxlan(frame))).collect();
    let both = opened(&wrapped, Tunnels::ALL);
    assert_eq!(flows(&both), flows(&opened(&plain, Tunnels::NONE)));
    let names: Vec<_> = both.flows[0].outer.iter().map(|outer| &*outer.layer).collect();
    assert_eq!(names, ["ERSPAN II", "VXLAN"]);
    // and by default the mirror alone
    assert_eq!(
        flows(&opened(&wrapped, Tunnels::MIRRORS)),
        flows(&opened(&plain.iter().map(|frame| vxlan(frame)).collect::<Vec<_>>(), Tunnels::NONE))
    );
}

#[test]
fn whoever_looks_for_the_flow_of_a_frame_finds_the_inner_one() {
    let plain = udp((A, 5000), (B, 5001), &[7; 40]);
    fn frame(data: &[u8]) -> Frame<'_> {
        Frame { number: 1, time: None, link_type: LinkType::ETHERNET, interface: 0, original_length: 200, data }
    }
    let want = FlowFinder::default().flow_of(&frame(&plain));
    for (layer, tunnel, _, around) in layers() {
        let wrapped = around(&plain);
        assert_eq!(FlowFinder::new(Tunnels::ALL).flow_of(&frame(&wrapped)), want, "{layer}");
        // IP in Ethernet in MPLS is seen through in any case
        let is_seen = Tunnels::MIRRORS.has(tunnel) || tunnel == Tunnel::Mpls;
        assert_eq!(FlowFinder::default().flow_of(&frame(&wrapped)) == want, is_seen, "{layer}");
    }
}

#[test]
fn a_port_alone_is_no_tunnel() {
    for (port, payload) in [(37_008, vec![1; 60]), (4789, vec![0; 60]), (6081, vec![0xFF; 60]), (1701, vec![0xC8; 60])]
    {
        let frames = vec![udp((C, 5), (D, port), &payload)];
        let got = opened(&frames, Tunnels::ALL);
        assert_eq!((got.capture.outer_bytes, got.flows[0].key.dst.port), (0, Some(port)));
    }
}

/// Whatever the bytes: all frames are counted once, and those of flows and outer layers add up to the capture's.
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_add_up(
            which in 0..10_usize,
            changes in proptest::collection::vec((0..120_usize, any::<u8>()), 0..6),
            length in 0..250_usize,
            trailer in any::<bool>(),
        ) {
            let layers = layers();
            let frames: Vec<_> = inner_frames().iter().map(|frame| {
                let mut data = layers[which].3(frame);
                for &(at, byte) in &changes {
                    if let Some(slot) = data.get_mut(at) {
                        *slot = byte;
                    }
                }
                data.truncate(length);
                data
            }).collect();
            let time_source = if trailer { TimeSource::Trailer } else { TimeSource::Capture };
            let options = EngineOptions { decap: Tunnels::ALL, time_source, ..EngineOptions::default() };
            let got = analysis(&frames, LinkType::ETHERNET, options);
            let aside: u64 = got.capture.not_in_flows.values().sum();
            let in_flows: u64 = got.flows.iter().map(|flow| flow.total_packets).sum();
            prop_assert_eq!(in_flows + aside, 30);
            if aside == 0 {
                let bytes: u64 = got.flows.iter().map(|flow| flow.total_bytes).sum();
                prop_assert_eq!(bytes + got.capture.outer_bytes, got.capture.bytes);
            }
        }
    }
}

/// Whatever is asked for, PKTAP is the capture's own header around frames.
#[test]
fn frames_in_pktap_are_the_frames() {
    let plain =
        [inner_frames(), vec![ethernet(A.mac, B.mac, 0x8892, &[0x80, 0x02, 1, 2, 3, 4, 0, 1, 0x35, 0])]].concat();
    let head = [108_u32.to_le_bytes(), 1_u32.to_le_bytes(), 1_u32.to_le_bytes()].concat();
    let around: Vec<_> = plain.iter().map(|inner| [&head[..], &[0; 96], inner].concat()).collect();
    let want = opened(&plain, Tunnels::NONE);
    for decap in [Tunnels::NONE, Tunnels::MIRRORS, Tunnels::ALL] {
        let options = EngineOptions { decap, ..EngineOptions::default() };
        let got = analysis(&around, LinkType::PKTAP, options);
        assert_eq!(flows(&got), flows(&want));
        assert_eq!(got.capture.outer_bytes, 108 * plain.len() as u64);
        assert!(got.flows.iter().all(|flow| flow.outer.len() == 1 && flow.outer[0].layer == "PKTAP"));
    }
    // one that was cut within it, and one with a packet of another link type
    let cut: Vec<_> = around.iter().map(|data| data[..60].to_vec()).collect();
    assert!(analysis(&cut, LinkType::PKTAP, EngineOptions::default()).flows.is_empty());
    let head = [108_u32.to_le_bytes(), 1_u32.to_le_bytes(), 12_u32.to_le_bytes()].concat();
    let raw = vec![[&head[..], &[0; 96], &plain[0][14..]].concat()];
    let got = analysis(&raw, LinkType::PKTAP, EngineOptions::default());
    assert_eq!((got.flows.len(), got.capture.outer_bytes), (1, 0));
}
