//! Rows of values against their normal bands: label, value, band, sparkline, as room allows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::band::Band;
use crate::ui::widget::spark::Spark;

/// One value of a plant.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    label: String,
    value: Option<f32>,
    unit: &'static str,
    decimals: usize,
    normal: (Option<f32>, Option<f32>),
    priority: u8,
    /// Said instead of the number.
    words: Option<String>,
    spark: Vec<Option<f32>>,
}

/// Columns of labels: the fewest, and the most.
const LABEL: (u16, u16) = (13, 18);
/// Columns of values.
const VALUE: u16 = 12;

impl Row {
    /// A value in `unit` with so many decimals, and its normal range.
    #[must_use]
    pub fn new(
        label: &str,
        value: Option<f32>,
        (unit, decimals): (&'static str, usize),
        normal: (Option<f32>, Option<f32>),
    ) -> Self {
        Self {
            label: label.to_owned(),
            value,
            unit,
            decimals,
            normal,
            priority: 3,
            words: None,
            spark: Vec::new(),
        }
    }

    /// With the priority of a value outside of its normal range.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// With words instead of the number.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.words = Some(words.into());
        self
    }

    /// With its course over time.
    #[must_use]
    pub fn spark(mut self, values: Vec<Option<f32>>) -> Self {
        self.spark = values;
        self
    }

    /// The value with its unit; `–` when it is not known.
    #[must_use]
    pub fn text(&self, absent: char) -> String {
        if let Some(words) = &self.words {
            return words.clone();
        }
        match self.value {
            Some(v) => {
                format!("{} {}", text::decimal(f64::from(v), self.decimals), self.unit).trim_end().to_owned()
            }
            None => absent.to_string(),
        }
    }

    /// Scale of the band: the normal range with a margin, and room for the value.
    fn scale(&self) -> (f32, f32) {
        let value = self.value.unwrap_or(0.0);
        let low = self.normal.0.unwrap_or(0.0).min(value);
        // Without an upper limit there is room for several times the lower one.
        let open = self.normal.0.map_or(value.max(1.0) * 1.2, |low| low * 8.0);
        let high = self.normal.1.unwrap_or(open).max(value);
        let pad = ((high - low) * 0.25).max(f32::MIN_POSITIVE);
        (if self.normal.0.is_none() { low } else { low - pad }, high + pad)
    }

    fn band(&self) -> Band {
        Band { range: self.scale(), normal: self.normal, now: self.value, priority: self.priority }
    }
}

/// Values of the lowest and the highest bar of a course: a steady value is a line in the middle, not
/// noise blown up to full height.
#[must_use]
pub fn spark_range(values: &[Option<f32>]) -> (f32, f32) {
    let known = values.iter().flatten();
    let (low, high) = known.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let pad = ((high - low) * 0.2).max(high.abs() * 0.02).max(f32::MIN_POSITIVE);
    if low > high { (0.0, 1.0) } else { (low - pad, high + pad) }
}

/// Columns that the labels of rows take; rows that stand apart may share one width.
#[must_use]
pub fn label_width<'a>(rows: impl IntoIterator<Item = &'a Row>) -> u16 {
    let widest = rows.into_iter().map(|r| text::width(&r.label) as u16 + 2).max().unwrap_or(0);
    widest.clamp(LABEL.0, LABEL.1)
}

/// Draws as many rows as fit into `area`.
pub fn render(cx: &Context<'_>, rows: &[Row], area: Rect, buf: &mut Buffer) {
    render_with(cx, rows, label_width(rows), area, buf);
}

/// Draws rows with labels of `label` columns.
pub fn render_with(cx: &Context<'_>, rows: &[Row], label: u16, area: Rect, buf: &mut Buffer) {
    for (i, row) in rows.iter().take(usize::from(area.height)).enumerate() {
        line(cx, row, label, Rect::new(area.x, area.y + i as u16, area.width, 1), buf);
    }
}

fn line(cx: &Context<'_>, row: &Row, label: u16, area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let outside = row.band().is_outside();
    let alarm = Scope::alarm(row.priority);
    let (label_scope, scope) = if outside { (alarm, alarm) } else { (Scope::TextDim, Scope::Text) };
    if outside {
        // The shape too: on a narrow screen there is no band that would show it.
        b.on(area, buf).glyph((area.x, area.y), b.glyphs.alarm(row.priority), b.style(alarm));
    }
    let name = text::truncate(&row.label, usize::from(label) - 2, b.glyphs.ellipsis);
    b.on(Rect { width: label.min(area.width), ..area }, buf).text(
        (area.x + 1, area.y),
        &name,
        b.style(label_scope),
    );
    let value = row.words.as_ref().map_or(VALUE, |w| (text::width(w) as u16).max(VALUE));
    let shown = text::right(&row.text(b.glyphs.absent), usize::from(value), b.glyphs.ellipsis);
    let scope = if row.value.is_none() && row.words.is_none() { Scope::QualityAbsent } else { scope };
    b.on(area, buf).text((area.x + label, area.y), &shown, b.style(scope));
    let rest = area.width.saturating_sub(label + value + 2);
    let x = area.x + label + value + 2;
    if rest < 5 {
        return;
    }
    let spark = if rest >= 26 { rest * 2 / 5 } else { 0 };
    let band = Rect::new(x, area.y, rest - spark - 1, 1);
    if row.normal != (None, None) && row.value.is_some() && row.words.is_none() {
        row.band().render(b, band, buf);
    }
    if spark > 0 && !row.spark.is_empty() {
        let place = Rect::new(x + rest - spark, area.y, spark.saturating_sub(1), 1);
        Spark { values: &row.spark, range: spark_range(&row.spark), style: b.style(Scope::ChartLine) }
            .render(b, place, buf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_is_not_zero() {
        let row = Row::new("Flow", None, ("LPM", 1), (Some(1.0), Some(2.0)));
        assert_eq!(row.text('–'), "–");
        assert_eq!(Row::new("Flow", Some(0.0), ("LPM", 1), (None, None)).text('–'), "0.0 LPM");
    }

    #[test]
    fn the_scale_holds_the_normal_range_and_the_value() {
        let row = Row::new("Supply", Some(60.0), ("°C", 1), (Some(25.0), Some(42.0)));
        let (low, high) = row.scale();
        assert!(low < 25.0 && high > 60.0);
        assert!(row.band().is_outside());
    }

    #[test]
    fn a_steady_course_is_not_blown_up() {
        let row = Row::new("x", Some(5.0), ("", 0), (None, None)).spark(vec![Some(100.0), Some(100.1), None]);
        let (low, high) = spark_range(&row.spark);
        assert!(high - low > 3.0, "{low} {high}");
    }
}
