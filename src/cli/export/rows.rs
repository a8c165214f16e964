//! The rows of a frame, and the columns that they have.

use std::sync::Arc;

use crate::cli::args::export::TableAssets;
use crate::fleet::Snapshot;
use crate::fleet::query::{Field, Scan};
use crate::model::alarm::rule::Scope;
use crate::model::metric::Kind;
use crate::model::{Asset, GpuId, Metric, Quality, Quantity, RackId, RackPoint, Topology, text};

/// How units are written: as they are, at the end of a column, and in OpenMetrics with the factor to
/// its unit.
const UNITS: [(&str, &str, &str, f64); 10] = [
    ("%", "percent", "ratio", 0.01),
    ("W", "w", "watts", 1.0),
    ("kW", "kw", "watts", 1000.0),
    ("°C", "c", "celsius", 1.0),
    ("K", "k", "kelvins", 1.0),
    ("MiB", "mib", "bytes", 1_048_576.0),
    ("MHz", "mhz", "hertz", 1e6),
    ("s", "s", "seconds", 1.0),
    ("LPM", "lpm", "liters_per_minute", 1.0),
    ("kPa", "kpa", "pascals", 1000.0),
];

/// What assets of a kind are in a query.
#[must_use]
pub const fn scope(assets: TableAssets) -> Scope {
    match assets {
        TableAssets::Gpu => Scope::Gpu,
        TableAssets::Rack => Scope::Rack,
    }
}

/// One column of values.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Name with its unit: `power_w`.
    pub name: String,
    /// Name without: `power`.
    pub plain: String,
    /// What it is.
    pub quantity: Quantity,
    /// Its numbers are whole: codes, and bits.
    pub whole: bool,
    /// Unit in OpenMetrics, and the factor to it; empty for none.
    pub open: (&'static str, f64),
}

impl Column {
    fn new(quantity: Quantity) -> Self {
        let name = quantity.name();
        let plain = name.split_once('_').map_or(name.as_str(), |(_, rest)| rest).to_owned();
        let unit = UNITS.iter().find(|(unit, ..)| *unit == quantity.unit());
        let whole = match quantity {
            Quantity::Gpu(m) => m.spec().kind != Kind::Quantity || m == Metric::Age,
            _ => false,
        };
        Self {
            name: unit.map_or_else(|| plain.clone(), |(_, short, ..)| format!("{plain}_{short}")),
            plain,
            quantity,
            whole,
            open: unit.map_or(("", 1.0), |(.., open, factor)| (*open, *factor)),
        }
    }
}

/// The columns of a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// What has a row.
    pub assets: TableAssets,
    /// The values.
    pub columns: Vec<Column>,
}

impl Shape {
    /// The columns of the names given, with unit or without; all where there is none.
    ///
    /// # Errors
    /// A name is not known: with the nearest one that is.
    pub fn new(assets: TableAssets, names: &[String]) -> Result<Self, String> {
        let all: Vec<Column> = match assets {
            TableAssets::Gpu => {
                let slots = |m: &Metric| m.spec().kind != Kind::Category;
                Metric::ALL.into_iter().filter(slots).map(|m| Column::new(Quantity::Gpu(m))).collect()
            }
            TableAssets::Rack => RackPoint::ALL.iter().map(|p| Column::new(Quantity::Rack(*p))).collect(),
        };
        if names.is_empty() {
            return Ok(Self { assets, columns: all });
        }
        let find = |name: &String| {
            let name = name.trim();
            let found = all.iter().find(|c| c.name == name || c.plain == name).cloned();
            found.ok_or_else(|| {
                let near = text::nearest(name, all.iter().map(|c| c.plain.as_str()));
                let hint = near.map_or_else(String::new, |n| format!(": did you mean `{n}`?"));
                format!("--metrics: no `{}`{hint}", text::clean(name))
            })
        };
        let mut columns: Vec<Column> = Vec::new();
        for column in names.iter().map(find) {
            let column = column?;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        Ok(Self { assets, columns })
    }

    /// Names of the columns that say where a row is, and of those that say about it what is no number.
    #[must_use]
    pub const fn labels(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self.assets {
            TableAssets::Gpu => (&["hall", "row", "rack", "tray", "gpu"], &["quality", "job", "tenant"]),
            TableAssets::Rack => (&["hall", "row", "rack"], &[]),
        }
    }

    /// Names of all columns, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let (place, about) = self.labels();
        let values = self.columns.iter().map(|c| c.name.as_str());
        ["time"].into_iter().chain(place.iter().copied()).chain(about.iter().copied()).chain(values).collect()
    }
}

/// Names of a site, made once for all frames.
#[derive(Debug, Default)]
pub struct Names {
    topology: Option<Arc<Topology>>,
    /// Hall, row and rack of each rack, by rack.
    racks: Vec<[String; 3]>,
    /// Names of the GPUs of a tray.
    gpus: Vec<String>,
}

