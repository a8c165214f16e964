//! Exporters that do their worst, all at once beside one that is well: each is told with its reason,
//! memory stays bounded, and the healthy one goes on.

#[path = "scrape/server.rs"]
#[allow(dead_code, reason = "another test needs more of it")]
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hallwatch::model::entry::{TargetState, TargetStatus};
use hallwatch::model::{Entry, Timestamp};
use hallwatch::source::Outlet;
use hallwatch::source::scrape::{self, Guards, Limits, ScrapeConfig};
use server::{Answer, Server, gzip_bomb};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const GOOD: &str = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 61\n";

fn config(arguments: &[String]) -> ScrapeConfig {
    rustls::crypto::ring::default_provider().install_default().ok();
    let limits = Limits { timeout: Duration::from_secs(3), stall: Duration::from_secs(1), body: 4 << 20 };
    let config = ScrapeConfig::load(arguments).expect("good arguments");
    ScrapeConfig { limits, interval: Duration::from_millis(300), ..config }
}

/// Runs `config` until every target was tried and the last one answered three times more.
async fn states(config: ScrapeConfig) -> Vec<TargetStatus> {
    let last = config.list.targets.len() as u32 - 1;
    let (tx, mut rx) = mpsc::channel(64);
    let clock = || Timestamp::from_secs(1_795_316_400);
    tokio::spawn(scrape::run(config, Outlet { source: 0, tx, clock }));
    let mut seen: BTreeMap<u32, TargetStatus> = BTreeMap::new();
    let mut batches = 0;
    let listen = async {
        loop {
            match rx.recv().await.expect("the source runs on") {
                Entry::Source(status) => seen.extend(status.targets),
                Entry::Batch(_) => batches += 1,
                _ => {}
            }
            let tried = |t: &TargetStatus| t.state != TargetState::Waiting;
            let healthy = seen.get(&last).is_some_and(|t| t.state == TargetState::Up);
            if healthy && seen.values().all(tried) && batches > 3 {
                return;
            }
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), listen).await;
    assert!(done.is_ok(), "it never got there: {seen:?}");
    seen.into_values().collect()
}

fn reason(status: &TargetStatus) -> &str {
    match &status.state {
        TargetState::Down(why) => why,
        other => panic!("{} should be down, and is {other:?}", status.name),
    }
}

/// Peak memory of this process, kB, where the system tells it.
fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

#[tokio::test]
async fn the_worst_exporters_are_told_apart_and_harm_nobody() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n".to_vec();
    let chunked = [&head[..], b"transfer-encoding: chunked\r\n\r\n"].concat();
    let whole_head = [&head[..], b"\r\n"].concat();
    let (bomb, piece) = gzip_bomb();
    let bomb = [&head[..], b"content-encoding: gzip\r\nconnection: close\r\n\r\n", &bomb, &piece.repeat(10)]
        .concat();
    let lengths = [&head[..], b"content-length: 5\r\ncontent-length: 6\r\n\r\n"].concat();
    let cases: Vec<(Answer, &[&str])> = vec![
        (Answer::Stall(Vec::new()), &["no data for 1 s"]),
        (Answer::Stall(b"HTTP/1.1 2".to_vec()), &["no data for 1 s"]),
        (Answer::Stall([&chunked[..], b"fff\r\nDCGM"].concat()), &["no data for 1 s"]),
        (Answer::Endless { head: whole_head, chunk: GOOD.repeat(500).into() }, &["body over 4 MiB"]),
        (
            Answer::Endless { head: chunked.clone(), chunk: b"1;aaaaaaaaaaaaaa\r\na\r\n".repeat(400) },
            &["body over 4 MiB", "timeout after 3 s"],
        ),
        (
            Answer::Endless {
                head: head.clone(),
                chunk: b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(200),
            },
            &["headers over 32 kB"],
        ),
        (
            Answer::Endless { head: [&head[..], b"x: "].concat(), chunk: vec![b'a'; 8192] },
            &["headers over 32 kB"],
        ),
        (Answer::Endless { head: chunked.clone(), chunk: vec![b'1'; 8192] }, &["not HTTP"]),
        (Answer::Raw([&chunked[..], b"fffffff0\r\nDCGM"].concat()), &["body over 4 MiB"]),
        (Answer::Raw(bomb), &["body over 4 MiB"]),
        (Answer::Raw(lengths), &["not HTTP"]),
        (Answer::Raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()), &["not HTTP"]),
        (
            Answer::Raw(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\xff\xfe\x00\x80\n\xc3\x28{\xa0=\"\xff\"} 1\n"
                    .to_vec(),
            ),
            &["not exposition text"],
        ),
        (Answer::page(GOOD), &[]),
    ];
    let server = Server::start(cases.iter().map(|(answer, _)| answer.clone()).collect()).await;
    let seen = states(config(&server.urls(cases.len()))).await;
    for (i, (answer, expected)) in cases.iter().enumerate().filter(|(_, (_, e))| !e.is_empty()) {
        let why = reason(&seen[i]);
        let case = format!("{answer:?}").chars().take(80).collect::<String>();
        assert!(expected.contains(&why), "case {i} {case}: {why}");
        assert!(why.chars().all(|c| !c.is_control()), "{why:?}");
    }
    if let Some(peak) = peak_kb() {
        assert!(peak < 400_000, "peak memory of {peak} kB");
    }
}

