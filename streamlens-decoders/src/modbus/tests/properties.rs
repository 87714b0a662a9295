//! Nothing panics, whatever the bytes, and cuts do not matter.

use proptest::prelude::*;
use streamlens_model::Timestamp;

use super::harness::Session;
use super::vectors::{hex, segment};
use crate::StreamDecoder;
use crate::modbus::{ModbusRtuDecoder, ModbusTcpDecoder};
use crate::testing::Captured;

const SESSION: &str =
    "0001 0000 0006 01 03 006B 0003 0002 0000 0006 01 01 0000 0010 0003 0000 0009 01 10 0001 0001 02 0007
    0004 0000 0006 01 05 0001 FF00 0005 0000 0002 01 11 0006 0000 0005 01 2B 0E 01 00 0007 0000 0006 02 08 0000 A537";

fn decoders() -> [Box<dyn StreamDecoder>; 2] {
    [Box::new(ModbusTcpDecoder::new()), Box::new(ModbusRtuDecoder::new())]
}

fn feed(session: &mut Session<'_>, pieces: &[Vec<u8>], ports: (u16, u16)) {
    for (index, piece) in pieces.iter().enumerate() {
        let time = Some(Timestamp::from_nanos(index as i64 * 1_000_000));
        session.segment(&Captured { frame: index as u64 + 1, time, ..segment(ports.0, ports.1, piece) });
    }
}

/// Bytes that look like Modbus: a header with a length that may lie.
fn adu() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![4 => Just(None), 1 => any::<u16>().prop_map(Some)];
    (
        any::<u16>(),
        length,
        0_u8..4,
        prop_oneof![0_u8..25, Just(43), any::<u8>()],
        prop::collection::vec(any::<u8>(), 0..20),
    )
        .prop_map(|(transaction, length, unit, function, data)| {
            let length = length.unwrap_or(data.len() as u16 + 2);
            let mut bytes = transaction.to_be_bytes().to_vec();
            bytes.extend([0, 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([unit, function]);
            bytes.extend(data);
            bytes
        })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20), port in 500_u16..504) {
        for decoder in decoders() {
            let mut session = Session::new(decoder.as_ref(), false);
            feed(&mut session, &pieces, (port, 40_000));
            feed(&mut session, &pieces, (40_000, port));
            session.outcome();
        }
    }

    #[test]
    fn pdus_of_any_content_are_survived_and_counted(pdus in prop::collection::vec(adu(), 0..40), port in 500_u16..504) {
        let decoder = ModbusTcpDecoder::new();
        let mut session = Session::new(&decoder, false);
        feed(&mut session, &pdus, (port, 40_000));
        feed(&mut session, &pdus, (40_000, port));
        for outcome in session.outcome() {
            prop_assert!(outcome.types.values().sum::<u64>() >= 1);
        }
        for pdu in &pdus {
            decoder.resynchronise(&segment(port, 40_000, pdu).packet());
        }
    }

    #[test]
    fn a_damaged_session_is_survived(at in 0_usize..78, value in any::<u8>(), cut in 0_usize..78) {
        for decoder in decoders() {
            let mut bytes = hex(SESSION);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut session = Session::new(decoder.as_ref(), true);
            feed(&mut session, &[a.to_vec(), b.to_vec()], (40_000, 502));
            session.outcome();
        }
    }

    #[test]
    fn a_session_is_the_same_however_it_is_cut(cuts in prop::collection::btree_set(1_usize..78, 0..20)) {
        let (decoder, bytes) = (ModbusTcpDecoder::new(), hex(SESSION));
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            pieces.push(bytes[from..cut].to_vec());
            from = cut;
        }
        let mut session = Session::new(&decoder, false);
        feed(&mut session, &pieces, (40_000, 1502));
        let outcome = session.outcome();
        prop_assert_eq!(outcome[0].types.len(), 7);
        prop_assert!(outcome[0].types.iter().all(|(name, n)| name.ends_with("Request") && *n == 1), "{:?}", outcome[0].types);
    }
}
