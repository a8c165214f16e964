//! Tones: everything that one pixel of a heatmap can be. A level of the ramp, a category, an
//! alarm, stale, lost, absent: one byte, so that a map of pixels is a slice of bytes.

use crate::model::Health;
use crate::ui::ramp::LEVELS;

/// What one pixel of a heatmap shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tone(u8);

/// How many tones there are.
pub const TONES: usize = 64;
/// How many categories are told apart before they repeat.
pub const CATEGORIES: usize = 8;
/// Steps of a change to either side of none.
pub const CHANGES: i8 = 3;

/// The form of a tone where colour does not carry it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// Nothing there.
    Blank,
    /// Shade 0 (lightest) to 4 (solid).
    Shade(u8),
    /// Alarm of priority 1 to 4.
    Alarm(u8),
    /// Value too old.
    Stale,
    /// Value gone.
    Lost,
    /// Value that does not exist.
    Absent,
    /// A letter.
    Letter(char),
}

impl Tone {
    /// Outside of the map.
    pub const NONE: Self = Self(0);
    /// The GPU does not have this value.
    pub const ABSENT: Self = Self(1);
    /// No job, no tenant.
    pub const IDLE: Self = Self(2);
    /// Taken out of use on purpose.
    pub const MAINTENANCE: Self = Self(3);
    /// Nothing wrong is known.
    pub const OK: Self = Self(4);
    /// The value is too old.
    pub const STALE: Self = Self(5);
    /// The value is gone.
    pub const LOST: Self = Self(6);
    const ALARM: u8 = 8;
    const LEVEL: u8 = 16;
    const AGE: u8 = 32;
    const CATEGORY: u8 = 48;
    const CHANGE: u8 = 56;

    /// Step `level` of the ramp, 0..=15; higher ones count as 15.
    #[must_use]
    pub const fn level(level: u8) -> Self {
        Self(Self::LEVEL + if level < 16 { level } else { 15 })
    }

    /// Step `level` of the ramp of ages.
    #[must_use]
    pub const fn age(level: u8) -> Self {
        Self(Self::AGE + if level < 16 { level } else { 15 })
    }

    /// The category in `slot` of a table of names; slot 0 is idle.
    #[must_use]
    pub const fn category(slot: u16) -> Self {
        if slot == 0 { Self::IDLE } else { Self(Self::CATEGORY + ((slot - 1) % CATEGORIES as u16) as u8) }
    }

    /// A change: -3 fell most, 0 is none, 3 rose most.
    #[must_use]
    pub const fn change(step: i8) -> Self {
        let step = if step < -CHANGES {
            -CHANGES
        } else if step > CHANGES {
            CHANGES
        } else {
            step
        };
        Self(Self::CHANGE + (step + CHANGES) as u8)
    }

    /// The step of a change, if the tone is one.
    #[must_use]
    pub const fn change_step(self) -> Option<i8> {
        if self.0 >= Self::CHANGE && self.0 <= Self::CHANGE + 2 * CHANGES as u8 {
            Some((self.0 - Self::CHANGE) as i8 - CHANGES)
        } else {
            None
        }
    }

    /// An alarm of priority 1 to 4; higher ones count as 4. Priority 0 is no alarm: `None`.
    #[must_use]
    pub const fn alarm(priority: u8) -> Option<Self> {
        match priority {
            0 => None,
            1..=4 => Some(Self(Self::ALARM + priority)),
            _ => Some(Self(Self::ALARM + 4)),
        }
    }

    /// A class of health. What is wrong looks like an alarm: unhealthy as priority 2, degraded
    /// as 3.
    #[must_use]
    pub const fn health(health: Health) -> Self {
        match health {
            Health::Ok => Self::OK,
            Health::Maintenance => Self::MAINTENANCE,
            Health::Degraded => Self(Self::ALARM + 3),
            Health::Unhealthy => Self(Self::ALARM + 2),
            Health::Lost => Self::LOST,
        }
    }

