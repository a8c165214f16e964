//! The scraping source against servers on loopback: good ones, and every kind of bad one.

#[path = "scrape/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use hallwatch::model::entry::{SourceStatus, TargetState, TargetStatus};
use hallwatch::model::{Entry, HostReading, Metric, Timestamp};
use hallwatch::source::Outlet;
use hallwatch::source::scrape::{self, Limits, ScrapeConfig};
use server::{Answer, Server, gzip_bomb};
use tokio::sync::mpsc;

/// One GPU at 61 °C.
const GOOD: &str = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 61\n";

/// Everything that a running source has said so far.
struct Seen {
    rx: mpsc::Receiver<Entry>,
    hosts: BTreeMap<String, HostReading>,
    targets: BTreeMap<u32, TargetStatus>,
    last: SourceStatus,
    batches: usize,
}

impl Seen {
    fn start(config: ScrapeConfig) -> Self {
        // Another test of this process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (tx, rx) = mpsc::channel(64);
        let clock = || Timestamp::from_secs(1_795_316_400);
        tokio::spawn(scrape::run(config, Outlet { source: 5, tx, clock }));
        Self {
            rx,
            hosts: BTreeMap::new(),
            targets: BTreeMap::new(),
            last: SourceStatus::default(),
            batches: 0,
        }
    }

    /// Listens until `done`; the limit only turns a hang into a failure.
    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let listen = async {
            while !done(self) {
                match self.rx.recv().await.expect("the source runs on") {
                    Entry::Batch(batch) => {
                        assert_eq!(batch.source, 5);
                        self.batches += 1;
                        self.hosts.extend(batch.hosts.into_iter().map(|h| (h.facts.host.clone(), h)));
                    }
                    Entry::Source(status) => {
                        self.targets.extend(status.targets.iter().cloned());
                        self.last = status;
                    }
                    Entry::Tick(_) | Entry::Operation(_) | Entry::Journal(_) | Entry::External(_) => {
                        panic!("it neither ticks nor operates, nor knows of alerts")
                    }
                }
            }
        };
        let timed = tokio::time::timeout(Duration::from_secs(60), listen).await;
        assert!(timed.is_ok(), "the source never got there: {:?} {:?}", self.targets, self.last);
    }

    fn all_tried(&self) -> bool {
        !self.targets.is_empty() && self.targets.values().all(|t| t.state != TargetState::Waiting)
    }

    fn state(&self, index: u32) -> &TargetState {
        &self.targets[&index].state
    }
}

fn config(arguments: &[String]) -> ScrapeConfig {
    let limits = Limits { timeout: Duration::from_secs(2), stall: Duration::from_secs(1), body: 1 << 20 };
    let config = ScrapeConfig::load(arguments).expect("good arguments");
    ScrapeConfig { limits, interval: Duration::from_millis(200), ..config }
}

/// What a console sees of one server that answers so, beside one that is well.
async fn beside_a_good_one(answer: Answer) -> (TargetState, Seen) {
    let server = Server::start(vec![answer, Answer::page(GOOD)]).await;
    let mut seen = Seen::start(config(&server.urls(2)));
    seen.until(|s| s.all_tried() && s.hosts.contains_key(&format!("{}/1", server.address))).await;
    assert_eq!(*seen.state(1), TargetState::Up, "the good one goes on");
    let host = &seen.hosts[&format!("{}/1", server.address)];
    assert_eq!(host.gpus[0].get(Metric::Temp), Some(61.0));
    (seen.state(0).clone(), seen)
}

async fn reason(answer: Answer) -> String {
    match beside_a_good_one(answer).await {
        (TargetState::Down(reason), seen) => {
            assert_eq!(seen.hosts.len(), 1, "nothing comes from a target that is down");
            reason
        }
        (state, _) => panic!("expected a reason, got {state:?}"),
    }
}

#[tokio::test]
async fn a_page_becomes_a_reading_of_its_target() {
    let server = Server::start(vec![Answer::page(GOOD)]).await;
    let mut seen = Seen::start(config(&server.urls(1)));
    seen.until(|s| s.targets.get(&0).is_some_and(|t| t.state == TargetState::Up)).await;
    let status = &seen.targets[&0];
    assert_eq!(status.name, format!("{}/0", server.address));
    assert_eq!((status.gpus, status.samples, status.bad_lines, status.failures), (1, 1, 0, 0));
    assert_eq!(status.bytes as usize, GOOD.len());
    assert!(status.last_ok.is_some());
    assert_eq!((seen.last.interval_ms, seen.last.target_count), (200, 1));
    seen.until(|s| s.batches >= 3).await;
    assert!(server.requests.load(std::sync::atomic::Ordering::Relaxed) >= 3, "it is asked again and again");
    let facts = &seen.hosts.values().next().expect("a host").gpus[0].facts;
    assert!(facts.is_none(), "identity is not sent again");
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let why = reason(Answer::Stall(Vec::new())).await;
    assert!(why == "no data for 1 s" || why == "timeout after 2 s", "{why}");
}

