//! What one frame costs: filling the buffer with a hall map of half blocks in 16 levels, finding
//! what changed, and encoding it. The bytes of a frame are printed beside the times. The yardstick
//! is what ratatui's own backend for crossterm does with the same pictures.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::style::{Color as Shade, Colors, Print, SetColors};
use hallwatch::session::caps::Caps;
use hallwatch::session::screen::Screen;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;

/// A small generator (xorshift): the maps must be the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn level(number: u64) -> Color {
    let n = u8::try_from(number).unwrap_or(0);
    Color::Rgb(12 + 7 * n, 22 + 10 * n, 38 + 8 * n)
}

fn paint(buffer: &mut Buffer, map: &[(Color, Color)]) {
    for (cell, (upper, lower)) in buffer.content.iter_mut().zip(map) {
        cell.set_symbol("▀").set_fg(*upper).set_bg(*lower);
    }
}

/// Two maps that differ in `percent` of their cells.
fn maps(cells: usize, percent: u64, dice: &mut Dice) -> [Vec<(Color, Color)>; 2] {
    let mut pair = || (level(dice.roll(16)), level(dice.roll(16)));
    let first: Vec<_> = (0..cells).map(|_| pair()).collect();
    let second: Vec<_> = (0..cells).map(|_| pair()).collect();
    let second =
        first.iter().zip(second).map(|(a, b)| if dice.roll(100) < percent { b } else { *a }).collect();
    [first, second]
}

/// The shortest of many runs: what the work costs where other programs do not disturb it.
fn fastest(mut work: impl FnMut(usize)) -> Duration {
    let run = |turn| {
        let start = Instant::now();
        work(turn);
        start.elapsed()
    };
    (0..2000).map(run).min().unwrap_or_default()
}

const fn shade(color: Color) -> Shade {
    match color {
        Color::Rgb(r, g, b) => Shade::Rgb { r, g, b },
        _ => Shade::Reset,
    }
}

/// The difference of two pictures as `ratatui::Terminal` finds it, sent as its crossterm backend
/// does: cell by cell, both colours when either changes, a reset at the end.
fn yardstick(before: &Buffer, after: &Buffer, out: &mut Vec<u8>) {
    let mut at = None;
    let mut colors = (Color::Reset, Color::Reset);
    for (x, y, cell) in before.diff(after) {
        if at != Some((x, y)) {
            queue!(out, MoveTo(x, y)).expect("memory can be written");
        }
        at = Some((x + 1, y));
        if colors != (cell.fg, cell.bg) {
            let both = Colors::new(shade(cell.fg), shade(cell.bg));
            queue!(out, SetColors(both)).expect("memory can be written");
            colors = (cell.fg, cell.bg);
        }
        queue!(out, Print(cell.symbol())).expect("memory can be written");
    }
    let reset = Colors::new(Shade::Reset, Shade::Reset);
    queue!(out, SetColors(reset), crossterm::style::SetAttribute(crossterm::style::Attribute::Reset))
        .expect("memory can be written");
}

fn frames(criterion: &mut Criterion) {
    for (width, height) in [(200u16, 60u16), (400, 120)] {
        let mut group = criterion.benchmark_group(format!("{width}x{height}"));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for percent in [0, 10, 30, 60, 100] {
            let maps =
                maps(usize::from(width) * usize::from(height), percent, &mut Dice(88_172_645_463_325_252));
            let mut out = Vec::with_capacity(1 << 20);
            let mut screen = Screen::new(Size::new(width, height), Caps::RICH);
            let mut turn = 0;
            screen.frame(&mut out, |buffer| paint(buffer, &maps[1]));
            group.bench_function(BenchmarkId::new("draw+diff+encode", percent), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    screen.frame(&mut out, |buffer| paint(buffer, &maps[turn % 2]));
                    turn += 1;
                    black_box(out.len())
                });
            });
            let buffers = maps.map(|map| {
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                paint(&mut buffer, &map);
                buffer
            });
            group.bench_function(BenchmarkId::new("diff+encode", percent), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    screen.encode(&buffers[turn % 2], &mut out);
                    turn += 1;
                    black_box(out.len())
                });
            });
            let bytes = out.len();
            let best = fastest(|turn| {
                out.clear();
                screen.encode(&buffers[turn % 2], &mut out);
            });
            group.bench_function(
                BenchmarkId::new("yardstick: ratatui diff, crossterm encode", percent),
                |b| {
                    b.iter(|| {
                        out.clear();
                        yardstick(&buffers[turn % 2], &buffers[(turn + 1) % 2], &mut out);
                        turn += 1;
                        black_box(out.len())
                    });
                },
            );
            println!(
                "{width}x{height}, {percent} % of the cells changed: {bytes} bytes a frame, diff+encode {best:?} at best, yardstick {}",
                out.len()
            );
        }
        group.finish();
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
