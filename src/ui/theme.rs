//! Themes: TOML files of colours with inheritance, checked when they are read and resolved once
//! for the colours that a terminal can show.
//!
//! ```toml
//! inherits = "default"          # another theme; what is not said here comes from there
//! kind = "dark"                 # or "light"
//! colors = "all"                # or "mono": never use colour
//!
//! [palette]
//! night = "#101418"
//!
//! [styles]                      # a colour, or a table; see scope::Scope for the names
//! "text" = { fg = "#c3c7cc", bg = "night" }
//! "text.strong" = { fg = "#ffffff", bold = true }
//!
//! [ramp]
//! stops = ["#0c1626", "#7fb5a5"]        # low end first, at least two
//! age = ["#1c1d20", "#9a9ca0"]          # the ramp of ages
//! categories = ["#7073ae", "#613200"]   # jobs and tenants
//! ```

pub mod cam02;
pub mod color;
mod fallback;
pub mod palette;
mod parse;
pub mod scope;
pub mod tone;

use ratatui::style::Modifier;
use thiserror::Error;

use crate::model::text;
use crate::ui::depth::ColorDepth;
use crate::ui::ramp::Ramp;
use crate::ui::theme::color::Rgb;
use crate::ui::theme::parse::{Item, Layer};
use crate::ui::theme::scope::COUNT;

pub use palette::Palette;
pub use parse::Warning;
pub use scope::Scope;
pub use tone::Tone;

/// The themes that are built in: name and text.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("default", include_str!("../../themes/default.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("grey", include_str!("../../themes/grey.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// A theme that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThemeError {
    /// No theme has this name.
    #[error("no theme is named `{name}`: {hint}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest one, or all of them.
        hint: String,
    },
    /// The file is not TOML.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A theme inherits itself.
    #[error("themes inherit each other in a circle: {chain}")]
    Cycle {
        /// The themes, in order, joined by arrows.
        chain: String,
    },
}

/// Does the theme draw on a dark or on a light ground?
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ground {
    /// Light letters on a dark ground.
    #[default]
    Dark,
    /// Dark letters on a light ground.
    Light,
}

/// The style of one scope, before it is resolved for a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StyleSpec {
    /// Colour of the letters; none: that of the text.
    pub fg: Option<Rgb>,
    /// Colour of the ground; none: that of the text.
    pub bg: Option<Rgb>,
    /// Bold, reverse, underline, dim.
    pub modifier: Modifier,
}

/// A theme, complete and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// Ground it draws on.
    pub ground: Ground,
    /// True when it uses no colour on any terminal.
    pub mono: bool,
    /// The ramp of values.
    pub ramp: Ramp,
    /// The ramp of ages.
    pub age: Ramp,
    /// Hues of jobs and tenants; never empty.
    pub categories: Vec<Rgb>,
    styles: [StyleSpec; COUNT],
}

impl Theme {
    /// Names of the built-in themes and of those in `sources`.
    pub fn names<'a>(sources: &'a [(&'a str, &'a str)]) -> Vec<&'a str> {
        let mut names: Vec<&str> = sources.iter().map(|(file, _)| stem(file)).collect();
        names.extend(BUILT_IN.iter().map(|(n, _)| *n));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The theme `name`. `sources` are files that override and add to the built-in themes: path
    /// or name of the file, and its text. A file may inherit the built-in theme of its own name.
    ///
    /// # Errors
    /// Unknown names, files that are not TOML and circles of `inherits`. Anything smaller is a
    /// warning, and the theme loads without that entry.
    pub fn load(name: &str, sources: &[(&str, &str)]) -> Result<(Self, Vec<Warning>), ThemeError> {
        let mut layers = chain(name, sources)?;
        let mut warnings: Vec<Warning> = layers.iter_mut().flat_map(|l| l.warnings.drain(..)).collect();
        layers.reverse();
        let theme = Build::new(&layers, &mut warnings).theme(name);
        Ok((theme, warnings))
    }

    /// The default theme.
    #[must_use]
    pub fn default_theme() -> Self {
        Self::load("default", &[]).expect("the built-in themes are tested").0
    }

    /// The style of a scope as the theme says it.
    #[must_use]
    pub const fn style(&self, scope: Scope) -> StyleSpec {
        self.styles[scope as usize]
    }

    /// All styles for a terminal of this depth.
    #[must_use]
    pub fn resolve(&self, depth: ColorDepth) -> Palette {
        Palette::new(self, if self.mono { ColorDepth::Mono } else { depth })
    }
}

/// The name of a theme from the path of its file.
fn stem(file: &str) -> &str {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    base.strip_suffix(".toml").unwrap_or(base)
}

