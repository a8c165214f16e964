//! The legend of a heatmap: its ramp with both ends and the unit, the shapes of alarms, the marks
//! of quality, and how many GPUs share a pixel. What does not fit is left out from the right.
//!
//! ```text
//! temp 20 ······░░░░░░▒▒▒▒▒▒▓▓▓▓▓▓██████ 90 °C  ■1 ▲2 ▼3 ◆4 alarm  ? stale  × lost  1 px = 12 GPU, worst of
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::metric::{Kind, Worst};
use crate::model::{Health, Metric};
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::ramp::LEVELS;
use crate::ui::text;
use crate::ui::theme::tone::CHANGES;
use crate::ui::theme::{Scope, Tone};
use crate::ui::widget::Brush;

/// What a heatmap shows, in one line.
#[derive(Clone, Copy, Debug)]
pub struct Legend<'a> {
    /// What the map shows.
    pub layer: Layer,
    /// Ends of the scale; `None` for those of the metric.
    pub range: Option<(f32, f32)>,
    /// GPUs that share a pixel; racks where they are what is shown.
    pub per_pixel: usize,
    /// Slots and names of the largest categories, for jobs and tenants.
    pub names: &'a [(u16, &'a str)],
}

type Part = Vec<(String, Style)>;

/// The legend of a map that shows what changed.
///
/// ```text
/// change of util -25 % ---·+++ +25 %  since 02:58:00  × not known  1 px = 12 GPU, largest change
/// ```
#[derive(Clone, Debug)]
pub struct Changes {
    /// What the map shows.
    pub layer: Layer,
    /// Both ends of the scale with the unit; `None` where a value is only another one.
    pub ends: Option<(String, String)>,
    /// The moment compared with.
    pub since: String,
    /// GPUs that share a pixel; racks where they are what is shown.
    pub per_pixel: usize,
}

impl Changes {
    /// Draws into the first line of `area`; returns the column after it.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) -> u16 {
        let dim = brush.style(Scope::TextDim);
        let title = format!("change of {} ", self.layer.label());
        let mut scale: Part = vec![(title, brush.style(Scope::TextStrong))];
        match &self.ends {
            Some((low, high)) => {
                scale.push((format!("{low} "), dim));
                scale.extend((-CHANGES..=CHANGES).map(|s| mark(brush, Tone::change(s))));
                scale.push((format!(" {high}"), dim));
            }
            None => {
                scale.extend(swatch(brush, Tone::change(0), "the same "));
                scale.extend(swatch(brush, Tone::change(CHANGES), "another"));
            }
        }
        let sign = vec![("- fell  + rose".to_owned(), dim)];
        let since = vec![(format!("since {}", self.since), dim)];
        let what = if matches!(self.layer, Layer::Rack(_)) { "racks" } else { "GPU" };
        let n = text::integer(self.per_pixel as u64);
        let pixel = vec![(format!("1 px = {n} {what}, largest change"), dim)];
        let parts = vec![scale, since, sign, swatch(brush, Tone::LOST, "not known"), pixel];
        line(parts, brush, area, buf)
    }
}

/// Parts with gaps between them; what does not fit is left out from the right.
fn line(parts: Vec<Part>, brush: Brush<'_>, area: Rect, buf: &mut Buffer) -> u16 {
    let mut x = area.left();
    for part in parts {
        let width: usize = part.iter().map(|(t, _)| text::width(t)).sum();
        let gap = u16::from(x > area.left()) * 2;
        if usize::from(x + gap) + width > usize::from(area.right()) {
            break;
        }
        x += gap;
        for (text, style) in part {
            x = brush.on(area, buf).text((x, area.top()), &text, style);
        }
    }
    x
}

