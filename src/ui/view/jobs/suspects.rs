//! The GPUs of a job that an operator wants to look at: those past a limit, those that hold the
//! others back, those that are lost or stale.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::jobs::{By, Straggler, Usage};
use crate::model::{Asset, ClockEvents, GpuId, Metric, Quality};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::jobs::list::SLOW;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::scroll;

/// Most GPUs that are listed; the title counts all.
const MOST: usize = 500;

/// Why a GPU is listed.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Why {
    Limit(u8),
    Slow,
    Lost,
    Stale,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Suspect {
    gpu: GpuId,
    why: Why,
    /// By what it shows that it is slow, when it is.
    slow: Option<Straggler>,
}

/// The list and its cursor.
#[derive(Debug, Default)]
pub struct Suspects {
    list: Vec<Suspect>,
    total: u32,
    area: Rect,
    at: usize,
    offset: usize,
}

impl Suspects {
    /// Makes the list for the frame shown. The cursor stays on its GPU where that is still listed;
    /// where it cannot be moved, the list shows its beginning.
    pub fn update(&mut self, cx: &Context<'_>, (by, usage): (By, &Usage), focused: bool, area: Rect) {
        if !focused {
            self.first();
        }
        let before = self.gpu().filter(|_| focused);
        self.area = area;
        self.list = list(cx, by, usage);
        self.total = total(cx, by, usage, &self.list);
        let place = before.and_then(|gpu| self.list.iter().position(|s| s.gpu == gpu));
        self.at = place.unwrap_or(self.at).min(self.list.len().saturating_sub(1));
        self.offset = scroll(self.at, self.list.len(), self.rows(), self.offset);
    }

    /// The GPU under the cursor.
    pub fn gpu(&self) -> Option<GpuId> {
        self.list.get(self.at).map(|s| s.gpu)
    }

    /// The cursor goes to the first.
    pub const fn first(&mut self) {
        (self.at, self.offset) = (0, 0);
    }

    /// Moves the cursor; false when the action is no move.
    pub fn step(&mut self, action: Action) -> bool {
        let Some(to) = action.walk(self.at, self.rows()) else { return false };
        self.at = to.min(self.list.len().saturating_sub(1));
        true
    }

    /// The GPU of the line at a cell of the screen.
    pub fn gpu_at(&self, at: (u16, u16)) -> Option<GpuId> {
        let inner = inner(self.area);
        let line = at.1.checked_sub(inner.y).filter(|_| inner.contains(at.into()))?;
        self.list.get(self.offset + usize::from(line)).map(|s| s.gpu)
    }

    fn rows(&self) -> usize {
        usize::from(inner(self.area).height).max(1)
    }

    /// Draws the list; `focused` when its cursor is moved.
    pub fn render(&self, cx: &Context<'_>, focused: bool, buf: &mut Buffer) {
        let b = cx.brush;
        if self.area.height < 2 {
            return;
        }
        let count =
            if self.total > 0 { format!("  {}", text::integer(self.total.into())) } else { String::new() };
        let title = format!("TO LOOK AT{count}");
        if framed(self.area) {
            Frame { title: &title, note: "limit, slow, lost, stale", focused }.render(b, self.area, buf);
        } else {
            let line = Rect { height: 1, ..self.area };
            for x in line.left()..line.right() {
                b.on(line, buf).glyph((x, line.y), b.glyphs.frame[0], b.style(Scope::Line));
            }
            b.on(line, buf).text((line.x + 1, line.y), &format!(" {title} "), b.style(Scope::Title));
        }
        let inner = inner(self.area);
        if self.list.is_empty() {
            let text = "nothing: no limit crossed, none slow, none lost";
            b.on(inner, buf).text((inner.x + 1, inner.y), text, b.style(Scope::TextDim));
        }
        for (i, suspect) in self.list.iter().enumerate().skip(self.offset).take(self.rows()) {
            let y = inner.y + (i - self.offset) as u16;
            let line = Rect { y, height: 1, ..inner }.intersection(inner);
            let selected = focused && i == self.at;
            suspect.render(cx, selected, line, buf);
        }
    }
}

