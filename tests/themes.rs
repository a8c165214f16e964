//! The colours of every theme, judged in numbers: may a healthy hall be read in any vision, and is
//! an alarm always the first thing seen?
//!
//! Two kinds of display are exempt, because their colours are not ours to choose: themes and
//! terminals without colour, and the 16 named colours. There every alarm carries its shape and its
//! digit and every level its shade, and that is what is checked instead.

#[path = "themes/vision.rs"]
mod vision;

use hallwatch::ui::depth::ColorDepth;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::ramp::Ramp;
use hallwatch::ui::theme::cam02::Ucs;
use hallwatch::ui::theme::color::Rgb;
use hallwatch::ui::theme::{BUILT_IN, Palette, Scope, Theme, Tone};
use ratatui::style::{Color, Modifier};
use vision::Vision;

/// Steps of the ramp that must be told apart side by side.
const APART: usize = 4;
/// Least distance of two such steps.
const STEP_DE: f64 = 10.0;
/// Least distance of any step from any alarm.
const ALARM_DE: f64 = 15.0;
/// Least distance of two alarms.
const BETWEEN_ALARMS_DE: f64 = 12.0;
/// Least distance of a step from an alarm, and of neighbouring steps, in the 256 colours of xterm:
/// the cube is coarse, so less is asked of it than of 24 bits.
const INDEXED_ALARM_DE: f64 = 11.0;
const INDEXED_STEP_DE: f64 = 3.0;
/// Least contrast of text: WCAG 2.2, level AA.
const CONTRAST: f64 = 4.5;

