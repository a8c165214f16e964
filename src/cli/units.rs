//! Durations, sizes and other small values as people type them, with errors that say what is
//! expected. The command line and the config file read through the same functions.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::text;
use crate::source::sim::scenario::MAX_START;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A duration such as `15s`, `500ms` or `1m30s`.
///
/// # Errors
/// Says what a duration looks like.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{}` is no duration: expected one like 15s, 500ms or 1m30s", text::clean(text));
    let parsed: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from(parsed).map_err(|_| wrong())
}

/// A polling interval: 1 second to 1 hour.
///
/// # Errors
/// Not a duration, or out of range.
pub fn interval(text: &str) -> Result<Duration, String> {
    between(duration(text)?, Duration::from_secs(1), Duration::from_secs(3600))
}

/// How much of the past is asked for: nothing to 24 hours.
///
/// # Errors
/// Not a duration, or out of range.
pub fn backfill(text: &str) -> Result<Duration, String> {
    between(duration(text)?, Duration::ZERO, Duration::from_secs(86_400))
}

/// The length of a recording: 1 second to 30 days.
///
/// # Errors
/// Not a duration, or out of range.
pub fn recording(text: &str) -> Result<Duration, String> {
    between(duration(text)?, Duration::from_secs(1), Duration::from_secs(30 * 86_400))
}

/// A timeout: 100 milliseconds to 5 minutes.
///
/// # Errors
/// Not a duration, or out of range.
pub fn timeout(text: &str) -> Result<Duration, String> {
    between(duration(text)?, Duration::from_millis(100), Duration::from_secs(300))
}

fn between(value: Duration, low: Duration, high: Duration) -> Result<Duration, String> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(format!(
        "{} is out of range: expected {} to {}",
        show_duration(value),
        show_duration(low),
        show_duration(high)
    ))
}

/// The second at which a scenario starts: 0 seconds to 30 days, whole.
///
/// # Errors
/// Not a duration of whole seconds, or out of range.
pub fn scenario_start(text: &str) -> Result<u64, String> {
    let start = between(duration(text)?, Duration::ZERO, Duration::from_secs(MAX_START))?;
    if start.subsec_nanos() > 0 {
        return Err(format!("{} is too fine: expected whole seconds", text::clean(text)));
    }
    Ok(start.as_secs())
}

/// A duration in the spelling that [`duration`] reads.
#[must_use]
pub fn show_duration(value: Duration) -> String {
    let ms = value.as_millis();
    match ms {
        0 => String::from("0s"),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

/// A size in bytes such as `512MiB`, `1.5GiB` or `800MB`.
///
/// # Errors
/// Says what a size looks like.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{}` is no size: expected one like 512MiB or 2GiB", text::clean(text));
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(wrong)?;
    let (number, unit) = trimmed.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "k" | "kib" => KIB as f64,
        "m" | "mib" => MIB as f64,
        "g" | "gib" => GIB as f64,
        _ => return Err(wrong()),
    };
    let bytes = number * unit;
    if bytes <= TIB as f64 {
        Ok(bytes as u64)
    } else {
        Err(format!("{trimmed} is out of range: expected at most 1024GiB"))
    }
}

/// A memory budget of the history: 1 MiB to 1 TiB.
///
/// # Errors
/// Not a size, or out of range.
pub fn history(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < MIB { Err(format!("{text} is out of range: expected at least 1MiB")) } else { Ok(bytes) }
}

/// A disk budget of the flight recorder: 64 MiB to 1 TiB.
///
/// # Errors
/// Not a size, or out of range.
pub fn disk(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < 64 * MIB { Err(format!("{text} is out of range: expected at least 64MiB")) } else { Ok(bytes) }
}

/// A size in the spelling that [`size`] reads.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    match bytes {
        b if b >= GIB && b.is_multiple_of(GIB) => format!("{}GiB", b / GIB),
        b if b >= MIB && b.is_multiple_of(MIB) => format!("{}MiB", b / MIB),
        b if b >= KIB && b.is_multiple_of(KIB) => format!("{}KiB", b / KIB),
        b => format!("{b}B"),
    }
}

