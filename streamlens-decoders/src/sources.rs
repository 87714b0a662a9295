//! Who sends what: for monitors that look for something that comes from several sources.

use std::collections::BTreeMap;

use streamlens_model::Occurrence;

/// The sources of each thing, as flow after flow shows them. There may be a million flows, so noting one costs as little
/// as possible, and repetitions are told only in the end.
#[derive(Debug)]
pub(crate) struct Sources<W, S> {
    noted: BTreeMap<W, Pieces<S>>,
}

/// Each source with the frame it began at, in pieces: a long list that grew as one would be copied time and again.
type Pieces<S> = Vec<Vec<(S, Occurrence)>>;

/// The most sources of a piece. The first has one, and each has room for twice those of the one before.
const LONGEST_PIECE: usize = 1024;

impl<W, S> Default for Sources<W, S> {
    fn default() -> Self {
        Self { noted: BTreeMap::new() }
    }
}

impl<W: Ord, S: Ord + Copy> Sources<W, S> {
    /// Notes that a source sent something first at a frame.
    pub(crate) fn note(&mut self, what: W, source: S, first: Occurrence) {
        let pieces = self.noted.entry(what).or_default();
        let last = pieces.last_mut().filter(|piece| piece.len() < piece.capacity());
        if let Some(last) = last {
            return last.push((source, first));
        }
        let room = pieces.last().map_or(1, |piece| (piece.len() * 2).min(LONGEST_PIECE));
        let mut piece = Vec::with_capacity(room);
        piece.push((source, first));
        pieces.push(piece);
    }

    /// Takes over what was noted elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        for (what, mut pieces) in other.noted {
            self.noted.entry(what).or_default().append(&mut pieces);
        }
    }

    /// What came from more than one source, in order.
    pub(crate) fn several(self) -> impl Iterator<Item = (W, Several<S>)> {
        self.noted.into_iter().filter_map(|(what, pieces)| {
            let mut all = pieces.concat();
            all.sort_unstable_by_key(|(source, at)| (*source, at.frame));
            all.dedup_by_key(|(source, _)| *source);
            let began = |(source, at): &&(S, Occurrence)| (at.frame, *source);
            let first = *all.iter().min_by_key(began)?;
            let second = *all.iter().filter(|(source, _)| *source != first.0).min_by_key(began)?;
            Some((what, Several { all, first: [first, second] }))
        })
    }
}

/// The sources of something that has several.
#[derive(Debug, PartialEq)]
pub(crate) struct Several<S> {
    /// All, in their own order, each with its first frame.
    pub(crate) all: Vec<(S, Occurrence)>,
    /// The two that began first.
    pub(crate) first: [(S, Occurrence); 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sources_are_told_once_each_and_from_their_first_frame() {
        let (mut sources, mut others) = (Sources::default(), Sources::default());
        for (number, (what, source, frame)) in
            [(1, 'b', 9), (2, 'a', 3), (1, 'a', 4), (1, 'b', 2), (2, 'a', 1), (3, 'c', 1), (1, 'a', 8), (1, 'c', 3)]
                .into_iter()
                .enumerate()
        {
            let into = if number % 3 == 1 { &mut others } else { &mut sources };
            into.note(what, source, Occurrence { frame, time: None });
        }
        sources.append(others);
        let told: Vec<_> = sources.several().collect();
        let at = |frame| Occurrence { frame, time: None };
        let all = vec![('a', at(4)), ('b', at(2)), ('c', at(3))];
        assert_eq!(told, [(1, Several { all, first: [('b', at(2)), ('c', at(3))] })]);
    }
}
