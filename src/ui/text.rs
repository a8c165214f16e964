//! Text for cells: cut to a width, aligned, and numbers as operators read them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::Metric;
use crate::model::metric::Kind;

/// Columns that `text` takes on the screen.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `columns`, ending in `ellipsis` where something was cut.
#[must_use]
pub fn truncate(text: &str, columns: usize, ellipsis: char) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        used += w;
        out.push(c);
    }
    if columns > 0 {
        out.push(ellipsis);
    }
    out
}

/// `text` cut and then filled with blanks on the right to exactly `columns`.
#[must_use]
pub fn left(text: &str, columns: usize, ellipsis: char) -> String {
    let mut out = truncate(text, columns, ellipsis);
    out.extend(std::iter::repeat_n(' ', columns - width(&out).min(columns)));
    out
}

/// `text` cut and then filled with blanks on the left to exactly `columns`.
#[must_use]
pub fn right(text: &str, columns: usize, ellipsis: char) -> String {
    let cut = truncate(text, columns, ellipsis);
    format!("{}{cut}", " ".repeat(columns - width(&cut).min(columns)))
}

/// A whole number in groups of three: `12 384`.
#[must_use]
pub fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A number with `decimals`, grouped: `-1 095.5`. NaN is `-`.
#[must_use]
pub fn decimal(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        return String::from("-");
    }
    if value.abs() >= 1e15 {
        return format!("{value:.1e}");
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "-" } else { "" };
    format!("{sign}{}{rest}", integer(whole.parse().unwrap_or(0)))
}

/// A number with three significant digits or all of its whole ones: `1.25`, `23.9`, `190`.
#[must_use]
pub fn significant(value: f64) -> String {
    let a = value.abs();
    // What rounds up to the next power of ten has one digit fewer behind the point.
    decimal(
        value,
        if a < 9.995 {
            2
        } else if a < 99.95 {
            1
        } else {
            0
        },
    )
}

/// Power in W as it is read: `612 W`, `121 kW`, `1.25 MW`.
#[must_use]
pub fn power(watts: f64) -> String {
    match watts.abs() {
        w if w >= 999_500.0 => format!("{} MW", significant(watts / 1e6)),
        w if w >= 9_999.5 => format!("{} kW", significant(watts / 1e3)),
        w if w.is_nan() => String::from("-"),
        _ => format!("{} W", decimal(watts, 0)),
    }
}

/// Memory in MiB as decimal gigabytes, the unit on data sheets: `171 GB`.
#[must_use]
pub fn memory(mib: f64) -> String {
    let gb = mib * 1.048_576 / 1000.0;
    if gb.is_nan() { String::from("-") } else { format!("{} GB", decimal(gb, usize::from(gb < 9.95))) }
}

/// An age in milliseconds: `0.8 s`, `43 s`, `12:38`, `2:00:41`, `3 d`.
#[must_use]
pub fn age(millis: i64) -> String {
    let ms = millis.max(0);
    let s = ms / 1000;
    match s {
        0..10 => format!("{}.{} s", s, ms % 1000 / 100),
        10..100 => format!("{s} s"),
        100..3600 => format!("{}:{:02}", s / 60, s % 60),
        3600..172_800 => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        _ => format!("{} d", s / 86_400),
    }
}

/// A value of a metric with its unit: `88 °C`, `612 W`, `171 GB`, `1 095 MHz`.
#[must_use]
pub fn value(metric: Metric, value: f64) -> String {
    if value.is_nan() {
        return String::from("-");
    }
    match metric {
        Metric::Power => power(value),
        Metric::MemUsed => memory(value),
        Metric::Age => age((value * 1000.0) as i64),
        _ => {
            let spec = metric.spec();
            let decimals = usize::from(spec.kind == Kind::Quantity && spec.scale < 1.0);
            let number = decimal(value, decimals);
            if spec.unit.is_empty() { number } else { format!("{number} {}", spec.unit) }
        }
    }
}

