//! Moments as operators write them: `03:11`, `03:11:30`, `-5m`, `1h30m ago`, `yesterday 14:00`,
//! `2026-11-22 03:11`, `50%`, `alarm 18842`, `now`. Times of day and dates are in UTC.

use crate::model::alarm::AlarmBoard;
use crate::model::chronicle::{Chronicle, HappeningKind};
use crate::model::{Timestamp, text};

const DAY_MS: i64 = 86_400_000;
/// What is said about anything else.
const FORMS: &str = "try 03:11, -5m, 2h ago, yesterday 14:00, 2026-11-22 03:11, 50%, alarm 18842 or now";

/// What moments are seen from.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Where distances are counted from: now, or the position in a recording.
    pub now: Timestamp,
    /// The newest moment that can be meant.
    pub newest: Timestamp,
    /// First and last moment that can be shown.
    pub reach: Option<(Timestamp, Timestamp)>,
    /// What is known of the past.
    pub chronicle: Option<&'a Chronicle>,
    /// The alarms that stand.
    pub board: &'a AlarmBoard,
}

/// The moment that `written` means, seen from `around`; `None` is the present. A time of day is the
/// last one there was.
///
/// # Errors
/// Says which forms are understood, or why this moment cannot be shown.
pub fn parse(written: &str, around: &Around<'_>) -> Result<Option<Timestamp>, String> {
    let word = written.trim().to_lowercase();
    if matches!(word.as_str(), "now" | "live" | "") {
        return Ok(None);
    }
    if let Some(percent) = word.strip_suffix('%') {
        return share(percent.trim(), around).map(Some);
    }
    if let Some(number) = word.strip_prefix("alarm").or_else(|| word.strip_prefix('#')) {
        return raised(number.trim(), around).map(Some);
    }
    let back = word.strip_prefix('-').or_else(|| word.strip_suffix("ago"));
    let found = match back {
        Some(span) => duration_ms(span.trim()).map(|ms| around.now.plus_millis(-ms)),
        None => day(&word, around.newest).or_else(|| time_of_day(&word).map(|ms| last(ms, around.newest))),
    };
    match found {
        Some(time) if time > around.newest => Err(format!("{} lies after {}", time, around.newest)),
        Some(time) => Ok(Some(time)),
        None => Err(format!("`{}` is no time: {FORMS}", text::clean(written))),
    }
}

/// The moment at so many per cent of all there is.
fn share(percent: &str, around: &Around<'_>) -> Result<Timestamp, String> {
    let (first, last) = around.reach.ok_or("there is no past yet")?;
    let share = percent.parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p));
    let share = share.ok_or_else(|| format!("`{}%` is not 0% to 100%", text::clean(percent)))?;
    Ok(first.plus_millis((last.since(first) as f64 * share / 100.0) as i64))
}

/// When the alarm of this number was raised last.
fn raised(number: &str, around: &Around<'_>) -> Result<Timestamp, String> {
    let id = number.trim_start_matches('#').parse::<u64>().ok();
    let id = id.ok_or_else(|| format!("`{}` is no number of an alarm", text::clean(number)))?;
    let events = around.chronicle.map_or(&[][..], |c| &c.events);
    let told = events
        .iter()
        .rev()
        .find(|e| e.alarm.0 == id && e.kind == HappeningKind::Raised && e.time <= around.newest);
    let stands = || around.board.alarms.iter().find(|a| a.id.0 == id).map(|a| a.raised);
    let time = told.map(|e| e.time).or_else(stands).filter(|t| *t <= around.newest);
    time.ok_or_else(|| format!("nothing is known of an alarm {id:06}"))
}

