//! The report of `sim validate`, for people and for programs.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::source::sim::validate::{PARTS, Plan, Quantiles, Report, Row, Verdict};

/// Writes the report as a table.
pub(super) fn text(plan: &Plan, report: &Report, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(
        out,
        "{}: {} GPUs, seed {}, {} s of work; {} days of faults of {} GPUs\n",
        plan.topology.site(),
        plan.topology.gpu_count(),
        plan.seed,
        plan.seconds,
        plan.days,
        plan.faulty.gpu_count()
    )?;
    for row in &report.rows {
        line(row, out)?;
    }
    quantiles(&report.quantiles, out)?;
    let count = |verdict| report.count(verdict);
    writeln!(
        out,
        "\n{} passed, {} failed, {} not measured",
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::NotMeasured)
    )?;
    Ok(())
}

fn line(row: &Row, out: &mut dyn Write) -> Result<(), CliError> {
    let value = |v: f64| format!("{} {}", number(v), row.unit).trim_end().to_owned();
    let measured = match (row.verdict, row.measured) {
        (Verdict::NotMeasured, _) => String::from("not measured"),
        (_, Some(v)) => value(v),
        (_, None) => String::from("no number"),
    };
    let range = row.range.map(|(low, high)| format!("{} to {}", number(low), value(high)));
    let verdict = if row.verdict == Verdict::NotMeasured { "----" } else { row.verdict.name() };
    writeln!(out, "{verdict}  {measured:>12}  {:22}  {}", range.unwrap_or_default(), row.what)?;
    if !row.note.is_empty() {
        writeln!(out, "{:44}{}", "", row.note)?;
    }
    Ok(())
}

fn quantiles(all: &[Quantiles], out: &mut dyn Write) -> Result<(), CliError> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBeside Kalos (AcmeTrace: A100 of 400 W): shown, not judged, for other parts do")?;
    writeln!(out, "other work there; judged above are two modes, memory over core, and the tail.\n")?;
    let heads = PARTS.map(|p| if p < 1.0 { format!("p{:.0}", 100.0 * p) } else { String::from("max") });
    writeln!(out, "{:21} {}", "", heads.map(|h| format!("{h:>6}")).join(" "))?;
    let cell = |v: Option<f64>| format!("{:>6}", v.map_or_else(|| String::from("–"), |v| format!("{v:.0}")));
    for q in all {
        let here = q.here.map(|v| cell(v.is_finite().then_some(v))).join(" ");
        writeln!(out, "{:14} here   {here}", format!("{}, {}", q.what, q.unit))?;
        let there = format!("{:14} Kalos  {}  {}", "", q.there.map(cell).join(" "), q.note);
        writeln!(out, "{}", there.trim_end())?;
    }
    Ok(())
}

/// A number with as many decimals as say something.
fn number(v: f64) -> String {
    match v.abs() {
        a if a >= 1000.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}

/// Writes the report as one JSON object.
pub(super) fn json(plan: &Plan, report: &Report, out: &mut dyn Write) -> Result<(), CliError> {
    let object = json!({
        "site": plan.topology.site(),
        "gpus": plan.topology.gpu_count(),
        "seed": plan.seed,
        "seconds": plan.seconds,
        "days": plan.days,
        "fault_gpus": plan.faulty.gpu_count(),
        "passed": report.count(Verdict::Pass),
        "failed": report.count(Verdict::Fail),
        "not_measured": report.count(Verdict::NotMeasured),
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "quantiles": report.quantiles.iter().map(distribution).collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&object);
    let text = text.map_err(|e| CliError::Failed(format!("cannot write JSON: {e}")))?;
    Ok(writeln!(out, "{text}")?)
}

/// A number with six significant decimals, so that the text does not end in noise.
fn rounded(v: f64) -> Value {
    json!((v * 1e6).round() / 1e6)
}

fn row(row: &Row) -> Value {
    json!({
        "id": row.id,
        "what": row.what,
        "unit": row.unit,
        "low": row.range.map(|r| rounded(r.0)),
        "high": row.range.map(|r| rounded(r.1)),
        "measured": row.measured.map(rounded),
        "verdict": row.verdict.name().to_lowercase(),
        "note": row.note,
    })
}

fn distribution(q: &Quantiles) -> Value {
    json!({
        "what": q.what,
        "unit": q.unit,
        "parts": PARTS,
        "here": q.here.map(|v| v.is_finite().then(|| rounded(v))),
        "kalos": q.there.map(|v| v.map(rounded)),
        "note": q.note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(row: &Row) -> String {
        let mut out = Vec::new();
        line(row, &mut out).expect("writable");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_has_verdict_figure_range_and_words() {
        let good = Row::judge("a", "power", (16.64, "MW"), (15.7, 17.7));
        assert_eq!(shown(&good), "pass       16.6 MW  15.7 to 17.7 MW         power\n");
        let bad = Row::judge("a", "power", (f64::NAN, "MW"), (15.7, 17.7)).noted("why");
        assert!(shown(&bad).starts_with("FAIL     no number  15.7 to 17.7 MW "), "{}", shown(&bad));
        assert!(shown(&bad).ends_with("  why\n"));
        let missing = Row::missing("a", "power", "no rack");
        assert_eq!(shown(&missing).lines().next(), Some("----  not measured                          power"));
        assert!(shown(&Row::info("a", "cost", (7.5, "ms"))).starts_with("info       7.50 ms "));
    }

    #[test]
    fn numbers_have_the_decimals_that_say_something() {
        assert_eq!([0.256, 7.0, 52.96, 100.5, 1277.4].map(number), ["0.26", "7.00", "53.0", "100.5", "1277"]);
    }

    #[test]
    fn what_is_not_a_number_is_null() {
        let value = row(&Row::judge("a", "x", (f64::INFINITY, ""), (0.0, 1.0)));
        assert!(value["measured"].is_null() && value["verdict"] == "fail");
        let missing = row(&Row::missing("a", "x", "why"));
        assert!(missing["low"].is_null() && missing["verdict"] == "not measured");
    }
}
