//! Processing of requests and indications, independent of the transport of the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use turn_types::attribute::{ChannelNumber, Data, Lifetime, XorPeerAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::ErrorCode;
use turn_types::stun::message::{BINDING, Message, MessageClass};
use turn_types::stun::prelude::{Attribute, AttributeFromRaw, AttributeStaticType};

use super::allocation::{Allocation, RelayContext};
use super::attributes::{AllocateRequest, optional, requested_ipv6, required, unknown_attributes};
use super::auth::{Auth, REALM};
use super::bind::PortRange;
use super::bindings::BindingError;
use super::client::Client;
use super::credentials::{self, Secret, longest_lifetime};
use super::policy::{PeerLocation, PeerPolicy};
use super::quota::{Limits, QuotaExceeded, Quotas};
use super::rate_limiter::RateLimiter;
use super::relays::Relays;
use super::response::{self, Response};
use super::response_limiter::ResponseLimiter;
use super::{frame, lifetime};

/// Interval between warnings, so that clients cannot fill the log.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The parts of a service.
#[derive(Debug)]
pub(super) struct ServiceConfig {
    /// Addresses to relay from: the preferred one first, loopback last.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) public_ip: Option<IpAddr>,
    pub(super) ports: PortRange,
    pub(super) secret: Secret,
    pub(super) limits: Limits,
    pub(super) policy: PeerPolicy,
}

/// The state that all listeners share.
#[derive(Debug)]
pub(super) struct Service {
    config: ServiceConfig,
    started: Instant,
    auth: Auth,
    unauthenticated: ResponseLimiter,
    warnings: RateLimiter,
    quotas: Arc<Quotas>,
    relays: Relays,
}

/// The allocation of a client, if any.
pub(super) type AllocationSlot = Option<Arc<Allocation>>;

/// Ends expired allocations, until the task is aborted.
pub(super) async fn sweep(service: Arc<Service>) {
    let mut sweep = interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        sweep.tick().await;
        service.sweep(service.now());
    }
}

impl Service {
    pub(super) fn new(config: ServiceConfig) -> Self {
        Self {
            quotas: Arc::new(Quotas::new(config.limits)),
            auth: Auth::new(config.secret.clone()),
            config,
            started: Instant::now(),
            unauthenticated: ResponseLimiter::default(),
            warnings: RateLimiter::default(),
            relays: Relays::default(),
        }
    }

