//! The values of the grid view, in groups with headings.

use crate::fleet::limits::plant as limits;
use crate::model::facility::SitePoint;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::view::grid::Line;
use crate::ui::view::plant::NO_SOURCE;
use crate::ui::view::power::supply;
use crate::ui::view::rows::Row;

/// All lines; with `gaps` between the groups.
pub fn lines(cx: &Context<'_>, gaps: bool) -> Vec<Line> {
    let grid = &cx.topology().plan().grid;
    let nominal = if grid.feed_kv > 0.0 { format!("{} kV nominal", grid.feed_kv) } else { String::new() };
    let groups: [(&'static str, String, Vec<Line>); 6] = [
        ("SUPPLY", String::new(), supply_lines(cx)),
        ("FEEDS", nominal, feeds(cx)),
        ("TARGETS", String::from("what the grid asks for (DSX Flex)"), flex(cx)),
        ("STABILITY", String::from("ramp and swings between 0.1 and 20 Hz"), stability(cx)),
        ("BATTERY", battery_size(cx), battery(cx)),
        ("MARKET, HEAT AND WEATHER", String::new(), market(cx)),
    ];
    let mut out = Vec::new();
    for (name, note, lines) in groups {
        if gaps && !out.is_empty() {
            out.push(Line::Gap);
        }
        out.push(Line::Heading(name, note));
        if lines.is_empty() {
            out.push(Line::Words(NO_SOURCE.to_owned()));
        }
        out.extend(lines);
    }
    out.extend(gaps.then_some(Line::Gap));
    out.push(Line::Heading("BUILDING MANAGEMENT", String::new()));
    match cx.frame.facility.site(SitePoint::BmsHeartbeat) {
        Some(_) => out.push(Line::Value(supply::point_row(cx, SitePoint::BmsHeartbeat))),
        None => out.push(Line::Words(NO_SOURCE.to_owned())),
    }
    out
}

/// The rows of those points that are reported.
fn known(cx: &Context<'_>, points: &[SitePoint]) -> Vec<Line> {
    let known = points.iter().filter(|p| cx.frame.facility.site(**p).is_some());
    known.map(|p| Line::Value(supply::point_row(cx, *p))).collect()
}

fn supply_lines(cx: &Context<'_>) -> Vec<Line> {
    let mut out = known(cx, &[SitePoint::FacilityPower]);
    out.extend(supply::headroom_row(cx).map(Line::Value));
    out.extend(known(cx, &[SitePoint::ItPower, SitePoint::PlantPower, SitePoint::Pue]));
    out
}

fn feeds(cx: &Context<'_>) -> Vec<Line> {
    known(
        cx,
        &[SitePoint::FeedA, SitePoint::FeedB, SitePoint::VoltageA, SitePoint::VoltageB, SitePoint::Frequency],
    )
}

/// Targets and constraints, in the terms of DSX Flex. An interface that reports anything at all
/// and no target has none now, which is another thing than no interface.
fn flex(cx: &Context<'_>) -> Vec<Line> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let mut out = Vec::new();
    if let Some(mw) = limits::contract_mw(t, f) {
        out.push(Line::Value(Row::new("Contracted", Some(mw), ("MW", 1), (None, None))));
    }
    let speaks = [SitePoint::LoadTarget, SitePoint::PowerMaximum, SitePoint::Compliant];
    if speaks.iter().all(|p| f.site(*p).is_none()) {
        let target = Row::new("Load target", None, ("MW", 1), (None, None));
        out.push(Line::Value(target.words(NO_SOURCE)));
        return out;
    }
    for point in [SitePoint::LoadTarget, SitePoint::PowerMaximum] {
        let row = Row::new(point.spec().label, f.site(point), ("MW", 1), (None, None));
        out.push(Line::Value(if f.site(point).is_none() { row.words("none now") } else { row }));
    }
    out.push(Line::Value(compliant(cx)));
    out
}

fn compliant(cx: &Context<'_>) -> Row {
    let value = cx.frame.facility.site(SitePoint::Compliant);
    let over = supply::excess(cx);
    let words = match (value, over) {
        (None, _) => NO_SOURCE.to_owned(),
        (Some(v), _) if v >= 1.0 => "yes".to_owned(),
        (Some(_), Some(mw)) => format!("NO: {} MW too much", supply::megawatts(mw)),
        (Some(_), None) => "NO".to_owned(),
    };
    Row::new("Compliant", value, ("", 0), (Some(1.0), None)).priority(2).words(words)
}

fn stability(cx: &Context<'_>) -> Vec<Line> {
    let f = &cx.frame.facility;
    let mut out = known(cx, &[SitePoint::Ramp, SitePoint::Oscillation]);
    let slot = f.site(SitePoint::OscillationJob).map(|v| v as usize);
    let job = slot.filter(|s| *s > 0).and_then(|s| cx.frame.jobs.get(s));
    if let Some(job) = job {
        let row = Row::new("Swinging job", Some(0.0), ("", 0), (None, None));
        let words =
            if job.tenant.is_empty() { job.job.clone() } else { format!("{} ({})", job.job, job.tenant) };
        out.push(Line::Value(row.words(words)));
    }
    out
}

fn battery_size(cx: &Context<'_>) -> String {
    let grid = &cx.topology().plan().grid;
    if grid.bess_mw > 0.0 { format!("{} MW, {} MWh", grid.bess_mw, grid.bess_mwh) } else { String::new() }
}

fn battery(cx: &Context<'_>) -> Vec<Line> {
    let mut out = Vec::new();
    if let Some(words) = supply::battery(cx) {
        out.push(Line::Value(supply::point_row(cx, SitePoint::BessPower).words(words)));
    }
    out.extend(known(cx, &[SitePoint::BessCharge]));
    out
}

fn market(cx: &Context<'_>) -> Vec<Line> {
    let mut out = known(
        cx,
        &[SitePoint::SpotPrice, SitePoint::HydroShare, SitePoint::HeatExport, SitePoint::HeatRejection],
    );
    let most = cx.topology().plan().grid.heat_export_mw;
    if let (true, Some(mw)) = (most > 0.0, cx.frame.facility.site(SitePoint::HeatExport)) {
        let share = text::decimal(f64::from(100.0 * mw / most), 0);
        out.push(Line::Words(format!("neighbours take {share} % of the {most} MW that they can")));
    }
    out.extend(known(cx, &[SitePoint::Outdoor]));
    out
}
