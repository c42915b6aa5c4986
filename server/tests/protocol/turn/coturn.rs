//! A third-party client: coturn's `turnutils_uclient`.

use std::process::{Command, Stdio};

use testkit::skip;

use super::{By, Turn};

/// The exit status of `timeout` when the program does not exist.
const MISSING: i32 = 127;

/// The client makes two allocations that talk to each other, so no private peer address has to be allowed.
#[tokio::test]
async fn the_client_of_coturn_relays_over_udp_and_tcp() {
    let turn = Turn::start(&[]).await;
    for by in [By::Udp, By::Tcp] {
        let account = turn.client(by).await;
        let mut command = Command::new("timeout");
        command.args(["30", "turnutils_uclient"]);
        // -y: client to client; -c: no RTCP port; -n, -z, -l: messages, milliseconds between them, their length.
        command.args(["-y", "-c", "-n", "50", "-z", "5", "-l", "1000"]);
        command.args(["-u", &account.username, "-w", &account.password]);
        if matches!(by, By::Tcp) {
            command.arg("-t");
        }
        command.args(["-p", &turn.address.port().to_string(), "127.0.0.1"]);
        let run = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
        let output = run.await.unwrap().expect("coreutils");
        if output.status.code() == Some(MISSING) {
            return skip("turnutils_uclient is missing; `cargo xtask setup` installs coturn");
        }
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("tot_recv_msgs=100"), "{by:?}:\n{text}");
    }
}
