//! The line on top, which nothing covers: where, when, how old, and how many GPUs can be believed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::fleet::past::RecorderState;
use crate::model::alarm::JournalState;
use crate::model::{Asset, Metric, Timestamp};
use crate::ui::action::{ViewKind, Views};
use crate::ui::alarms::is_live;
use crate::ui::app::time;
use crate::ui::context::{Context, Moment};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::value;
use crate::ui::widget::Brush;
use crate::ui::widget::badge::Counts;

/// Seconds without a snapshot after which the picture is no longer called live.
pub const SILENT_FROM_S: u32 = 5;
/// Fewest columns of the path.
const MIN_PATH: usize = 12;

/// What the header says. Made once per update, so that drawing costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    path: Vec<String>,
    moment: Moment,
    time: Timestamp,
    /// A recording is replayed.
    replay: bool,
    /// The speed, while something plays.
    speed: Option<String>,
    /// From the frame shown to the newest one, ms.
    behind_ms: i64,
    /// Median age of the good values, s; `None` when there are none.
    age_s: Option<f32>,
    /// The frame that this is the age of.
    seq: Option<u64>,
    good: u32,
    total: u32,
    stale: u32,
    lost: u32,
    unplaced: usize,
    down: usize,
    targets: usize,
    /// Seconds without any new snapshot.
    silent_s: u32,
    /// Alarms of now by priority, and how many of them wait; `None` without an alarm engine.
    alarms: Option<([u32; 4], u32)>,
    /// Operations cannot be saved.
    broken: bool,
    /// The flight recorder cannot write.
    unrecorded: bool,
    muted: bool,
}

/// A part of the header. The larger the rank, the sooner it gives way on a narrow screen.
struct Part {
    text: String,
    scope: Scope,
    rank: u8,
    /// Drawn before the text.
    counts: Option<Counts>,
}

impl Part {
    fn width(&self, brush: Brush<'_>) -> usize {
        text::width(&self.text) + self.counts.map_or(0, |c| usize::from(c.width(brush)))
    }
}

impl Header {
    /// What is to be said about the frame on the screen and about the sources of now. `scope` is
    /// what a view of the plant is about, `last` the header before this one.
    #[must_use]
    pub fn of(cx: &Context<'_>, (view, scope): (ViewKind, Asset), silent_s: u32, last: &Self) -> Self {
        let board = &cx.then.live.alarms;
        let counts = cx.frame.counts(Asset::Site);
        // A pass over all GPUs, so once per frame and not once per key.
        let age = || cx.frame.stats(Asset::Site, Metric::Age).map(|s| s.p50);
        let tallies = cx.then.live.sources.iter().map(|s| s.tally());
        let (down, targets) =
            tallies.fold((0, 0), |(d, n), (up, down, waiting)| (d + down, n + up + down + waiting));
        Self {
            path: path(cx, view, scope),
            moment: cx.choice.moment,
            replay: cx.then.replay.is_some(),
            speed: cx.then.playing.then(|| format!("{}{} ", cx.brush.glyphs.times, cx.then.speed)),
            time: cx.frame.time,
            behind_ms: cx.then.live.frame.time.since(cx.frame.time),
            age_s: if last.seq == Some(cx.frame.seq) { last.age_s } else { age() },
            seq: Some(cx.frame.seq),
            good: counts.good,
            total: counts.total(),
            stale: counts.stale,
            lost: counts.lost,
            unplaced: cx.topology().unplaced_gpus(),
            down,
            targets,
            silent_s,
            alarms: is_live(board).then(|| (board.counts.by_priority, board.counts.waiting())),
            broken: matches!(board.journal, JournalState::Broken(_)),
            unrecorded: matches!(cx.then.live.recorder.state, RecorderState::Failing(_)),
            muted: cx.choice.bell_off.is_some(),
        }
    }

    fn parts(&self, brush: &Brush<'_>, wide: bool) -> Vec<Part> {
        let part = |text: String, scope, rank| Part { text, scope, rank, counts: None };
        let mut out = Vec::with_capacity(8);
        match self.moment {
            Moment::Live if self.silent_s >= SILENT_FROM_S => {
                let text = format!(" NO NEW DATA FOR {} ", value::seconds(self.silent_s));
                out.push(part(text, Scope::Banner, 0));
            }
            Moment::Live => out.push(part("LIVE".into(), Scope::TextStrong, 0)),
            moment => {
                let behind = time::distance(self.behind_ms);
                let speed = self.speed.as_deref().unwrap_or_default();
                let text = if self.replay {
                    format!(" REPLAY {speed}{} ", self.time.clock())
                } else {
                    format!(" {} {speed}{} (-{behind}) ", moment.word(), self.time.clock())
                };
                out.push(part(text, Scope::Banner, 0));
            }
        }
        if self.moment == Moment::Live {
            let zone = if wide { " UTC" } else { "" };
            out.push(part(format!("{}{zone}", self.time.clock()), Scope::Header, 2));
        }
        self.alarm_parts(&mut out, wide);
        let age =
            self.age_s.map_or("no data".into(), |s| format!("data {}", value::seconds(s.round() as u32)));
        out.push(part(age, Scope::HeaderDim, 5));
        let (good, total) = (text::integer(self.good.into()), text::integer(self.total.into()));
        out.push(part(format!("{good}/{total}{}", if wide { " GPUs good" } else { "" }), Scope::Header, 4));
        let word = |w: &str| if wide { format!(" {w}") } else { String::new() };
        if self.stale > 0 {
            let text = format!("{}{}{}", brush.glyphs.stale, text::integer(self.stale.into()), word("stale"));
            out.push(part(text, Scope::QualityStale, 3));
        }
        if self.lost > 0 {
            let text = format!("{}{}{}", brush.glyphs.lost, text::integer(self.lost.into()), word("lost"));
            out.push(part(text, Scope::QualityLost, 3));
        }
        if self.unplaced > 0 {
            out.push(part(format!("unplaced {}", text::integer(self.unplaced as u64)), Scope::Header, 6));
        }
        if self.down > 0 {
            let text = if wide {
                format!("sources {} of {} down", self.down, self.targets)
            } else {
                format!("src -{}", self.down)
            };
            out.push(part(text, Scope::TextStrong, 5));
        }
        out
    }