    /// The tone as an index below [`TONES`].
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 as usize) & (TONES - 1)
    }

    /// The tone with index `index`.
    #[must_use]
    pub const fn from_index(index: usize) -> Self {
        Self((index & (TONES - 1)) as u8)
    }

    /// The step of either ramp, if the tone is one.
    #[must_use]
    pub const fn step(self) -> Option<u8> {
        if self.0 >= Self::LEVEL && self.0 < Self::CATEGORY {
            Some((self.0 - Self::LEVEL) % 16)
        } else {
            None
        }
    }

    /// The step of the ramp of values, if the tone is one.
    #[must_use]
    pub const fn level_step(self) -> Option<u8> {
        if self.0 >= Self::LEVEL && self.0 < Self::AGE { Some(self.0 - Self::LEVEL) } else { None }
    }

    /// The priority, if the tone is an alarm.
    #[must_use]
    pub const fn priority(self) -> Option<u8> {
        if self.0 > Self::ALARM && self.0 <= Self::ALARM + 4 { Some(self.0 - Self::ALARM) } else { None }
    }

    /// The category, 0 first, if the tone is one.
    #[must_use]
    pub const fn slot(self) -> Option<u8> {
        if self.0 >= Self::CATEGORY && self.0 < Self::CATEGORY + CATEGORIES as u8 {
            Some(self.0 - Self::CATEGORY)
        } else {
            None
        }
    }

    /// True when the tone must be readable as a glyph even where colours are plenty.
    #[must_use]
    pub const fn is_hatched(self) -> bool {
        matches!(self, Self::STALE | Self::LOST | Self::ABSENT | Self::MAINTENANCE)
    }

    /// How much the tone asks to be seen when two share one cell: higher wins. Levels of a ramp
    /// are equal here; which of them is worse, the metric decides.
    #[must_use]
    pub const fn urgency(self) -> u8 {
        match self.0 {
            9..=12 => 20 - self.0,
            6 => 7,
            5 => 6,
            3 => 5,
            16..=63 => 4,
            2 | 4 => 3,
            1 => 2,
            _ => 0,
        }
    }

    /// The form of the tone where colour does not carry it.
    #[must_use]
    pub const fn shape(self) -> Shape {
        if let Some(step) = self.step() {
            return Shape::Shade(step * 5 / LEVELS as u8);
        }
        if let Some(priority) = self.priority() {
            return Shape::Alarm(priority);
        }
        if let Some(slot) = self.slot() {
            return Shape::Letter((b'a' + slot) as char);
        }
        if let Some(step) = self.change_step() {
            return match step {
                ..0 => Shape::Letter('-'),
                0 => Shape::Shade(0),
                1.. => Shape::Letter('+'),
            };
        }
        match self {
            Self::ABSENT => Shape::Absent,
            Self::IDLE => Shape::Shade(0),
            Self::MAINTENANCE => Shape::Letter('m'),
            Self::OK => Shape::Shade(1),
            Self::STALE => Shape::Stale,
            Self::LOST => Shape::Lost,
            _ => Shape::Blank,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_tones_do_not_overlap() {
        let mut seen = std::collections::HashSet::new();
        let fixed =
            [Tone::NONE, Tone::ABSENT, Tone::IDLE, Tone::MAINTENANCE, Tone::OK, Tone::STALE, Tone::LOST];
        let alarms = (1..=4).filter_map(Tone::alarm);
        let levels = (0..16).flat_map(|l| [Tone::level(l), Tone::age(l)]);
        let categories = (1..=CATEGORIES as u16).map(Tone::category);
        for tone in fixed.into_iter().chain(alarms).chain(levels).chain(categories) {
            assert!(tone.index() < TONES && seen.insert(tone), "{tone:?}");
        }
    }

    #[test]
    fn an_alarm_is_more_urgent_than_a_loss_and_that_than_a_value() {
        let order = [
            Tone::alarm(1).expect("alarm"),
            Tone::alarm(4).expect("alarm"),
            Tone::LOST,
            Tone::STALE,
            Tone::level(15),
            Tone::ABSENT,
            Tone::NONE,
        ];
        assert!(order.windows(2).all(|w| w[0].urgency() > w[1].urgency()));
    }

    #[test]
    fn the_sixteen_steps_use_all_five_shades() {
        let shades: Vec<_> = (0..16).map(|l| Tone::level(l).shape()).collect();
        assert_eq!(shades[0], Shape::Shade(0));
        assert_eq!(shades[15], Shape::Shade(4));
        assert_eq!(Tone::alarm(0), None);
    }

    #[test]
    fn categories_repeat_and_idle_is_apart() {
        assert_eq!(Tone::category(0), Tone::IDLE);
        assert_eq!(Tone::category(1), Tone::category(1 + CATEGORIES as u16));
    }
}
