//! Segments of TCP in any order: each that arrives behind a later one with new bytes is out of order, each without new bytes is
//! sent again, whatever was given up in between.

mod common;

use common::{MILLISECOND, Made, analyse, tcp};
use serde_json::Value;

const LENGTH: u32 = 20;

fn segment(number: u32, time: i64) -> Made {
    tcp(time, 1, 2, 9000, 1000 + number * LENGTH, &[number as u8 | 0x80; LENGTH as usize])
}

/// The SYN of the connection whose first byte is that of segment 0.
fn syn() -> Made {
    let mut syn = tcp(0, 1, 2, 9000, 999, &[]);
    syn.data[47] = 2;
    syn
}

/// Segments out of order, sent again, and holes.
fn figures(frames: &[Made]) -> [u64; 3] {
    let document = serde_json::to_value(analyse(frames)).expect("it serializes");
    let facts = &document["flows"][0]["transport_protocols"]["TCP"]["metadata"];
    ["out_of_order_segments", "retransmitted_segments", "gaps"].map(|name| match &facts[name] {
        Value::Null => 0,
        value => value.as_u64().expect("a count"),
    })
}

#[test]
fn one_loss_and_two_swapped_segments() {
    for begin in [vec![], vec![syn()]] {
        let of = |numbers: &[u32]| {
            let segments = numbers.iter().zip(1..).map(|(&number, at)| segment(number, at * 2 * MILLISECOND));
            figures(&begin.iter().cloned().chain(segments).collect::<Vec<_>>())
        };
        assert_eq!(of(&(0..200).filter(|number| *number != 40).collect::<Vec<_>>()), [0, 0, 1], "one is lost");
        assert_eq!(of(&[1, 0, 2, 3, 4])[..2], [1, 0], "the first two are swapped");
        assert_eq!(of(&[0, 1, 1, 2, 3, 2])[..2], [0, 2], "two are sent again");
    }
}

/// From last to first, with and without the beginning of the connection: none is sent again. Time that grew with the square of
/// their number would not end.
#[test]
fn segments_from_last_to_first_are_out_of_order() {
    const COUNT: u32 = 100_000;
    for has_syn in [false, true] {
        let begin = has_syn.then(syn).into_iter();
        let segments = (0..COUNT).rev().zip(1..).map(|(number, at)| segment(number, at * 1000));
        let frames: Vec<_> = begin.chain(segments).collect();
        assert_eq!(figures(&frames)[..2], [u64::from(COUNT) - 1, 0], "{has_syn}");
    }
}
