//! One request, guarded: the other side may stall, lie, send without end, or not be an exporter.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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
    #[error("body over {} MiB", .0 >> 20)]
    TooLarge(usize),
    /// Too many large answers at once.
    #[error("out of memory for answers")]
    Crowded,
    /// The answer ended early.
    #[error("answer cut short")]
    Cut,
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
    /// The bytes after decompression.
    pub bytes: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Memory for all answers in flight.
const BUDGET: usize = 512 << 20;
/// What one permit stands for; an answer below it needs none.
const UNIT: usize = 1 << 20;

/// Makes requests.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    http: HttpConfig,
    limits: Limits,
    memory: Arc<Semaphore>,
}

impl Fetcher {
    /// A client for `targets` targets. Connections are kept between polls only where there are
    /// few: each idle one costs a read buffer, 40 to 80 kB, and connecting anew is cheap in a LAN.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    ///
    /// # Panics
    /// When no TLS provider is installed in the process (`rustls::crypto::ring`).
    pub fn new(limits: Limits, http: &HttpConfig, targets: usize) -> Result<Self, String> {
        let client = Client::builder()
            .user_agent(concat!("hallwatch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(limits.timeout)
            .connect_timeout(limits.timeout)
            .read_timeout(limits.stall)
            .pool_max_idle_per_host(usize::from(targets <= 512));
        let client = http.client(client).map_err(|e| e.to_string())?;
        Ok(Self { client, http: http.clone(), limits, memory: Arc::new(Semaphore::new(BUDGET / UNIT)) })
    }

    /// Asks `url`.
    ///
    /// # Errors
    /// Any reason why there is no complete answer of a kind that an exporter could give.
    pub async fn get(&self, url: Url) -> Result<Body, FetchError> {
        let start = Instant::now();
        // The URL may hold a password, so it never gets into a message.
        let fail = |e: reqwest::Error| explain(&e.without_url(), start, self.limits);
        let request =
            self.client.get(url).header(ACCEPT, "text/plain;version=0.0.4, text/plain;q=0.5, */*;q=0.1");
        let request = self.http.authorize(request).map_err(|e| FetchError::Other(e.to_string()))?;
        let response = request.send().await.map_err(fail)?;
        check(&response)?;
        self.read(response).await.map_err(|e| match e {
            ReadError::Http(e) => fail(e),
            ReadError::Own(e) => e,
        })
    }

    async fn read(&self, mut response: Response) -> Result<Body, ReadError> {
        let mut bytes = Vec::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(chunk) = response.chunk().await? {
            let size = bytes.len() + chunk.len();
            if size > self.limits.body {
                return Err(FetchError::TooLarge(self.limits.body).into());
            }
            let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            if let Some(more) = (size / UNIT).checked_sub(held).filter(|m| *m > 0) {
                let more = u32::try_from(more).unwrap_or(u32::MAX);
                let permit = Arc::clone(&self.memory).try_acquire_many_owned(more);
                let permit = permit.map_err(|_| FetchError::Crowded)?;
                match &mut share {
                    Some(share) => share.merge(permit),
                    None => share = Some(permit),
                }
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body { bytes, _share: share })
    }
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

enum ReadError {
    Http(reqwest::Error),
    Own(FetchError),
}

impl From<reqwest::Error> for ReadError {
    fn from(e: reqwest::Error) -> Self {
        Self::Http(e)
    }
}

impl From<FetchError> for ReadError {
    fn from(e: FetchError) -> Self {
        Self::Own(e)
    }
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

fn check(response: &Response) -> Result<(), FetchError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchError::Redirect(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if is_foreign(kind) {
        let kind = kind.split(';').next().unwrap_or_default();
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
