//! Both messages say the same; broken ones are refused, and none does harm.

use proptest::prelude::*;

use super::super::testing::{Given, fields, message, put_bytes};
use super::*;

type Seen = Vec<(Vec<(String, String)>, Vec<(i64, u64)>)>;

fn collect(protocol: Protocol, body: &[u8], bounds: &Bounds) -> (Seen, Result<Content, WireError>) {
    let mut seen = Seen::new();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let content = read(protocol, body, bounds, &mut |labels, points| {
        let labels = labels.iter().map(|l| (text(l.name), text(l.raw))).collect();
        seen.push((labels, points.iter().map(|p| (p.time, p.value.to_bits())).collect()));
    });
    (seen, content)
}

fn two() -> Vec<Given<'static>> {
    vec![
        (vec![("__name__", "up"), ("gpu", "0")], vec![(1000, 1.5), (2000, 0.0)]),
        (vec![("__name__", "up"), ("gpu", "1")], vec![(0, f64::from_bits(STALE))]),
    ]
}

#[test]
fn both_protocols_say_the_same() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let (seen, content) = collect(protocol, &message(protocol, &two()), &Bounds::default());
        let content = content.expect("well-formed");
        assert_eq!((content.series, content.samples, content.unfit), (2, 3, 0));
        assert_eq!(seen[0].0, [("__name__".into(), "up".into()), ("gpu".into(), "0".into())]);
        assert_eq!(seen[0].1, [(1000, 1.5_f64.to_bits()), (2000, 0)]);
        assert_eq!(seen[1].1, [(0, STALE)], "{protocol:?}: the stale marker keeps its bits");
    }
}

#[test]
fn only_one_nan_is_a_stale_marker() {
    let marker = Point { time: 0, value: f64::from_bits(STALE) };
    assert!(marker.is_stale());
    assert!(!Point { value: f64::NAN, ..marker }.is_stale());
}

#[test]
fn too_many_series_or_symbols_are_refused() {
    let bounds = Bounds { series: 1, ..Bounds::default() };
    for protocol in [Protocol::V1, Protocol::V2] {
        let (seen, content) = collect(protocol, &message(protocol, &two()), &bounds);
        assert_eq!((seen.len(), content), (1, Err(WireError::TooMany("series", 1))));
    }
    let bounds = Bounds { symbols: 2, ..Bounds::default() };
    let (seen, content) = collect(Protocol::V2, &message(Protocol::V2, &two()), &bounds);
    assert_eq!((seen.len(), content), (0, Err(WireError::TooMany("symbols", 2))));
}

#[test]
fn a_series_with_too_many_or_too_long_labels_loses_only_itself() {
    let long = "x".repeat(100);
    let series: Vec<Given<'_>> = vec![
        (vec![("__name__", "a"), ("b", "1"), ("c", "2")], vec![(1, 1.0)]),
        (vec![("__name__", &long)], vec![(1, 1.0)]),
        (vec![("__name__", "fine")], vec![(1, 1.0)]),
    ];
    let bounds = Bounds { labels: 2, label_bytes: 50, ..Bounds::default() };
    for protocol in [Protocol::V1, Protocol::V2] {
        let (seen, content) = collect(protocol, &message(protocol, &series), &bounds);
        assert_eq!(content.expect("well-formed").unfit, 2);
        assert_eq!(seen.iter().map(|s| s.0[0].1.as_str()).collect::<Vec<_>>(), ["fine"]);
    }
}

#[test]
fn a_reference_to_no_symbol_loses_the_series() {
    for references in [&[1_u8, 9][..], &[1], &[0xff, 0xff, 0xff, 0xff, 0x0f, 1]] {
        let body = fields(|w| {
            put_bytes(w, 4, b"");
            put_bytes(w, 4, b"name");
            put_bytes(w, 5, &fields(|w| put_bytes(w, 1, references)));
        });
        let (seen, content) = collect(Protocol::V2, &body, &Bounds::default());
        assert_eq!((seen.len(), content.map(|c| c.unfit)), (0, Ok(1)), "{references:?}");
    }
}

#[test]
fn symbols_may_stand_behind_the_series() {
    let series = fields(|w| put_bytes(w, 1, &[1, 2]));
    let body = fields(|w| {
        put_bytes(w, 5, &series);
        [&b""[..], b"name", b"value"].iter().for_each(|s| put_bytes(w, 4, s));
    });
    let (seen, _) = collect(Protocol::V2, &body, &Bounds::default());
    assert_eq!(seen[0].0, [("name".into(), "value".into())]);
    let bare = fields(|w| put_bytes(w, 4, b"not empty"));
    assert!(collect(Protocol::V2, &bare, &Bounds::default()).1.is_err());
}

#[test]
fn other_parts_are_counted_and_left_out() {
    let series = fields(|w| {
        put_bytes(w, 3, b"");
        put_bytes(w, 4, b"");
        put_bytes(w, 4, b"");
        put_bytes(w, 99, b"later");
        w.write_with_tag(7 << 3 | 5, |w| w.write_fixed32(1)).expect("memory");
    });
    let body = fields(|w| {
        put_bytes(w, 1, &series);
        put_bytes(w, 3, b"metadata");
    });
    let (seen, content) = collect(Protocol::V1, &body, &Bounds::default());
    let content = content.expect("well-formed");
    assert_eq!((seen.len(), content.exemplars, content.histograms), (1, 1, 2));
}

#[test]
fn a_cut_message_is_refused_or_shorter_but_never_read_beyond() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let whole = message(protocol, &two());
        for cut in 0..whole.len() {
            let (seen, _) = collect(protocol, &whole[..cut], &Bounds::default());
            assert!(seen.len() < 2, "{protocol:?} cut at {cut}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = collect(Protocol::V1, &body, &Bounds::default());
        let _ = collect(Protocol::V2, &body, &Bounds::default());
    }

    #[test]
    fn damaged_messages_do_no_harm(at in 0..200_usize, byte in any::<u8>()) {
        for protocol in [Protocol::V1, Protocol::V2] {
            let mut body = message(protocol, &two());
            let at = at % body.len();
            body[at] = byte;
            let (seen, _) = collect(protocol, &body, &Bounds::default());
            prop_assert!(seen.len() <= body.len());
        }
    }

    #[test]
    fn what_is_written_is_read_again(
        given in proptest::collection::vec(
            ("[a-z]{1,8}", "\\PC{0,12}", proptest::collection::vec((any::<i64>(), any::<f64>()), 0..4)),
            0..6,
        )
    ) {
        let series: Vec<Given<'_>> =
            given.iter().map(|(n, v, p)| (vec![(n.as_str(), v.as_str())], p.clone())).collect();
        for protocol in [Protocol::V1, Protocol::V2] {
            let (seen, content) = collect(protocol, &message(protocol, &series), &Bounds::default());
            prop_assert!(content.is_ok());
            for ((labels, points), (name, value, want)) in seen.iter().zip(&given) {
                prop_assert_eq!(labels, &[(name.clone(), value.clone())]);
                let want: Vec<_> = want.iter().map(|(t, v)| (*t, v.to_bits())).collect();
                prop_assert_eq!(points, &want);
            }
            prop_assert_eq!(seen.len(), given.len());
        }
    }
}
