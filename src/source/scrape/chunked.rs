//! The chunked transfer coding, undone in place as the bytes arrive.

use memchr::memchr;

use super::fetch::FetchError;

/// Longest line of a chunk's size with its extensions, and longest trailer line, bytes.
const MAX_LINE: usize = 4096;
/// Most trailer lines.
const MAX_TRAILERS: usize = 64;

/// How far a body has been read. The buffer holds what is decoded, then what is not yet.
#[derive(Debug, Default)]
pub struct Chunked {
    /// Decoded bytes at the start of the buffer.
    done: usize,
    state: State,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the line with a chunk's size.
    #[default]
    Size,
    /// So many bytes of the chunk are missing.
    Data(usize),
    /// Before the line end after a chunk.
    After,
    Trailer,
}

impl Chunked {
    /// The size of the body so far, with what is announced of the present chunk, bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self.state {
            State::Data(missing) => self.done.saturating_add(missing),
            _ => self.done,
        }
    }

    /// Takes in what was appended to `buffer`. True: the body is whole, and the buffer holds it and
    /// nothing else.
    ///
    /// # Errors
    /// The bytes are no chunks, or more follows than the body.
    pub fn advance(&mut self, buffer: &mut Vec<u8>) -> Result<bool, FetchError> {
        let mut at = self.done;
        let whole = loop {
            match self.state {
                State::Data(0) => self.state = State::After,
                State::Data(missing) => {
                    let n = missing.min(buffer.len() - at);
                    if n == 0 {
                        break false;
                    }
                    buffer.copy_within(at..at + n, self.done);
                    (self.done, at) = (self.done + n, at + n);
                    self.state = State::Data(missing - n);
                }
                State::Size | State::After | State::Trailer => {
                    let Some(line) = line(&buffer[at..])? else { break false };
                    let next = self.line(&buffer[at..at + line])?;
                    at += line + 1;
                    match next {
                        Some(state) => self.state = state,
                        None => break true,
                    }
                }
            }
        };
        if whole && at < buffer.len() {
            return Err(FetchError::NotHttp);
        }
        // The gap that the sizes left is closed, so that nothing but the body grows.
        let rest = buffer.len() - at;
        buffer.copy_within(at.., self.done);
        buffer.truncate(self.done + rest);
        Ok(whole)
    }

    /// What follows after the line `raw` (without its line feed); `None`: nothing.
    fn line(&mut self, raw: &[u8]) -> Result<Option<State>, FetchError> {
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        match self.state {
            State::Size => match size(line)? {
                0 => Ok(Some(State::Trailer)),
                n => Ok(Some(State::Data(n))),
            },
            State::Trailer if line.is_empty() => Ok(None),
            State::Trailer => {
                self.trailers += 1;
                if self.trailers > MAX_TRAILERS { Err(FetchError::NotHttp) } else { Ok(Some(State::Trailer)) }
            }
            State::After | State::Data(_) if line.is_empty() => Ok(Some(State::Size)),
            State::After | State::Data(_) => Err(FetchError::NotHttp),
        }
    }
}

/// Where the first line of `bytes` ends; `None` while it has no end.
fn line(bytes: &[u8]) -> Result<Option<usize>, FetchError> {
    let reach = bytes.len().min(MAX_LINE);
    match memchr(b'\n', &bytes[..reach]) {
        None if bytes.len() >= MAX_LINE => Err(FetchError::NotHttp),
        end => Ok(end),
    }
}

/// The size of a chunk, in hexadecimal; what follows a semicolon is an extension.
fn size(line: &[u8]) -> Result<usize, FetchError> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let plain = (1..=12).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain).ok_or(FetchError::NotHttp)?;
    usize::from_str_radix(text, 16).map_err(|_| FetchError::NotHttp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `bytes` in pieces of `step`.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let (mut chunks, mut buffer) = (Chunked::default(), Vec::new());
        for piece in bytes.chunks(step.max(1)) {
            buffer.extend_from_slice(piece);
            if chunks.advance(&mut buffer)? {
                return Ok(Some(buffer));
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_become_a_body_however_they_arrive() {
        let wire = b"5\r\nhello\r\n6;ext=\"x\"\r\n world\r\n0\r\nTrailer: a\r\n\r\n";
        for step in 1..wire.len() + 1 {
            assert_eq!(decode(wire, step), Ok(Some(b"hello world".to_vec())), "{step}");
        }
        assert_eq!(decode(b"0\r\n\r\n", 9), Ok(Some(Vec::new())));
        assert_eq!(decode(b"5\r\nhel", 2), Ok(None), "not whole");
    }

    #[test]
    fn nonsense_between_chunks_is_refused() {
        for bad in
            [&b"x\r\n"[..], b"\r\n", b"-1\r\n", b"1\r\nab\r\n", b"fffffffffffffffff\r\n", b"0\r\n\r\nmore"]
        {
            assert_eq!(decode(bad, 100), Err(FetchError::NotHttp), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(decode(&[b'1'; 5000], 64), Err(FetchError::NotHttp), "a line without end");
        let endless = [&b"0\r\n"[..], &b"a: b\r\n".repeat(70)].concat();
        assert_eq!(decode(&endless, 100), Err(FetchError::NotHttp), "trailers without end");
    }

    #[test]
    fn an_announced_size_counts_before_it_has_come() {
        let (mut chunks, mut buffer) = (Chunked::default(), b"ffffffff\r\nab".to_vec());
        assert_eq!(chunks.advance(&mut buffer), Ok(false));
        assert_eq!((chunks.size(), buffer.as_slice()), (0xFFFF_FFFF, &b"ab"[..]));
    }

    proptest! {
        #[test]
        fn what_is_cut_into_chunks_is_whole_again(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..9), step in 1..50_usize
        ) {
            let mut wire = Vec::new();
            for part in &parts {
                wire.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                wire.extend_from_slice(part);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(&wire, step), Ok(Some(parts.concat())));
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1..50_usize) {
            if let Ok(Some(body)) = decode(&bytes, step) {
                prop_assert!(body.len() <= bytes.len());
            }
        }
    }
}
