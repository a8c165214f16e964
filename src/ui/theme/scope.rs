//! The scopes of a theme: every role that a style can play on the screen.

/// A role that a style plays. A theme names it as in [`Scope::name`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Scope {
    /// Ordinary text, and the ground of the whole screen.
    Text,
    /// Secondary text: units, labels.
    TextDim,
    /// Emphasis: names, the value that matters.
    TextStrong,
    /// Frames, rules and axes: decoration only.
    Line,
    /// Title of a frame.
    Title,
    /// The status bar on top and the hints at the bottom.
    Header,
    /// Secondary text on the header.
    HeaderDim,
    /// The selected row or tab.
    Selection,
    /// Cursor on a heatmap.
    Cursor,
    /// Banner of a mode: REPLAY, PAUSED.
    Banner,
    /// A key in hints and help.
    HelpKey,
    /// Unacknowledged alarm of priority 1: a filled badge. The same for 2 to 4.
    BadgeP1,
    /// Filled badge of priority 2.
    BadgeP2,
    /// Filled badge of priority 3.
    BadgeP3,
    /// Filled badge of priority 4.
    BadgeP4,
    /// Alarm of priority 1, in text and as pixel of a heatmap. The same for 2 to 4.
    AlarmP1,
    /// Alarm of priority 2.
    AlarmP2,
    /// Alarm of priority 3.
    AlarmP3,
    /// Alarm of priority 4.
    AlarmP4,
    /// Values that are too old.
    QualityStale,
    /// Values that are gone.
    QualityLost,
    /// Values that do not exist.
    QualityAbsent,
    /// The normal range of a band.
    BandNormal,
    /// Beyond the normal range of a band.
    BandOutside,
    /// The value now.
    BandNow,
    /// Line of a chart, and sparklines.
    ChartLine,
    /// Band between minimum and maximum of a chart.
    ChartBand,
    /// Limit line of a chart.
    ChartLimit,
    /// A healthy GPU on the health map.
    HealthOk,
    /// A GPU taken out of use on purpose.
    HealthMaintenance,
    /// A GPU without a job on the job and tenant maps.
    Idle,
}

/// How many scopes there are.
pub const COUNT: usize = 31;

impl Scope {
    /// All scopes with their names in theme files.
    pub const ALL: [(Self, &'static str); COUNT] = [
        (Self::Text, "text"),
        (Self::TextDim, "text.dim"),
        (Self::TextStrong, "text.strong"),
        (Self::Line, "line"),
        (Self::Title, "title"),
        (Self::Header, "header"),
        (Self::HeaderDim, "header.dim"),
        (Self::Selection, "selection"),
        (Self::Cursor, "cursor"),
        (Self::Banner, "banner"),
        (Self::HelpKey, "help.key"),
        (Self::BadgeP1, "badge.p1"),
        (Self::BadgeP2, "badge.p2"),
        (Self::BadgeP3, "badge.p3"),
        (Self::BadgeP4, "badge.p4"),
        (Self::AlarmP1, "alarm.p1"),
        (Self::AlarmP2, "alarm.p2"),
        (Self::AlarmP3, "alarm.p3"),
        (Self::AlarmP4, "alarm.p4"),
        (Self::QualityStale, "quality.stale"),
        (Self::QualityLost, "quality.lost"),
        (Self::QualityAbsent, "quality.absent"),
        (Self::BandNormal, "band.normal"),
        (Self::BandOutside, "band.outside"),
        (Self::BandNow, "band.now"),
        (Self::ChartLine, "chart.line"),
        (Self::ChartBand, "chart.band"),
        (Self::ChartLimit, "chart.limit"),
        (Self::HealthOk, "health.ok"),
        (Self::HealthMaintenance, "health.maintenance"),
        (Self::Idle, "idle"),
    ];

    /// The alarm scopes by priority, 1 first.
    pub const ALARMS: [Self; 4] = [Self::AlarmP1, Self::AlarmP2, Self::AlarmP3, Self::AlarmP4];
    /// The badge scopes by priority, 1 first.
    pub const BADGES: [Self; 4] = [Self::BadgeP1, Self::BadgeP2, Self::BadgeP3, Self::BadgeP4];

    /// Name in theme files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The scope called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, n)| *n == name).map(|(s, _)| s)
    }

    /// The alarm scope of a priority; anything but 1 to 3 counts as 4.
    #[must_use]
    pub const fn alarm(priority: u8) -> Self {
        match priority {
            1 => Self::AlarmP1,
            2 => Self::AlarmP2,
            3 => Self::AlarmP3,
            _ => Self::AlarmP4,
        }
    }

    /// The badge scope of a priority; anything but 1 to 3 counts as 4.
    #[must_use]
    pub const fn badge(priority: u8) -> Self {
        match priority {
            1 => Self::BadgeP1,
            2 => Self::BadgeP2,
            3 => Self::BadgeP3,
            _ => Self::BadgeP4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_sits_at_its_index_and_parses_by_name() {
        for (i, (scope, name)) in Scope::ALL.into_iter().enumerate() {
            assert_eq!(scope as usize, i, "{name}");
            assert_eq!(Scope::parse(name), Some(scope));
        }
        assert_eq!(Scope::parse("text.dmi"), None);
    }
}
