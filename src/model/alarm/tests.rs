//! Checks of the table of transitions against the standard, written out a second time.

use super::state::{AlarmState, Facts, Input, TABLE, next};

/// What each state becomes by each input, as ISA-18.2 (2016) draws it: letters of the states, `.`
/// where nothing changes. Columns A to I. The facts of each line stand in front of it.
const STANDARD: &[(&str, Input, &str)] = &[
    ("", Input::Raise, "B..BBB..."),
    ("latching", Input::Clear, ".EF......"),
    ("", Input::Clear, ".DA......"),
    ("", Input::Acknowledge, ".C.AF...."),
    ("", Input::Unacknowledge, "D.B..E..."),
    ("", Input::ReAnnunciate, "..B......"),
    ("", Input::Reset, ".....A..."),
    ("", Input::Shelve, "GGGGGG.G."),
    ("", Input::Unshelve, "......A.."),
    ("active", Input::Unshelve, "......B.."),
    ("latched", Input::Unshelve, "......E.."),
    ("suppressed active", Input::Unshelve, "......H.."),
    ("", Input::Suppress, "HHHHHHH.."),
    ("", Input::Unsuppress, ".......A."),
    ("active", Input::Unsuppress, ".......B."),
    ("latched", Input::Unsuppress, ".......E."),
    ("shelved active", Input::Unsuppress, ".......G."),
    ("", Input::RemoveFromService, "IIIIIIII."),
    ("", Input::ReturnToService, "........A"),
    ("active", Input::ReturnToService, "........B"),
    ("latched", Input::ReturnToService, "........E"),
    ("shelved active", Input::ReturnToService, "........G"),
    ("suppressed shelved active", Input::ReturnToService, "........H"),
];

fn facts(words: &str) -> Facts {
    let has = |w: &str| words.split(' ').any(|x| x == w);
    Facts {
        latching: has("latching"),
        active: has("active"),
        latched: has("latched"),
        shelved: has("shelved"),
        suppressed: has("suppressed"),
    }
}

#[test]
fn table_and_standard_agree_cell_by_cell() {
    for (words, input, line) in STANDARD {
        for (from, cell) in AlarmState::ALL.into_iter().zip(line.chars()) {
            let got = next(from, *input, facts(words)).map_or('.', AlarmState::letter);
            let want = cell;
            assert_eq!(got, want, "{words} {input:?} in {from:?}");
        }
    }
}

#[test]
fn every_input_is_in_the_standard_and_every_row_can_be_reached() {
    for input in Input::ALL {
        assert!(STANDARD.iter().any(|(_, i, _)| *i == input), "{input:?}");
    }
    for row in TABLE {
        let words = ["", "latching", "active", "latched", "shelved", "suppressed"];
        let found = words
            .iter()
            .any(|w| row.when.holds(facts(w)) && next(row.from, row.input, facts(w)) == Some(row.to));
        assert!(found, "{row:?} never applies");
    }
}
