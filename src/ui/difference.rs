//! What changed between two moments, as maps show it: a scale with two ends. Grey is no change; what
//! rose is lighter and `+`, what fell is darker and `-`, so that the sign is read without colour.

use std::sync::Arc;

use crate::fleet::{Frame, Snapshot};
use crate::model::metric::Kind;
use crate::model::{GpuId, Metric, Quality, RackId, Timestamp};
use crate::ui::context::Context;
use crate::ui::layer::Layer;
use crate::ui::text;
use crate::ui::theme::Tone;
use crate::ui::theme::tone::CHANGES;
use crate::ui::view::map::range;

/// The share of a scale at which a change is as large as it is drawn.
const SHARE: f32 = 0.25;

/// The moment that the one shown is compared with.
#[derive(Clone, Debug)]
pub struct Difference {
    with: Arc<Snapshot>,
}

impl Difference {
    /// A comparison with a snapshot, which must be in the topology that is shown.
    #[must_use]
    pub const fn new(with: Arc<Snapshot>) -> Self {
        Self { with }
    }

    /// The moment compared with.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.with.frame.time
    }

    /// The change that is drawn as the largest one, in the unit of the layer; `None` where a value
    /// can only be another one.
    #[must_use]
    pub fn span(cx: &Context<'_>, layer: Layer) -> Option<f32> {
        if let Layer::Gpu(metric) = layer
            && metric.spec().kind != Kind::Quantity
        {
            return None;
        }
        let spec = |m: Metric| m.spec().range;
        let (low, high) = range(cx, layer).unwrap_or(match layer {
            Layer::Gpu(metric) => spec(metric),
            Layer::Rack(rack) => rack.spec().range,
        });
        Some((high - low).abs().max(f32::MIN_POSITIVE) * SHARE)
    }

    /// The tone of GPUs that share a pixel: that of the largest change among them.
    #[must_use]
    pub fn gpus(&self, cx: &Context<'_>, metric: Metric, gpus: &[u32]) -> Tone {
        let span = Self::span(cx, Layer::Gpu(metric));
        let change = |g: &u32| change(cx.frame, &self.with.frame, GpuId(*g), metric);
        tone(gpus.iter().filter_map(change), span)
    }

    /// The tone of racks that share a pixel.
    #[must_use]
    pub fn racks(&self, cx: &Context<'_>, layer: Layer, racks: impl Iterator<Item = RackId>) -> Tone {
        let Layer::Rack(rack) = layer else { return Tone::LOST };
        let change = |r| Some(rack.value(cx.frame, r)? - rack.value(&self.with.frame, r)?);
        tone(racks.filter_map(change), Self::span(cx, layer))
    }

    /// Both ends of the scale in words: `-25 %`, `+25 %`.
    #[must_use]
    pub fn ends(cx: &Context<'_>, layer: Layer) -> Option<(String, String)> {
        let span = f64::from(Self::span(cx, layer)?);
        let words = match layer {
            Layer::Gpu(metric) => text::value(metric, span),
            Layer::Rack(rack) => rack.text(span as f32),
        };
        Some((format!("-{words}"), format!("+{words}")))
    }
}

/// What a GPU has more now than then; for what is no quantity 1 where it is another one. `None`
/// where either is not known, or too old to be believed.
fn change(now: &Frame, then: &Frame, gpu: GpuId, metric: Metric) -> Option<f32> {
    let good = |f: &Frame| f.quality(gpu) == Quality::Good;
    if !good(now) || !good(then) {
        return None;
    }
    match metric.spec().kind {
        Kind::Quantity => Some(now.value(gpu, metric)? - then.value(gpu, metric)?),
        Kind::Category => {
            // Slots are given anew; only names last.
            let name = |f: &Frame| {
                let job = f.job(gpu)?;
                Some(if metric == Metric::Tenant { job.tenant.clone() } else { job.job.clone() })
            };
            Some(f32::from(u8::from(name(now) != name(then))))
        }
        Kind::Code | Kind::Flags => {
            let (a, b) = (now.value(gpu, metric)?, then.value(gpu, metric)?);
            Some(if a == b { 0.0 } else { (a - b).signum() })
        }
    }
}

fn tone(changes: impl Iterator<Item = f32>, span: Option<f32>) -> Tone {
    let largest = changes.max_by(|a, b| a.abs().total_cmp(&b.abs()));
    largest.map_or(Tone::LOST, |change| Tone::change(step(change, span.unwrap_or(1.0))))
}

/// Place of a change on the scale, -3 to 3: 0 is less than a twelfth of its length.
fn step(change: f32, span: f32) -> i8 {
    let share = change.abs() / span.max(f32::MIN_POSITIVE);
    let step = match share {
        s if s < 1.0 / 12.0 => 0,
        s if s < 1.0 / 3.0 => 1,
        s if s < 2.0 / 3.0 => 2,
        _ => CHANGES,
    };
    if change < 0.0 { -step } else { step }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_change_is_the_one_that_is_seen_whatever_its_sign() {
        assert_eq!(tone([1.0, -20.0, 3.0].into_iter(), Some(25.0)), Tone::change(-3));
        assert_eq!(tone([1.0, -1.5].into_iter(), Some(25.0)), Tone::change(0));
        assert_eq!(tone(std::iter::empty(), Some(25.0)), Tone::LOST, "nothing to compare is no change of 0");
        assert_eq!(tone([1.0].into_iter(), None), Tone::change(3));
    }

    proptest! {
        #[test]
        fn steps_have_the_sign_of_the_change_and_grow_with_it(a in -100f32..100.0, b in -100f32..100.0) {
            let (sa, sb) = (step(a, 25.0), step(b, 25.0));
            prop_assert!(a <= b && sa <= sb || a >= b && sa >= sb);
            prop_assert!(sa == 0 || (sa > 0) == (a > 0.0));
        }
    }
}
