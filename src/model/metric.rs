//! The metrics of a GPU: names, units, ranges, and how each is packed into one or two bytes.
//!
//! Encodings follow one rule: the largest raw value of a column means *absent*, every other raw
//! value `r` means `r * scale + offset`. So absent and zero can never be confused, and a threshold
//! scan is an integer comparison.

use crate::model::text;

/// One column of the frame: a value that every GPU has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Metric {
    /// Share of time with at least one kernel running, % (DCGM 203). Says nothing about work done.
    Util,
    /// Board power, W (DCGM 155). May exceed the TDP.
    Power,
    /// Core temperature, °C (DCGM 150).
    Temp,
    /// Memory (HBM) temperature, °C (DCGM 140).
    MemTemp,
    /// Memory in use, MiB (DCGM 252).
    MemUsed,
    /// SM clock, MHz (DCGM 100).
    SmClock,
    /// SM activity, or tensor activity where only that is reported, % (DCGM 1002 / 1004).
    Activity,
    /// Margin to the nearest slowdown threshold, K (DCGM 153). Falls to zero as the GPU gets hot.
    Margin,
    /// Clock-event reasons, bit mask (DCGM 112).
    ClockEvents,
    /// Last XID: sticky until the driver reloads (DCGM 230). 0 = none.
    Xid,
    /// Health class, see [`crate::model::Health`].
    Health,
    /// NVLink fabric health (DCGM 175): 0 not supported, 1 healthy, 2 unhealthy, 3 limited capacity.
    Fabric,
    /// Recovery action that the driver asks for (DCGM 1523): 0 none, 1 GPU reset, 2 node reboot,
    /// 3 drain P2P, 4 drain and reset.
    Recovery,
    /// Slot in the job table, 0 = idle.
    Job,
    /// Slot in the tenant table, 0 = none.
    Tenant,
    /// Age of the newest value, packed seconds: see [`pack_age`].
    Age,
}

/// What the numbers of a metric are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A quantity on a scale: has mean, percentiles, a ramp.
    Quantity,
    /// A bit mask.
    Flags,
    /// A code without order.
    Code,
    /// A slot in a table of names.
    Category,
}

/// Which end of the scale is the bad one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worst {
    /// High values are bad: pooling takes the maximum.
    High,
    /// Low values are bad: pooling takes the minimum.
    Low,
    /// Neither end is bad by itself: pooling takes the mean.
    Neither,
}

/// Everything fixed about a metric.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MetricSpec {
    /// Name in queries, on the command line and in JSON.
    pub name: &'static str,
    /// Word on screen, at most nine characters.
    pub label: &'static str,
    /// Unit, with the empty string for none.
    pub unit: &'static str,
    /// Kind of number.
    pub kind: Kind,
    /// Two bytes per GPU instead of one.
    pub wide: bool,
    /// Value of one raw step.
    pub scale: f32,
    /// Value of raw zero.
    pub offset: f32,
    /// Lower and upper end of the colour scale, in units.
    pub range: (f32, f32),
    /// The bad end.
    pub worst: Worst,
    /// Longer explanation for help and legend.
    pub doc: &'static str,
}

/// How many metrics there are.
pub const COUNT: usize = 16;

const BASE: MetricSpec = MetricSpec {
    name: "",
    label: "",
    unit: "",
    kind: Kind::Quantity,
    wide: false,
    scale: 1.0,
    offset: 0.0,
    range: (0.0, 100.0),
    worst: Worst::Neither,
    doc: "",
};

