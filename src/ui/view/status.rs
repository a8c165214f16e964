//! The status view: what the console holds, costs and lost, the terminal, the choices.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::history::Part;
use crate::fleet::past::{RecorderState, RecorderView};
use crate::model::Asset;
use crate::model::alarm::JournalState;
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::is_live;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View};

/// Columns of the names.
const NAMES: u16 = 22;
/// Narrowest column of figures.
const COLUMN: u16 = 76;

/// A line: a heading, or a name with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Heading(&'static str),
    Fact(String, String),
}

/// State of the view.
#[derive(Debug, Default)]
pub struct StatusView {
    lines: Vec<Line>,
    first: usize,
    page: usize,
    columns: usize,
}

impl View for StatusView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.lines = lines(cx);
        self.columns = usize::from((area.width / COLUMN).clamp(1, 2));
        self.page = (usize::from(area.height) * self.columns).max(1);
        self.first = self.first.min(self.lines.len().saturating_sub(self.page));
    }

    fn act(&mut self, _: &Context<'_>, action: Action) -> Outcome {
        let half = (self.page / 2).max(1);
        let first = match action {
            Action::Down => self.first + 1,
            Action::Up => self.first.saturating_sub(1),
            Action::HalfDown | Action::PageDown => self.first + half,
            Action::HalfUp | Action::PageUp => self.first.saturating_sub(half),
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return Outcome::Ignored,
        };
        self.first = first.min(self.lines.len().saturating_sub(self.page));
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let brush = &cx.brush;
        let rows = (self.page / self.columns).max(1);
        let width = area.width / self.columns as u16;
        for (i, line) in self.lines.iter().skip(self.first).take(self.page).enumerate() {
            let x = area.x + (i / rows) as u16 * width;
            let cell = Rect { x, width: width.saturating_sub(1), ..area };
            let y = area.y + (i % rows) as u16;
            match line {
                Line::Heading(name) => {
                    brush.on(cell, buf).text((x + 1, y), name, brush.style(Scope::Title));
                }
                Line::Fact(name, value) => {
                    let end = brush.on(cell, buf).text((x + 3, y), name, brush.style(Scope::TextDim));
                    brush.on(cell, buf).text(
                        ((x + 3 + NAMES).max(end + 1), y),
                        value,
                        brush.style(Scope::Text),
                    );
                }
            }
        }
    }

    fn subject(&self, _: &Context<'_>) -> Asset {
        Asset::Site
    }

    fn hints(&self) -> &'static [Action] {
        &[Action::Down, Action::Up, Action::Sources, Action::Theme, Action::Reload, Action::Back]
    }
}

fn lines(cx: &Context<'_>) -> Vec<Line> {
    let mut out = vec![Line::Heading("HISTORY")];
    let mut fact = |name: &str, value: String| out.push(Line::Fact(name.to_owned(), value));
    let history = &cx.snapshot.history.status;
    let used: usize = history.parts.iter().map(|p| p.bytes).sum();
    fact("memory", format!("{} of {} budget", mib(used), mib(history.budget)));
    let [ring, hour, day, plant] = history.parts;
    fact("every frame", part(ring, "frames"));
    fact("10 s tier", part(hour, "buckets"));
    fact("1 min tier", part(day, "buckets"));
    fact("racks, CDUs, rows", part(plant, "minutes"));
    fact("halls and site", format!("{} beside the budget", mib(history.series_bytes)));
    if let Some((first, last)) = cx.snapshot.history.span() {
        fact("frames reach", format!("{} to {} UTC", first.clock(), last.clock()));
    }
    out.push(Line::Heading("ENGINE"));
    out.extend(engine(cx));
    out.push(Line::Heading("FLIGHT RECORDER"));
    out.extend(recorder(&cx.then.live.recorder));
    out.push(Line::Heading("ALARMS"));
    out.extend(alarms(cx));
    out.push(Line::Heading("SITE"));
    out.extend(site(cx));
    out.push(Line::Heading("SESSION"));
    let mut fact = |name: &str, value: String| out.push(Line::Fact(name.to_owned(), value));
    let choice = cx.choice;
    fact("theme", format!("{}, colours {}", choice.theme, choice.color_mode.name()));
    fact("colour depth", cx.brush.palette.depth().to_string());
    fact("mouse", if choice.mouse { "console" } else { "terminal" }.to_owned());
    let lost: Vec<String> =
        cx.keymap.shadowed().iter().map(|(keys, action)| format!("{keys} ({})", action.spec().id)).collect();
    if !lost.is_empty() {
        fact("keys given away", lost.join(", "));
    }
    let help = cx.keymap.key_of(Action::Help, ViewKind::Status).unwrap_or_default();
    fact("keys", format!("{} bindings, {help} lists them", cx.keymap.bindings().len()));
    for (name, value) in cx.facts {
        fact(name, value.clone());
    }
    out
}

