//! One line of the power tree: a hall, a row or a rack with its power, both sides, shelves, and
//! what is wrong.

use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::facility::{HallPoint, RackPoint, RowPoint};
use crate::model::{Asset, RackId, RowId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{self, Courses, Note};
use crate::ui::widget::band::Band;
use crate::ui::widget::table::{Column, Draw, Field};

/// One of the two supplies.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Side {
    kw: Option<f32>,
    limit: Option<f32>,
    volts: Option<f32>,
    priority: u8,
}

/// See the module.
#[derive(Clone, PartialEq, Debug)]
pub struct Branch {
    asset: Asset,
    kw: Option<f32>,
    /// What its racks are built for, kW; 0 when unknown.
    rating: f32,
    priority: u8,
    sides: [Side; 2],
    /// Power shelves that work, and all of those that are reported on.
    shelves: Option<(u32, u32)>,
    notes: Vec<Note>,
}

/// Sums of what is known.
#[derive(Default)]
struct Sum(Option<f32>);

impl Sum {
    fn add(&mut self, value: Option<f32>) {
        if let Some(v) = value {
            self.0 = Some(self.0.unwrap_or(0.0) + v);
        }
    }
}

impl Branch {
    /// The line of an asset. `speaks`: racks of this site report power.
    pub fn new(cx: &Context<'_>, asset: Asset, speaks: bool) -> Self {
        let t = cx.topology();
        let mut out = match asset {
            Asset::Rack(id) => Self::rack(cx, id, speaks),
            Asset::Row(id) => Self::row(cx, id, speaks),
            _ => Self::hall(cx, asset, speaks),
        };
        out.notes.sort();
        out.priority = match (out.kw, asset) {
            (Some(kw), Asset::Rack(id)) => limits::rack(t, id, RackPoint::Power).crossed(kw),
            (Some(kw), _) if out.rating > 0.0 && kw > 1.05 * out.rating => 3,
            _ => 0,
        };
        out
    }

    /// What it is about.
    pub const fn asset(&self) -> Asset {
        self.asset
    }

    fn empty(asset: Asset, rating: f32) -> Self {
        Self {
            asset,
            kw: None,
            rating,
            priority: 0,
            sides: [Side::default(); 2],
            shelves: None,
            notes: Vec::new(),
        }
    }

    fn rack(cx: &Context<'_>, id: RackId, speaks: bool) -> Self {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let model = t.rack_model(id);
        let side = |point| Side {
            kw: f.rack(id, point),
            priority: f.rack(id, point).map_or(0, |v| limits::rack(t, id, point).crossed(v)),
            ..Side::default()
        };
        let all = u32::from(model.power_shelves);
        Self {
            kw: f.rack(id, RackPoint::Power),
            sides: [side(RackPoint::SideA), side(RackPoint::SideB)],
            shelves: f.rack(id, RackPoint::ShelvesOk).map(|n| (n as u32, all)).filter(|_| all > 0),
            notes: plant::power_notes(cx, id, speaks),
            ..Self::empty(Asset::Rack(id), model.tdp_kw)
        }
    }

    fn row(cx: &Context<'_>, id: RowId, speaks: bool) -> Self {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let racks = t.row(id).racks;
        let side = |kw, volts| Side {
            kw: f.row(id, kw),
            limit: f.row(id, RowPoint::Limit).filter(|l| *l > 0.0),
            volts: f.row(id, volts),
            priority: f.row(id, kw).map_or(0, |v| limits::row(f, id, kw).crossed(v)),
        };
        let mut out = Self {
            sides: [side(RowPoint::BuswayA, RowPoint::VoltageA), side(RowPoint::BuswayB, RowPoint::VoltageB)],
            notes: plant::busway_notes(cx, id),
            ..Self::empty(Asset::Row(id), limits::rating_kw(t, racks.iter()))
        };
        out.take_racks(cx, racks.iter(), speaks);
        out
    }

