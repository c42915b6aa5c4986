//! Clients over TCP, for networks that block UDP (RFC 8656 3.1).

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::client::{Client, Outbox, Transport};
use super::frame::FrameKind;
use super::frame_reader::FrameReader;
use super::service::{AllocationSlot, Service};
use super::unauthenticated::{UnauthenticatedConnections, UnauthenticatedPermit};

/// A connection without an allocation is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which [`IDLE_TIMEOUT`] is checked.
const IDLE_CHECK: Duration = Duration::from_secs(2);
/// A connection that accepts no bytes for this long is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes that are read of a connection until it has an allocation.
const MAX_UNAUTHENTICATED: usize = 16 * 1024;
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
                    let permit = unauthenticated.admit(remote.ip());
                    connections.spawn(connection(stream, remote, service.clone(), permit));
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
    let unauthenticated = permit.connections();
    let mut permit = Some(permit);
    let mut frames = FrameReader::new();
    let mut read_without_allocation = 0;
    let mut idle = Duration::ZERO;
    let mut idle_check = interval(IDLE_CHECK);
    idle_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resume = Instant::now();
    loop {
        let evicted = async {
            match &permit {
                Some(permit) => permit.evicted().await,
                None => pending().await,
            }
        };
        let read = tokio::select! {
            () = evicted => return Ok(()),
            _ = idle_check.tick() => {
                *allocation = allocation.take().filter(|allocation| !allocation.has_ended());
                idle = if allocation.is_some() { Duration::ZERO } else { idle + IDLE_CHECK };
                if idle > IDLE_TIMEOUT {
                    return Ok(());
                }
                0
            }
            read = async {
                // What may not pass stays with the sender. A sleep takes a millisecond at least.
                if Instant::now() < resume {
                    sleep_until(resume).await;
                }
                reader.read(frames.space()).await
            } => match read? {
                0 => return Ok(()),
                read => read,
            }
        };
        frames.add(read);
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
        match &*allocation {
            Some(allocation) => {
                (permit, read_without_allocation) = (None, 0);
                resume = Instant::now() + allocation.pause_after(read, now);
            }
            None => {
                read_without_allocation += read;
                if read_without_allocation > MAX_UNAUTHENTICATED {
                    return Ok(());
                }
                // A client that has deleted its allocation counts as unauthenticated again.
                permit.get_or_insert_with(|| unauthenticated.admit(client.remote.ip()));
            }
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
