//! What a source of kind `mqtt` is told: the facility bus.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::cli::config::keys::Value;
use crate::cli::files;
use crate::source::http::{Auth, HttpConfig};
use crate::source::mqtt::place::Placing;
use crate::source::mqtt::{self, BrokerConfig, MqttConfig, Version};

/// Settings of one facility bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MqttSpec {
    /// `mqtt://host:1883` or `mqtts://host:8883`.
    pub url: String,
    /// What is subscribed.
    pub topic: Option<String>,
    /// Version of the protocol.
    pub version: Version,
    /// The list of objects (CSV).
    pub assets: Option<PathBuf>,
    /// Rules that place objects.
    pub placing: Vec<String>,
    /// Login (`basic_auth`) and certificates (`tls_config`).
    pub http: HttpConfig,
}

type Entries = BTreeMap<&'static str, (Value, Range<usize>)>;

impl MqttSpec {
    /// The bus of a checked `[[source]]` table.
    ///
    /// # Errors
    /// No `url`, or one that is none; another version; a topic with a wrong wildcard. With the place,
    /// where there is one.
    pub fn from_table(values: &Entries) -> Result<Self, (Option<Range<usize>>, String)> {
        let mut spec = Self::default();
        let Some((Value::Text(url), at)) = values.get("url") else {
            return Err((
                None,
                String::from("a source of kind `mqtt` needs `url`, such as \"mqtt://bus.site:1883\""),
            ));
        };
        mqtt::address(url).map_err(|e| (Some(at.clone()), format!("`url`: {e}")))?;
        spec.url.clone_from(url);
        if let Some((Value::Text(topic), at)) = values.get("topic") {
            check_topic(topic).map_err(|e| (Some(at.clone()), format!("`topic`: {e}")))?;
            spec.topic = Some(topic.clone());
        }
        if let Some((Value::Text(version), at)) = values.get("version") {
            spec.version = match version.as_str() {
                "5" => Version::V5,
                "3.1.1" => Version::V311,
                _ => return Err((Some(at.clone()), String::from("`version`: expected \"5\" or \"3.1.1\""))),
            };
        }
        if let Some((Value::Path(path), _)) = values.get("assets") {
            spec.assets = Some(path.clone());
        }
        if let Some((Value::Texts(rules), at)) = values.get("placing") {
            Placing::new(rules).map_err(|e| (Some(at.clone()), e))?;
            spec.placing.clone_from(rules);
        }
        Ok(spec)
    }

    /// The source, ready to run; reads the list of objects. `number` makes its name at the broker one
    /// of its own.
    ///
    /// # Errors
    /// A wrong address, rule or list, or a login that MQTT does not have.
    pub fn config(&self, number: usize) -> Result<MqttConfig, String> {
        let (host, port, secure, user) = mqtt::address(&self.url)?;
        let mut placing = Placing::new(&self.placing)?;
        if let Some(path) = &self.assets {
            let text = files::read(path, files::MAX_CONFIG).map_err(|e| e.report())?;
            placing.add_assets(&text, &path.to_string_lossy())?;
        }
        let login = match &self.http.auth {
            None => user.map(|user| (user, crate::source::http::Secret::text(""))),
            Some(Auth::Basic { username, password }) => Some((username.clone(), password.clone())),
            Some(Auth::Authorization { .. }) => {
                return Err(String::from("MQTT logs in with user and password: use [source.basic_auth]"));
            }
        };
        if !self.http.headers.is_empty() {
            return Err(String::from("MQTT has no headers"));
        }
        if !secure && !self.http.tls.is_default() {
            return Err(String::from("[source.tls_config] needs an address that begins with mqtts://"));
        }
        let process = std::process::id();
        let broker = BrokerConfig {
            host,
            port,
            tls: secure.then(|| self.http.tls.clone()),
            login,
            client_id: format!("hallwatch-{process}-{number}"),
            topic: self.topic.clone().unwrap_or_else(|| mqtt::DEFAULT_TOPIC.to_owned()),
            version: self.version,
        };
        Ok(MqttConfig { broker, placing, seed: u64::from(process) })
    }