/// The theme files themselves, so that one that nobody registered is found too.
fn files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/themes");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of themes exists")
        .map(|entry| entry.expect("readable").path())
        .map(|p| {
            let name = p.file_stem().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(p).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

fn themes() -> Vec<Theme> {
    let load = |name: &String| {
        let (theme, warnings) = Theme::load(name, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(warnings, [], "{name}");
        theme
    };
    files().iter().map(|(name, _)| load(name)).collect()
}

/// Themes whose colours are ours.
fn coloured() -> Vec<Theme> {
    themes().into_iter().filter(|t| !t.mono).collect()
}

fn rgb(color: Option<Color>) -> Rgb {
    match color {
        Some(Color::Rgb(r, g, b)) => Rgb(r, g, b),
        Some(Color::Indexed(i)) => Rgb::of_index(i),
        other => panic!("{other:?} is no colour of ours"),
    }
}

/// The colours that alarms have on a heatmap.
fn alarms(palette: &Palette) -> Vec<Rgb> {
    (1..=4).map(|p| rgb(Some(palette.paint(Tone::alarm(p).expect("an alarm")).color))).collect()
}

fn levels(palette: &Palette, tone: fn(u8) -> Tone) -> Vec<Rgb> {
    let mut levels: Vec<Rgb> = (0..16).map(|l| rgb(Some(palette.paint(tone(l)).color))).collect();
    levels.dedup();
    levels
}

fn seen(colors: &[Rgb], vision: Vision) -> Vec<Ucs> {
    colors.iter().map(|c| Ucs::from(vision.sees(*c))).collect()
}

/// Smallest distance between two lists, or within one.
fn least(pairs: impl Iterator<Item = (Ucs, Ucs)>) -> f64 {
    pairs.map(|(a, b)| a.distance(b)).fold(f64::MAX, f64::min)
}

fn every_pair<'a>(a: &'a [Ucs], b: &'a [Ucs]) -> impl Iterator<Item = (Ucs, Ucs)> + 'a {
    a.iter().flat_map(move |x| b.iter().map(move |y| (*x, *y)))
}

fn pairs_within(a: &[Ucs]) -> impl Iterator<Item = (Ucs, Ucs)> + '_ {
    (0..a.len()).flat_map(move |i| (0..i).map(move |j| (a[i], a[j])))
}

/// One line per theme, ramp and vision: what was measured.
fn check_ramp(theme: &Theme, name: &str, ramp: &Ramp, alarms: &[Rgb]) {
    let levels = ramp.levels();
    for vision in Vision::ALL {
        let what = format!("{} {name} {vision:?}", theme.name);
        let steps = seen(&levels, vision);
        let rising = steps[15].j > steps[0].j;
        let monotone = steps.windows(2).all(|w| (w[1].j > w[0].j) == rising && w[1].j != w[0].j);
        assert!(monotone, "{what}: lightness is not monotone");
        let apart = least((APART..16).map(|i| (steps[i - APART], steps[i])));
        let alarm = least(every_pair(&steps, &seen(alarms, vision)));
        println!("{what}: steps {apart:.1}, to alarms {alarm:.1}");
        assert!(apart >= STEP_DE, "{what}: 4th steps are only {apart:.1} apart");
        assert!(alarm >= ALARM_DE, "{what}: a step is only {alarm:.1} from an alarm");
    }
}

#[test]
fn every_file_in_the_folder_is_a_built_in_theme() {
    let mut names: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
    names.sort_unstable();
    assert_eq!(files().iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), names);
    for (name, text) in files() {
        assert!(BUILT_IN.contains(&(name.as_str(), text.as_str())), "{name} is not what was built in");
    }
}

#[test]
fn ramps_are_monotone_distinct_and_far_from_alarms_in_every_vision() {
    for theme in coloured() {
        let alarms = alarms(&theme.resolve(ColorDepth::TrueColor));
        check_ramp(&theme, "ramp", &theme.ramp, &alarms);
        check_ramp(&theme, "age", &theme.age, &alarms);
    }
}

#[test]
fn alarms_are_told_apart_in_every_vision() {
    for theme in coloured() {
        let alarms = alarms(&theme.resolve(ColorDepth::TrueColor));
        for vision in Vision::ALL {
            let d = least(pairs_within(&seen(&alarms, vision)));
            println!("{} {vision:?}: alarms {d:.1} apart", theme.name);
            assert!(d >= BETWEEN_ALARMS_DE, "{} {vision:?}: alarms only {d:.1} apart", theme.name);
        }
    }
}

#[test]
fn categories_and_qualities_are_never_taken_for_an_alarm() {
    for theme in coloured() {
        let palette = theme.resolve(ColorDepth::TrueColor);
        let paint = |t: Tone| rgb(Some(palette.paint(t).color));
        let mut calm: Vec<Rgb> =
            (0..=theme.categories.len() as u16).map(|s| paint(Tone::category(s))).collect();
        calm.extend([Tone::STALE, Tone::LOST, Tone::OK, Tone::MAINTENANCE, Tone::NONE].map(paint));
        for vision in Vision::ALL {
            let d = least(every_pair(&seen(&calm, vision), &seen(&alarms(&palette), vision)));
            println!("{} {vision:?}: calm colours {d:.1} from alarms", theme.name);
            assert!(d >= ALARM_DE, "{} {vision:?}: {d:.1}", theme.name);
        }
    }
}

#[test]
fn categories_are_told_apart_in_every_vision() {
    for theme in coloured() {
        let palette = theme.resolve(ColorDepth::TrueColor);
        let colors: Vec<Rgb> = (0..=theme.categories.len() as u16)
            .map(|s| rgb(Some(palette.paint(Tone::category(s)).color)))
            .collect();
        for vision in Vision::ALL {
            let d = least(pairs_within(&seen(&colors, vision)));
            println!("{} {vision:?}: categories {d:.1} apart", theme.name);
            assert!(d >= 8.0, "{} {vision:?}: categories only {d:.1} apart", theme.name);
        }
    }
}

#[test]
fn all_text_can_be_read() {
    // Decoration that carries no meaning: lines, and colours that fill and bear no letters.
    let decoration = [Scope::Line, Scope::BandOutside, Scope::ChartBand, Scope::HealthOk, Scope::Idle];
    for theme in coloured() {
        for depth in [ColorDepth::TrueColor, ColorDepth::Indexed256] {
            let palette = theme.resolve(depth);
            for (scope, name) in Scope::ALL.into_iter().filter(|(s, _)| !decoration.contains(s)) {
                let style = palette.style(scope);
                let contrast = rgb(style.fg).contrast(rgb(style.bg));
                assert!(contrast >= CONTRAST, "{} {depth:?} {name}: {contrast:.2}", theme.name);
            }
        }
    }
}

#[test]
fn glyphs_on_pixels_can_be_read() {
    for theme in coloured() {
        for depth in [ColorDepth::TrueColor, ColorDepth::Indexed256] {
            let palette = theme.resolve(depth);
            for tone in (0..16).map(Tone::level).chain([Tone::STALE, Tone::LOST, Tone::MAINTENANCE]) {
                let paint = palette.paint(tone);
                let contrast = rgb(Some(paint.ink)).contrast(rgb(Some(paint.color)));
                assert!(contrast >= CONTRAST, "{} {depth:?} {tone:?}: {contrast:.2}", theme.name);
            }
        }
    }
}

#[test]
fn zero_is_seen_on_the_ground_in_every_vision() {
    for theme in coloured() {
        for depth in [ColorDepth::TrueColor, ColorDepth::Indexed256] {
            let palette = theme.resolve(depth);
            let ground = [rgb(palette.style(Scope::Text).bg)];
            let lowest = [Tone::level(0), Tone::age(0), Tone::IDLE, Tone::OK]
                .map(|t| rgb(Some(palette.paint(t).color)));
            for vision in Vision::ALL {
                let d = least(every_pair(&seen(&lowest, vision), &seen(&ground, vision)));
                println!("{} {depth:?} {vision:?}: lowest level {d:.1} from the ground", theme.name);
                assert!(
                    d >= 3.0,
                    "{} {depth:?} {vision:?}: the lowest level is {d:.1} from the ground",
                    theme.name
                );
            }
        }
    }
}

#[test]
fn stale_and_lost_never_look_like_a_value_beside_them() {
    for theme in coloured() {
        let palette = theme.resolve(ColorDepth::TrueColor);
        for tone in [Tone::STALE, Tone::LOST] {
            assert!(tone.is_hatched(), "drawn as a glyph, not as a colour");
            assert!(palette.paint(tone).color != palette.paint(Tone::level(0)).color, "{}", theme.name);
        }
    }
}

#[test]
fn indexed_ramps_keep_eight_distinct_monotone_levels_far_from_alarms() {
    for theme in coloured() {
        let palette = theme.resolve(ColorDepth::Indexed256);
        let alarms = alarms(&palette);
        for (name, tone) in [("ramp", Tone::level as fn(u8) -> Tone), ("age", Tone::age)] {
            let levels = levels(&palette, tone);
            assert_eq!(levels.len(), 8, "{} {name}", theme.name);
            for vision in Vision::ALL {
                let steps = seen(&levels, vision);
                let rising = steps[7].j > steps[0].j;
                let monotone = steps.windows(2).all(|w| (w[1].j > w[0].j) == rising);
                let d = least(every_pair(&steps, &seen(&alarms, vision)));
                println!("{} {name} 256 {vision:?}: to alarms {d:.1}, monotone {monotone}", theme.name);
                assert!(d >= INDEXED_ALARM_DE, "{} {name} 256 {vision:?}: {d:.1} from an alarm", theme.name);
                assert!(monotone, "{} {name} 256 {vision:?}: lightness is not monotone", theme.name);
                let near = least(steps.windows(2).map(|w| (w[0], w[1])));
                assert!(
                    near >= INDEXED_STEP_DE,
                    "{} {name} 256 {vision:?}: neighbours {near:.1}",
                    theme.name
                );
            }
        }
        let four: std::collections::HashSet<Rgb> = alarms.into_iter().collect();
        assert_eq!(four.len(), 4, "{}", theme.name);
    }
}

#[test]
fn without_colours_of_ours_shape_and_attributes_carry_the_meaning() {
    for theme in themes() {
        for depth in [ColorDepth::Mono, ColorDepth::Ansi16] {
            let palette = theme.resolve(depth);
            assert!(!palette.is_solid());
            for glyphs in [Glyphs::UNICODE, Glyphs::CONSOLE, Glyphs::ASCII] {
                let mut seen = std::collections::HashSet::new();
                let tones = (1..=4).filter_map(Tone::alarm).chain([Tone::STALE, Tone::LOST, Tone::NONE]);
                for tone in tones.chain([0, 4, 7, 10, 15].map(Tone::level)) {
                    let c = glyphs.shape(palette.paint(tone).shape);
                    assert!(seen.insert(c), "{} {depth:?}: `{c}` means two things", theme.name);
                }
            }
            for scope in [Scope::Selection, Scope::Cursor, Scope::Banner, Scope::BadgeP1] {
                let modifier = palette.style(scope).add_modifier;
                assert!(modifier.contains(Modifier::REVERSED), "{} {depth:?} {scope:?}", theme.name);
            }
        }
    }
}
