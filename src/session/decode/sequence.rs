//! What a finished `CSI` or `SS3` sequence means.

use crate::ui::key::{InputEvent, Key, KeyCode, Mouse, MouseKind};

/// The modifiers of a sequence, as xterm numbers them.
#[derive(Clone, Copy)]
struct Held {
    shift: bool,
    alt: bool,
    ctrl: bool,
}

impl Held {
    /// From the parameter of a key: 1 + shift 1 + alt 2 + control 4 (more bits are ignored).
    fn from_parameter(parameter: u32, alt: bool) -> Self {
        let bits = parameter.saturating_sub(1);
        Self { shift: bits & 1 != 0, alt: alt || bits & 2 != 0, ctrl: bits & 4 != 0 }
    }

    fn key(self, code: KeyCode) -> InputEvent {
        InputEvent::Key(Key::new(code, self.ctrl, self.alt, self.shift))
    }
}

/// The event of `ESC [ parameters last`, if it is one; `alt`: an Escape stood before it.
pub(super) fn csi(parameters: &[u8], last: u8, alt: bool) -> Option<InputEvent> {
    let text = std::str::from_utf8(parameters).ok()?;
    if let Some(mouse) = text.strip_prefix('<') {
        return sgr_mouse(mouse, last).map(InputEvent::Mouse);
    }
    match (text, last) {
        ("", b'I') => return Some(InputEvent::FocusGained),
        ("", b'O') => return Some(InputEvent::FocusLost),
        ("0", b'n') => return Some(InputEvent::DeviceStatusOk),
        _ => {}
    }
    let numbers = numbers(text)?;
    let [first, second] = [numbers[0], numbers[1]];
    match last {
        b'u' => kitty(first, &second, alt),
        b'~' if first.value == 27 => typed(numbers[2].value, Held::from_parameter(second.value, alt)),
        b'~' if second.part != RELEASED => {
            Some(Held::from_parameter(second.value, alt).key(numbered(first.value)?))
        }
        b'Z' => Some(InputEvent::Key(Key::new(KeyCode::Tab, false, alt, true))),
        // A cursor position report looks like a modified F3; only a plausible modifier makes it one.
        b'R' if first.value > 1 || second.value > 16 => None,
        _ if second.part == RELEASED => None,
        _ => Some(Held::from_parameter(second.value, alt).key(lettered(last)?)),
    }
}

/// The event of `ESC O last`.
pub(super) fn ss3(last: u8, alt: bool) -> Option<InputEvent> {
    let keypad = match last {
        b'M' => Some(KeyCode::Enter),
        b'X' => Some(KeyCode::Char('=')),
        b'j'..=b'y' => Some(KeyCode::Char(char::from(last - b'j' + b'*'))),
        _ => None,
    };
    let code = keypad.or_else(|| lettered(last))?;
    Some(InputEvent::Key(Key::new(code, false, alt, false)))
}

/// One parameter: its number and the first of its sub-parameters (`1:3`).
#[derive(Clone, Copy, Default)]
struct Number {
    value: u32,
    part: u32,
}

/// The sub-parameter of the modifiers that says "released" in kitty's protocol.
const RELEASED: u32 = 3;

/// The first three parameters; `None` if the text holds anything but numbers.
fn numbers(text: &str) -> Option<[Number; 3]> {
    let mut out = [Number::default(); 3];
    for (index, field) in text.split(';').enumerate() {
        let mut parts = field.split(':').map(number);
        let value = parts.next()??;
        let part = parts.next().flatten().unwrap_or(0);
        if let Some(slot) = out.get_mut(index) {
            *slot = Number { value, part };
        }
    }
    Some(out)
}

/// The decimal number of `digits`; nothing is 0, and what is too large stays large.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().try_fold(0u32, |sum, b| {
        b.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u32::from(b - b'0')))
    })
}

fn lettered(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let function = |base: u32, first: u8| u8::try_from(number - base).ok().map(|n| KeyCode::F(n + first));
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=26 => function(23, 11),
        28 | 29 => function(28, 15),
        31..=34 => function(31, 17),
        _ => None,
    }
}

/// A key of kitty's protocol: `CSI code ; modifiers : event u`.
fn kitty(code: Number, modifiers: &Number, alt: bool) -> Option<InputEvent> {
    if modifiers.part == RELEASED {
        return None;
    }
    typed(code.value, Held::from_parameter(modifiers.value, alt))
}

/// The key of a code point, also as kitty numbers the keys that have none.
fn typed(code: u32, held: Held) -> Option<InputEvent> {
    let digit = |from: u32| u8::try_from(code - from).ok().map(|n| KeyCode::Char(char::from(b'0' + n)));
    let code = match code {
        9 => KeyCode::Tab,
        13 | 57414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        57399..=57408 => digit(57399)?,
        57409 => KeyCode::Char('.'),
        57410 => KeyCode::Char('/'),
        57411 => KeyCode::Char('*'),
        57412 => KeyCode::Char('-'),
        57413 => KeyCode::Char('+'),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        // The rest of the private area is modifiers, media keys and locks.
        57344..=63743 => return None,
        _ => KeyCode::Char(char::from_u32(code).filter(|c| crate::model::text::is_safe(*c))?),
    };
    Some(held.key(code))
}

/// A report of the SGR mouse protocol: `CSI < buttons ; column ; row M` (or `m` for a release).
fn sgr_mouse(text: &str, last: u8) -> Option<Mouse> {
    let mut fields = text.split(';').map(number);
    let bits = fields.next()??;
    let mut cell = || u16::try_from(fields.next()??.checked_sub(1)?).ok();
    let (column, row) = (cell()?, cell()?);
    let button = u8::try_from(bits & 3).ok()?;
    let kind = match (bits & 0b1110_0000, last) {
        (0b0100_0000, b'M') => match button {
            0 => MouseKind::ScrollUp,
            1 => MouseKind::ScrollDown,
            2 => MouseKind::ScrollLeft,
            _ => MouseKind::ScrollRight,
        },
        (0, b'M') if button < 3 => MouseKind::Down(button),
        (0, b'm') if button < 3 => MouseKind::Up(button),
        (0b0010_0000, b'M') if button < 3 => MouseKind::Drag(button),
        _ => return None,
    };
    Some(Mouse { kind, column, row, shift: bits & 4 != 0, alt: bits & 8 != 0, ctrl: bits & 16 != 0 })
}