    /// Its keys as a table of the config has them.
    #[must_use]
    pub fn toml(&self) -> String {
        let text = |t: &str| Value::Text(t.to_owned()).toml();
        let mut out = format!("kind = \"mqtt\"\nurl = {}\n", text(&self.url));
        if let Some(topic) = &self.topic {
            out += &format!("topic = {}\n", text(topic));
        }
        match self.version {
            Version::Auto => {}
            Version::V5 => out += "version = \"5\"\n",
            Version::V311 => out += "version = \"3.1.1\"\n",
        }
        if let Some(assets) = &self.assets {
            out += &format!("assets = {}\n", Value::Path(assets.clone()).toml());
        }
        if !self.placing.is_empty() {
            out += &format!("placing = {}\n", Value::Texts(self.placing.clone()).toml());
        }
        out
    }

    /// One line for `check`.
    ///
    /// # Errors
    /// Those of [`Self::config`], and certificates that cannot be used.
    pub fn words(&self) -> Result<String, String> {
        let config = self.config(0)?;
        if let Some(tls) = &config.broker.tls {
            tls.client_config().map_err(|e| e.to_string())?;
        }
        let (broker, assets) = (&config.broker, config.placing.assets_len());
        Ok(format!("mqtt: {} at {}:{}, {assets} objects listed", broker.topic, broker.host, broker.port))
    }
}

/// Wildcards stand alone in their part, `#` at the end.
fn check_topic(topic: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = topic.split('/').collect();
    let wrong = parts.iter().enumerate().any(|(i, part)| match *part {
        "" => true,
        "#" => i + 1 != parts.len(),
        "+" => false,
        other => other.contains(['#', '+']),
    });
    if wrong {
        Err("expected one like \"BMS/v1/PUB/#\"; `#` stands at the end, `+` alone in its part")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pairs: &[(&'static str, Value)]) -> Entries {
        pairs.iter().map(|(k, v)| (*k, (v.clone(), 7..9))).collect()
    }

    fn text(t: &str) -> Value {
        Value::Text(t.to_owned())
    }

    #[test]
    fn a_table_gives_a_broker() {
        let spec = MqttSpec::from_table(&table(&[
            ("url", text("mqtts://me@bus.site")),
            ("version", text("3.1.1")),
            ("topic", text("BMS/+/PUB/#")),
        ]))
        .expect("valid");
        let config = spec.config(3).expect("valid");
        let broker = &config.broker;
        assert_eq!((broker.host.as_str(), broker.port, broker.version), ("bus.site", 8883, Version::V311));
        assert!(broker.tls.is_some() && broker.client_id.ends_with("-3"));
        assert_eq!(broker.login.as_ref().map(|l| l.0.as_str()), Some("me"));
    }

    #[test]
    fn mistakes_are_told_with_their_key() {
        let url = ("url", text("mqtt://bus"));
        for (pairs, phrase) in [
            (vec![], "needs `url`"),
            (vec![("url", text("http://bus"))], "mqtt://host:1883"),
            (vec![url.clone(), ("version", text("4"))], "`version`: expected"),
            (vec![url.clone(), ("topic", text("a/#/b"))], "`topic`: expected"),
            (vec![url.clone(), ("placing", Value::Texts(vec!["abc".into()]))], "no named group"),
        ] {
            let (_, message) = MqttSpec::from_table(&table(&pairs)).expect_err(phrase);
            assert!(message.contains(phrase), "{message}");
        }
        let auth = Auth::Authorization {
            kind: "Bearer".into(),
            credentials: crate::source::http::Secret::text("x"),
        };
        let http = HttpConfig { auth: Some(auth), ..HttpConfig::default() };
        let e = MqttSpec { url: "mqtt://bus".into(), http, ..MqttSpec::default() }.config(0);
        assert!(e.expect_err("no such login").contains("basic_auth"));
    }
}
