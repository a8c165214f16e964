//! Engines with Prometheus' query API: Prometheus, VictoriaMetrics, Thanos, Mimir.
//!
//! `plan` says what is asked, `api` asks, `json` and `answer` read the answer while it comes,
//! `directory` knows which GPU a series is about, and `run` holds it all together. `backfill` reads the
//! past at the start, with `remote` and `xor` where the engine gives it as it stores it, into a `grid`. A value carries
//! the time of its sample, not that of the query: an engine answers for minutes after a node died.

pub mod answer;
pub mod api;
pub mod backfill;
mod board;
mod clocks;
pub mod directory;
pub mod grid;
pub mod json;
pub mod plan;
pub mod remote;
mod request;
mod run;
pub mod xor;

use std::time::Duration;

use reqwest::Url;

use crate::model::{Metric, text};
use crate::source::alertmanager;
use crate::source::alertmanager::client::identity;
use crate::source::http::{HttpConfig, HttpConfigError};

pub use run::{Links, run};

/// What is asked where nothing else is said: what views and alarm rules need.
pub const METRICS: [Metric; 12] = [
    Metric::Util,
    Metric::Activity,
    Metric::Power,
    Metric::Temp,
    Metric::MemUsed,
    Metric::SmClock,
    Metric::MemTemp,
    Metric::Margin,
    Metric::ClockEvents,
    Metric::Xid,
    Metric::Fabric,
    Metric::Recovery,
];

/// Longest expression or selector, bytes.
const MAX_EXPRESSION: usize = 16 << 10;

/// What is wrong with how an engine is described.
#[derive(Debug, thiserror::Error)]
pub enum PromError {
    /// The address is none.
    #[error("{0}")]
    Url(String),
    /// A metric that cannot be asked for.
    #[error("{0}")]
    Metric(String),
    /// A query that is none.
    #[error("{0}")]
    Query(String),
    /// A selector that is none.
    #[error("{0}")]
    Selector(String),
    /// The tenant has characters that no header may have.
    #[error("tenant: expected letters, digits, `-`, `_` and `|`")]
    Tenant,
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
}

/// One engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromConfig {
    /// Its address, with a slash at the end.
    pub url: Url,
    /// What it is called: `host:port/path`, without a password.
    pub name: String,
    /// What is asked for.
    pub metrics: Vec<Metric>,
    /// Expressions that take the place of the built-in ones, in the metric's unit.
    pub queries: Vec<(Metric, String)>,
    /// Login, certificates and headers.
    pub http: HttpConfig,
    /// Value of `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// More label matchers, without braces; empty: none.
    pub selector: String,
    /// So much of the past is asked for at the start; zero: nothing.
    pub backfill: Duration,
    /// Time between two turns.
    pub interval: Duration,
    /// Time within which a connection must stand.
    pub timeout: Duration,
    /// Time within which an answer must be there.
    pub patience: Duration,
    /// Queries at once.
    pub concurrency: usize,
    /// Labels that the placing rules of the site look at.
    pub place_labels: Vec<String>,
    /// Makes the jitter of retries differ between consoles.
    pub seed: u64,
}

impl PromConfig {
    /// The engine at `address`, with defaults: twelve metrics, every 15 s, four queries at once, the
    /// past hour.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(address: &str) -> Result<Self, PromError> {
        let url = alertmanager::parse_url(address).map_err(|e| {
            // The address may hold a password.
            PromError::Url(match address.contains('@') {
                true => "expected an address such as `http://user:password@host:9090`".to_owned(),
                false => e.replace("host:9093", "host:9090"),
            })
        })?;
        Ok(Self {
            name: identity(&url),
            url,
            metrics: METRICS.to_vec(),
            queries: Vec::new(),
            http: HttpConfig::default(),
            tenant: None,
            selector: String::new(),
            backfill: Duration::from_secs(3600),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            concurrency: 4,
            place_labels: Vec::new(),
            seed: 1,
        })
    }

    /// The interval in whole milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX)
    }
}