fn engine(cx: &Context<'_>) -> Vec<Line> {
    let engine = cx.snapshot.engine;
    let frame = &cx.snapshot.frame;
    let micros = |us: u32| {
        if us == 0 { "not measured".to_owned() } else { format!("{:.2} ms", f64::from(us) / 1000.0) }
    };
    let fact = |name: &str, value: String| Line::Fact(name.to_owned(), value);
    vec![
        fact("frame", format!("{} at {}", text::integer(frame.seq), frame.time)),
        fact("entries taken in", text::integer(engine.entries)),
        fact("last commit", micros(engine.commit_us)),
        fact("last packing", micros(engine.pack_us)),
        fact("waiting in the queue", text::integer(engine.queued.into())),
        fact("late ticks", text::integer(engine.late_ticks)),
    ]
}

fn recorder(view: &RecorderView) -> Vec<Line> {
    let fact = |name: &str, value: String| Line::Fact(name.to_owned(), value);
    let state = match &view.state {
        RecorderState::Off => return vec![fact("state", "off: start with --record".to_owned())],
        RecorderState::Recording => "recording".to_owned(),
        RecorderState::Elsewhere => "another console records in this folder".to_owned(),
        RecorderState::Failing(why) => format!("NOT RECORDED: {why}"),
    };
    let lost = match view.dropped {
        0 => String::new(),
        n => format!(", {} could not be written", text::integer(n)),
    };
    let size = |bytes: u64| mib(usize::try_from(bytes).unwrap_or(usize::MAX));
    vec![
        fact("state", state),
        fact("frames", format!("{} since the start{lost}", text::integer(view.frames))),
        fact("disk", format!("{} of {} budget", size(view.bytes), size(view.budget))),
        fact("file", view.file.to_string()),
    ]
}

fn alarms(cx: &Context<'_>) -> Vec<Line> {
    let board = &cx.snapshot.alarms;
    let fact = |name: &str, value: String| Line::Fact(name.to_owned(), value);
    if !is_live(board) {
        return vec![fact("engine", "none in this console".to_owned())];
    }
    let c = &board.counts;
    let n = |n: u32| text::integer(n.into());
    let journal = match &board.journal {
        JournalState::None => "none: operations live as long as this console".to_owned(),
        JournalState::Leading => "written by this console".to_owned(),
        JournalState::Following(name) => format!("written by {name}; operations of this console, too"),
        JournalState::Broken(why) => format!("NOT SAVED: {why}"),
    };
    let missing = board.rules.iter().filter(|r| !r.missing.is_empty()).count();
    let off = board.rules.iter().filter(|r| r.disabled).count();
    let bell = cx.choice.bell_off.map_or_else(
        || "rings for new alarms of priority 1 and 2".to_owned(),
        |until| format!("muted until {}", until.clock()),
    );
    vec![
        fact("standing", format!("{}, {} unacknowledged", n(c.active()), n(c.waiting()))),
        fact(
            "put aside",
            format!(
                "{} shelved, {} suppressed, {} out of service",
                n(c.shelved),
                n(c.suppressed),
                n(c.out_of_service)
            ),
        ),
        fact("rules", format!("{}, {off} off, {missing} without the values they need", board.rules.len())),
        fact("journal", journal),
        fact("bell", bell),
    ]
}

fn site(cx: &Context<'_>) -> Vec<Line> {
    let t = cx.topology();
    let counts = cx.frame.counts(Asset::Site);
    let fact = |name: &str, value: String| Line::Fact(name.to_owned(), value);
    let n = |n: usize| text::integer(n as u64);
    let places = format!(
        "{} halls, {} rows, {} racks, {} trays",
        n(t.halls().len()),
        n(t.rows().len()),
        n(t.racks().len()),
        n(t.trays().len())
    );
    let quality = [
        ("good", counts.good),
        ("stale", counts.stale),
        ("lost", counts.lost),
        ("unsupported", counts.unsupported),
    ];
    let quality: Vec<String> =
        quality.iter().map(|(w, n)| format!("{} {w}", text::integer(u64::from(*n)))).collect();
    vec![
        fact("name", t.site().to_owned()),
        fact("places", places),
        fact("GPUs", format!("{}: {}", n(t.gpu_count()), quality.join(", "))),
        fact("unplaced GPUs", n(t.unplaced_gpus())),
        fact("times the site grew", n(t.generation() as usize)),
    ]
}

fn part(part: Part, what: &str) -> String {
    let span = text::age(part.span_ms);
    format!("{} {what} over {span}, {}", text::integer(part.count as u64), mib(part.bytes))
}

fn mib(bytes: usize) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    format!("{} MiB", text::decimal(mib, usize::from(mib < 10.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_past_say_how_far_they_reach() {
        let p = Part { count: 1200, bytes: 3 << 20, span_ms: 1_200_000 };
        assert_eq!(part(p, "frames"), "1 200 frames over 20:00, 3.0 MiB");
        assert_eq!(mib(512 << 20), "512 MiB");
    }
}