/// Share in percent: `98.7 %`, and never `100 %` for less than all of it.
#[must_use]
pub fn percent(part: u64, all: u64) -> String {
    if all == 0 {
        return String::from("-");
    }
    if part >= all {
        return String::from("100 %");
    }
    let tenths = (u128::from(part) * 1000 / u128::from(all)).max(u128::from(part > 0));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `words` in at most `most` lines of so many columns; the last one is cut by whoever draws it.
#[must_use]
pub fn wrap(words: &str, columns: usize, most: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let full = usize::from(most) == lines.len();
        let line = lines.last_mut().expect("there is always one");
        if !line.is_empty() && !full && width(line) + 1 + width(word) > columns {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_characters_count_double_when_cut() {
        assert_eq!(truncate("計算機", 6, '…'), "計算機");
        assert_eq!(truncate("計算機", 5, '…'), "計算…");
        assert_eq!(truncate("計算機", 4, '…'), "計…");
        assert_eq!(truncate("abc", 0, '…'), "");
        assert_eq!(truncate("abc", 1, '~'), "~");
    }

    #[test]
    fn numbers_are_grouped_and_keep_their_sign() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(12_384), "12 384");
        assert_eq!(integer(1_234_567), "1 234 567");
        assert_eq!(decimal(-1095.55, 1), "-1 095.5");
        assert_eq!(decimal(-0.04, 1), "0.0");
        assert_eq!(decimal(f64::NAN, 1), "-");
    }

    #[test]
    fn power_reads_in_the_unit_of_its_size() {
        assert_eq!(power(612.4), "612 W");
        assert_eq!(power(121_400.0), "121 kW");
        assert_eq!(power(1_250_000.0), "1.25 MW");
        assert_eq!(power(190_600_000.0), "191 MW");
        assert_eq!(power(9_999_000.0), "10.0 MW");
        assert_eq!(power(999_900.0), "1.00 MW");
        assert_eq!(power(f64::NAN), "-");
    }

    #[test]
    fn ages_read_by_their_size() {
        assert_eq!(age(840), "0.8 s");
        assert_eq!(age(43_000), "43 s");
        assert_eq!(age(758_000), "12:38");
        assert_eq!(age(7_241_000), "2:00:41");
        assert_eq!(age(5 * 86_400_000), "5 d");
        assert_eq!(age(-5), "0.0 s");
    }

    #[test]
    fn values_carry_the_unit_of_their_metric() {
        assert_eq!(value(Metric::Temp, 88.0), "88 °C");
        assert_eq!(value(Metric::MemUsed, 163_000.0), "171 GB");
        assert_eq!(value(Metric::SmClock, 1095.0), "1 095 MHz");
        assert_eq!(value(Metric::Activity, 41.5), "41.5 %");
        assert_eq!(value(Metric::Temp, f64::NAN), "-");
    }

    #[test]
    fn less_than_all_is_never_a_hundred_percent() {
        assert_eq!(percent(100_223, 100_224), "99.9 %");
        assert_eq!(percent(100_224, 100_224), "100 %");
        assert_eq!(percent(1, 100_224), "0.1 %");
        assert_eq!(percent(0, 0), "-");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cut_text_always_fits(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(width(&truncate(&text, columns, '…')) <= columns.max(width(&text).min(columns)));
        }

        #[test]
        fn alignment_fills_the_width(text in "[ -~計]{0,20}", columns in 0usize..30) {
            prop_assert_eq!(width(&left(&text, columns, '~')), columns);
            prop_assert_eq!(width(&right(&text, columns, '~')), columns);
        }
    }

    #[test]
    fn long_words_are_wrapped_into_the_lines_there_are() {
        assert_eq!(wrap("close valve and drain", 11, 9), ["close valve", "and drain"]);
        assert_eq!(wrap("close valve and drain", 11, 1), ["close valve and drain"]);
        assert_eq!(wrap("", 11, 3), [""]);
        assert_eq!(wrap("unbreakable", 3, 3), ["unbreakable"]);
    }
}
