//! Handshakes with OpenSSL as aiortc drives it, over loopback: FFmpeg, GStreamer and libdatachannel use it too.

use std::io::{BufRead, BufReader, Write, stderr};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::network::End;
use super::{GCM_128, GCM_THEN_CM, Peer};
use crate::dtls::{Identity, Keys, Profile, Role};

/// A virtual environment made by `cargo xtask setup`.
const PYTHON: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../.tools/python/bin/python"
);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dtls/tests/openssl.py");
const LIMIT: Duration = Duration::from_secs(10);

/// The process with the other end.
struct OpenSsl {
    process: Child,
    lines: Receiver<String>,
}

impl OpenSsl {
    fn start(role: Role, port: u16, closes: bool) -> Self {
        let role = match role {
            Role::Client => "client",
            Role::Server => "server",
        };
        let closes = if closes { "closes" } else { "waits" };
        let mut process = Command::new(PYTHON)
            .args([SCRIPT, role, &port.to_string()])
            .args(["SRTP_AES128_CM_SHA1_80,SRTP_AEAD_AES_128_GCM", closes])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ended = sender.send(line);
            }
        });
        Self { process, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT * 3).unwrap()
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// False, and said so, on a machine without it.
fn has_openssl() -> bool {
    let found = Path::new(PYTHON).exists();
    if !found {
        assert!(
            std::env::var_os("WEIR_NO_SKIPS").is_none(),
            "no test may be skipped here: aiortc is missing"
        );
        let reason = "skipped: aiortc is missing; `cargo xtask setup` installs it";
        let _ = writeln!(stderr(), "{reason}");
    }
    found
}

/// Ours, until `done`; of the datagrams each way those whose number is in `lost` are.
fn run(ours: &mut Peer, socket: &UdpSocket, lost: &[usize], mut done: impl FnMut(&Peer) -> bool) {
    let start = Instant::now();
    let (mut sent, mut received) = (0, 0);
    let mut buffer = [0; 2048];
    while !done(ours) {
        let now = Instant::now();
        assert!(now < start + LIMIT, "{:?}", ours.events);
        if ours.next_timeout().is_some_and(|next| next <= now) {
            ours.handle_timeout(now);
        }
        for datagram in ours.transmits() {
            sent += 1;
            if !lost.contains(&sent) {
                socket.send(&datagram).unwrap();
            }
        }
        if let Ok(length) = socket.recv(&mut buffer) {
            received += 1;
            if !lost.contains(&received) {
                ours.receive(Instant::now(), &buffer[..length]);
            }
        }
    }
    for datagram in ours.transmits() {
        socket.send(&datagram).unwrap();
    }
}

/// Ours, connected; the keying material is compared.
fn connect(
    role: Role,
    profiles: &[Profile],
    lost: &[usize],
    closes: bool,
) -> (Peer, UdpSocket, OpenSsl) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let other = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let openssl = OpenSsl::start(other, port, closes);
    let line = openssl.line();
    let (port, fingerprint) = line.split_once(' ').unwrap();
    socket.connect(format!("127.0.0.1:{port}")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let identity = Identity::generate().unwrap();
    let mut ours = Peer::new(&identity, role, fingerprint, profiles);
    ours.start(Instant::now());
    let mut said = None;
    run(&mut ours, &socket, lost, |ours| {
        said = said.take().or_else(|| openssl.lines.try_recv().ok());
        ours.keys().is_some() && said.is_some()
    });
    let keys = ours.keys().unwrap();
    let expected = format!("{} {}", name(keys.local.profile()), material(keys, role));
    assert_eq!(said.unwrap(), expected);
    (ours, socket, openssl)
}

fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
        Profile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        Profile::Aes128CmSha1_80 => "SRTP_AES128_CM_SHA1_80",
    }
}

/// Client key, server key, client salt, server salt.
fn material(keys: &Keys, role: Role) -> String {
    let (client, server) = match role {
        Role::Client => (&keys.local, &keys.remote),
        Role::Server => (&keys.remote, &keys.local),
    };
    let parts = [client.key(), server.key(), client.salt(), server.salt()];
    let bytes = parts.concat();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn openssl_has_the_same_keys_in_both_roles_with_each_list_of_profiles() {
    if !has_openssl() {
        return;
    }
    for role in [Role::Client, Role::Server] {
        for profiles in [GCM_128, GCM_THEN_CM, &[Profile::Aes128CmSha1_80]] {
            let (ours, ..) = connect(role, profiles, &[], false);
            // It prefers AES-CM, which counts when it is the server.
            let expected = match role {
                Role::Client => profiles.last(),
                Role::Server => profiles.first(),
            };
            assert_eq!(Some(&ours.keys().unwrap().local.profile()), expected);
        }
    }
}

#[test]
fn a_handshake_with_openssl_survives_lost_datagrams() {
    if !has_openssl() {
        return;
    }
    // Its timers are 1, 2, 4 s: one at a time would take long.
    thread::scope(|scope| {
        for role in [Role::Client, Role::Server] {
            for lost in [&[1][..], &[2], &[3], &[1, 2, 4]] {
                scope.spawn(move || connect(role, GCM_128, lost, false));
            }
        }
    });
}

#[test]
fn openssl_sees_our_close_and_we_see_its() {
    if !has_openssl() {
        return;
    }
    for role in [Role::Client, Role::Server] {
        let (mut ours, socket, openssl) = connect(role, GCM_128, &[], false);
        ours.dtls.close(Instant::now());
        run(&mut ours, &socket, &[], |_| true);
        assert_eq!(openssl.line(), "closed");

        let (mut ours, socket, mut openssl) = connect(role, GCM_128, &[], true);
        let mut stdin = openssl.process.stdin.take().unwrap();
        stdin.write_all(b"close\n").unwrap();
        run(&mut ours, &socket, &[], Peer::saw_close);
        assert_eq!(openssl.line(), "closed");
    }
}
