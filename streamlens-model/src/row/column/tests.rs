use std::collections::BTreeSet;

use super::*;

#[test]
fn names_and_headers_are_unique() {
    let names: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), COLUMNS.len());
    let headers: Vec<_> = COLUMNS.iter().filter_map(|column| column.header).collect();
    assert_eq!(headers.iter().collect::<BTreeSet<_>>().len(), headers.len());
    for (header, found) in headers.iter().filter_map(|header| Some((header, column(header)?))) {
        assert!(found.header == Some(header) || found.name == *header, "{header}");
    }
}

#[test]
fn every_column_says_what_it_is() {
    for column in COLUMNS {
        assert!(!column.levels.is_empty() && column.meaning.len() > 8, "{column:?}");
        assert!(!column.meaning.ends_with('.') && column.meaning.chars().next().is_some(), "{column:?}");
        let is_owned = column.owner.is_none_or(|owner| column.levels.iter().all(|level| *level >= owner));
        assert!(is_owned, "{column:?}");
    }
}
