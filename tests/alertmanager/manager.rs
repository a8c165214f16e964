//! The real Alertmanager of Debian, started and ended by the tests.

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hallwatch::model::Timestamp;
use hallwatch::source::alertmanager::client::Member;
use hallwatch::source::alertmanager::wire::{Alert, PostAlert, Silence, show_time};
use hallwatch::source::alertmanager::{AlertmanagerConfig, parse_url};

/// Its name in Debian.
const PROGRAM: &str = "prometheus-alertmanager";
const CONFIG: &str = "route:\n  receiver: none\n  group_by: [alertname]\nreceivers:\n- name: none\n";

/// The present moment.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// True where it is installed; says so where it is not.
pub fn is_installed() -> bool {
    let found = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|s| s.success());
    if !found {
        eprintln!("not checked against the real one: {PROGRAM} is missing (tests/real/alertmanager)");
    }
    found
}

/// Asks again and again until there is an answer; the limit only turns a hang into a failure.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let mut again = tokio::time::interval(Duration::from_millis(100));
    let asked = async {
        loop {
            again.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// One running Alertmanager.
pub struct Manager {
    child: Child,
    _dir: tempfile::TempDir,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Address of the cluster.
    pub gossip: String,
    member: Member,
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Manager {
    /// Starts one; with a peer it joins its cluster.
    pub async fn start(peer: Option<&Self>) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = dir.path().join("alertmanager.yml");
        std::fs::write(&config, CONFIG).expect("writable");
        let (web, gossip) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.path={}", dir.path().display()));
        command.arg(format!("--web.listen-address={web}"));
        command.arg(format!("--cluster.listen-address={gossip}"));
        command.args(["--cluster.gossip-interval=100ms", "--cluster.settle-timeout=1s"]);
        command.args(peer.map(|p| format!("--cluster.peer={}", p.gossip)));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let url = format!("http://{web}");
        let config = AlertmanagerConfig::new(vec![parse_url(&url).expect("a good address")]);
        let member = Member::all(&config).expect("a client").remove(0);
        let manager = Self { child, _dir: dir, url, gossip, member };
        until("Alertmanager answers", || async { manager.member.get("status", None).await.ok() }).await;
        manager
    }

    /// Ends it, and no other.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// How many members its cluster has.
    pub async fn peers(&self) -> usize {
        let status = self.member.get("status", None).await.expect("it answers");
        let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
        status["cluster"]["peers"].as_array().map_or(0, Vec::len)
    }

    /// All alerts that stand.
    pub async fn alerts(&self) -> Vec<Alert> {
        let alerts = self.member.get("alerts", None).await.expect("it answers");
        serde_json::from_slice(&alerts).expect("alerts")
    }

    /// The alert of this name, while it stands.
    pub async fn alert(&self, name: &str) -> Option<Alert> {
        self.alerts().await.into_iter().find(|a| a.labels["alertname"] == name)
    }

    /// The silences that apply.
    pub async fn silences(&self) -> Vec<Silence> {
        let silences = self.member.get("silences", None).await.expect("it answers");
        let silences: Vec<Silence> = serde_json::from_slice(&silences).expect("silences");
        silences.into_iter().filter(|s| !s.is_expired()).collect()
    }

    /// Posts an alert that stands for so many ms from now; for none, it is over.
    pub async fn fire(&self, labels: &[(&str, &str)], ms: i64) {
        let text =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let alert = PostAlert {
            labels: text(labels),
            annotations: text(&[("summary", "the disk \u{1b}[31mis full")]),
            starts_at: show_time(now().plus_millis(-60_000)),
            ends_at: show_time(now().plus_millis(ms)),
        };
        self.member.post_alerts(&[alert], None).await.expect("it takes alerts");
    }

    /// The client that the console uses, too.
    pub const fn member(&self) -> &Member {
        &self.member
    }
}
