//! Tests of loading: inheritance, warnings and errors.

use super::*;

fn load(text: &str) -> (Theme, Vec<Warning>) {
    Theme::load("mine", &[("dir/mine.toml", text)]).expect("loads")
}

#[test]
fn every_built_in_theme_loads_without_a_warning() {
    for (name, _) in BUILT_IN {
        let (theme, warnings) = Theme::load(name, &[]).expect("built in");
        assert_eq!(warnings, [], "{name}");
        assert_eq!(theme.name, name);
        assert!(theme.style(Scope::Text).fg.is_some(), "{name}");
    }
}

#[test]
fn a_theme_changes_what_it_says_and_inherits_the_rest() {
    let (theme, warnings) = load("[palette]\nred = \"#ee0000\"\n[styles]\n\"line\" = \"red\"\n");
    assert_eq!(warnings, []);
    let base = Theme::default_theme();
    assert_eq!(theme.style(Scope::Line).fg, Some(Rgb(0xee, 0, 0)));
    assert_eq!(theme.style(Scope::BadgeP1).bg, Some(Rgb(0xee, 0, 0)), "the palette reaches inherited styles");
    assert_eq!(theme.style(Scope::Text), base.style(Scope::Text));
    assert_eq!(theme.ramp, base.ramp);
}

#[test]
fn a_bad_entry_is_a_warning_with_its_place_and_the_theme_loads() {
    let text = "[palette]\nred = \"crimson\"\n[styles]\n\"text.dmi\" = \"#ffffff\"\n\"line\" = { fg = \"mits\", bodl = true }\n";
    let (theme, warnings) = load(text);
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        said.contains(&"dir/mine.toml:4: `text.dmi`: unknown scope; did you mean `text.dim`?".into()),
        "{said:?}"
    );
    assert!(said.iter().any(|w| w.starts_with("dir/mine.toml:2: `red`: expected a colour")), "{said:?}");
    assert!(said.iter().any(|w| w.contains(":5: `line.bodl`") && w.contains("`bold`")), "{said:?}");
    assert!(
        said.iter().any(|w| w.contains(":5: `line`: `mits` is neither") && w.contains("`mist`")),
        "{said:?}"
    );
    assert_eq!(said.len(), 4);
    assert_eq!(theme.style(Scope::BadgeP1), Theme::default_theme().style(Scope::BadgeP1));
}

#[test]
fn wrong_types_and_words_are_warnings() {
    let text =
        "kind = \"drak\"\ncolors = 5\nramp = 1\nstlyes = {}\n[styles]\ntext = 7\nline = { bold = 1 }\n";
    let (theme, warnings) = load(text);
    assert_eq!(warnings.len(), 6, "{warnings:?}");
    assert!(warnings.iter().any(|w| w.nearest.as_deref() == Some("styles")));
    assert!(warnings.iter().any(|w| w.nearest.as_deref() == Some("dark") && w.line == 1));
    assert_eq!(theme.ground, Ground::Dark);
}

#[test]
fn a_ramp_of_one_colour_keeps_the_inherited_one() {
    let (theme, warnings) = load("[ramp]\nstops = [\"#102030\"]\nstep = []\n");
    assert_eq!(theme.ramp, Theme::default_theme().ramp);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let e = Theme::load("lihgt", &[]).expect_err("no such theme");
    assert_eq!(e.to_string(), "no theme is named `lihgt`: did you mean `light`?");
    let e = Theme::load("mine", &[("mine", "inherits = \"drak\"")]).expect_err("no such parent");
    assert!(e.to_string().contains("`drak`"), "{e}");
}

#[test]
fn a_circle_is_an_error_that_names_it() {
    let sources = [("a.toml", "inherits = \"b\""), ("b.toml", "inherits = \"a\"")];
    let e = Theme::load("a", &sources).expect_err("circle");
    assert_eq!(e.to_string(), "themes inherit each other in a circle: a → b → a");
}

#[test]
fn a_file_may_refine_the_built_in_theme_of_its_name() {
    let sources = [("/x/default.toml", "inherits = \"default\"\n[palette]\nfog = \"#ffffff\"\n")];
    let (theme, warnings) = Theme::load("default", &sources).expect("no circle");
    assert_eq!(warnings, []);
    assert_eq!(theme.style(Scope::Text).fg, Some(Rgb(255, 255, 255)));
    let (grey, _) = Theme::load("grey", &sources).expect("built-in themes stand on their own");
    assert_eq!(grey.style(Scope::Text).fg, Theme::default_theme().style(Scope::Text).fg);
}

#[test]
fn what_is_not_toml_is_an_error_with_its_line() {
    let e = Theme::load("mine", &[("mine.toml", "kind = \"dark\"\n[styles\n")]).expect_err("broken");
    assert!(e.to_string().starts_with("mine.toml:2: "), "{e}");
}

#[test]
fn hostile_text_in_a_file_cannot_reach_the_terminal() {
    let (_, warnings) = load("[styles]\n\"\\u001b[31m\" = \"#ffffff\"\n\"line\" = \"\\u001b]0;x\"\n");
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|w| !w.to_string().contains('\u{1b}')));
}
