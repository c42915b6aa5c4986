//! HTTPS: its port, and its certificate, which is renewed while the server runs.
//!
//! | module | noun |
//! |---|---|
//! | `authority` | the authority of `--tls self` |
//! | `names` | the names and addresses that its certificates are for |
//! | `files` | the files of `--tls CERT,KEY` |

mod authority;
mod files;
mod names;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use access::StateFolder;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use self::authority::{Authority, LIFETIME};
use self::files::Versions;
pub(crate) use self::names::Names;
use crate::config::{CertificateFiles, TlsFlags, TlsSource};

/// How often addresses and files are compared with those of the certificate.
const INTERVAL: Duration = Duration::from_secs(1);

/// By ALPN (RFC 7301), in the order of preference. WebSockets use HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
/// As ALPN names HTTP/2 (RFC 9113 3.1).
pub(crate) const HTTP_2: &[u8] = b"h2";

/// Why there is no HTTPS. The text is a sentence with a next step.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot listen on {address}: {error}; choose another address with --tls-listen")]
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    #[error(
        "--tls self keeps its authority in the state folder, and nothing names one; give --state FOLDER"
    )]
    NoFolder,
    #[error("the {what} in {path} cannot be read: {error}; check the path and its permissions")]
    Unreadable {
        what: &'static str,
        path: String,
        error: io::Error,
    },
    #[error(
        "{path} holds no certificate; give a PEM file with the certificate of the server first"
    )]
    NoCertificate { path: String },
    #[error("{path} holds no private key that can be used; give a PEM file without a passphrase")]
    NoKey { path: String },
    #[error(
        "the certificate in {certificate} and the key in {key} do not belong together; give the key that the certificate was requested with"
    )]
    Mismatch { certificate: String, key: String },
    #[error(
        "the authority of --tls self cannot be written to {folder}: {error}; choose another folder with --state"
    )]
    Unwritable { folder: String, error: io::Error },
    #[error(
        "{path} is damaged: restore a copy of it, or delete it; phones then have to trust the new authority"
    )]
    Damaged { path: String },
    #[error("the addresses of this machine cannot be listed: {0}")]
    Interfaces(io::Error),
    #[error("no certificate can be made: {0}")]
    Issue(rcgen::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// HTTPS on a port of its own.
#[derive(Debug)]
pub struct Tls {
    listener: TcpListener,
    address: SocketAddr,
    certificates: Arc<Certificates>,
    config: Arc<ServerConfig>,
}

/// The certificate in use, and where the next one comes from.
pub struct Certificates {
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    source: Source,
}

enum Source {
    Authority {
        authority: Box<Authority>,
        public_ip: Option<IpAddr>,
        issued: Mutex<Issued>,
    },
    Files {
        files: CertificateFiles,
        /// Of the files when they were last read.
        versions: Mutex<Versions>,
    },
}

/// What the certificate in use is valid for.
struct Issued {
    names: Names,
    ends: SystemTime,
    /// The end of the authority has been reported.
    is_end_reported: bool,
}

impl Tls {
    /// Binds the port, and reads or makes the certificate. `None` without `--tls`.
    ///
    /// # Errors
    /// The port cannot be bound, or there is no certificate.
    pub fn open(
        flags: &TlsFlags,
        folder: Option<StateFolder>,
        public_ip: Option<IpAddr>,
    ) -> Result<Option<Self>, TlsError> {
        let Some(source) = &flags.tls else {
            return Ok(None);
        };
        let certificates = Arc::new(Certificates::open(
            source,
            folder,
            public_ip,
            SystemTime::now(),
        )?);
        let provider = certificates.provider.clone();
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config
            .map_err(TlsError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let of_listen = |error| TlsError::Listen {
            address: flags.tls_listen,
            error,
        };
        let listener = TcpListener::bind(flags.tls_listen).map_err(of_listen)?;
        listener.set_nonblocking(true).map_err(of_listen)?;
        let address = listener.local_addr().map_err(of_listen)?;
        Ok(Some(Self {
            listener,
            address,
            certificates,
            config: Arc::new(config),
        }))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// The bound port, and what it is served with.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub(crate) fn into_parts(self) -> io::Result<(tokio::net::TcpListener, Arc<ServerConfig>)> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        Ok((listener, self.config))
    }
}

impl Certificates {
    fn open(
        source: &TlsSource,
        folder: Option<StateFolder>,
        public_ip: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let (source, current) = match source {
            TlsSource::OwnAuthority => {
                let folder = folder.ok_or(TlsError::NoFolder)?;
                let names = Names::of_this_machine(public_ip).map_err(TlsError::Interfaces)?;
                let authority = Authority::open(&folder, names.host(), now)?;
                let (current, ends) = authority.issue(&names, now, &provider)?;
                let source = Source::Authority {
                    authority: Box::new(authority),
                    public_ip,
                    issued: Mutex::new(Issued {
                        names,
                        ends,
                        is_end_reported: false,
                    }),
                };
                (source, current)
            }
            TlsSource::Files(files) => {
                let versions = Mutex::new(files.versions());
                let current = files.read(&provider)?;
                let files = files.clone();
                (Source::Files { files, versions }, current)
            }
        };
        Ok(Self {
            provider,
            current: RwLock::new(current),
            source,
        })
    }

    /// The certificate of the authority, as DER, that clients have to trust; `None`: it is another one's.
    pub fn authority(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Authority { authority, .. } => Some(authority.certificate()),
            Source::Files { .. } => None,
        }
    }

    /// SHA-256 of that certificate, in the form that phones show.
    pub fn fingerprint(&self) -> Option<String> {
        match &self.source {
            Source::Authority { authority, .. } => Some(authority.fingerprint()),
            Source::Files { .. } => None,
        }
    }

    /// Renews the certificate when addresses or files change, and before it ends.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut logged = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let this = self.clone();
            match tokio::task::spawn_blocking(move || this.renew(SystemTime::now())).await {
                Ok(Ok(())) => logged = None,
                Ok(Err(error)) => {
                    let error = Some(error.to_string());
                    if let Some(error) = error.as_ref().filter(|_| logged != error) {
                        tracing::warn!("the certificate for HTTPS stays the old one: {error}");
                    }
                    logged = error;
                }
                Err(_) => return,
            }
        }
    }

    fn renew(&self, now: SystemTime) -> Result<(), TlsError> {
        match &self.source {
            Source::Authority {
                authority,
                public_ip,
                issued,
            } => {
                let names = Names::of_this_machine(*public_ip).map_err(TlsError::Interfaces)?;
                let mut issued = issued.lock().unwrap_or_else(PoisonError::into_inner);
                let is_old = now + LIFETIME / 3 >= issued.ends;
                // None lasts longer than the authority.
                let is_last = issued.ends >= authority.ends();
                if is_old && is_last && !issued.is_end_reported {
                    issued.is_end_reported = true;
                    tracing::warn!(
                        "the authority of --tls self is about to end; restart the server, which makes a new one that phones have to trust"
                    );
                }
                if issued.names == names && (!is_old || is_last) {
                    return Ok(());
                }
                let (renewed, ends) = authority.issue(&names, now, &self.provider)?;
                (issued.names, issued.ends) = (names, ends);
                self.replace(renewed);
            }
            Source::Files { files, versions } => {
                let mut known = versions.lock().unwrap_or_else(PoisonError::into_inner);
                let versions = files.versions();
                if *known == versions {
                    return Ok(());
                }
                // Files that cannot be used are reported once, and read again when they change.
                *known = versions;
                self.replace(files.read(&self.provider)?);
            }
        }
        tracing::info!("HTTPS has a new certificate");
        Ok(())
    }

    fn replace(&self, certificate: Arc<CertifiedKey>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = certificate;
    }
}

