//! ICE-TCP connections that say nothing.

use std::net::Ipv4Addr;

use testkit::{PATIENCE, TestViewer, Wants, eventually};
use tokio::net::TcpSocket;

use super::serve;
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::{Transport, ViewerSocket};

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_shut_out_neither_their_own_address_nor_another() {
    let server = serve().await;
    let (absent, offer) = TestViewer::offer(Wants::default()).await;
    let response = server.post("/whep/film", "application/sdp", offer).await;
    let answer = response.text().await.expect("an answer");
    let (_, address) = ViewerSocket::choose(&answer, Transport::Tcp);
    let mut silent = Vec::new();
    for _ in 0..64 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().unwrap()).expect("free");
        silent.push(socket.connect(address).await.expect("connected"));
    }
    for last in [1, 2] {
        let joining = Joining {
            address: Ipv4Addr::new(127, 0, 0, last),
            ..Joining::by(Transport::Tcp)
        };
        let viewer = Str0mViewer::join_by(&server, "film", joining).await;
        eventually("it watches", PATIENCE, || async {
            viewer.received().frames > 10
        })
        .await;
        assert_eq!(viewer.received().broken, 0);
        viewer.leave().await;
    }
    absent.leave().await;
    server.stop().await;
}
