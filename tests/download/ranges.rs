//! `Range` headers: their grammar, and which bytes they mean (RFC 9110 §14.1.2).

#![expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what is compared")]

use std::ops::Range;

use bits_proto::Conformance::{Interop, Strict};
use bits_proto::InvalidValue;
use bits_proto::download::{ByteRanges, RangeSpec};
use bits_proto::limits::{MAX_HEADER_VALUE, MAX_RANGES};
use proptest::prelude::*;

fn resolved(header: &str, length: u64) -> Vec<Range<u64>> {
    let ranges = ByteRanges::parse(header.as_bytes(), Strict).unwrap();
    assert_eq!(ByteRanges::parse(header.as_bytes(), Interop), Ok(ranges.clone()), "{header}");
    ranges.resolve(length).collect()
}

#[test]
fn the_examples_of_rfc_9110() {
    assert_eq!(resolved("bytes=0-499", 10_000), [0..500]);
    assert_eq!(resolved("bytes=500-999", 10_000), [500..1000]);
    assert_eq!(resolved("bytes=-500", 10_000), [9500..10_000]);
    assert_eq!(resolved("bytes=9500-", 10_000), [9500..10_000]);
    assert_eq!(resolved("bytes=0-0,-1", 10_000), [0..1, 9999..10_000]);
    assert_eq!(resolved("bytes= 0-999, 4500-5499, -1000", 10_000), [0..1000, 4500..5500, 9000..10_000]);
    assert_eq!(resolved("bytes=500-600,601-999", 10_000), [500..601, 601..1000]);
    assert_eq!(resolved("bytes=500-700,601-999", 10_000), [500..701, 601..1000]);
}

#[test]
fn ranges_end_with_the_entity() {
    assert_eq!(resolved("bytes=5-100", 10), [5..10]);
    assert_eq!(resolved("bytes=-100", 10), [0..10]);
    assert_eq!(resolved("bytes=9-9", 10), [9..10]);
    for none in ["bytes=10-10", "bytes=10-", "bytes=-0"] {
        assert_eq!(resolved(none, 10), [], "{none}");
    }
    for nothing_to_name in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        assert_eq!(resolved(nothing_to_name, 0), [], "{nothing_to_name}");
    }
    assert_eq!(resolved("bytes=10-,3-4,-0", 10), [3..5]);
}

#[test]
fn numbers_past_every_length_are_no_mistake() {
    // RFC 9110 §14.1.2: "recipients MUST anticipate potentially large decimal numerals".
    assert_eq!(resolved("bytes=1-18446744073709551615", 10), [1..10]);
    assert_eq!(resolved("bytes=1-99999999999999999999999", 10), [1..10]);
    assert_eq!(resolved("bytes=-99999999999999999999999", 10), [0..10]);
    assert_eq!(resolved("bytes=99999999999999999999999-", 10), []);
    let all = RangeSpec::Closed { first: 0, last: u64::MAX };
    assert_eq!(all.resolve(u64::MAX), Some(0..u64::MAX));
}

#[test]
fn lists_may_have_blanks_and_empty_elements() {
    assert_eq!(resolved("bytes=0-0 ,\t2-2", 10), [0..1, 2..3]);
    assert_eq!(resolved("bytes=,0-0,,", 10), [0..1]);
    assert_eq!(resolved("BYTES=0-0", 10), [0..1]);
}

#[test]
fn blanks_inside_a_range_are_tolerated_by_interop_alone() {
    for loose in ["bytes =0-1", "bytes=0 -1", "bytes=0- 1", "bytes=- 2", "bytes=0\t-"] {
        assert!(ByteRanges::parse(loose.as_bytes(), Interop).is_ok(), "{loose:?}");
        assert_eq!(ByteRanges::parse(loose.as_bytes(), Strict), Err(InvalidValue::ByteRanges), "{loose:?}");
    }
}

#[test]
fn what_is_no_range() {
    for refused in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes 0-1",
        "bytes:0-1",
        "items=0-1",
        "0-1",
        "bytes=-",
        "bytes=1",
        "bytes=1-0",
        "bytes=0-1,5-4",
        "bytes=+0-1",
        "bytes=0-+1",
        "bytes=--1",
        "bytes=0-1-2",
        "bytes=0x0-0x1",
        "bytes=0-1;2-3",
        "bytes=0-1/9",
        "bytes=*",
        "bytes=a-b",
        "bytes=0-1,x",
        "bytes=0 1-2",
    ] {
        for conformance in [Interop, Strict] {
            let result = ByteRanges::parse(refused.as_bytes(), conformance);
            assert_eq!(result, Err(InvalidValue::ByteRanges), "{refused:?}");
        }
    }
}

#[test]
fn the_number_of_ranges_is_bounded() {
    let list = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
    assert!(ByteRanges::parse(list(MAX_RANGES).as_bytes(), Interop).is_ok());
    assert!(ByteRanges::parse(list(MAX_RANGES + 1).as_bytes(), Interop).is_err());
    assert!(ByteRanges::new(vec![RangeSpec::From(0); MAX_RANGES + 1]).is_err());
    assert!(ByteRanges::new(std::iter::repeat(RangeSpec::From(0))).is_err());
    assert!(ByteRanges::new([]).is_err());
    let long = format!("bytes=0-0{}", " ".repeat(MAX_HEADER_VALUE));
    assert!(ByteRanges::parse(long.as_bytes(), Interop).is_err());
}

#[test]
fn a_backwards_range_cannot_be_made() {
    assert_eq!(ByteRanges::new([RangeSpec::Closed { first: 2, last: 1 }]), Err(InvalidValue::ByteRanges));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_back(specs in prop::collection::vec(spec(), 1..=MAX_RANGES)) {
        let ranges = ByteRanges::new(specs).unwrap();
        prop_assert_eq!(ByteRanges::parse(ranges.to_header().as_bytes(), Strict), Ok(ranges));
    }

    #[test]
    fn no_range_reaches_past_the_entity(text in "bytes=[0-9, -]{0,60}", length in 0..1_000_000_u64) {
        if let Ok(ranges) = ByteRanges::parse(text.as_bytes(), Interop) {
            for range in ranges.resolve(length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}

/// Numbers of at most eleven digits, so that a hundred ranges fit into a header.
fn spec() -> impl Strategy<Value = RangeSpec> {
    let number = 0..100_000_000_000_u64;
    prop_oneof![
        (number.clone(), number.clone())
            .prop_map(|(a, b)| RangeSpec::Closed { first: a.min(b), last: a.max(b) }),
        number.clone().prop_map(RangeSpec::From),
        number.prop_map(RangeSpec::Suffix),
    ]
}

#[test]
#[cfg(feature = "serde")]
fn ranges_are_stored_as_their_text_and_checked_when_they_come_back() {
    let ranges: ByteRanges = "bytes=0-9,500-,-1".parse().unwrap();
    let stored = serde_json::to_string(&ranges).unwrap();
    assert_eq!(stored, r#""bytes=0-9,500-,-1""#);
    assert_eq!(serde_json::from_str::<ByteRanges>(&stored).unwrap(), ranges);
    assert!(serde_json::from_str::<ByteRanges>(r#""bytes=9-0""#).is_err());
}
