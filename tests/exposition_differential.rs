//! Our reader of exposition text against a published one, on real pages and on random valid ones:
//! both must see the same samples with the same labels and values. The other one does not know escapes,
//! nor commas, equals signs and braces within values, nor colons in names: such lines are left out.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use hallwatch::source::scrape::exposition::scan;
use proptest::prelude::*;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/samples");

/// A sample in a form that can be compared: family, labels by name, and the value's bits.
type Seen = (u64, BTreeMap<String, String>, u64);

fn key(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// NaN has many bit patterns.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn ours(page: &str) -> Vec<Seen> {
    let mut out = Vec::new();
    let classify = |name: &[u8]| Some(key(&String::from_utf8_lossy(name)));
    let tally = scan(page.as_bytes(), classify, |family, s| {
        let labels = s.labels.map(|l| (String::from_utf8_lossy(l.name).into_owned(), l.text().into_owned()));
        out.push((family, labels.collect(), bits(s.value)));
    });
    assert_eq!((tally.bad, tally.samples as usize), (0, out.len()), "every line is a sample");
    out.sort();
    out
}

fn theirs(page: &str) -> Vec<Seen> {
    let lines = page.lines().map(|l| Ok(l.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).expect("their reader takes it");
    let seen = |s: &prometheus_parse::Sample| {
        let value = match s.value {
            prometheus_parse::Value::Untyped(v)
            | prometheus_parse::Value::Counter(v)
            | prometheus_parse::Value::Gauge(v) => v,
            ref other => panic!("pages without comments have no types: {other:?}"),
        };
        let labels = s.labels.iter().map(|(k, v)| (k.trim().to_owned(), v.clone())).collect();
        (key(&s.metric), labels, bits(value))
    };
    let mut out: Vec<_> = scrape.samples.iter().map(seen).collect();
    out.sort();
    out
}

/// The lines of `page` that are samples and that both readers know: comments give types, and with
/// them the other one joins the lines of a histogram.
fn samples_of(page: &str) -> String {
    let lines = page.lines().filter(|l| is_common(l));
    lines.map(|l| format!("{l}\n")).collect()
}

fn is_common(line: &str) -> bool {
    let named = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let valued = line.rsplit(' ').next().is_some_and(|v| v.parse::<f64>().is_ok());
    // Every second piece between quotation marks is a value.
    let plain =
        line.split('"').skip(1).step_by(2).all(|v| !v.is_empty() && !v.contains([',', '=', '{', '}']));
    let name = line.split('{').next().unwrap_or_default();
    named && valued && plain && !line.contains('\\') && !name.contains(':')
}

fn pages() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(Path::new(SAMPLES)) else {
        println!("skipped: no {SAMPLES}");
        return Vec::new();
    };
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    paths.filter(|p| p.extension().is_some_and(|e| e == "prom")).collect()
}

#[test]
fn real_pages_are_read_as_another_reader_reads_them() {
    for path in pages() {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("readable")).into_owned();
        let page = samples_of(&text);
        let (ours, theirs) = (ours(&page), theirs(&page));
        assert!(!ours.is_empty(), "{}", path.display());
        assert_eq!(ours.len(), theirs.len(), "{}", path.display());
        let differ = ours.iter().zip(&theirs).find(|(a, b)| a != b);
        assert_eq!(differ, None, "{}", path.display());
    }
}

#[test]
fn the_comparison_sees_a_difference() {
    let page = "a{x=\"1\"} 1\n";
    assert_eq!(ours(page), theirs(page));
    for other in ["a{x=\"2\"} 1\n", "a{x=\"1\"} 2\n", "b{x=\"1\"} 1\n", "a{y=\"1\"} 1\n"] {
        assert_ne!(ours(page), theirs(other), "{other}");
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|n| n.to_string()),
        (-1e9..1e9f64).prop_map(|x| format!("{x:.6}")),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| format!("{x:e}")),
        Just("NaN".to_owned()),
        Just("+Inf".to_owned()),
        Just("-Inf".to_owned()),
    ]
}

prop_compose! {
    fn line()(
        name in "[a-zA-Z_][a-zA-Z0-9_]{0,20}",
        labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,10}", "[a-zA-Z0-9äß°:/.+-]{1,12}", 0..6),
        value in value(),
        time in proptest::option::of(0..4_000_000_000_000_i64),
    ) -> String {
        let pairs: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let braces = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let time = time.map_or_else(String::new, |t| format!(" {t}"));
        format!("{name}{braces} {value}{time}\n")
    }
}

proptest! {
    #[test]
    fn random_pages_are_read_as_another_reader_reads_them(lines in proptest::collection::vec(line(), 1..40)) {
        let page = lines.concat();
        prop_assert_eq!(ours(&page), theirs(&page));
    }
}
