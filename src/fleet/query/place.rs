//! Place filters: `hall = H3`, `job = "llm-r7"`, `host in (a, b)`.

use crate::fleet::query::ast::Attribute;
use crate::fleet::query::eval::Ask;
use crate::fleet::query::plan::level_of;
use crate::fleet::query::scan::{FALSE, Scan, TRUE, UNKNOWN};
use crate::fleet::query::shape::{count, within};
use crate::model::Metric;
use crate::model::alarm::rule::Scope;
use crate::model::id::{Asset, HallId, RackId, RowId, TrayId};
use crate::model::topology::plan::same;

/// The answers to "is it at one of these".
pub fn answers(attribute: Attribute, names: &[String], (scan, scope): Ask<'_>) -> Vec<u8> {
    match (attribute, scope) {
        (Attribute::Job | Attribute::Tenant, _) => by_slot(attribute, names, (scan, scope)),
        _ => {
            let level = level_of(attribute);
            let mut out = vec![FALSE; scan.count(scope)];
            for i in (0..count(scan.topology(), level)).filter(|i| is_named(scan, attribute, *i, names)) {
                let span = if level == scope { i..i + 1 } else { within(scan.topology(), (level, i), scope) };
                if let Some(cells) = out.get_mut(span) {
                    cells.fill(TRUE);
                }
            }
            out
        }
    }
}

/// True when asset `index` is called one of `names`: in full, from the hall down, or by its last
/// part.
fn is_named(scan: &Scan<'_>, attribute: Attribute, index: usize, names: &[String]) -> bool {
    let t = scan.topology();
    let asset = match attribute {
        Attribute::Hall => Asset::Hall(HallId::new(index)),
        Attribute::Row => Asset::Row(RowId::new(index)),
        Attribute::Rack => Asset::Rack(RackId::new(index)),
        Attribute::Host => {
            let host = &t.tray(TrayId::new(index)).host;
            return names.iter().any(|n| n.eq_ignore_ascii_case(host));
        }
        _ => Asset::Tray(TrayId::new(index)),
    };
    let short = t.short_name(asset);
    names.iter().any(|n| {
        // Most names are told apart by their end, without building the whole.
        let tail = n.rsplit('-').next().unwrap_or(n);
        same(&short, n) || (n.contains('-') && same(&short, tail) && t.find(n).is_ok_and(|a| a == asset))
    })
}

fn by_slot(attribute: Attribute, names: &[String], (scan, scope): Ask<'_>) -> Vec<u8> {
    let frame = scan.frame;
    let is = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    let (metric, wanted): (Metric, Vec<bool>) = match attribute {
        Attribute::Job => (Metric::Job, frame.jobs.iter().map(|j| is(&j.job)).collect()),
        _ => (Metric::Tenant, frame.tenants.iter().map(|t| is(t)).collect()),
    };
    if scope == Scope::Job {
        return wanted.iter().map(|w| if *w { TRUE } else { FALSE }).collect();
    }
    let column = frame.column(metric);
    let one = |i: usize| match column.raw(i) {
        raw if raw == metric.none_raw() => UNKNOWN,
        raw if wanted.get(usize::from(raw)) == Some(&true) => TRUE,
        _ => FALSE,
    };
    (0..column.len()).map(one).collect()
}
