//! Small boxes above the footer: what may follow the keys typed so far, and completions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::context::Context;
use crate::ui::keymap::{KeyTrie, Step};
use crate::ui::text;
use crate::ui::theme::Scope;

/// Draws the keys that may follow those that are pending. Draws nothing where there is no room.
pub fn which_key(cx: &Context<'_>, body: Rect, buf: &mut Buffer, pending: &str, node: &KeyTrie) {
    let rows: Vec<(String, String)> = node
        .steps()
        .map(|(key, step)| {
            let what = match step {
                Step::Leaf(action) => action.spec().doc.to_owned(),
                Step::More(node) => format!("{} …", node.label),
            };
            (key.to_string(), what)
        })
        .collect();
    let title = if node.label.is_empty() { pending.to_owned() } else { format!("{pending} {}", node.label) };
    table(cx, body, buf, &title, &rows);
}

/// Draws completions of the command line.
pub fn candidates(cx: &Context<'_>, body: Rect, buf: &mut Buffer, names: &[String]) {
    if !names.is_empty() {
        let rows: Vec<(String, String)> = names.iter().map(|n| (n.clone(), String::new())).collect();
        table(cx, body, buf, "", &rows);
    }
}

/// The area of a window of this size in the middle of `body`, cut to what there is.
#[must_use]
pub fn middle(body: Rect, (width, height): (u16, u16)) -> Rect {
    let (width, height) = (width.min(body.width), height.min(body.height));
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height }
}

fn table(cx: &Context<'_>, body: Rect, buf: &mut Buffer, title: &str, rows: &[(String, String)]) {
    let brush = &cx.brush;
    let rows = &rows[..rows.len().min(usize::from(body.height.saturating_sub(1)))];
    let keys = rows.iter().map(|(k, _)| text::width(k)).max().unwrap_or(0) as u16;
    let widest = rows.iter().map(|(_, w)| text::width(w)).max().unwrap_or(0) as u16;
    let width = (keys + widest + 4).max(text::width(title) as u16 + 2).min(body.width);
    let height = rows.len() as u16 + u16::from(!title.is_empty());
    if rows.is_empty() || height > body.height || width < 4 {
        return;
    }
    let area = Rect { x: body.x, y: body.bottom() - height, width, height };
    let ground = brush.style(Scope::Header);
    brush.on(area, buf).fill(ground);
    let mut y = area.y;
    if !title.is_empty() {
        brush.on(area, buf).text((area.x + 1, y), title, brush.style(Scope::HeaderDim));
        y += 1;
    }
    let bg = ground.bg.unwrap_or_default();
    for (key, what) in rows {
        let style = brush.style(Scope::HelpKey).bg(bg);
        brush.on(area, buf).text((area.x + 1, y), key, style);
        brush.on(area, buf).text((area.x + keys + 3, y), what, ground);
        y += 1;
    }
}
