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
const MISTAKES: [(&str, &str); 65] = [
    ("ip.dst [=] 239.1.1.1", "write == to compare"),
    ("ip.dst == [239.1.1.300]", "is no address, no network such as 10.0.0.0/8, no address:port"),
    ("ip.addr == [10.0.0.0/33]", "a network of IPv4 has at most 32 bits"),
    ("[jiter] > 5ms", "did you mean jitter?"),
    ("jitter > [5]", "a duration needs a unit: 5ms, 5us, 5s?"),
    ("jitter > [10Mbps]", "is no duration; units: ns, us, ms, s, min, h"),
    ("lost > [many]", "is no number"),
    ("dt in {[5ms..1us]}", "nothing is in this range: write {1us..5ms}"),
    ("tcp.port in {80, [0x20..20]}", "write {20..0x20}"),
    ("finding == [iena.los]", "no finding is called that; did you mean iena.loss?"),
    ("finding in {rtp.loss, [nosuch]}", "no finding is called that"),
    ("encoding == [\"IEAN\"]", "no decoder is called that; did you mean IENA?"),
    ("ptp [and]", "something to test must follow"),
    ("[(]ptp or iena", "this ( is not closed"),
    ("rtp [(] and udp", "put and or or between"),
    ("jitter > 5ms [(]", "put and or or between"),
    ("\"wing\" [(]", "put and or or between"),
    ("(udp [(])", "put and or or between"),
    ("ptp [iena]", "put and or or between"),
    ("type in [{]Sync, Follow_Up", "this { is not closed"),
    ("name matches \"cam[(]\"", "the pattern is wrong at its character 4"),
    ("ip.dst [>] 10.0.0.1", "addresses have no order"),
    ("[lost] contains \"1\"", "contains needs a text; lost is a number"),
    ("severity >= [fatal]", "is none of info, warning, error"),
    ("1ms < jitter [<] 5ms", "write 1ms < jitter and jitter < 5ms"),
    ("1ms <= jitter [<=] 5ms", "write jitter in {1ms..5ms}, or 1ms <= jitter and jitter <= 5ms"),
    ("([p99 - p50]) > 1ms", "brackets stand around whole tests only"),
    ("(lost) [>] 0", "brackets stand around whole tests only"),
    ("lost [not] in {1}", "not stands in front of a whole test"),
    ("idle > [1m]", "did you mean min?"),
    ("bytes > [1mb]", "did you mean MB?"),
    ("loss > 80 [%]", "write number and unit as one"),
    ("packets > [0xffffffffffffffff]", "no hexadecimal number up to 2^53"),
    ("vlan == [30ms]", "has a unit, and vlan is a number without one"),
    ("lost > [5ms]", "has a unit, and lost is a number without one"),
    ("vlan == [-1]", "VLAN identifiers go from 0 to 4095"),
    ("[any]", "any and all stand in front of a comparison"),
    ("name matches \"[(]?=a)\"", "look-around"),
    ("name == [\"cam]", "the text is not closed"),
    ("min[()] > 3", "min needs a value here, such as min(p99)"),
    ("min(p50[,)] > 3", "min needs a value here"),
    ("ptp [&] iena", "write and"),
    ("jitter > 5 [ms]", "write number and unit as one: 5ms"),
    ("packets > 1[,]000", "numbers have no commas"),
    ("encoding == RTP[,] IENA", "several values stand in {}"),
    ("name contains [']cam'", "double quotation marks"),
    ("[drift] > 5ppm", "did you mean stream.drift?"),
    ("[vlan.id] == 30", "did you mean vlan?"),
    ("[ip] == 10.0.0.1", "did you mean ip.addr?"),
    ("[p99-p50] > 1ms", "to subtract, put spaces around -"),
    ("ptp [AND] udp", "write and in small letters"),
    ("[NOT] ptp", "write not in small letters"),
    ("lost [GT] 0", "write gt in small letters"),
    ("type in {Sync[,]}", "a value must follow"),
    ("[IENA] == encoding", "the field comes first: encoding == IENA"),
    ("[10.0.0.1] != src", "the field comes first: src != 10.0.0.1"),
    ("first_seen > [2026-03-02T09:00:00]", "needs its zone: 2026-03-02T09:00:00Z"),
    ("[flow.jiter]", "did you mean flow.jitter?"),
    ("[stream.nothing]", "there is no field 'stream.nothing'"),
    ("port == [70000]", "ports go from 0 to 65535"),
    ("udp.port in {[65536]}", "ports go from 0 to 65535"),
    ("vlan == [99999]", "VLAN identifiers go from 0 to 4095"),
    ("dscp > [64]", "DSCP goes from 0 to 63"),
    ("confidence >= [99]", "a share goes from 0 to 100%"),
    ("p99 > 5e3 [ms]", "put and or or between"),
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
    assert!(Filter::parse("p99 > 5e3ms and flow.rate < 1.5e2Mbps", &catalogue).is_ok());
    let error = Filter::parse("ptp and jiter > 5ms", &catalogue).unwrap_err();
    let wanted =
        "the filter is wrong: there is no field 'jiter'; did you mean jitter?\n  ptp and jiter > 5ms\n          ^^^^^";
    assert_eq!(error.to_string(), wanted);
}
