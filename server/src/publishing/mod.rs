//! Publishers: the streams that may be published, and their publishers.
//!
//! A stream outlives its publisher for a while: its viewers stay, and go on with the publisher that comes next.

mod keys;
mod publisher_slot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::stream_name::BadStreamName;
use access::{Denial, Grant, StreamName};
use connection::{NewSession, PublisherOffer, PublisherSession, Publishers, SessionError};
use limits::CountedAddress;
use media::track::Offering;
use stream::Stream;
use stream::publication::Publication;
use stream::registry::Registry;
use timeline::retention::Retention;

pub use self::keys::{KeyError, Keys};
use self::publisher_slot::{Absence, Published, PublisherSlot, PublisherSlots, Unavailable};

/// The keys of the state folder are read again after this time.
const RELOAD_INTERVAL: Duration = Duration::from_millis(400);

/// Clones share all.
#[derive(Clone, Debug)]
pub struct Publishing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    publishers: Publishers,
    registry: Registry,
    limits: Limits,
    slots: PublisherSlots,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At a time.
    pub publishers: u32,
    /// How long viewers stay when a publisher has lost its connection.
    pub grace: Duration,
}

/// A publisher of which nothing has come for this long is replaced by another one with its key.
const SILENCE: Duration = Duration::from_secs(2);

/// In place of a secret in `after`: whichever session has the same key.
const ANY_SESSION: &str = "*";

/// Why a request to publish is refused. The text is a sentence for users of the API.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{0}. Choose another name.")]
    BadName(BadStreamName),
    #[error(
        "There is a file called \"{0}\" here, which is played under this name. Publish under another name."
    )]
    NameOfFile(StreamName),
    #[error(
        "No stream \"{0}\" is declared here. Type `server key new {quoted}` on the machine of the server, which makes a key and declares it.", quoted = .0.shell_quoted()
    )]
    NotDeclared(StreamName),
    #[error(
        "To publish here takes a key: send it as Authorization: Bearer KEY. In OBS it is the Bearer Token; `server key new NAME` makes one."
    )]
    KeyRequired,
    #[error(
        "This key is not known here, or has been revoked or has expired. Check that it is complete, or make another one with `server key new NAME`."
    )]
    UnknownKey,
    #[error("This is the key of another stream. Publish to that one, or use the key of this one.")]
    OtherStream,
    #[error(
        "Too many wrong keys came from this address. Check the key, and try again in {} s.",
        .0.as_secs() + 1
    )]
    TooManyFailures(Duration),
    #[error("Another publisher is sending to this stream. Stop it, or try again in a moment.")]
    AlreadyLive,
    #[error(
        "The server has as many publishers as its owner permits (--max-publishers). Try again later."
    )]
    Full,
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Publishing {
    pub fn new(keys: Keys, publishers: Publishers, registry: Registry, limits: Limits) -> Self {
        registry.declare(keys.streams());
        Self(Arc::new(Inner {
            keys,
            publishers,
            registry,
            limits,
            slots: PublisherSlots::default(),
        }))
    }

    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn publishers(&self) -> &Publishers {
        &self.0.publishers
    }

    /// Of the publisher of a stream.
    pub fn session(&self, stream: &str) -> Option<Arc<PublisherSession>> {
        Some(self.0.slots.get(stream)?.session)
    }

    /// What the holder of this key may publish to. `name`: of the stream; without it, the key names it. The name is checked before the
    /// key: whether a stream is declared is no secret, and a mistyped name is easier to find.
    pub(crate) fn authorize(
        &self,
        address: Option<CountedAddress>,
        key: Option<&str>,
        name: Option<&str>,
    ) -> Result<Grant, PublishError> {
        let name = name.map(str::parse::<StreamName>).transpose();
        let name = name.map_err(PublishError::BadName)?;
        if let Some(name) = &name {
            self.0.check_name(name)?;
        }
        let grant = self.0.keys.authorize(address, key, name.as_ref());
        grant.map_err(|error| match error {
            KeyError::Denied(Denial::NoKey) => PublishError::KeyRequired,
            KeyError::Denied(Denial::UnknownKey | Denial::Expired) => PublishError::UnknownKey,
            KeyError::Denied(Denial::OtherStream) => PublishError::OtherStream,
            KeyError::TooManyFailures(wait) => PublishError::TooManyFailures(wait),
        })
    }

    /// Answers the offer of a client that has been granted to publish. `after`: the secret of a session with the same key, which this one replaces, or
    /// [`ANY_SESSION`].
    pub(crate) async fn open_session(
        &self,
        grant: Grant,
        offer: String,
        address: Option<CountedAddress>,
        user_agent: Option<String>,
        after: Option<String>,
    ) -> Result<NewSession<PublisherSession>, PublishError> {
        let this = Arc::clone(&self.0);
        // On a task of its own: a client that closes its request meanwhile leaves nothing half open.
        let opening = tokio::spawn(async move {
            // First: an offer that cannot be used must not end the session before.
            let offer = PublisherOffer::parse(&offer)?;
            let slot = this.reserve(&grant, after.as_deref()).await?;
            let agent = user_agent.as_deref();
            this.open_session(slot, grant, offer, address, agent).await
        });
        opening
            .await
            .map_err(|error| SessionError::Internal(error.to_string()))?
    }

    /// Ends the session with this secret, and its stream. Returns when the next publisher may come. The stream ends too when the session has ended before:
    /// encoders close their connection, and send DELETE then.
    pub async fn delete(&self, secret: &str) {
        let mut published = self.0.slots.all().into_iter();
        if let Some(published) = published.find(|published| published.secret == secret) {
            return self.0.end(published).await;
        }
        let mut absences = self.0.slots.absences().into_iter();
        if let Some(absence) = absences.find(|absence| absence.secret == secret) {
            self.0.end_absent(&absence).await;
        }
    }

    /// Follows the keys until the future is dropped: the sessions of a key that is revoked or expires end.
    pub async fn follow_keys(&self) {
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            let this = Arc::clone(&self.0);
            match tokio::task::spawn_blocking(move || this.keys.reload()).await {
                Err(error) if error.is_cancelled() => return,
                Err(error) => tracing::error!(%error, "the keys could not be read again"),
                Ok(()) => self.0.registry.declare(self.0.keys.streams()),
            }
            for published in self.0.slots.all() {
                published.silence(Instant::now());
                if !self.0.keys.permits(&published.grant) {
                    let stream = &published.grant.stream;
                    tracing::info!(stream, "the key of its publisher is not valid any more");
                    let this = Arc::clone(&self.0);
                    tokio::spawn(async move { this.end(published).await });
                }
            }
            for absence in self.0.slots.absences() {
                if !self.0.keys.permits(&absence.grant) {
                    self.0.end_absent(&absence).await;
                }
            }
        }
    }
}

