//! Who is scraped: addresses from the command line and target lists in Prometheus' `file_sd`
//! format, a JSON list of `{"targets": ["host:port"], "labels": {"hall": "H1"}}`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;
use serde::Deserialize;

use super::shard::Shard;
use crate::model::text;

/// Most targets of one source.
pub const MAX_TARGETS: usize = 200_000;
/// Largest target list, bytes.
pub const MAX_FILE: u64 = 128 << 20;

/// Labels with a meaning for the scrape itself.
const SPECIAL: [&str; 5] =
    ["__scheme__", "__metrics_path__", "__address__", "__scrape_interval__", "__scrape_timeout__"];
const KEYS: [&str; 2] = ["targets", "labels"];

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Identity: `host:port`, and the path where it is not `/metrics`. Clean.
    pub name: String,
    /// What is asked.
    pub url: Url,
    /// Labels for placing it.
    pub labels: Vec<(String, String)>,
}

/// Everything that is scraped, in the order of the command line and the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetList {
    /// The targets; each identity once.
    pub targets: Vec<Target>,
    /// Targets that were listed more than once; the first one counts.
    pub repeated: usize,
    /// Targets that belong to other shards.
    pub elsewhere: usize,
}

/// Which of the listed targets are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// This share alone.
    pub shard: Option<Shard>,
    /// Most targets; 0 is no limit but [`MAX_TARGETS`].
    pub target_limit: usize,
}

/// Why the targets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The file cannot be read.
    #[error("{path}: cannot read the target list: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// More targets than the setting allows.
    #[error("target_limit {limit} exceeded: {found} targets")]
    Limit {
        /// The limit.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// The file is not a target list.
    #[error("{path}:{line}:{column}: {message}")]
    Format {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected.
        message: String,
    },
    /// An entry of the file cannot be used.
    #[error("{path}:{line}: {key}: {message}")]
    Entry {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// The key with its value.
        key: String,
        /// What was expected.
        message: String,
    },
    /// An address of the command line cannot be used.
    #[error("--scrape {address}: {message}")]
    Address {
        /// The address.
        address: String,
        /// What was expected.
        message: String,
    },
    /// There are too many.
    #[error("more than {MAX_TARGETS} targets")]
    TooMany,
}

/// Where targets come from: an argument of `--scrape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// One address.
    Address(String),
    /// A target list.
    File(PathBuf),
}

impl Spec {
    /// Tells an address from a file: what ends in `.json` and has no scheme is a file.
    #[must_use]
    pub fn parse(argument: &str) -> Self {
        let lower = argument.to_ascii_lowercase();
        let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
        let is_file = [".json", ".yml", ".yaml"].iter().any(|e| lower.ends_with(e));
        if is_file && !has_scheme {
            Self::File(PathBuf::from(argument))
        } else {
            Self::Address(argument.to_owned())
        }
    }
}

/// Reads all targets of `specs`.
///
/// # Errors
/// A file that cannot be read or understood, an address that is none, or too many targets.
pub fn load(specs: &[Spec]) -> Result<TargetList, TargetError> {
    gather(specs, &[], Selection::default())
}

/// Reads the files among `specs`, and chooses from all of them and from what was `found` over HTTP.
///
/// # Errors
/// As [`load`], or more targets than the selection allows.
pub fn gather(
    specs: &[Spec],
    found: &[Arc<Vec<Target>>],
    selection: Selection,
) -> Result<TargetList, TargetError> {
    let mut list = Builder { selection, ..Builder::default() };
    for spec in specs {
        match spec {
            Spec::Address(address) => list.push(from_address(address)?)?,
            Spec::File(path) => {
                for target in from_json(&path.display().to_string(), &read(path)?)? {
                    list.push(target)?;
                }
            }
        }
    }
    for target in found.iter().flat_map(|l| l.iter()) {
        list.push(target.clone())?;
    }
    let (found, limit) = (list.list.targets.len(), selection.target_limit);
    if limit > 0 && found > limit {
        return Err(TargetError::Limit { limit, found });
    }
    Ok(list.list)
}

