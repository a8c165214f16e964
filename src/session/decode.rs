//! Bytes from a terminal, made into events: incremental, bounded, and indifferent to how the
//! bytes were cut into reads. What it understands: UTF-8, control characters, xterm's `CSI` and
//! `SS3` keys with modifiers, kitty's `CSI u`, bracketed paste, SGR mouse, focus, and the answer
//! to a status request. Other answers (DA, XTVERSION, OSC, DCS) are swallowed whole.

mod sequence;

use std::time::Duration;

use crate::model::text;
use crate::ui::key::{InputEvent, Key, KeyCode};

/// How long a lone Escape may be the beginning of something.
pub const ESCAPE_PATIENCE: Duration = Duration::from_millis(30);
/// How long an unfinished sequence, string or paste may stand still before it is given up.
pub const SEQUENCE_PATIENCE: Duration = Duration::from_secs(1);
/// The longest paste that is delivered, in bytes; the rest of a longer one is dropped.
pub const MAX_PASTE: usize = 64 * 1024;
/// The longest control sequence that is understood, in bytes.
const MAX_SEQUENCE: usize = 64;
/// The longest OSC or DCS answer that is waited for, in bytes.
const MAX_STRING: usize = 4096;
const PASTE_END: &[u8] = b"\x1b[201~";
const ESCAPE: InputEvent = InputEvent::Key(Key::plain(KeyCode::Esc));

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Inside a UTF-8 character; the bytes so far are in the buffer.
    Utf8,
    /// After ESC.
    Escape,
    /// After `ESC [`; parameters are in the buffer.
    Csi,
    /// After `ESC O`.
    Ss3,
    /// After `ESC [ M`: an old mouse report has this many bytes left.
    OldMouse(u8),
    /// Inside OSC, DCS, SOS, PM or APC; counts its bytes.
    Text(u16),
    /// Inside such a string, after ESC.
    TextEscape,
    /// Inside a paste.
    Paste,
}