#[tokio::test]
async fn pages_that_are_too_much_fail_by_their_limit_and_a_million_labels_are_survived() {
    let many: String = (0..200_000).map(|i| format!("l{i}=\"{i}\",")).collect();
    let many = format!("DCGM_FI_DEV_GPU_TEMP{{gpu=\"0\",{many}}} 50\n");
    let long = format!("DCGM_FI_DEV_GPU_TEMP{{gpu=\"0\",UUID=\"{}\"}} 50\n", "x".repeat(100_000));
    let escape = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"\x1b]0;owned\x07\",Hostname=\"\x1b[2J\"} 50\n";
    let samples = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 50\n".repeat(2000);
    let pages = [many.as_str(), &long, escape, &samples, GOOD];
    let server = Server::start(pages.iter().map(|p| Answer::page(p)).collect()).await;
    let guards = Guards {
        sample_limit: 1000,
        label_limit: 64,
        label_name_length_limit: 128,
        label_value_length_limit: 1024,
    };
    let seen = states(ScrapeConfig { guards, ..config(&server.urls(5)) }).await;
    assert!(reason(&seen[0]).starts_with("label_limit 64 exceeded: a sample of"), "{}", reason(&seen[0]));
    assert_eq!(reason(&seen[1]), "label_value_length_limit 1024 exceeded: label UUID has 100000 bytes");
    assert_eq!(seen[2].state, TargetState::Up, "what is clean again is used");
    assert_eq!(reason(&seen[3]), "sample_limit 1000 exceeded: 2000 samples");
    // Without limits of the operator's own the same pages harm nobody either.
    let seen = states(config(&server.urls(5))).await;
    assert!(seen.iter().all(|t| t.state == TargetState::Up), "{seen:?}");
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_told() {
    let garbage = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = garbage.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = garbage.accept().await {
            tokio::spawn(
                async move { socket.write_all(b"\x00\x01 this is no TLS \x1b[2J\r\n\r\n").await.ok() },
            );
        }
    });
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mute = silent.local_addr().expect("an address");
    let (signed, _certificate) = self_signed().await;
    let server = Server::start(vec![Answer::page(GOOD)]).await;
    let mut urls: Vec<String> = [address.to_string(), mute.to_string(), signed]
        .iter()
        .map(|a| format!("https://{a}/metrics"))
        .collect();
    urls.extend(server.urls(1));
    let seen = states(config(&urls)).await;
    assert_eq!(reason(&seen[0]), "TLS: the other side does not speak TLS");
    assert_eq!(reason(&seen[1]), "TLS: no answer to the handshake");
    assert!(
        reason(&seen[2]).starts_with("TLS: the certificate of the other side is of no authority"),
        "{}",
        reason(&seen[2])
    );
    drop(silent);
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_so_is_anybody_when_told_so() {
    let (address, certificate) = self_signed().await;
    let server = Server::start(vec![Answer::page(GOOD)]).await;
    let urls = [format!("https://{address}/metrics"), server.urls(1).remove(0)];
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, certificate).expect("writable");
    let mut trusting = config(&urls);
    trusting.http.tls.ca_file = Some(path);
    let seen = states(trusting).await;
    assert_eq!(seen[0].state, TargetState::Up, "{:?}", seen[0]);
    let mut careless = config(&urls);
    careless.http.tls.insecure_skip_verify = true;
    assert_eq!(states(careless).await[0].state, TargetState::Up);
    let mut wrong = config(&urls);
    (wrong.http.tls.insecure_skip_verify, wrong.http.tls.server_name) = (false, Some("other.site".into()));
    wrong.http.tls.ca_file = Some(dir.path().join("ca.pem"));
    let seen = states(wrong).await;
    assert!(reason(&seen[0]).contains("certificate"), "{}", reason(&seen[0]));
}

#[tokio::test]
async fn our_own_certificate_is_shown_where_one_is_asked_for() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.signs("127.0.0.1");
    let mut clients = rustls::RootCertStore::empty();
    clients.add(ours.certificate.der().clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider));
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(vec![certificate.der().clone()], pkcs8(&key))
        .expect("they fit together");
    let address = serve(tls).await;
    let server = Server::start(vec![Answer::page(GOOD)]).await;
    let urls = [format!("https://{address}/metrics"), server.urls(1).remove(0)];
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("writable");
        Some(path)
    };
    let mut shown = config(&urls);
    shown.http.tls.ca_file = write("ca.pem", ours.certificate.pem());
    for (authority, welcome) in [(None, false), (Some(&other), false), (Some(&ours), true)] {
        let mut config = config(&urls);
        config.http.tls = shown.http.tls.clone();
        if let Some(authority) = authority {
            let (certificate, key) = authority.signs("console");
            config.http.tls.cert_file = write("own.pem", certificate.pem());
            config.http.tls.key_file = write("own.key", key.serialize_pem());
        }
        let seen = states(config).await;
        if welcome {
            assert_eq!(seen[0].state, TargetState::Up, "{:?}", seen[0]);
        } else {
            assert!(reason(&seen[0]).starts_with("TLS: "), "{}", reason(&seen[0]));
        }
    }
}

/// An authority, and what it signs.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: rcgen::Issuer::new(params, key) }
    }

    fn signs(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }
}

fn pkcs8(key: &rcgen::KeyPair) -> rustls::pki_types::PrivateKeyDer<'static> {
    rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key")
}

/// An exporter with a certificate that it signed itself: its address, and the certificate (PEM).
async fn self_signed() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], pkcs8(&made.signing_key))
        .expect("they fit together");
    (serve(tls).await, made.cert.pem())
}

/// An exporter that speaks TLS as `tls` says: its address.
async fn serve(tls: rustls::ServerConfig) -> String {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // Who does not trust the certificate hangs up.
            tokio::spawn(async move {
                let mut stream = acceptor.accept(socket).await.ok()?;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n";
                stream.write_all(format!("{head}{GOOD}").as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    address
}
