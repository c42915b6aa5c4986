//! Clients over UDP, at one address of the server.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};

use super::allocation::Allocation;
use super::client::{Client, Transport};
use super::frame::{self, FrameKind, MAX_FRAME};
use super::service::Service;

/// Datagrams read before the task yields.
const BATCH: usize = 64;
/// Interval at which ended allocations are removed from the table of clients.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);

/// Serves until the task is aborted.
pub(super) async fn serve(socket: Arc<UdpSocket>, service: Arc<Service>) {
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let mut clients: HashMap<SocketAddr, Arc<Allocation>> = HashMap::new();
    let mut buffer = vec![0; MAX_FRAME + 1];
    let mut sweep = interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = sweep.tick() => clients.retain(|_, allocation| !allocation.has_ended()),
            ready = socket.readable() => if let Err(error) = ready {
                tracing::warn!(%error, %local, "a TURN socket cannot be read");
                return;
            }
        }
        let now = service.now();
        for _ in 0..BATCH {
            let (length, remote) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error for an earlier response.
                Err(_) => continue,
            };
            let Some((kind, bytes)) = frame::in_datagram(&buffer[..length]) else {
                continue;
            };
            match kind {
                FrameKind::Channel => {
                    if let Some(allocation) = clients.get(&remote) {
                        service.channel_data(allocation, bytes, now);
                    }
                }
                FrameKind::Message => {
                    let client = Client {
                        local: local.ip(),
                        remote,
                        transport: Transport::Udp(socket.clone()),
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
