//! HTTP/1.1 as far as a scrape needs it: one GET, one answer, into a buffer that is used again.
//!
//! A kept connection is a socket and nothing else: between two polls it holds no buffer, so that
//! thousands of targets cost next to no memory (docs/decisions/0011-own-scrape-client.md).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::chunked::Chunked;
use super::fetch::{FetchError, Limits};

/// Largest head of an answer, bytes.
pub const MAX_HEAD: usize = 32 << 10;
/// Most headers of an answer.
const MAX_HEADERS: usize = 96;
/// Informational answers (1xx) that may come before the real one.
const MAX_EARLY: usize = 4;
/// Room for one read, bytes.
const READ: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub enum Stream {
    /// Without encryption.
    Plain(TcpStream),
    /// With.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The head of an answer, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The content type; empty for none.
    pub kind: String,
    /// The body is compressed with gzip.
    pub gzip: bool,
    /// The connection may be used again when the body has been read.
    pub keep: bool,
    /// How the body ends.
    pub end: End,
    /// Where the body begins in the buffer that it was received into.
    pub start: usize,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// With the connection.
    #[default]
    Close,
    /// After so many bytes.
    Length(u64),
    /// With a chunk of no length.
    Chunks,
}

/// One exchange over `stream`: bounded in time by `limits` and `end`, in size by `limits`.
pub struct Exchange<'a> {
    /// The connection.
    pub stream: &'a mut Stream,
    /// Bounds.
    pub limits: Limits,
    /// When the whole must be over.
    pub deadline: Instant,
}

