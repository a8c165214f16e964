//! The HTTP side of an engine: one request, guarded, and why it gave nothing.

use std::time::Duration;

use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::Instant;

use super::answer::{self, AnswerError, Bounds, Reader, Series, Summary};
use super::plan::Names;
use super::remote::STREAMED;
use super::{PromConfig, PromError};
use crate::model::Timestamp;
use crate::source::http::HttpConfig;
use crate::source::scrape::Limits;
use crate::source::scrape::fetch::{FetchError, explain};

/// Largest answer that is only looked at for its words.
const MAX_WORDS: usize = 64 << 10;
/// Largest list of names of families.
const MAX_NAMES: usize = 32 << 20;
/// Longest wait that an engine may ask for.
pub const MAX_WAIT: Duration = Duration::from_secs(300);
/// The wait where an engine asks for one without saying how long.
const SOME_WAIT: Duration = Duration::from_secs(15);

/// Why a query gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer.
    #[error("{0}")]
    Silent(#[from] FetchError),
    /// Another status than 200, with the words of the engine.
    #[error("engine answered {status}{}{words}", if words.is_empty() { "" } else { ": " })]
    Refused {
        /// The status.
        status: u16,
        /// What it said, clean.
        words: String,
        /// It wants to be left alone for so long.
        wait: Option<Duration>,
    },
    /// There is nothing to log in with.
    #[error("{0}")]
    Login(String),
    /// The answer cannot be used.
    #[error("{0}")]
    Answer(#[from] AnswerError),
}

impl AskError {
    /// How long the engine wants to be left alone, if it does.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Refused { wait, .. } => *wait,
            _ => None,
        }
    }

    /// True when the query touches more than the engine allows, by its words, or gives more than is
    /// read here: parts of it may pass.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        match self {
            Self::Answer(AnswerError::Body(_) | AnswerError::Series(_)) => true,
            Self::Refused { words, .. } | Self::Answer(AnswerError::Engine(words)) => {
                answer::is_too_much(words)
            }
            _ => false,
        }
    }
}

/// What kind of engine it is, as far as that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Flavor {
    /// Anything with Prometheus' query API.
    #[default]
    Other,
    /// Prometheus itself, with its version.
    Prometheus(u32, u32),
    /// VictoriaMetrics.
    Victoria,
}

impl Flavor {
    /// The parameters that bound how far a query looks back, where the engine has such.
    #[must_use]
    pub fn look_back(self, reach: Duration) -> Vec<(&'static str, String)> {
        let seconds = format!("{}s", reach.as_secs().max(1));
        match self {
            Self::Prometheus(major, minor) if (major, minor) >= (2, 43) => vec![("lookback_delta", seconds)],
            Self::Victoria => vec![("step", seconds)],
            _ => Vec::new(),
        }
    }

