//! Flags of HTTPS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// HTTPS beside HTTP. Browsers give a camera to a page of another machine over HTTPS only.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTPS")]
pub struct TlsFlags {
    /// Serve HTTPS as well. self: with certificates of an authority of this server, which a phone has to trust once (the page /trust says how).
    /// CERT,KEY: with a certificate and its key, as PEM files; changed files are taken without a restart.
    /// Example: --tls self, or --tls /etc/weir/cert.pem,/etc/weir/key.pem
    #[arg(long, value_name = "self|CERT,KEY")]
    pub tls: Option<TlsSource>,

    /// Address and port of HTTPS, with --tls. Example: --tls-listen 0.0.0.0:443
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub tls_listen: SocketAddr,
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// From an authority of this server, in the state folder.
    OwnAuthority,
    Files(CertificateFiles),
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The text is neither `self` nor two paths.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "write self, or the paths of a certificate and of its key with a comma between them: cert.pem,key.pem"
)]
pub struct NotATlsSource;

impl FromStr for TlsSource {
    type Err = NotATlsSource;

    fn from_str(text: &str) -> Result<Self, NotATlsSource> {
        if text == "self" {
            return Ok(Self::OwnAuthority);
        }
        match text.split_once(',') {
            Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
                Ok(Self::Files(CertificateFiles {
                    certificate: certificate.into(),
                    key: key.into(),
                }))
            }
            _ => Err(NotATlsSource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_self_or_two_paths() {
        assert_eq!(
            "self".parse::<TlsSource>().unwrap(),
            TlsSource::OwnAuthority
        );
        let TlsSource::Files(files) = "a/cert.pem,/b/key.pem".parse().unwrap() else {
            panic!("two paths");
        };
        assert_eq!(files.certificate, PathBuf::from("a/cert.pem"));
        assert_eq!(files.key, PathBuf::from("/b/key.pem"));
        for text in ["", "cert.pem", ",key.pem", "cert.pem,", "Self"] {
            let error = text.parse::<TlsSource>().unwrap_err();
            assert!(error.to_string().contains("cert.pem,key.pem"), "{text}");
        }
    }
}