    /// Since the server started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn allocations(&self) -> usize {
        self.relays.len()
    }

    pub(super) fn end(&self, allocation: &Allocation) {
        self.relays.end(allocation);
    }

    /// Ends allocations that have expired.
    pub(super) fn sweep(&self, now: Duration) {
        self.relays.sweep(now);
        self.quotas.sweep(now);
    }

    pub(super) async fn close(&self) {
        self.relays.close().await;
    }

    /// ChannelData from the client of `allocation`.
    pub(super) fn channel_data(&self, allocation: &Allocation, frame: &[u8], now: Duration) {
        if let Some((number, data)) = frame::channel_data(frame) {
            allocation.send_on_channel(number, data, &self.context(now));
        }
    }

    /// A STUN message from `client`, whose allocation is in `slot`. Requests are answered; invalid messages are ignored.
    pub(super) fn message(
        &self,
        slot: &mut AllocationSlot,
        client: &Client,
        bytes: &[u8],
        now: Duration,
    ) {
        slot.take_if(|allocation| allocation.has_ended());
        let Ok(message) = Message::from_bytes(bytes) else {
            return;
        };
        match message.class() {
            MessageClass::Request => self.request(slot, client, &message, now),
            MessageClass::Indication if message.has_method(SEND) => {
                if let Some(allocation) = slot {
                    self.send(allocation, &message, now);
                }
            }
            _ => {}
        }
    }

    fn send(&self, allocation: &Allocation, message: &Message<'_>, now: Duration) {
        let peer = message.attribute::<XorPeerAddress>();
        let data = message.raw_attribute(Data::TYPE);
        if let (Ok(peer), Some(data)) = (peer, data) {
            let peer = peer.addr(message.transaction_id());
            allocation.send_to(peer, &data.value, &self.context(now));
        }
    }

    fn request(
        &self,
        slot: &mut AllocationSlot,
        client: &Client,
        message: &Message<'_>,
        now: Duration,
    ) {
        let mut has_nonce = false;
        let (response, key) = if message.has_method(BINDING) {
            let unknown = unknown_attributes(message);
            let response = match unknown.is_empty() {
                true => Response::Binding,
                false => Response::UnknownAttributes(unknown),
            };
            (response, None)
        } else {
            let is_owner = |username: &str| {
                slot.as_ref()
                    .is_some_and(|allocation| allocation.belongs_to(username))
            };
            let remote = client.remote;
            match self.auth.authenticate(message, remote, is_owner, now) {
                Ok((username, key)) => {
                    let response = self.perform(slot, client, message, &username, now);
                    (response, Some(key))
                }
                Err(refused) => {
                    has_nonce = refused.has_nonce;
                    (refused.response, None)
                }
            }
        };
        if key.is_none() && !self.unauthenticated.allows(client, has_nonce, now) {
            return;
        }
        let mut buffer = [0; response::MAX_LEN];
        let key = key.as_ref();
        let written = response::write(&response, message, client.remote, REALM, key, &mut buffer);
        if let Some(length) = written {
            client.send(&buffer[..length]);
        }
    }

    fn perform(
        &self,
        slot: &mut AllocationSlot,
        client: &Client,
        message: &Message<'_>,
        username: &str,
        now: Duration,
    ) -> Response {
        let unknown = unknown_attributes(message);
        if !unknown.is_empty() {
            return Response::UnknownAttributes(unknown);
        }
        if slot
            .as_ref()
            .is_some_and(|allocation| !allocation.belongs_to(username))
        {
            return Response::Error(ErrorCode::WRONG_CREDENTIALS);
        }
        let outcome = match (message.method(), &*slot) {
            (ALLOCATE, None) => self
                .allocate(client, message, username, now)
                .map(|allocation| allocated(slot.insert(allocation), now)),
            // A retransmission: the first response was lost.
            (ALLOCATE, Some(made)) if made.was_made_by(message.transaction_id()) => {
                Ok(allocated(made, now))
            }
            (ALLOCATE, Some(_)) => Err(ErrorCode::ALLOCATION_MISMATCH),
            (REFRESH, Some(_)) => self.refresh(slot, message, now),
            (CREATE_PERMISSION, Some(allocation)) => self.permit(allocation, message, now),
            (CHANNEL_BIND, Some(allocation)) => self.bind(allocation, message, now),
            (REFRESH | CREATE_PERMISSION | CHANNEL_BIND, None) => {
                Err(ErrorCode::ALLOCATION_MISMATCH)
            }
            _ => Err(ErrorCode::BAD_REQUEST),
        };
        outcome.unwrap_or_else(Response::Error)
    }

    fn allocate(
        &self,
        client: &Client,
        message: &Message<'_>,
        username: &str,
        now: Duration,
    ) -> Result<Arc<Allocation>, u16> {
        let request = AllocateRequest::read(message)?;
        let name = credentials::name(username, SystemTime::now())
            .map_err(|_| ErrorCode::WRONG_CREDENTIALS)?;
        let permit = self.quotas.acquire(name, client.remote.ip());
        let permit = permit.map_err(|exceeded| match exceeded {
            QuotaExceeded::User => {
                tracing::debug!(client = %client.remote, "TURN refused: the allocation quota of this client is reached");
                ErrorCode::ALLOCATION_QUOTA_REACHED
            }
            QuotaExceeded::Server => {
                self.warn(now, "the limit of allocations (--turn-max-allocations) is reached");
                ErrorCode::INSUFFICIENT_CAPACITY
            }
        })?;
        let ip = self.relay_ip(client.local, request.ipv6)?;
        let public = self
            .config
            .public_ip
            .filter(|public| public.is_ipv6() == request.ipv6);
        let relayed = |port| SocketAddr::new(public.unwrap_or(ip), port);
        let in_use = |port| self.relays.is_used(relayed(port));
        let socket = self.config.ports.open(ip, request.even_port, in_use);
        let bound = socket.and_then(|socket| Some((socket.local_addr().ok()?.port(), socket)));
        let Some((port, socket)) = bound else {
            self.warn(
                now,
                "no relayed port is free; widen the range (--turn-ports)",
            );
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        };
        let allocation = Arc::new(Allocation::new(
            client.clone(),
            username,
            message.transaction_id(),
            socket,
            relayed(port),
            permit,
            (
                now + lifetime::granted(request.lifetime),
                now.saturating_add(longest_lifetime(username, SystemTime::now())),
            ),
        ));
        if !self.relays.start(&allocation, self.started) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        tracing::debug!(client = %client.remote, relayed = %allocation.relayed(), "TURN allocation");
        Ok(allocation)
    }

    /// Warns the operator, at most once per [`WARNING_INTERVAL`].
    fn warn(&self, now: Duration, why: &str) {
        if self.warnings.take(now, WARNING_INTERVAL, WARNING_INTERVAL) {
            tracing::warn!("TURN refused: {why}");
        }
    }

    /// The address to relay from: the one that the client sent to, unless its family differs or it is loopback.
    fn relay_ip(&self, local: IpAddr, ipv6: bool) -> Result<IpAddr, u16> {
        if local.is_ipv6() == ipv6 && !local.is_loopback() {
            return Ok(local);
        }
        let mut addresses = self.config.addresses.iter();
        let found = addresses.find(|ip| ip.is_ipv6() == ipv6).copied();
        found.ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
    }

    fn refresh(
        &self,
        slot: &mut AllocationSlot,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Response, u16> {
        let requested: Option<Lifetime> = optional(message)?;
        let family = requested_ipv6(message)?;
        let allocation = slot.as_ref().ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if family.is_some_and(|ipv6| ipv6 != allocation.relayed().is_ipv6()) {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let requested = requested.map(|lifetime| lifetime.seconds());
        if requested == Some(0) {
            self.relays.end(allocation);
            *slot = None;
            return Ok(Response::Refreshed { lifetime: 0 });
        }
        allocation.refresh(now + lifetime::granted(requested));
        Ok(Response::Refreshed {
            lifetime: remaining(allocation, now),
        })
    }

    fn permit(
        &self,
        allocation: &Allocation,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Response, u16> {
        let mut peers = Vec::new();
        for (_, raw) in message.iter_attributes() {
            if raw.get_type() == XorPeerAddress::TYPE {
                let peer = XorPeerAddress::from_raw(raw).map_err(|_| ErrorCode::BAD_REQUEST)?;
                let peer = peer.addr(message.transaction_id());
                peers.push((peer.ip(), self.locate(allocation, peer)?));
            }
        }
        if peers.is_empty() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        for (ip, reach) in peers {
            allocation
                .permit(ip, reach, now)
                .map_err(BindingError::code)?;
        }
        Ok(Response::Success)
    }

    fn bind(
        &self,
        allocation: &Allocation,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Response, u16> {
        let number: ChannelNumber = required(message)?;
        let peer: XorPeerAddress = required(message)?;
        let peer = peer.addr(message.transaction_id());
        // RFC 8656 12 narrows the range of RFC 5766, which older clients use.
        if !(0x4000..=0x7ffe).contains(&number.channel()) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let reach = self.locate(allocation, peer)?;
        if !self.config.policy.is_open(peer) {
            return Err(ErrorCode::FORBIDDEN);
        }
        let bound = allocation.bind(number.channel(), peer, reach, now);
        bound.map_err(BindingError::code)?;
        Ok(Response::Success)
    }

    fn locate(&self, allocation: &Allocation, peer: SocketAddr) -> Result<PeerLocation, u16> {
        if peer.is_ipv6() != allocation.relayed().is_ipv6() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let reach = self.config.policy.locate(peer.ip());
        if reach.is_none() {
            tracing::debug!(%peer, "TURN refused: not a public address; --turn-allow-private allows it");
        }
        reach.ok_or(ErrorCode::FORBIDDEN)
    }

    fn context(&self, now: Duration) -> RelayContext<'_> {
        RelayContext {
            policy: &self.config.policy,
            relays: &self.relays,
            now,
        }
    }
}

fn allocated(allocation: &Allocation, now: Duration) -> Response {
    Response::Allocated {
        relayed: allocation.relayed(),
        lifetime: remaining(allocation, now),
    }
}

fn remaining(allocation: &Allocation, now: Duration) -> u32 {
    u32::try_from(allocation.remaining(now).as_secs()).unwrap_or(u32::MAX)
}