/// A speed of a replay: 1/4 to 1,000 times real time.
///
/// # Errors
/// Not a number, or out of range.
pub fn replay_speed(text: &str) -> Result<f32, String> {
    let wrong = || format!("`{}` is no speed: expected a factor like 1, 0.25 or 60", text::clean(text));
    let value: f32 = text.trim().trim_end_matches('x').parse().map_err(|_| wrong())?;
    if (0.25..=1000.0).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{value} is out of range: expected 0.25 to 1000"))
    }
}

/// A speed-up factor: above 0, at most 3,600.
///
/// # Errors
/// Not a number, or out of range.
pub fn speed(text: &str) -> Result<f64, String> {
    let value: f64 =
        text.trim().trim_end_matches('x').parse().map_err(|_| {
            format!("`{}` is no speed: expected a factor like 1, 0.5 or 60", text::clean(text))
        })?;
    if value > 0.0 && value <= 3600.0 {
        Ok(value)
    } else {
        Err(format!("{text} is out of range: expected more than 0, at most 3600"))
    }
}

/// Columns and rows of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureSize {
    /// Columns, 20 to 1,000.
    pub columns: u16,
    /// Rows, 5 to 500.
    pub rows: u16,
}

impl FromStr for PictureSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no size: expected COLUMNSxROWS, like 200x60", text::clean(text));
        let (columns, rows) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
        let columns = columns.trim().parse().map_err(|_| wrong())?;
        let rows = rows.trim().parse().map_err(|_| wrong())?;
        if (20..=1000).contains(&columns) && (5..=500).contains(&rows) {
            return Ok(Self { columns, rows });
        }
        Err(format!("{columns}x{rows} is out of range: expected 20x5 to 1000x500"))
    }
}

impl fmt::Display for PictureSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration(" 500ms "), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "15", "-5s", "15 parsecs", "s", "∞", "99999999999999999999h"] {
            let e = duration(wrong).expect_err(wrong);
            assert!(e.contains("expected one like 15s"), "{e}");
        }
    }

    #[test]
    fn intervals_and_timeouts_have_bounds() {
        assert_eq!(interval("0s"), Err("0s is out of range: expected 1s to 1h".into()));
        assert!(interval("1h").is_ok() && interval("61m").is_err());
        assert_eq!((scenario_start("1m30s"), scenario_start("0s")), (Ok(90), Ok(0)));
        assert!(scenario_start("31d").is_err() && scenario_start("721h").is_err());
        assert!(scenario_start("1500ms").expect_err("too fine").contains("whole seconds"));
        assert_eq!(timeout("6m"), Err("6m is out of range: expected 100ms to 5m".into()));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("1.5 GiB"), Ok(3 << 29));
        assert_eq!(size("800MB"), Ok(800_000_000));
        for wrong in ["", "512", "MiB", "-1MiB", "1..5MiB", "5 bananas"] {
            let e = size(wrong).expect_err(wrong);
            assert!(e.contains("expected one like 512MiB"), "{e}");
        }
        assert!(size("2000000GiB").is_err() && history("1B").is_err());
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for bytes in [1, 1000, 1 << 20, 512 << 20, 3 << 29, 1 << 40] {
            assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
        for ms in [1, 999, 1000, 90_000, 60_000, 3_600_000] {
            let d = Duration::from_millis(ms);
            assert_eq!(duration(&show_duration(d)), Ok(d));
        }
    }

    #[test]
    fn speeds_are_positive_numbers() {
        assert_eq!(speed("60x"), Ok(60.0));
        for wrong in ["0", "-1", "NaN", "inf", "4000", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn picture_sizes_are_bounded() {
        assert_eq!("200x60".parse(), Ok(PictureSize { columns: 200, rows: 60 }));
        for wrong in ["200", "x", "10x10", "200x60x3", "65536x60", "1001x60"] {
            assert!(wrong.parse::<PictureSize>().is_err(), "{wrong}");
        }
    }
}
