//! Tests of drawing: what stands in which cell, with and without colours.

use ratatui::style::Color;

use super::*;
use crate::model::{Column, GpuId, Metric, Quality, Topology};
use crate::ui::depth::ColorDepth;
use crate::ui::glyph::Glyphs;
use crate::ui::theme::{Palette, Theme};
use crate::ui::widget::heatmap::layout::Zoom;
use crate::ui::widget::heatmap::levels::Input;
use crate::ui::widget::tests::lines;

/// The first row of the default site (8 racks), at one GPU per half cell.
struct Scene {
    layout: Layout,
    map: LevelMap,
}

impl Scene {
    /// Utilization by GPU; GPUs beyond the slices are idle, good and without alarm.
    fn new(values: &[f32], quality: &[(u32, Quality)], alarms: &[(u32, u8)]) -> Self {
        let t = Topology::default_site();
        let row = t.find("H1-R01").expect("exists");
        let layout = Layout::fit(&t, row, (32, 10), Zoom::Gpu);
        assert_eq!(layout.scale(), 1);
        let mut all = vec![0.0; 576];
        all[..values.len()].copy_from_slice(values);
        let raw: Vec<u16> = all.iter().map(|v| Metric::Util.encode(*v)).collect();
        let mut qualities = vec![0; 576];
        quality.iter().for_each(|(g, q)| qualities[*g as usize] = *q as u8);
        let mut exceptions = vec![0; 576];
        alarms.iter().for_each(|(g, p)| exceptions[*g as usize] = *p);
        let column = Column::from_raw(Metric::Util, raw.into_iter());
        let mut map = LevelMap::new();
        let input = Input {
            metric: Metric::Util,
            column: &column,
            quality: &qualities,
            exceptions: &exceptions,
            range: None,
        };
        map.update(&layout, &input);
        Self { layout, map }
    }

    fn draw(&self, palette: &Palette, glyphs: &Glyphs, cursor: Option<u32>) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 32, 10));
        let cursor = cursor.and_then(|g| self.layout.pixel_of(GpuId(g)));
        let heatmap = Heatmap { layout: &self.layout, levels: &self.map, scroll: (0, 0), cursor, lit: &[] };
        heatmap.render(Brush { palette, glyphs }, buf.area, &mut buf);
        buf
    }
}

fn palette(depth: ColorDepth) -> Palette {
    Theme::default_theme().resolve(depth)
}

fn level(p: &Palette, l: u8) -> Color {
    p.paint(Tone::level(l)).color
}

#[test]
fn two_gpus_share_a_cell_upper_and_lower() {
    // GPU 0 is in tray 1 (bottom line, lower half), GPU 4 above it in tray 2 (upper half).
    let mut values = [0.0; 8];
    (values[0], values[4]) = (100.0, 50.0);
    let p = palette(ColorDepth::TrueColor);
    let buf = Scene::new(&values, &[], &[]).draw(&p, &Glyphs::UNICODE, None);
    let cell = &buf[(0, 9)];
    assert_eq!((cell.symbol(), cell.fg, cell.bg), ("▀", level(&p, 8), level(&p, 15)));
    assert_eq!(buf[(1, 9)].fg, level(&p, 0));
    assert!(lines(&buf)[0].starts_with("K1  K2  K3  K4"));
}

#[test]
fn an_alarm_takes_its_half_and_a_whole_cell_of_it_shows_its_digit() {
    let p = palette(ColorDepth::TrueColor);
    let buf = Scene::new(&[], &[], &[(0, 1), (1, 2), (5, 2)]).draw(&p, &Glyphs::UNICODE, None);
    let red = p.paint(Tone::alarm(1).expect("alarm")).color;
    assert_eq!((buf[(0, 9)].symbol(), buf[(0, 9)].bg), ("▀", red));
    let amber = p.paint(Tone::alarm(2).expect("alarm")).color;
    assert_eq!((buf[(1, 9)].symbol(), buf[(1, 9)].bg), ("2", amber));
}