    /// Parameters of each query: VictoriaMetrics keeps samples back for 30 s unless it is told not to.
    #[must_use]
    pub fn always(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Victoria => vec![("latency_offset", "1s".to_owned()), ("nocache", "1".to_owned())],
            _ => Vec::new(),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    http: HttpConfig,
    base: Url,
    limits: Limits,
    bounds: Bounds,
}

impl Api {
    /// The client for the engine of `config`.
    ///
    /// # Errors
    /// The tenant cannot stand in a header, or the TLS library cannot be set up.
    ///
    /// # Panics
    /// When no TLS provider is installed in the process (`rustls::crypto::ring`).
    pub fn new(config: &PromConfig) -> Result<Self, PromError> {
        let mut headers = HeaderMap::new();
        if let Some(tenant) = &config.tenant {
            let value = HeaderValue::from_str(tenant).map_err(|_| PromError::Tenant)?;
            headers.insert(HeaderName::from_static("x-scope-orgid"), value);
        }
        let builder = Client::builder()
            .user_agent(concat!("hallwatch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Compression costs both sides more time than it saves in a LAN.
            .gzip(false)
            .default_headers(headers)
            .timeout(config.patience)
            .connect_timeout(config.timeout)
            .read_timeout(config.patience);
        let client = config.http.client(builder)?;
        let limits = Limits { timeout: config.patience, stall: config.patience, body: MAX_WORDS };
        let http = config.http.clone();
        Ok(Self { client, http, base: config.url.clone(), limits, bounds: Bounds::default() })
    }

    /// Asks for the vector of `expression` at `time` and hands its series to `sink`: they count only
    /// when the answer was whole.
    ///
    /// # Errors
    /// There is no whole answer with a vector.
    pub async fn query(
        &self,
        expression: &str,
        time: Timestamp,
        more: &[(&'static str, String)],
        sink: &mut (impl FnMut(&Series<'_>) + Send),
    ) -> Result<Summary, AskError> {
        let seconds = format!("{}.{:03}", time.millis().div_euclid(1000), time.millis().rem_euclid(1000));
        let timeout = format!("{}s", self.limits.timeout.as_secs().max(1));
        let mut fields = vec![("query", expression), ("time", &seconds), ("timeout", &timeout)];
        fields.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        let response = self.post("api/v1/query", &fields).await?;
        self.read(response, sink).await
    }

    /// Reads an answer of the query API as it comes.
    ///
    /// # Errors
    /// It is not whole, or not a result.
    pub async fn read(
        &self,
        mut response: Response,
        sink: &mut (impl FnMut(&Series<'_>) + Send),
    ) -> Result<Summary, AskError> {
        let start = Instant::now();
        let mut reader = Reader::new(self.bounds);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => reader.feed(&chunk, sink)?,
                Ok(None) => return Ok(reader.finish(sink)?),
                Err(e) => return Err(explain(&e.without_url(), start, self.limits).into()),
            }
        }
    }

    /// Posts `fields` as a form.
    ///
    /// # Errors
    /// No answer with status 200.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Response, AskError> {
        let body = form(fields);
        let request = self.client.post(self.url(path)).body(body);
        self.send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    /// Asks for samples as they are stored: the answer is a stream of chunks.
    ///
    /// # Errors
    /// There is none, or it is of another form.
    pub async fn remote_read(&self, body: Vec<u8>) -> Result<Response, AskError> {
        let request = self.client.post(self.url("api/v1/read")).body(body);
        let request = request
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Read-Version", "0.1.0");
        let response = self.send(request).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind.starts_with(STREAMED) { Ok(response) } else { Err(AnswerError::Foreign.into()) }
    }

    /// The next bytes of an answer; `None` at its end.
    ///
    /// # Errors
    /// It broke off.
    pub async fn chunk(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, AskError> {
        let start = Instant::now();
        let chunk = response.chunk().await;
        chunk.map_err(|e| explain(&e.without_url(), start, self.limits).into())
    }

    /// Which engine it is, and how far its clock is ahead of `now`, ms.
    ///
    /// # Errors
    /// It cannot be asked at all; an engine that does not know the question is of no special flavor.
    pub async fn probe(&self, now: Timestamp) -> Result<(Flavor, i64), AskError> {
        let start = Instant::now();
        let response = match self.send(self.client.get(self.url("api/v1/status/buildinfo"))).await {
            Ok(response) => response,
            Err(AskError::Refused { status: 404 | 405 | 501, .. }) => return Ok((Flavor::Other, 0)),
            Err(e) => return Err(e),
        };
        let headers = response.headers();
        let skew = ahead(headers, now.plus_millis(millis(start.elapsed()) / 2));
        let victoria = headers.contains_key("x-server-hostname");
        let (bytes, _) = self.bounded(response, MAX_WORDS).await?;
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let data = &json["data"];
        let version = data["version"].as_str().unwrap_or_default();
        let plain = data["application"].is_null() && data["revision"].is_string();
        Ok((if victoria { Flavor::Victoria } else { flavor(version, plain) }, skew))
    }

    /// The names of all families that the engine has; all that are possible where it does not say.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn names(&self) -> Result<Names, AskError> {
        #[derive(serde::Deserialize)]
        struct Listed {
            data: Vec<String>,
        }
        let response = match self.send(self.client.get(self.url("api/v1/label/__name__/values"))).await {
            Ok(response) => response,
            Err(AskError::Refused { status: 400..=405 | 422 | 501, .. }) => return Ok(Names::default()),
            Err(e) => return Err(e),
        };
        let (bytes, whole) = self.bounded(response, MAX_NAMES).await?;
        let listed = serde_json::from_slice::<Listed>(&bytes).ok().filter(|_| whole);
        Ok(listed.map_or_else(Names::default, |l| Names::of(l.data)))
    }

    fn url(&self, path: &str) -> Url {
        // The base ends with a slash, and the paths are fixed: they always join.
        self.base.join(path).unwrap_or_else(|_| self.base.clone())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, AskError> {
        let request = self.http.authorize(request).map_err(|e| AskError::Login(e.to_string()))?;
        let start = Instant::now();
        // The address may hold a password, so it never gets into a message.
        let response = request.send().await.map_err(|e| explain(&e.without_url(), start, self.limits))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        if status.is_redirection() {
            return Err(FetchError::Redirect(status.as_u16()).into());
        }
        let wait = wait(status, response.headers());
        let words = self.bounded(response, MAX_WORDS).await.map(|(b, _)| said(&b)).unwrap_or_default();
        Err(AskError::Refused { status: status.as_u16(), words, wait })
    }

    /// The first `most` bytes of an answer, and whether that is all of it.
    async fn bounded(&self, mut response: Response, most: usize) -> Result<(Vec<u8>, bool), AskError> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > most => return Ok((bytes, false)),
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Ok((bytes, true)),
                Err(e) => return Err(explain(&e.without_url(), start, self.limits).into()),
            }
        }
    }
}

/// `fields` as the body of a form.
fn form(fields: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://form/", fields);
    url.ok().and_then(|u| u.query().map(str::to_owned)).unwrap_or_default()
}

/// The version of an engine; `plain`: it says what Prometheus says and nothing else.
fn flavor(version: &str, plain: bool) -> Flavor {
    let mut parts = version.trim_start_matches('v').split('.').map(|p| p.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        // Thanos counts from 0.
        (Some(major), Some(minor)) if plain && major >= 2 => Flavor::Prometheus(major, minor),
        _ => Flavor::Other,
    }
}

/// How far the clock of who answered is ahead, ms. A `Date` counts whole seconds.
fn ahead(headers: &HeaderMap, now: Timestamp) -> i64 {
    let date = headers.get(DATE).and_then(|v| v.to_str().ok());
    let date = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok());
    date.map_or(0, |d| d.timestamp().as_millisecond() + 500 - now.millis())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// How long an engine that is too busy wants to be left alone.
fn wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok());
    match asked.map(|a| a.trim().parse::<u64>()) {
        Some(Ok(seconds)) => Some(Duration::from_secs(seconds).min(MAX_WAIT)),
        Some(Err(_)) => Some(SOME_WAIT),
        None => (status == StatusCode::TOO_MANY_REQUESTS).then_some(SOME_WAIT),
    }
}

/// The words in the body of a refusal: those of the query API, else the first line of text.
fn said(body: &[u8]) -> String {
    let mut reader = Reader::new(Bounds { body: MAX_WORDS + 1, ..Bounds::default() });
    let read = reader.feed(body, &mut |_| {}).and_then(|()| reader.finish(&mut |_| {}).map(drop));
    if let Err(AnswerError::Engine(words)) = read {
        return words;
    }
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    if line.starts_with(['<', '{', '[']) { String::new() } else { answer::reason(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_escapes_what_an_expression_holds() {
        assert_eq!(
            form(&[("query", "a{b=~\"c|d\"} + 1"), ("time", "1.5")]),
            "query=a%7Bb%3D%7E%22c%7Cd%22%7D+%2B+1&time=1.5"
        );
    }

    #[test]
    fn engines_are_told_apart_by_what_they_say_of_themselves() {
        let reach = Duration::from_secs(30);
        assert_eq!(flavor("3.5.3", true).look_back(reach), [("lookback_delta", "30s".to_owned())]);
        assert_eq!(flavor("2.42.0+ds", true).look_back(reach), []);
        assert_eq!((flavor("0.37.2", true), flavor("2.14.0", false)), (Flavor::Other, Flavor::Other));
        assert_eq!(Flavor::Victoria.look_back(reach), [("step", "30s".to_owned())]);
        assert_eq!(flavor("", true), Flavor::Other);
    }

    #[test]
    fn refusals_are_told_in_the_words_of_the_engine() {
        let json = br#"{"status":"error","errorType":"bad_data","error":"parse \u001berror"}"#;
        assert_eq!(said(json), "parse error");
        assert_eq!(said(b"\n too busy\nmore"), "too busy");
        assert_eq!((said(b"<html>x"), said(b"{\"a\":")), (String::new(), String::new()));
        let refused = AskError::Refused { status: 401, words: "no token".into(), wait: None };
        assert_eq!(refused.to_string(), "engine answered 401: no token");
        let bare = AskError::Refused { status: 503, words: String::new(), wait: None };
        assert_eq!(bare.to_string(), "engine answered 503");
    }

    #[test]
    fn a_busy_engine_says_how_long_to_wait() {
        let mut headers = HeaderMap::new();
        assert_eq!(wait(StatusCode::SERVICE_UNAVAILABLE, &headers), None);
        assert_eq!(wait(StatusCode::TOO_MANY_REQUESTS, &headers), Some(SOME_WAIT));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(wait(StatusCode::SERVICE_UNAVAILABLE, &headers), Some(Duration::from_secs(7)));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("99999999"));
        assert_eq!(wait(StatusCode::SERVICE_UNAVAILABLE, &headers), Some(MAX_WAIT));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Fri, 31 Dec 2027 23:59:59 GMT"));
        assert_eq!(wait(StatusCode::SERVICE_UNAVAILABLE, &headers), Some(SOME_WAIT));
    }

    #[test]
    fn the_clock_of_an_engine_is_compared_with_ours() {
        let mut headers = HeaderMap::new();
        let now = Timestamp::from_secs(1_795_428_310);
        assert_eq!(ahead(&headers, now), 0);
        headers.insert(DATE, HeaderValue::from_static("Mon, 23 Nov 2026 10:05:10 GMT"));
        let skew = ahead(&headers, now);
        assert_eq!(skew, 500);
    }

    #[test]
    fn too_many_samples_are_known_by_the_words() {
        let said =
            |words: &str| AskError::Refused { status: 422, words: words.into(), wait: None }.is_too_much();
        for words in [
            "query processing would load too many samples into memory in query execution",
            "cannot select more than -search.maxSamplesPerQuery=1000000000 samples; possible solutions",
            "the number of matching timeseries exceeds 300000; increase -search.maxUniqueTimeseries",
            "the query exceeded the maximum number of series (limit: 5 series) (err-mimir-max-series-per-query)",
            "the query exceeded the aggregated chunks size limit (limit: 7 bytes)",
            "rpc error: exceeded series limit: rpc error: code = ResourceExhausted",
        ] {
            assert!(said(words), "{words}");
        }
        let json = |words: &str| format!("{{\"status\":\"error\",\"error\":\"{words}\"}}");
        let victoria = json(
            "error when executing query=\\\"max by (UUID) (DCGM_FI_DEV_GPU_TEMP)\\\" for (time=1795700470061, step=300000): cannot evaluate \\\"DCGM_FI_DEV_GPU_TEMP\\\": search error after reading 0 data blocks: error when searching for tagFilters=[{__name__=\\\"DCGM_FI_DEV_GPU_TEMP\\\"}]: error when searching tsids: the number of matching timeseries exceeds 90; either narrow down the search or increase -search.max* command-line flag values at vmselect; see https://docs.victoriametrics.com/#resource-usage-limits",
        );
        let told = super::said(victoria.as_bytes());
        assert!(told.starts_with("the number of matching timeseries exceeds 90; ") && said(&told), "{told}");
        let far = "receive series from Addr: 10.0.0.1:10901 LabelSets: ".repeat(4);
        let told = super::said(json(&format!("{far}rpc error: exceeded series limit: 5")).as_bytes());
        assert_eq!(told, "exceeded series limit: 5");
        assert!(AskError::Answer(AnswerError::Series(7)).is_too_much());
        assert!(!AskError::Answer(AnswerError::Cut).is_too_much());
        assert!(!said("parse error"));
    }
}
