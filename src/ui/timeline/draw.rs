//! Drawing of the timeline.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::Timestamp;
use crate::model::chronicle::{Happening, HappeningKind};
use crate::ui::action::{Action, ViewKind};
use crate::ui::app::time::distance;
use crate::ui::context::{Context, Moment};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::timeline::events::{Events, words};
use crate::ui::timeline::lanes::Lanes;
use crate::ui::timeline::{Row, Window, axis, rows};
use crate::ui::widget::frame::Frame;

/// Height from which on it has a frame.
const FRAMED: u16 = 12;

/// Windows shorter than this are written with seconds, ms.
const SECONDS_BELOW: i64 = 600_000;

/// Where the columns of the lanes are drawn.
pub(super) fn field(area: Rect) -> Rect {
    let (label, edge) = if area.height >= FRAMED { (10, 2) } else { (8, 0) };
    let left = (edge + label).min(area.width);
    let right = edge.min(area.width - left);
    let top = 1.min(area.height);
    let height = (rows(area.height).len() as u16).min(area.height - top);
    Rect { x: area.x + left, y: area.y + top, width: area.width - left - right, height }
}

/// All that is drawn.
pub(super) struct Panel<'a> {
    pub cx: &'a Context<'a>,
    pub window: Window,
    pub lanes: &'a Lanes,
    pub events: &'a Events,
}

