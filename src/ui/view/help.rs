//! Help: the keys of the view, written from the live keymap, searched by typing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::action::{Action, Group, ViewKind};
use crate::ui::app::command::{WITH_ARGUMENT, WITH_CHOICE};
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::overlay::Verdict;
use crate::ui::overlay::line::LineEdit;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;

/// Columns of the keys.
const KEYS: usize = 16;
/// Narrowest column of help.
const COLUMN: u16 = 46;

/// One line of help.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Heading(String),
    Entry { keys: String, doc: String, changed: bool },
    Gap,
}

/// State of the help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    search: LineEdit,
    lines: Vec<Line>,
    first: usize,
    /// Lines that fit on one page, over all columns.
    page: usize,
    columns: usize,
    view: ViewKind,
}

impl Help {
    /// The key goes to the help.
    pub fn key(&mut self, key: Key) -> Verdict {
        match key.code {
            KeyCode::Enter => return Verdict::Close,
            KeyCode::Char('?') | KeyCode::F(1) if self.search.text().is_empty() => return Verdict::Close,
            KeyCode::Down => self.first = self.first.saturating_add(1),
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Tab => self.first = self.first.saturating_add(self.page),
            KeyCode::PageUp => self.first = self.first.saturating_sub(self.page),
            KeyCode::Home => self.first = 0,
            _ => {
                if self.search.key(key) {
                    self.first = 0;
                }
            }
        }
        Verdict::Stay
    }

    /// Pasted text is searched for.
    pub fn paste(&mut self, text: &str) {
        self.search.insert_str(text);
        self.first = 0;
    }

    /// Finds the lines and keeps the scroll within them.
    pub fn update(&mut self, cx: &Context<'_>, view: ViewKind, body: Rect) {
        let inner = inner(frame(body));
        self.view = view;
        self.lines = lines(cx, view, self.search.text());
        self.columns = usize::from(inner.width / COLUMN).clamp(1, 3);
        self.page = (usize::from(inner.height.saturating_sub(2)) * self.columns).max(1);
        self.first = self.first.min(self.lines.len().saturating_sub(self.page));
    }

    /// Draws the help over the view.
    pub fn render(&self, cx: &Context<'_>, body: Rect, buf: &mut Buffer) {
        let brush = &cx.brush;
        let area = frame(body);
        brush.on(area, buf).fill(brush.style(Scope::Text));
        let title = format!("HELP  {} view", self.view.name());
        let note = if self.lines.iter().any(|l| matches!(l, Line::Entry { changed: true, .. })) {
            "* changed in the config"
        } else {
            ""
        };
        Frame { title: &title, note, focused: true }.render(*brush, area, buf);
        let inner = inner(area);
        let x = brush.on(inner, buf).text((inner.x, inner.y), "search: ", brush.style(Scope::TextDim));
        let field = Rect {
            x,
            y: inner.y,
            width: inner.right().saturating_sub(x).min(24),
            height: inner.height.min(1),
        };
        self.search.render(brush, field, buf);
        let rows = (self.page / self.columns).max(1);
        let width = inner.width / self.columns as u16;
        for (i, line) in self.lines.iter().skip(self.first).take(self.page).enumerate() {
            let x = inner.x + (i / rows) as u16 * width;
            let cell = Rect { x, width: width.saturating_sub(1), ..inner };
            line_at(cx, cell, inner.y + 1 + (i % rows) as u16, line, buf);
        }
        let last = inner.bottom().saturating_sub(1);
        let more = self.lines.len().saturating_sub(self.first + self.page);
        let foot = match (self.lines.is_empty(), more) {
            (true, _) => "nothing found".to_owned(),
            (_, 0) => "Esc closes; type to search".to_owned(),
            (_, n) => format!("{n} more lines: PgDn; Esc closes; type to search"),
        };
        brush.on(inner, buf).text((inner.x, last), &foot, brush.style(Scope::TextDim));
    }
}

fn frame(body: Rect) -> Rect {
    let (dx, dy) =
        (if body.width > 100 { 8 } else { u16::from(body.width > 60) * 2 }, u16::from(body.height > 20));
    Rect { x: body.x + dx, y: body.y + dy, width: body.width - 2 * dx, height: body.height - 2 * dy }
}

/// Inside of the frame.
fn inner(area: Rect) -> Rect {
    let (dx, dy) = (u16::from(area.width > 4) * 2, u16::from(area.height > 2));
    Rect { x: area.x + dx, y: area.y + dy, width: area.width - 2 * dx, height: area.height - 2 * dy }
}

fn line_at(cx: &Context<'_>, cell: Rect, y: u16, line: &Line, buf: &mut Buffer) {
    let brush = &cx.brush;
    match line {
        Line::Gap => {}
        Line::Heading(name) => {
            brush.on(cell, buf).text((cell.x, y), name, brush.style(Scope::Title));
        }
        Line::Entry { keys, doc, changed } => {
            let mark = if *changed { "*" } else { "" };
            let end =
                brush.on(cell, buf).text((cell.x, y), &format!("{keys}{mark}"), brush.style(Scope::HelpKey));
            let x = (cell.x + KEYS as u16).max(end + 1);
            brush.on(cell, buf).text((x, y), doc, brush.style(Scope::Text));
        }
    }
}

fn lines(cx: &Context<'_>, view: ViewKind, search: &str) -> Vec<Line> {
    let words: Vec<String> = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let wanted = |text: &str| words.iter().all(|w| text.to_lowercase().contains(w));
    let mut out = Vec::new();
    let mut section = |name: String, entries: Vec<Line>| {
        if !entries.is_empty() {
            if !out.is_empty() {
                out.push(Line::Gap);
            }
            out.push(Line::Heading(name));
            out.extend(entries);
        }
    };
    for group in Group::ALL {
        let actions = Action::ALL.iter().filter(|a| a.spec().group == group && a.spec().views.contains(view));
        let entries = actions.filter_map(|action| {
            let spec = action.spec();
            let keys = cx.keymap.keys_of(*action, view).join(" ");
            let changed = cx.keymap.is_changed(*action);
            let shown = if keys.is_empty() { format!(":{}", spec.id) } else { keys.clone() };
            wanted(&format!("{keys} {} {} {}", spec.id, spec.name, spec.doc)).then(|| Line::Entry {
                keys: shown,
                doc: spec.doc.to_owned(),
                changed,
            })
        });
        let entries = entries.collect();
        section(group.name().to_uppercase(), entries);
    }
    let commands =
        WITH_ARGUMENT.iter().chain(&WITH_CHOICE).filter(|(name, _, doc)| wanted(&format!(":{name} {doc}")));
    let commands = commands.map(|(name, argument, doc)| Line::Entry {
        keys: format!(":{name} {argument}"),
        doc: (*doc).to_owned(),
        changed: false,
    });
    let commands = commands.collect();
    section("COMMANDS".to_owned(), commands);
    out
}
