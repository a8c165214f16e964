//! The receiver on a socket of the loopback, with senders as they are and as they should not be.

mod tls;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::testing::{Given, body, message};
use super::wire::Protocol;
use super::*;
use crate::model::batch::SeriesValue;
use crate::model::entry::{SourceStatus, TargetState};
use crate::model::{Entry, Metric, Timestamp};
use crate::source::Outlet;
use crate::source::http::{Auth, HttpConfig, Secret};

const NOW: i64 = 1_800_000_000_000;
const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// A receiver and the queue that it delivers to.
struct Receiver {
    url: String,
    address: SocketAddr,
    client: reqwest::Client,
    entries: mpsc::Receiver<Entry>,
}

/// What a sender is told.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Receiver {
    fn start(limits: Limits, gate: Gate, queue: usize) -> Self {
        let bound = RemoteWriteConfig::bind("127.0.0.1:0").expect("loopback");
        Self::run(RemoteWriteConfig { limits, gate, ..bound }, queue)
    }

    fn run(config: RemoteWriteConfig, queue: usize) -> Self {
        // The client is built with a TLS library chosen at run time, even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = config.listener.local_addr().expect("bound");
        let (tx, entries) = mpsc::channel(queue);
        tokio::spawn(run(config, Outlet { source: 2, tx, clock: || Timestamp(NOW) }));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url: format!("http://{address}/api/v1/write"), address, client, entries }
    }

    fn open() -> Self {
        Self::start(Limits::default(), Gate::default(), 64)
    }

    async fn post(&self, kind: &str, encoding: &str, body: Vec<u8>, credentials: Option<&str>) -> Answer {
        let mut request = self.client.post(&self.url).header("Content-Type", kind);
        request = request.header("Content-Encoding", encoding).header("User-Agent", "Prometheus/3.5.0");
        if let Some(credentials) = credentials {
            request = request.header("Authorization", credentials);
        }
        let answer = request.body(body).send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.expect("text") }
    }

    /// The same with a sender that speaks TLS.
    fn over_tls(self, client: reqwest::Client) -> Self {
        Self { url: self.url.replace("http://", "https://"), client, ..self }
    }

    async fn push(&self, protocol: Protocol, series: &[Given<'_>]) -> Answer {
        let kind = if protocol == Protocol::V1 { V1 } else { V2 };
        self.post(kind, "snappy", body(protocol, series), None).await
    }

    /// Values of the next delivery.
    async fn values(&mut self) -> Vec<(Metric, SeriesValue)> {
        loop {
            if let Entry::Batch(batch) = self.entries.recv().await.expect("the receiver runs") {
                let of = |s: &crate::model::batch::SeriesReading| {
                    s.values.iter().map(|v| (s.metric, *v)).collect::<Vec<_>>()
                };
                return batch.series.iter().flat_map(of).collect();
            }
        }
    }

    /// The first report that `wanted` likes.
    async fn report(&mut self, wanted: impl Fn(&SourceStatus) -> bool) -> SourceStatus {
        loop {
            match self.entries.recv().await.expect("the receiver runs") {
                Entry::Source(status) if wanted(&status) => return status,
                _ => {}
            }
        }
    }
}

fn bearer(token: &str) -> Gate {
    let auth = Auth::Authorization { kind: "Bearer".to_owned(), credentials: Secret::text(token) };
    Gate::new(HttpConfig { auth: Some(auth), ..HttpConfig::default() })
}

fn temp(gpu: &'static str, value: f64, time: i64) -> Given<'static> {
    let labels = vec![("__name__", "DCGM_FI_DEV_GPU_TEMP"), ("instance", "n1:9400"), ("gpu", gpu)];
    (labels, vec![(time, value)])
}

#[tokio::test]
async fn what_is_pushed_arrives_with_its_time_by_both_protocols() {
    let mut receiver = Receiver::open();
    let first = receiver.push(Protocol::V1, &[temp("0", 50.0, NOW - 5_000)]).await;
    assert_eq!(
        (first.status, first.headers.contains_key("X-Prometheus-Remote-Write-Samples-Written")),
        (204, false)
    );
    let got = receiver.values().await;
    assert_eq!((got[0].0, got[0].1.value, got[0].1.time), (Metric::Temp, 50.0, Timestamp(NOW - 5_000)));
    let second = receiver.push(Protocol::V2, &[temp("0", 51.0, NOW), temp("1", 60.0, NOW)]).await;
    assert_eq!(second.headers["X-Prometheus-Remote-Write-Samples-Written"], "2");
    assert_eq!(second.headers["X-Prometheus-Remote-Write-Histograms-Written"], "0");
    let got: Vec<_> = receiver.values().await.iter().map(|(_, v)| (v.member, v.value)).collect();
    assert_eq!(got, [(0, 51.0), (1, 60.0)], "the same GPU is the same member in both");
}

#[tokio::test]
async fn a_node_is_told_once_its_next_scrape_begins() {
    let mut receiver = Receiver::open();
    let load = |value: f64, time: i64| -> Given<'static> {
        let labels = vec![("__name__", "node_load1"), ("instance", "n1:9100"), ("job", "node")];
        (labels, vec![(time, value)])
    };
    for series in [load(3.0, NOW - 15_000), load(4.0, NOW)] {
        assert_eq!(receiver.push(Protocol::V2, &[series]).await.status, 204);
    }
    let hosts = loop {
        match receiver.entries.recv().await.expect("the receiver runs") {
            Entry::Batch(batch) if !batch.hosts.is_empty() => break batch.hosts,
            _ => {}
        }
    };
    assert_eq!((hosts[0].facts.host.as_str(), hosts[0].node.load1), ("n1:9100", 3.0));
}

