//! What requests do. Messages come in from either transport; everything else is decided here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use turn_types::attribute::{ChannelNumber, Data, Lifetime, XorPeerAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::ErrorCode;
use turn_types::stun::message::{BINDING, Message, MessageClass};
use turn_types::stun::prelude::{Attribute, AttributeFromRaw, AttributeStaticType};

use super::allocation::{Allocation, Reaching};
use super::answer::{self, Answer};
use super::attributes::{Wanted, optional, required, unknown, wants_ipv6};
use super::auth::{Auth, REALM};
use super::bind::Ports;
use super::bindings::NotBound;
use super::client::Client;
use super::credentials::{self, Secret};
use super::frame;
use super::meter::{Meter, Throttle};
use super::policy::{Policy, Reach};
use super::quota::{Full, Limits, Quotas};
use super::relays::Relays;

/// Lifetimes of allocations, in seconds (RFC 8656 3.2 and 7.2).
const LIFETIME: u32 = 600;
const LONGEST_LIFETIME: u32 = 3600;
/// Between two warnings.
const WARNING: Duration = Duration::from_secs(60);
const SWEEP: Duration = Duration::from_secs(1);

/// What a service is made of.
#[derive(Debug)]
pub(super) struct Setup {
    /// Of this machine: the best first, loopback last.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) public_ip: Option<IpAddr>,
    pub(super) ports: Ports,
    pub(super) secret: Secret,
    pub(super) limits: Limits,
    pub(super) policy: Policy,
}

/// All that the listeners share.
#[derive(Debug)]
pub(super) struct Service {
    setup: Setup,
    started: Instant,
    auth: Auth,
    strangers: Throttle,
    /// Clients cannot fill the log.
    warnings: Meter,
    quotas: Arc<Quotas>,
    relays: Relays,
}

/// The place where a client's allocation is, if it has one.
pub(super) type Slot = Option<Arc<Allocation>>;

/// Ends allocations whose time is over, until the task is aborted.
pub(super) async fn sweep(service: Arc<Service>) {
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        sweep.tick().await;
        service.relays.sweep(service.now());
    }
}

impl Service {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            quotas: Arc::new(Quotas::new(setup.limits)),
            auth: Auth::new(setup.secret.clone()),
            setup,
            started: Instant::now(),
            strangers: Throttle::default(),
            warnings: Meter::default(),
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

    pub(super) async fn close(&self) {
        self.relays.close().await;
    }

    /// ChannelData from the client of `allocation`.
    pub(super) fn channel_data(&self, allocation: &Allocation, frame: &[u8], now: Duration) {
        if let Some((number, data)) = frame::channel_data(frame) {
            allocation.send_on_channel(number, data, &self.reaching(now));
        }
    }

