//! What bytes mean, and that no bytes do harm.

use proptest::prelude::*;

use super::*;
use crate::ui::key::{Mouse, MouseKind};

fn events(bytes: &[u8]) -> Vec<InputEvent> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(bytes, &mut out);
    out
}

/// The keys of `bytes` in keymap notation, a flush at the end included.
fn keys(bytes: &[u8]) -> String {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(bytes, &mut out);
    if decoder.patience().is_some() {
        decoder.flush(&mut out);
    }
    let names = out.iter().map(|event| match event {
        InputEvent::Key(key) => key.to_string(),
        other => format!("{other:?}"),
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_common_key_is_known_by_its_sequences() {
    let table: [(&[u8], &str); 40] = [
        (b"a", "a"),
        (b"A", "A"),
        ("å".as_bytes(), "å"),
        ("日".as_bytes(), "日"),
        (b" ", "Space"),
        (b"\r", "Enter"),
        (b"\n", "C-j"),
        (b"\t", "Tab"),
        (b"\x7f", "BSpace"),
        (b"\x08", "BSpace"),
        (b"\0", "C-Space"),
        (b"\x03", "C-c"),
        (b"\x1a", "C-z"),
        (b"\x1c", "C-\\"),
        (b"\x1b[A", "Up"),
        (b"\x1bOB", "Down"),
        (b"\x1b[1;5C", "C-Right"),
        (b"\x1b[1;3D", "A-Left"),
        (b"\x1b[1;8D", "C-A-S-Left"),
        (b"\x1b[H", "Home"),
        (b"\x1b[4~", "End"),
        (b"\x1bOF", "End"),
        (b"\x1b[5~", "PgUp"),
        (b"\x1b[6;2~", "S-PgDn"),
        (b"\x1b[3~", "Delete"),
        (b"\x1bOP", "F1"),
        (b"\x1b[[C", "F3"),
        (b"\x1b[1;5R", "C-F3"),
        (b"\x1b[15~", "F5"),
        (b"\x1b[24;3~", "A-F12"),
        (b"\x1b[34~", "F20"),
        (b"\x1b[Z", "S-Tab"),
        (b"\x1bx", "A-x"),
        ("\x1bø".as_bytes(), "A-ø"),
        (b"\x1b\x01", "C-A-a"),
        (b"\x1b\x1b[A", "A-Up"),
        (b"\x1b[97;5u", "C-a"),
        (b"\x1b[27;1;27u", "Esc"),
        (b"\x1b[27;5;9~", "C-Tab"),
        (b"\x1bOM", "Enter"),
    ];
    for (bytes, expected) in table {
        assert_eq!(keys(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_lone_escape_is_the_escape_key_once_nothing_follows() {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(b"\x1b", &mut out);
    assert!(out.is_empty());
    assert_eq!(decoder.patience(), Some(ESCAPE_PATIENCE));
    decoder.flush(&mut out);
    assert_eq!(out, [InputEvent::Key(Key::plain(KeyCode::Esc))]);
    assert_eq!(decoder.patience(), None);
    decoder.feed(b"[A", &mut out);
    assert_eq!(out.len(), 3, "after the flush the rest is ordinary typing");
}

#[test]
fn introducers_alone_are_their_keys_with_alt() {
    assert_eq!(keys(b"\x1b["), "A-[");
    assert_eq!(keys(b"\x1bO"), "A-O");
    assert_eq!(keys(b"\x1b]"), "A-]");
    assert_eq!(keys(b"\x1bP"), "A-P");
    assert_eq!(keys(b"\x1b\x1b"), "Esc Esc", "pressed twice in one read");
    assert_eq!(keys(b"\x1b\x1b\x1b"), "Esc Esc Esc");
    assert_eq!(keys(b"\x1b\x1bx"), "Esc A-x");
}

#[test]
fn a_status_answer_cut_in_two_is_not_typing() {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(b"\x1b[0", &mut out);
    assert_eq!(decoder.patience(), Some(SEQUENCE_PATIENCE), "a slow link may still bring the rest");
    decoder.feed(b"n", &mut out);
    assert_eq!(out, [InputEvent::DeviceStatusOk]);
}

#[test]
fn an_answer_right_behind_the_escape_key_does_not_swallow_it() {
    let escape = InputEvent::Key(Key::plain(KeyCode::Esc));
    assert_eq!(events(b"\x1b\x1b[0n"), [escape.clone(), InputEvent::DeviceStatusOk]);
    assert_eq!(events(b"\x1b\x1b[I"), [escape.clone(), InputEvent::FocusGained]);
    assert_eq!(events(b"\x1b\x1b[200~x\x1b[201~"), [escape, InputEvent::Paste("x".into())]);
    assert_eq!(keys(b"\x1b\x1b]11;rgb\x07q"), "Esc q");
    assert_eq!(keys(b"\x1b\x1b[?1;2cq"), "Esc q");
}

#[test]
fn answers_of_the_terminal_are_swallowed() {
    assert_eq!(keys(b"\x1b[?1;2c\x1b[>41;366;0cq"), "q", "DA1 and DA2");
    assert_eq!(keys(b"\x1bP>|tmux 3.3a\x1b\\q"), "q", "XTVERSION");
    assert_eq!(keys(b"\x1b]11;rgb:0000/0000/0000\x07q"), "q", "OSC with BEL");
    assert_eq!(keys(b"\x1b]10;rgb:ff/ff/ff\x1b\\q"), "q", "OSC with ST");
    assert_eq!(keys(b"\x1b[?2026;2$yq"), "q", "DECRPM");
    assert_eq!(keys(b"\x1b[12;40Rq"), "q", "a cursor position");
    assert_eq!(keys(b"\x1b[3nq"), "q", "a terminal that is not well");
    assert_eq!(keys(b"\x1b[M !!q"), "q", "an X10 mouse report");
    assert_eq!(keys(b"\x1b[97;1:3uq"), "q", "a key that was released");
}

#[test]
fn an_answer_that_never_ends_cannot_swallow_the_keyboard() {
    assert_eq!(keys(b"\x1b]11;rgb\rq"), "Enter q", "Enter ends it");
    assert_eq!(keys(b"\x1bPabc\x03"), "C-c");
    assert_eq!(keys(b"\x1b]abc\x1b[A"), "Up", "and so does a new sequence");
    let mut long = b"\x1b]".to_vec();
    long.extend([b'x'; MAX_STRING + 1]);
    long.push(b'q');
    assert_eq!(keys(&long), "q");
    let mut long = b"\x1b[".to_vec();
    long.extend([b'1'; 10 * MAX_SEQUENCE]);
    long.extend(b"Aq");
    assert_eq!(keys(&long), "q", "an endless sequence is dropped");
}

#[test]
fn pastes_are_bounded_and_harmless() {
    assert_eq!(
        events(b"\x1b[200~one\r\ntwo\tx\x1b[2J\x07\x1b[201~"),
        [InputEvent::Paste("one\ntwo x[2J".into())]
    );
    assert_eq!(events(b"\x1b[200~\x1b\x1b[201~"), [InputEvent::Paste(String::new())]);
    let mut large = b"\x1b[200~".to_vec();
    large.extend(vec![b'x'; MAX_PASTE + 5000]);
    large.extend(b"\x1b[201~q");
    match events(&large).as_slice() {
        [InputEvent::Paste(text), InputEvent::Key(_)] => assert_eq!(text.len(), MAX_PASTE),
        other => panic!("{} events", other.len()),
    }
}

#[test]
fn a_paste_without_an_end_is_delivered_when_it_stands_still() {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(b"\x1b[200~half", &mut out);
    assert_eq!(decoder.patience(), Some(SEQUENCE_PATIENCE));
    decoder.flush(&mut out);
    decoder.feed(b"q", &mut out);
    assert_eq!(out, [InputEvent::Paste("half".into()), InputEvent::Key('q'.into())]);
}

#[test]
fn mouse_and_focus_reports_are_read() {
    let mouse = |kind, column, row| Mouse { kind, column, row, ctrl: false, alt: false, shift: false };
    assert_eq!(events(b"\x1b[<0;1;1M"), [InputEvent::Mouse(mouse(MouseKind::Down(0), 0, 0))]);
    assert_eq!(events(b"\x1b[<2;200;60m"), [InputEvent::Mouse(mouse(MouseKind::Up(2), 199, 59))]);
    assert_eq!(events(b"\x1b[<32;5;6M"), [InputEvent::Mouse(mouse(MouseKind::Drag(0), 4, 5))]);
    assert_eq!(events(b"\x1b[<65;5;6M"), [InputEvent::Mouse(mouse(MouseKind::ScrollDown, 4, 5))]);
    let held = Mouse { ctrl: true, shift: true, ..mouse(MouseKind::ScrollUp, 4, 5) };
    assert_eq!(events(b"\x1b[<84;5;6M"), [InputEvent::Mouse(held)]);
    assert_eq!(events(b"\x1b[<0;0;1M\x1b[<35;1;1M\x1b[<0;99999;1M\x1b[<M"), []);
    assert_eq!(events(b"\x1b[I\x1b[O"), [InputEvent::FocusGained, InputEvent::FocusLost]);
}

#[test]
fn broken_utf8_costs_only_itself() {
    assert_eq!(keys(b"a\xffb\xc3(c\xed\xa0\x80d\xf4\x90\x80\x80e"), "a b ( c d e");
    assert_eq!(keys("x\u{202e}\u{9b}\u{200b}y".as_bytes()), "x y", "what steers a screen is no key");
}

/// Bytes that are likely to mean something.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|b| vec![b]),
        proptest::sample::select(vec![
            "\x1b",
            "\x1b[",
            "\x1bO",
            "\x1b]",
            "\x1bP",
            "\x1b\\",
            "\x1b[200~",
            "\x1b[201~",
            "\x1b[<",
            ";",
            ":",
            "0n",
            "1;5",
            "A",
            "~",
            "u",
            "M",
            "å",
            "日",
            "🙂",
            "\x07",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_harm(bytes in hostile()) {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        decoder.feed(&bytes, &mut out);
        decoder.flush(&mut out);
        prop_assert!(out.len() <= bytes.len() + 1);
        prop_assert_eq!(decoder.patience(), None);
        let mut after = Vec::new();
        decoder.feed(b"q", &mut after);
        prop_assert_eq!(after, [InputEvent::Key('q'.into())]);
    }

    #[test]
    fn cutting_the_bytes_changes_nothing(bytes in hostile(), cuts in proptest::collection::vec(0usize..200, 0..8)) {
        let whole = events(&bytes);
        let (mut decoder, mut out, mut rest) = (Decoder::new(), Vec::new(), bytes.as_slice());
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            decoder.feed(head, &mut out);
            rest = tail;
        }
        decoder.feed(rest, &mut out);
        prop_assert_eq!(out, whole);
    }
}