impl Suspect {
    fn render(&self, cx: &Context<'_>, selected: bool, area: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let ground = b.style(if selected { Scope::Selection } else { Scope::Text });
        let (mark, scope) = match self.why {
            Why::Limit(priority) => (Badge { priority, filled: false }.text(b), Scope::alarm(priority)),
            Why::Slow => (Badge { priority: SLOW, filled: false }.text(b), Scope::alarm(SLOW)),
            Why::Lost => (b.glyphs.lost.to_string(), Scope::QualityLost),
            Why::Stale => (b.glyphs.stale.to_string(), Scope::QualityStale),
        };
        if selected {
            b.on(area, buf).fill(ground);
            b.on(area, buf).glyph((area.x, area.y), '>', ground);
        }
        b.on(area, buf).text((area.x + 1, area.y), &mark, if selected { ground } else { b.style(scope) });
        let place = cx.topology().name(Asset::Gpu(self.gpu));
        let x = b.on(area, buf).text((area.x + 4, area.y), &place, ground).max(area.x + 21);
        let dim = if selected { ground } else { b.style(Scope::TextDim) };
        b.on(area, buf).text((x + 1, area.y), &self.words(cx), dim);
    }

    /// What is wrong with it, in numbers.
    fn words(&self, cx: &Context<'_>) -> String {
        let slow = self.slow.map(|s| slow(&s));
        match self.why {
            Why::Limit(_) => {
                let events = cx.frame.value(self.gpu, Metric::ClockEvents).map(|v| ClockEvents(v as u16));
                let fault = events.filter(|e| e.is_fault()).and_then(|e| e.names().next());
                let margin = || {
                    let v = cx.frame.value(self.gpu, Metric::Margin)?;
                    (v < crate::fleet::limits::LOW_MARGIN_K).then(|| format!("margin {v:.0} K"))
                };
                let health = || cx.frame.health(self.gpu).map_or("", |h| h.name()).to_owned();
                let reason = fault.map(str::to_owned).or_else(margin).unwrap_or_else(health);
                slow.map_or(reason.clone(), |s| format!("{reason}, {s}"))
            }
            Why::Slow => slow.unwrap_or_default(),
            Why::Lost => match cx.frame.age(self.gpu) {
                Some(s) => format!("lost, last value {} ago", text::age(i64::from(s) * 1000)),
                None => "lost, never seen".to_owned(),
            },
            Why::Stale => {
                let age = cx.frame.age(self.gpu).map_or_else(String::new, |s| text::age(i64::from(s) * 1000));
                format!("stale, last value {age} ago")
            }
        }
    }
}

/// `clock 1 095 MHz, 61 % of 1 830 MHz`.
fn slow(s: &Straggler) -> String {
    let value = text::value(s.metric, s.value.into());
    let median = text::value(s.metric, s.median.into());
    let share = s.percent().map_or_else(String::new, |p| format!("{p:.0} % of "));
    match s.metric {
        Metric::Util => format!("{} {value}, the others {median}", s.metric.spec().label),
        _ => format!("{} {value}, {share}{median}", s.metric.spec().label),
    }
}

