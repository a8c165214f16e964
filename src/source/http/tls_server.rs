//! The certificate of a receiver, and whose certificates it wants to see: `tls_server_config`, in the
//! words of Prometheus' web configuration.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::time::Instant;

use super::HttpConfigError;
use super::tls::{certificates, content, private_key, wrong};

/// The files are looked at no more often than this.
const LOOK: Duration = Duration::from_secs(10);

/// Files of a receiver that speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsServerConfig {
    /// The certificate that is shown, and those between it and its authority (PEM).
    pub cert_file: PathBuf,
    /// Its key (PEM).
    pub key_file: PathBuf,
    /// Authorities (PEM) one of which must have signed the certificate of every client; `None`: clients
    /// need none.
    pub client_ca_file: Option<PathBuf>,
}

impl TlsServerConfig {
    /// What rustls needs for connections in. Reads the files.
    ///
    /// # Errors
    /// A file is missing, empty, too large or no PEM, or the key is that of another certificate.
    pub fn server_config(&self) -> Result<ServerConfig, HttpConfigError> {
        let provider = Arc::new(ring::default_provider());
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = versions.with_safe_default_protocol_versions().map_err(wrong)?;
        let builder = match &self.client_ca_file {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for cert in certificates(path, "client CA")? {
                    roots.add(cert).map_err(|e| content(path, "client CA", &e.to_string()))?;
                }
                let made = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
                builder.with_client_cert_verifier(made.map_err(wrong)?)
            }
        };
        let (chain, key) = (certificates(&self.cert_file, "certificate")?, private_key(&self.key_file)?);
        let mut config = builder.with_single_cert(chain, key).map_err(wrong)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn stamps(&self) -> Vec<Stamp> {
        let files = [Some(&self.cert_file), Some(&self.key_file), self.client_ca_file.as_ref()];
        files.into_iter().flatten().map(|p| stamp(p)).collect()
    }
}

type Stamp = Option<(Option<SystemTime>, u64)>;

fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).ok().map(|m: Metadata| (m.modified().ok(), m.len()))
}

/// The certificate in use, renewed when its files change.
#[derive(Debug)]
pub struct Renewed {
    files: TlsServerConfig,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    looked: Instant,
    stamps: Vec<Stamp>,
    config: Arc<ServerConfig>,
    /// Why the files cannot be used as they are now.
    broken: Option<String>,
}

impl Renewed {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// As [`TlsServerConfig::server_config`].
    pub fn new(files: TlsServerConfig) -> Result<Self, HttpConfigError> {
        let stamps = files.stamps();
        let config = Arc::new(files.server_config()?);
        let now = Mutex::new(Now { looked: Instant::now(), stamps, config, broken: None });
        Ok(Self { files, now })
    }

    /// What the next connection gets, at `at`. Files that went bad leave the old certificate in place:
    /// half of a renewal may be on the disk.
    pub fn config(&self, at: Instant) -> Arc<ServerConfig> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_duration_since(now.looked) >= LOOK {
            now.looked = at;
            let stamps = self.files.stamps();
            if stamps != now.stamps {
                match self.files.server_config() {
                    Ok(config) => {
                        (now.config, now.stamps, now.broken) = (Arc::new(config), stamps, None);
                    }
                    Err(e) => now.broken = Some(e.to_string()),
                }
            }
        }
        Arc::clone(&now.config)
    }

    /// Why the files cannot be used as they are now, if so.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path) -> TlsServerConfig {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let files = TlsServerConfig {
            cert_file: dir.join("cert.pem"),
            key_file: dir.join("key.pem"),
            client_ca_file: None,
        };
        std::fs::write(&files.cert_file, made.cert.pem()).expect("writable");
        std::fs::write(&files.key_file, made.signing_key.serialize_pem()).expect("writable");
        files
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_half_of_one_is_not() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let files = write(dir.path());
        let start = Instant::now();
        let renewed = Renewed::new(files.clone()).expect("good files");
        let first = renewed.config(start);
        std::fs::write(&files.cert_file, "").expect("writable");
        assert!(Arc::ptr_eq(&renewed.config(start), &first), "not looked at yet");
        let later = start + LOOK * 2;
        assert!(Arc::ptr_eq(&renewed.config(later), &first), "what is broken changes nothing");
        assert!(renewed.broken().is_some_and(|e| e.ends_with("cert.pem is empty")), "{:?}", renewed.broken());
        write(dir.path());
        assert!(!Arc::ptr_eq(&renewed.config(later + LOOK * 2), &first));
        assert_eq!(renewed.broken(), None);
    }

    #[test]
    fn files_that_do_not_fit_are_told() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut files = write(dir.path());
        files.client_ca_file = Some("/nowhere/ca.pem".into());
        let e = files.server_config().expect_err("no such file").to_string();
        assert!(e.starts_with("client CA file /nowhere/ca.pem cannot be read"), "{e}");
        files.client_ca_file = None;
        let other = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).expect("a certificate");
        std::fs::write(&files.cert_file, other.cert.pem()).expect("writable");
        assert!(files.server_config().is_err(), "the key of another certificate");
    }
}
