//! What a terminal can do, as far as its environment tells: nothing is asked of the terminal, so
//! nothing can block the first frame.

use crate::ui::depth::ColorDepth;

/// Which characters a terminal can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Glyphs {
    /// ASCII alone: the locale is not UTF-8.
    Ascii,
    /// Also box drawing, half blocks and shades, but no braille (the Linux console's fonts).
    Blocks,
    /// All of Unicode.
    Full,
}

/// What stands between the program and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Between {
    /// Nothing that is known.
    Nothing,
    /// tmux: answers status requests itself, keeps a clipboard of its own.
    Tmux,
    /// GNU screen: paints garbage from 24-bit colours.
    Screen,
    /// mosh: loses dim and strike-through.
    Mosh,
}

/// What a terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Its colours.
    pub depth: ColorDepth,
    /// Its characters.
    pub glyphs: Glyphs,
    /// What stands in between.
    pub between: Between,
    /// Frames may be wrapped into a synchronized update (private mode 2026).
    pub sync: bool,
    /// Frames may end with a status request whose answer paces the next one.
    pub fence: bool,
    /// The title of the window may be set.
    pub title: bool,
}

impl Caps {
    /// What every present-day terminal can do: for headless pictures and tests.
    pub const RICH: Self = Self {
        depth: ColorDepth::TrueColor,
        glyphs: Glyphs::Full,
        between: Between::Nothing,
        sync: true,
        fence: true,
        title: true,
    };

    /// Reads the environment through `env`; `tty`: a terminal is at the other end.
    ///
    /// `NO_COLOR` wins over everything, then `FORCE_COLOR` and `CLICOLOR_FORCE`, then what the
    /// terminal says of itself, with GNU screen never above 256 colours whatever `COLORTERM` says.
    #[must_use]
    pub fn detect(env: &dyn Fn(&str) -> Option<String>, tty: bool) -> Self {
        let env = Env(env);
        let term = env.get("TERM");
        let (console, dumb) = (term == "linux", matches!(term.as_str(), "" | "dumb" | "unknown"));
        let between = between(&env, &term);
        Self {
            depth: depth(&env, &term, tty),
            glyphs: glyphs(&env, console),
            between,
            sync: tty && !console && !dumb && between != Between::Screen,
            fence: tty && !dumb,
            title: tty && !console && !dumb,
        }
    }
}

