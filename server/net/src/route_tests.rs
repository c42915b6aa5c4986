//! A peer whose address changes: the path follows, and ICE does not notice.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::port::Port;
use super::route::Route;
use super::routes::Remote;

struct Share {
    route: Route,
    index: usize,
    server: SocketAddr,
}

async fn share() -> Share {
    let port = Port::bind(0, None, false).unwrap();
    let route = port.open();
    route.set_ufrag("abcd");
    let index = route.socket_index([127, 0, 0, 1].into()).unwrap();
    let socket = port.socket(index).unwrap();
    let server = socket.address();
    let registered = socket.register(&port).unwrap();
    tokio::spawn(async move { registered.receive(|_, _, _| {}).await });
    Share {
        route,
        index,
        server,
    }
}

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_secs(5));
    socket.set_read_timeout(patience).unwrap();
    socket
}

fn binding_request() -> Vec<u8> {
    let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
    request.extend([0; 12]);
    request.extend([0, 6, 0, 6]);
    request.extend(b"abcd:x\0\0");
    request
}

impl Share {
    async fn send(&self, datagram: &[u8], to: SocketAddr) {
        std::future::poll_fn(|context| self.route.poll_send(context, self.index, datagram, to))
            .await;
    }

    async fn receive(&self) -> (SocketAddr, Vec<u8>) {
        let (from, datagram) =
            std::future::poll_fn(|context| self.route.poll_receive(context, self.index)).await;
        (from, datagram.to_vec())
    }

    fn remote(&self, socket: &UdpSocket) -> Remote {
        Remote {
            socket: self.index,
            address: socket.local_addr().unwrap(),
            tcp: false,
        }
    }
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[tokio::test]
async fn the_path_follows_a_peer_and_ice_sees_its_old_address() {
    let (share, old, new) = (share().await, peer(), peer());
    let (was, is) = (old.local_addr().unwrap(), new.local_addr().unwrap());
    old.send_to(&binding_request(), share.server).unwrap();
    assert_eq!(share.receive().await.0, was);
    assert!(share.route.path().is_none(), "nothing was sent to it yet");
    share.send(b"\x80\xc8report", was).await;
    assert_eq!(receive(&old), b"\x80\xc8report");
    assert_eq!(share.route.path().unwrap().remote, share.remote(&old));

    let changes = share.route.path_version();
    share.route.migrate(share.remote(&new));
    assert_eq!(share.route.path_version(), changes + 1);
    assert_eq!(share.route.path().unwrap().remote, share.remote(&new));
    share.send(b"\x16to the old address", was).await;
    assert_eq!(receive(&new), b"\x16to the old address");
    new.send_to(b"\x16from the new address", share.server)
        .unwrap();
    assert_eq!(
        share.receive().await,
        (was, b"\x16from the new address".to_vec())
    );

    share.send(b"\x80\xc8report", was).await;
    assert_eq!(receive(&new), b"\x80\xc8report");
    assert_eq!(
        share.route.path_version(),
        changes + 1,
        "a report on the same path is no change"
    );
    share.route.migrate(share.remote(&old));
    share.send(b"\x16back", was).await;
    assert_eq!(receive(&old), b"\x16back");
    assert_ne!(was, is);
}

#[tokio::test]
async fn a_peer_without_a_path_is_not_moved() {
    let (share, new) = (share().await, peer());
    share.route.migrate(share.remote(&new));
    assert!(share.route.path().is_none());
    assert_eq!(share.route.path_version(), 0);
}
