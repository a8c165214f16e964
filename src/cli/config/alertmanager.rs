//! The table `[alertmanager]`: which one, and what is done with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::cli::config::keys::Value;
use crate::model::document;
use crate::model::text;
use crate::source::alertmanager::{AlertmanagerConfig, MAX_URLS, parse_url};

/// Most labels, and most severities.
const MAX_LIST: usize = 32;
const PRIORITIES: [&str; 4] = ["P1", "P2", "P3", "P4"];

type Entries = BTreeMap<&'static str, (Value, Range<usize>)>;
type Wrong = (Option<Range<usize>>, String);

/// An Alertmanager as the settings name it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerSpec {
    /// What the source is given, but for what belongs to the other settings.
    pub config: AlertmanagerConfig,
    /// Alarms of a simulated site leave the console, too.
    pub simulated: bool,
}

impl AlertmanagerSpec {
    /// The Alertmanager of a checked table.
    ///
    /// # Errors
    /// What is wrong, with the place where there is one.
    pub fn from_table(values: &Entries) -> Result<Self, Wrong> {
        let Some((Value::Texts(addresses), at)) = values.get("urls") else {
            return Err((
                None,
                String::from("[alertmanager] has no `urls`: expected addresses such as \"http://host:9093\""),
            ));
        };
        let wrong = |m: String| (Some(at.clone()), format!("`urls`: {m}"));
        let urls: Vec<Url> =
            addresses.iter().map(|a| parse_url(a).map_err(wrong)).collect::<Result<_, _>>()?;
        if urls.is_empty() || urls.len() > MAX_URLS {
            return Err(wrong(format!("{} addresses: expected 1 to {MAX_URLS}", urls.len())));
        }
        let mut config = AlertmanagerConfig::new(urls);
        let flag = |name, default| match values.get(name) {
            Some((Value::Flag(f), _)) => *f,
            _ => default,
        };
        let time = |name, default: Duration| match values.get(name) {
            Some((Value::Time(t), _)) => *t,
            _ => default,
        };
        (config.read, config.post) = (flag("read", true), flag("post", false));
        config.mirror = flag("mirror_acknowledgements", false);
        config.interval = time("interval", config.interval);
        config.repeat = time("repeat", config.repeat);
        if let Some((Value::Texts(labels), at)) = values.get("labels") {
            config.labels = list("labels", labels, at)?.iter().map(|l| text::clean(l)).collect();
        }
        if let Some((Value::Texts(words), at)) = values.get("severities") {
            let severity = |w: &String| severity(w).map_err(|m| (Some(at.clone()), m));
            config.severities =
                list("severities", words, at)?.iter().map(severity).collect::<Result<_, _>>()?;
        }
        config.token_file = match values.get("token_file") {
            Some((Value::Path(path), _)) => Some(path.clone()),
            _ => None,
        };
        Ok(Self { config, simulated: flag("simulated", false) })
    }

    /// What the source is given: `live` when all of the site is measured.
    #[must_use]
    pub fn for_site(&self, live: bool, timeout: Duration) -> AlertmanagerConfig {
        AlertmanagerConfig { timeout, rehearsal: !live && !self.simulated, ..self.config.clone() }
    }

    /// The keys and values in effect. Passwords in addresses do not show.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, Value)> {
        let c = &self.config;
        let severities = c.severities.iter().map(|(word, p)| format!("{word}=P{p}")).collect();
        let mut out = vec![
            ("urls", Value::Texts(c.urls.iter().map(shown).collect())),
            ("read", Value::Flag(c.read)),
            ("post", Value::Flag(c.post)),
            ("mirror_acknowledgements", Value::Flag(c.mirror)),
            ("interval", Value::Time(c.interval)),
            ("repeat", Value::Time(c.repeat)),
            ("labels", Value::Texts(c.labels.clone())),
            ("severities", Value::Texts(severities)),
        ];
        out.extend(c.token_file.clone().map(|path: PathBuf| ("token_file", Value::Path(path))));
        out.push(("simulated", Value::Flag(self.simulated)));
        out
    }

    /// What is done with it, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let c = &self.config;
        let does = [("reads", c.read), ("posts", c.post), ("silences what is acknowledged", c.mirror)];
        let does: Vec<&str> = does.iter().filter(|d| d.1).map(|d| d.0).collect();
        let does = if does.is_empty() { "does nothing".to_owned() } else { does.join(", ") };
        format!("{} addresses, {does}", c.urls.len())
    }
}

