//! Clients over TCP, for networks that block UDP (RFC 8656 3.1).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::client::{Client, Outbox, Transport};
use super::frame::FrameKind;
use super::frame_reader::FrameReader;
use super::service::{AllocationSlot, Service};

/// A connection without an allocation is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which [`IDLE_TIMEOUT`] is checked.
const IDLE_CHECK: Duration = Duration::from_secs(2);
/// A connection that accepts no bytes for this long is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Connections without an allocation: in total, and from one address.
const MAX_UNAUTHENTICATED: usize = 256;
const MAX_UNAUTHENTICATED_PER_ADDRESS: usize = 32;
/// Delay after an error of accept, such as too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// Serves until the task is aborted, which closes the connections.
pub(super) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    unauthenticated: Arc<UnauthenticatedConnections>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    if let Some(permit) = unauthenticated.admit(remote.ip()) {
                        connections.spawn(connection(stream, remote, service.clone(), permit));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a TURN connection was not accepted");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    service: Arc<Service>,
    permit: UnauthenticatedPermit,
) {
    // Relayed datagrams must not wait for Nagle's algorithm.
    let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else {
        return;
    };
    let outbox = Arc::new(Outbox::default());
    let client = Client {
        local: local.ip(),
        remote,
        transport: Transport::Tcp(outbox.clone()),
    };
    let (reader, writer) = stream.into_split();
    let mut allocation = None;
    tokio::select! {
        _ = read(reader, &client, &service, permit, &mut allocation) => {}
        _ = write(writer, &outbox) => {}
    }
    if let Some(allocation) = allocation {
        service.end(&allocation);
    }
}

async fn read(
    mut reader: OwnedReadHalf,
    client: &Client,
    service: &Arc<Service>,
    permit: UnauthenticatedPermit,
    allocation: &mut AllocationSlot,
) -> io::Result<()> {
    let unauthenticated = permit.connections.clone();
    let mut permit = Some(permit);
    let mut frames = FrameReader::new();
    let mut idle = Duration::ZERO;
    let mut idle_check = interval(IDLE_CHECK);
    idle_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = idle_check.tick() => {
                *allocation = allocation.take().filter(|allocation| !allocation.has_ended());
                idle = if allocation.is_some() { Duration::ZERO } else { idle + IDLE_CHECK };
                if idle > IDLE_TIMEOUT {
                    return Ok(());
                }
            }
            read = reader.read(frames.space()) => match read? {
                0 => return Ok(()),
                read => frames.add(read),
            }
        }
        let now = service.now();
        while let Some((kind, bytes)) = frames.next().map_err(|_| io::ErrorKind::InvalidData)? {
            match (kind, &*allocation) {
                (FrameKind::Message, _) => service.message(allocation, client, bytes, now),
                (FrameKind::Channel, Some(allocation)) => {
                    service.channel_data(allocation, bytes, now);
                }
                (FrameKind::Channel, None) => {}
            }
        }
        match (&*allocation, &permit) {
            (Some(_), _) => permit = None,
            // The client deleted its allocation, so it counts as unauthenticated again.
            (None, None) => permit = unauthenticated.admit(client.remote.ip()),
            (None, Some(_)) => {}
        }
        if allocation.is_none() && permit.is_none() {
            return Ok(());
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, outbox: &Outbox) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        outbox.take(&mut bytes).await;
        timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await??;
    }
}

/// Counts connections without an allocation, by address.
#[derive(Debug, Default)]
pub(super) struct UnauthenticatedConnections(Mutex<HashMap<IpAddr, usize>>);

/// Permits one such connection. Released on drop.
#[derive(Debug)]
struct UnauthenticatedPermit {
    connections: Arc<UnauthenticatedConnections>,
    ip: IpAddr,
}

impl UnauthenticatedConnections {
    fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<UnauthenticatedPermit> {
        let mut counts = self.counts();
        let of_ip = counts.get(&ip).copied().unwrap_or(0);
        if of_ip >= MAX_UNAUTHENTICATED_PER_ADDRESS
            || counts.values().sum::<usize>() >= MAX_UNAUTHENTICATED
        {
            return None;
        }
        counts.insert(ip, of_ip + 1);
        Some(UnauthenticatedPermit {
            connections: self.clone(),
            ip,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnauthenticatedPermit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unauthenticated_connections_are_limited() {
        let connections = Arc::new(UnauthenticatedConnections::default());
        let one = IpAddr::from([203, 0, 113, 1]);
        let mut permits: Vec<_> = (0..100).filter_map(|_| connections.admit(one)).collect();
        assert_eq!(permits.len(), MAX_UNAUTHENTICATED_PER_ADDRESS);
        let others = (2..=255).flat_map(|host| [IpAddr::from([203, 0, 113, host]); 2]);
        permits.extend(others.filter_map(|ip| connections.admit(ip)));
        assert_eq!(permits.len(), MAX_UNAUTHENTICATED);
        permits.clear();
        assert!(connections.counts().is_empty());
    }
}
