//! The running source against servers on loopback that answer as badly as asked.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::model::Entry;
use crate::model::entry::{SourceStatus, TargetState};
use crate::source::Outlet;

/// A server that answers each request with what `answer` makes of its head and body.
async fn server(answer: fn(&str) -> Vec<u8>) -> (Url, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let (tx, requests) = mpsc::channel(256);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let tx = tx.clone();
            tokio::spawn(async move {
                let Some(request) = whole(&mut socket).await else { return };
                let bytes = answer(&request);
                // Nobody may look at the requests, and the client may have hung up.
                let _ = (tx.try_send(request), socket.write_all(&bytes).await);
            });
        }
    });
    (parse_url(&format!("http://{address}/am")).expect("a good address"), requests)
}

/// Head and body of a request.
async fn whole(socket: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    String::from_utf8(bytes).ok()
}

fn ok(body: &str) -> Vec<u8> {
    with("200 OK", body)
}

fn with(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into()
}

fn good(request: &str) -> Vec<u8> {
    match request.split(' ').nth(1).unwrap_or_default() {
        path if path.starts_with("/am/api/v2/alerts?filter=source!%3D%22hallwatch%22") => {
            ok(r#"[{"labels":{"alertname":"X"},"fingerprint":"f"}]"#)
        }
        "/am/api/v2/silences" if request.starts_with("GET") => ok("[]"),
        "/am/api/v2/silences" => ok(r#"{"silenceID":"s1"}"#),
        "/am/api/v2/alerts" => ok(""),
        _ => with("404 Not Found", ""),
    }
}

/// Starts the source with everything on.
fn start(urls: Vec<Url>, view: View, token_file: Option<PathBuf>) -> mpsc::Receiver<Entry> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (tx, rx) = mpsc::channel(16);
    let config = AlertmanagerConfig {
        post: true,
        mirror: true,
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(2),
        token_file,
        ..AlertmanagerConfig::new(urls)
    };
    tokio::spawn(run(config, Outlet { source: 3, tx, clock: || T }, move || view.clone()));
    rx
}

/// Listens until `found` something; the limit only turns a hang into a failure.
async fn listen<R, T>(rx: &mut mpsc::Receiver<R>, mut found: impl FnMut(R) -> Option<T>) -> T {
    let listen = async {
        loop {
            if let Some(found) = found(rx.recv().await.expect("it runs on")) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listen).await.expect("it comes in time")
}

fn tried(entry: Entry) -> Option<SourceStatus> {
    let Entry::Source(status) = entry else { return None };
    status.targets.iter().all(|(_, t)| t.state != TargetState::Waiting).then_some(status)
}

/// Why a server that answers so gives nothing; nothing is heard of its alerts.
async fn reason(answer: fn(&str) -> Vec<u8>) -> String {
    let (url, _requests) = server(answer).await;
    let mut rx = start(vec![url], view(Vec::new()), None);
    let status = listen(&mut rx, |entry| {
        assert!(!matches!(entry, Entry::External(_)), "what cannot be read is no empty list");
        tried(entry)
    })
    .await;
    match &status.targets[0].1.state {
        TargetState::Down(why) => why.clone(),
        other => panic!("expected a reason, got {other:?}"),
    }
}

#[tokio::test]
async fn alerts_come_in_alarms_and_silences_go_out_with_the_token() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let token = dir.path().join("token");
    std::fs::write(&token, "abc123\n").expect("writable");
    let (url, mut requests) = server(good).await;
    let mut rx = start(vec![url], view(vec![acknowledged(1)]), Some(token));
    let list = listen(&mut rx, |e| if let Entry::External(list) = e { Some(list) } else { None }).await;
    assert_eq!((list.alarms.len(), &*list.alarms[0].name), (1, "X"));
    tokio::spawn(async move { while rx.recv().await.is_some() {} });
    let (mut alert, mut silence) = (false, false);
    listen(&mut requests, |request| {
        assert!(request.to_lowercase().contains("authorization: bearer abc123"), "{request}");
        alert |=
            request.starts_with("POST /am/api/v2/alerts") && request.contains("\"alertname\":\"rack-leak\"");
        silence |=
            request.starts_with("POST /am/api/v2/silences") && request.contains("\"createdBy\":\"kari\"");
        (alert && silence).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_second_member_is_read_when_the_first_is_down() {
    let (bad, _first) = server(|_| with("503 Busy", "\"over\\u001b[31mloaded\"")).await;
    let (url, _second) = server(good).await;
    let mut rx = start(vec![bad, url], view(Vec::new()), None);
    let mut heard = false;
    let status = listen(&mut rx, |e| {
        heard |= matches!(e, Entry::External(_));
        tried(e)
    })
    .await;
    assert!(heard);
    assert_eq!(status.targets[0].1.state, TargetState::Down("HTTP 503: over[31mloaded".to_owned()));
    assert_eq!((&status.targets[1].1.state, status.target_count, status.source), (&TargetState::Up, 2, 3));
}

#[tokio::test]
async fn hostile_answers_are_refused_in_words() {
    assert_eq!(reason(|_| ok("<html>log in</html>")).await, "not the answer of an Alertmanager");
    assert_eq!(reason(|_| with("302 Found", "")).await, "HTTP 302");
    assert_eq!(
        reason(|_| with("401 Unauthorized", "{\"message\":\"no token\"}")).await,
        "HTTP 401: no token"
    );
    assert_eq!(
        reason(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]".to_vec()).await,
        "answer cut short"
    );
    let long = reason(|_| ok(&" ".repeat(client::MAX_BODY + 1))).await;
    assert_eq!(long, "body over 16 MiB");
    let words = reason(|_| with("500 Oh", &"x".repeat(100_000))).await;
    assert!(words.starts_with("HTTP 500: xxx") && words.chars().count() < 150, "{words}");
}

#[tokio::test]
async fn a_refused_post_is_told_and_a_password_is_not() {
    let (url, _requests) =
        server(
            |request| {
                if request.starts_with("POST") { with("400 Bad", "\"label is bad\"") } else { good(request) }
            },
        )
        .await;
    let secret = parse_url(&url.as_str().replace("http://", "http://me:secret@")).expect("good");
    let mut rx = start(vec![secret], view(vec![alarm(1, AlarmState::Unacknowledged)]), None);
    let note = listen(&mut rx, |e| match e {
        Entry::Source(s) => s.note.filter(|n| n.contains("HTTP 400")),
        _ => None,
    })
    .await;
    assert!(note.contains("label is bad") && !note.contains("secret"), "{note}");
}