/// The incremental decoder of one terminal's input.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
    alt: bool,
    /// The introducing byte of the string that is being swallowed.
    opener: u8,
    buffer: Vec<u8>,
    /// How many bytes of [`PASTE_END`] have been seen.
    matched: usize,
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `bytes` and appends what they mean to `out`: at most one event a byte.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<InputEvent>) {
        for byte in bytes {
            self.byte(*byte, out);
        }
    }

    /// How long to wait for more bytes before [`Decoder::flush`]; `None`: nothing is unfinished.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Ground => None,
            State::Escape | State::Ss3 | State::Text(0) => Some(ESCAPE_PATIENCE),
            State::Csi if self.buffer.is_empty() => Some(ESCAPE_PATIENCE),
            _ => Some(SEQUENCE_PATIENCE),
        }
    }

    /// Nothing came for as long as [`Decoder::patience`] said: a lone Escape is the Escape key, an
    /// introducer is its key with Alt, a paste is delivered as far as it came, and anything else
    /// unfinished is forgotten.
    pub fn flush(&mut self, out: &mut Vec<InputEvent>) {
        match self.state {
            State::Escape => {
                let presses = if self.alt { 2 } else { 1 };
                out.extend(std::iter::repeat_n(ESCAPE, presses));
            }
            State::Ss3 => self.alt_char('O', out),
            State::Csi if self.buffer.is_empty() => self.alt_char('[', out),
            State::Text(0) => self.alt_char(char::from(self.opener), out),
            State::Paste => self.paste(out),
            _ => {}
        }
        self.ground();
    }

    fn ground(&mut self) {
        self.state = State::Ground;
        self.alt = false;
        self.matched = 0;
        self.buffer.clear();
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        match self.state {
            State::Ground => self.plain(byte, out),
            State::Utf8 => self.continued(byte, out),
            State::Escape => self.escaped(byte, out),
            State::Csi => self.csi(byte, out),
            State::Ss3 => self.ss3(byte, out),
            State::OldMouse(1) => self.ground(),
            State::OldMouse(left) => self.state = State::OldMouse(left - 1),
            State::Text(length) => self.text(byte, length, out),
            State::TextEscape => {
                self.ground();
                if byte != b'\\' {
                    self.state = State::Escape;
                    self.byte(byte, out);
                }
            }
            State::Paste => self.pasted(byte, out),
        }
    }

    fn plain(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        match byte {
            0x1b => self.state = State::Escape,
            0x20..=0x7e => self.char(char::from(byte), out),
            0x80.. => {
                self.buffer.push(byte);
                self.state = State::Utf8;
                self.settle_utf8(out);
            }
            _ => self.control(byte, out),
        }
    }

    fn control(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        let (code, ctrl) = match byte {
            b'\r' => (KeyCode::Enter, false),
            b'\t' => (KeyCode::Tab, false),
            0x08 | 0x7f => (KeyCode::Backspace, false),
            0x00 => (KeyCode::Char(' '), true),
            0x01..=0x1a => (KeyCode::Char(char::from(byte - 1 + b'a')), true),
            _ => (KeyCode::Char(char::from(byte + 0x40)), true),
        };
        out.push(InputEvent::Key(Key::new(code, ctrl, self.alt, false)));
        self.ground();
    }

    fn continued(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        if byte & 0xc0 == 0x80 {
            self.buffer.push(byte);
            self.settle_utf8(out);
        } else {
            self.ground();
            self.plain(byte, out);
        }
    }

    /// Delivers the character in the buffer, waits for the rest of it, or drops what cannot become one.
    fn settle_utf8(&mut self, out: &mut Vec<InputEvent>) {
        match std::str::from_utf8(&self.buffer) {
            Ok(whole) => match whole.chars().next() {
                Some(c) => self.char(c, out),
                None => self.ground(),
            },
            Err(error) if error.error_len().is_none() => {}
            Err(_) => self.ground(),
        }
    }

    fn char(&mut self, c: char, out: &mut Vec<InputEvent>) {
        if text::is_safe(c) {
            out.push(InputEvent::Key(Key::new(KeyCode::Char(c), false, self.alt, false)));
        }
        self.ground();
    }

    fn key(&mut self, code: KeyCode, out: &mut Vec<InputEvent>) {
        out.push(InputEvent::Key(Key::new(code, false, self.alt, false)));
    }

    fn alt_char(&mut self, c: char, out: &mut Vec<InputEvent>) {
        out.push(InputEvent::Key(Key::new(KeyCode::Char(c), false, true, false)));
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        match byte {
            // A second Escape: the first was Alt to a sequence, or a key of its own.
            0x1b if self.alt => out.push(ESCAPE),
            0x1b => self.alt = true,
            b'[' => self.state = State::Csi,
            b'O' => self.state = State::Ss3,
            b']' | b'P' | b'X' | b'^' | b'_' => {
                if std::mem::take(&mut self.alt) {
                    out.push(ESCAPE);
                }
                self.opener = byte;
                self.state = State::Text(0);
            }
            _ => {
                if self.alt {
                    out.push(ESCAPE);
                }
                self.alt = true;
                self.state = State::Ground;
                self.plain(byte, out);
            }
        }
    }

    fn csi(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        match byte {
            // The Linux console writes its F1 to F5 as ESC [ [ A to E.
            b'[' if self.buffer.is_empty() => self.buffer.push(byte),
            b'A'..=b'E' if self.buffer == b"[" => {
                self.key(KeyCode::F(byte - b'A' + 1), out);
                self.ground();
            }
            b'M' if self.buffer.is_empty() => self.state = State::OldMouse(3),
            0x20..=0x3f if self.buffer.len() < MAX_SEQUENCE => self.buffer.push(byte),
            0x20..=0x3f => {}
            0x40..=0x7e => self.finished_csi(byte, out),
            _ => {
                self.ground();
                self.plain(byte, out);
            }
        }
    }

    fn finished_csi(&mut self, last: u8, out: &mut Vec<InputEvent>) {
        let (alt, full) = (self.alt, self.buffer.len() == MAX_SEQUENCE);
        let paste = last == b'~' && self.buffer == b"200";
        let event = if paste || full { None } else { sequence::csi(&self.buffer, last, alt) };
        // The Escape key, and then something that nobody types: an answer came between.
        if alt && !matches!(event, Some(InputEvent::Key(_))) {
            out.push(ESCAPE);
        }
        out.extend(event);
        self.ground();
        if paste {
            self.state = State::Paste;
        }
    }

    fn ss3(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        let alt = self.alt;
        self.ground();
        match byte {
            0x20..=0x7e => out.extend(sequence::ss3(byte, alt)),
            _ => self.plain(byte, out),
        }
    }

    fn text(&mut self, byte: u8, length: u16, out: &mut Vec<InputEvent>) {
        match byte {
            0x07 => self.ground(),
            0x1b => self.state = State::TextEscape,
            // No answer holds a control character: the terminal gave up, the user goes on.
            0x00..=0x1f | 0x7f => {
                self.ground();
                self.plain(byte, out);
            }
            _ if usize::from(length) >= MAX_STRING => self.ground(),
            _ => self.state = State::Text(length + 1),
        }
    }

    fn pasted(&mut self, byte: u8, out: &mut Vec<InputEvent>) {
        if byte == PASTE_END[self.matched] {
            self.matched += 1;
            if self.matched == PASTE_END.len() {
                self.paste(out);
                self.ground();
            }
            return;
        }
        let matched = std::mem::take(&mut self.matched);
        self.keep(&PASTE_END[..matched]);
        if byte == PASTE_END[0] {
            self.matched = 1;
        } else {
            self.keep(&[byte]);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_PASTE - self.buffer.len();
        self.buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn paste(&mut self, out: &mut Vec<InputEvent>) {
        let text = String::from_utf8_lossy(&self.buffer).replace("\r\n", "\n").replace('\r', "\n");
        let clean = text
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .filter(|c| *c == '\n' || (text::is_safe(*c) && *c != char::REPLACEMENT_CHARACTER))
            .collect();
        out.push(InputEvent::Paste(clean));
    }
}

#[cfg(test)]
mod tests;
