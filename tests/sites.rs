//! The example sites in `sites/` are valid and have the counts that their comments promise.

use std::sync::Arc;

use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::Cooling;
use hallwatch::model::{FacilityReading, GpuId, Metric, RackPoint, Topology};
use hallwatch::source::sim::workload::LoadPlan;
use hallwatch::source::sim::{Sim, SimPlan};

fn site(name: &str) -> Topology {
    let path = format!("{}/sites/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the example exists");
    Topology::from_toml(&text, &path).expect("the example is valid")
}

#[test]
fn kvandal_is_the_built_in_site() {
    assert_eq!(site("kvandal"), Topology::default_site());
}

#[test]
fn the_first_phase_has_128_racks_and_9216_gpus() {
    let t = site("first-phase");
    assert_eq!((t.halls().len(), t.rows().len(), t.racks().len()), (1, 16, 128));
    assert_eq!((t.trays().len(), t.gpu_count(), t.cdu_count()), (2_304, 9_216, 32));
    let it_load_mw: f32 = t.racks().len() as f32 * t.rack_models()[0].tdp_kw / 1000.0;
    assert!(it_load_mw < t.plan().contract_mw, "{it_load_mw} MW exceed the contract");
}

#[test]
fn the_air_cooled_site_has_40_nodes_of_8_gpus_in_10_racks_and_no_liquid() {
    let t = site("air-cooled");
    assert_eq!((t.racks().len(), t.trays().len(), t.gpu_count(), t.cdu_count()), (10, 40, 320, 0));
    assert!(t.trays().iter().all(|tray| tray.gpus.len() == 8));
    assert_eq!(t.rack_models()[0].cooling, Cooling::Air);
    assert_eq!(t.gpu_models()[0].tdp_w, 700.0);
}

#[test]
fn the_mixed_site_has_a_hall_for_each_generation() {
    let t = site("mixed-generations");
    assert_eq!((t.halls().len(), t.rows().len(), t.racks().len(), t.gpu_count()), (3, 16, 128, 9_216));
    let of = |hall: usize| t.gpu_model(GpuId(t.halls()[hall].gpus.start));
    assert_eq!([0, 1, 2].map(|h| of(h).name.as_str()), ["GB200", "GB300", "Rubin"]);
    assert!(of(0).tdp_w < of(1).tdp_w && of(1).tdp_w < of(2).tdp_w);
    let it_load_mw: f32 = t.racks().iter().map(|r| t.rack_models()[r.model].tdp_kw / 1000.0).sum();
    assert!((18.0..19.0).contains(&it_load_mw) && it_load_mw * 1.15 < t.plan().contract_mw, "{it_load_mw}");
}

#[test]
fn each_generation_draws_what_its_own_limit_allows() {
    let t = Arc::new(site("mixed-generations"));
    let plan = SimPlan { flawless: true, load: LoadPlan::Full, ..SimPlan::new(7) };
    let mut sim = Sim::from_plan(Arc::clone(&t), plan);
    let batch = (0..30).map(|s| sim.step(SIM_EPOCH.plus_millis(1000 * s), 0)).last().expect("ticks");
    let column = |m: Metric| {
        let dense = batch.dense.as_ref().expect("the simulator sends columns");
        &dense.columns.iter().find(|(x, _)| *x == m).expect("every metric is sent").1
    };
    for (hall, (tdp, kw)) in t.halls().iter().zip([(1200.0, 125.0), (1400.0, 136.0), (1800.0, 190.0)]) {
        let mean = |m: Metric| {
            let sum: f32 = hall.gpus.range().filter_map(|g| m.decode(column(m).raw(g))).sum();
            sum / hall.gpus.len() as f32
        };
        let share = mean(Metric::Power) / tdp;
        assert!((0.90..0.93).contains(&share), "{}: {share} of its limit", hall.name);
        assert!((64.0..72.0).contains(&mean(Metric::Temp)), "{}: {} °C", hall.name, mean(Metric::Temp));
        let rack = batch.facility.iter().find_map(|r| match r {
            FacilityReading::Rack(id, RackPoint::Power, v) if id.0 == hall.racks.start => Some(*v),
            _ => None,
        });
        assert!(rack.is_some_and(|v| (v - kw).abs() < 2.0), "{}: {rack:?} of {kw} kW", hall.name);
    }
}
