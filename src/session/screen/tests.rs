//! The emitted bytes, replayed into an independent terminal, must show the buffer.

use std::num::NonZeroU16;

use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::*;

fn parser(size: Size) -> vt100::Parser {
    let side = |n| NonZeroU16::new(n).unwrap();
    vt100::Parser::new(side(size.height), side(size.width), 0)
}

fn rich(width: u16, height: u16) -> Screen {
    Screen::new(Size::new(width, height), Caps::RICH)
}

/// A colour as a terminal distinguishes them; its own foreground and background are two colours.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    OwnFg,
    OwnBg,
    Index(u8),
    Rgb(u8, u8, u8),
}

/// What an eye sees in a cell: two halves, or a glyph.
#[derive(Debug, PartialEq)]
enum Look {
    Halves(Seen, Seen),
    Glyph { text: String, fg: Option<Seen>, bg: Seen, mods: Modifier },
}

/// Attributes that the independent terminal knows.
const KNOWN: Modifier = Modifier::BOLD
    .union(Modifier::DIM)
    .union(Modifier::ITALIC)
    .union(Modifier::UNDERLINED)
    .union(Modifier::REVERSED);

fn look(text: &str, fg: Seen, bg: Seen, mods: Modifier) -> Look {
    let visible = mods & (Modifier::UNDERLINED | Modifier::REVERSED);
    match text {
        " " | "" if visible.is_empty() => Look::Halves(bg, bg),
        "▀" if mods.is_empty() => Look::Halves(fg, bg),
        "▄" if mods.is_empty() => Look::Halves(bg, fg),
        "█" if mods.is_empty() => Look::Halves(fg, fg),
        " " | "" => Look::Glyph { text: " ".into(), fg: Some(fg), bg, mods: visible },
        _ => Look::Glyph { text: text.into(), fg: Some(fg), bg, mods },
    }
}

fn seen(color: Color, own: Seen) -> Seen {
    match color {
        Color::Reset => own,
        Color::Indexed(n) => Seen::Index(n),
        Color::Rgb(r, g, b) => Seen::Rgb(r, g, b),
        named => Seen::Index(NAMED.iter().position(|c| *c == named).unwrap() as u8),
    }
}

fn painted(color: vt100::Color, own: Seen) -> Seen {
    match color {
        vt100::Color::Default => own,
        vt100::Color::Idx(n) => Seen::Index(n),
        vt100::Color::Rgb(r, g, b) => Seen::Rgb(r, g, b),
    }
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// Panics where the terminal does not look like the buffer.
fn assert_shows(parser: &vt100::Parser, buffer: &Buffer) {
    let area = buffer.area;
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let (want, have) = (&buffer[(x, y)], parser.screen().cell(y, x).unwrap());
            let mut text = want.symbol();
            let width = if text.width() == 2 { 2 } else { 1 };
            if width == 2 && x + 1 == area.width {
                text = " ";
            }
            let want =
                look(text, seen(want.fg, Seen::OwnFg), seen(want.bg, Seen::OwnBg), want.modifier & KNOWN);
            let mut mods = Modifier::empty();
            for (on, modifier) in [
                (have.bold(), Modifier::BOLD),
                (have.dim(), Modifier::DIM),
                (have.italic(), Modifier::ITALIC),
                (have.underline(), Modifier::UNDERLINED),
                (have.inverse(), Modifier::REVERSED),
            ] {
                mods.set(modifier, on);
            }
            let (fg, bg) = (painted(have.fgcolor(), Seen::OwnFg), painted(have.bgcolor(), Seen::OwnBg));
            assert_eq!(look(have.contents(), fg, bg, mods), want, "at {x},{y}");
            x += width;
        }
    }
}

fn color() -> impl Strategy<Value = Color> {
    prop_oneof![
        Just(Color::Reset),
        (0usize..16).prop_map(|n| NAMED[n]),
        (0u8..4).prop_map(|n| Color::Indexed(n * 60)),
        (0u8..4).prop_map(|n| Color::Rgb(n * 70, 10, n)),
    ]
}

fn modifier() -> impl Strategy<Value = Modifier> {
    // The independent terminal keeps one of bold and dim: it is never asked for both.
    let one = proptest::sample::select(vec![
        Modifier::empty(),
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::ITALIC,
        Modifier::UNDERLINED,
        Modifier::REVERSED,
        Modifier::CROSSED_OUT,
        Modifier::SLOW_BLINK,
    ]);
    prop_oneof![3 => Just(Modifier::empty()), 1 => (one.clone(), one).prop_map(|(a, b)| {
        let both = a | b;
        if both.contains(Modifier::BOLD | Modifier::DIM) { a } else { both }
    })]
}

