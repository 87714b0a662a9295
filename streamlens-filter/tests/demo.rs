//! What filters show of the demo capture.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue, counts, demo};
use streamlens_filter::Filter;

#[test]
fn filters_show_of_the_demo_what_the_reference_says() {
    let (analysis, catalogue) = (demo(), catalogue());
    let mut wrong = Vec::new();
    for (text, wanted) in FILTERS {
        let filter = Filter::parse(text, &catalogue).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = counts(&filter, &analysis);
        if shown != wanted {
            wrong.push(format!("{text}: {shown:?} rather than {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = counts(&Filter::parse("", &catalogue).unwrap(), &analysis);
    assert_eq!(all, [23, 19, 35]);
}

/// Filters, the place that is marked in brackets, and what is said.
const MISTAKES: [(&str, &str); 20] = [
    ("ip.dst [=] 239.1.1.1", "write == to compare"),
    ("ip.dst == [239.1.1.300]", "is no address, no network such as 10.0.0.0/8, no address:port"),
    ("ip.addr == [10.0.0.0/33]", "a network of IPv4 has at most 32 bits"),
    ("[jiter] > 5ms", "did you mean jitter?"),
    ("jitter > [5]", "a duration needs a unit: 5ms, 5us, 5s?"),
    ("jitter > [10Mbps]", "is no duration; units: ns, us, ms, s, min, h"),
    ("lost > [many]", "is no number"),
    ("encoding == [\"IEAN\"]", "no decoder is called that; did you mean IENA?"),
    ("ptp [and]", "something to test must follow"),
    ("[(]ptp or iena", "this ( is not closed"),
    ("ptp [iena]", "put and or or between"),
    ("type in [{]Sync, Follow_Up", "this { is not closed"),
    ("name matches \"cam[(]\"", "the pattern is wrong at its character 4"),
    ("ip.dst [>] 10.0.0.1", "addresses have no order"),
    ("[lost] contains \"1\"", "contains needs a text; lost is a number"),
    ("severity >= [fatal]", "is none of info, warning, error"),
    ("1ms < jitter [<] 5ms", "write jitter in {1ms..5ms}, or join two comparisons with and"),
    ("name == [\"cam]", "the text is not closed"),
    ("ptp [&] iena", "write and"),
    ("[p99-p50] > 1ms", "to subtract, put spaces around -"),
];

#[test]
fn mistakes_are_marked_where_they_are() {
    let catalogue = catalogue();
    for (marked, message) in MISTAKES {
        let open = marked.find('[').unwrap();
        let close = marked.rfind(']').unwrap();
        let text = format!("{}{}{}", &marked[..open], &marked[open + 1..close], &marked[close + 1..]);
        let error = Filter::parse(&text, &catalogue).expect_err(&text);
        assert_eq!(error.place(), open..close - 1, "{text}: {error}");
        assert!(error.message().contains(message), "{text}: {error}");
    }
    let error = Filter::parse("ptp and jiter > 5ms", &catalogue).unwrap_err();
    let wanted =
        "the filter is wrong: there is no field 'jiter'; did you mean jitter?\n  ptp and jiter > 5ms\n          ^^^^^";
    assert_eq!(error.to_string(), wanted);
}