/// A time on a day: `yesterday 14:00`, `today 9:30`, `2026-11-22 03:11`, `2026-11-22T03:11:30Z`.
fn day(word: &str, newest: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = word.to_uppercase().parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_millisecond()));
    }
    let (day, time) = word.split_once([' ', 't']).unwrap_or((word, "00:00"));
    let midnight = |t: Timestamp| Timestamp(t.millis() - t.millis().rem_euclid(DAY_MS));
    let start = match word {
        w if w.starts_with("yesterday") => midnight(newest).plus_millis(-DAY_MS),
        w if w.starts_with("today") => midnight(newest),
        _ => {
            let date = day.parse::<jiff::civil::Date>().ok()?;
            Timestamp(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
        }
    };
    let time = match word.strip_prefix("yesterday").or_else(|| word.strip_prefix("today")) {
        Some("") => "00:00",
        Some(rest) => rest.trim(),
        None => time.trim(),
    };
    time_of_day(time.trim_end_matches('z')).map(|ms| start.plus_millis(ms))
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
    use std::sync::Arc;

    use super::*;
    use crate::model::alarm::AlarmId;
    use crate::model::chronicle::Happening;
    use crate::model::time::SIM_EPOCH;
    use proptest::prelude::*;

    fn at(now: Timestamp, chronicle: &Chronicle, written: &str) -> Result<Option<Timestamp>, String> {
        let board = AlarmBoard::default();
        let reach = Some((now.plus_millis(-600_000), now));
        parse(written, &Around { now, newest: now, reach, chronicle: Some(chronicle), board: &board })
    }

    fn seen(now: Timestamp, written: &str) -> Result<Option<Timestamp>, String> {
        at(now, &Chronicle::default(), written)
    }

    #[test]
    fn all_documented_forms_are_understood() {
        let now = SIM_EPOCH.plus_millis(12 * 60_000);
        for (written, expected) in [
            ("now", None),
            ("live", None),
            ("-5m", Some("2026-11-22T03:07:00Z")),
            ("-30s", Some("2026-11-22T03:11:30Z")),
            ("10m ago", Some("2026-11-22T03:02:00Z")),
            ("2 h ago", Some("2026-11-22T01:12:00Z")),
            ("1h 30 min ago", Some("2026-11-22T01:42:00Z")),
            ("-1h30m", Some("2026-11-22T01:42:00Z")),
            ("-5", Some("2026-11-22T03:07:00Z")),
            ("03:11", Some("2026-11-22T03:11:00Z")),
            ("3:11:30", Some("2026-11-22T03:11:30Z")),
            ("23:59", Some("2026-11-21T23:59:00Z")),
            ("yesterday 14:00", Some("2026-11-21T14:00:00Z")),
            ("Yesterday", Some("2026-11-21T00:00:00Z")),
            ("today 1:00", Some("2026-11-22T01:00:00Z")),
            ("2026-11-22 03:11", Some("2026-11-22T03:11:00Z")),
            ("2026-11-20", Some("2026-11-20T00:00:00Z")),
            ("2026-11-22T03:11:30Z", Some("2026-11-22T03:11:30Z")),
            ("2026-11-22T04:11:30+01:00", Some("2026-11-22T03:11:30Z")),
            ("50%", Some("2026-11-22T03:07:00Z")),
            ("0 %", Some("2026-11-22T03:02:00Z")),
        ] {
            let t = seen(now, written).expect(written);
            assert_eq!(t.map(|t| t.to_string()).as_deref(), expected, "{written}");
            assert!(t.is_none_or(|t| t <= now), "{written} lies in the past");
        }
    }

    #[test]
    fn an_alarm_means_the_moment_it_was_raised_last() {
        let event = |second: i64, kind| Happening {
            time: SIM_EPOCH.plus_millis(1000 * second),
            kind,
            priority: 1,
            alarm: AlarmId(18842),
            text: "leak".into(),
        };
        let events = [
            event(10, HappeningKind::Raised),
            event(20, HappeningKind::Cleared),
            event(30, HappeningKind::Raised),
            event(90, HappeningKind::Raised),
        ];
        let chronicle = Chronicle { events: Arc::from(events), ..Chronicle::default() };
        let now = SIM_EPOCH.plus_millis(60_000);
        for written in ["alarm 18842", "alarm 018842", "#18842", "Alarm #18842"] {
            assert_eq!(at(now, &chronicle, written), Ok(Some(SIM_EPOCH.plus_millis(30_000))), "{written}");
        }
        assert!(at(now, &chronicle, "alarm 7").expect_err("unknown").contains("000007"));
        assert!(at(now, &chronicle, "alarm x").expect_err("no number").contains("no number"));
    }

    #[test]
    fn what_is_no_time_is_answered_with_the_forms_that_are() {
        let wrong =
            ["soon", "25:00", "-5x", "12", "ago", "-", "03:61", "-99999999999999999999m", "yesterday 25:00"];
        for wrong in wrong {
            let e = seen(SIM_EPOCH, wrong).expect_err(wrong);
            assert!(e.contains("03:11") && e.contains("-5m"), "{e}");
        }
        assert!(seen(SIM_EPOCH, "101%").expect_err("too much").contains("100%"));
        assert!(seen(SIM_EPOCH, "2999-01-01").expect_err("the future").contains("lies after"));
    }

    #[test]
    fn distances_read_like_durations() {
        assert_eq!(distance(43_900), "43s");
        assert_eq!(distance(-130_000), "2m 10s");
        assert_eq!(distance(3_900_000), "1h 05m");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_past_moment_or_an_error(written in ".{0,20}") {
            if let Ok(Some(t)) = seen(SIM_EPOCH, &written) {
                prop_assert!(t <= SIM_EPOCH);
            }
        }

        #[test]
        fn what_is_written_as_a_moment_is_read_as_that_moment(back in 0i64..100_000_000, form in 0usize..4) {
            let t = SIM_EPOCH.plus_millis(-1000 * back);
            let rfc = t.to_string();
            let written = match form {
                0 => rfc.clone(),
                1 => rfc.trim_end_matches('Z').replace('T', " "),
                2 => format!("{back}s ago"),
                _ => format!("-{}h{}m{}s", back / 3600, back / 60 % 60, back % 60),
            };
            prop_assert_eq!(seen(SIM_EPOCH, &written), Ok(Some(t)), "{}", written);
        }
    }
}