const SPECS: [MetricSpec; COUNT] = [
    MetricSpec {
        name: "util",
        label: "util",
        unit: "%",
        doc: "share of time with a kernel running (not work done)",
        ..BASE
    },
    MetricSpec {
        name: "power",
        label: "power",
        unit: "W",
        wide: true,
        range: (0.0, 1400.0),
        worst: Worst::High,
        doc: "board power; may exceed the TDP",
        ..BASE
    },
    MetricSpec {
        name: "temp",
        label: "temp",
        unit: "°C",
        range: (20.0, 90.0),
        worst: Worst::High,
        doc: "core temperature",
        ..BASE
    },
    MetricSpec {
        name: "mem_temp",
        label: "mem temp",
        unit: "°C",
        range: (20.0, 100.0),
        worst: Worst::High,
        doc: "memory (HBM) temperature",
        ..BASE
    },
    MetricSpec {
        name: "mem_used",
        label: "memory",
        unit: "MiB",
        wide: true,
        scale: 16.0,
        range: (0.0, 294_912.0),
        doc: "memory in use",
        ..BASE
    },
    MetricSpec {
        name: "sm_clock",
        label: "clock",
        unit: "MHz",
        scale: 15.0,
        range: (0.0, 2100.0),
        worst: Worst::Low,
        doc: "SM clock",
        ..BASE
    },
    MetricSpec {
        name: "activity",
        label: "activity",
        unit: "%",
        scale: 0.5,
        doc: "SM activity, or tensor activity where only that is reported",
        ..BASE
    },
    MetricSpec {
        name: "margin",
        label: "margin",
        unit: "K",
        offset: -40.0,
        range: (0.0, 60.0),
        worst: Worst::Low,
        doc: "margin to the nearest thermal slowdown threshold",
        ..BASE
    },
    MetricSpec {
        name: "clock_events",
        label: "events",
        kind: Kind::Flags,
        wide: true,
        range: (0.0, 511.0),
        worst: Worst::High,
        doc: "clock-event reasons",
        ..BASE
    },
    MetricSpec {
        name: "xid",
        label: "xid",
        kind: Kind::Code,
        wide: true,
        range: (0.0, 200.0),
        worst: Worst::High,
        doc: "last XID; sticky until the driver reloads",
        ..BASE
    },
    MetricSpec {
        name: "health",
        label: "health",
        kind: Kind::Code,
        range: (0.0, 4.0),
        worst: Worst::High,
        doc: "ok, maintenance, degraded, unhealthy, lost",
        ..BASE
    },
    MetricSpec {
        name: "fabric",
        label: "fabric",
        kind: Kind::Code,
        range: (0.0, 3.0),
        worst: Worst::High,
        doc: "NVLink fabric: healthy, unhealthy, limited",
        ..BASE
    },
    MetricSpec {
        name: "recovery",
        label: "recovery",
        kind: Kind::Code,
        range: (0.0, 4.0),
        worst: Worst::High,
        doc: "recovery action that the driver asks for",
        ..BASE
    },
    MetricSpec {
        name: "job",
        label: "job",
        kind: Kind::Category,
        wide: true,
        range: (0.0, 15.0),
        doc: "job that holds the GPU",
        ..BASE
    },
    MetricSpec {
        name: "tenant",
        label: "tenant",
        kind: Kind::Category,
        wide: true,
        range: (0.0, 15.0),
        doc: "tenant whose job holds the GPU",
        ..BASE
    },
    MetricSpec {
        name: "age",
        label: "age",
        unit: "s",
        range: (0.0, 60.0),
        worst: Worst::High,
        doc: "age of the newest value",
        ..BASE
    },
];

impl Metric {
    /// All metrics in column order.
    pub const ALL: [Self; COUNT] = [
        Self::Util,
        Self::Power,
        Self::Temp,
        Self::MemTemp,
        Self::MemUsed,
        Self::SmClock,
        Self::Activity,
        Self::Margin,
        Self::ClockEvents,
        Self::Xid,
        Self::Health,
        Self::Fabric,
        Self::Recovery,
        Self::Job,
        Self::Tenant,
        Self::Age,
    ];

    /// The heatmap metrics in the order of the keys `1`..`9`.
    pub const ON_KEYS: [Self; 9] = [
        Self::Util,
        Self::Power,
        Self::Temp,
        Self::MemUsed,
        Self::SmClock,
        Self::Health,
        Self::Tenant,
        Self::Job,
        Self::Age,
    ];

    /// The quantities that the coarse tiers keep and the charts show.
    pub const TIERED: [Self; 5] = [Self::Util, Self::Power, Self::Temp, Self::MemTemp, Self::SmClock];

