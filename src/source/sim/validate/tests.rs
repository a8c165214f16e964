//! Tests of the report as a whole.

use super::*;

#[test]
fn tmp_print() {
    let plan = Plan::quick(None, 7).expect("valid");
    let references: Vec<_> = curves::Disturbance::ALL
        .into_iter()
        .filter_map(|d| {
            let path = format!("{}/../shared/data/domain/{}", env!("CARGO_MANIFEST_DIR"), d.file());
            let text = std::fs::read_to_string(&path).ok()?;
            Some(curves::Reference::parse(d, &text, &path).expect("valid"))
        })
        .collect();
    for references in [&[][..], &references] {
        let report = run(&plan, references, &mut |what| eprintln!("{what}"));
        for r in &report.rows {
            println!(
                "{:12} {:60} {:?} {:?} {} {}",
                r.verdict.name(),
                r.what,
                r.measured,
                r.range,
                r.unit,
                r.note
            );
        }
        for q in &report.quantiles {
            println!("{q:?}");
        }
    }
}