    /// Alarms are those of now, whatever moment the screen shows.
    fn alarm_parts(&self, out: &mut Vec<Part>, wide: bool) {
        let part = |text: &str, scope, rank| Part { text: text.to_owned(), scope, rank, counts: None };
        if self.broken {
            out.push(part(" NOT SAVED ", Scope::Banner, 1));
        }
        if self.unrecorded {
            out.push(part(" NOT RECORDED ", Scope::Banner, 2));
        }
        if let Some((counts, waiting)) = self.alarms {
            let text = if wide { format!("  unack {waiting}") } else { format!(" U{waiting}") };
            let scope = if waiting > 0 { Scope::TextStrong } else { Scope::HeaderDim };
            out.push(Part { text, scope, rank: 1, counts: Some(Counts(counts)) });
        }
        if self.muted {
            out.push(part("bell off", Scope::TextStrong, 3));
        }
    }

    /// Draws the line.
    pub fn render(&self, brush: &Brush<'_>, area: Rect, buf: &mut Buffer) {
        let ground = brush.style(Scope::Header);
        brush.on(area, buf).fill(ground);
        let width = usize::from(area.width);
        let mut parts = self.parts(brush, area.width >= 140);
        let taken = |parts: &[Part]| parts.iter().map(|p| p.width(*brush) + 2).sum::<usize>();
        while parts.len() > 1 && taken(&parts) + MIN_PATH.min(width / 3) > width {
            let last = (0..parts.len()).rev().max_by_key(|i| parts[*i].rank).unwrap_or(0);
            parts.remove(last);
        }
        let right = taken(&parts).min(width);
        let left = Rect { width: (width - right) as u16, ..area };
        self.render_path(brush, left, buf);
        let mut x = area.x + left.width + 1;
        for part in &parts {
            if let Some(counts) = part.counts {
                x = counts.render(&mut brush.on(area, buf), (x, area.y), ground);
            }
            let style = match part.scope {
                Scope::Header | Scope::HeaderDim | Scope::Banner => brush.style(part.scope),
                scope => on(ground, brush.style(scope), scope),
            };
            x = brush.on(area, buf).text((x, area.y), &part.text, style) + 2;
        }
    }

    fn render_path(&self, brush: &Brush<'_>, area: Rect, buf: &mut Buffer) {
        let separator =
            if area.width >= 60 { format!(" {} ", brush.glyphs.path) } else { brush.glyphs.path.to_string() };
        let mut path = self.path.join(&separator);
        let room = usize::from(area.width.saturating_sub(1));
        // The end of the path says most: what does not fit is cut from its start.
        let mut from = 0;
        while text::width(&path) > room && from + 1 < self.path.len() {
            from += 1;
            path = format!("{}{separator}{}", brush.glyphs.ellipsis, self.path[from..].join(&separator));
        }
        let style = on(brush.style(Scope::Header), brush.style(Scope::TextStrong), Scope::TextStrong);
        brush.on(area, buf).text((area.x + 1, area.y), &path, style);
    }
}

/// A style on the ground of the header, unless it brings a ground of its own.
fn on(ground: Style, style: Style, scope: Scope) -> Style {
    match (scope, ground.bg) {
        (Scope::TextStrong, Some(bg)) => style.bg(bg),
        _ => style,
    }
}

fn path(cx: &Context<'_>, view: ViewKind, scope: Asset) -> Vec<String> {
    let t = cx.topology();
    let s = cx.selection;
    let end = match view {
        ViewKind::Hall => s.hall(t).map(Asset::Hall),
        ViewKind::Rack => s.rack(t).map(Asset::Rack),
        ViewKind::Gpu => s.gpu(t).map(Asset::Gpu).or(s.tray().map(Asset::Tray)),
        ViewKind::Power | ViewKind::Cooling | ViewKind::Points => Some(scope),
        ViewKind::Site
        | ViewKind::Grid
        | ViewKind::Sources
        | ViewKind::Status
        | ViewKind::Jobs
        | ViewKind::Alarms => None,
    };
    let mut at = end.unwrap_or_default();
    let mut path = Vec::with_capacity(7);
    while at != Asset::Site {
        path.push(t.short_name(at));
        at = t.parent(at);
    }
    path.push(t.site().to_owned());
    path.reverse();
    if !Views::MAPS.contains(view) {
        path.push(view.name().to_owned());
    }
    path
}
