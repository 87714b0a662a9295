//! Nothing panics, whatever the bytes.

use proptest::prelude::*;
use streamlens_model::Packet;

use super::harness::{Segment, datagram, frame};
use crate::ethercat::EtherCatDecoder;
use crate::testing::{Captured, udp};
use crate::{DecodingResult, StreamDecoder};

fn datagrams() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = (
        prop_oneof![0_u8..15, any::<u8>()],
        any::<u8>(),
        prop_oneof![any::<u32>(), Just(0x0130_1001), Just(0x1000_1001), Just(0x0910_0001), Just(0x0300_0001)],
        prop::collection::vec(any::<u8>(), 0..24),
        any::<bool>(),
        0_u16..4,
    );
    let one = one.prop_map(|(command, index, address, data, more, counter)| {
        datagram(command, index, address, &data, more, counter)
    });
    prop::collection::vec(one, 1..5)
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100), missing in 0_usize..50, at in 0_usize..30) {
        let decoder = EtherCatDecoder::new();
        for captured in [udp(&bytes), Captured { payload: bytes.clone(), ..frame(1, 0, false, &[]) }] {
            let at = at.min(bytes.len());
            let packet = Packet { payload: &captured.payload[at..], offset: at, missing, ..captured.packet() };
            decoder.can_decode(&packet);
            if let Ok(taken) = decoder.decode_packet(&packet, &mut DecodingResult::new(true)) {
                prop_assert!(taken >= 1 && taken <= packet.payload.len());
            }
        }
    }

    #[test]
    fn any_exchange_is_survived(frames in prop::collection::vec((datagrams(), any::<bool>(), 0_i64..1 << 40, 0_usize..100), 0..60)) {
        let mut segment = Segment::default();
        for (number, (datagrams, returned, time, cut)) in frames.iter().enumerate() {
            let mut captured = frame(number as u64, *time, *returned, datagrams);
            if *cut < captured.payload.len() {
                captured.payload[*cut] ^= 0x41;
            }
            segment.payload(&captured);
        }
        segment.reports();
    }
}