    fn hall(cx: &Context<'_>, asset: Asset, speaks: bool) -> Self {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let Asset::Hall(id) = asset else { return Self::empty(asset, 0.0) };
        let hall = t.hall(id);
        let mut out = Self::empty(asset, limits::rating_kw(t, hall.racks.iter()));
        let (mut kw, mut limit) = ([Sum::default(), Sum::default()], Sum::default());
        let mut rows: Vec<(Note, RowId)> = Vec::new();
        for row in hall.rows.iter().map(RowId) {
            kw[0].add(f.row(row, RowPoint::BuswayA));
            kw[1].add(f.row(row, RowPoint::BuswayB));
            limit.add(f.row(row, RowPoint::Limit).filter(|l| *l > 0.0));
            rows.extend(plant::busway_notes(cx, row).into_iter().next().map(|n| (n, row)));
        }
        for (side, sum) in out.sides.iter_mut().zip(kw) {
            (side.kw, side.limit) = (sum.0, limit.0);
        }
        rows.sort();
        if let Some((worst, row)) = rows.first() {
            let more = if rows.len() > 1 { format!(" (+{} rows)", rows.len() - 1) } else { String::new() };
            let text = format!("{} {}{more}", t.row(*row).name, worst.text);
            out.notes.push(Note { priority: worst.priority, text });
        }
        out.take_racks(cx, hall.racks.iter(), speaks);
        // A hall has more in it than racks; where it has a meter, that is what it draws.
        out.kw = f.hall(id, HallPoint::Power).map(|mw| mw * 1000.0).or(out.kw);
        out
    }

    /// Sums up racks: power, shelves, and in words how many are isolated, silent or short of shelves.
    fn take_racks(&mut self, cx: &Context<'_>, racks: impl Iterator<Item = u32>, speaks: bool) {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let mut kw = Sum::default();
        let mut shelves: Option<(u32, u32)> = None;
        let (mut isolated, mut silent, mut short) = (Vec::new(), Vec::new(), Vec::new());
        for id in racks.map(RackId) {
            let power = f.rack(id, RackPoint::Power);
            kw.add(power);
            if speaks && power.is_none() {
                silent.push(id);
            }
            let off = f.rack(id, RackPoint::PowerIsolated).is_some_and(|v| v > 0.0);
            if off {
                isolated.push(id);
            }
            let all = u32::from(t.rack_model(id).power_shelves);
            if let Some(ok) = f.rack(id, RackPoint::ShelvesOk).filter(|_| all > 0) {
                let (a, b) = shelves.unwrap_or_default();
                shelves = Some((a + ok as u32, b + all));
                if (ok as u32) < all && !off {
                    short.push(id);
                }
            }
        }
        (self.kw, self.shelves) = (kw.0, shelves);
        let lists = [(short, 3, "short of shelves"), (isolated, 3, "power isolated"), (silent, 4, "silent")];
        for (list, priority, words) in lists {
            // One is called by its name, several are counted.
            let who = match list.as_slice() {
                [] => continue,
                [one] => self.name_below(cx, *one),
                more => format!("{} racks", more.len()),
            };
            self.notes.push(Note { priority, text: format!("{who} {words}") });
        }
    }

    /// The name of a rack from this branch on: `K5` in its row, `R17-K5` in its hall.
    fn name_below(&self, cx: &Context<'_>, rack: RackId) -> String {
        let t = cx.topology();
        let name = t.short_name(Asset::Rack(rack));
        match self.asset {
            Asset::Row(_) => name,
            _ => format!("{}-{name}", t.row(t.rack(rack).row).name),
        }
    }

