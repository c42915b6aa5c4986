//! Clients over UDP, at one address of this machine.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};

use super::allocation::Allocation;
use super::client::{Client, Link};
use super::frame::{self, Kind, MAX_FRAME};
use super::service::Service;

/// Datagrams read at once, before others have their turn.
const BATCH: usize = 64;
/// Allocations that have ended are forgotten this often.
const FORGET: Duration = Duration::from_secs(2);

/// Serves until the task is aborted.
pub(super) async fn serve(socket: Arc<UdpSocket>, service: Arc<Service>) {
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let mut clients: HashMap<SocketAddr, Arc<Allocation>> = HashMap::new();
    let mut buffer = vec![0; MAX_FRAME + 1];
    let mut forget = interval(FORGET);
    forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = forget.tick() => clients.retain(|_, allocation| !allocation.has_ended()),
            ready = socket.readable() => if let Err(error) = ready {
                tracing::warn!(%error, %local, "TURN over UDP cannot be read any more");
                return;
            }
        }
        let now = service.now();
        for _ in 0..BATCH {
            let (length, remote) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Of an earlier answer that could not be delivered.
                Err(_) => continue,
            };
            let datagram = &buffer[..length];
            let Ok(Some((kind, length, _))) = frame::measure(datagram) else {
                continue;
            };
            // ChannelData may be padded (RFC 8656 12.5); a message has to be whole.
            let Some(bytes) = datagram.get(..length) else {
                continue;
            };
            match kind {
                Kind::Channel => {
                    if let Some(allocation) = clients.get(&remote) {
                        service.channel_data(allocation, bytes, now);
                    }
                }
                Kind::Message => {
                    let client = Client {
                        local: local.ip(),
                        remote,
                        link: Link::Udp(socket.clone()),
                    };
                    let mut allocation = clients.remove(&remote);
                    service.message(&mut allocation, &client, bytes, now);
                    if let Some(allocation) = allocation {
                        clients.insert(remote, allocation);
                    }
                }
            }
        }
        tokio::task::yield_now().await;
    }
}
