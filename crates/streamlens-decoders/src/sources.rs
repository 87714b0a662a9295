//! Who sends what: for monitors that look for something that comes from several sources.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

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

impl<W: Ord, S: Ord + Hash + Copy> Sources<W, S> {
    /// Notes that a source sent something first at a frame.
    pub(crate) fn note(&mut self, what: W, source: S, first: Occurrence) {
        self.noted.entry(what).or_default().push((source, first));
    }

    /// What came from more than one source, in order, with its sources in the order of their first frames.
    pub(crate) fn several(self) -> impl Iterator<Item = (W, Vec<(S, Occurrence)>)> {
        self.noted.into_iter().filter_map(|(what, noted)| {
            let mut distinct: HashMap<S, Occurrence> = HashMap::new();
            for (source, at) in noted {
                let first = distinct.entry(source).or_insert(at);
                if at.frame < first.frame {
                    *first = at;
                }
            }
            let mut sources: Vec<_> = distinct.into_iter().collect();
            sources.sort_unstable_by_key(|(source, first)| (first.frame, *source));
            (sources.len() > 1).then_some((what, sources))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sources_are_told_once_each_and_from_their_first_frame() {
        let mut sources = Sources::default();
        for (what, source, frame) in
            [(1, 'a', 9), (2, 'a', 3), (1, 'b', 4), (1, 'a', 2), (2, 'a', 1), (3, 'c', 1), (1, 'b', 8)]
        {
            sources.note(what, source, Occurrence { frame, time: None });
        }
        let told: Vec<_> = sources.several().collect();
        let at = |frame| Occurrence { frame, time: None };
        assert_eq!(told, [(1, vec![('a', at(2)), ('b', at(4))])]);
    }
}
