//! Values of the nodes around the GPUs: processor, memory, load, uptime, InfiniBand ports. On a
//! site without GPUs they are all there is to see.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::batch::NodeReading;
use crate::model::{Asset, Timestamp, TrayId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::table::{Column, Field, Table};

/// The values of a node that are known: what, and how much.
#[must_use]
pub fn facts(cx: &Context<'_>, tray: TrayId) -> Vec<(&'static str, String)> {
    cx.snapshot.inventory.node(tray).map_or_else(Vec::new, |n| values(n, cx.frame.time))
}

fn values(node: &NodeReading, now: Timestamp) -> Vec<(&'static str, String)> {
    let NodeReading { cpu, memory, load1, boot_time, ib_ports } = *node;
    let mut out = Vec::new();
    let mut known = |label, value: f64, unit: &str, decimals: usize| {
        if value.is_finite() {
            out.push((label, format!("{}{unit}", text::decimal(value, decimals))));
        }
    };
    known("CPU", cpu.into(), " %", 0);
    known("RAM", memory.into(), " %", 0);
    known("load", load1.into(), "", 1);
    if boot_time.is_finite() && boot_time > 0.0 {
        out.push(("up", text::age(now.since(Timestamp((boot_time * 1000.0) as i64)))));
    }
    if ib_ports.1 > 0 {
        out.push(("IB ports", format!("{} of {} active", ib_ports.0, ib_ports.1)));
    }
    out
}

/// One line of all values, such as `CPU 12 %  RAM 40 %  load 0.4`.
#[must_use]
pub fn line(cx: &Context<'_>, tray: TrayId) -> String {
    facts(cx, tray).into_iter().map(|(label, v)| format!("{label} {v}")).collect::<Vec<_>>().join("  ")
}

/// Draws the nodes of `asset` as a table: for sites that have hosts and no GPUs.
pub fn table(cx: &Context<'_>, asset: Asset, area: Rect, buf: &mut Buffer) {
    let t = cx.topology();
    let trays: Vec<TrayId> = match asset {
        Asset::Hall(h) => t.hall(h).trays.iter().map(TrayId).collect(),
        _ => (0..t.trays().len()).map(TrayId::new).collect(),
    };
    let text = "No host has reported a GPU. Values of the nodes:";
    cx.brush.on(area, buf).text((area.x + 1, area.y), text, cx.brush.style(Scope::TextDim));
    let columns = [
        Column::text("HOST", 28).growing(),
        Column::number("CPU", 7),
        Column::number("RAM", 7),
        Column::number("load", 7),
        Column::number("up", 12),
        Column::text("IB ports", 18).rank(1),
    ];
    let row = |i: usize| {
        let known = facts(cx, trays[i]);
        let value = |name: &str| {
            let found = known.iter().find(|(label, _)| *label == name);
            found.map_or_else(|| cx.brush.glyphs.absent.to_string(), |(_, v)| v.clone())
        };
        let mut fields = vec![Field::from(t.tray(trays[i]).host.clone())];
        fields.extend(["CPU", "RAM", "load", "up", "IB ports"].map(|n| Field::from(value(n))));
        fields
    };
    let table =
        Table { columns: &columns, rows: trays.len(), row: &row, selected: None, offset: 0, headings: true };
    let below = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    table.render(cx.brush, below, buf);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_left_out_and_zero_is_kept() {
        let node = NodeReading { cpu: 0.0, load1: 1.25, boot_time: 100.0, ..NodeReading::default() };
        let shown = values(&node, Timestamp::from_secs(160));
        let expected = [("CPU", "0 %"), ("load", "1.2"), ("up", "60 s")].map(|(l, v)| (l, v.to_owned()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn ports_are_counted_out_of_all() {
        let node = NodeReading { ib_ports: (3, 4), ..NodeReading::default() };
        assert_eq!(values(&node, Timestamp::from_secs(0)), [("IB ports", "3 of 4 active".to_owned())]);
    }
}
