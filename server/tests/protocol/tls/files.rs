//! `--tls CERT,KEY`.

use std::path::Path;
use std::process::Command;

use rcgen::generate_simple_self_signed;
use testkit::process::program;
use testkit::{PATIENCE, TestServer};

use super::client::connect;

/// Writes a new certificate and its key, and returns the certificate.
fn write_pair(folder: &Path) -> Vec<u8> {
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), pair.cert.pem()).unwrap();
    pair.cert.der().to_vec()
}

fn argument(folder: &Path) -> String {
    let folder = folder.display();
    format!("{folder}/cert.pem,{folder}/key.pem")
}

#[tokio::test]
async fn a_changed_certificate_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_pair(folder.path());
    let server = TestServer::with(&["test:", "--tls", &argument(folder.path())]).await;
    let port = server.https.unwrap().port();
    connect(port, "localhost", b"h2", &first).await.unwrap();
    let second = write_pair(folder.path());
    testkit::eventually("the new certificate is served", PATIENCE, || async {
        connect(port, "localhost", b"h2", &second).await.is_ok()
    })
    .await;
    assert!(connect(port, "localhost", b"h2", &first).await.is_err());
}

#[tokio::test]
async fn the_old_certificate_is_served_while_the_new_files_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_pair(folder.path());
    let server = TestServer::with(&["test:", "--tls", &argument(folder.path())]).await;
    let port = server.https.unwrap().port();
    let other = tempfile::tempdir().unwrap();
    write_pair(other.path());
    let key = std::fs::read(folder.path().join("key.pem")).unwrap();
    std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    // Two readings of the files.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    connect(port, "localhost", b"h2", &first).await.unwrap();
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    connect(port, "localhost", b"h2", &first).await.unwrap();
}

#[test]
fn files_that_cannot_be_used_are_reported_in_a_sentence() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_pair(one.path());
    write_pair(other.path());
    std::fs::copy(other.path().join("key.pem"), one.path().join("key.pem")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    for (folder, sentence) in [
        (one.path(), "do not belong together"),
        (empty.path(), "cert.pem cannot be read"),
    ] {
        let output = Command::new(program("server"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--udp-port",
                "0",
                "--turn",
                "off",
                "--tls-listen",
                "127.0.0.1:0",
                "test:",
            ])
            .args(["--tls", &argument(folder)])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(sentence), "{said}");
    }
}