#[test]
fn stale_and_lost_are_glyphs_and_the_other_half_keeps_its_colour() {
    let mut values = [0.0; 8];
    values[4] = 100.0;
    let quality = [(0, Quality::Stale), (1, Quality::Lost), (5, Quality::Lost)];
    let p = palette(ColorDepth::TrueColor);
    let buf = Scene::new(&values, &quality, &[]).draw(&p, &Glyphs::UNICODE, None);
    assert_eq!((buf[(0, 9)].symbol(), buf[(0, 9)].bg), ("?", level(&p, 15)));
    assert_eq!((buf[(1, 9)].symbol(), buf[(1, 9)].bg), ("×", p.paint(Tone::LOST).color));
}

#[test]
fn without_colour_each_cell_is_a_shade_or_a_shape() {
    let mut values = [0.0; 8];
    (values[1], values[2]) = (100.0, 50.0);
    let scene = Scene::new(&values, &[(3, Quality::Stale)], &[(0, 1)]);
    let buf = scene.draw(&palette(ColorDepth::Mono), &Glyphs::UNICODE, None);
    assert!(lines(&buf)[9].starts_with("■█▒?····"), "{}", lines(&buf)[9]);
    assert!(buf.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    let buf = scene.draw(&palette(ColorDepth::Mono), &Glyphs::ASCII, None);
    assert!(lines(&buf)[9].starts_with("1@+?...."), "{}", lines(&buf)[9]);
    let buf = scene.draw(&palette(ColorDepth::Ansi16), &Glyphs::UNICODE, None);
    assert_eq!((buf[(0, 9)].symbol(), buf[(0, 9)].fg), ("■", Color::LightRed));
}

#[test]
fn colour_without_half_blocks_shows_the_worse_half() {
    let p = palette(ColorDepth::TrueColor);
    let mut values = [0.0; 8];
    values[4] = 100.0;
    let buf = Scene::new(&values, &[], &[(1, 3)]).draw(&p, &Glyphs::ASCII, None);
    assert_eq!((buf[(0, 9)].symbol(), buf[(0, 9)].bg), (" ", level(&p, 15)));
    assert_eq!(buf[(1, 9)].symbol(), "3");
}

#[test]
fn the_cursor_is_marked_by_shape_and_hides_no_alarm() {
    let scene = Scene::new(&[], &[], &[(1, 1)]);
    let p = palette(ColorDepth::TrueColor);
    let buf = scene.draw(&p, &Glyphs::UNICODE, Some(2));
    assert_eq!((buf[(1, 9)].symbol(), buf[(3, 9)].symbol()), ("▗", "▖"), "lower half");
    assert_eq!(buf[(1, 9)].bg, p.paint(Tone::alarm(1).expect("alarm")).color);
    let buf = scene.draw(&p, &Glyphs::UNICODE, Some(6));
    assert_eq!((buf[(1, 9)].symbol(), buf[(3, 9)].symbol()), ("▝", "▘"), "upper half");
    let buf = scene.draw(&palette(ColorDepth::Mono), &Glyphs::ASCII, Some(2));
    assert!(lines(&buf)[9].starts_with(".1.]"), "{}", lines(&buf)[9]);
    assert!(buf[(2, 9)].modifier.contains(Modifier::REVERSED));
    let buf = scene.draw(&palette(ColorDepth::Mono), &Glyphs::UNICODE, Some(0));
    assert!(lines(&buf)[9].starts_with("·■·"), "the alarm keeps its place: {}", lines(&buf)[9]);
}

#[test]
fn a_small_area_is_respected_and_scrolled() {
    let scene = Scene::new(&[100.0; 8], &[], &[]);
    let p = palette(ColorDepth::Mono);
    let mut buf = Buffer::empty(Rect::new(0, 0, 10, 5));
    let heatmap = Heatmap {
        layout: &scene.layout,
        levels: &scene.map,
        scroll: (1, 8),
        cursor: scene.layout.pixel_of(GpuId(0)),
        lit: &[],
    };
    heatmap.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, Rect::new(2, 1, 6, 3), &mut buf);
    assert_eq!(lines(&buf), ["          ", "  ······  ", "  ▌██···  ", "          ", "          "]);
    heatmap.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, Rect::new(9, 4, 50, 50), &mut buf);
}

#[test]
fn a_map_without_frame_draws_labels_only() {
    let mut scene = Scene::new(&[], &[], &[]);
    scene.map.reset();
    let buf = scene.draw(&palette(ColorDepth::TrueColor), &Glyphs::UNICODE, Some(3));
    assert!(lines(&buf)[1].trim().is_empty());
}
