//! A receiver of remote write, as it stands in the settings.

use std::ops::Range;
use std::time::Duration;

use super::Entries;
use crate::cli::config::keys::Value;
use crate::source::http::HttpConfig;
use crate::source::http::tls_server::Renewed;
use crate::source::remote_write::{Gate, ListenError, RemoteWriteConfig, check_address};

/// Smallest and largest `max_body`, bytes.
const BODY: std::ops::RangeInclusive<u64> = 1024..=256 << 20;

/// Where to listen, and how much to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWriteSpec {
    /// The address.
    pub listen: String,
    /// Series that are known at a time, where it is not the default.
    pub max_series: Option<usize>,
    /// Longest request, bytes, where it is not the default.
    pub max_body: Option<usize>,
    /// Time between two samples of a series, where it is not learned.
    pub interval: Option<Duration>,
    /// Who may write.
    pub http: HttpConfig,
}

type Wrong = (Option<Range<usize>>, String);

impl RemoteWriteSpec {
    /// A receiver at `listen` with the default bounds.
    #[must_use]
    pub fn new(listen: &str) -> Self {
        Self {
            listen: listen.to_owned(),
            max_series: None,
            max_body: None,
            interval: None,
            http: HttpConfig::default(),
        }
    }

    /// The receiver of a checked `[[source]]` table.
    ///
    /// # Errors
    /// No address, or a value out of range: with the place, where there is one.
    pub fn from_table(values: &Entries) -> Result<Self, Wrong> {
        let Some((Value::Text(listen), at)) = values.get("listen") else {
            let message =
                "a source of kind `remote_write` needs `listen`: an address such as \"0.0.0.0:9201\"";
            return Err((None, message.to_owned()));
        };
        check_address(listen).map_err(|e| (Some(at.clone()), format!("`listen`: {e}")))?;
        let number = |key: &str, range: std::ops::RangeInclusive<u64>| match values.get(key) {
            Some((Value::Count(n), _)) if range.contains(n) => Ok(usize::try_from(*n).ok()),
            Some((Value::Count(n), at)) => {
                let (low, high) = range.into_inner();
                Err((Some(at.clone()), format!("`{key}`: {n} is out of range: expected {low} to {high}")))
            }
            _ => Ok(None),
        };
        Ok(Self {
            listen: listen.clone(),
            max_series: number("max_series", 1..=100_000_000)?,
            max_body: number("max_body", BODY)?,
            interval: match values.get("interval") {
                Some((Value::Time(time), _)) => Some(*time),
                _ => None,
            },
            http: HttpConfig::default(),
        })
    }

    /// Binds the socket.
    ///
    /// # Errors
    /// It is no address, the system refuses it, or its certificate cannot be used.
    pub fn bind(&self) -> Result<RemoteWriteConfig, ListenError> {
        self.check()?;
        let mut config = RemoteWriteConfig::bind(&self.listen)?;
        config.interval = self.interval;
        config.gate = Gate::new(self.http.clone());
        config.tls = self.http.server.clone().map(Renewed::new).transpose()?;
        let limits = &mut config.limits;
        limits.series = self.max_series.unwrap_or(limits.series);
        if let Some(body) = self.max_body {
            (limits.body, limits.decoded) = (body, 2 * body);
            limits.in_flight = limits.in_flight.max(2 * body);
        }
        Ok(config)
    }

    /// The receiver as a table of the config.
    #[must_use]
    pub fn toml(&self) -> String {
        let number = |name: &str, n: Option<usize>| n.map_or_else(String::new, |n| format!("{name} = {n}\n"));
        let listen = Value::Text(self.listen.clone()).toml();
        let (series, body) = (number("max_series", self.max_series), number("max_body", self.max_body));
        let interval =
            self.interval.map_or_else(String::new, |i| format!("interval = {}\n", Value::Time(i).toml()));
        format!("[[source]]\nkind = \"remote_write\"\nlisten = {listen}\n{series}{body}{interval}")
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!("taken at {}", self.listen)
    }

    /// Looks at address and credentials.
    ///
    /// # Errors
    /// The address is none, or there are certificates or headers, which a receiver has no use for.
    pub fn check(&self) -> Result<(), ListenError> {
        check_address(&self.listen)?;
        if self.http.tls.is_default() && self.http.headers.is_empty() {
            return Ok(());
        }
        Err(ListenError::Unused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_needed_and_looked_at() {
        let read = |text: &str| {
            let entries = Entries::from([("listen", (Value::Text(text.to_owned()), 3..9))]);
            RemoteWriteSpec::from_table(&entries)
        };
        assert_eq!(read("127.0.0.1:9201"), Ok(RemoteWriteSpec::new("127.0.0.1:9201")));
        assert!(read(":9201").is_ok_and(|s| s.check().is_ok()));
        let (at, message) = read("nine").expect_err("no address");
        assert!(at == Some(3..9) && message.contains("`nine` is not an address"), "{message}");
        assert!(RemoteWriteSpec::from_table(&Entries::new()).is_err());
    }

    #[test]
    fn bounds_have_ranges_and_reach_the_receiver() {
        let mut entries = Entries::from([("listen", (Value::Text("127.0.0.1:0".into()), 0..1))]);
        entries.insert("max_body", (Value::Count(4096), 0..1));
        entries.insert("max_series", (Value::Count(7), 0..1));
        let config = RemoteWriteSpec::from_table(&entries).expect("valid").bind().expect("a free port");
        assert_eq!((config.limits.body, config.limits.decoded, config.limits.series), (4096, 8192, 7));
        entries.insert("max_body", (Value::Count(1), 5..6));
        let (at, message) = RemoteWriteSpec::from_table(&entries).expect_err("too small");
        assert!(at == Some(5..6) && message.contains("expected 1024 to"), "{message}");
    }
}
