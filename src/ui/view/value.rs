//! Values as words and styles: absent, zero, stale and lost never look alike.

use ratatui::style::Style;

use crate::model::metric::{Kind, Metric};
use crate::model::topology::GpuModel;
use crate::model::{GpuId, Health, Quality, xid};
use crate::ui::context::Context;
use crate::ui::ramp::LEVELS;
use crate::ui::text;
use crate::ui::theme::{Scope, Tone};
use crate::ui::widget::band::Band;

/// A value ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// What to write; a stale value is marked, a lost or absent one is only a mark.
    pub text: String,
    /// How to write it.
    pub style: Style,
    /// Where the value stands on the scale of its metric, 0 to 1; `None` unless it is fresh.
    pub share: Option<f32>,
}

/// A value of a GPU in few columns, without its unit.
#[must_use]
pub fn short(cx: &Context<'_>, gpu: GpuId, metric: Metric) -> Shown {
    shown(cx, gpu, metric, |v| words(cx, gpu, metric, v).unwrap_or_else(|| short_number(metric, v)))
}

/// A value of a GPU with its unit.
#[must_use]
pub fn long(cx: &Context<'_>, gpu: GpuId, metric: Metric) -> Shown {
    shown(cx, gpu, metric, |v| words(cx, gpu, metric, v).unwrap_or_else(|| text::value(metric, v.into())))
}

fn shown(cx: &Context<'_>, gpu: GpuId, metric: Metric, write: impl Fn(f32) -> String) -> Shown {
    let brush = &cx.brush;
    let value = cx.frame.value(gpu, metric);
    let plain = |text: String, scope| Shown { text, style: brush.style(scope), share: None };
    let quality = if metric == Metric::Age { Quality::Good } else { cx.frame.quality(gpu) };
    match (quality, value) {
        (Quality::Lost, _) => plain(brush.glyphs.lost.to_string(), Scope::QualityLost),
        (Quality::Stale, Some(v)) => {
            plain(format!("{}{}", brush.glyphs.stale, write(v)), Scope::QualityStale)
        }
        (_, None) => plain(brush.glyphs.dash.to_string(), Scope::QualityAbsent),
        (_, Some(v)) => {
            let share = share(metric, v);
            let scope = match (metric, Health::from_raw(v as u16)) {
                (Metric::Health, Some(health)) => health_scope(health),
                _ => Scope::Text,
            };
            Shown { text: write(v), style: brush.style(scope), share: Some(share) }
        }
    }
}

/// An age in whole seconds, which is all that is kept of it.
#[must_use]
pub fn seconds(s: u32) -> String {
    if s < 100 { format!("{s} s") } else { text::age(i64::from(s) * 1000) }
}

/// The style of a class of health in text.
#[must_use]
pub fn health_scope(health: Health) -> Scope {
    match health {
        Health::Ok => Scope::Text,
        Health::Maintenance => Scope::TextDim,
        Health::Lost => Scope::QualityLost,
        other => Tone::health(other).priority().map_or(Scope::Text, Scope::alarm),
    }
}

/// Where a value stands on the scale of its metric, 0 to 1.
#[must_use]
pub fn share(metric: Metric, value: f32) -> f32 {
    let (low, high) = metric.spec().range;
    ((value - low) / (high - low).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
}

/// The step of the ramp for a share of the scale.
#[must_use]
pub fn level(share: f32) -> u8 {
    ((share * LEVELS as f32) as u8).min(LEVELS as u8 - 1)
}

fn short_number(metric: Metric, value: f32) -> String {
    match metric {
        Metric::MemUsed => format!("{:.0}", f64::from(value) * 1.048_576 / 1000.0),
        _ => format!("{value:.0}"),
    }
}

/// Codes and categories have words instead of numbers.
fn words(cx: &Context<'_>, gpu: GpuId, metric: Metric, value: f32) -> Option<String> {
    match metric {
        Metric::Health => Health::from_raw(value as u16).map(|h| h.name().to_owned()),
        Metric::Job => Some(cx.frame.job(gpu).map_or("idle".to_owned(), |j| j.job.clone())),
        Metric::Tenant => {
            let name = cx.frame.tenants.get(value as usize).filter(|n| !n.is_empty());
            Some(name.map_or("none".to_owned(), Clone::clone))
        }
        Metric::Xid if value == 0.0 => Some("none".to_owned()),
        Metric::Xid => Some(match xid::lookup(value as u16) {
            Some(x) => format!("{value:.0} {}: {}", x.meaning, x.action),
            None => format!("{value:.0} not in the catalogue"),
        }),
        Metric::ClockEvents => {
            let events = crate::model::ClockEvents(value as u16);
            let names: Vec<&str> = events.names().collect();
            Some(if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        }
        _ => None,
    }
}

/// The band of a metric of a GPU: the limits of its model where there are any.
#[must_use]
pub fn band(model: &GpuModel, metric: Metric, now: Option<f32>) -> Option<Band> {
    if metric.spec().kind != Kind::Quantity {
        return None;
    }
    let known = |v: f32| Some(v).filter(|v| *v > 0.0);
    let (range, normal, priority) = match metric {
        Metric::Power => ((0.0, model.tdp_w.max(100.0) * 1.25), (None, known(model.tdp_w * 1.05)), 3),
        Metric::Temp => ((20.0, model.shutdown_c.max(60.0) + 5.0), (None, known(model.zero_margin_c)), 2),
        // Sustained HBM operation limit used across vendors' data sheets.
        Metric::MemTemp => ((20.0, 110.0), (None, Some(95.0)), 2),
        Metric::Margin => ((-10.0, 60.0), (Some(0.0), None), 2),
        Metric::SmClock => ((0.0, model.max_clock_mhz.max(1000.0)), (None, None), 3),
        // Without a known size there is no band: a full one would look like a full memory.
        Metric::MemUsed => ((0.0, known(model.memory_mib as f32)?), (None, None), 3),
        Metric::Age => ((0.0, 30.0), (None, Some(10.0)), 3),
        _ => (metric.spec().range, (None, None), 3),
    };
    Some(Band { range, normal, now, priority })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;

    #[test]
    fn shares_and_levels_stay_on_the_scale() {
        assert_eq!(share(Metric::Temp, -300.0), 0.0);
        assert_eq!(share(Metric::Temp, 900.0), 1.0);
        assert_eq!((level(0.0), level(0.5), level(1.0)), (0, 8, 15));
    }

    #[test]
    fn bands_know_the_limits_of_the_model() {
        let t = Topology::default_site();
        let model = &t.gpu_models()[0];
        let hot = band(model, Metric::Temp, Some(90.0)).expect("a quantity");
        assert!(hot.is_outside());
        assert!(!band(model, Metric::Temp, Some(60.0)).expect("a quantity").is_outside());
        assert!(
            !band(model, Metric::Temp, None).expect("a quantity").is_outside(),
            "unknown is not an alarm"
        );
        assert!(band(model, Metric::Margin, Some(-3.0)).expect("a quantity").is_outside());
        assert!(band(model, Metric::Xid, Some(79.0)).is_none());
    }
}
