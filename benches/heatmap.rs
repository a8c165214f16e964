//! The heatmap of one hall of 12,672 GPUs at 200x60: layout, levels and drawing.
//!
//! `cargo bench --bench heatmap`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallwatch::model::id::{Asset, HallId};
use hallwatch::model::{Column, Metric, Topology};
use hallwatch::ui::depth::ColorDepth;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::theme::Theme;
use hallwatch::ui::widget::Brush;
use hallwatch::ui::widget::heatmap::{Heatmap, Input, Layout, LevelMap, Zoom};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Two frames of noise, so that an update has something to change.
fn columns(metric: Metric, gpus: usize) -> [Column; 2] {
    let mut state = 7u64;
    [(); 2].map(|()| {
        let raw: Vec<u16> = (0..gpus)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                metric.encode((state >> 33) as f32 % metric.spec().range.1)
            })
            .collect();
        Column::from_raw(metric, raw.into_iter())
    })
}

fn hall(c: &mut Criterion) {
    let topology = Topology::default_site();
    let hall = Asset::Hall(HallId(0));
    let area = Rect::new(0, 0, 200, 60);
    let gpus = topology.gpu_count();
    let (quality, exceptions) = (vec![0; gpus], vec![0; gpus]);
    let palette = Theme::default_theme().resolve(ColorDepth::TrueColor);
    let brush = Brush { palette: &palette, glyphs: &Glyphs::UNICODE };
    let layout = Layout::fit(&topology, hall, (200, 60), Zoom::Fit);
    assert_eq!((layout.pixel_count(), layout.gpus_per_pixel()), (12_672, 1));

    for metric in [Metric::Util, Metric::Power] {
        let columns = columns(metric, gpus);
        let input = |i: usize| Input {
            metric,
            column: &columns[i % 2],
            quality: &quality,
            exceptions: &exceptions,
            range: None,
        };
        let (mut map, mut turn) = (LevelMap::new(), 0);
        c.bench_function(&format!("levels {} 12672 GPUs", metric.spec().name), |b| {
            b.iter(|| {
                turn += 1;
                black_box(map.update(&layout, &input(turn)))
            });
        });
        // As in a session, every frame starts from an empty buffer.
        let empty = || Buffer::empty(area);
        c.bench_function(&format!("levels + draw {} 12672 GPUs 200x60", metric.spec().name), |b| {
            b.iter_batched_ref(
                empty,
                |buf| {
                    turn += 1;
                    map.update(&layout, &input(turn));
                    let cursor = Some(turn % 12_672);
                    Heatmap { layout: &layout, levels: &map, scroll: (0, 0), cursor, lit: &[] }
                        .render(brush, area, buf);
                },
                BatchSize::SmallInput,
            );
        });
        c.bench_function(&format!("draw {} 12672 GPUs 200x60", metric.spec().name), |b| {
            let heatmap = Heatmap { layout: &layout, levels: &map, scroll: (0, 0), cursor: None, lit: &[] };
            b.iter_batched_ref(empty, |buf| heatmap.render(brush, area, buf), BatchSize::SmallInput);
        });
    }
}

fn tiles(c: &mut Criterion) {
    let topology = Topology::default_site();
    let gpus = topology.gpu_count();
    let (quality, exceptions) = (vec![0; gpus], vec![0; gpus]);
    let tiles: Vec<Layout> = (0..topology.halls().len())
        .map(|h| Layout::fit(&topology, Asset::Hall(HallId::new(h)), (46, 8), Zoom::Fit))
        .collect();
    let columns = columns(Metric::Temp, gpus);
    c.bench_function("levels of 8 hall tiles, 100224 GPUs pooled", |b| {
        let mut maps = vec![LevelMap::new(); tiles.len()];
        let input = Input {
            metric: Metric::Temp,
            column: &columns[0],
            quality: &quality,
            exceptions: &exceptions,
            range: None,
        };
        b.iter(|| {
            for (map, tile) in maps.iter_mut().zip(&tiles) {
                black_box(map.update(tile, &input));
            }
        });
    });
}

fn once(c: &mut Criterion) {
    let topology = Topology::default_site();
    let hall = Asset::Hall(HallId(0));
    c.bench_function("layout of a hall at 200x60", |b| {
        b.iter(|| black_box(Layout::fit(&topology, hall, (200, 60), Zoom::Fit)));
    });
    c.bench_function("layout of a hall at 80x24", |b| {
        b.iter(|| black_box(Layout::fit(&topology, hall, (46, 16), Zoom::Fit)));
    });
    c.bench_function("resolve theme for 24 bits", |b| {
        let theme = Theme::default_theme();
        b.iter(|| black_box(theme.resolve(ColorDepth::TrueColor)));
    });
    c.bench_function("resolve theme for 256 colours", |b| {
        let theme = Theme::default_theme();
        b.iter(|| black_box(theme.resolve(ColorDepth::Indexed256)));
    });
}

criterion_group!(benches, hall, tiles, once);
criterion_main!(benches);
