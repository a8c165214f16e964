//! What a source of kind `scrape` is told beside its targets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use reqwest::Url;

use crate::cli::config::http;
use crate::cli::config::keys::Value;
use crate::model::text;
use crate::source::http::HttpConfig;
use crate::source::scrape::{Guards, MAX_REMOTES, Remote, ScrapeConfig, Selection, Shard};

type Entries = BTreeMap<&'static str, (Value, Range<usize>)>;
type Wrong = (Option<Range<usize>>, String);

/// Time between two looks at a list over HTTP.
const REFRESH: Duration = Duration::from_secs(60);

/// Settings of one scraping source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrapeOptions {
    /// Login, certificates and headers.
    pub http: HttpConfig,
    /// Time between two polls; `None`: the setting of all sources.
    pub interval: Option<Duration>,
    /// Time for one answer; `None`: the setting of all sources.
    pub timeout: Option<Duration>,
    /// Largest answer, bytes; `None`: the default.
    pub body: Option<u64>,
    /// Limits on what a page may hold.
    pub guards: Guards,
    /// Share of the targets, and how many there may be.
    pub selection: Selection,
    /// Lists over HTTP.
    pub remotes: Vec<Remote>,
}

impl ScrapeOptions {
    /// The settings of a checked `[[source]]` table.
    ///
    /// # Errors
    /// What is wrong, with the place where there is one.
    pub fn from_table(values: &Entries) -> Result<Self, Wrong> {
        let time = |name| match values.get(name) {
            Some((Value::Time(t), _)) => Some(*t),
            _ => None,
        };
        let count = |name| match values.get(name) {
            Some((Value::Count(n), at)) => {
                u32::try_from(*n).map_err(|_| (Some(at.clone()), format!("`{name}`: at most {}", u32::MAX)))
            }
            _ => Ok(0),
        };
        let guards = Guards {
            sample_limit: count("sample_limit")?,
            label_limit: count("label_limit")?,
            label_name_length_limit: count("label_name_length_limit")?,
            label_value_length_limit: count("label_value_length_limit")?,
        };
        let shard = match values.get("shard") {
            Some((Value::Text(text), at)) => {
                Some(Shard::parse(text).map_err(|m| (Some(at.clone()), format!("`shard`: {m}")))?)
            }
            _ => None,
        };
        let selection = Selection { shard, target_limit: count("target_limit")? as usize };
        let body = match values.get("body_size_limit") {
            Some((Value::Size(bytes), _)) => Some(*bytes),
            _ => None,
        };
        let refresh = time("refresh_interval").unwrap_or(REFRESH);
        Ok(Self {
            http: HttpConfig::default(),
            interval: time("scrape_interval"),
            timeout: time("scrape_timeout"),
            body,
            guards,
            selection,
            remotes: remotes(values, refresh)?,
        })
    }

    /// Writes the settings into `config`; the lists must be read again then.
    pub fn apply(&self, config: &mut ScrapeConfig) {
        config.interval = self.interval.unwrap_or(config.interval);
        config.limits.timeout = self.timeout.unwrap_or(config.limits.timeout);
        if let Some(body) = self.body {
            config.limits.body = usize::try_from(body).unwrap_or(usize::MAX);
        }
        config.http = self.http.clone();
        (config.guards, config.selection) = (self.guards, self.selection);
        config.remotes.clone_from(&self.remotes);
    }

    /// The settings in effect as they stand in a file. Secrets do not show.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut out = String::new();
        let times = [("scrape_interval", self.interval), ("scrape_timeout", self.timeout)];
        for (name, time) in times.into_iter().filter_map(|(n, t)| Some((n, t?))) {
            let _ = writeln!(out, "{name} = {}", Value::Time(time).toml());
        }
        if let Some(body) = self.body {
            let _ = writeln!(out, "body_size_limit = {}", Value::Size(body).toml());
        }
        let g = &self.guards;
        for (name, limit) in [
            ("sample_limit", g.sample_limit as usize),
            ("label_limit", g.label_limit as usize),
            ("label_name_length_limit", g.label_name_length_limit as usize),
            ("label_value_length_limit", g.label_value_length_limit as usize),
            ("target_limit", self.selection.target_limit),
        ] {
            if limit > 0 {
                let _ = writeln!(out, "{name} = {limit}");
            }
        }
        if let Some(shard) = self.selection.shard {
            let _ = writeln!(out, "shard = \"{shard}\"");
        }
        if let Some(first) = self.remotes.first() {
            let names = Value::Texts(self.remotes.iter().map(Remote::name).collect());
            let refresh = Value::Time(first.refresh).toml();
            let _ = writeln!(out, "http_sd = {}\nrefresh_interval = {refresh}", names.toml());
        }
        out + &http::toml(&self.http)
    }
}

fn remotes(values: &Entries, refresh: Duration) -> Result<Vec<Remote>, Wrong> {
    let Some((Value::Texts(list), at)) = values.get("http_sd") else { return Ok(Vec::new()) };
    if list.len() > MAX_REMOTES {
        return Err((Some(at.clone()), format!("`http_sd`: {} lists, at most {MAX_REMOTES}", list.len())));
    }
    let remote = |address: &String| {
        let url = Url::parse(address).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
        // There may be a password in it.
        let shown = text::clean(address.rsplit('@').next().unwrap_or_default());
        let wrong = || {
            (Some(at.clone()), format!("`http_sd`: `{shown}` is no URL of a list: expected http://host/path"))
        };
        Ok(Remote { url: url.ok_or_else(wrong)?, refresh })
    };
    list.iter().map(remote).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&'static str, Value)]) -> Entries {
        pairs.iter().map(|(name, value)| (*name, (value.clone(), 3..4))).collect()
    }

    #[test]
    fn limits_have_the_names_of_prometheus_and_come_back_as_they_were() {
        let values = entries(&[
            ("sample_limit", Value::Count(5000)),
            ("target_limit", Value::Count(7)),
            ("body_size_limit", Value::Size(8 << 20)),
            ("scrape_interval", Value::Time(Duration::from_secs(5))),
            ("shard", Value::Text("2/4".into())),
            ("http_sd", Value::Texts(vec!["http://me:geheim@sd/x".into()])),
        ]);
        let options = ScrapeOptions::from_table(&values).expect("valid");
        let mut config = ScrapeConfig::load(&[]).expect("no targets");
        options.apply(&mut config);
        assert_eq!((config.guards.sample_limit, config.selection.target_limit), (5000, 7));
        assert_eq!((config.limits.body, config.interval), (8 << 20, Duration::from_secs(5)));
        assert_eq!(
            options.toml(),
            "scrape_interval = \"5s\"\nbody_size_limit = \"8MiB\"\nsample_limit = 5000\ntarget_limit = 7\n\
             shard = \"2/4\"\nhttp_sd = [\"http://sd:80/x\"]\nrefresh_interval = \"1m\"\n"
        );
    }

    #[test]
    fn mistakes_have_a_place_and_show_no_password() {
        for (name, value, word) in [
            ("shard", Value::Text("5/4".into()), "such as 1/4"),
            ("http_sd", Value::Texts(vec!["me:geheim@sd".into()]), "expected http://host/path"),
            ("sample_limit", Value::Count(1 << 40), "at most"),
        ] {
            let (at, message) = ScrapeOptions::from_table(&entries(&[(name, value)])).expect_err(name);
            assert_eq!(at, Some(3..4));
            assert!(message.contains(word) && !message.contains("geheim"), "{message}");
        }
    }
}