impl Legend<'_> {
    /// Draws into the first line of `area`; returns the column after it.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) -> u16 {
        line(self.parts(brush), brush, area, buf)
    }

    fn parts(&self, brush: Brush<'_>) -> Vec<Part> {
        let dim = brush.style(Scope::TextDim);
        let mut parts = match self.layer {
            Layer::Rack(rack) => vec![self.rack_ramp(brush, rack)],
            Layer::Gpu(metric) => match metric.spec().kind {
                Kind::Quantity => vec![self.ramp(brush, metric)],
                Kind::Category => self.categories(brush, metric),
                Kind::Code if metric == Metric::Health => health(brush, metric),
                Kind::Flags | Kind::Code => events(brush, metric),
            },
        };
        let mut alarms: Part = (1..=4)
            .flat_map(|p| {
                let badge = crate::ui::widget::badge::Badge { priority: p, filled: false };
                [(badge.text(brush), badge.style(brush)), (" ".to_owned(), dim)]
            })
            .collect();
        alarms.push(("alarm".to_owned(), dim));
        parts.push(alarms);
        let marks = match self.layer {
            Layer::Gpu(_) => [(Tone::STALE, "stale"), (Tone::LOST, "lost")],
            Layer::Rack(_) => [(Tone::STALE, "frozen"), (Tone::ABSENT, "not reported")],
        };
        parts.extend(marks.map(|(tone, word)| swatch(brush, tone, word)));
        parts.push(vec![(self.pooling(), dim)]);
        parts
    }

    fn pooling(&self) -> String {
        let how = match self.layer {
            Layer::Rack(_) if self.per_pixel <= 1 => return "one colour per rack".to_owned(),
            Layer::Rack(rack) if rack.spec().worst == Worst::Low => ", lowest of",
            Layer::Rack(_) => ", highest of",
            Layer::Gpu(metric) => match metric.spec() {
                s if s.kind == Kind::Category => ", majority",
                s if s.worst == Worst::Neither => ", mean",
                _ => ", worst of",
            },
        };
        let how = if self.per_pixel > 1 { how } else { "" };
        let what = if matches!(self.layer, Layer::Rack(_)) { "racks" } else { "GPU" };
        format!("1 px = {} {what}{how}", text::integer(self.per_pixel as u64))
    }

    fn ramp(&self, brush: Brush<'_>, metric: Metric) -> Part {
        let spec = metric.spec();
        let (low, high) = self.range.unwrap_or(spec.range);
        let make = if metric == Metric::Age { Tone::age } else { Tone::level };
        let ends = match metric {
            Metric::MemUsed => (text::memory(f64::from(low)), text::memory(f64::from(high))),
            _ => (text::decimal(f64::from(low), 0), text::value(metric, f64::from(high))),
        };
        scale(brush, spec.label, ends, make)
    }

    fn rack_ramp(&self, brush: Brush<'_>, rack: RackLayer) -> Part {
        let spec = rack.spec();
        let (low, high) = self.range.unwrap_or(spec.range);
        let number = |v: f32| text::decimal(f64::from(v), 0);
        scale(brush, spec.label, (number(low), format!("{} {}", number(high), spec.unit)), Tone::level)
    }

    fn categories(&self, brush: Brush<'_>, metric: Metric) -> Vec<Part> {
        let mut parts = vec![vec![(metric.spec().label.to_owned(), brush.style(Scope::TextStrong))]];
        parts.extend(self.names.iter().map(|(slot, name)| swatch(brush, Tone::category(*slot), name)));
        parts.push(swatch(brush, Tone::IDLE, "idle"));
        parts
    }
}

/// A name, the ramp between its ends.
fn scale(brush: Brush<'_>, label: &str, ends: (String, String), make: fn(u8) -> Tone) -> Part {
    let dim = brush.style(Scope::TextDim);
    let mut part = vec![(format!("{label} "), brush.style(Scope::TextStrong)), (format!("{} ", ends.0), dim)];
    part.extend((0..LEVELS as u8).map(|l| mark(brush, make(l))));
    part.push((format!(" {}", ends.1), dim));
    part
}

fn health(brush: Brush<'_>, metric: Metric) -> Vec<Part> {
    let mut parts = vec![vec![(metric.spec().label.to_owned(), brush.style(Scope::TextStrong))]];
    let classes = Health::ALL.into_iter().filter(|h| *h != Health::Lost);
    parts.extend(classes.map(|h| swatch(brush, Tone::health(h), h.name())));
    parts
}

fn events(brush: Brush<'_>, metric: Metric) -> Vec<Part> {
    let classes: &[(u8, &str)] = match metric {
        Metric::ClockEvents => &[(0, "none"), (6, "normal limit"), (15, "fault")],
        _ => &[(0, "none"), (12, "seen")],
    };
    let mut parts = vec![vec![(metric.spec().label.to_owned(), brush.style(Scope::TextStrong))]];
    parts.extend(classes.iter().map(|(level, word)| swatch(brush, Tone::level(*level), word)));
    parts
}

