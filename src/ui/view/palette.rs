//! The palette: find a hall, row, rack, host, GPU, job, tenant, view, metric or command by a few
//! letters.

mod score;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::jobs::By;
use crate::model::{Asset, GpuId, HallId, Metric, RackId, RowId, Topology, TrayId};
use crate::ui::action::{Action, ViewKind};
use crate::ui::app::command::Command;
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::overlay::Verdict;
use crate::ui::overlay::line::LineEdit;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::jobs;

use score::{Needle, score};

/// Most hits that are kept.
const MAX_HITS: usize = 200;

/// Names of all places down to the trays, made once per topology.
#[derive(Debug)]
pub struct Index {
    places: Vec<(Asset, String)>,
    hosts: Vec<(TrayId, String)>,
}

impl Index {
    /// The names of a site.
    #[must_use]
    pub fn new(t: &Topology) -> Self {
        let halls = (0..t.halls().len()).map(|i| Asset::Hall(HallId::new(i)));
        let rows = (0..t.rows().len()).map(|i| Asset::Row(RowId::new(i)));
        let racks = (0..t.racks().len()).map(|i| Asset::Rack(RackId::new(i)));
        let trays = (0..t.trays().len()).map(|i| Asset::Tray(TrayId::new(i)));
        let all = halls.chain(rows).chain(racks).chain(trays);
        let hosts = t.trays().iter().enumerate().filter(|(_, tray)| !tray.host.is_empty());
        Self {
            places: all.map(|a| (a, t.name(a))).collect(),
            hosts: hosts.map(|(i, tray)| (TrayId::new(i), tray.host.clone())).collect(),
        }
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq)]
struct Hit {
    score: i32,
    kind: &'static str,
    name: String,
    what: String,
    command: Command,
}

/// State of the palette.
#[derive(Debug)]
pub struct Palette {
    line: LineEdit,
    index: Arc<Index>,
    hits: Vec<Hit>,
    found: usize,
    selected: usize,
    first: usize,
    rows: usize,
}

impl Palette {
    /// An empty palette: it offers views, metrics and commands.
    #[must_use]
    pub fn new(cx: &Context<'_>, index: Arc<Index>) -> Self {
        let mut palette = Self {
            line: LineEdit::default(),
            index,
            hits: Vec::new(),
            found: 0,
            selected: 0,
            first: 0,
            rows: 1,
        };
        palette.search(cx);
        palette
    }

    /// The key goes to the palette.
    pub fn key(&mut self, cx: &Context<'_>, key: Key) -> Verdict {
        let last = self.hits.len().saturating_sub(1);
        match key.code {
            KeyCode::Enter => {
                return match self.hits.get(self.selected) {
                    Some(hit) => Verdict::Do(hit.command.clone()),
                    None => Verdict::Stay,
                };
            }
            KeyCode::Down => self.selected = (self.selected + 1).min(last),
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char('n') if key.ctrl => self.selected = (self.selected + 1).min(last),
            KeyCode::Char('p') if key.ctrl => self.selected = self.selected.saturating_sub(1),
            KeyCode::PageDown => self.selected = (self.selected + self.rows).min(last),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(self.rows),
            KeyCode::Tab => {
                if let Some(hit) = self.hits.get(self.selected) {
                    self.line = LineEdit::new(&hit.name);
                    self.search(cx);
                }
            }
            _ => {
                if self.line.key(key) {
                    self.search(cx);
                }
            }
        }
        Verdict::Stay
    }

    /// Pasted text is searched for.
    pub fn paste(&mut self, cx: &Context<'_>, text: &str) {
        self.line.insert_str(text);
        self.search(cx);
    }

    /// Keeps the selected hit on the screen.
    pub fn update(&mut self, body: Rect) {
        self.rows = usize::from(frame(body).height.saturating_sub(2)).max(1);
        self.selected = self.selected.min(self.hits.len().saturating_sub(1));
        self.first = self.first.clamp((self.selected + 1).saturating_sub(self.rows), self.selected);
    }

    fn search(&mut self, cx: &Context<'_>) {
        let needle = Needle::new(self.line.text());
        let mut hits = commands(cx, &needle);
        let mut add =
            |score: Option<i32>, asset: Asset| hits.extend(score.map(|s| (s, Target::Place(asset))));
        if !needle.is_empty() {
            for (asset, name) in &self.index.places {
                add(score(&needle, name), *asset);
            }
            for (tray, host) in &self.index.hosts {
                add(score(&needle, host), Asset::Tray(*tray));
            }
            if let Some((head, slot)) = needle.gpu() {
                for (asset, name) in &self.index.places {
                    if let Asset::Tray(tray) = asset {
                        let gpu = cx.topology().tray(*tray).gpus.start + slot;
                        let exists = cx.topology().tray(*tray).gpus.contains(gpu);
                        add(score(&head, name).filter(|_| exists).map(|s| s + 6), Asset::Gpu(GpuId(gpu)));
                    }
                }
            }
        }
        self.found = hits.len();
        // Equal scores keep the order of the lists: wholes before parts.
        hits.sort_by_key(|(score, _)| -score);
        hits.truncate(MAX_HITS);
        self.hits = hits.into_iter().map(|(score, target)| target.hit(cx, score)).collect();
        (self.selected, self.first) = (0, 0);
    }

