//! The topology file: TOML with generations of GPUs, types of racks, and halls.
//!
//! ```toml
//! [site]
//! name = "Kvandal"          # shown in the header
//! prefix = "KVD"            # full names: KVD-H3-R17-K5-T09-G2
//! contract_mw = 230         # power agreed with the grid, MW
//! host = "kvd-{hall}-{row}-{rack}-{tray}"   # how hosts are called (lower case)
//!
//! [grid]                    # may be left out
//! area = "NO4"              # price area of the power market
//! ramp_mw_s = 2.5           # fastest change of load that the grid allows
//!
//! [[gpu]]                   # one per generation
//! name = "GB300"
//! memory_mib = 284208
//!
//! [[rack]]                  # one per type
//! name = "NVL72"
//! gpu = "GB300"
//! trays = 18
//! gpus_per_tray = 4
//!
//! [[hall]]
//! names = ["H1", "H2"]      # halls that are built alike
//! rows = 22                 # a number, or a list of names
//! racks_per_row = 8
//! rack = "NVL72"
//! columns = 6               # rows drawn side by side
//! ```

use serde::Deserialize;
use toml::Spanned;

use crate::model::document::{Document, FileError};
use crate::model::text;
use crate::model::topology::plan::{MAX_GPUS, MAX_GPUS_PER_HOST, PlanHall, PlanRack, PlanRow, PlanTray};
use crate::model::topology::{Cooling, GpuModel, Grid, Plan, RackModel};

/// The built-in site.
pub const DEFAULT_SITE: &str = include_str!("sites/default.toml");