    /// A STUN message from `client`, whose allocation is in `slot`.
    pub(super) fn message(&self, slot: &mut Slot, client: &Client, bytes: &[u8], now: Duration) {
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
            allocation.send_to(peer, &data.value, &self.reaching(now));
        }
    }

    fn request(&self, slot: &mut Slot, client: &Client, message: &Message<'_>, now: Duration) {
        let (answer, key) = if message.has_method(BINDING) {
            let unknown = unknown(message);
            let seen = unknown.is_empty();
            (
                if seen {
                    Answer::Seen
                } else {
                    Answer::Unknown(unknown)
                },
                None,
            )
        } else {
            let owned =
                |username: &str| slot.as_ref().is_some_and(|kept| kept.belongs_to(username));
            match self.auth.identify(message, client.remote, owned, now) {
                Ok((username, key)) => {
                    let answer = self.perform(slot, client, message, &username, now);
                    (answer, Some(key))
                }
                Err(answer) => (answer, None),
            }
        };
        // What anybody can provoke in the name of anybody.
        if key.is_none() && !self.strangers.allows(client.remote.ip(), now) {
            return;
        }
        let mut buffer = [0; answer::LONGEST];
        let key = key.as_ref();
        if let Some(length) =
            answer::write(&answer, message, client.remote, REALM, key, &mut buffer)
        {
            client.send(&buffer[..length]);
        }
    }

    fn perform(
        &self,
        slot: &mut Slot,
        client: &Client,
        message: &Message<'_>,
        username: &str,
        now: Duration,
    ) -> Answer {
        let unknown = unknown(message);
        if !unknown.is_empty() {
            return Answer::Unknown(unknown);
        }
        if slot.as_ref().is_some_and(|kept| !kept.belongs_to(username)) {
            return Answer::Refused(ErrorCode::WRONG_CREDENTIALS);
        }
        let outcome = match (message.method(), &*slot) {
            (ALLOCATE, None) => self
                .allocate(client, message, username, now)
                .map(|allocation| allocated(slot.insert(allocation), now)),
            // The answer to the first one was lost.
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
        outcome.unwrap_or_else(Answer::Refused)
    }

    fn allocate(
        &self,
        client: &Client,
        message: &Message<'_>,
        username: &str,
        now: Duration,
    ) -> Result<Arc<Allocation>, u16> {
        let wanted = Wanted::read(message)?;
        let name = credentials::name(username, SystemTime::now())
            .map_err(|_| ErrorCode::WRONG_CREDENTIALS)?;
        let seat = self.quotas.seat(name, client.remote.ip());
        let seat = seat.map_err(|full| match full {
            Full::User => {
                tracing::debug!(client = %client.remote, "TURN refused: this client has all the allocations that it may have");
                ErrorCode::ALLOCATION_QUOTA_REACHED
            }
            Full::Server => {
                self.warn(now, "there are as many allocations as --turn-max-allocations allows");
                ErrorCode::INSUFFICIENT_CAPACITY
            }
        })?;
        let ip = self.relay_ip(client.local, wanted.ipv6)?;
        let public = self
            .setup
            .public_ip
            .filter(|public| public.is_ipv6() == wanted.ipv6);
        let relayed = |port| SocketAddr::new(public.unwrap_or(ip), port);
        let in_use = |port| self.relays.is_used(relayed(port));
        let socket = self.setup.ports.open(ip, wanted.even_port, in_use);
        let bound = socket.and_then(|socket| Some((socket.local_addr().ok()?.port(), socket)));
        let Some((port, socket)) = bound else {
            self.warn(now, "no relayed port is free; widen --turn-ports");
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        };
        let allocation = Arc::new(Allocation::new(
            client.clone(),
            username,
            message.transaction_id(),
            socket,
            relayed(port),
            seat,
            now + seconds(lifetime(wanted.lifetime)),
        ));
        if !self.relays.start(&allocation, self.started) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        tracing::debug!(client = %client.remote, relayed = %allocation.relayed(), "TURN allocation");
        Ok(allocation)
    }

    /// To whoever runs the server, once in a while.
    fn warn(&self, now: Duration, why: &str) {
        if self.warnings.take(now, WARNING, WARNING) {
            tracing::warn!("TURN refused: {why}");
        }
    }

    /// The address that the client reached us at, unless that is of no use to peers.
    fn relay_ip(&self, local: IpAddr, ipv6: bool) -> Result<IpAddr, u16> {
        if local.is_ipv6() == ipv6 && !local.is_loopback() {
            return Ok(local);
        }
        let mut addresses = self.setup.addresses.iter();
        let found = addresses.find(|ip| ip.is_ipv6() == ipv6).copied();
        found.ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
    }

    fn refresh(
        &self,
        slot: &mut Slot,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Answer, u16> {
        let wanted: Option<Lifetime> = optional(message)?;
        let family = wants_ipv6(message)?;
        let allocation = slot.as_ref().ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if family.is_some_and(|ipv6| ipv6 != allocation.relayed().is_ipv6()) {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let wanted = wanted.map(|lifetime| lifetime.seconds());
        if wanted == Some(0) {
            self.relays.end(allocation);
            *slot = None;
            return Ok(Answer::Refreshed { lifetime: 0 });
        }
        let lifetime = lifetime(wanted);
        allocation.refresh(now + seconds(lifetime));
        Ok(Answer::Refreshed { lifetime })
    }

    fn permit(
        &self,
        allocation: &Allocation,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Answer, u16> {
        let mut peers = Vec::new();
        for (_, raw) in message.iter_attributes() {
            if raw.get_type() == XorPeerAddress::TYPE {
                let peer = XorPeerAddress::from_raw(raw).map_err(|_| ErrorCode::BAD_REQUEST)?;
                let peer = peer.addr(message.transaction_id());
                peers.push((peer.ip(), self.reach(allocation, peer)?));
            }
        }
        if peers.is_empty() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        for (ip, reach) in peers {
            allocation.permit(ip, reach, now).map_err(error)?;
        }
        Ok(Answer::Done)
    }

    fn bind(
        &self,
        allocation: &Allocation,
        message: &Message<'_>,
        now: Duration,
    ) -> Result<Answer, u16> {
        let number: ChannelNumber = required(message)?;
        let peer: XorPeerAddress = required(message)?;
        let peer = peer.addr(message.transaction_id());
        // RFC 8656 12 narrows the range of RFC 5766, which older clients use.
        if !(0x4000..=0x7ffe).contains(&number.channel()) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let reach = self.reach(allocation, peer)?;
        let bound = allocation.bind(number.channel(), peer, reach, now);
        bound.map_err(error)?;
        Ok(Answer::Done)
    }

    fn reach(&self, allocation: &Allocation, peer: SocketAddr) -> Result<Reach, u16> {
        if peer.is_ipv6() != allocation.relayed().is_ipv6() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let reach = self.setup.policy.reach(peer.ip());
        if reach.is_none() {
            tracing::debug!(%peer, "TURN refused: not a public address; --turn-allow-private allows it");
        }
        reach.ok_or(ErrorCode::FORBIDDEN)
    }

    fn reaching(&self, now: Duration) -> Reaching<'_> {
        Reaching {
            policy: &self.setup.policy,
            relays: &self.relays,
            now,
        }
    }
}

fn allocated(allocation: &Allocation, now: Duration) -> Answer {
    let remaining = allocation.remaining(now).as_secs();
    Answer::Allocated {
        relayed: allocation.relayed(),
        lifetime: u32::try_from(remaining).unwrap_or(u32::MAX),
    }
}

fn error(not_bound: NotBound) -> u16 {
    match not_bound {
        NotBound::Conflict => ErrorCode::BAD_REQUEST,
        NotBound::Full => ErrorCode::INSUFFICIENT_CAPACITY,
    }
}

fn lifetime(wanted: Option<u32>) -> u32 {
    wanted.unwrap_or(LIFETIME).clamp(LIFETIME, LONGEST_LIFETIME)
}

fn seconds(lifetime: u32) -> Duration {
    Duration::from_secs(lifetime.into())
}
