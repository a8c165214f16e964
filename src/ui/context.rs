//! What a view may see while it updates and draws: the data, the selection, the choices of the
//! session and the means to draw. Everything comes in through here; nothing is global.

use std::sync::Arc;

use crate::fleet::{Frame, Snapshot};
use crate::model::chronicle::Chronicle;
use crate::model::{Metric, Timestamp, Topology};
use crate::ui::alarms::layer::AlarmLayer;
use crate::ui::app::time::Around;
use crate::ui::depth::ColorDepth;
use crate::ui::difference::Difference;
use crate::ui::keymap::Keymap;
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::ramp::Ramp;
use crate::ui::selection::Selection;
use crate::ui::theme::Theme;
use crate::ui::theme::color::Rgb;
use crate::ui::widget::Brush;

/// Which moment the screen shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Moment {
    /// The present: every new frame is drawn.
    #[default]
    Live,
    /// The picture is held at the moment when it was stopped.
    Paused(Timestamp),
    /// The operator went back to this moment.
    Past(Timestamp),
}

impl Moment {
    /// The time shown; `None` when it is the present.
    #[must_use]
    pub const fn time(self) -> Option<Timestamp> {
        match self {
            Self::Live => None,
            Self::Paused(t) | Self::Past(t) => Some(t),
        }
    }

    /// The word of the banner.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Paused(_) => "PAUSED",
            Self::Past(_) => "PAST",
        }
    }
}

/// How the heatmap uses colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColorMode {
    /// The ramp of the theme.
    #[default]
    Theme,
    /// Grey for values, colour for exceptions alone.
    Grey,
    /// Cividis without its yellow end, which belongs to alarms: made for colour-blind readers.
    Cividis,
    /// Glyphs without any colour.
    Mono,
}

impl ColorMode {
    /// All modes, in the order of the key.
    pub const ALL: [Self; 4] = [Self::Theme, Self::Grey, Self::Cividis, Self::Mono];

    /// Word on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Theme => "theme",
            Self::Grey => "grey",
            Self::Cividis => "cividis",
            Self::Mono => "mono",
        }
    }

    /// The mode after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Theme => Self::Grey,
            Self::Grey => Self::Cividis,
            Self::Cividis => Self::Mono,
            Self::Mono => Self::Theme,
        }
    }

    /// The theme and depth to draw with in this mode.
    #[must_use]
    pub fn apply(self, mut theme: Theme, depth: ColorDepth) -> (Theme, ColorDepth) {
        let stops: &[Rgb] = match self {
            Self::Theme => return (theme, depth),
            Self::Mono => return (theme, ColorDepth::Mono),
            Self::Grey => &[Rgb(0x2b, 0x2b, 0x2d), Rgb(0x8d, 0x90, 0x96)],
            // Matplotlib's cividis, from its dark end to 70 %.
            Self::Cividis => &[
                Rgb(0x00, 0x22, 0x4e),
                Rgb(0x35, 0x45, 0x6c),
                Rgb(0x66, 0x69, 0x70),
                Rgb(0x92, 0x8d, 0x78),
                Rgb(0xaf, 0xa5, 0x73),
            ],
        };
        if let Some(ramp) = Ramp::new(stops.to_vec()) {
            theme.ramp = ramp;
        }
        (theme, depth)
    }
}

/// What the session has chosen to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The metric of GPUs.
    pub metric: Metric,
    /// The value of racks that maps show instead, where they show one.
    pub rack: Option<RackLayer>,
    /// The moment.
    pub moment: Moment,
    /// How the heatmap uses colour.
    pub color_mode: ColorMode,
    /// Name of the theme.
    pub theme: String,
    /// True when the console has the mouse.
    pub mouse: bool,
    /// Until when the bell is muted.
    pub bell_off: Option<Timestamp>,
}

impl Choice {
    /// What maps show.
    #[must_use]
    pub fn layer(&self) -> Layer {
        self.rack.map_or(Layer::Gpu(self.metric), Layer::Rack)
    }
}

/// What is known of time while something is shown.
#[derive(Clone, Copy)]
pub struct Then<'a> {
    /// The newest state of everything, whatever is shown. In a recording that is what is shown.
    pub live: &'a Snapshot,
    /// What is known of the past beyond the ring, where there is a recorder.
    pub chronicle: Option<&'a Chronicle>,
    /// Name of the recording that is replayed.
    pub replay: Option<&'a str>,
    /// Where the operator is in time, or wants to be.
    pub position: Timestamp,
    /// First and last moment that can be shown.
    pub reach: Option<(Timestamp, Timestamp)>,
    /// The past plays.
    pub playing: bool,
    /// Word of the speed.
    pub speed: &'a str,
    /// Marks A and B of the loop.
    pub marks: (Option<Timestamp>, Option<Timestamp>),
    /// The moment that the alarms and sources shown are of.
    pub now: Timestamp,
    /// The moment that the one shown is compared with.
    pub difference: Option<&'a Difference>,
}

impl<'a> Then<'a> {
    /// What moments are seen from that an operator writes.
    #[must_use]
    pub fn around(&self) -> Around<'a> {
        let newest = match (self.replay, self.reach) {
            (Some(_), Some((_, last))) => last,
            _ => self.live.frame.time,
        };
        let now = if self.replay.is_some() { self.position } else { newest };
        Around { now, newest, reach: self.reach, chronicle: self.chronicle, board: &self.live.alarms }
    }
}

/// See the module.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What is shown: the newest state of everything, or one of the past.
    pub snapshot: &'a Snapshot,
    /// What is known of time.
    pub then: Then<'a>,
    /// The frame on the screen, that of the snapshot. Its topology is that of the newest one.
    pub frame: &'a Arc<Frame>,
    /// What maps show of the alarms of the frame on the screen.
    pub alarms: &'a AlarmLayer,
    /// What is selected.
    pub selection: &'a Selection,
    /// What was chosen.
    pub choice: &'a Choice,
    /// The keys, for hints.
    pub keymap: &'a Keymap,
    /// Facts about terminal and program for the status view: what, and how it is.
    pub facts: &'a [(String, String)],
    /// Styles and glyphs.
    pub brush: Brush<'a>,
}

impl<'a> Context<'a> {
    /// The site.
    #[must_use]
    pub fn topology(&self) -> &'a Topology {
        &self.frame.topology
    }

    /// Priority of each GPU on maps: the worse of its alarms and of the limit it crosses; 0 for none.
    #[must_use]
    pub fn exceptions(&self) -> &'a [u8] {
        self.alarms.exceptions(self.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_modes_come_round() {
        let mut mode = ColorMode::default();
        for expected in ColorMode::ALL {
            assert_eq!(mode, expected);
            mode = mode.next();
        }
        assert_eq!(mode, ColorMode::default());
    }

    #[test]
    fn modes_change_the_ramp_and_nothing_else() {
        let theme = Theme::default_theme();
        let (grey, depth) = ColorMode::Grey.apply(theme.clone(), ColorDepth::TrueColor);
        assert_ne!(grey.ramp, theme.ramp);
        assert_eq!((grey.age, depth), (theme.age.clone(), ColorDepth::TrueColor));
        assert_eq!(ColorMode::Mono.apply(theme.clone(), ColorDepth::TrueColor), (theme, ColorDepth::Mono));
    }

    #[test]
    fn the_present_has_no_time_of_its_own() {
        assert_eq!(Moment::Live.time(), None);
        assert_eq!(Moment::Past(Timestamp(5)).time(), Some(Timestamp(5)));
    }
}