/// A topology that cannot be used: which file, where, why.
pub type TopologyError = FileError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    site: SiteSpec,
    grid: Option<Spanned<GridSpec>>,
    gpu: Vec<GpuSpec>,
    rack: Vec<RackSpec>,
    hall: Vec<HallSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteSpec {
    name: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    contract_mw: f32,
    host: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GridSpec {
    area: String,
    feed_kv: f32,
    ramp_mw_s: f32,
    oscillation_mw: f32,
    bess_mw: f32,
    bess_mwh: f32,
    hydro_percent: f32,
    heat_export_mw: f32,
}

impl Default for GridSpec {
    fn default() -> Self {
        let g = Grid::default();
        Self {
            area: g.area,
            feed_kv: g.feed_kv,
            ramp_mw_s: g.ramp_mw_s,
            oscillation_mw: g.oscillation_mw,
            bess_mw: g.bess_mw,
            bess_mwh: g.bess_mwh,
            hydro_percent: g.hydro_percent,
            heat_export_mw: g.heat_export_mw,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GpuSpec {
    name: String,
    memory_mib: u32,
    tdp_w: f32,
    idle_w: f32,
    max_clock_mhz: f32,
    idle_clock_mhz: Option<f32>,
    zero_margin_c: f32,
    slowdown_c: f32,
    shutdown_c: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RackSpec {
    name: String,
    gpu: Spanned<String>,
    trays: Spanned<u16>,
    gpus_per_tray: Spanned<u16>,
    #[serde(default)]
    switch_trays: u16,
    #[serde(default)]
    power_shelves: u16,
    #[serde(default)]
    tdp_kw: f32,
    cooling: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HallSpec {
    names: Spanned<Vec<String>>,
    rows: Spanned<Names>,
    racks_per_row: Spanned<Names>,
    rack: Spanned<String>,
    #[serde(default)]
    cdus_per_row: u16,
    columns: Option<u16>,
}

/// Either how many (names are made up) or the names themselves.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    Count(u16),
    List(Vec<String>),
}

impl Names {
    fn expand(&self, letter: char, digits: usize) -> Vec<String> {
        match self {
            Self::Count(n) => (1..=*n).map(|i| format!("{letter}{i:0digits$}")).collect(),
            Self::List(names) => names.iter().map(|n| text::clean(n)).collect(),
        }
    }
}

fn index_of(
    src: &Document<'_>,
    name: &Spanned<String>,
    what: &str,
    names: &[&str],
) -> Result<usize, TopologyError> {
    names.iter().position(|n| n == name.get_ref()).ok_or_else(|| {
        let hint = text::nearest(name.get_ref(), names.iter().copied())
            .map_or_else(|| format!("defined are {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
        src.error(name.span(), format!("no [[{what}]] is named `{}`: {hint}", text::clean(name.get_ref())))
    })
}

/// Parses a topology file into a plan.
///
/// # Errors
/// Syntax errors, unknown keys and names, sites without GPUs and sites that are too large.
pub fn parse(source: &str, file: &str) -> Result<Plan, TopologyError> {
    let src = Document::new(source, file);
    let spec: File = toml::from_str(source).map_err(|e| src.toml_error(&e))?;
    let gpu_names: Vec<_> = spec.gpu.iter().map(|g| g.name.as_str()).collect();
    let rack_names: Vec<_> = spec.rack.iter().map(|r| r.name.as_str()).collect();
    let mut rack_models = Vec::new();
    for r in &spec.rack {
        rack_models.push(rack_model(&src, r, &gpu_names)?);
    }
    let mut halls = Vec::new();
    let mut gpus = 0usize;
    for h in &spec.hall {
        let model = index_of(&src, &h.rack, "rack", &rack_names)?;
        if h.names.get_ref().is_empty() {
            return Err(src.error(h.names.span(), "`names` is empty: give each hall a name"));
        }
        check_names(&src, h)?;
        for name in h.names.get_ref() {
            if halls.iter().any(|other: &PlanHall| other.name.eq_ignore_ascii_case(name)) {
                let message = format!("two halls are named `{}`", text::clean(name));
                return Err(src.error(h.names.span(), message));
            }
            gpus = gpus.saturating_add(gpu_total(h, &spec.rack[model]));
            if gpus > MAX_GPUS {
                return Err(src.error(h.rows.span(), format!("the site exceeds {MAX_GPUS} GPUs here")));
            }
            halls.push(plan_hall(&spec.site, h, &text::clean(name), model, &spec.rack[model]));
        }
    }
    if gpus == 0 {
        return Err(TopologyError::new(
            file,
            None,
            "the site has no GPUs: add a [[hall]] with rows and racks",
        ));
    }
    Ok(Plan {
        site: text::clean(&spec.site.name),
        prefix: text::clean(&spec.site.prefix),
        contract_mw: spec.site.contract_mw.max(0.0),
        grid: spec.grid.as_ref().map_or_else(|| Ok(Grid::default()), |g| grid(&src, g))?,
        open: false,
        gpu_models: spec.gpu.iter().map(gpu_model).collect(),
        rack_models,
        halls,
    })
}

fn gpu_total(h: &HallSpec, rack: &RackSpec) -> usize {
    let count = |n: &Names| match n {
        Names::Count(n) => usize::from(*n),
        Names::List(l) => l.len(),
    };
    count(h.rows.get_ref())
        * count(h.racks_per_row.get_ref())
        * usize::from(*rack.trays.get_ref())
        * usize::from(*rack.gpus_per_tray.get_ref())
}

/// Rows and racks that are named must have names, each its own.
fn check_names(src: &Document<'_>, h: &HallSpec) -> Result<(), TopologyError> {
    for (names, what) in [(&h.rows, "rows"), (&h.racks_per_row, "racks_per_row")] {
        let Names::List(list) = names.get_ref() else { continue };
        let mut seen = std::collections::HashSet::new();
        for name in list {
            let clean = text::clean(name);
            if clean.is_empty() {
                return Err(src.error(names.span(), format!("`{what}` has an empty name")));
            }
            if !seen.insert(clean.to_lowercase()) {
                return Err(src.error(names.span(), format!("`{what}` has `{clean}` twice")));
            }
        }
    }
    if h.names.get_ref().iter().any(|n| text::clean(n).is_empty()) {
        return Err(src.error(h.names.span(), "`names` has an empty name"));
    }
    Ok(())
}

fn grid(src: &Document<'_>, spec: &Spanned<GridSpec>) -> Result<Grid, TopologyError> {
    let g = spec.get_ref();
    let limits = [
        ("feed_kv", g.feed_kv, 1000.0),
        ("ramp_mw_s", g.ramp_mw_s, 10_000.0),
        ("oscillation_mw", g.oscillation_mw, 10_000.0),
        ("bess_mw", g.bess_mw, 10_000.0),
        ("bess_mwh", g.bess_mwh, 100_000.0),
        ("hydro_percent", g.hydro_percent, 100.0),
        ("heat_export_mw", g.heat_export_mw, 10_000.0),
    ];
    if let Some((key, value, top)) = limits.into_iter().find(|(_, v, top)| !(0.0..=*top).contains(v)) {
        return Err(src.error(spec.span(), format!("{key} is {value}: expected 0 to {top}")));
    }
    Ok(Grid {
        area: text::clean(&g.area),
        feed_kv: g.feed_kv,
        ramp_mw_s: g.ramp_mw_s,
        oscillation_mw: g.oscillation_mw,
        bess_mw: g.bess_mw,
        bess_mwh: g.bess_mwh,
        hydro_percent: g.hydro_percent,
        heat_export_mw: g.heat_export_mw,
    })
}

fn gpu_model(g: &GpuSpec) -> GpuModel {
    GpuModel {
        name: text::clean(&g.name),
        memory_mib: g.memory_mib,
        tdp_w: g.tdp_w,
        idle_w: g.idle_w,
        max_clock_mhz: g.max_clock_mhz,
        // Hopper rests at 345 MHz, Blackwell at 120 MHz (captures of driver 580).
        idle_clock_mhz: g.idle_clock_mhz.unwrap_or(if g.name.starts_with('H') { 345.0 } else { 120.0 }),
        zero_margin_c: g.zero_margin_c,
        slowdown_c: g.slowdown_c,
        shutdown_c: g.shutdown_c,
    }
}

fn rack_model(src: &Document<'_>, r: &RackSpec, gpus: &[&str]) -> Result<RackModel, TopologyError> {
    let cooling = match r.cooling.get_ref().as_str() {
        "liquid" => Cooling::Liquid,
        "air" => Cooling::Air,
        other => {
            let message = format!("cooling is `{}`: expected `liquid` or `air`", text::clean(other));
            return Err(src.error(r.cooling.span(), message));
        }
    };
    for (n, what) in [(&r.trays, "trays"), (&r.gpus_per_tray, "gpus_per_tray")] {
        if !(1..=MAX_GPUS_PER_HOST).contains(n.get_ref()) {
            let message = format!("{what} is {}: expected 1 to {MAX_GPUS_PER_HOST}", n.get_ref());
            return Err(src.error(n.span(), message));
        }
    }
    Ok(RackModel {
        name: text::clean(&r.name),
        gpu: index_of(src, &r.gpu, "gpu", gpus)?,
        switch_trays: r.switch_trays,
        power_shelves: r.power_shelves,
        tdp_kw: r.tdp_kw,
        cooling,
    })
}

fn plan_hall(site: &SiteSpec, h: &HallSpec, name: &str, model: usize, rack: &RackSpec) -> PlanHall {
    let row = |row_name: String| PlanRow {
        cdus: (1..=h.cdus_per_row).map(|i| format!("CDU{i}")).collect(),
        racks: h
            .racks_per_row
            .get_ref()
            .expand('K', 1)
            .into_iter()
            .map(|rack_name| {
                let tray = |i: u16| {
                    let tray_name = format!("T{i:02}");
                    let host = host_name(site, [name, &row_name, &rack_name, &tray_name]);
                    PlanTray { name: tray_name, host, gpus: *rack.gpus_per_tray.get_ref() }
                };
                let trays = (1..=*rack.trays.get_ref()).map(tray).collect();
                PlanRack { name: rack_name, model, trays }
            })
            .collect(),
        name: row_name,
    };
    let rows = h.rows.get_ref().expand('R', 2).into_iter().map(row).collect();
    PlanHall { name: name.to_owned(), columns: h.columns.unwrap_or(4), rows }
}

fn host_name(site: &SiteSpec, [hall, row, rack, tray]: [&str; 4]) -> String {
    let Some(pattern) = &site.host else { return String::new() };
    let fill = [("{hall}", hall), ("{row}", row), ("{rack}", rack), ("{tray}", tray)];
    let host = fill.iter().fold(pattern.clone(), |s, (key, value)| s.replace(key, value));
    text::clean(&host.to_lowercase())
}

/// The default site cut down for tests: eight halls of one row with `racks` racks of 72 GPUs.
#[cfg(test)]
pub(crate) fn small_site(racks: u8) -> std::sync::Arc<super::Topology> {
    let text = DEFAULT_SITE
        .replace("rows = 22", "rows = 1")
        .replace("rows = 20", "rows = 1")
        .replace("racks_per_row = 8", &format!("racks_per_row = {racks}"));
    std::sync::Arc::new(super::Topology::from_toml(&text, "small").expect("valid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(from: &str, to: &str) -> String {
        let text = DEFAULT_SITE.replacen(from, to, 1);
        assert_ne!(text, DEFAULT_SITE, "the replacement must hit");
        parse(&text, "site.toml").expect_err("broken on purpose").to_string()
    }

    #[test]
    fn hosts_are_named_by_the_pattern() {
        let plan = parse(DEFAULT_SITE, "x").expect("the default site is valid");
        assert_eq!(plan.halls[2].rows[16].racks[4].trays[8].host, "kvd-h3-r17-k5-t09");
    }

    #[test]
    fn unknown_names_are_answered_with_line_and_nearest() {
        let e = error_of("gpu = \"GB300\"", "gpu = \"GB30\"");
        assert_eq!(e, "site.toml:32: no [[gpu]] is named `GB30`: did you mean `GB300`?");
    }

    #[test]
    fn unknown_keys_are_answered_with_line_and_nearest() {
        let e = error_of("columns = 6", "colums = 6");
        assert!(e.starts_with("site.toml:46: ") && e.contains("did you mean `columns`?"), "{e}");
    }

    #[test]
    fn impossible_sites_are_refused() {
        assert!(error_of("rows = 22", "rows = 60000").contains("exceeds 1048576 GPUs"));
        assert!(error_of("trays = 18", "trays = 0").contains("expected 1 to 64"));
        assert!(error_of("\"liquid\"", "\"steam\"").contains("expected `liquid` or `air`"));
        assert!(error_of("\"H2\"", "\"H1\"").ends_with("site.toml:41: two halls are named `H1`"));
        assert!(error_of("rows = 22", "rows = [\"A\", \"a\"]").contains("`rows` has `a` twice"));
        assert!(error_of("\"H2\"", "\"\"").contains("`names` has an empty name"));
        assert!(error_of("[site]", "[site").contains("site.toml:4: "));
    }

    #[test]
    fn rows_may_be_named() {
        let text = DEFAULT_SITE.replacen("rows = 22", "rows = [\"A\", \"B\"]", 1);
        let plan = parse(&text, "x").expect("names are allowed");
        assert_eq!(plan.halls[0].rows[1].name, "B");
    }
}
