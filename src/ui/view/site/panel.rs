//! The most urgent alarms of the site, in the order of the list.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::alarm::Alarm;
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::rows::Rows;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;

/// From this height on the panel has a frame.
const FRAMED: u16 = 7;

/// Draws the panel.
pub fn render(cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let board = &cx.snapshot.alarms;
    let (active, waiting) = (board.counts.active(), board.counts.waiting());
    let count = |n: u32| text::integer(n.into());
    let key = cx.keymap.key_of(Action::Alarms, ViewKind::Site).unwrap_or_default();
    let title = format!("ALARMS {} ({} unack)", count(active), count(waiting));
    let framed = area.height >= FRAMED;
    let inner = if framed {
        let note = format!("{key} shows all");
        Frame { title: &title, note: &note, focused: false }.render(cx.brush, area, buf)
    } else {
        let line = cx.brush.style(Scope::Line);
        for x in area.left()..area.right() {
            cx.brush.on(area, buf).glyph((x, area.y), cx.brush.glyphs.frame[0], line);
        }
        let title = format!(" {title} ");
        cx.brush.on(area, buf).text((area.x + 2, area.y), &title, cx.brush.style(Scope::Title));
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    };
    // What was put aside stands behind everything else in the order of lists.
    let standing = board.alarms.iter().take_while(|a| a.state.is_annunciated());
    let top: Vec<&Arc<Alarm>> = standing.take(usize::from(inner.height)).collect();
    Rows {
        len: top.len(),
        alarm: &|i| top.get(i).map(|a| a.as_ref()),
        marked: None,
        selected: None,
        offset: 0,
        headings: framed && inner.height > 4,
    }
    .render(cx, inner, buf);
}
