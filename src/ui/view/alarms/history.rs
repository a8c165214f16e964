//! What happened to alarms, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::alarm::Transition;
use crate::ui::context::Context;
use crate::ui::theme::Scope;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::table::{Column, Field, Table};

/// Draws the rows in sight. `shown`: how many there are, the selected one, the first in sight.
pub fn render<'a>(
    cx: &Context<'_>,
    shown: (usize, usize, usize),
    event: &dyn Fn(usize) -> Option<&'a Transition>,
    area: Rect,
    buf: &mut Buffer,
) {
    let columns = [
        Column::text("TIME", 8),
        Column::text("PR", 2),
        Column::text("WHERE", if area.width < 64 { 12 } else { 17 }),
        Column::text("RULE", 22).rank(1),
        Column::text("WHAT HAPPENED", 14).growing(),
        Column::text("STATE", 5).rank(3),
        Column::number("OPERATION", 9).rank(2),
    ];
    let b = cx.brush;
    let row = |i: usize| -> Vec<Field> {
        let Some(e) = event(i) else { return Vec::new() };
        let badge = Badge { priority: e.priority, filled: e.to.is_unacknowledged() };
        let words = if e.text.is_empty() {
            e.input.name().to_owned()
        } else {
            format!("{}: {}", e.input.name(), e.text)
        };
        let number = if e.operation > 0 { e.operation.to_string() } else { String::new() };
        vec![
            Field::styled(e.time.clock().to_string(), b.style(Scope::TextDim)),
            Field::styled(badge.text(b), badge.style(b)),
            e.place.to_string().into(),
            Field::styled(e.rule.to_string(), b.style(Scope::TextDim)),
            words.into(),
            e.to.short().into(),
            Field::styled(number, b.style(Scope::TextDim)),
        ]
    };
    let (rows, selected, offset) = shown;
    Table { columns: &columns, rows, row: &row, selected: Some(selected), offset, headings: true }
        .render(b, area, buf);
}
