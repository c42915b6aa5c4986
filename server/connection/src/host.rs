//! What the connections of viewers and publishers share: ports and their threads, the certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use limits::{CountedAddress, RateLimit};
use net::Route;
use shared::hex::hex;
use tokio::sync::{Mutex, watch};
use transport::dtls::{DtlsParams, Identity, Role};
use transport::ice::Credentials;
use transport::{Transport, TransportParams};

use super::answer::Local;
use super::connection::ConnectionStart;
use super::connections::Command;
use super::end::End;
use super::error::SessionError;
use super::lite::LiteAgents;
use super::offered_connection::OfferedConnection;
use super::patch::IceState;
use super::profiles::{ClientKind, ProfileChoice};
use super::session_control::SessionControl;
use super::shard_pool::{Member, ShardPool};

#[derive(Debug)]
pub(super) struct Host {
    pub(super) pool: ShardPool,
    /// One for all connections: generating a key costs more than the rest of an answer.
    identity: Identity,
    profiles: Arc<ProfileChoice>,
    lite: LiteAgents,
    next_id: AtomicU64,
    closing: AtomicBool,
}

/// The server's end of a connection that is negotiated.
#[derive(Debug)]
pub(super) struct NewConnection<'a> {
    host: &'a Host,
    pub(super) member: &'a Member,
    pub(super) route: Arc<Route>,
    local: Credentials,
    /// Of the peer, which are checked; none, unless it is a lite agent.
    candidates: Vec<SocketAddr>,
    role: Role,
    id: u64,
    /// 32 hexadecimal digits, random: names the session in URLs.
    pub(super) secret: String,
    pub(super) etag: String,
    /// Names the source of what the server sends (RFC 3550 6.5.1).
    pub(super) cname: String,
}

impl Host {
    /// `full_ice`: check candidates of lite agents.
    pub(super) fn new(pool: ShardPool, identity: Identity, full_ice: bool) -> Self {
        Self {
            pool,
            identity,
            profiles: Arc::default(),
            lite: LiteAgents::new(full_ice),
            next_id: AtomicU64::new(1),
            closing: AtomicBool::new(false),
        }
    }

    /// Requests of the peer are routed from here on: the first may arrive as soon as the answer leaves. `address`: of the client.
    pub(super) fn new_connection<'a>(
        &'a self,
        offered: &OfferedConnection,
        address: Option<CountedAddress>,
        (member, route): (&'a Member, Arc<Route>),
    ) -> Result<NewConnection<'a>, SessionError> {
        let candidates = self.lite.candidates(offered.lite.as_ref(), address)?;
        let (secret, etag, cname) = (random_hex::<16>()?, random_hex::<8>()?, random_hex::<8>()?);
        let local = Credentials::random();
        route.set_ufrags(&[&local.ufrag]);
        Ok(NewConnection {
            host: self,
            member,
            route,
            local,
            candidates,
            role: match offered.peer_is_dtls_client {
                true => Role::Server,
                false => Role::Client,
            },
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            secret,
            etag,
            cname,
        })
    }

    /// Sessions that are opened from now on end at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }
}

impl NewConnection<'_> {
    pub(super) fn answer(
        &self,
        write: impl FnOnce(&Local<'_>) -> String,
    ) -> Result<String, SessionError> {
        Ok(write(&Local {
            session_id: random_number()?,
            credentials: &self.local,
            fingerprint: self.host.identity.fingerprint(),
            role: self.role,
            candidates: &self.route.port().candidates(),
            cname: &self.cname,
        }))
    }

    /// For HTTP requests; and what is dropped at the end of the session.
    pub(super) fn control(
        &self,
        offered: &OfferedConnection,
    ) -> (SessionControl, watch::Sender<()>) {
        let (ended_sender, ended) = watch::channel(());
        let control = SessionControl {
            route: Arc::clone(&self.route),
            thread: self.member.thread.clone(),
            ice: Mutex::new(IceState {
                local_ufrag: self.local.ufrag.clone(),
                etag: self.etag.clone(),
                remote_ufrag: offered.credentials.ufrag.clone(),
                trickled: 0,
            }),
            changes: RateLimit::new(Instant::now()).into(),
            transport_line: offered.transport_line(),
            ended,
        };
        (control, ended_sender)
    }

    /// `silence`: of [`TransportParams`].
    pub(super) fn start(
        &self,
        offered: OfferedConnection,
        client: ClientKind,
        user_agent: Option<&str>,
        silence: Duration,
    ) -> Result<ConnectionStart, SessionError> {
        let now = Instant::now();
        let profiles = &self.host.profiles;
        let params = TransportParams {
            local: self.local.clone(),
            remote: offered.credentials,
            dtls: DtlsParams {
                role: self.role,
                fingerprints: offered.fingerprints,
                profiles: profiles.offered_to(client, user_agent, now),
            },
            silence,
        };
        let transport = Transport::new(&self.host.identity, params, now);
        let mut transport = transport.map_err(|error| SessionError::Internal(error.to_string()))?;
        let lite = &self.host.lite;
        lite.begin(&mut transport, &self.route, &self.candidates, now);
        Ok(ConnectionStart {
            id: self.id,
            transport,
            route: Arc::clone(&self.route),
            ufrag: self.local.ufrag.clone(),
            client,
            profiles: Arc::clone(profiles),
        })
    }

    /// Hands the command that opens the session to the thread of its connection. `control`: of the session.
    pub(super) async fn open(
        &self,
        control: &SessionControl,
        command: impl FnOnce() -> Command,
    ) -> Result<(), SessionError> {
        let place = self.member.thread.reserve().await;
        let place = place.map_err(|gone| SessionError::Internal(gone.to_string()))?;
        place.send(command());
        // `Host::close` has been called before the sessions were looked for, or this one has been found.
        if self.host.closing.load(Ordering::SeqCst) {
            control.end(End::Shutdown).await;
        }
        Ok(())
    }
}

/// `N` random bytes as hexadecimal digits.
pub(super) fn random_hex<const N: usize>() -> Result<String, SessionError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(no_random)?;
    Ok(hex(bytes))
}

pub(super) fn random_number() -> Result<u64, SessionError> {
    getrandom::u64().map_err(no_random)
}

fn no_random(error: getrandom::Error) -> SessionError {
    SessionError::Internal(format!("no random numbers: {error}"))
}
