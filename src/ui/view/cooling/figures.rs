//! Heat of the whole site in a line: where it goes, and how warm it is outside; below it the air
//! of the hall.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::model::facility::{HallPoint, SitePoint};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{self, NO_SOURCE};

/// What is written, with the priority of each part.
#[derive(Debug, Default)]
pub struct Figures {
    lines: [Vec<(String, u8)>; 2],
}

impl Figures {
    /// Makes the lines of the frame shown.
    pub fn update(&mut self, cx: &Context<'_>) {
        self.lines = [site(cx), hall(cx)];
    }

    /// Draws as many lines as there is room for.
    pub fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let area = if area.height > 0 && plant::silence(cx).is_some() {
            let words = plant::silence(cx).unwrap_or_default();
            let line = format!("{}2 {words}", b.glyphs.alarm(2));
            b.on(area, buf).text((area.x + 1, area.y), &line, b.style(Scope::AlarmP2));
            Rect { y: area.y + 1, height: area.height - 1, ..area }
        } else {
            area
        };
        for (y, line) in (area.y..area.bottom()).zip(&self.lines) {
            let mut x = area.x + 1;
            for (words, priority) in line {
                let room = area.right().saturating_sub(x);
                if text::width(words) as u16 > room && x > area.x + 1 {
                    break;
                }
                let (words, scope) = match priority {
                    0 => (words.clone(), Scope::Text),
                    p => (format!("{}{words}", b.glyphs.alarm(*p)), Scope::alarm(*p)),
                };
                x = b.on(area, buf).text((x, y), &words, b.style(scope)) + 3;
            }
        }
    }
}

fn site(cx: &Context<'_>) -> Vec<(String, u8)> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let mut out = Vec::new();
    let mut add = |point: SitePoint, words: &str| {
        if let Some(v) = f.site(point) {
            let said = plant::quantity(Some(v), point.spec().unit, cx.brush.glyphs.absent);
            out.push((format!("{words} {said}"), limits::site(t, f, point).crossed(v)));
        }
    };
    add(SitePoint::HeatRejection, "heat rejected");
    add(SitePoint::HeatExport, "heat to neighbours");
    add(SitePoint::LiquidSupply, "site supply");
    add(SitePoint::LiquidReturn, "return");
    add(SitePoint::Outdoor, "outside");
    let most = t.plan().grid.heat_export_mw;
    if most > 0.0 {
        for (words, _) in out.iter_mut().filter(|(w, _)| w.starts_with("heat to")) {
            words.push_str(&format!(" of {most} MW"));
        }
    }
    if out.is_empty() { vec![(format!("heat of the site: {NO_SOURCE}"), 0)] } else { out }
}

fn hall(cx: &Context<'_>) -> Vec<(String, u8)> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let Some(id) = cx.selection.hall(t) else { return Vec::new() };
    let mut out = Vec::new();
    let mut add = |point: HallPoint, words: &str| {
        if let Some(v) = f.hall(id, point) {
            let said = plant::quantity(Some(v), point.spec().unit, cx.brush.glyphs.absent);
            out.push((format!("{words} {said}"), limits::hall(t, f, id, point).crossed(v)));
        }
    };
    add(HallPoint::ColdAisle, "cold aisle");
    add(HallPoint::HotAisle, "hot aisle");
    add(HallPoint::DewPoint, "dew point");
    add(HallPoint::Humidity, "humidity");
    add(HallPoint::LiquidSupply, "coolant");
    add(HallPoint::LiquidHeat, "heat to liquid");
    add(HallPoint::AirHeat, "to air");
    let name = &t.hall(id).name;
    if out.is_empty() {
        return vec![(format!("{name} air: {NO_SOURCE}"), 0)];
    }
    out.insert(0, (name.clone(), 0));
    out
}
