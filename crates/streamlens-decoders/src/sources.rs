//! Who sends what: for monitors that look for something that comes from several sources.

use std::collections::BTreeMap;

use streamlens_model::Occurrence;

/// The sources of each thing, as flow after flow shows them. There may be a million flows, so noting one costs as little
/// as possible, and repetitions are told only in the end.
#[derive(Debug)]
pub(crate) struct Sources<W, S> {
    noted: BTreeMap<W, Vec<(S, Occurrence)>>,
}

impl<W, S> Default for Sources<W, S> {
    fn default() -> Self {
        Self { noted: BTreeMap::new() }
    }
}

impl<W: Ord, S: Ord + Copy> Sources<W, S> {
    /// Notes that a source sent something first at a frame.
    pub(crate) fn note(&mut self, what: W, source: S, first: Occurrence) {
        self.noted.entry(what).or_default().push((source, first));
    }

    /// What came from more than one source, in order.
    pub(crate) fn several(self) -> impl Iterator<Item = (W, Several<S>)> {
        self.noted.into_iter().filter_map(|(what, mut all)| {
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
        let mut sources = Sources::default();
        for (what, source, frame) in
            [(1, 'b', 9), (2, 'a', 3), (1, 'a', 4), (1, 'b', 2), (2, 'a', 1), (3, 'c', 1), (1, 'a', 8), (1, 'c', 3)]
        {
            sources.note(what, source, Occurrence { frame, time: None });
        }
        let told: Vec<_> = sources.several().collect();
        let at = |frame| Occurrence { frame, time: None };
        let all = vec![('a', at(4)), ('b', at(2)), ('c', at(3))];
        assert_eq!(told, [(1, Several { all, first: [('b', at(2)), ('c', at(3))] })]);
    }
}
