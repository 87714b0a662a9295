//! The text is that of `serde_json`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use streamlens::model::{Address, MacAddress, Metadata, Shared, Timestamp, Value};

use super::plain::push_short;
use super::*;

fn same(value: &impl Serialize) {
    let mut written = JsonBuffer { text: b"before".to_vec(), ..JsonBuffer::default() };
    written.append(value).expect("it serializes");
    let wanted = serde_json::to_string(value).expect("it serializes");
    assert_eq!(String::from_utf8(written.text).expect("JSON is UTF-8"), format!("before{wanted}"));
}

#[test]
fn every_kind_of_value_is_written_as_serde_json_does() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct New(u8);
    #[derive(Serialize)]
    struct Pair(u8, i128);
    #[derive(Serialize)]
    struct Fields {
        one: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<u8>,
        other: char,
    }
    #[derive(Serialize)]
    enum Any {
        Unit,
        New(&'static str),
        Pair(u8, u16),
        Fields { x: f32, y: f64 },
    }
    same(&(Unit, New(7), Pair(255, i128::MIN), u128::MAX, (), true, false));
    same(&Fields { one: None, none: None, other: '"' });
    same(&Fields { one: Some(10), none: Some(9), other: '\u{1F600}' });
    same(&[Any::Unit, Any::New("a\nb"), Any::Pair(1, 2), Any::Fields { x: 0.1, y: -1e300 }]);
    same(&[f64::NAN, f64::INFINITY, -0.0, 0.0, 1.0, -1.0, 1e14, 1e15, -1e15, 1e16, 1e17, 1e300, 1e-7, 123_456.789]);
    same(&[999_999_999_999_999.0, 1_000_000_000_000_001.0, i64::MAX as f64, i64::MIN as f64]);
    same(&(f32::NAN, [0_u8; 0], [(); 0], serde_json::Map::new()));
    same(&BTreeMap::from([(7_u32, "seven"), (8, "")]));
    same(&BTreeMap::from([("a key that is longer than those that are short", 1), ("\n", 2)]));
    same(&BTreeMap::from([(-7_i64, BTreeMap::from([("q\"", 'x')]))]));
    same(&(u64::MAX, i64::MIN, 9_u64, 10_u64, -1_i8, 100_i16, 70_000_i32));
    same(&[0, 1_700_000_000_000_000_001, 1_700_000_000_999_999_999, i64::MIN, i64::MAX].map(Timestamp::from_nanos));
    same(&BTreeMap::from([(Timestamp::from_nanos(1), MacAddress([1; 6]))]));
    same(&BTreeMap::from([(MacAddress([0xAB; 6]), Address::V4([10, 0, 0, 1].into()))]));
    same(&[Address::None, Address::Mac(MacAddress([0; 6])), Address::V6([u16::MAX; 8].into())]);
    same(&std::net::IpAddr::from([10, 0, 0, 1]));
    (0..=10_001_u64).for_each(|number| same(&number));
    let powers = (1..20).map(|digits| 10_u64.pow(digits));
    powers.for_each(|power| same(&[power - 1, power, power + 1, power / 7 * 6, u64::MAX - power]));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(|number| Value::from(number as f64)),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        ".*".prop_map(Value::from),
        "[ -~]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::btree_map(".*", inner, 0..6).prop_map(Value::map),
        ]
    })
}

#[test]
fn keys_that_stand_in_the_program_are_written_wherever_they_are() {
    let names = [
        "",
        "one",
        "a key of 36 bytes, the last that fits",
        "a key that is longer than those that are remembered",
        "\"\n",
    ];
    let all = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(40).leak();
    let parts = (0..1000).map(|at| &all[at..at + 1 + at % 36]).chain(names);
    let one: Metadata = parts.map(|name| (name, Value::from(name.len() as u64))).collect();
    same(&[one.clone(), one]);
}

#[test]
fn long_names_are_written_too() {
    #[derive(Serialize)]
    struct Named {
        a_name_of_no_more_than_thirty_six_byt: u8,
        a_name_that_is_longer_than_any_of_ours_will_ever_be: u8,
        a_name_that_is_longer_than_any_of_ours_will_ever_be_too: u8,
    }
    same(&Named {
        a_name_of_no_more_than_thirty_six_byt: 1,
        a_name_that_is_longer_than_any_of_ours_will_ever_be: 2,
        a_name_that_is_longer_than_any_of_ours_will_ever_be_too: 3,
    });
}

#[test]
fn every_byte_is_known_to_be_plain_or_not_wherever_it_stands() {
    for byte in 0..=u8::MAX {
        let is_one = byte >= b' ' && byte != b'"' && byte != b'\\';
        for length in 1..40 {
            for at in 0..length {
                let mut text = vec![0xFF; length];
                text[at] = byte;
                assert_eq!(is_plain(&text), is_one, "{byte} at {at} of {length}");
                let mut out = b"before".to_vec();
                assert_eq!(
                    push_short::<false>(&mut out, 0, &text),
                    is_one && length <= 32,
                    "{byte} at {at} of {length}"
                );
                let quoted = if is_one && length <= 32 { [b"\"", text.as_slice(), b"\""].concat() } else { Vec::new() };
                assert_eq!(out, [b"before", quoted.as_slice()].concat(), "{byte} at {at} of {length}");
            }
        }
    }
    assert!(is_plain(b""));
    same(&"");
}

#[test]
fn what_is_shared_is_written_wherever_it_stands() {
    let (one, other) = (Shared::new(vec!["one"]), Shared::new(vec!["other"]));
    let both = Shared::new((one.clone(), other.clone()));
    same(&[one.clone(), one.clone(), other.clone(), one.clone(), one]);
    same(&(&both, &both, other.clone(), &both, other));
    same(&Shared::new(Shared::new(7)));
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_does(value in value()) {
        same(&value);
    }
}