#[tokio::test]
async fn each_sender_is_a_target_and_its_mistakes_are_told() {
    let mut receiver = Receiver::open();
    let waiting = receiver.report(|_| true).await;
    let note = waiting.note.expect("a note");
    assert!(note.contains("nothing received yet") && note.contains(&receiver.address.to_string()), "{note}");
    receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await;
    let status = receiver.report(|s| s.targets.iter().any(|t| t.1.samples > 0)).await;
    let (_, target) = &status.targets[0];
    assert_eq!(
        (&*target.name, &target.state, target.samples),
        ("127.0.0.1 Prometheus/3.5.0", &TargetState::Up, 1)
    );
    assert_eq!(target.last_ok, Some(Timestamp(NOW)));
    receiver.post(V1, "snappy", b"\x05broken".to_vec(), None).await;
    let status = receiver.report(|s| !s.targets.is_empty()).await;
    let TargetState::Down(why) = &status.targets[0].1.state else { panic!("{:?}", status.targets) };
    assert!(why.starts_with("answered 400: not snappy"), "{why}");
}

#[tokio::test]
async fn while_the_engine_is_behind_senders_come_again_and_nothing_is_lost() {
    let limits = Limits { pending: 3, ..Limits::default() };
    let mut receiver = Receiver::start(limits, Gate::default(), 1);
    let mut postponed = 0;
    let mut sent = 0;
    // Nobody takes anything from the queue of one, so that soon no more is taken here.
    for n in 0..100 {
        let answer = receiver.push(Protocol::V1, &[temp("0", f64::from(n), NOW - 1000 + i64::from(n))]).await;
        if answer.status == 204 {
            sent += 1;
            continue;
        }
        assert_eq!((answer.status, &answer.headers["Retry-After"]), (503, &"1".parse().expect("a header")));
        assert_eq!(answer.text, "the console is behind\n");
        postponed += 1;
        break;
    }
    assert!(postponed == 1 && sent >= 3, "{sent} were taken");
    // The sender keeps what was not taken, and comes again.
    let mut got = Vec::new();
    loop {
        got.extend(receiver.values().await.iter().map(|(_, v)| v.value));
        let n = sent;
        let again = receiver.push(Protocol::V1, &[temp("0", f64::from(n), NOW - 1000 + i64::from(n))]).await;
        if again.status == 204 {
            break;
        }
    }
    while got.len() <= sent as usize {
        got.extend(receiver.values().await.iter().map(|(_, v)| v.value));
    }
    assert_eq!(got, (0..=sent).map(|n| n as f32).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_has_the_wrong_credentials_is_told_so_and_writes_nothing() {
    let mut receiver = Receiver::start(Limits::default(), bearer("right"), 64);
    let series = || body(Protocol::V1, &[temp("0", 50.0, NOW)]);
    for wrong in [None, Some("Bearer wrong"), Some("Basic cmlnaHQ6")] {
        let answer = receiver.post(V1, "snappy", series(), wrong).await;
        assert_eq!(
            (answer.status, &answer.headers["WWW-Authenticate"]),
            (401, &"Bearer".parse().expect("a header"))
        );
        assert!(!answer.text.contains("right"), "{}", answer.text);
    }
    assert_eq!(receiver.post(V1, "snappy", series(), Some("Bearer right")).await.status, 204);
    assert_eq!(receiver.values().await.len(), 1);
}

#[tokio::test]
async fn what_is_not_remote_write_is_refused_with_a_reason() {
    let receiver = Receiver::open();
    let good = || body(Protocol::V1, &[temp("0", 50.0, NOW)]);
    let uncompressed = message(Protocol::V1, &[temp("0", 50.0, NOW)]);
    let nonsense = snap::raw::Encoder::new().compress_vec(b"\x0f\xff\xff").expect("small");
    for (kind, encoding, body, status, reason) in [
        ("text/plain", "snappy", good(), 415, "the content type is not"),
        ("application/x-protobuf;proto=other.Message", "snappy", good(), 415, "the content type is not"),
        (V1, "zstd", good(), 415, "the content encoding is not"),
        (V1, "snappy", uncompressed, 400, "not snappy"),
        (V1, "snappy", nonsense, 400, "not a protobuf message"),
        (V2, "snappy", Vec::new(), 400, "not snappy"),
    ] {
        let answer = receiver.post(kind, encoding, body, None).await;
        assert_eq!(answer.status, status, "{kind} {encoding}: {}", answer.text);
        assert!(answer.text.starts_with(reason), "{}", answer.text);
    }
    let elsewhere =
        receiver.client.get(receiver.url.replace("write", "read")).send().await.expect("an answer");
    assert_eq!(elsewhere.status().as_u16(), 404);
    let got = receiver.client.get(&receiver.url).send().await.expect("an answer");
    assert_eq!((got.status().as_u16(), &got.headers()["Allow"]), (405, &"POST".parse().expect("a header")));
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_decompression() {
    let limits = Limits { body: 2000, decoded: 10_000, ..Limits::default() };
    let receiver = Receiver::start(limits, Gate::default(), 64);
    let long = receiver.post(V1, "snappy", vec![0; 2001], None).await;
    assert_eq!((long.status, &*long.text), (413, "the body is longer than 2000 bytes\n"));
    // A megabyte of zeros is some 50 kB, and a length of 4 GiB is five bytes.
    let bomb = snap::raw::Encoder::new().compress_vec(&[0; 20_000]).expect("small");
    for body in [bomb, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]] {
        let answer = receiver.post(V1, "snappy", body, None).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains("at most 10000 are taken"), "{}", answer.text);
    }
}

#[tokio::test]
async fn too_many_bytes_at_once_are_asked_to_come_again() {
    let limits = Limits { body: 5000, in_flight: 5000, ..Limits::default() };
    let mut receiver = Receiver::start(limits, Gate::default(), 64);
    // One sender announces what fills the room, and says no more.
    let mut slow = tokio::net::TcpStream::connect(receiver.address).await.expect("loopback");
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: {V1}\r\nContent-Encoding: snappy\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.expect("sent");
    let mut continued = [0; 25];
    slow.read_exact(&mut continued).await.expect("the body is asked for");
    assert!(continued.starts_with(b"HTTP/1.1 100 Continue"));
    let answer = receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await;
    assert_eq!((answer.status, &*answer.text), (503, "too many bytes at once\n"));
    drop(slow);
    while receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await.status != 204 {}
    assert_eq!(receiver.values().await.len(), 1);
}

#[tokio::test]
async fn a_sender_gone_wild_is_asked_to_come_again_and_loses_nothing() {
    for (limits, reason) in [
        (Limits { requests_per_sender: 5, ..Limits::default() }, "too many requests of this address\n"),
        (Limits { requests: 5, requests_per_sender: 1_000_000, ..Limits::default() }, "too many requests\n"),
    ] {
        let mut receiver = Receiver::start(limits, Gate::default(), 64);
        let (mut sent, mut postponed) = (0, 0);
        while sent < 8 {
            let series = [temp("0", f64::from(sent), NOW - 1000 + i64::from(sent))];
            let answer = receiver.push(Protocol::V1, &series).await;
            match answer.status {
                204 => sent += 1,
                _ => {
                    postponed += 1;
                    assert_eq!((answer.status, &*answer.text), (503, reason));
                    assert_eq!(answer.headers["Retry-After"], "1");
                }
            }
        }
        assert!(postponed > 0, "eight requests were more than a second's worth");
        let mut got = Vec::new();
        while got.len() < 8 {
            got.extend(receiver.values().await.iter().map(|(_, v)| v.value));
        }
        assert_eq!(got, (0..8).map(|n| n as f32).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn who_may_not_write_keeps_nobody_out() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let receiver = Receiver::start(limits, bearer("right"), 64);
    let series = || body(Protocol::V1, &[temp("0", 50.0, NOW)]);
    for _ in 0..50 {
        assert_eq!(receiver.post(V1, "snappy", series(), Some("Bearer wrong")).await.status, 401);
    }
    assert_eq!(receiver.post(V1, "snappy", series(), Some("Bearer right")).await.status, 204);
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_its_connection_and_nothing_else() {
    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    let receiver = Receiver::start(limits, Gate::default(), 64);
    let mut slow = tokio::net::TcpStream::connect(receiver.address).await.expect("loopback");
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: {V1}\r\nContent-Encoding: snappy\r\nContent-Length: 5000\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer, and the end");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await.status, 204);
}

#[tokio::test]
async fn the_receiver_ends_with_the_engine() {
    let receiver = Receiver::open();
    drop(receiver.entries);
    // The socket is closed once the engine is gone: then nobody answers there any more.
    while tokio::net::TcpStream::connect(receiver.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let first = RemoteWriteConfig::bind("127.0.0.1:0").expect("loopback");
    let taken = first.listener.local_addr().expect("bound");
    let error = RemoteWriteConfig::bind(&taken.to_string()).expect_err("it is taken").to_string();
    assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
    let error = RemoteWriteConfig::bind("localhost").expect_err("no address").to_string();
    assert_eq!(
        error,
        "`localhost` is not an address to listen on: expected IP:port, such as 0.0.0.0:9201 or [::]:9201"
    );
}