fn symbol() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        " ", " ", "a", "Z", "~", "▀", "▄", "█", "▀", "▄", "░", "─", "┼", "⣿", "é", "日", "本", "🙂",
        "e\u{301}", "…",
    ])
}

type Put = (u16, u16, &'static str, Color, Color, Modifier);

fn puts() -> impl Strategy<Value = Vec<Put>> {
    proptest::collection::vec((0u16..40, 0u16..12, symbol(), color(), color(), modifier()), 0..200)
}

fn put(buffer: &mut Buffer, puts: &[Put]) {
    for (x, y, symbol, fg, bg, modifier) in puts {
        let style = Style::new().fg(*fg).bg(*bg).add_modifier(*modifier);
        if *x < buffer.area.width && *y < buffer.area.height {
            buffer[(*x, *y)].reset();
            buffer.set_string(*x, *y, symbol, style);
        }
    }
}

proptest! {
    #[test]
    fn the_terminal_shows_every_frame_at_every_size(
        frames in proptest::collection::vec((puts(), proptest::option::weighted(0.2, (1u16..40, 1u16..12))), 1..6),
        sync: bool,
    ) {
        let mut size = Size::new(31, 9);
        let mut screen = Screen::new(size, Caps { sync, ..Caps::RICH });
        let mut terminal = parser(size);
        for (puts, resized) in frames {
            if let Some((width, height)) = resized {
                size = Size::new(width, height);
                screen.resize(size);
                let side = |n| NonZeroU16::new(n).unwrap();
                terminal.set_size(side(height), side(width));
            }
            let mut shown = Buffer::empty(Rect::ZERO);
            let mut out = Vec::new();
            screen.frame(&mut out, |buffer| {
                put(buffer, &puts);
                shown = buffer.clone();
            });
            terminal.process(&out);
            assert_shows(&terminal, &shown);
            let mut again = Vec::new();
            screen.encode(&shown, &mut again);
            prop_assert!(again.is_empty(), "an unchanged frame costs nothing");
        }
    }

    #[test]
    fn many_changes_of_few_styles_are_shown_too(seed: [u8; 32], share in 1u32..100) {
        let mut rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let (mut screen, mut terminal) = (rich(60, 20), parser(Size::new(60, 20)));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 20));
        for _ in 0..4 {
            for cell in &mut buffer.content {
                if rng.next_u32() % 100 < share {
                    let level = |n: u32| Color::Rgb(0, (n % 6) as u8 * 40, 9);
                    cell.set_symbol("▀").set_fg(level(rng.next_u32())).set_bg(level(rng.next_u32()));
                }
            }
            let mut out = Vec::new();
            screen.encode(&buffer, &mut out);
            terminal.process(&out);
            assert_shows(&terminal, &buffer);
        }
    }
}

#[test]
fn the_first_frame_clears_and_the_next_only_changes() {
    let mut screen = rich(20, 3);
    let mut out = Vec::new();
    screen.frame(&mut out, |buffer| buffer.set_string(0, 0, "hello", Style::new()));
    let first = String::from_utf8(std::mem::take(&mut out)).unwrap();
    assert_eq!(first, "\x1b[?2026h\x1b[0m\x1b[2J\x1b[1Hhello\x1b[?2026l");
    screen.frame(&mut out, |buffer| buffer.set_string(0, 0, "hallo", Style::new()));
    assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), "\x1b[1;2Ha");
    screen.frame(&mut out, |buffer| buffer.set_string(0, 0, "hallo", Style::new()));
    assert!(out.is_empty());
    screen.force_repaint();
    screen.frame(&mut out, |buffer| buffer.set_string(0, 0, "hallo", Style::new()));
    assert!(String::from_utf8(out).unwrap().contains("\x1b[2J\x1b[1Hhallo"));
}

#[test]
fn attributes_end_one_by_one_and_never_take_others_with_them() {
    let mut screen =
        Screen::new(Size::new(6, 1), Caps { depth: ColorDepth::Mono, sync: false, ..Caps::RICH });
    let mut out = Vec::new();
    screen.frame(&mut out, |_| {});
    out.clear();
    screen.frame(&mut out, |buffer| {
        let reverse = Style::new().add_modifier(Modifier::REVERSED).fg(Color::Red);
        buffer.set_string(0, 0, "a", reverse);
        buffer.set_string(1, 0, "b", reverse.add_modifier(Modifier::BOLD));
        buffer.set_string(2, 0, "c", reverse.add_modifier(Modifier::DIM));
        buffer.set_string(3, 0, "d", reverse);
        buffer.set_string(4, 0, "e", reverse.add_modifier(Modifier::BOLD | Modifier::DIM));
        buffer.set_string(5, 0, "f", reverse.add_modifier(Modifier::DIM));
    });
    let text = String::from_utf8(out).unwrap();
    let expected = "\x1b[1H\x1b[7ma\x1b[1mb\x1b[22;2mc\x1b[22md\x1b[1;2me\x1b[22;2mf";
    assert_eq!(text, expected, "no colours, reverse stays on, and dim outlives bold");
}

