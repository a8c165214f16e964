//! The example sites in `sites/` are valid and have the counts that their comments promise.

use hallwatch::model::Topology;
use hallwatch::model::topology::Cooling;

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
