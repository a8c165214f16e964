//! One member of a cluster: requests with bounds, and why one failed.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, Response, StatusCode, Url};
use tokio::time::Instant;

use super::AlertmanagerConfig;
use super::wire::{PostAlert, PostSilence, Posted, Silence};
use crate::model::text;
use crate::source::scrape::Limits;
use crate::source::scrape::fetch::explain;

/// Largest answer, bytes.
pub const MAX_BODY: usize = 16 << 20;
/// Largest answer that is only looked at for its words.
const MAX_WORDS: usize = 4 << 10;

/// Why a request gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was answered, and refused: status and words.
    Refused(u16, String),
    /// There was no answer that could be used, for this reason.
    Silent(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status, words) if words.is_empty() => write!(f, "HTTP {status}"),
            Self::Refused(status, words) => write!(f, "HTTP {status}: {words}"),
            Self::Silent(why) => f.write_str(why),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Member {
    client: Client,
    base: Url,
    limits: Limits,
    /// `host:port`, without a password.
    pub name: String,
}

impl Member {
    /// Clients for all members.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    ///
    /// # Panics
    /// When no TLS provider is installed in the process (`rustls::crypto::ring`).
    pub fn all(config: &AlertmanagerConfig) -> Result<Vec<Self>, String> {
        let client = Client::builder()
            .user_agent(concat!("hallwatch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            .build()
            .map_err(|e| text::clean(&e.to_string()))?;
        let limits = Limits { timeout: config.timeout, stall: config.timeout, body: MAX_BODY };
        let member =
            |base: &Url| Self { client: client.clone(), base: base.clone(), limits, name: identity(base) };
        Ok(config.urls.iter().map(member).collect())
    }

    /// `GET` of a path of the API.
    ///
    /// # Errors
    /// No whole answer with status 200.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Vec<u8>, Failure> {
        self.ask(Method::GET, path, (token, None)).await
    }

    /// Posts alerts.
    ///
    /// # Errors
    /// They were refused, or nobody answered.
    pub async fn post_alerts(&self, alerts: &[PostAlert], token: Option<&str>) -> Result<(), Failure> {
        let body = json(&alerts)?;
        self.ask(Method::POST, "alerts", (token, Some(body))).await.map(drop)
    }

    /// Posts a silence: the answer is its number.
    ///
    /// # Errors
    /// It was refused, or nobody answered.
    pub async fn post_silence(&self, silence: &PostSilence, token: Option<&str>) -> Result<String, Failure> {
        let answer = self.ask(Method::POST, "silences", (token, Some(json(silence)?))).await?;
        serde_json::from_slice::<Posted>(&answer)
            .map(|p| text::clean(&p.id))
            .map_err(|_| Failure::Silent("not the answer of an Alertmanager".to_owned()))
    }

    /// Ends a silence. That there is none any more is as good.
    ///
    /// # Errors
    /// It was refused, or nobody answered.
    pub async fn end_silence(&self, id: &str, token: Option<&str>) -> Result<(), Failure> {
        let path = format!("silence/{id}");
        let why = match self.ask(Method::DELETE, &path, (token, None)).await {
            Ok(_) => return Ok(()),
            Err(why) => why,
        };
        // Version 0.25 answers with 500 for one that is over or was never there: see what it is.
        if !matches!(why, Failure::Refused(404 | 500, _)) {
            return Err(why);
        }
        match self.get(&path, token).await {
            Err(Failure::Refused(404, _)) => Ok(()),
            Ok(bytes) if serde_json::from_slice::<Silence>(&bytes).is_ok_and(|s| s.is_expired()) => Ok(()),
            _ => Err(why),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        (token, body): (Option<&str>, Option<Vec<u8>>),
    ) -> Result<Vec<u8>, Failure> {
        let start = Instant::now();
        // The address may hold a password, so it never gets into a message.
        let fail =
            |e: reqwest::Error| Failure::Silent(explain(&e.without_url(), start, self.limits).to_string());
        let url = self.base.join(&format!("api/v2/{path}"));
        let url = url.map_err(|e| Failure::Silent(format!("no address: {e}")))?;
        let mut request = self.client.request(method, url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(fail)?;
        let status = response.status();
        if status == StatusCode::OK {
            return match bounded(response, MAX_BODY).await.map_err(fail)? {
                (bytes, true) => Ok(bytes),
                _ => Err(Failure::Silent(format!("body over {} MiB", MAX_BODY >> 20))),
            };
        }
        let words = bounded(response, MAX_WORDS).await.map(|(bytes, _)| said(&bytes)).unwrap_or_default();
        Err(Failure::Refused(status.as_u16(), words))
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|e| Failure::Silent(text::clean(&e.to_string())))
}

/// At most `most` bytes of an answer, and whether that was all of it.
async fn bounded(mut response: Response, most: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}

/// The words of a refusal: a JSON string, the `message` of an object, or plain text.
fn said(bytes: &[u8]) -> String {
    let words = match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(serde_json::Value::String(words)) => words,
        Ok(value) => value["message"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    text::clean(words.trim())
}

/// `host:port/path` of an address, without a password.
pub(in crate::source) fn identity(url: &Url) -> String {
    let mut name = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port_or_known_default() {
        name.push_str(&format!(":{port}"));
    }
    name.push_str(url.path().trim_end_matches('/'));
    text::clean(&name)
}