fn list<'a>(name: &str, words: &'a [String], at: &Range<usize>) -> Result<&'a [String], Wrong> {
    if words.len() > MAX_LIST {
        return Err((Some(at.clone()), format!("`{name}`: {} words, at most {MAX_LIST}", words.len())));
    }
    Ok(words)
}

/// `critical=P1`.
fn severity(text: &str) -> Result<(String, u8), String> {
    let wrong = |m: &str| format!("`severities`: `{}`: {m}", text::clean(text));
    let (word, priority) =
        text.split_once('=').ok_or_else(|| wrong("expected a severity and a priority: \"critical=P1\""))?;
    let at = PRIORITIES.iter().position(|p| *p == priority.trim());
    let at = at.ok_or_else(|| wrong(&document::hint(priority.trim(), &PRIORITIES)))?;
    Ok((text::clean(word.trim()), at as u8 + 1))
}

/// An address without its password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Only addresses that cannot hold one refuse it.
        let _ = url.set_password(Some("..."));
    }
    text::clean(url.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::config::layer;

    fn table(lines: &str) -> Result<AlertmanagerSpec, String> {
        let text = format!("[alertmanager]\n{lines}");
        let layer = layer::parse(&text, Path::new("/etc/hw/c.toml")).map_err(|e| e.to_string())?;
        Ok(layer.alertmanager.expect("the table is there").value)
    }

    #[test]
    fn a_table_with_addresses_alone_reads() {
        let spec = table("urls = \"http://alert:9093\"").expect("valid");
        let c = &spec.config;
        assert_eq!((c.read, c.post, c.mirror, spec.simulated), (true, false, false, false));
        assert_eq!((c.interval.as_secs(), c.repeat.as_secs()), (15, 60));
        assert_eq!((c.priority("critical"), c.priority("Error"), c.priority("odd")), (1, 2, 3));
        assert_eq!(spec.words(), "1 addresses, reads");
    }

    #[test]
    fn a_simulated_site_is_kept_inside_unless_the_settings_say_otherwise() {
        let lines = "urls = \"http://a:9093\"\npost = true\nmirror_acknowledgements = true\n";
        let inside = table(lines).expect("valid").for_site(false, Duration::from_secs(5));
        assert_eq!((inside.posts(), inside.mirrors(), inside.read), (false, false, true));
        let drill = table(&format!("{lines}simulated = true")).expect("valid");
        assert!(drill.for_site(false, Duration::from_secs(5)).posts());
        assert!(table(lines).expect("valid").for_site(true, Duration::from_secs(5)).mirrors());
    }

    #[test]
    fn severities_and_the_token_are_read() {
        let spec = table(
            "urls = [\"https://me:secret@a/am\"]\nseverities = [\"page=P1\"]\ntoken_file = \"token\"\n",
        )
        .expect("valid");
        assert_eq!((spec.config.priority("page"), spec.config.priority("critical")), (1, 3));
        assert_eq!(spec.config.token_file, Some(PathBuf::from("/etc/hw/token")));
        assert_eq!(spec.config.urls[0].as_str(), "https://me:secret@a/am/");
        let shown = format!("{:?}", spec.values());
        assert!(!shown.contains("secret") && shown.contains("page=P1"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (lines, want) in [
            ("read = true", "c.toml:1: [alertmanager] has no `urls`"),
            ("urls = []", "c.toml:2: `urls`: 0 addresses: expected 1 to 8"),
            ("urls = [\"alert:9093\"]", "c.toml:2: `urls`: `alert:9093`: expected `http://host:9093`"),
            (
                "urls = \"http://a\"\nrepeet = \"60s\"",
                "c.toml:3: unknown key `repeet`: did you mean `repeat`?",
            ),
            ("urls = \"http://a\"\nseverities = [\"x=P9\"]", "c.toml:3: `severities`: `x=P9`"),
            ("urls = \"http://a\"\nseverities = [\"x\"]", "expected a severity and a priority"),
        ] {
            let e = table(lines).expect_err(lines);
            assert!(e.contains(want), "{e}");
        }
    }
}
