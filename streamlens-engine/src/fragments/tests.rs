use std::net::Ipv4Addr;

use proptest::prelude::*;
use streamlens_model::{Occurrence, Transport};

use super::*;
use crate::dissect::FragmentFacts;

fn fragment<'a>(offset: usize, payload: &'a [u8], more: bool) -> Dissected<'a> {
    let (identification, protocol) = (7, 17);
    Dissected {
        src: Address::V4(Ipv4Addr::new(10, 0, 0, 1)),
        dst: Address::V4(Ipv4Addr::new(10, 0, 0, 2)),
        ports: (offset == 0).then_some((1, 2)),
        vlan: VlanStack::default(),
        transport: Transport::UDP,
        src_mac: None,
        dst_mac: None,
        link_cast: None,
        ether_type: None,
        ip: None,
        tcp: None,
        check: 0,
        fragment: Some(FragmentFacts { identification, protocol, is_v6: false, offset: offset as u32, more }),
        payload,
        missing: 0,
    }
}

fn frame(number: u64) -> FrameFacts {
    let time = Some(Timestamp::from_nanos(number as i64 * 1000));
    FrameFacts { at: Occurrence { frame: number, time }, wire_length: 60, interface: 0, is_copy: false }
}

#[test]
fn a_fragment_before_the_first_waits_for_it() {
    let mut fragments = Fragments::default();
    let mut released = Vec::new();
    assert!(matches!(fragments.push(&fragment(8, &[1; 8], false), frame(1), &mut released), Some(Outcome::Wait)));
    let outcome = fragments.push(&fragment(0, &[0; 8], true), frame(2), &mut released);
    let Some(Outcome::Whole(header, bytes, frames)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((header.ports, bytes.len(), frames.len(), released.len()), (Some((1, 2)), 16, 2, 1));
}

#[test]
fn an_orphan_is_given_back_after_a_minute() {
    let mut fragments = Fragments::default();
    fragments.push(&fragment(8, &[1; 8], false), frame(1), &mut Vec::new());
    assert!(fragments.expired(Some(Timestamp::from_nanos(59_000_000_000))).is_none());
    assert!(fragments.expired(Some(Timestamp::from_nanos(60_000_002_000))).is_some());
    assert!(fragments.is_idle());
}

#[test]
fn what_is_held_has_a_bound() {
    let mut fragments = Fragments::default();
    for number in 0..20_000 {
        let mut piece = fragment(0, &[0; 1400], true);
        piece.fragment.as_mut().unwrap().identification = number;
        fragments.push(&piece, frame(u64::from(number) + 1), &mut Vec::new());
        assert!(fragments.bytes <= MAX_BYTES && fragments.datagrams.len() <= MAX_DATAGRAMS);
    }
    assert_eq!(fragments.unfinished(), 20_000);
}

proptest! {
    #[test]
    fn any_order_and_overlap_gives_the_datagram(
        whole in proptest::collection::vec(any::<u8>(), 9..200),
        cuts in proptest::collection::vec((0_usize..200, 1_usize..60), 0..12),
        order in any::<u64>(),
    ) {
        // pieces of eight that cover everything, and others anywhere over them
        let mut pieces: Vec<(usize, usize)> = (0..whole.len()).step_by(8).map(|at| (at, (at + 8).min(whole.len()))).collect();
        pieces.extend(cuts.iter().map(|&(at, length)| (at.min(whole.len() - 1), (at + length).min(whole.len())))
            .filter(|(at, end)| at < end));
        let mut state = order | 1;
        for place in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pieces.swap(place, (state >> 33) as usize % (place + 1));
        }
        let mut fragments = Fragments::default();
        let mut found = None;
        for (number, (at, end)) in (1..).zip(pieces) {
            let piece = fragment(at, &whole[at..end], end < whole.len());
            if let Some(Outcome::Whole(_, bytes, _)) = fragments.push(&piece, frame(number), &mut Vec::new()) {
                found.get_or_insert(bytes);
            }
        }
        prop_assert_eq!(found.as_deref(), Some(whole.as_slice()));
    }
}
