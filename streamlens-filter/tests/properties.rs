//! What holds of any text and any filter.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue, counts, demo};
use proptest::prelude::*;
use streamlens::model::row::{FindingIndex, RowContext};
use streamlens_filter::{Catalogue, Filter, Truth, complete};

/// Pieces that filters are made of, and some that they are not.
const PIECES: [&str; 62] = [
    "and",
    "or",
    "not",
    "any",
    "all",
    "in",
    "contains",
    "matches",
    "~",
    "(",
    ")",
    "{",
    "}",
    ",",
    "..",
    "==",
    "!=",
    "<",
    ">=",
    "eq",
    "&",
    "&&",
    "||",
    "!",
    "=",
    "+",
    "-",
    "*",
    "/",
    "jitter",
    "lost",
    "stream.lost",
    "port",
    "addr",
    "type",
    "encoding",
    "name",
    "ptp",
    "udp",
    "multicast",
    "vlan",
    "meta.keys",
    "measure.packets",
    "flow.jitter",
    "5ms",
    "0",
    "10Mbps",
    "80%",
    "3",
    "10.0.0.0/8",
    "239.1.1.300",
    "fe80::1",
    "02:00:00:80:00:01",
    "2026-03-02T09:00:00Z",
    "\"wing\"",
    "\"cam(\"",
    "r\"a.b\"",
    "$mine",
    "abs(",
    "count(",
    "IENA",
    "\u{b5}\u{1F600}",
];

fn text() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..14);
    prop_oneof![pieces.prop_map(|pieces| pieces.join(" ")), "[ -~]{0,40}", ".{0,40}"]
}

/// A filter that is one: tests joined at random.
fn filter() -> impl Strategy<Value = String> {
    let test = proptest::sample::select(FILTERS.to_vec()).prop_map(|(text, _)| text.to_owned());
    test.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|items| format!("({})", items.join(") and ("))),
            proptest::collection::vec(inner, 2..4).prop_map(|items| format!("({})", items.join(") or ("))),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in text()) {
        let catalogue = catalogue().named("mine", "jitter > 5ms");
        match Filter::parse(&text, &catalogue) {
            Ok(filter) => {
                let again = Filter::parse(&filter.to_string(), &catalogue);
                prop_assert_eq!(Ok(filter), again, "{}", text);
            }
            Err(error) => {
                let place = error.place();
                prop_assert!(place.start <= place.end && place.end <= text.len(), "{place:?} of {text}");
                prop_assert!(text.get(place).is_some() && !error.message().is_empty());
            }
        }
    }

    #[test]
    fn completion_stays_within_the_text(text in text(), cursor in 0_usize..60) {
        let completion = complete(&text, cursor, &catalogue());
        prop_assert!(text.get(completion.place.clone()).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn not_not_is_nothing_and_one_or_the_other_shows_every_flow(text in filter()) {
        let (analysis, catalogue) = (demo(), catalogue());
        let index = FindingIndex::new(&analysis.findings);
        let context = RowContext { now: analysis.capture.last_seen, findings: Some(&index), live: None };
        let parse = |text: &str| Filter::parse(text, &catalogue).unwrap();
        let (one, twice) = (parse(&text), parse(&format!("not not ({text})")));
        prop_assert_eq!(parse(&one.to_string()), one.clone());
        let none = parse(&format!("not ({text})"));
        let either = parse(&format!("({text}) or not ({text})"));
        for row in analysis.rows(context) {
            prop_assert_eq!(one.ask(&row), twice.ask(&row));
            prop_assert_eq!(one.matches(&row), one.ask(&row) == Truth::True);
            prop_assert_eq!(none.matches(&row), one.ask(&row) == Truth::False);
        }
        prop_assert_eq!(counts(&either, &analysis)[0], analysis.flows.len());
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_and_says_so() {
    let catalogue = Catalogue::new();
    let message = |text: &str| Filter::parse(text, &catalogue).unwrap_err().message().to_owned();
    for open in ["(", "not ", "!", "abs(", "not ("] {
        let text = open.repeat(65) + "lost > 0";
        assert!(message(&text).contains("64"), "{text}: {}", message(&text));
    }
    let deep = "(".repeat(64) + "vlan" + &")".repeat(64);
    assert!(Filter::parse(&deep, &catalogue).is_ok());
    let long = "vlan or ".repeat(511) + "vlan    ";
    assert_eq!(long.len(), 4096);
    assert!(Filter::parse(&long, &catalogue).is_ok());
    assert!(message(&(long + " ")).contains("4096"));
    assert!(message(&format!("name matches \"{}\"", "(a{900}){900}")).contains("too large"));
    assert!(Filter::parse(r#"name matches r"^\p{L}+ \pN""#, &catalogue).is_ok());
}

#[test]
fn named_filters_stand_for_what_they_say() {
    let catalogue = catalogue()
        .named("lossy", "lost > 0")
        .named("bad", "$lossy or severity >= error")
        .named("ring", "not $ring")
        .named("wrong", "jiter > 0");
    let analysis = demo();
    let counts = |text: &str| counts(&Filter::parse(text, &catalogue).unwrap(), &analysis);
    assert_eq!(counts("iena and $lossy"), counts("iena and lost > 0"));
    assert_eq!(counts("$bad"), counts("lost > 0 or severity >= error"));
    for (text, message) in [
        ("$ring", "names itself"),
        ("$wrong", "did you mean jitter"),
        ("$los", "no filter"),
        ("$", "a name must follow"),
    ] {
        let error = Filter::parse(text, &catalogue).unwrap_err();
        assert!(error.message().contains(message), "{error}");
        assert_eq!(error.place(), 0..text.len());
    }
    let many = (0..40).fold(catalogue.clone(), |all, number| {
        all.named(&format!("f{number}"), &format!("$f{0} or $f{0}", number + 1))
    });
    let error = Filter::parse("$f0", &many.named("f40", "vlan")).unwrap_err();
    assert!(error.message().contains("deep") || error.message().contains("tests"), "{error}");
}