fn list(cx: &Context<'_>, by: By, usage: &Usage) -> Vec<Suspect> {
    let mut slow: Vec<Straggler> = cx.frame.usage(by).stragglers_of(usage.slot).copied().collect();
    let by_place = |list: &[Straggler]| {
        let mut list = list.to_vec();
        list.sort_unstable_by_key(|s| s.gpu);
        list
    };
    let sorted = by_place(&slow);
    let slow_of = |gpu: GpuId| sorted.binary_search_by_key(&gpu, |s| s.gpu).ok().map(|i| sorted[i]);
    let held = held(cx, by, usage);
    let mut out: Vec<Suspect> = Vec::new();
    if usage.limits != [0; 4] {
        let priority = |gpu: &GpuId| cx.frame.exceptions().get(gpu.index()).copied().unwrap_or(0);
        let crossed = held.clone().filter(|g| priority(g) > 0);
        out.extend(crossed.map(|gpu| Suspect { gpu, why: Why::Limit(priority(&gpu)), slow: slow_of(gpu) }));
        // The farthest off first where the limit is the same.
        let far = |s: &Suspect| s.slow.map_or(0.0, |s| -s.sigmas);
        out.sort_by(|a, b| priority(&a.gpu).cmp(&priority(&b.gpu)).then(far(a).total_cmp(&far(b))));
        slow.retain(|s| priority(&s.gpu) == 0);
    }
    slow.sort_by(|a, b| b.sigmas.total_cmp(&a.sigmas).then(a.gpu.cmp(&b.gpu)));
    out.extend(slow.into_iter().map(|s| Suspect { gpu: s.gpu, why: Why::Slow, slow: Some(s) }));
    for (count, quality, why) in
        [(usage.counts.lost, Quality::Lost, Why::Lost), (usage.counts.stale, Quality::Stale, Why::Stale)]
    {
        if count > 0 && out.len() < MOST {
            let bad = held.clone().filter(|g| cx.frame.quality(*g) == quality).take(MOST);
            out.extend(bad.map(|gpu| Suspect { gpu, why, slow: None }));
        }
    }
    out.truncate(MOST);
    out
}

/// All GPUs that it holds.
fn held<'a>(cx: &Context<'a>, by: By, usage: &Usage) -> impl Iterator<Item = GpuId> + Clone + use<'a> {
    let (slot, column) = (usage.slot, cx.frame.column(by.metric()));
    let halls: Vec<u32> = usage
        .halls
        .iter()
        .flat_map(|(h, _)| {
            let span = cx.topology().hall(*h).gpus;
            [span.start, span.end]
        })
        .collect();
    let spans: Vec<std::ops::Range<u32>> = halls.chunks_exact(2).map(|c| c[0]..c[1]).collect();
    spans.into_iter().flatten().filter(move |g| column.raw(*g as usize) == slot).map(GpuId)
}

/// How many there are, also beyond those listed. A straggler past a limit counts once.
fn total(cx: &Context<'_>, by: By, usage: &Usage, listed: &[Suspect]) -> u32 {
    if listed.len() < MOST {
        return listed.len() as u32;
    }
    let limits = cx.frame.exceptions();
    let twice = cx.frame.usage(by).stragglers_of(usage.slot);
    let twice = twice.filter(|s| limits.get(s.gpu.index()).is_some_and(|p| *p > 0)).count() as u32;
    usage.limits.iter().sum::<u32>() + usage.stragglers - twice + usage.counts.lost + usage.counts.stale
}

fn framed(area: Rect) -> bool {
    area.width >= 40 && area.height >= 6
}

fn inner(area: Rect) -> Rect {
    let edge = u16::from(framed(area));
    let top = 1.min(area.height);
    Rect::new(
        area.x + edge,
        area.y + top,
        area.width - 2 * edge,
        area.height - top - edge.min(area.height - top),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straggler_is_told_against_the_median() {
        let s =
            |metric, value, median| Straggler { slot: 1, gpu: GpuId(0), metric, value, median, sigmas: 7.0 };
        assert_eq!(slow(&s(Metric::SmClock, 1095.0, 1830.0)), "clock 1 095 MHz, 60 % of 1 830 MHz");
        assert_eq!(slow(&s(Metric::Power, 600.0, 1200.0)), "power 600 W, 50 % of 1 200 W");
        assert_eq!(slow(&s(Metric::Util, 0.0, 99.0)), "util 0 %, the others 99 %");
    }

    #[test]
    fn the_inside_never_leaves_the_area() {
        for (w, h) in [(0, 0), (1, 1), (40, 1), (40, 5), (40, 6), (200, 30)] {
            let area = Rect::new(3, 4, w, h);
            assert_eq!(inner(area).intersection(area), inner(area), "{w}x{h}");
        }
    }
}
