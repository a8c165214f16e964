//! The running source: looks once an interval, and hands over each list that it understands.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::{Client, StatusCode};
use tokio::time::MissedTickBehavior;

use super::slurm::{self, VERSIONS};
use super::{JobsConfig, Origin, mapping};
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};
use crate::model::work::WorkList;
use crate::model::{Batch, Entry, text};
use crate::source::http::HttpConfigError;
use crate::source::{Outlet, Stopped};

/// Largest mapping file and largest answer, bytes.
const MAX_BYTES: u64 = 64 << 20;
/// A file is looked at this often, or as often as the interval says if that is more often.
const FILE_EVERY: Duration = Duration::from_secs(5);

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file or the answer is too large.
    #[error("{0} is larger than 64 MiB")]
    TooLarge(String),
    /// What is in it is wrong: a whole sentence with the place.
    #[error("{0}")]
    Content(String),
    /// The address is none.
    #[error("`{0}` is no address of a Slurm REST daemon: expected one like http://slurm:6820")]
    Address(String),
    /// Token, headers or certificates.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// It did not answer.
    #[error("no answer: {0}")]
    Silent(String),
    /// It answered, but not with a list.
    #[error("answered HTTP {0}{1}")]
    Status(u16, &'static str),
}

/// Asks until the engine stops taking entries.
pub async fn run(config: JobsConfig, outlet: Outlet) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet).await;
}

async fn drive(config: JobsConfig, outlet: Outlet) -> Result<(), Stopped> {
    let every = match &config.origin {
        Origin::File(_) => config.interval.min(FILE_EVERY),
        Origin::Slurm(_) => config.interval,
    };
    let mut timer = tokio::time::interval(every.max(Duration::from_millis(10)));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asker = Asker { config, client: None, base: None, stamp: None };
    let mut last = TargetStatus { name: asker.config.origin.name(), ..TargetStatus::default() };
    let mut is_first = true;
    loop {
        timer.tick().await;
        let began = tokio::time::Instant::now();
        let asked = asker.ask().await;
        let told = last.clone();
        last.duration_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let mut note = None;
        match asked {
            Ok(None) => {}
            Ok(Some(found)) => {
                last.state = TargetState::Up;
                last.last_ok = Some(outlet.now());
                (last.samples, last.failures) = (found.list.works.len() as u32, 0);
                last.bytes = u32::try_from(found.bytes).unwrap_or(u32::MAX);
                note = found.note;
                let work = Some(Arc::new(found.list));
                let batch = Batch { work, ..Batch::new(outlet.source, outlet.now()) };
                outlet.send(Entry::Batch(batch)).await?;
            }
            Err(e) => {
                last.state = TargetState::Down(text::clean(&e.to_string()));
                last.failures = last.failures.saturating_add(1);
                if last.last_ok.is_some() {
                    note = Some("the last good list stays in use".to_owned());
                }
            }
        }
        if is_first || told != (TargetStatus { duration_ms: told.duration_ms, ..last.clone() }) {
            is_first = false;
            let interval_ms = u32::try_from(every.as_millis()).unwrap_or(u32::MAX);
            let status = SourceStatus {
                source: outlet.source,
                name: asker.config.origin.kind().to_owned(),
                time: outlet.now(),
                interval_ms,
                note,
                targets: vec![(0, last.clone())],
                target_count: 1,
            };
            outlet.send(Entry::Source(status)).await?;
        } else if outlet.tx.is_closed() {
            return Err(Stopped);
        }
    }
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Self::File(path) => text::clean(&path.to_string_lossy()),
            Self::Slurm(url) => shown(url),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "jobs",
            Self::Slurm(_) => "slurm",
        }
    }
}