/// The layers of a theme: its own first, the root last.
fn chain(name: &str, sources: &[(&str, &str)]) -> Result<Vec<Layer>, ThemeError> {
    let all: Vec<(&str, &str)> = sources.iter().copied().chain(BUILT_IN).collect();
    let find = |name: &str, from: usize| (from..all.len()).find(|i| stem(all[*i].0) == name);
    let mut layers = Vec::new();
    let mut seen: Vec<usize> = Vec::new();
    let mut next = Some((name.to_owned(), 0));
    while let Some((name, from)) = next {
        let Some(at) = find(&name, from).or_else(|| find(&name, 0)) else {
            return Err(unknown(&name, sources));
        };
        if seen.contains(&at) {
            let mut names: Vec<_> = seen.iter().map(|i| stem(all[*i].0)).collect();
            names.push(stem(all[at].0));
            return Err(ThemeError::Cycle { chain: text::clean(&names.join(" → ")) });
        }
        seen.push(at);
        let layer = parse::parse(&text::clean(all[at].0), all[at].1)?;
        next = layer.inherits.clone().map(|parent| {
            // Built-in themes stand on built-in themes, whatever files are called.
            let built_in = if at < sources.len() { 0 } else { sources.len() };
            let from = if parent == stem(all[at].0) { at + 1 } else { built_in };
            (parent, from)
        });
        // A root that is no built-in may be incomplete: the default theme stands below it.
        if next.is_none() && at < sources.len() {
            next = Some((String::from("default"), sources.len()));
        }
        layers.push(layer);
    }
    Ok(layers)
}

fn unknown(name: &str, sources: &[(&str, &str)]) -> ThemeError {
    let names = Theme::names(sources);
    let hint = text::nearest(name, names.iter().copied())
        .map_or_else(|| format!("there are {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
    ThemeError::Unknown { name: text::clean(name), hint }
}

/// Lays the layers over each other, root first.
struct Build<'a> {
    layers: &'a [Layer],
    palette: Vec<(&'a str, Rgb)>,
    warnings: &'a mut Vec<Warning>,
}

impl<'a> Build<'a> {
    fn new(layers: &'a [Layer], warnings: &'a mut Vec<Warning>) -> Self {
        let mut palette: Vec<(&str, Rgb)> = Vec::new();
        for item in layers.iter().flat_map(|l| &l.palette) {
            match Rgb::parse(&item.value) {
                Some(rgb) => match palette.iter_mut().find(|(n, _)| *n == item.key) {
                    Some(entry) => entry.1 = rgb,
                    None => palette.push((&item.key, rgb)),
                },
                None => warnings.push(item.warning("expected a colour such as \"#12405c\"", None)),
            }
        }
        Self { layers, palette, warnings }
    }

    fn color<T>(&mut self, item: &Item<T>, name: &str) -> Option<Rgb> {
        let known = self.palette.iter().find(|(n, _)| *n == name).map(|(_, rgb)| *rgb);
        known.or_else(|| Rgb::parse(name)).or_else(|| {
            let nearest = text::nearest(name, self.palette.iter().map(|(n, _)| *n));
            let expected = format!("`{}` is neither #rrggbb nor in the palette", text::clean(name));
            self.warnings.push(item.warning(expected, nearest));
            None
        })
    }

    fn word(&mut self, pick: impl Fn(&Layer) -> Option<&Item<String>>, words: [&str; 2]) -> usize {
        let mut found = 0;
        for item in self.layers.iter().filter_map(pick) {
            match words.iter().position(|w| *w == item.value) {
                Some(i) => found = i,
                None => {
                    let expected = format!("expected \"{}\" or \"{}\"", words[0], words[1]);
                    self.warnings.push(item.warning(expected, text::nearest(&item.value, words)));
                }
            }
        }
        found
    }

    fn colors(&mut self, name: &str, least: usize) -> Option<Vec<Rgb>> {
        let mut found = None;
        for item in self.layers.iter().flat_map(|l| &l.ramps).filter(|i| i.key == name) {
            let colors: Vec<Rgb> = item.value.iter().filter_map(|c| self.color(item, c)).collect();
            if colors.len() < least {
                self.warnings.push(item.warning(format!("expected at least {least} colours"), None));
            } else {
                found = Some(colors);
            }
        }
        found
    }

    fn styles(&mut self) -> [StyleSpec; COUNT] {
        let mut styles = [StyleSpec::default(); COUNT];
        for (scope, item) in self.layers.iter().flat_map(|l| &l.styles) {
            let fg = item.value.fg.as_deref().and_then(|c| self.color(item, c));
            let bg = item.value.bg.as_deref().and_then(|c| self.color(item, c));
            styles[*scope as usize] = StyleSpec { fg, bg, modifier: item.value.modifier };
        }
        styles
    }

    fn theme(mut self, name: &str) -> Theme {
        let fallback = || vec![Rgb(0x20, 0x20, 0x20), Rgb(0x90, 0x90, 0x90)];
        let stops = self.colors("stops", 2).unwrap_or_else(fallback);
        let age = self.colors("age", 2).unwrap_or_else(|| stops.clone());
        let categories = self.colors("categories", 1).unwrap_or_else(|| stops.clone());
        let ground = self.word(|l| l.kind.as_ref(), ["dark", "light"]);
        let mono = self.word(|l| l.colors.as_ref(), ["all", "mono"]);
        Theme {
            name: name.to_owned(),
            ground: if ground == 1 { Ground::Light } else { Ground::Dark },
            mono: mono == 1,
            ramp: Ramp::new(stops).expect("at least two stops were asked for"),
            age: Ramp::new(age).expect("at least two stops were asked for"),
            categories,
            styles: self.styles(),
        }
    }
}

#[cfg(test)]
mod tests;