impl Exchange<'_> {
    /// Leaves the body of the answer in the empty `buffer` from [`Head::start`] on, still compressed. The head comes first, to
    /// `check`: it may refuse the body; `room` is asked before the body grows to a size.
    ///
    /// # Errors
    /// The connection fails, the answer stalls, is too large, or is no HTTP; what `check` says.
    pub async fn receive(
        &mut self,
        buffer: &mut Vec<u8>,
        check: impl Fn(&Head) -> Result<(), FetchError>,
        mut room: impl FnMut(usize) -> Result<(), FetchError>,
    ) -> Result<Head, FetchError> {
        let head = self.head(buffer).await?;
        check(&head)?;
        let most = self.limits.body;
        match head.end {
            End::Close => {
                while self.read(buffer).await? > 0 {
                    bounded(buffer.len() - head.start, most)?;
                    room(buffer.len())?;
                }
            }
            End::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                bounded(length, most)?;
                while buffer.len() - head.start < length {
                    room(buffer.len())?;
                    if self.read(buffer).await? == 0 {
                        return Err(FetchError::Cut);
                    }
                }
                if buffer.len() - head.start > length {
                    return Err(FetchError::NotHttp);
                }
            }
            End::Chunks => {
                buffer.drain(..head.start);
                let mut chunks = Chunked::default();
                while !chunks.advance(buffer)? {
                    bounded(chunks.size(), most)?;
                    room(buffer.len())?;
                    if self.read(buffer).await? == 0 {
                        return Err(FetchError::Cut);
                    }
                }
                bounded(buffer.len(), most)?;
                return Ok(Head { start: 0, ..head });
            }
        }
        Ok(head)
    }

    /// Sends `request`, and waits until an answer begins: whoever hangs holds no buffer.
    ///
    /// # Errors
    /// The connection fails, or nothing comes.
    pub async fn send(&mut self, request: &[u8]) -> Result<(), FetchError> {
        let deadline = self.deadline;
        let sent = match self.stream {
            Stream::Plain(s) => timeout_at(deadline, s.write_all(request)).await,
            Stream::Tls(s) => timeout_at(deadline, write(s, request)).await,
        };
        match sent {
            Ok(result) => result.map_err(|e| FetchError::of_io(&e))?,
            Err(_) => return Err(FetchError::Timeout(self.limits.timeout)),
        }
        let (stall, until) = self.patience();
        let tcp = match self.stream {
            Stream::Plain(s) => s,
            Stream::Tls(s) => s.get_ref().0,
        };
        match timeout_at(until, tcp.readable()).await {
            Ok(ready) => ready.map_err(|e| FetchError::of_io(&e))?,
            Err(_) => return Err(self.silence(stall, until)),
        }
        // The end of the connection is readable, too.
        let mut first = [0];
        match timeout_at(until, tcp.peek(&mut first)).await {
            Ok(Ok(0)) => Err(FetchError::Cut),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(FetchError::of_io(&e)),
            Err(_) => Err(self.silence(stall, until)),
        }
    }

    /// When a silence that begins now is a stall, and until when it is waited.
    fn patience(&self) -> (Instant, Instant) {
        let stall = Instant::now() + self.limits.stall;
        (stall, stall.min(self.deadline))
    }

    fn silence(&self, stall: Instant, until: Instant) -> FetchError {
        if until == stall {
            FetchError::Stalled(self.limits.stall)
        } else {
            FetchError::Timeout(self.limits.timeout)
        }
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> Result<usize, FetchError> {
        if buffer.capacity() - buffer.len() < READ / 2 {
            buffer.reserve(READ);
        }
        let (stall, until) = self.patience();
        let read = match self.stream {
            Stream::Plain(s) => timeout_at(until, s.read_buf(buffer)).await,
            Stream::Tls(s) => timeout_at(until, read_some(s, buffer)).await,
        };
        match read {
            Ok(Ok(n)) => Ok(n),
            Ok(Err(e)) => Err(FetchError::of_io(&e)),
            Err(_) => Err(self.silence(stall, until)),
        }
    }

    /// Reads up to the end of the head; what came of the body stays in `buffer`.
    async fn head(&mut self, buffer: &mut Vec<u8>) -> Result<Head, FetchError> {
        let mut early = 0;
        loop {
            if let Some((head, length)) = parse_head(buffer)? {
                if !(100..200).contains(&head.status) {
                    // The body stays where it is: moving it would cost as much as reading it.
                    return Ok(Head { start: length, ..head });
                }
                buffer.drain(..length);
                early += 1;
                if early > MAX_EARLY {
                    return Err(FetchError::NotHttp);
                }
                continue;
            }
            if buffer.len() > MAX_HEAD {
                return Err(FetchError::Head(MAX_HEAD));
            }
            if self.read(buffer).await? == 0 {
                return Err(FetchError::Cut);
            }
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// A peer that closes without saying so in TLS ends the answer like any other; whether it is whole
/// is seen from its framing.
async fn read_some<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> io::Result<usize> {
    match stream.read_buf(buffer).await {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => other,
    }
}

const fn bounded(size: usize, most: usize) -> Result<(), FetchError> {
    if size > most { Err(FetchError::TooLarge(most)) } else { Ok(()) }
}

/// The head at the start of `bytes` and its length; `None` while it is not whole.
///
/// # Errors
/// This is no HTTP, or its framing contradicts itself.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, FetchError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(FetchError::Head(MAX_HEAD)),
        Err(_) => return Err(FetchError::NotHttp),
    };
    let mut head = Head {
        status: response.code.unwrap_or_default(),
        keep: response.version == Some(1),
        ..Head::default()
    };
    for header in response.headers.iter() {
        field(&mut head, header)?;
    }
    if matches!(head.status, 204 | 304) {
        head.end = End::Length(0);
    }
    head.keep &= head.end != End::Close;
    Ok(Some((head, length)))
}

fn field(head: &mut Head, header: &httparse::Header<'_>) -> Result<(), FetchError> {
    let name = header.name;
    let value = || String::from_utf8_lossy(header.value).trim().to_ascii_lowercase();
    if name.eq_ignore_ascii_case("content-type") {
        head.kind = value();
    } else if name.eq_ignore_ascii_case("content-length") {
        let length = value().parse().map_err(|_| FetchError::NotHttp)?;
        match head.end {
            End::Close => head.end = End::Length(length),
            End::Length(other) if other != length => return Err(FetchError::NotHttp),
            // Chunks go before a length.
            End::Length(_) | End::Chunks => {}
        }
    } else if name.eq_ignore_ascii_case("transfer-encoding") {
        match value().as_str() {
            "chunked" => head.end = End::Chunks,
            "identity" => {}
            _ => return Err(FetchError::Encoding),
        }
    } else if name.eq_ignore_ascii_case("content-encoding") {
        match value().as_str() {
            "gzip" | "x-gzip" => head.gzip = true,
            "" | "identity" => {}
            _ => return Err(FetchError::Encoding),
        }
    } else if name.eq_ignore_ascii_case("connection") && value().contains("close") {
        head.keep = false;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Head {
        parse_head(text.as_bytes()).expect("HTTP").expect("whole").0
    }

    #[test]
    fn the_framing_of_an_answer_is_read() {
        let h = head(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nTransfer-Encoding: chunked\r\n\r\nx",
        );
        assert_eq!((h.status, h.end, h.keep, h.gzip), (200, End::Chunks, true, false));
        assert_eq!(h.kind, "text/plain; version=0.0.4");
        let h = head(
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n",
        );
        assert_eq!((h.end, h.keep, h.gzip), (End::Length(12), false, true));
        let h = head("HTTP/1.0 503 Busy\r\n\r\n");
        assert_eq!((h.status, h.end, h.keep), (503, End::Close, false));
        assert!(!head("HTTP/1.1 200 OK\r\n\r\n").keep, "its end is that of the connection");
        let both = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(head(both).end, End::Chunks);
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nContent-Le").expect("so far"), None);
    }

    #[test]
    fn what_is_no_http_or_contradicts_itself_is_refused() {
        for bad in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "\x15\x03\x01\x00\x02\x02\x50",
        ] {
            assert_eq!(parse_head(bad.as_bytes()), Err(FetchError::NotHttp), "{bad}");
        }
        let odd = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n";
        assert_eq!(parse_head(odd.as_bytes()), Err(FetchError::Encoding));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(parse_head(many.as_bytes()), Err(FetchError::Head(MAX_HEAD)));
    }

    proptest! {
        #[test]
        fn no_head_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_head(&bytes);
        }
    }
}