/// The environment; an unset variable and an empty one are the same.
struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    fn get(&self, name: &str) -> String {
        (self.0)(name).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

fn between(env: &Env<'_>, term: &str) -> Between {
    match () {
        // Inside both, the inner one is unknown: the poorer one decides.
        () if is_screen(env, term) => Between::Screen,
        () if env.has("TMUX") => Between::Tmux,
        // mosh-server leaves no other mark in its children.
        () if env.has("NCURSES_NO_UTF8_ACS") => Between::Mosh,
        () => Between::Nothing,
    }
}

fn is_screen(env: &Env<'_>, term: &str) -> bool {
    env.has("STY") || (term.starts_with("screen") && !env.has("TMUX"))
}

fn glyphs(env: &Env<'_>, console: bool) -> Glyphs {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().map(|n| env.get(n)).find(|v| !v.is_empty());
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    match (locale.contains("utf-8") || locale.contains("utf8"), console) {
        (false, _) => Glyphs::Ascii,
        (true, true) => Glyphs::Blocks,
        (true, false) => Glyphs::Full,
    }
}

fn depth(env: &Env<'_>, term: &str, tty: bool) -> ColorDepth {
    if env.has("NO_COLOR") {
        return ColorDepth::Mono;
    }
    let own = own_depth(env, term);
    match env.get("FORCE_COLOR").to_ascii_lowercase().as_str() {
        "" => {}
        "0" | "false" => return ColorDepth::Mono,
        "2" => return ColorDepth::Indexed256,
        "3" => return limit(env, term, ColorDepth::TrueColor),
        _ => return own.max(ColorDepth::Ansi16),
    }
    if !matches!(env.get("CLICOLOR_FORCE").as_str(), "" | "0") {
        return own.max(ColorDepth::Ansi16);
    }
    if !tty || env.get("CLICOLOR") == "0" { ColorDepth::Mono } else { own }
}

fn limit(env: &Env<'_>, term: &str, depth: ColorDepth) -> ColorDepth {
    if is_screen(env, term) { depth.min(ColorDepth::Indexed256) } else { depth }
}

/// What the terminal says of itself.
fn own_depth(env: &Env<'_>, term: &str) -> ColorDepth {
    /// Terminals whose `TERM` alone promises 24-bit colours.
    const TRUE: [&str; 8] =
        ["xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot", "contour", "rio", "iterm2"];
    /// Terminals without colours.
    const MONO: [&str; 6] = ["vt52", "vt100", "vt102", "vt220", "xterm-mono", "hp"];
    let program = env.get("TERM_PROGRAM");
    let colorterm = env.get("COLORTERM").to_ascii_lowercase();
    let depth = match term {
        "" | "dumb" | "unknown" => ColorDepth::Mono,
        "linux" => ColorDepth::Ansi16,
        _ if MONO.contains(&term) || term.ends_with("-m") => ColorDepth::Mono,
        _ if matches!(colorterm.as_str(), "truecolor" | "24bit") => ColorDepth::TrueColor,
        _ if term.contains("direct") || TRUE.iter().any(|t| term.starts_with(t)) => ColorDepth::TrueColor,
        _ if matches!(program.as_str(), "iTerm.app" | "WezTerm" | "ghostty" | "vscode") => {
            ColorDepth::TrueColor
        }
        _ if env.has("WT_SESSION") => ColorDepth::TrueColor,
        _ if term.contains("256") || program == "Apple_Terminal" => ColorDepth::Indexed256,
        _ => ColorDepth::Ansi16,
    };
    limit(env, term, depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capabilities of an environment written as `NAME=value NAME=value`.
    fn detect(written: &str, tty: bool) -> Caps {
        let env = |name: &str| {
            written
                .split(' ')
                .find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name))
                .map(|(_, v)| v.into())
        };
        Caps::detect(&env, tty)
    }

    #[test]
    fn colour_depth_follows_the_environment() {
        use ColorDepth::{Ansi16, Indexed256, Mono, TrueColor};
        for (env, expected) in [
            ("TERM=xterm-256color", Indexed256),
            ("TERM=xterm-256color COLORTERM=truecolor", TrueColor),
            ("TERM=xterm-256color COLORTERM=24bit", TrueColor),
            ("TERM=xterm-kitty", TrueColor),
            ("TERM=foot-extra", TrueColor),
            ("TERM=xterm-direct", TrueColor),
            ("TERM=xterm WT_SESSION=x", TrueColor),
            ("TERM=xterm", Ansi16),
            ("TERM=rxvt", Ansi16),
            ("TERM=linux", Ansi16),
            ("TERM=linux COLORTERM=truecolor", Ansi16),
            ("TERM=vt100", Mono),
            ("TERM=dumb", Mono),
            ("TERM=dumb COLORTERM=truecolor", Mono),
            ("", Mono),
            ("TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1", Mono),
            ("TERM=xterm-256color NO_COLOR=", Indexed256),
            ("TERM=xterm-256color CLICOLOR=0", Mono),
            ("TERM=xterm-256color FORCE_COLOR=0", Mono),
            ("TERM=xterm FORCE_COLOR=2", Indexed256),
            ("TERM=xterm FORCE_COLOR=3", TrueColor),
            ("TERM=dumb FORCE_COLOR=1", Ansi16),
            ("TERM=dumb CLICOLOR_FORCE=1", Ansi16),
            ("TERM=xterm-256color CLICOLOR_FORCE=0", Indexed256),
            ("TERM=xterm FORCE_COLOR=3 NO_COLOR=1", Mono),
        ] {
            assert_eq!(detect(env, true).depth, expected, "{env}");
        }
    }

    #[test]
    fn gnu_screen_never_gets_24_bit_colours() {
        for env in [
            "TERM=screen COLORTERM=truecolor",
            "TERM=screen.xterm-256color COLORTERM=truecolor",
            "TERM=xterm-256color STY=123.pts-0 COLORTERM=truecolor",
            "TERM=screen-256color STY=123.pts-0 TMUX=/tmp/t,1,0 COLORTERM=truecolor",
            "TERM=screen STY=1 FORCE_COLOR=3",
        ] {
            let caps = detect(env, true);
            assert!(caps.depth <= ColorDepth::Indexed256, "{env}");
            assert_eq!((caps.between, caps.sync), (Between::Screen, false), "{env}");
        }
        let tmux = detect("TERM=screen-256color TMUX=/tmp/t,1,0 COLORTERM=truecolor", true);
        assert_eq!((tmux.depth, tmux.between, tmux.sync), (ColorDepth::TrueColor, Between::Tmux, true));
    }

    #[test]
    fn a_pipe_gets_no_colour_unless_it_is_forced() {
        assert_eq!(detect("TERM=xterm-256color COLORTERM=truecolor", false).depth, ColorDepth::Mono);
        let forced = detect("TERM=xterm-256color COLORTERM=truecolor CLICOLOR_FORCE=1", false);
        assert_eq!(forced.depth, ColorDepth::TrueColor);
        assert!(!forced.sync && !forced.fence && !forced.title);
    }

    #[test]
    fn glyphs_follow_the_first_locale_variable_that_is_set() {
        for (env, expected) in [
            ("TERM=xterm LANG=nb_NO.UTF-8", Glyphs::Full),
            ("TERM=xterm LANG=C.utf8", Glyphs::Full),
            ("TERM=xterm LANG=nb_NO.UTF-8 LC_ALL=C", Glyphs::Ascii),
            ("TERM=xterm LANG=C LC_CTYPE=en_US.UTF-8", Glyphs::Full),
            ("TERM=xterm", Glyphs::Ascii),
            ("TERM=linux LANG=C.UTF-8", Glyphs::Blocks),
        ] {
            assert_eq!(detect(env, true).glyphs, expected, "{env}");
        }
    }

    #[test]
    fn the_console_and_dumb_terminals_are_spared_what_they_do_not_know() {
        let console = detect("TERM=linux LANG=C.UTF-8", true);
        assert!(!console.sync && !console.title && console.fence);
        let dumb = detect("TERM=dumb", true);
        assert!(!dumb.sync && !dumb.title && !dumb.fence);
        assert_eq!(detect("TERM=xterm NCURSES_NO_UTF8_ACS=1", true).between, Between::Mosh);
    }
}