impl Inner {
    fn check_name(&self, name: &StreamName) -> Result<(), PublishError> {
        let stream = self.registry.get(name.as_str());
        if stream.is_some_and(|stream| stream.input().is_some()) {
            return Err(PublishError::NameOfFile(name.clone()));
        }
        match self.keys.is_declared(name) {
            true => Ok(()),
            false => Err(PublishError::NotDeclared(name.clone())),
        }
    }

    async fn open_session(
        self: &Arc<Self>,
        slot: PublisherSlot,
        grant: Grant,
        offer: PublisherOffer,
        address: Option<CountedAddress>,
        user_agent: Option<&str>,
    ) -> Result<NewSession<PublisherSession>, PublishError> {
        let name = &grant.stream;
        let publication = self.publication(name)?;
        let stream = Arc::clone(&publication.stream);
        let opened = self
            .publishers
            .open_session(offer, address, user_agent, publication)
            .await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if !stream.has_been_live() {
                    self.registry.unpublish(name).await;
                }
                return Err(error.into());
            }
        };
        let session = Arc::clone(&opened.session);
        slot.fill(grant.clone(), Arc::clone(&session), opened.secret.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            session.ended().await;
            this.wait_for_return(slot, &grant.stream, &stream).await;
        });
        Ok(opened)
    }

    /// The end of a stream for its next publisher.
    fn publication(&self, name: &str) -> Result<Publication, PublishError> {
        let again = self
            .registry
            .get(name)
            .and_then(|stream| stream.republish());
        if let Some(again) = again {
            return Ok(again);
        }
        let (offering, retention) = (Offering::default(), Retention::default());
        let published = self.registry.publish(name, offering, retention);
        published.or_else(|_| {
            let name = name.parse().map_err(PublishError::BadName)?;
            Err(PublishError::NameOfFile(name))
        })
    }

    /// The publisher has lost its connection: the stream ends when no publisher comes in time.
    async fn wait_for_return(&self, slot: PublisherSlot, name: &str, stream: &Stream) {
        if !stream.has_been_live() {
            self.registry.unpublish(name).await;
            return;
        }
        let absence = self.slots.begin_absence(name);
        drop(slot);
        let Some(absence) = absence else { return };
        tokio::time::sleep(self.limits.grace).await;
        // A publisher that is connecting may fail.
        while !self.end_absent(&absence).await {
            tokio::time::sleep(RELOAD_INTERVAL).await;
        }
    }

    /// Ends a stream whose publisher is absent, unless another one has come. False: another one is connecting.
    async fn end_absent(&self, absence: &Absence) -> bool {
        let name = &absence.grant.stream;
        match self.slots.reserve(name, u32::MAX) {
            Err(Unavailable::Opening) => return false,
            Ok(_slot) if self.slots.end_absence(absence) => {
                self.registry.unpublish(name).await;
            }
            // The next publisher ends the stream in its turn.
            _ => {}
        }
        true
    }

    /// Ends a session, and its stream, unless another publisher is faster.
    async fn end(&self, published: Published) {
        let name = published.grant.stream.clone();
        published.end().await;
        if let Ok(_slot) = self.slots.reserve(&name, u32::MAX) {
            self.slots.forget_absence(&name);
            self.registry.unpublish(&name).await;
        }
    }

    /// The slot of a stream's publisher. A publisher that has it is disconnected when the key is the same and it is silent, or `after` names it.
    async fn reserve(
        &self,
        grant: &Grant,
        after: Option<&str>,
    ) -> Result<PublisherSlot, PublishError> {
        let reserve = || self.slots.reserve(&grant.stream, self.limits.publishers);
        let published = match reserve() {
            Ok(slot) => return Ok(slot),
            Err(Unavailable::Full) => return Err(PublishError::Full),
            Err(Unavailable::Opening) => return Err(PublishError::AlreadyLive),
            Err(Unavailable::Taken(published)) => published,
        };
        let is_named = after.is_some_and(|after| after == published.secret || after == ANY_SESSION);
        let is_silent = published.silence(Instant::now()) >= SILENCE;
        if published.grant.key != grant.key || !(is_named || is_silent) {
            return Err(PublishError::AlreadyLive);
        }
        tracing::info!(
            stream = grant.stream,
            is_named,
            "another publisher takes over"
        );
        published.end().await;
        // Of two that come at once, one gets it.
        reserve().map_err(|_| PublishError::AlreadyLive)
    }
}