    /// Draws the palette over the view.
    pub fn render(&self, cx: &Context<'_>, body: Rect, buf: &mut Buffer) {
        let brush = &cx.brush;
        let area = frame(body);
        brush.on(area, buf).fill(brush.style(Scope::Header));
        let end = brush.on(area, buf).text((area.x + 1, area.y), "FIND ", brush.style(Scope::HeaderDim));
        let field =
            Rect { x: end, y: area.y, width: area.right().saturating_sub(end), height: area.height.min(1) };
        self.line.render(brush, Rect { width: field.width.saturating_sub(14), ..field }, buf);
        let count = format!("{} found", text::integer(self.found as u64));
        let x = area.right().saturating_sub(text::width(&count) as u16 + 1);
        brush.on(area, buf).text((x, area.y), &count, brush.style(Scope::HeaderDim));
        let list = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
        for (i, hit) in self.hits.iter().enumerate().skip(self.first).take(self.rows) {
            let y = list.y + (i - self.first) as u16;
            let row = Rect { y, height: 1, ..list }.intersection(list);
            let selected = i == self.selected;
            let style = brush.style(if selected { Scope::Selection } else { Scope::Header });
            brush.on(row, buf).fill(style);
            let mark = if selected { ">" } else { " " };
            let name = usize::from(row.width) / 2;
            let line = format!(
                "{mark} {:<7} {} {}",
                hit.kind,
                text::left(&hit.name, name.saturating_sub(11), brush.glyphs.ellipsis),
                hit.what
            );
            brush.on(row, buf).text((row.x, y), &line, style);
        }
        let hint = "Enter go  Tab complete  Up Down choose  Esc close";
        brush.on(area, buf).text(
            (area.x + 1, area.bottom().saturating_sub(1)),
            hint,
            brush.style(Scope::HeaderDim),
        );
    }
}

fn frame(body: Rect) -> Rect {
    let width = body.width.min(100);
    let height = body.height.min(22);
    Rect { x: body.x + (body.width - width) / 2, y: body.y + u16::from(body.height > 24), width, height }
}

/// What a hit leads to, before its words are made.
enum Target {
    Place(Asset),
    View(ViewKind),
    Layer(Layer),
    Job(By, u16),
    Action(Action),
}

fn commands(cx: &Context<'_>, needle: &Needle) -> Vec<(i32, Target)> {
    let mut out = Vec::new();
    for view in ViewKind::ALL {
        out.extend(score(needle, view.name()).map(|s| (s + 3, Target::View(view))));
    }
    for metric in Metric::ON_KEYS {
        out.extend(score(needle, metric.spec().label).map(|s| (s + 2, Target::Layer(Layer::Gpu(metric)))));
    }
    for rack in RackLayer::ALL {
        let best = score(needle, rack.spec().label).max(score(needle, rack.spec().name));
        out.extend(best.map(|s| (s + 1, Target::Layer(Layer::Rack(rack)))));
    }
    for by in By::ALL.into_iter().filter(|_| !needle.is_empty()) {
        let named = jobs::names(cx, by);
        out.extend(named.filter_map(|(slot, n)| Some((score(needle, n)? + 1, Target::Job(by, slot)))));
    }
    for action in Action::ALL.iter().filter(|a| a.metric().is_none()) {
        let spec = action.spec();
        let best = score(needle, spec.id).max(score(needle, spec.name));
        let keyed = !cx.keymap.all_keys_of(*action).is_empty();
        out.extend(best.map(|s| (s + i32::from(keyed), Target::Action(*action))));
    }
    out
}

impl Target {
    fn hit(self, cx: &Context<'_>, score: i32) -> Hit {
        let t = cx.topology();
        match self {
            Self::View(view) => Hit {
                score,
                kind: "view",
                name: view.name().to_owned(),
                what: String::new(),
                command: Command::View(view),
            },
            Self::Layer(layer) => Hit {
                score,
                kind: "metric",
                name: layer.label().to_owned(),
                what: layer.doc().to_owned(),
                command: Command::Layer(layer),
            },
            Self::Job(by, slot) => {
                let usage = cx.frame.usage(by).of_slot(slot);
                let what = usage.map_or_else(String::new, |u| jobs::summary(cx, u));
                let name = jobs::name(cx, by, slot).to_owned();
                Hit { score, kind: by.name(), name, what, command: Command::Job(by, slot) }
            }
            Self::Action(action) => {
                let keys: Vec<String> = cx.keymap.all_keys_of(action).into_iter().map(|(k, _)| k).collect();
                let what = format!("{}  {}", keys.join(" "), action.spec().doc);
                Hit {
                    score,
                    kind: "command",
                    name: action.spec().id.to_owned(),
                    what,
                    command: Command::Action(action),
                }
            }
            Self::Place(asset) => Hit {
                score,
                kind: kind(asset),
                name: t.name(asset),
                what: summary(cx, asset),
                command: Command::Go(asset),
            },
        }
    }
}

const fn kind(asset: Asset) -> &'static str {
    match asset {
        Asset::Site => "site",
        Asset::Hall(_) => "hall",
        Asset::Row(_) => "row",
        Asset::Rack(_) => "rack",
        Asset::Tray(_) => "tray",
        Asset::Gpu(_) => "gpu",
        Asset::Cdu(_) => "cdu",
    }
}

fn summary(cx: &Context<'_>, asset: Asset) -> String {
    let metric = cx.choice.metric;
    if let Asset::Gpu(gpu) = asset {
        let value = cx.frame.value(gpu, metric).map_or("-".into(), |v| text::value(metric, v.into()));
        return format!("{} {value} {}", metric.spec().label, cx.frame.quality(gpu).name());
    }
    let host = match asset {
        Asset::Tray(tray) => format!("{} ", cx.topology().tray(tray).host),
        _ => String::new(),
    };
    let counts = cx.frame.counts(asset);
    format!("{host}{}/{} good", counts.good, counts.total())
}
