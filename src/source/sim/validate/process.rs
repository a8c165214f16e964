//! Figures of the fault process: days of it, without the physics.

use crate::source::sim::fault::{DayCounts, sample};
use crate::source::sim::validate::{Plan, Row};

/// Incidents below which chance alone moves the mean by more than its range allows.
const ENOUGH: f64 = 420.0;
/// Incidents below which the worst 1 % of GPUs cannot be told from the unlucky.
const ENOUGH_FOR_TAIL: f64 = 1000.0;
/// Mean, and how far it may be off, on a site of 100,224 GPUs.
const INCIDENTS: (f64, f64) = (47.0, 7.0);
/// XIDs 31 an hour there: 80, give or take.
const PAGE_FAULTS: (f64, f64) = (80.0, 8.0);
/// GPUs that these figures are for.
const RATED_GPUS: f64 = 100_224.0;

/// What a sample of days says.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    judge(&sample(&plan.faulty, plan.seed, plan.days))
}

fn judge(days: &DayCounts) -> Vec<Row> {
    let names = [
        ("incidents-mean", "incidents a day, mean"),
        ("incidents-deviation", "incidents a day, deviation"),
        ("incidents-tail", "incidents on the worst 1 % of GPUs"),
        ("incidents-kinds", "kinds of incidents, chi-square by degree of freedom"),
        ("page-faults", "XID 31 an hour"),
    ];
    let scale = days.gpus as f64 / RATED_GPUS;
    let expected = INCIDENTS.0 * scale * days.days();
    if expected < ENOUGH {
        let why = format!("{expected:.0} incidents are too few: more with --days");
        return names.map(|(id, what)| Row::missing(id, what, why.as_str())).into();
    }
    let (mean, deviation) = days.incidents();
    let around = |(mid, off): (f64, f64)| ((mid - off) * scale, (mid + off) * scale);
    // A deviation is known to three parts in the root of twice the days.
    let (chance, off) = (mean.sqrt(), 3.0 / (2.0 * days.days()).sqrt());
    let mut rows = vec![
        Row::judge(names[0].0, names[0].1, (mean, ""), around(INCIDENTS)).noted(format!(
            "{} days of {} GPUs",
            days.per_day.len(),
            days.gpus
        )),
        Row::judge(
            names[1].0,
            names[1].1,
            (deviation, ""),
            (chance * (1.0 - off).max(0.0), chance * (1.0 + off)),
        )
        .noted(format!("chance alone makes {chance:.1}")),
    ];
    rows.push(if expected < ENOUGH_FOR_TAIL {
        Row::missing(names[2].0, names[2].1, format!("{expected:.0} incidents are too few: more with --days"))
    } else {
        let share = 100.0 * days.top_share(0.01);
        Row::judge(names[2].0, names[2].1, (share, "%"), (20.0, 100.0)).noted(format!(
            "the worst of one month, counted in the next; the worst GPU of all had {}",
            days.most()
        ))
    });
    let (chi, terms) = days.chi_square();
    // Above 2.4 lies one sample in a thousand for 17 degrees of freedom.
    rows.push(
        Row::judge(names[3].0, names[3].1, (chi / terms.max(1) as f64, ""), (0.0, 2.4))
            .noted(format!("{terms} kinds against the published table")),
    );
    rows.push(Row::judge(names[4].0, names[4].1, (days.per_hour(31), ""), around(PAGE_FAULTS)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;
    use crate::source::sim::validate::Verdict;

    #[test]
    fn a_small_site_is_not_judged_by_a_handful_of_incidents() {
        let air =
            Topology::from_toml(include_str!("../../../../sites/air-cooled.toml"), "air").expect("valid");
        let rows = judge(&sample(&air, 7, 30));
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|r| r.verdict == Verdict::NotMeasured && r.note.contains("--days")));
    }

    #[test]
    fn a_process_that_is_off_fails() {
        let good = sample(&Topology::default_site(), 7, 30);
        let fails = |days: &DayCounts| {
            let rows = judge(days).into_iter().filter(|r| r.verdict == Verdict::Fail);
            rows.map(|r| r.id).collect::<Vec<_>>()
        };
        assert_eq!(fails(&good), Vec::<String>::new());
        let mut twice = good.clone();
        twice.per_day.iter_mut().for_each(|n| *n *= 2);
        assert_eq!(fails(&twice)[..2], ["incidents-mean", "incidents-deviation"]);
        let mut kinds = good.clone();
        kinds.by_kind.swap(0, 1);
        assert_eq!(fails(&kinds), ["incidents-kinds"]);
        let mut quiet = good;
        quiet.xids.remove(&31);
        assert_eq!(fails(&quiet), ["page-faults"]);
    }
}