#[test]
fn all_attributes_have_their_numbers() {
    let numbers = [
        (Modifier::CROSSED_OUT, "9"),
        (Modifier::HIDDEN, "8"),
        (Modifier::SLOW_BLINK, "5"),
        (Modifier::RAPID_BLINK, "6"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
    ];
    for (modifier, number) in numbers {
        let mut screen = Screen::new(Size::new(4, 1), Caps { sync: false, ..Caps::RICH });
        let mut out = Vec::new();
        screen.frame(&mut out, |b| b.set_string(0, 0, "x", Style::new().add_modifier(modifier)));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, format!("\x1b[0m\x1b[2J\x1b[1H\x1b[{number}mx"));
    }
}

#[test]
fn colours_are_sent_in_their_own_form() {
    let mut screen = Screen::new(Size::new(9, 1), Caps { sync: false, ..Caps::RICH });
    for (fg, bg, expected) in [
        (Color::Red, Color::LightBlue, "31;104"),
        (Color::White, Color::Black, "97;40"),
        (Color::Indexed(200), Color::Indexed(7), "38;5;200;48;5;7"),
        (Color::Rgb(1, 22, 255), Color::Reset, "38;2;1;22;255"),
    ] {
        screen.force_repaint();
        let mut out = Vec::new();
        screen.frame(&mut out, |b| b.set_string(0, 0, "x", Style::new().fg(fg).bg(bg)));
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with(&format!("\x1b[{expected}mx")), "{text:?}");
    }
}

#[test]
fn foreign_escape_sequences_never_reach_the_terminal() {
    let mut screen = rich(9, 1);
    let mut out = Vec::new();
    screen.frame(&mut out, |b| {
        b[(0, 0)].set_symbol("\x1b]0;owned\x07");
        b[(1, 0)].set_char('\u{9b}');
    });
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("??") && !text.contains("owned") && !text.contains('\u{9b}'));
}

#[test]
fn cells_marked_to_be_skipped_are_left_alone() {
    let mut screen = rich(5, 1);
    let mut out = Vec::new();
    screen.frame(&mut out, |b| b.set_string(0, 0, "abcde", Style::new()));
    out.clear();
    screen.frame(&mut out, |b| {
        b.set_string(0, 0, "vwxyz", Style::new());
        for x in 1..4 {
            b[(x, 0)].set_diff_option(CellDiffOption::Skip);
        }
    });
    let mut terminal = parser(Size::new(5, 1));
    terminal.process(b"abcde");
    terminal.process(&out);
    assert_eq!(terminal.screen().contents(), "vbcdz");
}

#[test]
fn buffers_of_another_size_are_cut_or_filled() {
    let mut screen = rich(6, 2);
    let mut out = Vec::new();
    screen.encode(&Buffer::with_lines(["abcdefghij", "klmnopqrst", "uvwxyz"]), &mut out);
    screen.encode(&Buffer::with_lines(["xy"]), &mut out);
    let mut terminal = parser(Size::new(6, 2));
    terminal.process(&out);
    assert_eq!(terminal.screen().contents().trim_end(), "xy");
}

#[test]
fn too_many_clusters_only_cost_a_repaint() {
    let (mut screen, mut terminal) = (rich(40, 40), parser(Size::new(40, 40)));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 40));
    for round in 0..4u32 {
        for (index, cell) in (0u32..).zip(&mut buffer.content) {
            let base = char::from_u32(0x3b1 + (index + round) % 20).unwrap();
            let accents = [0x300 + index / 20 % 100, 0x300 + round].map(|c| char::from_u32(c).unwrap());
            cell.set_symbol(&format!("{base}{}{}", accents[0], accents[1]));
        }
        let mut out = Vec::new();
        screen.encode(&buffer, &mut out);
        terminal.process(&out);
        assert_shows(&terminal, &buffer);
    }
}

#[test]
fn an_absurd_size_is_cut() {
    let screen = rich(u16::MAX, 3);
    assert_eq!(screen.size(), Size::new(MAX_SIDE, 3));
    let mut none = rich(0, 0);
    let mut out = Vec::new();
    none.frame(&mut out, |_| {});
    none.frame(&mut out, |_| {});
}
