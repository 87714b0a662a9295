//! What is deferred comes back as it was, and takes no more memory than it may.

use proptest::prelude::*;
use streamlens_model::{LinkType, Timestamp};

use super::arena::{CHUNK, MOST_FRAMES};
use super::*;

fn frame(number: u64, data: &[u8]) -> Frame<'_> {
    let time = (!number.is_multiple_of(3)).then(|| Timestamp::from_nanos(-(number as i64)));
    // some were cut, or are of another interface: that takes a longer head
    let original_length = if number.is_multiple_of(4) { 9000 } else { data.len() as u32 };
    let interface = if number.is_multiple_of(5) { 3 } else { 0 };
    Frame { number, time, link_type: LinkType(276), interface, original_length, data }
}

/// The hash of all keys.
const HASH: u64 = 5;

fn begin(lobby: &mut Lobby, number: u64, data: &[u8]) -> Option<u32> {
    let next = lobby.free_list.last().copied().unwrap_or(lobby.flows.len() as u32);
    lobby.begin(HASH, PackedKey::of_key(&Default::default()), &frame(number, data)).then_some(next)
}

fn all(lobby: &Lobby, index: u32) -> Vec<String> {
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    lobby.frames(index, &mut buffer, |frame| frames.push(format!("{frame:?}")));
    frames
}

proptest! {
    /// Frames that are mostly like the first of their flow, and of two flows that come in turn.
    #[test]
    fn what_is_kept_as_differences_comes_back_whole(
        first in proptest::collection::vec(any::<u8>(), 0..300),
        others in proptest::collection::vec(
            (any::<bool>(), -2_isize..4, proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6)), 0..9),
    ) {
        let mut lobby = Lobby::default();
        let mut wanted = [(); 2].map(|()| vec![format!("{:?}", frame(1, &first))]);
        let places = [(); 2].map(|()| begin(&mut lobby, 1, &first).unwrap());
        for (number, (flow, longer, changes)) in (2..).zip(others) {
            let mut data = first.clone();
            // most are as long
            data.resize(first.len().saturating_add_signed(longer.min(1)), 7);
            for (at, byte) in changes {
                let length = data.len().max(1);
                data.get_mut(at % length).into_iter().for_each(|to| *to = byte);
            }
            if lobby.append(places[usize::from(flow)], &frame(number, &data)) {
                wanted[usize::from(flow)].push(format!("{:?}", frame(number, &data)));
            }
        }
        for (place, wanted) in places.iter().zip(wanted) {
            prop_assert_eq!(usize::from(lobby.frame_count(*place)), wanted.len());
            let (mut numbers, mut headers) = (Vec::new(), lobby.headers(*place));
            numbers.extend(headers.next().map(|(header, _)| header.number));
            let others: Vec<_> = headers.map(|(header, _)| header.number).collect();
            numbers.extend(others.iter().rev());
            prop_assert!(numbers.is_sorted() && numbers.len() == wanted.len());
            prop_assert_eq!(all(&lobby, *place), wanted);
        }
        places.iter().for_each(|&place| lobby.remove(HASH, place));
        prop_assert_eq!(lobby.arena.memory().0, 0);
    }
}

#[test]
fn a_frame_like_the_first_takes_little() {
    let mut lobby = Lobby::default();
    let mut data = [0x5A; 140];
    let place = begin(&mut lobby, 1, &data).unwrap();
    let taken = |lobby: &Lobby| lobby.arena.memory().0;
    let first = taken(&lobby);
    data[44] ^= 1;
    assert!(lobby.append(place, &frame(2, &data)));
    // its header, three bytes of marks, one word, and the four bytes behind the last word
    assert_eq!((first, taken(&lobby) - first), (24 + 144, (24 + 3 + 8 + 4_usize).next_multiple_of(8)));
}

#[test]
fn frames_come_back_as_they_were() {
    let mut lobby = Lobby::default();
    let data: Vec<Vec<u8>> = (0..40_u8).map(|length| vec![length; usize::from(length) * 7]).collect();
    let places: Vec<_> = (0..8).map(|flow| begin(&mut lobby, flow as u64, &data[flow]).unwrap()).collect();
    for (number, data) in data.iter().enumerate().skip(8) {
        assert!(lobby.append(places[number % 8], &frame(number as u64, data)), "{number}");
    }
    assert_eq!(lobby.len(), 8);
    for (flow, &place) in places.iter().enumerate() {
        let wanted = (flow..40).step_by(8).map(|number| format!("{:?}", frame(number as u64, &data[number])));
        assert_eq!(all(&lobby, place), wanted.collect::<Vec<_>>());
    }
}

#[test]
fn a_flow_waits_with_few_frames_and_bytes_only() {
    let mut lobby = Lobby::default();
    let small = begin(&mut lobby, 1, &[0; 60]).unwrap();
    assert_eq!((2..20).filter(|&number| lobby.append(small, &frame(number, &[0; 60]))).count(), MOST_FRAMES - 1);
    let large = begin(&mut lobby, 20, &[0; 1000]).unwrap();
    assert!(!lobby.append(large, &frame(21, &[1; 1000])));
    assert_eq!(begin(&mut lobby, 22, &[0; 2048]), None);
    assert_eq!((lobby.len(), lobby.frame_count(small), lobby.first_number(large)), (2, 7, 20));
}

#[test]
fn memory_is_given_back_and_used_again() {
    let mut lobby = Lobby::default();
    for round in 0..20 {
        let flows = if round == 7 { 1000 } else { 500 };
        let places: Vec<_> = (0..flows).map(|number| begin(&mut lobby, number, &[1; 1000]).unwrap()).collect();
        assert!(lobby.arena.memory().1 > flows as usize * 1000);
        places.iter().for_each(|&place| lobby.remove(HASH, place));
        places.iter().for_each(|&place| lobby.remove(HASH, place));
        assert!(lobby.arena.memory().1 <= CHUNK, "the last one is still open");
        assert_eq!((lobby.len(), lobby.indices().count(), all(&lobby, places[0]).len()), (0, 0, 0));
    }
    // entries and chunks as many as there were at a time
    assert_eq!(lobby.flows.len(), 1000);
    assert!(lobby.arena.memory().2 <= 1000 * 1024 / CHUNK + 2, "{}", lobby.arena.memory().2);
}
