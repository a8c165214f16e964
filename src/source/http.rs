//! How HTTP sources show who they are and whom they trust, in the words of Prometheus'
//! `http_config`: authorization, basic auth, headers, and TLS with own CAs and client certificates.
//!
//! Secrets come from the settings or from files, which are read again when they change. They never
//! show: not in messages, not in `Debug`.

pub mod secret;
pub mod tls;
pub mod tls_server;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, RequestBuilder};

use crate::model::text;

pub use secret::Secret;
pub use tls::TlsConfig;
pub use tls_server::TlsServerConfig;

/// Most headers of one source.
pub const MAX_HEADERS: usize = 32;

/// Who we are to the other side, and what we ask of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// What stands in the header `Authorization`.
    pub auth: Option<Auth>,
    /// Certificates.
    pub tls: TlsConfig,
    /// Further headers of each request, such as `X-Scope-OrgID`: names that passed
    /// [`check_header`], at most [`MAX_HEADERS`].
    pub headers: Vec<(String, Secret)>,
    /// As a receiver: the certificate that is shown to who connects; `None`: plain HTTP.
    pub server: Option<TlsServerConfig>,
}

/// The two ways to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `authorization`: a scheme, mostly `Bearer`, and its credentials.
    Authorization {
        /// The scheme, one word.
        kind: String,
        /// A token.
        credentials: Secret,
    },
    /// `basic_auth`.
    Basic {
        /// The user, without a colon.
        username: String,
        /// The password; may be empty.
        password: Secret,
    },
}

/// Why nothing can be asked with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum HttpConfigError {
    /// A file cannot be read.
    #[error("{what} file {path} cannot be read: {source}")]
    Read {
        /// Token, password, CA, certificate or key.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds nothing.
    #[error("{what} file {path} is empty")]
    Empty {
        /// Token, password, CA, certificate or key.
        what: &'static str,
        /// The file.
        path: String,
    },
    /// A file holds something else.
    #[error("{what} file {path}: {message}")]
    Content {
        /// Token, password, CA, certificate or key.
        what: &'static str,
        /// The file.
        path: String,
        /// What was expected.
        message: String,
    },
    /// A header that HTTP does not allow.
    #[error("header {name}: {message}")]
    Header {
        /// Its name.
        name: String,
        /// What was expected.
        message: &'static str,
    },
    /// The certificates do not fit together.
    #[error("tls_config: {0}")]
    Tls(String),
    /// The client cannot be made.
    #[error("cannot set up HTTP: {0}")]
    Client(String),
}

impl HttpConfig {
    /// True when nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// A client with the certificates of this configuration, and otherwise as `builder` says. Reads
    /// the files of `tls_config`.
    ///
    /// # Errors
    /// A file is missing, empty, too large or no certificate, or the client cannot be made.
    ///
    /// # Panics
    /// When `tls_config` is not set and no TLS provider is installed in the process
    /// (`rustls::crypto::ring`).
    pub fn client(&self, builder: ClientBuilder) -> Result<Client, HttpConfigError> {
        let builder = if self.tls.is_default() {
            builder
        } else {
            builder.tls_backend_preconfigured(self.tls.client_config()?)
        };
        builder.build().map_err(|e| HttpConfigError::Client(text::clean(&e.without_url().to_string())))
    }

    /// `request` with the headers of this configuration. Looks at the files of secrets.
    ///
    /// # Errors
    /// A file of a secret is missing, empty or too large, or holds what no header can carry.
    pub fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpConfigError> {
        if self.auth.is_none() && self.headers.is_empty() {
            return Ok(request);
        }
        Ok(request.headers(self.request_headers()?))
    }

    /// The headers that each request carries, marked as secret. Looks at the files of secrets.
    ///
    /// # Errors
    /// As [`Self::authorize`].
    pub fn request_headers(&self) -> Result<HeaderMap, HttpConfigError> {
        let mut out = HeaderMap::new();
        for (name, value) in &self.headers {
            let key = check_header(name)?;
            out.insert(key, header_value(name, &value.read("header value")?)?);
        }
        if let Some(auth) = &self.auth {
            let (kind, credentials) = auth.parts()?;
            out.insert(AUTHORIZATION, header_value("Authorization", &format!("{kind} {credentials}"))?);
        }
        Ok(out)
    }

    /// As a receiver: does the `Authorization` header of a request show the credentials of this
    /// configuration? Without any configured, everybody may. Takes the same time whether or not the
    /// first characters are right.
    ///
    /// # Errors
    /// The file of the secret cannot be used: nobody may be let in, and the operator must know.
    pub fn admits(&self, authorization: Option<&[u8]>) -> Result<bool, HttpConfigError> {
        let Some(auth) = &self.auth else { return Ok(true) };
        let (kind, credentials) = auth.parts()?;
        let given = authorization.unwrap_or_default().trim_ascii();
        let at = given.iter().position(|b| *b == b' ').unwrap_or(given.len());
        let (scheme, rest) = given.split_at(at);
        // Digests are compared in constant time, whatever the lengths.
        let same = blake3::hash(rest.trim_ascii()) == blake3::hash(credentials.as_bytes());
        Ok(same && scheme.eq_ignore_ascii_case(kind.as_bytes()))
    }
}

