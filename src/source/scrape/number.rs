//! The tail of a sample line: a value, perhaps a time, perhaps an exemplar.

/// What dcgm-exporter writes where it could not format a value (`render_metrics.go`).
const FAILED_CONVERSION: &[u8] = b"ERROR - FAILED TO CONVERT TO STRING";

/// The value and the time that `text` consists of; exemplars behind `#` are ignored.
pub fn value_and_time(text: &[u8]) -> Option<(f64, Option<i64>)> {
    let text = skip_blanks(text);
    let (token, rest) = split_token(text);
    let Some(value) = number(token) else {
        return (text.trim_ascii_end() == FAILED_CONVERSION).then_some((f64::NAN, None));
    };
    if rest.is_empty() {
        return Some((value, None));
    }
    let (token, rest) = split_token(skip_blanks(rest));
    if token.is_empty() || token.starts_with(b"#") {
        return Some((value, None));
    }
    let time = time(token)?;
    let rest = skip_blanks(rest);
    (rest.is_empty() || rest.starts_with(b"#") || rest == b"\r").then_some((value, Some(time)))
}

/// A time: integer milliseconds, or (in OpenMetrics) seconds with a decimal point.
fn time(token: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(token).ok()?;
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    let seconds: f64 = text.parse().ok()?;
    seconds.is_finite().then_some((seconds * 1000.0) as i64)
}

/// A floating-point number as exporters write it. Short decimals, which nearly all are, go a fast
/// way that is exact: their digits fit a double, and dividing by an exact power of ten rounds once.
pub fn number(token: &[u8]) -> Option<f64> {
    match short(token) {
        Some((value, length)) if length == token.len() => Some(value),
        _ => number_in_full(token),
    }
}

/// The value of a line that consists, after its labels, of one blank and a short decimal; and the
/// length of that with the end of the line.
pub fn short_line(text: &[u8]) -> Option<(f64, usize)> {
    let (value, length) = short(text.strip_prefix(b" ")?)?;
    (text.get(length + 1) == Some(&b'\n')).then_some((value, length + 2))
}

/// The short decimal that `text` begins with, and its length.
fn short(text: &[u8]) -> Option<(f64, usize)> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    let mut length = 0;
    for b in digits.iter().take(16) {
        match b {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(b - b'0'),
            b'.' if point.is_none() => point = Some(length),
            _ => break,
        }
        length += 1;
    }
    if length > 15 {
        return None;
    }
    let decimals = point.map_or(0, |p| length - p - 1);
    let value = mantissa as f64 / POWERS[decimals];
    let sign = text.len() - digits.len();
    Some((if sign == 1 { -value } else { value }, sign + length))
}

#[cold]
fn number_in_full(token: &[u8]) -> Option<f64> {
    // Rust takes `infinity` and `nan` in any case, as Go does; neither takes blanks.
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// The bytes up to the next blank, and the rest from that blank on.
fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(text.len()))
}

/// `text` from its first byte on that is neither a space nor a tab.
pub fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some((b' ' | b'\t', rest)) = text.split_first() {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_needs_digits_and_nothing_behind_the_time() {
        for bad in ["", "-", "1.2.3", "--1", "1,5", "0x10", "1_000", "1 2 3", "1 x"] {
            assert_eq!(value_and_time(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(value_and_time(b" -0.5 12\r"), Some((-0.5, Some(12))));
    }

    #[test]
    fn a_short_line_is_a_blank_a_decimal_and_its_end() {
        assert_eq!(short_line(b" 1500\nx"), Some((1500.0, 6)));
        assert_eq!(short_line(b" -0.25\n"), Some((-0.25, 7)));
        for other in
            [&b" 1500"[..], b" 1500 17\n", b"1500\n", b" 1e3\n", b" 1500\r\n", b" NaN\n", b" \n", b""]
        {
            assert_eq!(short_line(other), None);
        }
        assert_eq!(short_line(b" 1234567890123456\n"), None, "more digits than fit");
    }

    proptest! {
        #[test]
        fn a_number_reads_as_the_standard_library_reads_it(v in any::<f64>(), places in 0..9_usize) {
            for text in [format!("{v}"), format!("{v:e}"), format!("{v:.places$}"), format!("{:.places$}", v % 1e6)] {
                let want: f64 = text.parse().expect("a float reads back");
                let got = number(text.as_bytes()).expect("a float is a number");
                prop_assert!(got == want || (got.is_nan() && want.is_nan()), "{} {} {}", text, got, want);
            }
        }
    }
}
