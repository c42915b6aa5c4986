//! Which requests without an authenticated user are answered: their source addresses may be forged, and an answer is longer. Pure.

use std::time::Duration;

use super::client::Client;
use super::rate_limiter::SourceLimiter;

/// Limits such responses by source.
#[derive(Debug, Default)]
pub(super) struct ResponseLimiter {
    /// By address. Anybody can use up what it has.
    unproven: SourceLimiter,
    /// By address and port of clients that receive what is sent there: they have a nonce of ours, or a TCP connection.
    proven: SourceLimiter,
}

impl ResponseLimiter {
    pub(super) fn allows(&self, client: &Client, has_nonce: bool, now: Duration) -> bool {
        match has_nonce || client.is_stream() {
            true => self.proven.allows(client.remote, now),
            false => self.unproven.allows(client.remote.ip(), now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::*;
    use crate::client::{Outbox, Transport};

    #[test]
    fn forged_requests_do_not_silence_who_has_a_nonce_or_a_connection() {
        let limiter = ResponseLimiter::default();
        let now = Duration::from_secs(1);
        let local = IpAddr::from([203, 0, 113, 1]);
        let remote = "198.51.100.7:5000".parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let socket = runtime.block_on(tokio::net::UdpSocket::bind("127.0.0.1:0"));
        let transport = Transport::Udp(Arc::new(socket.unwrap()));
        let victim = Client {
            local,
            remote,
            transport,
        };
        let connected = Client {
            transport: Transport::Tcp(Arc::new(Outbox::default())),
            ..victim.clone()
        };
        while limiter.allows(&victim, false, now) {}
        assert!(limiter.allows(&victim, true, now));
        assert!(limiter.allows(&connected, false, now));
        while limiter.allows(&victim, true, now) {}
        let later = now + Duration::from_secs(1);
        assert!(limiter.allows(&victim, true, later));
    }
}