/// One cell of a tone, as the heatmap draws it.
fn mark(brush: Brush<'_>, tone: Tone) -> (String, Style) {
    let paint = brush.palette.paint(tone);
    let glyph = brush.glyphs.shape(paint.shape);
    let text = brush.style(Scope::Text);
    if !brush.palette.is_solid() {
        return (glyph.to_string(), text.fg(paint.color).add_modifier(paint.modifier));
    }
    let bare = !tone.is_hatched() && tone.priority().is_none();
    (if bare { ' ' } else { glyph }.to_string(), text.fg(paint.ink).bg(paint.color))
}

fn swatch(brush: Brush<'_>, tone: Tone, word: &str) -> Part {
    vec![mark(brush, tone), (format!(" {}", crate::model::text::clean(word)), brush.style(Scope::TextDim))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    fn draw(legend: &Legend<'_>, width: u16, depth: ColorDepth) -> Buffer {
        let p = palette(depth);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        legend.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, buf.area, &mut buf);
        buf
    }

    const TEMP: Legend<'_> =
        Legend { layer: Layer::Gpu(Metric::Temp), range: None, per_pixel: 12, names: &[] };

    #[test]
    fn the_ramp_has_ends_and_unit_and_all_marks_are_explained() {
        let buf = draw(&TEMP, 100, ColorDepth::Mono);
        let line = lines(&buf).remove(0);
        let want =
            "temp 20 ····░░░▒▒▒▓▓▓███ 90 °C  ■1 ▲2 ▼3 ◆4 alarm  ? stale  × lost  1 px = 12 GPU, worst of";
        assert_eq!(line.trim_end(), want);
    }

    #[test]
    fn narrow_legends_drop_from_the_right() {
        assert_eq!(
            lines(&draw(&TEMP, 50, ColorDepth::Mono))[0].trim_end(),
            "temp 20 ····░░░▒▒▒▓▓▓███ 90 °C  ■1 ▲2 ▼3 ◆4 alarm"
        );
        assert_eq!(lines(&draw(&TEMP, 20, ColorDepth::Mono))[0].trim_end(), "");
    }

    #[test]
    fn with_colours_the_ramp_is_the_one_of_the_map() {
        let p = palette(ColorDepth::TrueColor);
        let buf = draw(&TEMP, 60, ColorDepth::TrueColor);
        assert_eq!(buf[(8, 0)].bg, p.paint(Tone::level(0)).color);
        assert_eq!(buf[(23, 0)].bg, p.paint(Tone::level(15)).color);
    }

    #[test]
    fn a_map_of_racks_says_so() {
        let legend = Legend { layer: Layer::Rack(RackLayer::Flow), range: None, per_pixel: 1, names: &[] };
        let line = |legend| lines(&draw(&legend, 120, ColorDepth::Mono)).remove(0);
        let want = "rack flow 0 ····░░░▒▒▒▓▓▓███ 165 LPM  ■1 ▲2 ▼3 ◆4 alarm  ? frozen  - not reported  one colour per rack";
        assert_eq!(line(legend).trim_end(), want);
        assert!(line(Legend { per_pixel: 3, ..legend }).contains("1 px = 3 racks, lowest of"));
    }

    #[test]
    fn what_changed_has_both_ends_of_its_scale_and_signs_in_words() {
        let p = palette(ColorDepth::Mono);
        let draw = |changes: &Changes| {
            let mut buf = Buffer::empty(Rect::new(0, 0, 110, 1));
            changes.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, buf.area, &mut buf);
            lines(&buf).remove(0).trim_end().to_owned()
        };
        let ends = Some(("-25 %".to_owned(), "+25 %".to_owned()));
        let layer = Layer::Gpu(Metric::Util);
        let changes = Changes { layer, ends, since: "02:58:00".into(), per_pixel: 12 };
        let want = "change of util -25 % ---·+++ +25 %  since 02:58:00  - fell  + rose  × not known  \
                    1 px = 12 GPU, largest change";
        assert_eq!(draw(&changes), want);
        let other = Changes { ends: None, ..changes };
        assert!(draw(&other).starts_with("change of util · the same + another"), "{}", draw(&other));
    }

    #[test]
    fn every_metric_has_a_legend() {
        for metric in Metric::ALL {
            let names = [(1, "llm-r7"), (2, "vis\u{1b}[2J")];
            let legend = Legend { layer: Layer::Gpu(metric), range: None, per_pixel: 1, names: &names };
            let line = lines(&draw(&legend, 150, ColorDepth::Mono)).remove(0);
            assert!(line.starts_with(metric.spec().label), "{line}");
            assert!(line.contains("alarm") && !line.contains('\u{1b}'), "{line}");
        }
    }
}
