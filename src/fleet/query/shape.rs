//! Which assets lie in which: the spans that queries widen and fold over.

use std::ops::Range;

use crate::model::alarm::rule::Scope;
use crate::model::id::{Asset, CduId, GpuId, HallId, RackId, RowId, Span, TrayId};
use crate::model::{Timestamp, Topology};

/// How many assets of a kind there are; jobs are counted by the caller.
pub fn count(t: &Topology, scope: Scope) -> usize {
    match scope {
        Scope::Site => 1,
        Scope::Hall => t.halls().len(),
        Scope::Row => t.rows().len(),
        Scope::Cdu => t.cdu_count(),
        Scope::Rack => t.racks().len(),
        Scope::Tray => t.trays().len(),
        Scope::Gpu => t.gpu_count(),
        Scope::Job => 0,
    }
}

/// The asset `index` of a kind; `None` for jobs, which are no assets.
pub fn asset(scope: Scope, index: usize) -> Option<Asset> {
    Some(match scope {
        Scope::Site => Asset::Site,
        Scope::Hall => Asset::Hall(HallId::new(index)),
        Scope::Row => Asset::Row(RowId::new(index)),
        Scope::Cdu => Asset::Cdu(CduId::new(index)),
        Scope::Rack => Asset::Rack(RackId::new(index)),
        Scope::Tray => Asset::Tray(TrayId::new(index)),
        Scope::Gpu => Asset::Gpu(GpuId::new(index)),
        Scope::Job => return None,
    })
}

/// True when assets of kind `inner` lie in those of kind `outer`.
pub fn lies_in(inner: Scope, outer: Scope) -> bool {
    let depth = |s: Scope| match s {
        Scope::Site => 0,
        Scope::Hall => 1,
        Scope::Row => 2,
        Scope::Cdu | Scope::Rack => 3,
        Scope::Tray => 4,
        Scope::Gpu => 5,
        Scope::Job => 9,
    };
    match (inner, outer) {
        (Scope::Job, outer) => outer == Scope::Site,
        (Scope::Cdu, outer) => depth(outer) < 3,
        (_, Scope::Cdu | Scope::Job) => false,
        (inner, outer) => depth(outer) < depth(inner),
    }
}

/// The assets of kind `inner` in asset `index` of kind `outer`: they stand next to each other.
pub fn within(t: &Topology, (outer, index): (Scope, usize), inner: Scope) -> Range<usize> {
    let join = |a: Span, b: Span| a.start as usize..b.end as usize;
    let rows = |rows: Span| match inner {
        Scope::Cdu => ends(rows, |r| t.row(RowId(r)).cdus),
        _ => ends(rows, |r| t.row(RowId(r)).racks),
    };
    let racks: Range<usize> = match outer {
        Scope::Site => return 0..count(t, inner),
        Scope::Hall => {
            let span = t.hall(HallId::new(index)).rows;
            match inner {
                Scope::Row => return span.range(),
                _ => rows(span),
            }
        }
        Scope::Row => rows(Span { start: index as u32, end: index as u32 + 1 }),
        Scope::Rack => index..index + 1,
        Scope::Tray => return t.tray(TrayId::new(index)).gpus.range(),
        _ => return 0..0,
    };
    if matches!(inner, Scope::Rack | Scope::Cdu) || racks.is_empty() {
        return racks;
    }
    let (first, last) = (t.rack(RackId::new(racks.start)), t.rack(RackId::new(racks.end - 1)));
    match inner {
        Scope::Tray => join(first.trays, last.trays),
        _ => join(first.gpus, last.gpus),
    }
}

fn ends(span: Span, of: impl Fn(u32) -> Span) -> Range<usize> {
    if span.is_empty() {
        return 0..0;
    }
    let (first, last) = (of(span.start), of(span.end - 1));
    // Rows without any of them have an empty span that may lie anywhere.
    let start = span.iter().map(&of).find(|s| !s.is_empty()).unwrap_or(first).start;
    let end = span.iter().rev().map(&of).find(|s| !s.is_empty()).unwrap_or(last).end;
    start as usize..end.max(start) as usize
}

/// Seconds between two moments, never negative.
pub fn seconds(from: Timestamp, to: Timestamp) -> f32 {
    to.since(from).max(0) as f32 / 1000.0
}
