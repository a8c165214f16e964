//! Where targets come from over HTTP, which share of them is asked, and how connections are kept.

#[path = "scrape/server.rs"]
#[allow(dead_code, reason = "another test needs more of it")]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallwatch::model::entry::{SourceStatus, TargetState, TargetStatus};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Entry, Timestamp, Topology};
use hallwatch::source::Outlet;
use hallwatch::source::scrape::{self, Placing, Remote, ScrapeConfig, Shard};
use reqwest::Url;
use server::{Answer, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const GOOD: &str = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 61\n";

fn config(arguments: &[String]) -> ScrapeConfig {
    rustls::crypto::ring::default_provider().install_default().ok();
    let config = ScrapeConfig::load(arguments).expect("good arguments");
    ScrapeConfig { interval: Duration::from_millis(200), ..config }
}

/// Runs `config` and listens until a report, with what is known of the targets then, is as wanted.
async fn until(config: ScrapeConfig, done: impl Fn(&SourceStatus, &[TargetStatus]) -> bool) -> SourceStatus {
    let (tx, mut rx) = mpsc::channel(64);
    let clock = || Timestamp::from_secs(1_795_316_400);
    tokio::spawn(scrape::run(config, Outlet { source: 0, tx, clock }));
    let mut targets: Vec<TargetStatus> = Vec::new();
    let listen = async {
        loop {
            let Entry::Source(status) = rx.recv().await.expect("the source runs on") else { continue };
            targets.resize(status.target_count as usize, TargetStatus::default());
            for (i, target) in &status.targets {
                targets[*i as usize] = target.clone();
            }
            if done(&status, &targets) {
                return status;
            }
        }
    };
    let timed = tokio::time::timeout(Duration::from_secs(60), listen).await;
    timed.unwrap_or_else(|_| panic!("it never got there: {targets:?}"))
}

fn remote(server: &Server, path: usize) -> Remote {
    let url = Url::parse(&format!("http://me:geheim@{}/{path}", server.address)).expect("a URL");
    Remote { url, refresh: Duration::from_secs(1) }
}

fn is_up(target: &TargetStatus) -> bool {
    target.state == TargetState::Up
}

#[tokio::test]
async fn a_list_over_http_is_taken_up_and_one_that_fails_is_told() {
    let exporter = Server::start(vec![Answer::page(GOOD)]).await;
    let list = format!(
        "[{{\"targets\":[\"{}\"],\"labels\":{{\"__metrics_path__\":\"/0\",\"hall\":\"H7\"}}}}]",
        exporter.address
    );
    let lists = Server::start(vec![
        Answer::with("200 OK", "content-type: application/json\r\n", list.as_bytes()),
        Answer::with("503 Later", "", b""),
        Answer::with("200 OK", "content-type: application/json\r\n", b"[{\"targets\": [\"10.0.3.7:94OO\"]}]"),
    ])
    .await;
    let mut config = config(&[]);
    config.remotes = (0..3).map(|i| remote(&lists, i)).collect();
    config.placing = Some(Arc::new(Placing::new(Placer::default(), &Topology::default_site())));
    let status = until(config, |status, targets| {
        let note = status.note.as_deref().unwrap_or_default();
        targets.iter().any(is_up) && note.contains("HTTP 503") && note.contains("94OO")
    })
    .await;
    let note = status.note.expect("just seen");
    assert_eq!(status.target_count, 1);
    assert!(note.contains(&format!("http://{}/1: HTTP 503", lists.address)), "{note}");
    assert!(note.contains("/2:1: targets \"10.0.3.7:94OO\""), "{note}");
    assert!(!note.contains("geheim") && !note.contains("placing rule"), "{note}");
}

#[tokio::test]
async fn a_share_of_the_targets_is_asked_and_hosts_without_a_place_are_counted() {
    let server = Server::start(vec![Answer::page(GOOD); 12]).await;
    let mut all = config(&server.urls(12));
    all.selection.shard = Some(Shard { index: 1, count: 2 });
    all.select().expect("no limit");
    all.placing = Some(Arc::new(Placing::new(Placer::default(), &Topology::default_site())));
    let mine = all.list.targets.len();
    assert_eq!(mine + all.list.elsewhere, 12);
    let first = all.list.targets[0].name.clone();
    let status = until(all, |s, targets| s.note.is_some() && targets.iter().all(is_up)).await;
    let note = status.note.expect("just seen");
    assert_eq!(status.target_count as usize, mine);
    assert!(note.contains(&format!("shard 1/2: {mine} of 12 targets")), "{note}");
    assert!(note.contains(&format!("match no placing rule; first: {first}")), "{note}");
}

/// Answers in chunks, `most` times over one connection, which it then closes without a word.
async fn keep(mut socket: TcpStream, most: usize, requests: &AtomicUsize) -> std::io::Result<()> {
    for _ in 0..most {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await?);
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
        let (a, b) = GOOD.split_at(20);
        let body = format!("{head}{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
        socket.write_all(body.as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_no_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let shared = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let counts = Arc::clone(&shared);
            counts.0.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move { keep(socket, 3, &counts.1).await.ok() });
        }
    });
    let enough = |_: &SourceStatus, targets: &[TargetStatus]| {
        assert!(targets.iter().all(|t| t.failures == 0), "{targets:?}");
        counts.1.load(Ordering::Relaxed) >= 9
    };
    until(config(&[address]), enough).await;
    let connections = counts.0.load(Ordering::Relaxed);
    assert!((3..=4).contains(&connections), "three answers each: {connections}");
}
