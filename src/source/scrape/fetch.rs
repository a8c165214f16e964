//! One request, guarded: the other side may stall, lie, send without end, or not be an exporter.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::login::Login;
use super::pool::{Pool, unzip};
use super::wire::{Exchange, Head, Stream};
use crate::model::text;
use crate::source::http::HttpConfig;

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte sent to the last one received.
    pub timeout: Duration,
    /// Longest silence within an answer.
    pub stall: Duration,
    /// Largest answer after decompression, bytes.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), stall: Duration::from_secs(3), body: 16 << 20 }
    }
}

/// Why a target gave nothing: short and plain, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The whole took too long.
    #[error("timeout after {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer stopped coming.
    #[error("no data for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// Nobody took the connection.
    #[error("no connection within {} s", .0.as_secs_f32())]
    NoConnection(Duration),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The name cannot be resolved.
    #[error("host name not found")]
    NoName,
    /// No connection, for another reason.
    #[error("no connection: {0}")]
    Connect(String),
    /// Another status than 200.
    #[error("HTTP {0}")]
    Status(u16),
    /// It points elsewhere.
    #[error("HTTP {0}, redirects are not followed")]
    Redirect(u16),
    /// The content type is that of something else.
    #[error("not exposition text ({0})")]
    NotText(String),
    /// The answer is too large.
    #[error("body over {}", size(*.0))]
    TooLarge(usize),
    /// Too many large answers at once.
    #[error("out of memory for answers")]
    Crowded,
    /// The answer ended early.
    #[error("answer cut short")]
    Cut,
    /// The answer is no HTTP/1.
    #[error("not HTTP")]
    NotHttp,
    /// The head of the answer is too large, or has too many lines.
    #[error("headers over {} kB", .0 >> 10)]
    Head(usize),
    /// No agreement on encryption; the certificate, mostly.
    #[error("TLS: {0}")]
    Tls(String),
    /// The compressed answer is broken.
    #[error("broken compression")]
    Encoding,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// An answer, and its share of the memory for answers.
#[derive(Debug)]
pub struct Body {
    buffer: Vec<u8>,
    /// Where it begins there: the head of the answer is left before it.
    start: usize,
    /// Bytes that came over the wire for the body.
    pub received: usize,
    pool: Arc<Pool>,
    _share: Share,
}

impl Body {
    /// The bytes after decompression.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffer));
    }
}

/// Memory for all answers in flight.
const BUDGET: usize = 512 << 20;
/// What one permit stands for; an answer below it needs none.
const UNIT: usize = 1 << 20;

/// What a request holds of the memory for answers.
#[derive(Debug)]
struct Share {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes what an answer of `size` bytes needs.
    fn cover(&mut self, size: usize) -> Result<(), FetchError> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = (size / UNIT).checked_sub(held).filter(|m| *m > 0) else { return Ok(()) };
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(more);
        let permit = permit.map_err(|_| FetchError::Crowded)?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

/// Makes requests.
#[derive(Clone)]
pub struct Fetcher {
    limits: Limits,
    login: Arc<Login>,
    tls: Result<TlsConnector, String>,
    memory: Arc<Semaphore>,
    pool: Arc<Pool>,
}

impl Fetcher {
    /// What asks targets that may want `http`. Certificates are read here: where that fails, targets
    /// with `https` say so, and others are asked all the same.
    #[must_use]
    pub fn new(limits: Limits, http: &HttpConfig) -> Self {
        let tls = http.tls.client_config().map(|c| TlsConnector::from(Arc::new(c)));
        Self {
            limits,
            login: Arc::new(Login::new(http.clone())),
            tls: tls.map_err(|e| e.to_string()),
            memory: Arc::new(Semaphore::new(BUDGET / UNIT)),
            pool: Arc::default(),
        }
    }

    /// Asks `url`, over the connection `kept` from an earlier answer if there is one; with the
    /// answer comes the connection, where it may be used again.
    ///
    /// # Errors
    /// Any reason why there is no complete answer of a kind that an exporter could give.
    pub async fn get(&self, url: &Url, kept: Option<Stream>) -> Result<(Body, Option<Stream>), FetchError> {
        let deadline = Instant::now() + self.limits.timeout;
        let mut stream = self.ask(url, kept, deadline).await?;
        let mut share = Share { memory: Arc::clone(&self.memory), held: None };
        let mut buffer = self.pool.take();
        let limits = self.limits;
        let mut exchange = Exchange { stream: &mut stream, limits, deadline };
        let head = match exchange.receive(&mut buffer, check, |size| share.cover(size)).await {
            Ok(head) => head,
            Err(e) => {
                self.pool.give(buffer);
                return Err(e);
            }
        };
        let mut start = head.start;
        let received = buffer.len() - start;
        if head.gzip {
            let mut plain = self.pool.take();
            let unzipped = unzip(&buffer[start..], &mut plain, self.limits.body, |size| share.cover(size));
            self.pool.give(buffer);
            unzipped?;
            (buffer, start) = (plain, 0);
        }
        let body = Body { buffer, start, received, pool: Arc::clone(&self.pool), _share: share };
        Ok((body, head.keep.then_some(stream)))
    }

