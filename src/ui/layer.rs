//! What a heatmap shows: a metric, one value per GPU, or a value of the plant, one per rack.

use crate::fleet::Frame;
use crate::fleet::limits::plant as limits;
use crate::model::facility::RackPoint;
use crate::model::metric::Worst;
use crate::model::{Metric, Quantity, RackId, text};

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Every GPU by a metric of its own.
    Gpu(Metric),
    /// Every rack in one colour.
    Rack(RackLayer),
}

/// A value of racks that can be shown on a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RackLayer {
    /// Electrical power.
    Power,
    /// Coolant into the rack.
    Supply,
    /// Coolant out of the rack.
    Return,
    /// Coolant flow.
    Flow,
    /// Differential pressure.
    Pressure,
    /// Control valve.
    Valve,
    /// Heat that the coolant carries away, by power drawn.
    Heat,
    /// How unevenly the rack draws from its two sides.
    Imbalance,
}

/// Everything fixed about a layer of racks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RackSpec {
    /// Name in commands and on the command line.
    pub name: &'static str,
    /// Words on screen.
    pub label: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Ends of the colour scale.
    pub range: (f32, f32),
    /// The bad end.
    pub worst: Worst,
    /// What it is.
    pub doc: &'static str,
}

const SPECS: [RackSpec; RackLayer::ALL.len()] = [
    RackSpec {
        name: "rack_power",
        label: "rack power",
        unit: "kW",
        range: (0.0, 136.0),
        worst: Worst::High,
        doc: "electrical power of each rack",
    },
    RackSpec {
        name: "rack_supply",
        label: "rack supply",
        unit: "°C",
        range: (20.0, 45.0),
        worst: Worst::High,
        doc: "coolant temperature into each rack",
    },
    RackSpec {
        name: "rack_return",
        label: "rack return",
        unit: "°C",
        range: (30.0, 60.0),
        worst: Worst::High,
        doc: "coolant temperature out of each rack",
    },
    RackSpec {
        name: "rack_flow",
        label: "rack flow",
        unit: "LPM",
        range: (0.0, 165.0),
        worst: Worst::Low,
        doc: "coolant flow through each rack",
    },
    RackSpec {
        name: "rack_dp",
        label: "rack DP",
        unit: "kPa",
        range: (0.0, 200.0),
        worst: Worst::Low,
        doc: "differential pressure over each rack",
    },
    RackSpec {
        name: "rack_valve",
        label: "rack valve",
        unit: "%",
        range: (0.0, 100.0),
        worst: Worst::High,
        doc: "control valve of each rack",
    },
    RackSpec {
        name: "rack_heat",
        label: "rack heat",
        unit: "%",
        range: (50.0, 110.0),
        worst: Worst::Low,
        doc: "heat that the coolant carries away, by power drawn",
    },
    RackSpec {
        name: "rack_imbalance",
        label: "rack A/B",
        unit: "%",
        range: (0.0, 100.0),
        worst: Worst::High,
        doc: "difference of sides A and B, by power drawn",
    },
];

impl RackLayer {
    /// All of them, in the order in which a key steps through them.
    pub const ALL: [Self; 8] = [
        Self::Power,
        Self::Supply,
        Self::Return,
        Self::Flow,
        Self::Pressure,
        Self::Valve,
        Self::Heat,
        Self::Imbalance,
    ];

    /// Everything fixed about it.
    #[must_use]
    pub const fn spec(self) -> RackSpec {
        SPECS[self as usize]
    }

    /// The point that it shows; `None` for what is computed from several.
    #[must_use]
    pub const fn point(self) -> Option<RackPoint> {
        match self {
            Self::Power => Some(RackPoint::Power),
            Self::Supply => Some(RackPoint::LiquidSupply),
            Self::Return => Some(RackPoint::LiquidReturn),
            Self::Flow => Some(RackPoint::LiquidFlow),
            Self::Pressure => Some(RackPoint::LiquidDp),
            Self::Valve => Some(RackPoint::Valve),
            Self::Heat | Self::Imbalance => None,
        }
    }

    /// The value of a rack; `None` where it is not reported.
    #[must_use]
    pub fn value(self, frame: &Frame, rack: RackId) -> Option<f32> {
        let f = &frame.facility;
        match self {
            Self::Heat => f.heat_balance(rack),
            Self::Imbalance => {
                let (a, b) = (f.rack(rack, RackPoint::SideA)?, f.rack(rack, RackPoint::SideB)?);
                Some(100.0 * (a - b).abs() / (a + b)).filter(|v| v.is_finite())
            }
            _ => f.rack(rack, self.point()?),
        }
    }

    /// The priority of the limit that a rack crosses: that of the value shown, and a leak always.
    #[must_use]
    pub fn priority(self, frame: &Frame, rack: RackId) -> u8 {
        let (t, f) = (&frame.topology, &frame.facility);
        let crossed = |p: RackPoint| f.rack(rack, p).map_or(0, |v| limits::rack(t, rack, p).crossed(v));
        match (crossed(RackPoint::Leak), self.point()) {
            (0, Some(point)) => crossed(point),
            (0, None) if self == Self::Imbalance => {
                // One side alone carries the rack.
                if self.value(frame, rack).is_some_and(|v| v > 99.0) { 2 } else { 0 }
            }
            (leak, _) => leak,
        }
    }

    /// Ends of the colour scale on this site.
    #[must_use]
    pub fn range(self, frame: &Frame) -> (f32, f32) {
        let largest = frame.topology.rack_models().iter().map(|m| m.tdp_kw).fold(0.0, f32::max);
        match self {
            Self::Power if largest > 0.0 => (0.0, largest),
            _ => self.spec().range,
        }
    }

