//! Styles for terminals on which a theme's colours cannot be had: the 16 named colours, whose
//! look the terminal decides, and no colour at all. Meaning is carried by shapes, digits and
//! attributes there, so these styles are the same for every theme.

use ratatui::style::{Color, Modifier, Style};

use crate::ui::theme::scope::Scope;

/// The style of `scope` with 16 colours, on a light or a dark ground.
pub(super) const fn ansi(scope: Scope, light: bool) -> Style {
    let style = Style::new();
    let alarms = if light {
        [Color::Red, Color::Yellow, Color::Reset, Color::Magenta]
    } else {
        [Color::LightRed, Color::Yellow, Color::White, Color::LightMagenta]
    };
    let bold = style.add_modifier(Modifier::BOLD);
    match scope {
        Scope::Text | Scope::BandNow | Scope::ChartLine | Scope::HealthOk => style,
        Scope::TextDim | Scope::HeaderDim | Scope::ChartBand | Scope::Idle | Scope::HealthMaintenance => {
            style
        }
        Scope::TextStrong | Scope::Title | Scope::HelpKey => bold,
        Scope::Line | Scope::BandOutside | Scope::QualityAbsent => style.fg(Color::DarkGray),
        Scope::BandNormal | Scope::ChartLimit => style,
        Scope::QualityStale | Scope::QualityLost => style,
        Scope::Header => bold,
        Scope::Selection | Scope::Cursor | Scope::Banner => bold.add_modifier(Modifier::REVERSED),
        Scope::AlarmP1 => bold.fg(alarms[0]),
        Scope::AlarmP2 => bold.fg(alarms[1]),
        Scope::AlarmP3 => bold.fg(alarms[2]),
        Scope::AlarmP4 => bold.fg(alarms[3]),
        Scope::BadgeP1 => bold.fg(alarms[0]).add_modifier(Modifier::REVERSED),
        Scope::BadgeP2 => bold.fg(alarms[1]).add_modifier(Modifier::REVERSED),
        Scope::BadgeP3 => bold.fg(alarms[2]).add_modifier(Modifier::REVERSED),
        Scope::BadgeP4 => bold.fg(alarms[3]).add_modifier(Modifier::REVERSED),
    }
}

/// The style of `scope` without any colour.
pub(super) const fn mono(scope: Scope) -> Style {
    let style = Style::new();
    match scope {
        Scope::TextStrong | Scope::Title | Scope::HelpKey | Scope::Header => {
            style.add_modifier(Modifier::BOLD)
        }
        Scope::AlarmP1 | Scope::AlarmP2 | Scope::AlarmP3 | Scope::AlarmP4 => {
            style.add_modifier(Modifier::BOLD)
        }
        Scope::Selection | Scope::Cursor | Scope::Banner => style.add_modifier(Modifier::REVERSED),
        Scope::BadgeP1 | Scope::BadgeP2 | Scope::BadgeP3 | Scope::BadgeP4 => {
            style.add_modifier(Modifier::REVERSED.union(Modifier::BOLD))
        }
        _ => style,
    }
}
