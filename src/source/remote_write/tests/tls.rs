//! The receiver with a certificate of its own, and senders with and without one.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;
use crate::source::http::TlsServerConfig;
use crate::source::http::tls_server::Renewed;

/// An authority, and what it signs.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key of `name`, as PEM.
    fn signs(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("writable");
    path
}

fn client(authority: &Authority, own: Option<(String, String)>) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(authority.certificate.pem().as_bytes()).expect("PEM");
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    if let Some((certificate, key)) = own {
        let both = format!("{certificate}{key}");
        builder = builder.identity(reqwest::Identity::from_pem(both.as_bytes()).expect("PEM"));
    }
    builder.build().expect("a client")
}

fn receiver(dir: &Path, authority: &Authority, client_ca: Option<&Authority>) -> Receiver {
    let (certificate, key) = authority.signs("127.0.0.1");
    let files = TlsServerConfig {
        cert_file: write(dir, "cert.pem", &certificate),
        key_file: write(dir, "key.pem", &key),
        client_ca_file: client_ca.map(|a| write(dir, "ca.pem", &a.certificate.pem())),
    };
    let bound = RemoteWriteConfig::bind("127.0.0.1:0").expect("loopback");
    let tls = Some(Renewed::new(files).expect("good files"));
    Receiver::run(RemoteWriteConfig { tls, ..bound }, 64)
}

#[tokio::test]
async fn senders_that_trust_its_authority_write_and_others_are_told() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (authority, other) = (Authority::new(), Authority::new());
    let mut receiver = receiver(dir.path(), &authority, None).over_tls(client(&authority, None));
    assert_eq!(receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await.status, 204);
    assert_eq!(receiver.values().await.len(), 1);
    let plain = receiver.url.replace("https://", "http://");
    assert!(receiver.client.post(&plain).send().await.is_err(), "it speaks nothing but TLS");
    assert!(client(&other, None).post(&receiver.url).send().await.is_err(), "not its authority");
    let told = receiver.report(|s| s.note.as_ref().is_some_and(|n| n.contains("2 connections"))).await;
    let note = told.note.expect("a note");
    assert!(note.contains("came to no TLS, the last one of 127.0.0.1: "), "{note}");
}

#[tokio::test]
async fn with_an_authority_for_clients_only_theirs_may_write() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (authority, clients) = (Authority::new(), Authority::new());
    let own = clients.signs("agent7");
    let mut receiver =
        receiver(dir.path(), &authority, Some(&clients)).over_tls(client(&authority, Some(own)));
    for wrong in [None, Some(authority.signs("agent7"))] {
        assert!(client(&authority, wrong).post(&receiver.url).send().await.is_err());
    }
    assert_eq!(receiver.push(Protocol::V1, &[temp("0", 50.0, NOW)]).await.status, 204);
    assert_eq!(receiver.values().await.len(), 1);
}
