//! The line under the header that says that what is shown is not the present. In words, over the
//! whole width: nobody must take the past for the plant.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Timestamp;
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;

/// Draws the line.
pub(super) fn render(cx: &Context<'_>, words: &str, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let style = cx.brush.style(Scope::Banner);
    cx.brush.on(area, buf).fill(style);
    cx.brush.on(area, buf).text((area.x + 1, area.y), words, style);
}

/// Date and time of day, UTC: `2026-11-22 03:12:06`.
#[must_use]
pub fn moment(time: Timestamp) -> String {
    time.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}

impl App {
    /// True when the alarms shown are those of the moment shown.
    pub(super) fn is_of_then(&self) -> bool {
        self.is_replay() || self.travel.raw.is_some()
    }

    /// What the line says; nothing in the present.
    pub(super) fn banner_text(&self) -> String {
        if !self.is_past() {
            return String::new();
        }
        let when = moment(self.snapshot.frame.time);
        let room = usize::from(self.area.width.saturating_sub(2));
        let fitting = |all: [String; 3]| {
            let [long, middle, short] = all;
            [long, middle].into_iter().find(|t| text::width(t) <= room).unwrap_or(short)
        };
        if let Some(name) = &self.options.replay {
            let name = crate::model::text::clean(name);
            return fitting([
                format!("REPLAY {when}, not live: this is recorded data ({name}), not the plant."),
                format!("REPLAY {when}, not live. {name}"),
                format!("REPLAY {when}, not live"),
            ]);
        }
        let key = self.options.keymap.key_of(Action::Live, self.nav.view());
        let back = key.map_or_else(String::new, |key| {
            format!(" {} = LIVE", if key == "BSpace" { "Backspace" } else { &key })
        });
        let missed = self.missed();
        let news = match missed {
            0 => "No new live alarm.".to_owned(),
            1 => "1 new live alarm.".to_owned(),
            n => format!("{} new live alarms.", text::integer(n)),
        };
        let more = if missed == 0 { String::new() } else { format!(" +{missed} alarms.") };
        let (long, short) = if self.is_of_then() {
            (String::new(), "")
        } else {
            (". The alarms listed are those of now.".to_owned(), " (alarms: now)")
        };
        fitting([
            format!("PAST {when}, not live. {news}{back}{long}"),
            format!("PAST {when}, not live{short}.{more}{back}"),
            format!("PAST {when}, not live.{more}"),
        ])
    }
}
