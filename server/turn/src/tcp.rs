//! Clients over TCP, for networks that let no UDP through (RFC 8656 3.1).

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

use super::allocation::Allocation;
use super::client::{Client, Link, Outbox};
use super::frame::{self, Kind, MAX_FRAME};
use super::service::Service;

/// A connection without an allocation is closed after this.
const IDLE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// A client that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(20);
/// Connections without an allocation: of everybody, and of one address.
const STRANGERS: usize = 256;
const STRANGERS_EACH: usize = 32;
/// After an error of accept, such as too many open files.
const RETRY: Duration = Duration::from_millis(200);

/// Serves until the task is aborted; that closes the connections.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, strangers: Arc<Strangers>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    if let Some(stranger) = strangers.admit(remote.ip()) {
                        connections.spawn(connection(stream, remote, service.clone(), stranger));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a TURN connection was not accepted");
                    sleep(RETRY).await;
                }
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    service: Arc<Service>,
    stranger: Stranger,
) {
    // Datagrams wait for nobody.
    let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else {
        return;
    };
    let outbox = Arc::new(Outbox::default());
    let client = Client {
        local: local.ip(),
        remote,
        link: Link::Tcp(outbox.clone()),
    };
    let (reader, writer) = stream.into_split();
    let mut allocation = None;
    tokio::select! {
        _ = read(reader, &client, &service, stranger, &mut allocation) => {}
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
    stranger: Stranger,
    allocation: &mut Option<Arc<Allocation>>,
) -> io::Result<()> {
    let strangers = stranger.all.clone();
    let mut stranger = Some(stranger);
    let mut buffer = vec![0; 2 * MAX_FRAME];
    let mut filled = 0;
    let mut idle = Duration::ZERO;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {
                *allocation = allocation.take().filter(|allocation| !allocation.has_ended());
                idle = if allocation.is_some() { Duration::ZERO } else { idle + LOOK };
                if idle > IDLE {
                    return Ok(());
                }
            }
            read = reader.read(&mut buffer[filled..]) => match read? {
                0 => return Ok(()),
                read => filled += read,
            }
        }
        let now = service.now();
        let mut start = 0;
        while let Some((kind, length, next)) =
            frame::measure(&buffer[start..filled]).map_err(|_| io::ErrorKind::InvalidData)?
        {
            if start + next > filled {
                break;
            }
            let bytes = &buffer[start..start + length];
            match (kind, &*allocation) {
                (Kind::Message, _) => service.message(allocation, client, bytes, now),
                (Kind::Channel, Some(allocation)) => service.channel_data(allocation, bytes, now),
                (Kind::Channel, None) => {}
            }
            start += next;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        match (&*allocation, &stranger) {
            (Some(_), _) => stranger = None,
            // It gave its allocation back, and with that its right to be here.
            (None, None) => stranger = strangers.admit(client.remote.ip()),
            (None, Some(_)) => {}
        }
        if allocation.is_none() && stranger.is_none() {
            return Ok(());
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, outbox: &Outbox) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        outbox.take(&mut bytes).await;
        timeout(STUCK, writer.write_all(&bytes)).await??;
    }
}

/// Connections that have proved nothing yet.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<IpAddr, usize>>);

/// The place of one of them, free again when dropped.
#[derive(Debug)]
struct Stranger {
    all: Arc<Strangers>,
    ip: IpAddr,
}

impl Strangers {
    fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Stranger> {
        let mut counts = self.counts();
        let of_ip = counts.get(&ip).copied().unwrap_or(0);
        if of_ip >= STRANGERS_EACH || counts.values().sum::<usize>() >= STRANGERS {
            return None;
        }
        counts.insert(ip, of_ip + 1);
        Some(Stranger {
            all: self.clone(),
            ip,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
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
    fn strangers_are_few() {
        let strangers = Arc::new(Strangers::default());
        let one = IpAddr::from([203, 0, 113, 1]);
        let mut places: Vec<_> = (0..100).filter_map(|_| strangers.admit(one)).collect();
        assert_eq!(places.len(), STRANGERS_EACH);
        let others = (2..=255).flat_map(|host| [IpAddr::from([203, 0, 113, host]); 2]);
        places.extend(others.filter_map(|ip| strangers.admit(ip)));
        assert_eq!(places.len(), STRANGERS);
        places.clear();
        assert!(strangers.counts().is_empty());
    }
}