impl Panel<'_> {
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        b.on(area, buf).fill(b.style(Scope::Text));
        let field = field(area);
        if area.height >= FRAMED {
            Frame { title: "TIMELINE", note: &self.extent(), focused: true }.render(b, area, buf);
        } else {
            self.rule(area, buf);
        }
        for (i, row) in rows(area.height).iter().enumerate() {
            let line = Rect { y: field.y + i as u16, height: 1, ..field };
            if line.y >= field.bottom() {
                break;
            }
            let label = Rect { x: area.x + u16::from(area.height >= FRAMED) * 2, width: 10, ..line };
            let label = Rect { width: field.x.saturating_sub(label.x), ..label };
            self.row(*row, (label, line), buf);
        }
    }

    fn row(&self, row: Row, (label, line): (Rect, Rect), buf: &mut Buffer) {
        let b = self.cx.brush;
        let whole = Rect { x: label.x, width: line.right() - label.x, ..line };
        let short = label.width < 9;
        let words = match row {
            Row::Alarms if short => "alarm",
            Row::Alarms => "alarms",
            Row::Metric => self.lanes.label,
            Row::Power => "MW",
            Row::Temperature if self.lanes.highest => "max °C",
            Row::Temperature => "mean °C",
            Row::Events if short => "event",
            Row::Events => "events",
            Row::Axis if !short => "time",
            _ => "",
        };
        b.on(label, buf).text((label.x, label.y), words, b.style(Scope::TextDim));
        match row {
            Row::Alarms => self.bars(&self.lanes.alarms, (0.0, top(&self.lanes.alarms)), line, buf),
            Row::Metric => self.bars(&self.lanes.metric, self.lanes.range, line, buf),
            Row::Power => self.bars(&self.lanes.power, (0.0, top(&self.lanes.power)), line, buf),
            Row::Temperature => self.bars(&self.lanes.temperature, (20.0, 95.0), line, buf),
            Row::Events => self.events_lane(line, buf),
            Row::Line => self.line(line, buf),
            Row::Axis => {
                for (column, text) in axis::labels(self.window) {
                    b.on(line, buf).text((line.x + column as u16, line.y), &text, b.style(Scope::TextDim));
                }
            }
            Row::Loop => self.loop_lane(line, buf),
            Row::Status => {
                _ = b.on(whole, buf).text((whole.x, whole.y), &self.status(), b.style(Scope::Text))
            }
            Row::Keys => _ = b.on(whole, buf).text((whole.x, whole.y), &self.keys(), b.style(Scope::TextDim)),
        }
    }

    fn bars(&self, values: &[Option<f32>], (low, high): (f32, f32), line: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        let style = b.style(Scope::ChartLine);
        for (column, value) in values.iter().take(usize::from(line.width)).enumerate() {
            // Nothing stands and nothing is known look alike but for the lowest bar.
            let Some(value) = value else { continue };
            let share = f64::from((value - low) / (high - low).max(f32::MIN_POSITIVE));
            b.on(line, buf).glyph((line.x + column as u16, line.y), b.glyphs.bar(share), style);
        }
    }

    /// What happened: of several in one column the one that matters most.
    fn events_lane(&self, line: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        let mut best: Vec<Option<(u8, char, Style)>> = vec![None; usize::from(line.width)];
        let mut put = |column: Option<usize>, rank: u8, glyph: char, scope: Scope| {
            if let Some(slot) = column.and_then(|c| best.get_mut(c))
                && slot.is_none_or(|(old, ..)| rank < old)
            {
                *slot = Some((rank, glyph, b.style(scope)));
            }
        };
        for event in self.events.within(self.window.from, self.window.to()) {
            let (rank, glyph, scope) = self.mark(event);
            put(self.window.column(event.time), rank, glyph, scope);
        }
        for mark in self.cx.then.chronicle.iter().flat_map(|c| c.bookmarks.iter()) {
            put(self.window.column(mark.time), 0, b.glyphs.time.bookmark, Scope::TextStrong);
        }
        for incident in self.cx.then.chronicle.iter().flat_map(|c| c.incidents.iter()) {
            for column in 0..self.window.columns {
                let (start, end) = (self.window.time(column), self.window.time(column + 1));
                if incident.touches(start, end.plus_millis(-1)) {
                    put(Some(column), 9, b.glyphs.time.incident, Scope::TextDim);
                }
            }
        }
        for (column, mark) in best.into_iter().enumerate() {
            if let Some((_, glyph, style)) = mark {
                b.on(line, buf).glyph((line.x + column as u16, line.y), glyph, style);
            }
        }
    }

    /// Rank, glyph and style of an event.
    fn mark(&self, event: &Happening) -> (u8, char, Scope) {
        let g = &self.cx.brush.glyphs;
        match event.kind {
            HappeningKind::Raised => {
                let priority = event.priority.clamp(1, 4);
                (priority, g.alarm(priority), Scope::alarm(priority))
            }
            HappeningKind::Operator => (5, g.time.operator, Scope::TextStrong),
            HappeningKind::Source => (6, g.time.source, Scope::TextStrong),
            HappeningKind::Topology => (7, g.time.topology, Scope::TextStrong),
            HappeningKind::Job => (7, g.time.source, Scope::TextDim),
            HappeningKind::Cleared => (8, g.time.cleared, Scope::TextDim),
        }
    }

    fn line(&self, line: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        let (t, then) = (b.glyphs.time, &self.cx.then);
        let at = self.window.column(then.position);
        let gaps = then.chronicle.map_or(&[][..], |c| &c.gaps);
        for column in 0..self.window.columns.min(usize::from(line.width)) {
            let (start, end) = (self.window.time(column), self.window.time(column + 1));
            let Some((first, last)) = then.reach else { break };
            if end <= first || start > last {
                continue;
            }
            // A gap between two frames of one column is none that could be seen.
            let gap =
                gaps.iter().any(|g| g.from < end && g.to > start && g.to.since(g.from) >= end.since(start));
            let played = at.is_some_and(|at| column < at);
            let glyph = if gap { t.gap } else { t.line[usize::from(!played)] };
            b.on(line, buf).glyph((line.x + column as u16, line.y), glyph, b.style(Scope::Text));
        }
        let (a, end) = then.marks;
        for (mark, name) in [(a, 'A'), (end, 'B')] {
            if let Some(column) = mark.and_then(|m| self.window.column(m)) {
                b.on(line, buf).glyph((line.x + column as u16, line.y), name, b.style(Scope::TextStrong));
            }
        }
        if let Some(column) = at {
            b.on(line, buf).glyph((line.x + column as u16, line.y), t.position, b.style(Scope::Cursor));
        }
    }

    fn loop_lane(&self, line: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        let (Some(a), Some(end)) = self.cx.then.marks else { return };
        let from = self.window.column(a.max(self.window.from));
        let to = self.window.column(end.min(self.window.to()));
        let (Some(from), Some(to)) = (from, to) else { return };
        let style = b.style(Scope::TextDim);
        for column in from..=to {
            b.on(line, buf).glyph((line.x + column as u16, line.y), b.glyphs.limit, style);
        }
        let words = format!(" loop A-B {} ", distance(end.since(a)));
        if to - from > words.len() + 4 {
            let x = line.x + ((from + to - words.len()) / 2) as u16;
            b.on(line, buf).text((x, line.y), &words, style);
        }
        for (column, name) in [(from, 'A'), (to, 'B')] {
            b.on(line, buf).glyph((line.x + column as u16, line.y), name, b.style(Scope::TextStrong));
        }
    }

    /// The rule above small panels, with the words that matter most.
    fn rule(&self, area: Rect, buf: &mut Buffer) {
        let b = self.cx.brush;
        let line = Rect { height: 1, ..area };
        for x in line.left()..line.right() {
            b.on(line, buf).glyph((x, line.y), b.glyphs.frame[0], b.style(Scope::Line));
        }
        let then = &self.cx.then;
        let mut parts = vec![self.span(), self.frames(), self.speed()];
        if let (Some(a), Some(end)) = then.marks {
            parts.push(format!("A-B {}", distance(end.since(a))));
        }
        parts.extend(self.next());
        let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        let words = format!(" {} ", parts.join("  "));
        b.on(line, buf).text((line.x + 2, line.y), &words, b.style(Scope::Title));
    }

    fn span(&self) -> String {
        let length = if self.window.ms < SECONDS_BELOW { 8 } else { 5 };
        let clock = |t: Timestamp| t.clock().to_string().chars().take(length).collect::<String>();
        format!("{}{}{}", clock(self.window.from), self.cx.brush.glyphs.dash, clock(self.window.to()))
    }

    fn extent(&self) -> String {
        let Some(c) = self.cx.then.chronicle else { return self.span() };
        let gaps = match c.gaps.len() {
            0 => "no gap".to_owned(),
            1 => "1 gap".to_owned(),
            n => format!("{n} gaps"),
        };
        format!("{}, {} frames, {gaps}, {}", self.span(), text::integer(c.frames), c.name)
    }

    /// Which frame of how many, counted by time: a recording is not asked for every frame it has.
    fn frames(&self) -> String {
        let Some(c) = self.cx.then.chronicle else { return String::new() };
        let Some((first, last)) = c.span else { return String::new() };
        let lost = |upto: Timestamp| -> i64 {
            c.gaps.iter().filter(|g| g.from < upto).map(|g| g.to.min(upto).since(g.from)).sum()
        };
        let at = self.cx.frame.time.clamp(first, last);
        let all = (last.since(first) - lost(last)).max(1);
        let share = (at.since(first) - lost(at)).max(0) as f64 / all as f64;
        // Over each gap there is one step, however long it is.
        let passed = c.gaps.iter().filter(|g| g.to <= at).count() as u64;
        let steps = c.frames.saturating_sub(1 + c.gaps.len() as u64);
        let n = 1 + passed + (share * steps as f64).round() as u64;
        format!("frame ~{}/{}", text::integer(n), text::integer(c.frames))
    }

    fn speed(&self) -> String {
        let then = &self.cx.then;
        let speed = format!("{}{}", self.cx.brush.glyphs.times, then.speed);
        match self.cx.choice.moment {
            Moment::Live => "live".to_owned(),
            Moment::Paused(_) => "held".to_owned(),
            Moment::Past(_) if then.playing => format!("plays {speed}"),
            Moment::Past(_) => format!("stopped {speed}"),
        }
    }

    /// The next event in words: `next +3 s row-cooling-lost H3-R17`.
    fn next(&self) -> Option<String> {
        let at = self.cx.then.position;
        let event = self.events.beside(at, false, true)?;
        let what = words(event, self.cx.brush.glyphs);
        Some(format!("next +{} {what}", distance(event.time.since(at))))
    }

    fn status(&self) -> String {
        let then = &self.cx.then;
        let key = |action| self.cx.keymap.key_of(action, ViewKind::Hall).unwrap_or_default();
        let mut parts = vec![format!("{} {}", key(Action::Pause), self.speed()), self.frames()];
        parts.push(self.next().unwrap_or_else(|| "no event follows".to_owned()));
        if let Some(d) = then.difference {
            parts.push(format!("compared with {}", d.time().clock()));
        }
        if let Some(c) = then.chronicle {
            parts.push(format!("bookmarks {}  incidents {}", c.bookmarks.len(), c.incidents.len()));
        }
        parts.retain(|p| !p.is_empty());
        parts.join("    ")
    }

    /// What the marks mean, and the keys.
    fn keys(&self) -> String {
        let t = self.cx.brush.glyphs.time;
        let key = |action| self.cx.keymap.key_of(action, ViewKind::Hall).unwrap_or_default();
        let marks = format!(
            "{} cleared  {} operator  {} source  {} bookmark  {} incident  {} no frames",
            t.cleared, t.operator, t.source, t.bookmark, t.incident, t.gap
        );
        let pair = |a, b, words: &str| format!("{} {} {words}", key(a), key(b));
        format!(
            "{marks}    {}  {}  {}  {} time  {} diff  {} clip",
            pair(Action::EventBack, Action::EventForward, "event"),
            pair(Action::RaisedBack, Action::RaisedForward, "alarm"),
            pair(Action::LoopStart, Action::LoopEnd, "loop"),
            key(Action::GoToTime),
            key(Action::Difference),
            key(Action::ExportClip),
        )
    }
}

/// The highest value, and a little more.
fn top(values: &[Option<f32>]) -> f32 {
    values.iter().flatten().fold(0.0, |a: f32, b| a.max(*b)).max(1e-3)
}