    /// Sends the request for `url` and waits for the first byte of an answer.
    async fn ask(&self, url: &Url, kept: Option<Stream>, deadline: Instant) -> Result<Stream, FetchError> {
        let mut request = Vec::new();
        self.login.request(url, &mut request).map_err(FetchError::Other)?;
        let limits = self.limits;
        if let Some(mut stream) = kept {
            match (Exchange { stream: &mut stream, limits, deadline }).send(&request).await {
                Ok(()) => return Ok(stream),
                // The other side had closed the connection since the last poll.
                Err(FetchError::Cut) => {}
                Err(e) => return Err(e),
            }
        }
        let mut stream = self.connect(url, deadline).await?;
        (Exchange { stream: &mut stream, limits, deadline }).send(&request).await?;
        Ok(stream)
    }

    async fn connect(&self, url: &Url, deadline: Instant) -> Result<Stream, FetchError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(FetchError::NoName);
        };
        let connecting = TcpStream::connect((host.trim_matches(['[', ']']), port));
        let late = |_| FetchError::NoConnection(self.limits.timeout);
        let tcp = timeout_at(deadline, connecting).await.map_err(late)?;
        let tcp = tcp.map_err(|e| FetchError::of_connect(&e))?;
        if url.scheme() != "https" {
            return Ok(Stream::Plain(tcp));
        }
        let connector = self.tls.as_ref().map_err(|e| FetchError::Other(e.clone()))?;
        let name = self.login.server_name(url).ok_or(FetchError::NoName)?;
        let shaken = timeout_at(deadline, connector.connect(name, tcp)).await;
        match shaken.map_err(|_| FetchError::Tls("no answer to the handshake".to_owned()))? {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(e) => Err(FetchError::of_io(&e)),
        }
    }
}

impl FetchError {
    /// What an error of an open connection means.
    pub(super) fn of_io(e: &std::io::Error) -> Self {
        if let Some(tls) = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
            return Self::Tls(crate::source::http::tls::reason(tls));
        }
        of_kind(e.kind()).unwrap_or_else(|| Self::Other(text::clean(&e.to_string())))
    }

    /// What an error of a connection that was not made means.
    fn of_connect(e: &std::io::Error) -> Self {
        let words = e.to_string();
        if words.contains("failed to lookup address") {
            return Self::NoName;
        }
        match e.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Connect(text::clean(&words)),
        }
    }
}

/// A size in the unit in which it is a whole number.
fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} B") }
}

/// Why a request failed, in words. The error must not hold the address any more: there may be a
/// password in it.
pub(in crate::source) fn explain(error: &reqwest::Error, start: Instant, limits: Limits) -> FetchError {
    if error.is_timeout() {
        let all = start.elapsed() + Duration::from_millis(50) >= limits.timeout;
        return if all { FetchError::Timeout(limits.timeout) } else { FetchError::Stalled(limits.stall) };
    }
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(e) = source {
        last = e.to_string();
        if let Some(found) = e.downcast_ref::<std::io::Error>().and_then(|e| of_kind(e.kind())) {
            return found;
        }
        if e.downcast_ref::<hyper::Error>()
            .is_some_and(|e| e.is_incomplete_message() || e.is_body_write_aborted())
        {
            return FetchError::Cut;
        }
        source = e.source();
    }
    if last.contains("failed to lookup address") {
        return FetchError::NoName;
    }
    let last = text::clean(&last);
    if error.is_connect() { FetchError::Connect(last) } else { FetchError::Other(last) }
}

const fn of_kind(kind: ErrorKind) -> Option<FetchError> {
    match kind {
        ErrorKind::ConnectionRefused => Some(FetchError::Refused),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            Some(FetchError::Cut)
        }
        ErrorKind::InvalidData | ErrorKind::InvalidInput => Some(FetchError::Encoding),
        _ => None,
    }
}

fn check(head: &Head) -> Result<(), FetchError> {
    match head.status {
        200 => {}
        300..400 => return Err(FetchError::Redirect(head.status)),
        other => return Err(FetchError::Status(other)),
    }
    if is_foreign(&head.kind) {
        let kind = head.kind.split(';').next().unwrap_or_default();
        return Err(FetchError::NotText(text::clean(kind.trim())));
    }
    Ok(())
}

/// True for content types that no exporter sends for its text. A missing type, or that of a plain
/// file, is let through: the text itself is looked at later.
fn is_foreign(content_type: &str) -> bool {
    let kind = content_type.to_ascii_lowercase();
    ["html", "json", "xml", "protobuf", "image/", "audio/", "video/", "javascript", "css"]
        .iter()
        .any(|k| kind.contains(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_exporters_pass_and_those_of_web_pages_do_not() {
        for good in [
            "",
            "text/plain",
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            "application/openmetrics-text; version=1.0.0",
            "application/octet-stream",
        ] {
            assert!(!is_foreign(good), "{good}");
        }
        for bad in ["text/html; charset=utf-8", "application/JSON", "application/vnd.google.protobuf"] {
            assert!(is_foreign(bad), "{bad}");
        }
    }

    #[test]
    fn reasons_are_short_and_plain() {
        assert_eq!(FetchError::Timeout(Duration::from_secs(5)).to_string(), "timeout after 5 s");
        assert_eq!(FetchError::TooLarge(16 << 20).to_string(), "body over 16 MiB");
        assert_eq!(FetchError::Status(503).to_string(), "HTTP 503");
        assert_eq!(
            FetchError::NotText("text/html".to_owned()).to_string(),
            "not exposition text (text/html)"
        );
    }
}
