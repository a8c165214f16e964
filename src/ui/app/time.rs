//! Moments as operators write them: `03:11`, `03:11:30`, `-5m`, `1h30m ago`, `now`.

use crate::model::{Timestamp, text};

const DAY_MS: i64 = 86_400_000;

/// The moment that `written` means, seen from `now`; `None` is the present. A time of day is in
/// UTC and the last one there was.
///
/// # Errors
/// Says which forms are understood.
pub fn parse(written: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let word = written.trim().to_lowercase();
    if matches!(word.as_str(), "now" | "live" | "") {
        return Ok(None);
    }
    let back = word.strip_prefix('-').or_else(|| word.strip_suffix("ago"));
    let found = match back {
        Some(span) => duration_ms(span.trim()).map(|ms| now.plus_millis(-ms)),
        None => time_of_day(&word).map(|ms| last(ms, now)),
    };
    found.map(Some).ok_or_else(|| {
        format!("`{}` is no time: try 03:11, 03:11:30, -5m, -1h30m, 10m ago or now", text::clean(written))
    })
}

/// Milliseconds of `1h30m`, `90s`, `5 min`; a bare number counts as minutes.
fn duration_ms(span: &str) -> Option<i64> {
    let mut rest = span;
    let mut total = 0i64;
    if let Ok(minutes) = span.parse::<u32>() {
        return Some(i64::from(minutes) * 60_000);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        let tail = rest[digits..].trim_start();
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let unit = match &tail[..end] {
            "s" | "sec" | "second" | "seconds" => 1_000,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => DAY_MS,
            _ => return None,
        };
        total = total.checked_add(i64::from(number).checked_mul(unit)?)?;
        rest = tail[end..].trim_start();
    }
    (!span.is_empty()).then_some(total)
}

/// Milliseconds since midnight of `3:11` or `03:11:30`.
fn time_of_day(word: &str) -> Option<i64> {
    let parts: Vec<&str> = word.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let number = |s: &str, below: i64| s.parse::<i64>().ok().filter(|n| (0..below).contains(n));
    let (h, m) = (number(parts[0], 24)?, number(parts[1], 60)?);
    let s = parts.get(2).map_or(Some(0), |s| number(s, 60))?;
    Some(((h * 60 + m) * 60 + s) * 1000)
}

/// The last moment at this time of day that is not after `now`.
fn last(of_day_ms: i64, now: Timestamp) -> Timestamp {
    let today = Timestamp(now.millis() - now.millis().rem_euclid(DAY_MS) + of_day_ms);
    if today > now { today.plus_millis(-DAY_MS) } else { today }
}

/// A distance in time as the banner writes it: `2m 10s`, `1h 05m`, `43s`.
#[must_use]
pub fn distance(ms: i64) -> String {
    let s = ms.abs() / 1000;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        _ => format!("{}h {:02}m", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::SIM_EPOCH;
    use proptest::prelude::*;

    #[test]
    fn all_documented_forms_are_understood() {
        let now = SIM_EPOCH.plus_millis(12 * 60_000);
        for (written, expected) in [
            ("now", None),
            ("live", None),
            ("-5m", Some("03:07:00")),
            ("-30s", Some("03:11:30")),
            ("10m ago", Some("03:02:00")),
            ("1h 30 min ago", Some("01:42:00")),
            ("-1h30m", Some("01:42:00")),
            ("-5", Some("03:07:00")),
            ("03:11", Some("03:11:00")),
            ("3:11:30", Some("03:11:30")),
            ("23:59", Some("23:59:00")),
        ] {
            let t = parse(written, now).expect(written);
            assert_eq!(t.map(|t| t.clock().to_string()).as_deref(), expected, "{written}");
            assert!(t.is_none_or(|t| t <= now), "{written} lies in the past");
        }
    }

    #[test]
    fn what_is_no_time_is_answered_with_the_forms_that_are() {
        for wrong in ["soon", "25:00", "-5x", "12", "ago", "-", "03:61", "-99999999999999999999m"] {
            let e = parse(wrong, SIM_EPOCH).expect_err(wrong);
            assert!(e.contains("03:11") && e.contains("-5m"), "{e}");
        }
    }

    #[test]
    fn distances_read_like_durations() {
        assert_eq!(distance(43_900), "43s");
        assert_eq!(distance(-130_000), "2m 10s");
        assert_eq!(distance(3_900_000), "1h 05m");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_past_moment_or_an_error(written in ".{0,12}") {
            if let Ok(Some(t)) = parse(&written, SIM_EPOCH) {
                prop_assert!(t <= SIM_EPOCH);
            }
        }
    }
}
