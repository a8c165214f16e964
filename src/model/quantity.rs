//! Every value of every kind of asset by one name: `gpu_temp`, `rack_liquid_flow`,
//! `site_frequency`.
//!
//! A name is the kind of asset and the name of the metric or of the facility point, in lower case
//! with underscores. Points are called as in the DSX Exchange list: `LiquidFlow` of a rack is
//! `rack_liquid_flow`.

use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::health::ClockEvents;
use crate::model::metric::Metric;
use crate::model::text;

/// One value of one kind of asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// A metric of a GPU.
    Gpu(Metric),
    /// One clock-event bit of a GPU, as 0 or 1.
    Event(u16),
    /// The GPU is lost, as 0 or 1.
    Lost,
    /// A point of a rack.
    Rack(RackPoint),
    /// A point of a coolant distribution unit.
    Cdu(CduPoint),
    /// A point of a row.
    Row(RowPoint),
    /// A point of a hall.
    Hall(HallPoint),
    /// A point of the site.
    Site(SitePoint),
}

/// Clock-event bits by name.
const EVENTS: [(&str, u16); 6] = [
    ("gpu_idle", ClockEvents::IDLE),
    ("gpu_sw_power_cap", ClockEvents::SW_POWER_CAP),
    ("gpu_hw_slowdown", ClockEvents::HW_SLOWDOWN),
    ("gpu_sw_thermal", ClockEvents::SW_THERMAL),
    ("gpu_hw_thermal", ClockEvents::HW_THERMAL),
    ("gpu_power_brake", ClockEvents::POWER_BRAKE),
];

impl Quantity {
    /// All of them, GPUs first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let gpu = Metric::ALL.into_iter().map(Self::Gpu);
        let events = EVENTS.into_iter().map(|(_, bit)| Self::Event(bit));
        gpu.chain(events)
            .chain([Self::Lost])
            .chain(RackPoint::ALL.iter().copied().map(Self::Rack))
            .chain(CduPoint::ALL.iter().copied().map(Self::Cdu))
            .chain(RowPoint::ALL.iter().copied().map(Self::Row))
            .chain(HallPoint::ALL.iter().copied().map(Self::Hall))
            .chain(SitePoint::ALL.iter().copied().map(Self::Site))
            .collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Gpu(m) => format!("gpu_{}", m.spec().name),
            Self::Event(bit) => {
                EVENTS.iter().find(|(_, b)| *b == bit).map_or("gpu_event", |(n, _)| n).to_owned()
            }
            Self::Lost => "gpu_lost".to_owned(),
            Self::Rack(p) => snake(&format!("Rack{p:?}")),
            Self::Cdu(p) => snake(&format!("Cdu{p:?}")),
            Self::Row(p) => snake(&format!("Row{p:?}")),
            Self::Hall(p) => snake(&format!("Hall{p:?}")),
            Self::Site(p) => snake(&format!("Site{p:?}")),
        }
    }

    /// Its unit; empty for none.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Gpu(m) => m.spec().unit,
            Self::Event(_) | Self::Lost => "",
            Self::Rack(p) => p.spec().unit,
            Self::Cdu(p) => p.spec().unit,
            Self::Row(p) => p.spec().unit,
            Self::Hall(p) => p.spec().unit,
            Self::Site(p) => p.spec().unit,
        }
    }

    /// The quantity called `name`.
    ///
    /// # Errors
    /// An unknown name is answered with the nearest one.
    pub fn parse(name: &str) -> Result<Self, String> {
        let all = Self::all();
        if let Some(found) = all.iter().find(|q| q.name() == name) {
            return Ok(*found);
        }
        let names: Vec<String> = all.iter().map(|q| q.name()).collect();
        // Whoever writes `flow` means the value whose name ends so.
        let tail = format!("_{name}");
        let near = names.iter().find(|n| !name.is_empty() && n.ends_with(&tail)).map(String::as_str);
        let near = near.or_else(|| text::nearest(name, names.iter().map(String::as_str)));
        let hint = near.map_or_else(
            || String::from("expected one like gpu_temp, rack_liquid_flow or site_frequency"),
            |n| format!("did you mean `{n}`?"),
        );
        Err(format!("no value is called `{}`: {hint}", text::clean(name)))
    }
}

/// `RackLiquidFlow` as `rack_liquid_flow`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        if i > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_and_none_stands_twice() {
        let all = Quantity::all();
        let names: std::collections::BTreeSet<String> = all.iter().map(|q| q.name()).collect();
        assert_eq!(names.len(), all.len());
        for q in all {
            assert_eq!(Quantity::parse(&q.name()), Ok(q));
        }
    }

    #[test]
    fn points_are_called_as_in_the_dsx_list() {
        assert_eq!(Quantity::Rack(RackPoint::LiquidFlow).name(), "rack_liquid_flow");
        assert_eq!(Quantity::Row(RowPoint::BuswayA).name(), "row_busway_a");
        assert_eq!((Quantity::parse("gpu_temp").map(Quantity::unit)), Ok("°C"));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let e = Quantity::parse("liquid_flow").expect_err("no kind of asset");
        assert!(e.ends_with("did you mean `rack_liquid_flow`?"), "{e}");
        let e = Quantity::parse("gpu_tmep").expect_err("misspelt");
        assert!(e.ends_with("did you mean `gpu_temp`?"), "{e}");
        assert!(Quantity::parse("").expect_err("nothing").contains("expected one like gpu_temp"));
    }
}
