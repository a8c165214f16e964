//! The racks of a row as a table: coolant, heat, and what is wrong; the worst first.

use std::cmp::Reverse;

use crate::fleet::limits::plant as limits;
use crate::model::facility::RackPoint;
use crate::model::{Asset, RackId, RowId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{self, Courses, Note};
use crate::ui::widget::table::{Column, Field};

/// Narrowest screen with the course of the return temperature.
pub const COURSE_FROM: u16 = 110;

/// One rack.
#[derive(Debug)]
pub struct RackLine {
    /// Which.
    pub id: RackId,
    notes: Vec<Note>,
    liquid: bool,
}

/// The racks of a row, the worst first: by what is wrong, then by return temperature.
pub fn of_row(cx: &Context<'_>, row: RowId) -> Vec<RackLine> {
    let t = cx.topology();
    let speaks = cx.frame.facility.any_rack(RackPoint::LiquidFlow);
    let line =
        |id| RackLine { id, notes: plant::liquid_notes(cx, id, speaks), liquid: limits::is_liquid(t, id) };
    let mut out: Vec<RackLine> = t.row(row).racks.iter().map(RackId).map(line).collect();
    let heat = |id| cx.frame.facility.rack(id, RackPoint::LiquidReturn).map_or(-1e6, |v| v);
    out.sort_by(|a, b| {
        let urgency = |l: &RackLine| l.notes.first().map_or(9, |n| n.priority);
        urgency(a)
            .cmp(&urgency(b))
            .then(Reverse(a.notes.len()).cmp(&Reverse(b.notes.len())))
            .then(heat(b.id).total_cmp(&heat(a.id)))
            .then(a.id.cmp(&b.id))
    });
    out
}

impl RackLine {
    /// Its fields, in the order of [`columns`].
    pub fn fields(&self, cx: &Context<'_>, courses: &Courses) -> Vec<Field> {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let point = |p: RackPoint| {
            let value = f.rack(self.id, p);
            let priority = value.map_or(0, |v| limits::rack(t, self.id, p).crossed(v));
            // Shut valves and no flow are as they should be in a rack that is shut off.
            let off = f.rack(self.id, RackPoint::LiquidIsolated).is_some_and(|v| v > 0.0);
            plant::field(cx, value, p.spec().unit, if off { 0 } else { priority })
        };
        let derived = |value: Option<f32>, unit| plant::field(cx, value, unit, 0);
        let rise = f
            .rack(self.id, RackPoint::LiquidReturn)
            .zip(f.rack(self.id, RackPoint::LiquidSupply))
            .map(|(r, s)| r - s);
        let mut out: Vec<Field> = vec![t.short_name(Asset::Rack(self.id)).into()];
        out.extend([RackPoint::LiquidFlow, RackPoint::LiquidSupply, RackPoint::LiquidReturn].map(point));
        out.push(derived(rise, "K"));
        out.extend([RackPoint::Valve, RackPoint::LiquidDp, RackPoint::Power].map(point));
        out.push(derived(f.heat_balance(self.id), "%"));
        out.push(courses.field(cx, Asset::Rack(self.id), 0));
        out.push(if !self.liquid {
            Field::styled("air-cooled: no liquid", cx.brush.style(Scope::TextDim))
        } else {
            plant::notes_field(cx, &self.notes)
        });
        out
    }
}

/// The columns of the table, wide enough for the names of `racks` to be told from each other.
pub fn columns(cx: &Context<'_>, racks: &[RackLine]) -> [Column<'static>; 11] {
    let names = racks.iter().map(|r| text::width(&cx.topology().short_name(Asset::Rack(r.id))));
    let names = names.max().unwrap_or(0).clamp(5, 14) as u16;
    [
        Column::text("RACK", names),
        Column::number("LPM", 5),
        Column::number("SUPPLY", 6),
        Column::number("RETURN", 6),
        Column::number("dT K", 5),
        Column::number("VALVE%", 6).rank(2),
        Column::number("DP kPa", 6).rank(2),
        Column::number("kW", 5).rank(1),
        Column::number("HEAT%", 5).rank(1),
        Column::text("RETURN 1 h", 18).rank(3),
        Column::text("WHAT", 22).growing(),
    ]
}
