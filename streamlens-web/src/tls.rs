//! Certificate and key: read and tried before anybody is answered.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Certificate and key as they were read.
#[derive(Debug)]
pub(crate) struct Pem {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Pem {
    /// Reads both.
    ///
    /// # Errors
    ///
    /// Where a file can't be read or holds the other one, and where key and certificate don't belong together.
    pub(crate) fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        let pem = Self { certificate: read(certificate)?, key: read(key)? };
        pem.check().map_err(|fault| {
            let (path, what) = match fault {
                PemFault::Certificate(what) => (certificate.display().to_string(), what),
                PemFault::Key(what) => (key.display().to_string(), what),
                PemFault::Pair(what) => (format!("{} and {}", certificate.display(), key.display()), what),
            };
            io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {what}"))
        })?;
        Ok(pem)
    }

    fn check(&self) -> Result<(), PemFault> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| PemFault::Certificate(format!("not a certificate in PEM: {error}")))?;
        if chain.is_empty() {
            return Err(PemFault::Certificate(if PrivateKeyDer::from_pem_slice(&self.certificate).is_ok() {
                "a private key stands where the certificate is due; are certificate and key swapped?".to_owned()
            } else {
                "there is no certificate in it; one begins with -----BEGIN CERTIFICATE-----".to_owned()
            }));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| {
            let has_certificate = matches!(CertificateDer::pem_slice_iter(&self.key).next(), Some(Ok(_)));
            PemFault::Key(if has_certificate {
                "a certificate stands where the private key is due; are certificate and key swapped?".to_owned()
            } else if self.key.windows(9).any(|part| part == b"ENCRYPTED") {
                "the private key is encrypted; take the passphrase off, and let nobody else read the file".to_owned()
            } else {
                "there is no private key in it; one begins with -----BEGIN PRIVATE KEY-----".to_owned()
            })
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map(drop)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    PemFault::Pair("the private key is not that of the first certificate".to_owned())
                }
                rustls::Error::InvalidCertificate(_) => PemFault::Certificate(format!("not usable: {error}")),
                other => PemFault::Pair(format!("not usable: {other}")),
            })
    }
}

/// What is wrong, and with which file.
enum PemFault {
    Certificate(String),
    Key(String),
    Pair(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../tests/tls/one.crt");
    const KEY: &[u8] = include_bytes!("../tests/tls/one.key");
    const OTHER_KEY: &[u8] = include_bytes!("../tests/tls/other.key");

    /// What is said of a certificate and a key in these files.
    fn said(certificate: &[u8], key: &[u8]) -> Option<String> {
        let folder = std::env::temp_dir().join(format!("streamlens-tls-{}-{:p}", std::process::id(), &certificate));
        std::fs::create_dir_all(&folder).unwrap();
        let (certificate_file, key_file) = (folder.join("a.crt"), folder.join("a.key"));
        std::fs::write(&certificate_file, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
        let read = Pem::read(&certificate_file, &key_file);
        std::fs::remove_dir_all(&folder).unwrap();
        read.err().map(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
    }

    #[test]
    fn certificate_and_key_are_tried_before_they_are_needed() {
        assert_eq!(said(CERTIFICATE, KEY), None);
        let swapped = "a.crt: a private key stands where the certificate is due; are certificate and key swapped?";
        assert_eq!(said(KEY, CERTIFICATE).as_deref(), Some(swapped));
        let twice = "a.key: a certificate stands where the private key is due; are certificate and key swapped?";
        assert_eq!(said(CERTIFICATE, CERTIFICATE).as_deref(), Some(twice));
        let other = "a.crt and a.key: the private key is not that of the first certificate";
        assert_eq!(said(CERTIFICATE, OTHER_KEY).as_deref(), Some(other));
        let none = "a.crt: there is no certificate in it; one begins with -----BEGIN CERTIFICATE-----";
        assert_eq!(said(b"nothing", KEY).as_deref(), Some(none));
        let none = "a.key: there is no private key in it; one begins with -----BEGIN PRIVATE KEY-----";
        assert_eq!(said(CERTIFICATE, b"").as_deref(), Some(none));
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(said(CERTIFICATE, encrypted).unwrap().starts_with("a.key: the private key is encrypted"));
        let broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(said(broken, KEY).unwrap().starts_with("a.crt"), "{:?}", said(broken, KEY));
    }
}
