//! The list of incidents: where each of them is, who marked it. From here one goes to it, or has it
//! cut out into a file.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::chronicle::Incident;
use crate::ui::app::banner_moment;
use crate::ui::app::command::Command;
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::overlay::{Verdict, popup};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::scroll;

/// Columns of the window, where there is room.
const WIDTH: u16 = 110;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    at: usize,
    first: usize,
}

fn all<'a>(cx: &Context<'a>) -> &'a [Incident] {
    cx.then.chronicle.map_or(&[], |c| &c.incidents)
}

impl Incidents {
    /// The key goes to the list.
    pub fn key(&mut self, cx: &Context<'_>, key: Key) -> Verdict {
        let incidents = all(cx);
        let last = incidents.len().saturating_sub(1);
        let here = incidents.get(self.at.min(last));
        match (key.code, here) {
            (KeyCode::Down | KeyCode::Char('j'), _) => self.at = (self.at + 1).min(last),
            (KeyCode::Up | KeyCode::Char('k'), _) => self.at = self.at.min(last).saturating_sub(1),
            (KeyCode::Home | KeyCode::Char('g'), _) => self.at = 0,
            (KeyCode::End | KeyCode::Char('G'), _) => self.at = last,
            (KeyCode::Enter, Some(i)) => return Verdict::Do(Command::ShowIncident(i.clone())),
            (KeyCode::Char('X'), Some(i)) => return Verdict::Do(Command::Clip(i.clone(), true)),
            (KeyCode::Char('x'), Some(i)) => return Verdict::Do(Command::Clip(i.clone(), key.alt)),
            (KeyCode::Char('q') | KeyCode::Backspace, _) => return Verdict::Close,
            _ => {}
        }
        Verdict::Stay
    }

    /// Keeps the cursor in sight. `body` is the screen without header and footer.
    pub fn update(&mut self, cx: &Context<'_>, body: Rect) {
        let count = all(cx).len();
        self.at = self.at.min(count.saturating_sub(1));
        let page = usize::from(window(count, body).height.saturating_sub(3));
        self.first = scroll(self.at, count, page, self.first);
    }

    /// Draws the list in the middle of `body`.
    pub fn render(&self, cx: &Context<'_>, body: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let incidents = all(cx);
        let area = window(incidents.len(), body);
        b.on(area, buf).fill(b.style(Scope::Text));
        let note = format!("{}", incidents.len());
        let inner = Frame { title: "INCIDENTS", note: &note, focused: true }.render(b, area, buf);
        let list = Rect { height: inner.height.saturating_sub(1), ..inner };
        let shown = incidents.iter().enumerate().skip(self.first).take(usize::from(list.height));
        for (row, (i, incident)) in shown.enumerate() {
            let line = Rect { y: list.y + row as u16, height: 1, ..list };
            let style = b.style(if i == self.at { Scope::Selection } else { Scope::Text });
            let cursor = if i == self.at { b.glyphs.path } else { ' ' };
            let end = incident.to.clock();
            let when = format!("{}{}{end}", banner_moment(incident.from), b.glyphs.dash);
            let operator = crate::model::text::clean(&incident.operator);
            let who = text::left(&operator, 10, b.glyphs.ellipsis);
            let title = crate::model::text::clean(&incident.title);
            b.on(line, buf).text((line.x, line.y), &format!("{cursor} {when}  {who} {title}"), style);
        }
        if incidents.is_empty() {
            let words = "No incident is marked yet.";
            b.on(list, buf).text((list.x + 1, list.y), words, b.style(Scope::TextDim));
        }
        let y = inner.bottom().saturating_sub(1);
        let keys = "Enter shows it  x exports a clip  X one without names  Esc closes";
        b.on(inner, buf).text((inner.x + 1, y), keys, b.style(Scope::TextDim));
    }
}

fn window(count: usize, body: Rect) -> Rect {
    let lines = u16::try_from(count.max(1)).unwrap_or(u16::MAX).saturating_add(3);
    popup::middle(body, (WIDTH, lines))
}