#[tokio::test]
async fn a_server_that_stalls_within_the_body_times_out() {
    let start = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nDCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 50\n";
    assert_eq!(reason(Answer::Stall(start.to_vec())).await, "no data for 1 s");
}

#[tokio::test]
async fn nobody_listening_is_a_refused_connection() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = closed.local_addr().expect("an address").to_string();
    drop(closed);
    let mut seen = Seen::start(config(&[address]));
    seen.until(Seen::all_tried).await;
    assert_eq!(*seen.state(0), TargetState::Down("connection refused".to_owned()));
}

#[tokio::test]
async fn an_endless_body_stops_at_the_limit() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let chunk = GOOD.repeat(1000).into_bytes();
    assert_eq!(reason(Answer::Endless { head, chunk }).await, "body over 1 MiB");
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_limit() {
    let (start, piece) = gzip_bomb();
    let body: Vec<u8> = start.into_iter().chain(piece.repeat(4)).collect();
    assert!(body.len() < 100_000, "only what it unpacks to is over the limit");
    let answer = Answer::with("200 OK", "content-encoding: gzip\r\n", &body);
    assert_eq!(reason(answer).await, "body over 1 MiB");
}

#[tokio::test]
async fn broken_compression_is_told() {
    let answer = Answer::with("200 OK", "content-encoding: gzip\r\n", b"this is no gzip at all");
    assert_eq!(reason(answer).await, "broken compression");
}

#[tokio::test]
async fn garbage_is_not_exposition_text() {
    let garbage: Vec<u8> = (0..=255).cycle().take(5000).chain(*b"\n").collect();
    assert_eq!(reason(Answer::with("200 OK", "", &garbage)).await, "not exposition text");
    let html = b"<html>\n<body>log in</body>\n</html>\n";
    assert_eq!(reason(Answer::with("200 OK", "", html)).await, "not exposition text");
    let answer = Answer::with("200 OK", "content-type: text/html; charset=utf-8\r\n", html);
    assert_eq!(reason(answer).await, "not exposition text (text/html)");
}