impl Names {
    /// The names of a site.
    #[must_use]
    pub fn of(topology: &Arc<Topology>) -> Self {
        let rack = |id: RackId| {
            let row = topology.rack(id).row;
            let hall = topology.row(row).hall;
            [Asset::Hall(hall), Asset::Row(row), Asset::Rack(id)].map(|a| topology.short_name(a))
        };
        let most = topology.trays().iter().map(|t| t.gpus.len()).max().unwrap_or(0);
        Self {
            racks: (0..topology.racks().len()).map(RackId::new).map(rack).collect(),
            gpus: (1..=most).map(|n| format!("G{n}")).collect(),
            topology: Some(Arc::clone(topology)),
        }
    }

    /// True when they are those of this very topology.
    #[must_use]
    pub fn fit(&self, topology: &Arc<Topology>) -> bool {
        self.topology.as_ref().is_some_and(|t| Arc::ptr_eq(t, topology))
    }
}

/// The rows of a frame.
#[derive(Debug)]
pub struct Rows<'a> {
    /// The frame, and what stands beside it.
    pub snapshot: &'a Snapshot,
    /// The names of its site.
    pub names: &'a Names,
    /// The columns.
    pub shape: &'a Shape,
    /// The assets.
    pub chosen: Vec<u32>,
}

impl Rows<'_> {
    /// The names that lead to an asset, from the hall down.
    #[must_use]
    pub fn place(&self, index: u32) -> Vec<&str> {
        let t = &self.snapshot.frame.topology;
        let rack = match self.shape.assets {
            TableAssets::Gpu => t.rack_of(GpuId(index)),
            TableAssets::Rack => RackId(index),
        };
        let mut names: Vec<&str> = Vec::with_capacity(5);
        names.extend(self.names.racks[rack.index()].iter().map(String::as_str));
        if self.shape.assets == TableAssets::Gpu {
            let tray = t.tray(t.tray_of(GpuId(index)));
            names.push(&tray.name);
            names.push(&self.names.gpus[(index - tray.gpus.start) as usize]);
        }
        names
    }

    /// Quality, job and tenant of a GPU; `None` = none. Nothing for racks.
    #[must_use]
    pub fn about(&self, index: u32) -> Vec<Option<&str>> {
        if self.shape.assets == TableAssets::Rack {
            return Vec::new();
        }
        let (frame, gpu) = (&self.snapshot.frame, GpuId(index));
        let slot = frame.column(Metric::Tenant).raw(gpu.index());
        let job = frame.job(gpu);
        let tenant = job.map(|j| j.tenant.as_str()).filter(|t| !t.is_empty());
        let tenant = tenant.or_else(|| frame.tenants.get(usize::from(slot)).map(String::as_str));
        let said = |s: &&str| !s.is_empty();
        vec![Some(frame.quality(gpu).name()), job.map(|j| j.job.as_str()).filter(said), tenant.filter(said)]
    }

    /// A value; `None` where it is not known: absent, stale or lost. What the console itself knows of
    /// a GPU, its health and the age of its values, is known always.
    #[must_use]
    pub fn value(&self, column: &Column, index: u32) -> Option<f32> {
        let frame = &self.snapshot.frame;
        match column.quantity {
            Quantity::Gpu(m @ (Metric::Health | Metric::Age)) => {
                let scan = Scan::of(frame);
                Some(scan.value(Field::Known(Quantity::Gpu(m)), index as usize)).filter(|v| v.is_finite())
            }
            Quantity::Gpu(m) => {
                let good = frame.quality(GpuId(index)) == Quality::Good;
                frame.value(GpuId(index), m).filter(|_| good)
            }
            other => {
                let value = Scan::of(frame).value(Field::Known(other), index as usize);
                value.is_finite().then_some(value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_their_unit_in_their_name() {
        let gpu = Shape::new(TableAssets::Gpu, &[]).expect("all");
        let names = gpu.names();
        for name in
            ["time", "hall", "gpu", "quality", "job", "power_w", "temp_c", "util_percent", "xid", "age_s"]
        {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let rack = Shape::new(TableAssets::Rack, &[]).expect("all");
        assert!(rack.names().contains(&"liquid_flow_lpm") && rack.names().contains(&"leak"));
        for column in gpu.columns.iter().chain(&rack.columns) {
            assert_eq!(column.quantity.unit().is_empty(), column.open.0.is_empty(), "{}", column.name);
        }
    }

    #[test]
    fn metrics_are_chosen_by_name_with_unit_or_without() {
        let chosen = ["temp_c", "power", "power_w"].map(str::to_owned);
        let shape = Shape::new(TableAssets::Gpu, &chosen).expect("known");
        let names: Vec<_> = shape.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["temp_c", "power_w"]);
        let e = Shape::new(TableAssets::Gpu, &["powr".to_owned()]).expect_err("unknown");
        assert!(e.contains("did you mean `power`?"), "{e}");
    }
}
