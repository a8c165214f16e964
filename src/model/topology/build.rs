//! From the plan of names to dense ids.

use std::sync::Arc;

use crate::model::id::{HallId, RackId, RowId, Span, TrayId};
use crate::model::topology::plan::{MAX_GPUS, PlanHall, PlanRack, PlanRow, UNPLACED};
use crate::model::topology::{Hall, Plan, Rack, Row, Topology, Tray};

/// Builds the topology of `plan` as generation `generation`.
///
/// # Errors
/// More than [`MAX_GPUS`] GPUs.
pub fn build(plan: Plan, generation: u32) -> Result<Topology, String> {
    let mut t = Topology {
        plan: Arc::new(plan),
        generation,
        halls: Vec::new(),
        rows: Vec::new(),
        racks: Vec::new(),
        trays: Vec::new(),
        cdus: Vec::new(),
        gpu_tray: Vec::new(),
    };
    let plan = Arc::clone(&t.plan);
    for hall in &plan.halls {
        add_hall(&mut t, hall);
        if t.gpu_tray.len() > MAX_GPUS {
            return Err(format!("the site has more than {MAX_GPUS} GPUs"));
        }
    }
    Ok(t)
}

/// Ends of all columns: the start of whatever is added next.
struct Mark {
    rows: usize,
    racks: usize,
    trays: usize,
    gpus: usize,
    cdus: usize,
}

impl Mark {
    fn of(t: &Topology) -> Self {
        Self {
            rows: t.rows.len(),
            racks: t.racks.len(),
            trays: t.trays.len(),
            gpus: t.gpu_tray.len(),
            cdus: t.cdus.len(),
        }
    }
}

const fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

fn add_hall(t: &mut Topology, hall: &PlanHall) {
    let at = Mark::of(t);
    let id = HallId::new(t.halls.len());
    for row in &hall.rows {
        add_row(t, id, row);
    }
    let end = Mark::of(t);
    t.halls.push(Hall {
        name: hall.name.clone(),
        rows: span(at.rows, end.rows),
        racks: span(at.racks, end.racks),
        trays: span(at.trays, end.trays),
        gpus: span(at.gpus, end.gpus),
        cdus: span(at.cdus, end.cdus),
        columns: hall.columns.max(1),
        unplaced: hall.name == UNPLACED,
    });
}

fn add_row(t: &mut Topology, hall: HallId, row: &PlanRow) {
    let at = Mark::of(t);
    let id = RowId::new(t.rows.len());
    t.cdus.extend(row.cdus.iter().map(|name| (id, name.clone())));
    for rack in &row.racks {
        add_rack(t, id, rack);
    }
    let end = Mark::of(t);
    t.rows.push(Row {
        name: row.name.clone(),
        hall,
        racks: span(at.racks, end.racks),
        trays: span(at.trays, end.trays),
        gpus: span(at.gpus, end.gpus),
        cdus: span(at.cdus, end.cdus),
    });
}

fn add_rack(t: &mut Topology, row: RowId, rack: &PlanRack) {
    let at = Mark::of(t);
    let id = RackId::new(t.racks.len());
    for tray in &rack.trays {
        let tray_id = TrayId::new(t.trays.len());
        let start = t.gpu_tray.len();
        t.gpu_tray.resize(start + usize::from(tray.gpus), tray_id);
        t.trays.push(Tray {
            name: tray.name.clone(),
            rack: id,
            gpus: span(start, t.gpu_tray.len()),
            host: tray.host.clone(),
        });
    }
    let end = Mark::of(t);
    t.racks.push(Rack {
        name: rack.name.clone(),
        row,
        trays: span(at.trays, end.trays),
        gpus: span(at.gpus, end.gpus),
        model: rack.model,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{Asset, GpuId};

    #[test]
    fn the_default_site_has_the_documented_counts() {
        let t = Topology::default_site();
        assert_eq!(t.halls().len(), 8);
        assert_eq!(t.rows().len(), 174);
        assert_eq!(t.racks().len(), 1_392);
        assert_eq!(t.trays().len(), 25_056);
        assert_eq!(t.gpu_count(), 100_224);
        assert_eq!(t.cdu_count(), 348);
    }

    #[test]
    fn spans_tile_their_parents() {
        let t = Topology::default_site();
        let mut next = 0;
        for (i, rack) in t.racks().iter().enumerate() {
            assert_eq!(rack.gpus.start, next);
            next = rack.gpus.end;
            assert!(t.row(rack.row).racks.contains(i as u32));
        }
        assert_eq!(next as usize, t.gpu_count());
        let g = GpuId(77_777);
        assert!(t.hall(t.hall_of(g)).gpus.contains(g.0));
        assert!(t.gpus_of(t.parent(Asset::Gpu(g))).contains(g.0));
    }
}