    /// Reads its course of an hour.
    pub fn read(&self, cx: &Context<'_>, courses: &mut Courses) {
        let signals: &[Signal] = match self.asset {
            Asset::Hall(_) => &[Signal::Hall(HallPoint::Power)],
            Asset::Row(_) => &[Signal::Row(RowPoint::BuswayA), Signal::Row(RowPoint::BuswayB)],
            _ => &[Signal::Rack(RackPoint::Power)],
        };
        courses.read(cx, (self.asset, 0), signals);
    }

    /// Blanks before its name.
    const fn indent(&self) -> usize {
        match self.asset {
            Asset::Hall(_) => 0,
            Asset::Row(_) => 2,
            _ => 4,
        }
    }

    /// Its fields, in the order of [`columns`].
    pub fn fields(&self, cx: &Context<'_>, courses: &Courses) -> Vec<Field> {
        let (t, b) = (cx.topology(), cx.brush);
        let indent = self.indent();
        let unit = if matches!(self.asset, Asset::Hall(_)) { "MW" } else { "kW" };
        let read = |kw: f32| if unit == "MW" { kw / 1000.0 } else { kw };
        let power = |kw: Option<f32>, priority: u8| {
            let mut field = plant::field(cx, kw.map(read), unit, priority);
            if kw.is_some() {
                field.text = format!("{} {unit}", field.text);
            }
            field
        };
        let share = |kw: Option<f32>, of: f32| -> Field {
            match kw.filter(|_| of > 0.0) {
                Some(kw) => format!("{:.0} %", 100.0 * kw / of).into(),
                None => Field::styled(b.glyphs.absent.to_string(), b.style(Scope::QualityAbsent)),
            }
        };
        let name = format!("{:indent$}{}", "", t.short_name(self.asset));
        let mut out =
            vec![name.into(), power(self.kw, self.priority), share(self.kw, self.rating), self.band()];
        for side in self.sides {
            out.push(power(side.kw, side.priority));
            out.push(side.limit.map_or_else(Field::default, |l| share(side.kw, l)));
            out.push(
                side.volts
                    .map_or_else(Field::default, |v| format!("{} V", text::decimal(v.into(), 0)).into()),
            );
        }
        out.push(match self.shelves {
            Some((ok, all)) => {
                let said = format!("{ok}/{all}");
                if ok < all { Field::styled(said, b.style(Scope::AlarmP3)) } else { said.into() }
            }
            None => Field::styled(b.glyphs.absent.to_string(), b.style(Scope::QualityAbsent)),
        });
        out.push(courses.field(cx, self.asset, 0));
        out.push(plant::notes_field(cx, &self.notes));
        out
    }

    fn band(&self) -> Field {
        let Some(kw) = self.kw.filter(|_| self.rating > 0.0) else { return Field::default() };
        let band = Band {
            range: (0.0, 1.2 * self.rating),
            normal: (None, Some(1.05 * self.rating)),
            now: Some(kw),
            priority: 3,
        };
        Draw::Band(band).into()
    }
}

/// Columns of the names: the fewest, and the most.
const NAMES: (usize, usize) = (8, 18);

/// The columns of the tree; the names of all branches can be told from each other.
pub fn columns(cx: &Context<'_>, tree: &[Branch]) -> [Column<'static>; 13] {
    let names = tree.iter().map(|b| b.indent() + text::width(&cx.topology().short_name(b.asset)));
    let names = names.max().unwrap_or(0).clamp(NAMES.0, NAMES.1) as u16;
    [
        Column::text("WHERE", names),
        Column::number("POWER", 9),
        Column::number("RATED", 5),
        Column::text("", 14).rank(4),
        Column::number("SIDE A", 8).rank(1),
        Column::number("LOAD", 5).rank(2),
        Column::number("VOLT", 5).rank(6),
        Column::number("SIDE B", 8).rank(1),
        Column::number("LOAD", 5).rank(2),
        Column::number("VOLT", 5).rank(6),
        Column::number("SHELVES", 9).rank(3),
        Column::text("1 h", 18).rank(7),
        Column::text("WHAT", 22).growing(),
    ]
}