#[derive(Default)]
struct Builder {
    list: TargetList,
    names: HashSet<String>,
    selection: Selection,
}

impl Builder {
    fn push(&mut self, target: Target) -> Result<(), TargetError> {
        if !self.names.insert(target.name.clone()) {
            self.list.repeated += 1;
            return Ok(());
        }
        if self.selection.shard.is_some_and(|s| !s.takes(&target.name)) {
            self.list.elsewhere += 1;
            return Ok(());
        }
        if self.list.targets.len() == MAX_TARGETS {
            return Err(TargetError::TooMany);
        }
        self.list.targets.push(target);
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, TargetError> {
    let fail = |source| TargetError::Read { path: text::clean(&path.display().to_string()), source };
    let invalid = |why: &str| fail(std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned()));
    if path.extension().is_some_and(|e| !e.eq_ignore_ascii_case("json")) {
        return Err(invalid("target lists are read as JSON, not as YAML"));
    }
    if std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(invalid("larger than 128 MiB"));
    }
    std::fs::read_to_string(path).map_err(fail)
}

/// The target at an address of the command line: a URL, or `host:port`. Without a path it is
/// `/metrics`.
fn from_address(address: &str) -> Result<Target, TargetError> {
    let fail = |message: String| TargetError::Address { address: text::clean(address), message };
    let full = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let mut url = parse_url(&full).map_err(fail)?;
    if url.path() == "/" {
        url.set_path("/metrics");
    }
    Ok(Target { name: identity(&url), url, labels: Vec::new() })
}

