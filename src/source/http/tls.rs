//! Whom we trust, and the certificate that we show: `tls_config`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::HttpConfigError;
use super::secret::{read_bounded, shown};
use crate::model::text;

/// Largest file of certificates, bytes.
pub const MAX_PEM: u64 = 4 << 20;

/// Certificates and how strictly they are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates of the authorities that are trusted (PEM), in place of those of the machine.
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show (PEM); needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Its key (PEM).
    pub key_file: Option<PathBuf>,
    /// The name that the certificate of the other side must carry, in place of its address.
    pub server_name: Option<String>,
    /// Any certificate is taken. Anybody on the way can then read and change everything.
    pub insecure_skip_verify: bool,
}

impl TlsConfig {
    /// True when nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The name for the handshake, in place of the address; checked when the settings were read.
    #[must_use]
    pub fn name(&self) -> Option<ServerName<'static>> {
        self.server_name.as_deref().and_then(|n| ServerName::try_from(n.to_owned()).ok())
    }

    /// What rustls needs for connections out. Reads the files.
    ///
    /// # Errors
    /// A file is missing, empty, too large or no PEM; a certificate without its key, or with another
    /// one's; a wrong `server_name`.
    pub fn client_config(&self) -> Result<ClientConfig, HttpConfigError> {
        let provider = Arc::new(ring::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = versions.with_safe_default_protocol_versions().map_err(wrong)?;
        let verifier = self.verifier(&provider)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match self.own()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(wrong)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, HttpConfigError> {
        let provider = Arc::clone(provider);
        if self.insecure_skip_verify {
            return Ok(Arc::new(Anyone(provider)));
        }
        let inner: Arc<dyn ServerCertVerifier> = match &self.ca_file {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for cert in certificates(path, "CA")? {
                    roots.add(cert).map_err(|e| content(path, "CA", &e.to_string()))?;
                }
                WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().map_err(wrong)?
            }
            None => Arc::new(rustls_platform_verifier::Verifier::new(provider).map_err(wrong)?),
        };
        match (&self.server_name, self.name()) {
            (None, _) => Ok(inner),
            (_, Some(name)) => Ok(Arc::new(Named { name, inner })),
            (Some(name), None) => {
                Err(HttpConfigError::Tls(format!("server_name {}: expected a host name", text::clean(name))))
            }
        }
    }

    /// The certificate that we show, and its key.
    fn own(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, HttpConfigError> {
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some((certificates(cert, "certificate")?, private_key(key)?))),
            _ => Err(HttpConfigError::Tls("cert_file and key_file belong together".to_owned())),
        }
    }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, HttpConfigError> {
    let pem = read_bounded(path, "key", MAX_PEM)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| content(path, "key", "expected a private key (PEM)"))
}

pub(super) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, HttpConfigError> {
    let pem = read_bounded(path, what, MAX_PEM)?;
    if pem.trim_ascii().is_empty() {
        return Err(HttpConfigError::Empty { what, path: shown(path) });
    }
    let expected = "expected certificates (PEM)";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|_| content(path, what, expected))?;
    if found.is_empty() { Err(content(path, what, expected)) } else { Ok(found) }
}

pub(super) fn content(path: &Path, what: &'static str, message: &str) -> HttpConfigError {
    HttpConfigError::Content { what, path: shown(path), message: text::clean(message) }
}

pub(super) fn wrong(e: impl std::fmt::Display) -> HttpConfigError {
    HttpConfigError::Tls(text::clean(&e.to_string()))
}

/// Why no encrypted connection was made, in words for the operator.
#[must_use]
pub fn reason(error: &Error) -> String {
    use rustls::CertificateError as C;
    let words = match error {
        Error::InvalidMessage(_) => "the other side does not speak TLS",
        Error::InvalidCertificate(C::UnknownIssuer) => {
            "the certificate of the other side is of no authority that is trusted here (ca_file)"
        }
        Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "the certificate of the other side is for another name (server_name)"
        }
        Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "the certificate of the other side has expired"
        }
        Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            "the certificate of the other side is not valid yet: is the clock right?"
        }
        Error::AlertReceived(alert) => {
            return format!("the other side refuses ({alert:?}): does it ask for a certificate (cert_file)?");
        }
        other => return text::clean(&other.to_string()),
    };
    words.to_owned()
}

/// Looks for a given name in the certificate, whatever the address.
#[derive(Debug)]
struct Named {
    name: ServerName<'static>,
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Takes any certificate; the handshake itself must still be whole.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_say_what_to_look_at() {
        use rustls::{AlertDescription, CertificateError as C};
        for (error, word) in [
            (Error::InvalidCertificate(C::UnknownIssuer), "ca_file"),
            (Error::InvalidCertificate(C::NotValidForName), "server_name"),
            (Error::InvalidCertificate(C::Expired), "expired"),
            (Error::InvalidCertificate(C::NotValidYet), "clock"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "cert_file"),
        ] {
            assert!(reason(&error).contains(word), "{error:?}: {}", reason(&error));
        }
    }

    fn error(config: &TlsConfig) -> String {
        config.client_config().expect_err("broken on purpose").to_string()
    }

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("ca.pem");
        let config = TlsConfig { ca_file: Some(path.clone()), ..TlsConfig::default() };
        assert!(error(&config).contains("CA file") && error(&config).contains("cannot be read"));
        std::fs::write(&path, " \n").expect("writable");
        assert_eq!(error(&config), format!("CA file {} is empty", path.display()));
        std::fs::write(&path, "hello").expect("writable");
        assert!(error(&config).ends_with("expected certificates (PEM)"), "{}", error(&config));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .expect("writable");
        assert!(error(&config).starts_with("CA file"), "{}", error(&config));
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_name_must_be_one() {
        let half = TlsConfig { cert_file: Some("/a".into()), ..TlsConfig::default() };
        assert!(error(&half).contains("belong together"));
        let name = Some("no host name!".to_owned());
        let named = TlsConfig { server_name: name, ..TlsConfig::default() };
        assert!(named.name().is_none() && error(&named).contains("expected a host name"));
        assert!(TlsConfig::default().is_default());
    }

    #[test]
    fn without_checking_nothing_of_the_machine_is_needed() {
        let config = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
        let made = config.client_config().expect("nothing to read");
        assert_eq!(made.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