/// Reads the name of a metric that an engine can be asked for.
///
/// # Errors
/// There is none of that name; or it is one that is made of others.
pub fn parse_metric(name: &str) -> Result<Metric, PromError> {
    let metric = Metric::parse(name).map_err(PromError::Metric)?;
    if METRICS.contains(&metric) {
        return Ok(metric);
    }
    let names = METRICS.map(|m| m.spec().name).join(", ");
    Err(PromError::Metric(format!(
        "`{}` is made here and not asked for: expected some of {names}",
        metric.spec().name
    )))
}

/// Reads `METRIC=EXPR`.
///
/// # Errors
/// Says what was expected.
pub fn parse_query(given: &str) -> Result<(Metric, String), PromError> {
    let shown = || text::clean(given);
    let (name, expression) = given.split_once('=').ok_or_else(|| {
        PromError::Query(format!("`{}`: expected METRIC=EXPR, such as power=site_gpu_watts", shown()))
    })?;
    let metric = parse_metric(name.trim())?;
    let expression = expression.trim();
    if expression.is_empty() || expression.len() > MAX_EXPRESSION {
        return Err(PromError::Query(format!("`{}`: expected an expression behind the `=`", shown())));
    }
    Ok((metric, expression.to_owned()))
}

/// Reads label matchers, with or without braces: `{cluster="kvd"}`.
///
/// # Errors
/// Says what was expected.
pub fn parse_selector(given: &str) -> Result<String, PromError> {
    let wrong = || {
        let shown = text::clean(given);
        PromError::Selector(format!(
            "`{shown}`: expected matchers such as {{cluster=\"kvd\",hall=~\"h1|h2\"}}"
        ))
    };
    let inner = given.trim();
    let inner = match (inner.strip_prefix('{'), inner.strip_suffix('}')) {
        (Some(_), Some(_)) => inner.get(1..inner.len() - 1).ok_or_else(wrong)?.trim(),
        (None, None) => inner,
        _ => return Err(wrong()),
    };
    let inner = inner.trim_end_matches(',').trim();
    let (mut quote, mut escaped, mut equals) = (None, false, false);
    for c in inner.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '{' || c == '}' || c == '(' => return Err(wrong()),
            None => equals |= c == '=' || c == '~',
        }
    }
    let sound = quote.is_none() && (equals || inner.is_empty()) && inner.len() <= MAX_EXPRESSION;
    if sound { Ok(inner.to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_never_told() {
        let config = PromConfig::new("http://kari:hemmelig@mimir:9009/prometheus").expect("an address");
        assert_eq!((config.name.as_str(), config.url.path()), ("mimir:9009/prometheus", "/prometheus/"));
        let e = PromConfig::new("htp://kari:hemmelig@mimir").expect_err("no scheme");
        assert!(!e.to_string().contains("hemmelig"), "{e}");
        let e = PromConfig::new("mimir:9009").expect_err("no scheme").to_string();
        assert!(e.contains("http://host:9090"), "{e}");
    }

    #[test]
    fn queries_name_a_metric_and_an_expression() {
        let (metric, expression) = parse_query("power = a{b=\"c\"}").expect("a query");
        assert_eq!((metric, expression.as_str()), (Metric::Power, "a{b=\"c\"}"));
        for (wrong, words) in [
            ("power", "expected METRIC=EXPR"),
            ("powr=x", "did you mean `power`?"),
            ("power=", "an expression behind"),
            ("age=x", "is made here"),
        ] {
            let e = parse_query(wrong).expect_err(wrong).to_string();
            assert!(e.contains(words), "{e}");
        }
    }

    #[test]
    fn selectors_are_matchers_and_nothing_else() {
        for (given, want) in [
            ("{cluster=\"kvd\"}", "cluster=\"kvd\""),
            ("cluster=\"a}b\\\"c\", hall=~'h1|h2'", "cluster=\"a}b\\\"c\", hall=~'h1|h2'"),
            ("{}", ""),
            ("{a=\"b\",}", "a=\"b\""),
        ] {
            assert_eq!(parse_selector(given).expect(given), want);
        }
        for wrong in ["{", "a", "{a=\"b}", "a=\"b\"} or up{", "}"] {
            assert!(parse_selector(wrong).is_err(), "{wrong}");
        }
    }
}
