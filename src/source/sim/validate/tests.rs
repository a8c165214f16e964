//! Tests of the figures as a whole; the program itself is run by `tests/validate.rs`.

use super::*;
use curves::{Disturbance, Reference};

#[test]
fn a_figure_is_judged_by_its_range_and_no_number_fails() {
    let judge = |v: f64| Row::judge("a", "b", (v, "W"), (1.0, 2.0)).verdict;
    assert_eq!([0.9, 1.0, 2.0, 2.1].map(judge), [Verdict::Fail, Verdict::Pass, Verdict::Pass, Verdict::Fail]);
    let none = Row::judge("a", "b", (f64::NAN, "W"), (1.0, 2.0));
    assert_eq!((none.verdict, none.measured), (Verdict::Fail, None));
    let missing = Row::missing("a", "b", "no rack");
    assert_eq!((missing.verdict, missing.note.as_str()), (Verdict::NotMeasured, "no rack"));
    assert_eq!(Row::info("a", "b", (3.0, "ms")).verdict, Verdict::Info);
}

#[test]
fn the_small_site_is_made_of_racks_of_the_default_one() {
    let plan = Plan::quick(None, 1).expect("built in");
    let own = Topology::default_site();
    assert_eq!(plan.topology.gpu_models(), own.gpu_models());
    assert_eq!(plan.topology.rack_models(), own.rack_models());
    assert_eq!(plan.topology.gpu_count(), 4 * 576);
}

#[test]
fn an_air_cooled_site_is_not_measured_where_it_has_no_coolant() {
    let air = Topology::from_toml(include_str!("../../../../sites/air-cooled.toml"), "air").expect("valid");
    let plan = Plan { seconds: 60, days: 1, ..Plan::quick(Some(Arc::new(air)), 1).expect("valid") };
    assert_eq!(fleet::part_load(&plan).verdict, Verdict::NotMeasured);
    let full = fleet::full(&plan);
    assert!(full.heat.iter().all(|r| r.verdict == Verdict::NotMeasured), "{:?}", full.heat);
    assert_eq!((full.power.verdict, fleet::idle(&plan).verdict), (Verdict::Pass, Verdict::Pass));
}

#[test]
fn the_published_courses_are_followed_where_they_are_at_hand() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/domain");
    let plan = Plan::quick(None, 7).expect("built in");
    for disturbance in Disturbance::ALL {
        let path = folder.join(disturbance.file());
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            continue;
        };
        let reference = Reference::parse(disturbance, &text, disturbance.file()).expect("valid");
        let rows = curves::rows(&plan, disturbance, &[reference]);
        assert_eq!(rows.len(), 6);
        for row in rows {
            assert_eq!(row.verdict, Verdict::Pass, "{row:?}");
        }
    }
}

#[test]
fn the_courses_are_held_against_points_without_files() {
    let plan = Plan::quick(None, 3).expect("built in");
    let rows = curves::rows(&plan, Disturbance::Pump, &[]);
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|r| r.verdict == Verdict::Pass), "{rows:?}");
}
