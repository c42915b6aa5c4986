//! Clients that trust the server's authority: curl, and rustls.

use std::process::Command;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use testkit::TestServer;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A stream that publishers may send, and its key.
pub(super) const STREAM: &str = "cam";
pub(super) const KEY: &str = "0123456789abcdef";

/// A server with `--tls self` and an empty state folder.
pub(super) struct SecureServer {
    pub(super) server: TestServer,
    pub(super) state: TempDir,
}

impl SecureServer {
    pub(super) async fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        Self::with_state(state).await
    }

    pub(super) async fn with_state(state: TempDir) -> Self {
        let folder = state.path().to_str().unwrap();
        let publish = format!("{STREAM}={KEY}");
        let server = TestServer::with(&[
            "test:",
            "--host",
            "phone.test",
            "--tls",
            "self",
            "--state",
            folder,
            "--publish",
            &publish,
        ])
        .await;
        Self { server, state }
    }

    pub(super) fn port(&self) -> u16 {
        self.server.https.expect("--tls self").port()
    }

    /// The certificate that a phone installs.
    pub(super) async fn authority(&self) -> Vec<u8> {
        let answer = self.server.get("/trust/weir-authority.crt").await;
        assert_eq!(
            answer.headers()["content-type"],
            "application/x-x509-ca-cert"
        );
        answer.bytes().await.unwrap().to_vec()
    }

    pub(super) async fn curl(&self) -> Curl {
        let authority = self.authority().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        std::fs::write(file, pem(&authority)).unwrap();
        Curl { folder }
    }

    /// A connection that trusts the authority alone, and asks for this protocol.
    pub(super) async fn connect(&self, host: &str, alpn: &[u8]) -> TlsStream<TcpStream> {
        connect(self.port(), host, alpn, &self.authority().await)
            .await
            .expect("a trusted server")
    }
}

pub(super) async fn connect(
    port: u16,
    host: &str,
    alpn: &[u8],
    trusted: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// curl, with the authority in a file.
pub(super) struct Curl {
    folder: TempDir,
}

impl Curl {
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let authority = self.folder.path().join("authority.pem");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--cacert"])
            .arg(authority)
            .args(arguments);
        curl
    }

    /// What it prints.
    pub(super) async fn prints(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().expect("curl runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}
