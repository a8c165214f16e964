//! Copying to the clipboard of the user's machine, which may be far away: by OSC 52, or inside
//! tmux by `tmux load-buffer -w`, because tmux drops OSC 52 of its programs by default.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// The longest text that is copied, in bytes: some terminals drop control strings above 100,000
/// bytes, and base64 makes 4 of 3.
pub const MAX_BYTES: usize = 74_994;

/// The control sequence that asks a terminal to put `text` on its clipboard.
#[must_use]
pub fn osc52(text: &str) -> Vec<u8> {
    let mut out = b"\x1b]52;c;".to_vec();
    base64(text.as_bytes(), &mut out);
    out.push(0x07);
    out
}

/// Hands `text` to tmux, and through it to its terminal. Blocks until tmux has taken it.
///
/// # Errors
/// tmux cannot be started, or says no.
pub fn tmux(text: &str) -> io::Result<()> {
    let mut command = Command::new("tmux");
    command
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let status = child.wait()?;
    given?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("tmux load-buffer: {status}"))) }
}

/// Appends `bytes` in base64 (RFC 4648, with padding).
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= chunk.len() { letter } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_examples_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), coded);
        }
    }

    #[test]
    fn the_longest_copy_stays_below_the_limit_of_terminals() {
        let sequence = osc52(&"x".repeat(MAX_BYTES));
        assert!(sequence.starts_with(b"\x1b]52;c;eHh4") && sequence.ends_with(b"\x07"));
        assert!(sequence.len() <= 100_000, "{}", sequence.len());
    }
}
