//! Hostile and mutated bytes; what reassembly must hold for any cutting.

use proptest::prelude::*;

use super::vectors::{Built, built, format_1, format_1_segment, format_2_segment, format_3};
use super::*;
use crate::testing::udp;

fn packets() -> impl Strategy<Value = Vec<Built>> {
    let one = (0_u16..4, any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..300));
    prop::collection::vec(one, 1..6).prop_map(|parts| {
        let build = |(channel, flags, data_type, data): (u16, u8, u8, Vec<u8>)| Built {
            flags,
            ..built(channel, data.len() as u8, data_type, &data)
        };
        parts.into_iter().map(build).collect()
    })
}

fn datagrams(packets: &[Built]) -> Vec<Captured> {
    let bytes: Vec<_> = packets.iter().map(Built::bytes).collect();
    let mut all = vec![format_1(1, &bytes)];
    for (n, packet) in bytes.iter().enumerate() {
        let half = packet.len() / 8 * 4;
        let n = 2 * n as u32 + 2;
        all.push(format_1_segment(n, packet, 0..half));
        all.push(format_1_segment(n + 1, packet, half..packet.len()));
        all.push(format_2_segment(n, packet, 0..half));
        all.push(format_2_segment(n, packet, half..packet.len()));
        all.push(format_3(n, 0, packet));
    }
    all
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        head in prop::sample::select(vec![0x01_u8, 0x11, 0x13, 0x23, 0x00]),
        file in any::<bool>(),
    ) {
        let captured: Vec<_> = payloads
            .into_iter()
            .map(|mut payload| {
                if let Some(first) = payload.first_mut() {
                    *first = head;
                }
                let mut captured = udp(&payload);
                if file {
                    captured.transport = streamlens_model::Transport::Chapter10File;
                }
                captured
            })
            .collect();
        for one in &captured {
            let confidence = Chapter10Decoder::new().can_decode(&one.packet()).value();
            prop_assert!(confidence < 0.5, "nothing of chance is believed");
        }
        run(&captured);
    }

    #[test]
    fn mutated_packets_never_panic(
        packets in packets(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60, any::<u8>()), 0..20),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..5),
        order in any::<u64>(),
    ) {
        let mut all = datagrams(&packets);
        for (which, at, value) in changes {
            let payload = &mut which.get(&all).payload.clone();
            if let Some(byte) = payload.get_mut(at) {
                *byte = value;
            }
            let index = which.index(all.len());
            all[index].payload.clone_from(payload);
        }
        for (which, at) in cuts {
            let index = which.index(all.len());
            let length = at.index(all[index].payload.len().max(1));
            all[index].payload.truncate(length);
        }
        let turn = (order % all.len() as u64) as usize;
        all.rotate_left(turn);
        run(&all);
    }

    #[test]
    fn segments_in_order_give_each_packet_once(packets in packets(), size in 9_usize..60, twos in any::<bool>()) {
        let (mut all, mut number) = (Vec::new(), 0);
        for (n, packet) in packets.iter().enumerate() {
            let packet = Built { sequence: n as u8, flags: packet.flags & 0x83, ..packet.clone() }.bytes();
            let cuts: Vec<_> = (0..packet.len()).step_by(size * 4).map(|at| at..(at + size * 4).min(packet.len())).collect();
            for range in cuts {
                all.push(if twos {
                    format_2_segment(n as u32, &packet, range)
                } else {
                    format_1_segment(number, &packet, range)
                });
                number += 1;
            }
        }
        let outcome = run(&all);
        prop_assert_eq!(&outcome.lengths, &packets.iter().map(|p| {
            Built { flags: p.flags & 0x83, ..p.clone() }.bytes().len() as u32
        }).collect::<Vec<_>>());
        prop_assert_eq!((outcome.cut, outcome.fact("data_checksum", "bad")), (0, 0));
        prop_assert_eq!(outcome.refused, 0);
    }

    #[test]
    fn a_lost_segment_damages_its_packet_and_no_other(lost in 0_usize..4, twos in any::<bool>()) {
        let packets: Vec<_> = (0..3).map(|n| built(7, n, 0x09, &[n; 376]).bytes()).collect();
        let mut all = Vec::new();
        for (n, packet) in packets.iter().enumerate() {
            for part in 0..4 {
                let range = part * 100..part * 100 + 100;
                all.push(if twos {
                    format_2_segment(n as u32, packet, range)
                } else {
                    format_1_segment((n * 4 + part) as u32, packet, range)
                });
            }
        }
        all.remove(4 + lost);
        let outcome = run(&all);
        prop_assert_eq!((outcome.fact("reassembly", "complete"), outcome.fact("reassembly", "incomplete")), (2, 1));
        prop_assert_eq!(outcome.types["PCM Data Format 1"], if lost == 0 { 2 } else { 3 });
        prop_assert_eq!(outcome.cut, u64::from(lost != 0));
    }
}