    /// A value with its unit.
    #[must_use]
    pub fn text(self, value: f32) -> String {
        let spec = self.spec();
        let decimals = usize::from(spec.unit == "°C");
        format!("{} {}", crate::ui::text::decimal(value.into(), decimals), spec.unit)
    }

    /// True when some rack of the site reports it.
    #[must_use]
    pub fn is_reported(self, frame: &Frame) -> bool {
        (0..frame.topology.racks().len()).any(|r| self.value(frame, RackId::new(r)).is_some())
    }
}

impl Layer {
    /// Name in commands and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpu(m) => m.spec().name,
            Self::Rack(r) => r.spec().name,
        }
    }

    /// Words on screen.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gpu(m) => m.spec().label,
            Self::Rack(r) => r.spec().label,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Gpu(m) => m.spec().doc,
            Self::Rack(r) => r.spec().doc,
        }
    }

    /// The names of all layers.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        let gpus = Metric::ALL.into_iter().map(|m| m.spec().name);
        gpus.chain(RackLayer::ALL.into_iter().map(|r| r.spec().name))
    }

    /// The layer called `name`: a metric, `rack_flow`, or the full name of a value of GPUs or racks
    /// (`gpu_temp`, `rack_liquid_flow`).
    ///
    /// # Errors
    /// An unknown name is answered with the nearest valid one.
    pub fn parse(name: &str) -> Result<Self, String> {
        let by_name = |r: &RackLayer| r.spec().name == name || r.spec().label == name;
        if let Some(rack) = RackLayer::ALL.into_iter().find(by_name) {
            return Ok(Self::Rack(rack));
        }
        match Quantity::parse(name) {
            Ok(Quantity::Gpu(metric)) => return Ok(Self::Gpu(metric)),
            Ok(Quantity::Rack(point)) => {
                if let Some(rack) = RackLayer::ALL.into_iter().find(|r| r.point() == Some(point)) {
                    return Ok(Self::Rack(rack));
                }
            }
            _ => {}
        }
        if let Ok(metric) = Metric::parse(name) {
            return Ok(Self::Gpu(metric));
        }
        let hint = text::nearest(name, Self::names())
            .map_or_else(|| Self::names().collect::<Vec<_>>().join(", "), |n| format!("did you mean `{n}`?"));
        Err(format!("unknown metric `{}`: {hint}", text::clean(name)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{FacilityReading, Timestamp, Topology};

    fn frame(readings: &[FacilityReading]) -> Frame {
        let mut frame = Frame::empty(Arc::new(Topology::default_site()), Timestamp::default());
        frame.facility.apply(readings);
        frame
    }

    #[test]
    fn every_layer_is_found_by_its_name_and_by_the_full_one() {
        for (i, rack) in RackLayer::ALL.into_iter().enumerate() {
            assert_eq!(rack as usize, i);
            assert_eq!(Layer::parse(rack.spec().name), Ok(Layer::Rack(rack)));
            if let Some(point) = rack.point() {
                assert_eq!(Layer::parse(&Quantity::Rack(point).name()), Ok(Layer::Rack(rack)));
            }
        }
        for metric in Metric::ALL {
            assert_eq!(Layer::parse(metric.spec().name), Ok(Layer::Gpu(metric)));
        }
        assert_eq!(Layer::parse("gpu_temp"), Ok(Layer::Gpu(Metric::Temp)));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let e = Layer::parse("rack_flwo").expect_err("no such layer");
        assert!(e.contains("`rack_flow`"), "{e}");
        let e = Layer::parse("powr").expect_err("no such layer");
        assert!(e.contains("did you mean `power`?"), "{e}");
        assert!(Layer::parse("site_frequency").is_err(), "the site is no map of racks");
    }

    #[test]
    fn a_rack_that_says_nothing_has_no_value_and_crosses_nothing() {
        let f = frame(&[]);
        for rack in RackLayer::ALL {
            assert_eq!((rack.value(&f, RackId(7)), rack.priority(&f, RackId(7))), (None, 0));
            assert!(!rack.is_reported(&f));
        }
    }

    #[test]
    fn a_leak_is_seen_in_every_layer_and_a_limit_in_its_own() {
        let of = |p, v| FacilityReading::Rack(RackId(7), p, v);
        let hot = frame(&[of(RackPoint::LiquidReturn, 61.0)]);
        assert_eq!(RackLayer::Return.priority(&hot, RackId(7)), 2);
        assert_eq!(RackLayer::Flow.priority(&hot, RackId(7)), 0);
        let wet = frame(&[of(RackPoint::Leak, 1.0)]);
        assert!(RackLayer::ALL.into_iter().all(|r| r.priority(&wet, RackId(7)) == 1));
    }

    #[test]
    fn sides_are_compared_by_what_the_rack_draws() {
        let sides = |a, b| {
            let of = |p, v| FacilityReading::Rack(RackId(7), p, v);
            frame(&[of(RackPoint::SideA, a), of(RackPoint::SideB, b)])
        };
        assert_eq!(RackLayer::Imbalance.value(&sides(60.0, 40.0), RackId(7)), Some(20.0));
        assert_eq!(RackLayer::Imbalance.priority(&sides(0.0, 60.0), RackId(7)), 2);
        assert_eq!(RackLayer::Imbalance.value(&sides(0.0, 0.0), RackId(7)), None, "nothing by nothing");
    }
}
