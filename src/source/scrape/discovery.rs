//! Target lists over HTTP, in Prometheus' `http_sd` form: asked again and again; the last good list
//! stays in use.

use std::time::Duration;

use reqwest::header::{ACCEPT, USER_AGENT};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::fetch::{Limits, explain};
use super::targets::{self, MAX_FILE, Target};
use crate::source::http::HttpConfig;

/// Longest time for one list.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A list to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it is.
    pub url: Url,
    /// Time between two looks.
    pub refresh: Duration,
}

/// One look at a list.
#[derive(Debug)]
pub struct Found {
    /// Which of the lists.
    pub index: usize,
    /// Its targets, or why there are none.
    pub targets: Result<Vec<Target>, String>,
}

impl Remote {
    /// What the operator calls it: the address without a password.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}://{}", self.url.scheme(), targets::identity(&self.url))
    }

    /// Asks for the list until nobody listens any more; `index` says which it is.
    pub async fn follow(self, index: usize, http: HttpConfig, found: mpsc::Sender<Found>) {
        let mut timer = tokio::time::interval(self.refresh.max(Duration::from_secs(1)));
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let targets = self.look(&http).await;
            if found.send(Found { index, targets }).await.is_err() {
                return;
            }
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// A sentence: the other side does not answer, or with something that is no list.
    pub async fn look(&self, http: &HttpConfig) -> Result<Vec<Target>, String> {
        let name = self.name();
        let text = self.text(http).await.map_err(|e| format!("{name}: {e}"))?;
        targets::from_json(&name, &text).map_err(|e| e.to_string())
    }

    async fn text(&self, http: &HttpConfig) -> Result<String, String> {
        let limits = Limits { timeout: TIMEOUT, ..Limits::default() };
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(limits.timeout)
            .read_timeout(limits.stall);
        // Made anew each time: lists are rare, and certificates may have changed.
        let client = http.client(client).map_err(|e| e.to_string())?;
        let start = Instant::now();
        let fail = |e: reqwest::Error| explain(&e.without_url(), start, limits).to_string();
        let request = client.get(self.url.clone()).header(ACCEPT, "application/json");
        let request = request.header(USER_AGENT, concat!("hallwatch/", env!("CARGO_PKG_VERSION")));
        let request = http.authorize(request).map_err(|e| e.to_string())?;
        let mut answer = request.send().await.map_err(fail)?;
        if answer.status() != StatusCode::OK {
            return Err(format!("HTTP {}", answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(fail)? {
            if (bytes.len() + chunk.len()) as u64 > MAX_FILE {
                return Err(format!("the list is larger than {} MiB", MAX_FILE >> 20));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| "the list is not UTF-8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_without_its_password() {
        let url = Url::parse("https://me:geheim@sd:8080/targets?x=1").expect("a URL");
        let name = Remote { url, refresh: Duration::from_secs(60) }.name();
        assert_eq!(name, "https://sd:8080/targets?x=1");
    }

    #[tokio::test]
    async fn nobody_there_is_a_sentence() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = closed.local_addr().expect("an address");
        drop(closed);
        let url = Url::parse(&format!("http://{address}/t")).expect("a URL");
        let why = Remote { url, refresh: TIMEOUT }.look(&HttpConfig::default()).await.expect_err("nobody");
        assert_eq!(why, format!("http://{address}/t: connection refused"));
    }
}