impl Auth {
    /// Scheme and credentials as they stand in the header.
    fn parts(&self) -> Result<(&str, String), HttpConfigError> {
        match self {
            Self::Authorization { kind, credentials } => Ok((kind, credentials.read("token")?)),
            Self::Basic { username, password } => {
                let plain = format!("{username}:{}", password.read("password")?);
                Ok(("Basic", BASE64_STANDARD.encode(plain)))
            }
        }
    }
}

/// The header called `name`, if it may be set by hand.
///
/// # Errors
/// It is no header name, or one that this program or `authorization` sets.
pub fn check_header(name: &str) -> Result<HeaderName, HttpConfigError> {
    let wrong = |message| HttpConfigError::Header { name: text::clean(name), message };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("this is no name of a header"))?;
    match header.as_str() {
        "authorization" => Err(wrong("use the tables `authorization` or `basic_auth`")),
        "host" | "connection" | "content-length" | "transfer-encoding" | "accept" | "accept-encoding"
        | "content-type" | "content-encoding" | "te" | "upgrade" | "trailer" => {
            Err(wrong("this header is set by the protocol"))
        }
        _ => Ok(header),
    }
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, HttpConfigError> {
    let wrong = |_| HttpConfigError::Header {
        name: text::clean(name),
        message: "its value holds characters that no header can carry",
    };
    let mut value = HeaderValue::from_str(value).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(token: &str) -> HttpConfig {
        let auth = Auth::Authorization { kind: "Bearer".into(), credentials: Secret::text(token) };
        HttpConfig { auth: Some(auth), ..HttpConfig::default() }
    }

    fn basic(username: &str, password: &str) -> HttpConfig {
        let auth = Auth::Basic { username: username.into(), password: Secret::text(password) };
        HttpConfig { auth: Some(auth), ..HttpConfig::default() }
    }

    #[test]
    fn a_request_carries_what_was_configured() {
        let mut config = basic("kari", "open sesame");
        config.headers = vec![("X-Scope-OrgID".into(), Secret::text("site-7"))];
        let headers = config.request_headers().expect("good headers");
        assert_eq!(headers["authorization"], "Basic a2FyaTpvcGVuIHNlc2FtZQ==");
        assert_eq!(headers["x-scope-orgid"], "site-7");
        assert!(headers.values().all(HeaderValue::is_sensitive));
        assert_eq!(bearer("t0").request_headers().expect("a token")["authorization"], "Bearer t0");
        assert!(HttpConfig::default().request_headers().expect("nothing").is_empty());
    }

    #[test]
    fn the_receiver_lets_in_who_shows_the_credentials_and_nobody_else() {
        let admits =
            |c: &HttpConfig, given: Option<&str>| c.admits(given.map(str::as_bytes)).expect("a secret");
        let config = bearer("abc123");
        for good in ["Bearer abc123", "bearer abc123", "Bearer  abc123 "] {
            assert!(admits(&config, Some(good)), "{good}");
        }
        for bad in ["Bearer abc12", "Bearer abc1234", "Basic abc123", "abc123", "", "Bearer"] {
            assert!(!admits(&config, Some(bad)), "{bad}");
        }
        assert!(!admits(&config, None));
        assert!(admits(&basic("u", "p"), Some("Basic dTpw")));
        assert!(!admits(&basic("u", "q"), Some("Basic dTpw")));
        assert!(admits(&HttpConfig::default(), None), "without credentials everybody may");
    }

    #[test]
    fn secrets_do_not_show() {
        let mut config = basic("kari", "geheim-1");
        config.headers = vec![("X-Key".into(), Secret::text("geheim-2"))];
        let shown = format!("{config:?} {:?}", bearer("geheim-3"));
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.contains("kari") && shown.contains("X-Key"), "{shown}");
    }

    #[test]
    fn headers_that_cannot_be_are_refused_without_their_value() {
        for (name, word) in
            [("a b", "no name"), ("Authorization", "basic_auth"), ("Content-Length", "protocol")]
        {
            let e = check_header(name).expect_err(name).to_string();
            assert!(e.contains(word), "{e}");
        }
        let e = bearer("geheim\nX: y").request_headers().expect_err("a line break").to_string();
        assert!(e.contains("Authorization") && !e.contains("geheim"), "{e}");
    }

    #[test]
    fn a_missing_secret_admits_nobody_and_says_why() {
        let auth = Auth::Authorization { kind: "Bearer".into(), credentials: Secret::file("/nowhere/token") };
        let config = HttpConfig { auth: Some(auth), ..HttpConfig::default() };
        let e = config.admits(Some(b"Bearer ")).expect_err("no such file").to_string();
        assert!(e.starts_with("token file /nowhere/token cannot be read"), "{e}");
        assert!(config.request_headers().is_err());
    }
}
