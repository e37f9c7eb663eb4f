//! TLS: the server's certificate, and merchants' client certificates.

use gateway::runtime::OwnCertificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// A certificate chain and its private key, in PEM files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, followed by those of the issuers.
    pub certificate: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let wrong = |file: &Path, why: &dyn fmt::Display| {
            format!("{} cannot be used: {why}", file.display())
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(wrong(&self.certificate, &"it has no certificate in PEM"));
        }
        // The error names what is wrong with the file and repeats none of it.
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| wrong(&self.key, &format_args!("no private key in PEM: {error}")))?;
        Ok((chain, key))
    }

    fn certified(&self) -> Result<CertifiedKey, String> {
        let (chain, key) = self.read()?;
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
            format!(
                "{} and {} do not belong together: {error}",
                self.certificate.display(),
                self.key.display()
            )
        })
    }

    fn changed_at(&self) -> Option<(SystemTime, SystemTime)> {
        let of = |file: &Path| {
            std::fs::metadata(file)
                .and_then(|found| found.modified())
                .ok()
        };
        Some((of(&self.certificate)?, of(&self.key)?))
    }
}

/// The server's certificate, which is read again when its files change: a
/// renewal needs no restart.
pub struct ServerCertificate {
    files: Files,
    current: RwLock<Current>,
}

struct Current {
    certified: Arc<CertifiedKey>,
    changed_at: Option<(SystemTime, SystemTime)>,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerCertificate({})", self.files.certificate.display())
    }
}

impl ServerCertificate {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the two do not belong together.
    pub fn open(files: Files) -> Result<Arc<Self>, String> {
        let current = Current {
            changed_at: files.changed_at(),
            certified: Arc::new(files.certified()?),
        };
        Ok(Arc::new(Self {
            files,
            current: RwLock::new(current),
        }))
    }

    /// Reads the files again if they have changed. Files that cannot be used
    /// leave the earlier certificate in use.
    ///
    /// # Errors
    ///
    /// The files have changed and cannot be used.
    pub fn reload(&self) -> Result<bool, String> {
        let changed_at = self.files.changed_at();
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if changed_at == current.changed_at {
            return Ok(false);
        }
        drop(current);
        let certified = self.files.certified();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // The same files are not tried again.
        current.changed_at = changed_at;
        current.certified = Arc::new(certified?);
        Ok(true)
    }

    /// The configuration with which connections are accepted.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        let provider = rustls::crypto::ring::default_provider();
        let mut config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.certified.clone())
    }
}

/// A certificate for these names and addresses, of a new authority: the
/// configuration with which connections are accepted, and the authority's
/// certificate in PEM. The authority's key is forgotten, so that it can sign
/// nothing more.
///
/// # Errors
///
/// A name is invalid, or the system gives no randomness.
pub fn self_signed(names: &[&str]) -> Result<(Arc<ServerConfig>, String), String> {
    let made = || -> Result<_, rcgen::Error> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "WeCeive sandbox");
        let key = KeyPair::generate()?;
        let pem = authority.self_signed(&key)?.pem();
        let issuer = Issuer::new(authority, key);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        Ok((certificate.der().clone(), key.serialize_der(), pem))
    };
    let (certificate, key, pem) =
        made().map_err(|error| format!("a certificate cannot be made: {error}"))?;
    let provider = rustls::crypto::ring::default_provider();
    let mut config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), pem))
}

/// The configuration of outgoing connections, with a client certificate if
/// there is one.
///
/// # Errors
///
/// A file of the certificate cannot be used.
pub fn outgoing(certificate: Option<&Files>) -> Result<ClientConfig, String> {
    let builder = trusting()?;
    match certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(files) => {
            let (chain, key) = files.read()?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!(
                    "{} and {} do not belong together: {error}",
                    files.certificate.display(),
                    files.key.display()
                )
            })
        }
    }
}

/// How outgoing connections are made with a certificate in PEM. An error repeats
/// nothing of it.
///
/// # Errors
///
/// The certificate cannot be used.
pub fn outgoing_with(pair: &OwnCertificate) -> Result<ClientConfig, String> {
    let wrong = |why: &dyn fmt::Display| format!("the merchant's client certificate: {why}");
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pair.private_key.expose().as_bytes());
    let key = key.map_err(|error| wrong(&error))?;
    let config = trusting()?.with_client_auth_cert(chain, key);
    config.map_err(|error| wrong(&error))
}

/// Connections that trust the authorities of this machine.
fn trusting() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = rustls::crypto::ring::default_provider();
    Ok(ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots))
}
