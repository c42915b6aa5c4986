//! The embedded STUN and TURN server, over real sockets.

mod abuse;
mod client;
mod coturn;
mod naming;
mod refusals;
mod relaying;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use client::TurnClient;
use shared::api::IceConfig;
use testkit::TestServer;

/// A server, and the address of its STUN and TURN port.
pub(crate) struct Turn {
    pub(crate) server: TestServer,
    pub(crate) address: SocketAddr,
}

/// UDP or TCP between client and server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Udp,
    Tcp,
}

impl Turn {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let server = TestServer::with(&[&["test:"], arguments].concat()).await;
        let config = ice(&server).await;
        let address = config.ice_servers.iter().flat_map(|server| &server.urls);
        let address = address
            .filter_map(|url| url.strip_prefix("turn:")?.strip_suffix("?transport=udp"))
            .next_back();
        let address = address.expect("an embedded server").parse().unwrap();
        Self { server, address }
    }

    /// A client with credentials of its own.
    pub(crate) async fn client(&self, by: By) -> TurnClient {
        self.client_at(by, self.unspecified()).await
    }

    /// The same, from this address of the machine.
    pub(crate) async fn client_at(&self, by: By, from: impl Into<IpAddr>) -> TurnClient {
        let config = ice(&self.server).await;
        let account = config.ice_servers.last().unwrap();
        let [username, password] =
            [&account.username, &account.credential].map(|field| field.as_deref().unwrap());
        TurnClient::new(by, from.into(), self.address, username, password).await
    }

    pub(crate) async fn client_as(&self, by: By, username: &str, password: &str) -> TurnClient {
        TurnClient::new(by, self.unspecified(), self.address, username, password).await
    }

    /// Any address that reaches the server.
    fn unspecified(&self) -> IpAddr {
        match self.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// Pauses so that no more is sent at once than a socket buffer holds.
pub(crate) async fn pace(number: u32) {
    if number.is_multiple_of(25) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn ice(server: &TestServer) -> IceConfig {
    let answer = server
        .http
        .get(server.url("/api/ice"))
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}