impl ResolvesServerCert for Certificates {
    /// Names that clients ask for do not matter: there is one certificate.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Certificates(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_before_it_ends_and_not_earlier() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(folder.path().to_owned());
        let now = SystemTime::now();
        let certificates =
            Certificates::open(&TlsSource::OwnAuthority, Some(folder), None, now).unwrap();
        let current = || certificates.current.read().unwrap().cert[0].clone();
        let first = current();
        certificates.renew(now + LIFETIME / 2).unwrap();
        assert_eq!(current(), first);
        certificates.renew(now + LIFETIME * 3 / 4).unwrap();
        assert_ne!(current(), first);
    }

    #[test]
    fn the_last_certificate_of_an_authority_stays() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(folder.path().to_owned());
        let now = SystemTime::now();
        let certificates =
            Certificates::open(&TlsSource::OwnAuthority, Some(folder), None, now).unwrap();
        let Source::Authority { authority, .. } = &certificates.source else {
            panic!("of the authority");
        };
        let current = || certificates.current.read().unwrap().cert[0].clone();
        let ends = authority.ends();
        certificates.renew(ends - LIFETIME / 2).unwrap();
        let last = current();
        for remaining in [LIFETIME / 4, INTERVAL, Duration::ZERO] {
            certificates.renew(ends - remaining).unwrap();
            assert_eq!(current(), last);
        }
    }

    #[test]
    fn a_certificate_is_renewed_when_addresses_change() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(folder.path().to_owned());
        let now = SystemTime::now();
        let certificates =
            Certificates::open(&TlsSource::OwnAuthority, Some(folder), None, now).unwrap();
        let first = certificates.current.read().unwrap().cert[0].clone();
        let Source::Authority { issued, .. } = &certificates.source else {
            panic!("of the authority");
        };
        // As if an address had come since.
        issued.lock().unwrap().names.addresses.pop_first();
        certificates.renew(now).unwrap();
        assert_ne!(certificates.current.read().unwrap().cert[0], first);
    }

    #[test]
    fn without_a_state_folder_self_gets_a_sentence() {
        let opened = Certificates::open(&TlsSource::OwnAuthority, None, None, SystemTime::now());
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("--state FOLDER"), "{error}");
    }
}
