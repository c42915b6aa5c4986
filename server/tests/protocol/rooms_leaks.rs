//! Sockets leave no tasks and no files behind.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::signaling::ClientMessage;
use testkit::process::{ProcessUsage, in_own_process};
use testkit::socket::{TestSocket, join};
use testkit::{PATIENCE, TestServer, eventually};

/// A thousand sockets, ended in every way.
#[tokio::test]
async fn sockets_leave_nothing_behind() {
    if !in_own_process("rooms_leaks::sockets_leave_nothing_behind") {
        return;
    }
    let server = TestServer::with_limits(|limits| limits.away = Duration::from_millis(500)).await;
    let url = server.url.clone();
    let files = || ProcessUsage::own().files;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    storm(&url, 50).await;
    settled(&server).await;
    let before = (files(), tasks());
    storm(&url, testkit::repetitions(1_000, 20_000)).await;
    settled(&server).await;
    let after = (files(), tasks());
    assert!(
        after.0 <= before.0 && after.1 <= before.1,
        "{before:?} to {after:?}"
    );
    server.stop().await;
}

async fn settled(server: &TestServer) {
    eventually("all is gone", PATIENCE, || async {
        server.rooms.sockets() == 0 && server.rooms.rooms() == 0
    })
    .await;
    // The tasks of the last sockets end shortly after.
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn storm(url: &str, sockets: u128) {
    let mut running = tokio::task::JoinSet::new();
    for number in 0..sockets {
        if running.len() == 20 {
            running.join_next().await.unwrap().unwrap();
        }
        let url = url.to_owned();
        running.spawn(async move {
            let (room, name) = (format!("room {}", number % 7), number.to_string());
            let mut socket = TestSocket::open(&url).await;
            match number % 5 {
                0 => return,
                1 => socket.send("no message".into()).await,
                _ => socket.send_message(&join(&room, &name, number)).await,
            }
            // A full room refuses and closes.
            let _ = socket.next_or_closed().await;
            match number % 5 {
                2 => {
                    let _ = socket.socket.close(None).await;
                    while let Some(Ok(_)) = socket.socket.next().await {}
                }
                3 => {
                    let leave = serde_json::to_string(&ClientMessage::Leave).unwrap();
                    let _ = socket.socket.send(leave.into()).await;
                    while let Some(Ok(_)) = socket.socket.next().await {}
                }
                _ => {}
            }
        });
    }
    while let Some(socket) = running.join_next().await {
        socket.unwrap();
    }
}
