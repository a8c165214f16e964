//! The bytes of a request: line, headers, and who we are.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use crate::source::http::HttpConfig;

/// Files of secrets are looked at this often, at most.
const FRESH: Duration = Duration::from_secs(1);

const HEADERS: &str = concat!(
    " HTTP/1.1\r\nuser-agent: hallwatch/",
    env!("CARGO_PKG_VERSION"),
    "\r\naccept: text/plain;version=0.0.4, text/plain;q=0.5, */*;q=0.1\r\naccept-encoding: gzip\r\nhost: "
);

/// What the requests of one source carry.
pub struct Login {
    http: HttpConfig,
    lines: Mutex<Option<(Instant, Lines)>>,
}

/// Header lines, or why there are none.
type Lines = Result<Arc<[u8]>, String>;

impl Login {
    /// Requests as `http` says.
    #[must_use]
    pub const fn new(http: HttpConfig) -> Self {
        Self { http, lines: Mutex::new(None) }
    }

    /// Appends the request for `url` to `out`.
    ///
    /// # Errors
    /// A secret cannot be read: a sentence.
    pub fn request(&self, url: &Url, out: &mut Vec<u8>) -> Result<(), String> {
        let lines = self.lines()?;
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(url.path().as_bytes());
        if let Some(query) = url.query() {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
        out.extend_from_slice(HEADERS.as_bytes());
        out.extend_from_slice(url.host_str().unwrap_or_default().as_bytes());
        if let Some(port) = url.port() {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&lines);
        if self.http.auth.is_none() && !url.username().is_empty() {
            out.extend_from_slice(of_url(url).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The name that a certificate must carry.
    #[must_use]
    pub fn server_name(&self, url: &Url) -> Option<ServerName<'static>> {
        let host = || url.host_str().map(|h| h.trim_matches(['[', ']']).to_owned());
        self.http.tls.name().or_else(|| ServerName::try_from(host()?).ok())
    }

    fn lines(&self) -> Lines {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match &*lines {
            Some((since, known)) if since.elapsed() < FRESH => known.clone(),
            _ => {
                let fresh = self.read();
                *lines = Some((Instant::now(), fresh.clone()));
                fresh
            }
        }
    }

    fn read(&self) -> Lines {
        let mut out = Vec::new();
        for (name, value) in &self.http.request_headers().map_err(|e| e.to_string())? {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Ok(out.into())
    }
}

/// The login that stands in an address, as a header line.
fn of_url(url: &Url) -> String {
    let plain = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let mut line = String::from("authorization: Basic ");
    let _ = write!(line, "{}\r\n", BASE64_STANDARD.encode(plain));
    line
}

/// `%41` becomes `A`; what is no text then becomes a replacement sign.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let code = code.and_then(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok());
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::http::{Auth, Secret};

    fn request(http: HttpConfig, url: &str) -> String {
        let mut out = Vec::new();
        let url = Url::parse(url).expect("a URL");
        Login::new(http).request(&url, &mut out).expect("no secret in a file");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_request_asks_for_path_and_query_at_the_host() {
        let text = request(HttpConfig::default(), "http://n1:9400/metrics?a=b");
        assert!(text.starts_with("GET /metrics?a=b HTTP/1.1\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("\r\nhost: n1:9400\r\n") && !text.contains("authorization"), "{text}");
        assert!(request(HttpConfig::default(), "https://n1/").contains("host: n1\r\n"));
    }

    #[test]
    fn the_login_of_the_settings_goes_before_that_of_the_address() {
        let url = "http://me:a%40b@n1/";
        assert!(request(HttpConfig::default(), url).contains("authorization: Basic bWU6YUBi\r\n"));
        let auth = Auth::Authorization { kind: "Bearer".into(), credentials: Secret::text("t") };
        let text = request(HttpConfig { auth: Some(auth), ..HttpConfig::default() }, url);
        assert!(text.contains("authorization: Bearer t\r\n") && !text.contains("Basic"), "{text}");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_told() {
        let auth = Auth::Authorization { kind: "Bearer".into(), credentials: Secret::file("/nowhere/token") };
        let login = Login::new(HttpConfig { auth: Some(auth), ..HttpConfig::default() });
        let url = Url::parse("http://n1/").expect("a URL");
        let why = login.request(&url, &mut Vec::new()).expect_err("no such file");
        assert!(why.contains("token file /nowhere/token"), "{why}");
    }

    #[test]
    fn a_certificate_must_carry_the_address_or_the_given_name() {
        let mut http = HttpConfig::default();
        let name = |http: &HttpConfig, url: &str| {
            Login::new(http.clone())
                .server_name(&Url::parse(url).expect("a URL"))
                .map(|n| n.to_str().into_owned())
        };
        assert_eq!(name(&http, "https://n1:9400/").as_deref(), Some("n1"));
        assert_eq!(name(&http, "https://[::1]:9400/").as_deref(), Some("::1"));
        http.tls.server_name = Some("exporters.site".into());
        assert_eq!(name(&http, "https://n1/").as_deref(), Some("exporters.site"));
    }

    #[test]
    fn escapes_in_addresses_are_undone() {
        assert_eq!(decoded("a%20b%zz%4"), "a b%zz%4");
    }
}