fn parse_url(full: &str) -> Result<Url, String> {
    let url =
        Url::parse(full).map_err(|e| format!("expected `http://host:port/path` or `host:port`: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = text::clean(url.scheme());
        let near = text::nearest(&scheme, ["http", "https"])
            .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        return Err(format!("unknown scheme `{scheme}`, expected http or https{near}"));
    }
    Ok(url)
}

/// `host:port`, and path and query where the path is not `/metrics`. A password never shows.
pub(super) fn identity(url: &Url) -> String {
    let mut name = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port_or_known_default() {
        name.push_str(&format!(":{port}"));
    }
    if url.path() != "/metrics" {
        name.push_str(url.path());
    }
    if let Some(query) = url.query() {
        name.push_str(&format!("?{query}"));
    }
    text::clean(&name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

/// Reads the text of a target list. `path` only names it in errors.
///
/// # Errors
/// Names the file, the line, the key, what was expected and the nearest valid name.
pub fn from_json(path: &str, json: &str) -> Result<Vec<Target>, TargetError> {
    let path = text::clean(path);
    let groups: Vec<Group> = serde_json::from_str(json).map_err(|e| format_error(&path, &e))?;
    let mut targets = Vec::new();
    for group in &groups {
        for name in group.labels.keys() {
            check_label(name).map_err(|message| entry_error(&path, json, "labels", name, message))?;
        }
        for address in &group.targets {
            let target = from_entry(address, group);
            targets.push(target.map_err(|message| entry_error(&path, json, "targets", address, message))?);
            if targets.len() > MAX_TARGETS {
                return Err(TargetError::TooMany);
            }
        }
    }
    Ok(targets)
}

fn from_entry(address: &str, group: &Group) -> Result<Target, String> {
    if address.contains("://") {
        return Err("expected `host:port`; scheme and path belong into the labels `__scheme__` and `__metrics_path__`".to_owned());
    }
    if address.contains(['/', '?', '#', '@']) || address.trim() != address || address.is_empty() {
        return Err("expected `host:port`; a path belongs into the label `__metrics_path__`".to_owned());
    }
    let label = |name: &str| group.labels.get(name).map(String::as_str);
    let scheme = label("__scheme__").unwrap_or("http");
    let mut url = parse_url(&format!("{scheme}://{address}"))?;
    let path = label("__metrics_path__").unwrap_or("/metrics");
    let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
    url.set_path(path);
    url.set_query(query);
    for (name, value) in &group.labels {
        if let Some(parameter) = name.strip_prefix("__param_") {
            url.query_pairs_mut().append_pair(parameter, value);
        }
    }
    let own = group.labels.iter().filter(|(name, _)| !name.starts_with("__"));
    let mut labels: Vec<_> = own.map(|(name, value)| (text::clean(name), text::clean(value))).collect();
    labels.shrink_to_fit();
    Ok(Target { name: identity(&url), url, labels })
}

/// Labels with two underscores belong to Prometheus: a name that it does not know is a mistake.
fn check_label(name: &str) -> Result<(), String> {
    let open = ["__meta_", "__param_", "__tmp"].iter().any(|p| name.starts_with(p));
    if !name.starts_with("__") || open || SPECIAL.contains(&name) {
        return Ok(());
    }
    let hint = text::nearest(name, SPECIAL).map_or_else(
        || format!("expected one of {}", SPECIAL.join(", ")),
        |n| format!("did you mean `{n}`?"),
    );
    Err(format!("unknown special label; {hint}"))
}

fn format_error(path: &str, error: &serde_json::Error) -> TargetError {
    let full = error.to_string();
    // serde_json ends its messages with the place, which is given apart here.
    let message = full.split(" at line ").next().unwrap_or(&full);
    let mut hint = String::new();
    if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|m| m.split('`').next())
        && let Some(near) = text::nearest(unknown, KEYS)
    {
        hint = format!("; did you mean `{near}`?");
    }
    let message = format!(
        "{}; expected a list of {{\"targets\": [\"host:port\", …], \"labels\": {{…}}}}{hint}",
        text::clean(message)
    );
    // An end in the middle of things is reported after the last line break, as column 0.
    let column = error.column().max(1);
    TargetError::Format { path: path.to_owned(), line: error.line(), column, message }
}

/// An error about one string of the file. The parser keeps no positions, so its line is that of
/// the first place where the string stands.
fn entry_error(path: &str, json: &str, key: &str, value: &str, message: String) -> TargetError {
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let line = json.find(&quoted).map_or(1, |at| json[..at].matches('\n').count() + 1);
    TargetError::Entry {
        path: path.to_owned(),
        line,
        key: format!("{key} {}", text::clean(&quoted)),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Target {
        from_address(text).unwrap_or_else(|e| panic!("{e}"))
    }

    fn error(json: &str) -> String {
        from_json("t.json", json).expect_err("the list is broken").to_string()
    }

    #[test]
    fn an_address_is_completed_to_what_prometheus_would_ask() {
        for (text, url, name) in [
            ("n1:9400", "http://n1:9400/metrics", "n1:9400"),
            ("http://n1:9400", "http://n1:9400/metrics", "n1:9400"),
            ("http://n1/", "http://n1/metrics", "n1:80"),
            ("https://n1/tray/7", "https://n1/tray/7", "n1:443/tray/7"),
            ("http://user:secret@n1:1/x?a=b", "http://user:secret@n1:1/x?a=b", "n1:1/x?a=b"),
            ("[::1]:9400", "http://[::1]:9400/metrics", "[::1]:9400"),
        ] {
            let target = address(text);
            assert_eq!((target.url.as_str(), &*target.name), (url, name));
        }
    }

    #[test]
    fn a_wrong_scheme_names_the_right_one() {
        let e = from_address("htp://n1:9400").expect_err("no such scheme").to_string();
        assert!(e.contains("--scrape htp://n1:9400") && e.contains("did you mean `http`?"), "{e}");
        assert!(from_address("http://").is_err() && from_address("a b").is_err());
    }

    #[test]
    fn a_target_list_gives_urls_and_labels() {
        let json = r#"[{"targets":["a:1","b:2"],"labels":{"hall":"H1","__scheme__":"https","__metrics_path__":"/m?x=1","__param_y":"z z"}},{"targets":["a:1"]}]"#;
        let list = from_json("t.json", json).expect("a good list");
        assert_eq!(list[0].url.as_str(), "https://a:1/m?x=1&y=z+z");
        assert_eq!(list[1].labels, [("hall".to_owned(), "H1".to_owned())]);
        assert_eq!(list[2].name, "a:1");
        assert!(from_json("t.json", "[]").is_ok_and(|l| l.is_empty()));
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_nearest_one() {
        let e = error("[\n  {\n    \"target\": [\"a:1\"]\n  }\n]");
        assert!(
            e.starts_with("t.json:3:") && e.contains("`target`") && e.contains("did you mean `targets`?"),
            "{e}"
        );
        let e = error("[{\"targets\": \"a:1\"}]");
        assert!(e.contains("t.json:1:") && e.contains("expected a sequence"), "{e}");
        assert!(error("[{\"targets\": [\"a:1\"").contains("EOF"));
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_line_and_what_was_expected() {
        let e = error("[\n{\"targets\": [\"a:1\",\n\"http://b:2\"]}]");
        assert!(e.starts_with("t.json:3: targets \"http://b:2\"") && e.contains("__scheme__"), "{e}");
        let e = error("[{\"targets\": [],\n\"labels\": {\"__metric_path__\": \"/m\"}}]");
        assert!(e.starts_with("t.json:2: labels") && e.contains("did you mean `__metrics_path__`?"), "{e}");
        assert!(error("[{\"targets\": [\"a:99999\"]}]").contains("invalid port"));
        assert!(error("[{\"targets\": [\"\"]}]").contains("host:port"));
    }

    #[test]
    fn arguments_are_told_apart() {
        assert_eq!(Spec::parse("http://a/x.json"), Spec::Address("http://a/x.json".to_owned()));
        assert_eq!(Spec::parse("targets.JSON"), Spec::File("targets.JSON".into()));
        assert_eq!(Spec::parse("n1:9400"), Spec::Address("n1:9400".to_owned()));
    }

    #[test]
    fn repeated_targets_are_asked_once() {
        let specs = ["a:1", "b:1", "http://a:1/metrics"].map(Spec::parse);
        let list = load(&specs).expect("good addresses");
        assert_eq!((list.targets.len(), list.repeated), (2, 1));
    }

    #[test]
    fn a_shard_and_a_limit_choose_among_the_targets() {
        let specs: Vec<_> = (0..40).map(|i| Spec::parse(&format!("n{i}:1"))).collect();
        let found = [Arc::new(vec![address("far:1"), address("n0:1")])];
        let all = gather(&specs, &found, Selection::default()).expect("good addresses");
        assert_eq!((all.targets.len(), all.repeated, all.elsewhere), (41, 1, 0));
        let shard = |index| Selection { shard: Some(Shard { index, count: 2 }), target_limit: 0 };
        let halves = [1, 2].map(|i| gather(&specs, &found, shard(i)).expect("good addresses"));
        assert_eq!(halves[0].targets.len() + halves[1].targets.len(), 41);
        assert_eq!(halves[0].elsewhere, halves[1].targets.len());
        let limited = Selection { target_limit: 40, ..Selection::default() };
        let e = gather(&specs, &found, limited).expect_err("one too many").to_string();
        assert_eq!(e, "target_limit 40 exceeded: 41 targets");
    }

    #[test]
    fn a_file_that_is_missing_or_yaml_says_so() {
        let e = load(&[Spec::parse("/nonexistent/t.json")]).expect_err("no such file").to_string();
        assert!(e.contains("/nonexistent/t.json"), "{e}");
        assert!(load(&[Spec::parse("t.yml")]).expect_err("yaml").to_string().contains("JSON"));
    }
}