    /// The column index.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Everything fixed about the metric.
    #[must_use]
    pub const fn spec(self) -> &'static MetricSpec {
        &SPECS[self as usize]
    }

    /// The metric called `name` (names and on-screen labels are accepted).
    ///
    /// # Errors
    /// An unknown name is answered with a message that names the nearest valid one.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|m| m.spec().name == name || m.spec().label == name);
        found.ok_or_else(|| {
            let names = Self::ALL.iter().map(|m| m.spec().name);
            let hint = text::nearest(name, names.clone())
                .map_or_else(|| names.collect::<Vec<_>>().join(", "), |n| format!("did you mean `{n}`?"));
            format!("unknown metric `{}`: {hint}", text::clean(name))
        })
    }

    /// Raw value that means "absent".
    #[must_use]
    pub const fn none_raw(self) -> u16 {
        if self.spec().wide { u16::MAX } else { u8::MAX as u16 }
    }

    /// Packs `value` (in the metric's unit). Values outside the encoding saturate just below
    /// "absent"; NaN and infinities are absent.
    #[must_use]
    pub fn encode(self, value: f32) -> u16 {
        let spec = self.spec();
        if !value.is_finite() {
            return self.none_raw();
        }
        let raw = ((value - spec.offset) / spec.scale).round();
        raw.clamp(0.0, f32::from(self.none_raw() - 1)) as u16
    }

    /// Unpacks a raw value; `None` when it means "absent".
    #[must_use]
    pub fn decode(self, raw: u16) -> Option<f32> {
        let spec = self.spec();
        (raw != self.none_raw()).then(|| f32::from(raw) * spec.scale + spec.offset)
    }
}

/// Packs an age in seconds into a byte: 0–119 s by the second, then 10 s steps to 22 min.
/// 254 = older, 255 = never seen.
#[must_use]
pub const fn pack_age(seconds: u32) -> u8 {
    if seconds < 120 {
        seconds as u8
    } else if seconds < 1460 {
        (120 + (seconds - 120) / 10) as u8
    } else {
        254
    }
}

/// Seconds of a packed age; `None` when never seen.
#[must_use]
pub const fn unpack_age(raw: u8) -> Option<u32> {
    match raw {
        0..=119 => Some(raw as u32),
        120..=254 => Some(120 + (raw as u32 - 120) * 10),
        255 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_metric_sits_at_its_index_and_parses_by_name() {
        for (i, m) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(m.index(), i);
            assert_eq!(Metric::parse(m.spec().name), Ok(m));
        }
    }

    #[test]
    fn unknown_metric_names_the_nearest() {
        let e = Metric::parse("powr").expect_err("powr is no metric");
        assert!(e.contains("`power`"), "{e}");
    }

    #[test]
    fn zero_is_not_absent() {
        for m in Metric::ALL {
            let raw = m.encode(0.0);
            assert_ne!(raw, m.none_raw(), "{m:?}");
            assert!(m.decode(raw).is_some_and(|v| v.abs() < 1e-6), "{m:?}");
            assert_eq!(m.decode(m.none_raw()), None);
            assert_eq!(m.encode(f32::NAN), m.none_raw());
        }
    }

    #[test]
    fn age_packing_is_monotone_and_keeps_never_apart() {
        let mut last = 0;
        for s in 0..3000 {
            let p = pack_age(s);
            assert!(p >= last && p < 255);
            last = p;
        }
        assert_eq!(unpack_age(255), None);
        assert_eq!(unpack_age(pack_age(130)), Some(130));
    }

    proptest! {
        #[test]
        fn encoding_errs_by_half_a_step_at_most(v in 0.0f32..200.0) {
            for m in Metric::ALL {
                let spec = m.spec();
                let v = v.min(spec.range.1);
                let back = m.decode(m.encode(v)).expect("finite values are present");
                prop_assert!((back - v).abs() <= spec.scale / 2.0 + 1e-3, "{m:?} {v} {back}");
            }
        }

        #[test]
        fn encoding_never_says_absent_for_a_number(v in -1e6f32..1e6) {
            for m in Metric::ALL {
                prop_assert!(m.decode(m.encode(v)).is_some());
            }
        }
    }
}
