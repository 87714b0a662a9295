//! A frame as what differs in it from another one of the same length.

/// Words of eight bytes that have one byte of marks.
const MARKED: usize = 8;

/// What differs in `data` from `first`, which is as long: a bit for each word of eight bytes, those words that do, and
/// the bytes behind the last word.
pub(super) fn differences(first: &[u8], data: &[u8], into: &mut Vec<u8>) {
    let (words, behind) = data.as_chunks::<8>();
    let (blocks, last) = words.as_chunks::<MARKED>();
    let (first_blocks, first_last) = first.as_chunks::<8>().0.as_chunks::<MARKED>();
    into.clear();
    into.resize(words.len().div_ceil(MARKED), 0);
    for (place, (before, now)) in first_blocks.iter().zip(blocks).enumerate() {
        // most blocks are the same, which is seen at once
        if before != now {
            into[place] = differing_words(before, now, into);
        }
    }
    if !last.is_empty() {
        into[blocks.len()] = differing_words(first_last, last, into);
    }
    into.extend_from_slice(behind);
}

/// Appends the words that differ, and gives a bit for each.
fn differing_words(before: &[[u8; 8]], now: &[[u8; 8]], into: &mut Vec<u8>) -> u8 {
    let (mut mark, mut bit) = (0, 1_u8);
    for (before, now) in before.iter().zip(now) {
        if before != now {
            mark |= bit;
            into.extend_from_slice(now);
        }
        bit = bit.wrapping_shl(1);
    }
    mark
}

/// Bytes that [`differences`] to `length` bytes take.
pub(super) fn size_of_differences(bytes: &[u8], length: usize) -> usize {
    let marks = bytes.get(..(length / 8).div_ceil(MARKED)).unwrap_or_default();
    let differing: u32 = marks.iter().map(|mark| mark.count_ones()).sum();
    marks.len() + differing as usize * 8 + length % 8
}

/// Makes a frame of the first one and its [`differences`].
pub(super) fn rebuild<'r>(first: &[u8], differing: &[u8], room: &'r mut Vec<u8>) -> Option<&'r [u8]> {
    room.clear();
    room.extend_from_slice(first);
    let (words, behind) = room.as_chunks_mut::<8>();
    let (marks, mut rest) = differing.split_at_checked(words.len().div_ceil(MARKED))?;
    for (words, mark) in words.chunks_mut(MARKED).zip(marks) {
        let mut mark = *mark;
        while mark != 0 {
            let word;
            (word, rest) = rest.split_first_chunk()?;
            *words.get_mut(mark.trailing_zeros() as usize)? = *word;
            mark &= mark - 1;
        }
    }
    behind.copy_from_slice(rest.get(..behind.len())?);
    Some(room)
}
