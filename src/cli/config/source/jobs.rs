//! Who holds the GPUs, as it stands in the settings: a mapping file, or a Slurm REST daemon.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::Entries;
use crate::cli::config::keys::Value;
use crate::source::http::{HttpConfig, Secret};
use crate::source::jobs::{JobsConfig, JobsError, Origin};

/// Where the list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsSpec {
    /// The file or the address.
    pub origin: Origin,
    /// How slurmrestd is spoken to.
    pub http: HttpConfig,
    /// Who we are to Slurm.
    pub user: Option<String>,
    /// Where the token of that user is.
    pub token_file: Option<PathBuf>,
}

type Wrong = (Option<Range<usize>>, String);

impl JobsSpec {
    /// A mapping file.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        Self::new(Origin::File(path))
    }

    /// A Slurm REST daemon.
    #[must_use]
    pub fn slurm(url: &str) -> Self {
        Self::new(Origin::Slurm(url.to_owned()))
    }

    fn new(origin: Origin) -> Self {
        Self { origin, http: HttpConfig::default(), user: None, token_file: None }
    }

    /// The source of a checked `[[source]]` table of kind `jobs`.
    ///
    /// # Errors
    /// No file.
    pub fn from_file_table(values: &Entries) -> Result<Self, Wrong> {
        match values.get("file") {
            Some((Value::Path(path), _)) => Ok(Self::file(path.clone())),
            _ => Err((None, "a source of kind `jobs` needs `file`: a CSV or JSON file".to_owned())),
        }
    }

    /// The source of a checked `[[source]]` table of kind `slurm`.
    ///
    /// # Errors
    /// No address, or none of a daemon: with the place, where there is one.
    pub fn from_slurm_table(values: &Entries) -> Result<Self, Wrong> {
        let Some((Value::Text(url), at)) = values.get("url") else {
            let message = "a source of kind `slurm` needs `url`: an address such as \"http://slurm:6820\"";
            return Err((None, message.to_owned()));
        };
        let mut spec = Self::slurm(url);
        if let Some((Value::Text(user), at)) = values.get("user") {
            let plain = !user.is_empty() && user.bytes().all(|b| b.is_ascii_graphic());
            if !plain {
                let message = format!("`user`: `{user}` is no name of a user: expected letters and digits");
                return Err((Some(at.clone()), message));
            }
            spec.user = Some(user.clone());
        }
        if let Some((Value::Path(path), _)) = values.get("token_file") {
            spec.token_file = Some(path.clone());
        }
        spec.check().map_err(|e| (Some(at.clone()), format!("`url`: {e}")))?;
        Ok(spec)
    }

    /// How slurmrestd is spoken to; a file is not spoken to.
    pub fn http_mut(&mut self) -> Option<&mut HttpConfig> {
        matches!(self.origin, Origin::Slurm(_)).then_some(&mut self.http)
    }

    /// What the source needs to run.
    ///
    /// # Errors
    /// The address is none, or the file cannot be used.
    pub fn config(&self, interval: Duration, timeout: Duration) -> Result<JobsConfig, JobsError> {
        let config = JobsConfig { origin: self.origin.clone(), http: self.login(), interval, timeout };
        config.check()?;
        Ok(config)
    }

    /// How slurmrestd is spoken to, with the user and the token in the headers that it wants.
    #[must_use]
    pub fn login(&self) -> HttpConfig {
        let mut http = self.http.clone();
        let user = self.user.as_deref().map(|u| ("X-SLURM-USER-NAME".to_owned(), Secret::text(u)));
        let token = self.token_file.as_ref().map(|f| ("X-SLURM-USER-TOKEN".to_owned(), Secret::file(f)));
        http.headers.extend(user.into_iter().chain(token));
        http
    }

    /// Looks at the file or the address, and tells what there is.
    ///
    /// # Errors
    /// The address is none, or the file cannot be used.
    pub fn check(&self) -> Result<String, JobsError> {
        let every = Duration::from_secs(1);
        let (origin, http) = (self.origin.clone(), self.http.clone());
        JobsConfig { origin, http, interval: every, timeout: every }.check()
    }

    /// The source as a table of the config.
    #[must_use]
    pub fn toml(&self) -> String {
        match &self.origin {
            Origin::File(path) => {
                format!("[[source]]\nkind = \"jobs\"\nfile = {}\n", Value::Path(path.clone()).toml())
            }
            Origin::Slurm(url) => {
                let line = |name: &str, v: Option<Value>| {
                    v.map_or_else(String::new, |v| format!("{name} = {}\n", v.toml()))
                };
                let user = line("user", self.user.clone().map(Value::Text));
                let token = line("token_file", self.token_file.clone().map(Value::Path));
                let url = without_password(url);
                format!("[[source]]\nkind = \"slurm\"\nurl = {}\n{user}{token}", Value::Text(url).toml())
            }
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        self.check().unwrap_or_else(|e| e.to_string())
    }
}

/// The address; one with a password is told without it.
fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://<secret>@{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_an_address_is_needed() {
        let file = Entries::from([("file", (Value::Path("/etc/jobs.csv".into()), 0..1))]);
        assert_eq!(JobsSpec::from_file_table(&file), Ok(JobsSpec::file("/etc/jobs.csv".into())));
        let url = Entries::from([("url", (Value::Text("http://s:6820".into()), 0..1))]);
        assert_eq!(JobsSpec::from_slurm_table(&url), Ok(JobsSpec::slurm("http://s:6820")));
        let wrong = Entries::from([("url", (Value::Text("s:6820".into()), 2..5))]);
        let (at, message) = JobsSpec::from_slurm_table(&wrong).expect_err("no scheme");
        assert!(at == Some(2..5) && message.contains("expected one like http://slurm:6820"), "{message}");
        assert!(JobsSpec::from_file_table(&Entries::new()).is_err());
        assert!(JobsSpec::from_slurm_table(&Entries::new()).is_err());
    }

    #[test]
    fn user_and_token_become_headers_and_no_secret_shows() {
        let mut entries = Entries::from([("url", (Value::Text("http://u:pass@s:6820".into()), 0..1))]);
        entries.insert("user", (Value::Text("kari".into()), 0..1));
        entries.insert("token_file", (Value::Path("/etc/token".into()), 0..1));
        let spec = JobsSpec::from_slurm_table(&entries).expect("valid");
        let names: Vec<_> = spec.login().headers.into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, ["X-SLURM-USER-NAME", "X-SLURM-USER-TOKEN"]);
        let toml = spec.toml();
        assert!(
            toml.contains("user = \"kari\"\ntoken_file = \"/etc/token\"") && !toml.contains("pass"),
            "{toml}"
        );
        entries.insert("user", (Value::Text("a b".into()), 7..9));
        assert_eq!(JobsSpec::from_slurm_table(&entries).expect_err("a blank").0, Some(7..9));
    }

    #[test]
    fn only_a_daemon_is_spoken_to() {
        assert!(JobsSpec::file("x".into()).http_mut().is_none());
        assert!(JobsSpec::slurm("http://s").http_mut().is_some());
    }
}
