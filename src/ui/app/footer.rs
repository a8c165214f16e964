//! The line at the bottom: hints from the live keymap, or a message.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::action::{Action, ViewKind};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;

/// What the footer may say.
#[derive(Clone, Copy, Debug)]
pub struct Footer<'a> {
    /// The view on the screen.
    pub view: ViewKind,
    /// Its actions, best first.
    pub hints: &'a [Action],
    /// A message goes before hints.
    pub message: Option<&'a str>,
}

/// Draws the message, or the hints of a view as far as they fit: help first.
pub fn render(cx: &Context<'_>, footer: Footer<'_>, area: Rect, buf: &mut Buffer) {
    let Footer { view, hints, message } = footer;
    let brush = &cx.brush;
    let ground = brush.style(Scope::Header);
    brush.on(area, buf).fill(ground);
    if let Some(message) = message {
        brush.on(area, buf).text((area.x + 1, area.y), message, ground);
        return;
    }
    let key_style = brush.style(Scope::HelpKey).bg(ground.bg.unwrap_or_default());
    let mut x = area.x + 1;
    for action in [Action::Help].iter().chain(hints).chain(&[Action::CommandLine, Action::Quit]) {
        let Some(key) = cx.keymap.key_of(*action, view) else { continue };
        let name = action.spec().name;
        if usize::from(x) + text::width(&key) + text::width(name) + 1 > usize::from(area.right()) {
            break;
        }
        x = brush.on(area, buf).text((x, area.y), &key, key_style) + 1;
        x = brush.on(area, buf).text((x, area.y), name, brush.style(Scope::HeaderDim)) + 2;
    }
}