/// An address without user and password.
fn shown(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(url) if url.has_host() => {
            let port = url.port().map_or_else(String::new, |p| format!(":{p}"));
            text::clean(&format!(
                "{}{port}{}",
                url.host_str().unwrap_or_default(),
                url.path().trim_end_matches('/')
            ))
        }
        // What has no host may still hold a password.
        _ if url.contains('@') => "(no address)".to_owned(),
        _ => text::clean(url),
    }
}

/// One list.
struct Found {
    list: WorkList,
    bytes: usize,
    note: Option<String>,
}

/// Asks the file or the daemon.
struct Asker {
    config: JobsConfig,
    client: Option<Client>,
    /// The address up to the version that answered.
    base: Option<String>,
    /// Time and size of the file that was read last.
    stamp: Option<(SystemTime, u64)>,
}

impl Asker {
    /// The list; `None`: the file has not changed.
    async fn ask(&mut self) -> Result<Option<Found>, JobsError> {
        match self.config.origin.clone() {
            Origin::File(path) => {
                let known = self.stamp;
                let read = tokio::task::spawn_blocking(move || read_changed(&path, known)).await;
                let read = read.unwrap_or_else(|_| Err(JobsError::Silent("internal error".to_owned())))?;
                let Some((stamp, list)) = read else { return Ok(None) };
                // A file that is wrong is read again, and told again, until it is right.
                self.stamp = Some(stamp);
                Ok(Some(Found { list, bytes: usize::try_from(stamp.1).unwrap_or(usize::MAX), note: None }))
            }
            Origin::Slurm(url) => self.ask_slurm(&url).await.map(Some),
        }
    }

    async fn ask_slurm(&mut self, url: &str) -> Result<Found, JobsError> {
        if let Some(base) = self.base.clone() {
            let found = self.get(&base).await;
            if found.is_err() {
                // After an update another version may be served.
                self.base = None;
            }
            return found;
        }
        let mut last = JobsError::Address(shown(url));
        for base in bases(url)? {
            match self.get(&base).await {
                Err(JobsError::Status(404, why)) => last = JobsError::Status(404, why),
                Err(other) => return Err(other),
                Ok(found) => {
                    self.base = Some(base);
                    return Ok(found);
                }
            }
        }
        Err(last)
    }