#[tokio::test]
async fn garbage_instead_of_http_is_told() {
    let why = reason(Answer::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\x1b[2J".to_vec())).await;
    assert!(!why.is_empty() && !why.contains('\x1b'), "{why}");
}

#[tokio::test]
async fn an_empty_answer_is_told() {
    assert_eq!(reason(Answer::with("200 OK", "content-length: 0\r\n", b"")).await, "empty answer");
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_used() {
    let answer = Answer::with("200 OK", "content-length: 1000\r\n", GOOD.as_bytes());
    assert_eq!(reason(answer).await, "answer cut short");
    let answer = Answer::with("200 OK", "transfer-encoding: chunked\r\n", b"100\r\nDCGM_FI_DEV_GPU_TEMP");
    assert_eq!(reason(answer).await, "answer cut short");
    // Without a length only the missing end of the line tells.
    let half = &GOOD.repeat(3).into_bytes()[..GOOD.len() * 2 + 30];
    assert_eq!(reason(Answer::with("200 OK", "", half)).await, "answer cut short");
}

#[tokio::test]
async fn an_error_status_is_told() {
    assert_eq!(reason(Answer::with("500 Oh No", "content-length: 0\r\n", b"")).await, "HTTP 500");
    assert_eq!(reason(Answer::with("503 Later", "", b"busy\n")).await, "HTTP 503");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer = Answer::with("302 Found", "location: /1\r\ncontent-length: 0\r\n", b"");
    assert_eq!(reason(answer).await, "HTTP 302, redirects are not followed");
}

#[tokio::test]
async fn bad_lines_cost_lines_and_are_counted() {
    let page = format!(
        "{GOOD}DCGM_FI_DEV_POWER_USAGE{{gpu=\"0\" 5\nDCGM_FI_DEV_GPU_UTIL{{gpu=\"0\"}} NaN\n???\n{GOOD}"
    );
    let (state, seen) = beside_a_good_one(Answer::Page(page)).await;
    assert_eq!(state, TargetState::Up);
    assert_eq!((seen.targets[&0].bad_lines, seen.targets[&0].samples), (2, 3));
    let host = seen.hosts.values().find(|h| h.facts.host.ends_with("/0")).expect("it answered");
    assert_eq!(host.gpus.len(), 1);
    assert_eq!(host.gpus[0].get(Metric::Util), None, "NaN is no value");
    assert_eq!(host.gpus[0].get(Metric::Power), None);
    assert!(seen.last.note.as_deref().is_some_and(|n| n.contains("repeat series")), "{:?}", seen.last.note);
}

#[tokio::test]
async fn escape_sequences_in_labels_never_get_through() {
    let page = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-\x1b[31m\",modelName=\"\\n\x07\",Hostname=\"h\x1b]0;\",pod=\"\u{202e}p\"} 1\n";
    let (state, seen) = beside_a_good_one(Answer::page(page)).await;
    assert_eq!(state, TargetState::Up);
    let all = format!("{:?}", seen.hosts);
    assert!(!all.contains("\\u{1b}") && !all.contains("\\u{202e}") && !all.contains("\\u{7}"), "{all}");
}

#[tokio::test]
async fn dead_targets_do_not_keep_the_living_waiting() {
    let mut answers = vec![Answer::Stall(Vec::new()); 12];
    answers.extend(vec![Answer::page(GOOD); 12]);
    let server = Server::start(answers).await;
    let config = ScrapeConfig { concurrency: 4, ..config(&server.urls(24)) };
    let mut seen = Seen::start(config);
    seen.until(|s| s.hosts.len() == 12).await;
    let is_down = |t: &TargetStatus| matches!(t.state, TargetState::Down(_));
    seen.until(|s| s.targets.values().filter(|t| is_down(t)).count() == 12).await;
    assert!((12..24).all(|i| *seen.state(i) == TargetState::Up));
}

#[tokio::test]
async fn a_rewritten_list_is_taken_up_and_a_broken_one_is_not() {
    let server = Server::start(vec![Answer::page(GOOD), Answer::page(GOOD)]).await;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("targets.json");
    let write = |paths: &[&str], tail: &str| {
        let group = |p: &&str| {
            format!(
                "{{\"targets\":[\"{}\"],\"labels\":{{\"__metrics_path__\":\"{p}\",\"hall\":\"H1\"}}}}",
                server.address
            )
        };
        let groups: Vec<_> = paths.iter().map(group).collect();
        std::fs::write(&path, format!("[{}]{tail}", groups.join(",\n"))).expect("writable");
    };
    write(&["/0"], "");
    let mut seen = Seen::start(config(&[path.display().to_string()]));
    seen.until(|s| s.hosts.len() == 1).await;
    assert_eq!(seen.hosts.values().next().expect("a host").facts.label("hall"), Some("H1"));

    write(&["/0", "/1"], "");
    seen.until(|s| s.hosts.len() == 2).await;
    seen.until(|s| s.last.target_count == 2).await;

    write(&["/0"], " garbage");
    seen.until(|s| s.last.note.is_some()).await;
    let note = seen.last.note.clone().expect("just seen");
    assert!(note.contains("targets.json:1:") && note.contains("the last good list of 2 targets"), "{note}");
    let before = seen.batches;
    seen.until(|s| s.batches > before + 1).await;
    assert_eq!(seen.last.target_count, 2, "the last good list stays in use");

    write(&["/1"], "");
    seen.until(|s| s.last.target_count == 1 && s.last.note.is_none()).await;
}

#[tokio::test]
async fn an_empty_list_is_reported_too() {
    let mut seen = Seen::start(config(&[]));
    seen.until(|s| s.last.name == "scrape").await;
    assert_eq!((seen.last.target_count, seen.last.interval_ms), (0, 200));
}

#[tokio::test]
async fn a_password_in_a_url_is_never_shown() {
    let server = Server::start(vec![Answer::Raw(b"nonsense\r\n".to_vec())]).await;
    let mut seen = Seen::start(config(&[format!("http://me:secret@{}/0", server.address)]));
    seen.until(Seen::all_tried).await;
    assert!(matches!(seen.state(0), TargetState::Down(_)));
    assert!(!format!("{:?} {:?}", seen.targets, seen.last).contains("secret"));
}

#[tokio::test]
async fn the_source_ends_when_the_engine_does() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = Server::start(vec![Answer::page(GOOD)]).await;
    let (tx, rx) = mpsc::channel(1);
    let task =
        tokio::spawn(scrape::run(config(&server.urls(1)), Outlet { source: 0, tx, clock: || Timestamp(0) }));
    drop(rx);
    let ended = tokio::time::timeout(Duration::from_secs(30), task).await;
    assert!(ended.is_ok_and(|r| r.is_ok()));
}
