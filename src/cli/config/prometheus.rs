//! What a source of kind `prometheus` is told: `[[source]]` tables and options.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use crate::cli::config::http;
use crate::cli::config::keys::Value;
use crate::source::promql::{PromConfig, PromError, parse_metric, parse_query, parse_selector};

type Entries = BTreeMap<&'static str, (Value, Range<usize>)>;
type Wrong = (Option<Range<usize>>, String);

/// An engine as the settings name it.
#[derive(Clone, Debug, PartialEq)]
pub struct PromSpec {
    /// What the source is given, but for what belongs to the other settings.
    pub config: PromConfig,
    /// Its own interval.
    pub interval: Option<Duration>,
}

impl PromSpec {
    /// The engine at `address`, with defaults.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(address: &str) -> Result<Self, PromError> {
        Ok(Self { config: PromConfig::new(address)?, interval: None })
    }

    /// The engine of a checked table.
    ///
    /// # Errors
    /// What is wrong, with the place where there is one.
    pub fn from_table(values: &Entries) -> Result<Self, Wrong> {
        let Some((Value::Text(address), at)) = values.get("url") else {
            let m = "a source of kind `prometheus` needs `url`: \"http://host:9090\"";
            return Err((None, m.to_owned()));
        };
        let wrong =
            |name: &str, at: &Range<usize>, e: &PromError| (Some(at.clone()), format!("`{name}`: {e}"));
        let mut spec = Self::new(address).map_err(|e| wrong("url", at, &e))?;
        let config = &mut spec.config;
        if let Some((Value::Texts(names), at)) = values.get("metrics") {
            let metrics: Result<Vec<_>, _> = names.iter().map(|n| parse_metric(n)).collect();
            config.metrics = metrics.map_err(|e| wrong("metrics", at, &e))?;
        }
        if let Some((Value::Texts(list), at)) = values.get("queries") {
            let queries: Result<Vec<_>, _> = list.iter().map(|q| parse_query(q)).collect();
            config.queries = queries.map_err(|e| wrong("queries", at, &e))?;
        }
        if let Some((Value::Text(selector), at)) = values.get("selector") {
            config.selector = parse_selector(selector).map_err(|e| wrong("selector", at, &e))?;
        }
        if let Some((Value::Text(tenant), at)) = values.get("tenant") {
            let good = |c: char| c.is_ascii_graphic();
            if tenant.is_empty() || !tenant.chars().all(good) {
                return Err((Some(at.clone()), PromError::Tenant.to_string()));
            }
            config.tenant = Some(tenant.clone());
        }
        if let Some((Value::Time(backfill), _)) = values.get("backfill") {
            config.backfill = *backfill;
        }
        if let Some((Value::Time(interval), _)) = values.get("interval") {
            spec.interval = Some(*interval);
        }
        Ok(spec)
    }

    /// What the source is given: `interval` and `timeout` are those of the settings, `labels` those
    /// that placing rules look at.
    #[must_use]
    pub fn ready(&self, (interval, timeout): (Duration, Duration), labels: Vec<String>) -> PromConfig {
        let interval = self.interval.unwrap_or(interval);
        PromConfig {
            interval,
            timeout,
            // An engine may need as long as a turn lasts; what takes longer is of no use.
            patience: interval.max(Duration::from_secs(30)).max(timeout),
            place_labels: labels,
            seed: u64::from(std::process::id()),
            ..self.config.clone()
        }
    }

    /// The engine in a line: passwords do not show.
    #[must_use]
    pub fn words(&self) -> String {
        let config = &self.config;
        let selector =
            if config.selector.is_empty() { String::new() } else { format!(" {{{}}}", config.selector) };
        let own = match config.queries.len() {
            0 => String::new(),
            n => format!(", {n} given queries"),
        };
        format!("{}{selector}: {} metrics{own}", config.name, config.metrics.len())
    }

    /// The settings in effect as they stand in a file; passwords do not show.
    #[must_use]
    pub fn toml(&self) -> String {
        let config = &self.config;
        let mut url = config.url.clone();
        if url.password().is_some() {
            let _ = url.set_password(Some("secret"));
        }
        let names = config.metrics.iter().map(|m| m.spec().name.to_owned()).collect();
        let queries =
            config.queries.iter().map(|(m, e)| format!("{}={e}", m.spec().name)).collect::<Vec<_>>();
        let mut out = String::from("\n[[source]]\nkind = \"prometheus\"\n");
        let mut put = |name: &str, value: Value| {
            let _ = writeln!(out, "{name} = {}", value.toml());
        };
        put("url", Value::Text(url.to_string()));
        put("metrics", Value::Texts(names));
        if !queries.is_empty() {
            put("queries", Value::Texts(queries));
        }
        if let Some(tenant) = &config.tenant {
            put("tenant", Value::Text(tenant.clone()));
        }
        if !config.selector.is_empty() {
            put("selector", Value::Text(config.selector.clone()));
        }
        put("backfill", Value::Time(config.backfill));
        if let Some(interval) = self.interval {
            put("interval", Value::Time(interval));
        }
        out + &http::toml(&config.http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;

    #[test]
    fn a_table_makes_an_engine() {
        let text = |t: &str| (Value::Text(t.into()), 0..1);
        let texts = |t: &[&str]| (Value::Texts(t.iter().map(|t| (*t).to_owned()).collect()), 0..1);
        let mut values = Entries::from([
            ("url", text("http://kari:hemmelig@p:9090/x")),
            ("metrics", texts(&["temp", "power"])),
            ("queries", texts(&["power=watts"])),
            ("tenant", text("site-7")),
            ("selector", text("{cluster=\"kvd\"}")),
            ("interval", (Value::Time(Duration::from_secs(60)), 0..1)),
        ]);
        let spec = PromSpec::from_table(&values).expect("valid");
        assert_eq!(spec.config.metrics, [Metric::Temp, Metric::Power]);
        assert_eq!(spec.words(), "p:9090/x {cluster=\"kvd\"}: 2 metrics, 1 given queries");
        let config = spec.ready((Duration::from_secs(5), Duration::from_secs(5)), vec!["zone".into()]);
        assert_eq!((config.interval.as_secs(), config.patience.as_secs()), (60, 60));
        let shown = spec.toml();
        assert!(!shown.contains("hemmelig") && shown.contains("queries = [\"power=watts\"]"), "{shown}");
        for (name, value, words) in [
            ("url", text("p:9090"), "expected `http://host:9090`"),
            ("metrics", texts(&["tmep"]), "did you mean `temp`?"),
            ("queries", texts(&["temp"]), "METRIC=EXPR"),
            ("selector", text("{"), "expected matchers"),
            ("tenant", text("a b"), "expected letters"),
        ] {
            let before = values.insert(name, value);
            let (_, e) = PromSpec::from_table(&values).expect_err(name);
            assert!(e.contains(words), "{name}: {e}");
            values.extend(before.map(|v| (name, v)));
        }
    }
}