    async fn get(&mut self, base: &str) -> Result<Found, JobsError> {
        if self.client.is_none() {
            let builder = Client::builder()
                .timeout(self.config.timeout)
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(0);
            self.client = Some(self.config.http.client(builder)?);
        }
        let Some(client) = &self.client else { return Err(JobsError::Silent("no client".to_owned())) };
        let request = self.config.http.authorize(client.get(format!("{base}/jobs")))?;
        let silent = |e: reqwest::Error| {
            let reason = if e.is_timeout() { "it took too long".to_owned() } else { root(&e.without_url()) };
            JobsError::Silent(text::clean(&reason))
        };
        let mut answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            let why = ": it does not accept the token: see X-SLURM-USER-NAME and X-SLURM-USER-TOKEN in docs/jobs.md";
            return Err(JobsError::Status(status.as_u16(), why));
        }
        if status == StatusCode::NOT_FOUND {
            return Err(JobsError::Status(404, ": no known version of the interface is there"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            if (body.len() + chunk.len()) as u64 > MAX_BYTES {
                return Err(JobsError::TooLarge("the answer".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        // Errors of Slurm come with a reason in the body.
        let read = slurm::parse(&body);
        if !status.is_success() {
            return Err(match read {
                Err(why) if why.starts_with("Slurm answers") => JobsError::Content(why),
                _ => JobsError::Status(status.as_u16(), ""),
            });
        }
        let read = read.map_err(JobsError::Content)?;
        let note = read.wrong.map(|(first, count)| format!("{count} jobs left out; first: {first}"));
        Ok(Found { list: read.list, bytes: body.len(), note })
    }
}

fn root(e: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = e;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Addresses to try, up to the version: one where the address names it.
fn bases(url: &str) -> Result<Vec<String>, JobsError> {
    let wrong = || JobsError::Address(shown(url));
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong());
    }
    let whole = url.trim_end_matches('/');
    if parsed.path().contains("/v0.0.") {
        return Ok(vec![whole.trim_end_matches("/jobs").to_owned()]);
    }
    let whole = whole.trim_end_matches("/slurm");
    Ok(VERSIONS.iter().map(|v| format!("{whole}/slurm/{v}")).collect())
}

type Stamped = ((SystemTime, u64), WorkList);

fn read_changed(path: &Path, known: Option<(SystemTime, u64)>) -> Result<Option<Stamped>, JobsError> {
    let shown = text::clean(&path.to_string_lossy());
    let failed = |source| JobsError::Read { path: shown.clone(), source };
    let data = std::fs::metadata(path).map_err(failed)?;
    let stamp = (data.modified().map_err(failed)?, data.len());
    if known == Some(stamp) {
        return Ok(None);
    }
    if data.len() > MAX_BYTES {
        return Err(JobsError::TooLarge(shown));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let content = String::from_utf8(bytes)
        .map_err(|_| JobsError::Content(format!("{shown}: not UTF-8 text: expected CSV or JSON")))?;
    let list = mapping::parse(&content, &shown).map_err(JobsError::Content)?;
    Ok(Some((stamp, list)))
}

impl JobsConfig {
    /// Looks at what can be looked at without a network: the file, or the address. Tells what there is.
    ///
    /// # Errors
    /// The file cannot be used, or the address is none.
    pub fn check(&self) -> Result<String, JobsError> {
        match &self.origin {
            Origin::File(path) => {
                let list = read_changed(path, None)?.map(|(_, list)| list).unwrap_or_default();
                Ok(format!("{}: {} jobs", self.origin.name(), list.works.len()))
            }
            Origin::Slurm(url) => bases(url).map(|_| format!("slurm: jobs of {}", shown(url))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::source::http::Secret;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    fn start(origin: Origin, headers: &[(&str, &str)]) -> mpsc::Receiver<Entry> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = JobsConfig {
            origin,
            http: crate::source::http::HttpConfig::default(),
            interval: Duration::from_millis(20),
            timeout: Duration::from_secs(5),
        };
        let pair = |(n, v): &(&str, &str)| ((*n).to_owned(), Secret::text(v));
        config.http.headers = headers.iter().map(pair).collect();
        let (tx, rx) = mpsc::channel(16);
        tokio::spawn(run(config, Outlet { source: 1, tx, clock: || Timestamp(5000) }));
        rx
    }

    async fn list(rx: &mut mpsc::Receiver<Entry>) -> Arc<WorkList> {
        loop {
            if let Entry::Batch(batch) = rx.recv().await.expect("it runs") {
                return batch.work.expect("a list");
            }
        }
    }

    async fn status(rx: &mut mpsc::Receiver<Entry>) -> SourceStatus {
        loop {
            if let Entry::Source(status) = rx.recv().await.expect("it runs") {
                return status;
            }
        }
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_changes_and_a_wrong_one_leaves_the_last() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("jobs.csv");
        std::fs::write(&path, "host,job\nn1,a\n").expect("writable");
        let mut rx = start(Origin::File(path.clone()), &[]);
        assert_eq!(list(&mut rx).await.works[0].name.job, "a");
        assert_eq!(status(&mut rx).await.targets[0].1.state, TargetState::Up);
        std::fs::write(&path, "host,job\nn1,\n").expect("writable");
        let wrong = status(&mut rx).await;
        let TargetState::Down(why) = &wrong.targets[0].1.state else { panic!("{wrong:?}") };
        assert!(why.ends_with("jobs.csv:2: no job: leave the line out where nothing runs"), "{why}");
        assert_eq!(wrong.note.as_deref(), Some("the last good list stays in use"));
        std::fs::write(&path, "host,job\nn1,bb\n").expect("writable");
        assert_eq!(list(&mut rx).await.works[0].name.job, "bb");
    }

    /// A daemon that answers requests one after the other, as `answer` says; it also tells what was asked.
    async fn daemon(answer: fn(&str) -> String) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (tx, rx) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        break;
                    }
                    request.push(byte[0]);
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let _ = stream.write_all(answer(&request).as_bytes()).await;
                let _ = tx.try_send(request);
            }
        });
        (url, rx)
    }

    fn http(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn the_newest_version_that_answers_is_asked_with_the_token() {
        let (url, mut asked) = daemon(|request| {
            if request.starts_with("GET /slurm/v0.0.41/jobs ") {
                http("200 OK", r#"{"jobs":[{"job_id":7,"name":"x","job_state":["RUNNING"],"nodes":"n1"}]}"#)
            } else {
                http("404 Not Found", "")
            }
        })
        .await;
        let headers = [("X-SLURM-USER-NAME", "kari"), ("X-SLURM-USER-TOKEN", "s3cret")];
        let mut rx = start(Origin::Slurm(url), &headers);
        assert_eq!(list(&mut rx).await.works[0].name.job, "7 x");
        assert_eq!(list(&mut rx).await.works.len(), 1);
        let mut paths = Vec::new();
        for _ in 0..5 {
            let request = asked.recv().await.expect("asked");
            assert!(request.to_lowercase().contains("x-slurm-user-token: s3cret\r\n"), "{request}");
            paths.push(request.split(' ').nth(1).unwrap_or_default().to_owned());
        }
        let version = |v: &str| format!("/slurm/{v}/jobs");
        assert_eq!(paths, ["v0.0.44", "v0.0.43", "v0.0.42", "v0.0.41", "v0.0.41"].map(version));
    }

    #[tokio::test]
    async fn why_slurm_gives_no_list_is_told_without_secrets() {
        for (answer, reason) in [
            (http("401 Unauthorized", ""), "answered HTTP 401: it does not accept the token"),
            (
                http("500 Oops", r#"{"errors":[{"description":"no controller"}]}"#),
                "Slurm answers: no controller",
            ),
            (http("503 Busy", "<html>"), "answered HTTP 503"),
            (http("200 OK", "<html>"), "not an answer of slurmrestd"),
        ] {
            // Function pointers capture nothing, so each answer is one of these.
            let (url, _asked) = match answer {
                a if a.contains("401") => daemon(|_| http("401 Unauthorized", "")).await,
                a if a.contains("500") => {
                    daemon(|_| http("500 Oops", r#"{"errors":[{"description":"no controller"}]}"#)).await
                }
                a if a.contains("503") => daemon(|_| http("503 Busy", "<html>")).await,
                _ => daemon(|_| http("200 OK", "<html>")).await,
            };
            let secret = url.replace("http://", "http://user:pass-word@");
            let mut rx = start(Origin::Slurm(secret), &[]);
            let told = status(&mut rx).await;
            let TargetState::Down(why) = &told.targets[0].1.state else { panic!("{told:?}") };
            assert!(why.starts_with(reason), "{why}");
            assert!(!format!("{told:?}").contains("pass-word"), "{told:?}");
        }
    }

    #[test]
    fn addresses_are_looked_at() {
        assert_eq!(bases("http://s:6820/").expect("an address").len(), VERSIONS.len());
        assert_eq!(bases("http://s:6820/slurm").expect("an address")[0], "http://s:6820/slurm/v0.0.44");
        assert_eq!(bases("https://s/slurm/v0.0.40/").expect("an address"), ["https://s/slurm/v0.0.40"]);
        for wrong in ["slurm:6820", "ftp://x", "nothing"] {
            assert!(bases(wrong).is_err(), "{wrong}");
        }
        let error = bases("ftp://user:pass@host").expect_err("no HTTP").to_string();
        assert!(!error.contains("pass"), "{error}");
    }
}
