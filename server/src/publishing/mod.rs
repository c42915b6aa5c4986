//! Publishers: the streams that may be published, and who publishes to which.

mod keys;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use access::stream_name::BadStreamName;
use access::{Denial, Grant, StreamName};
use connection::{NewSession, PublisherSession, Publishers, SessionError};
use limits::CountedAddress;
use media::track::Offering;
use stream::registry::Registry;
use timeline::retention::Retention;
use tokio::sync::watch;

pub use self::keys::{KeyError, Keys};

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
    max_publishers: u32,
    /// By stream. `None`: the session is being opened.
    sessions: Mutex<HashMap<String, Option<Published>>>,
}

/// Who publishes to a stream.
#[derive(Clone, Debug)]
struct Published {
    grant: Grant,
    session: Arc<PublisherSession>,
    /// Closed when the next publisher may come.
    freed: watch::Receiver<()>,
}

/// Why nobody publishes. The text is a sentence for users of the API.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{0}. Choose another name.")]
    BadName(BadStreamName),
    #[error(
        "There is a file called \"{0}\" here, which is played under this name. Publish under another name."
    )]
    NameOfFile(StreamName),
    #[error(
        "Nobody may publish to \"{0}\": no such stream is declared. Type `server key new {0}` on the machine of the server, which makes a key and declares it."
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
    pub fn new(
        keys: Keys,
        publishers: Publishers,
        registry: Registry,
        max_publishers: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            keys,
            publishers,
            registry,
            max_publishers,
            sessions: Mutex::default(),
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
        let sessions = self.0.lock();
        let published = sessions.get(stream)?.as_ref()?;
        Some(Arc::clone(&published.session))
    }

    /// What the holder of this key may publish to. `name`: of the stream; without it, the key names it. What is said before a key is looked at, everybody
    /// can see in the list of streams.
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

    /// Answers the offer of who has been granted to publish.
    pub(crate) async fn open_session(
        &self,
        grant: Grant,
        offer: String,
        address: Option<CountedAddress>,
        user_agent: Option<String>,
    ) -> Result<NewSession<PublisherSession>, PublishError> {
        let this = Arc::clone(&self.0);
        // On a task of its own: a client that closes its request meanwhile leaves nothing half open.
        let opening = tokio::spawn(async move {
            let agent = user_agent.as_deref();
            this.open_session(grant, &offer, address, agent).await
        });
        opening
            .await
            .map_err(|error| SessionError::Internal(error.to_string()))?
    }

    /// Ends a session, and returns when the next publisher may come.
    pub(crate) async fn delete(&self, session: &Arc<PublisherSession>) {
        let published = self.0.published();
        session.delete().await;
        let of_session = |other: &Published| Arc::ptr_eq(&other.session, session);
        if let Some(mut published) = published.into_iter().find(of_session) {
            while published.freed.changed().await.is_ok() {}
        }
    }

    /// Follows the keys until the future is dropped: the sessions of a key that is revoked or expires end.
    pub async fn follow_keys(&self) {
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            let this = Arc::clone(&self.0);
            if tokio::task::spawn_blocking(move || this.keys.reload())
                .await
                .is_err()
            {
                return;
            }
            for Published { grant, session, .. } in self.0.published() {
                if !self.0.keys.permits(&grant) {
                    tracing::info!(stream = grant.stream, "its key is not valid any more");
                    tokio::spawn(async move { session.delete().await });
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
        grant: Grant,
        offer: &str,
        address: Option<CountedAddress>,
        user_agent: Option<&str>,
    ) -> Result<NewSession<PublisherSession>, PublishError> {
        let place = self.reserve(&grant.stream)?;
        let name = &grant.stream;
        let published = self
            .registry
            .publish(name, Offering::default(), Retention::default());
        let Ok(publication) = published else {
            let name = name.parse().map_err(PublishError::BadName)?;
            return Err(PublishError::NameOfFile(name));
        };
        let opened = self
            .publishers
            .open_session(offer, address, user_agent, publication)
            .await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.registry.unpublish(name).await;
                return Err(error.into());
            }
        };
        let session = Arc::clone(&opened.session);
        place.fill(Published {
            grant: grant.clone(),
            session: Arc::clone(&session),
            freed: place.freed.subscribe(),
        });
        let this = Arc::clone(self);
        tokio::spawn(async move {
            session.ended().await;
            this.registry.unpublish(&grant.stream).await;
            drop(place);
        });
        Ok(opened)
    }

    /// The place of a stream's publisher, until it is dropped.
    fn reserve(self: &Arc<Self>, stream: &str) -> Result<Place, PublishError> {
        let mut sessions = self.lock();
        if sessions.contains_key(stream) {
            return Err(PublishError::AlreadyLive);
        }
        if sessions.len() >= self.max_publishers as usize {
            return Err(PublishError::Full);
        }
        sessions.insert(stream.to_owned(), None);
        Ok(Place {
            inner: Arc::downgrade(self),
            stream: stream.to_owned(),
            freed: watch::channel(()).0,
        })
    }

    fn published(&self) -> Vec<Published> {
        self.lock().values().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<Published>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a stream's publisher. Dropping it frees the place.
#[derive(Debug)]
struct Place {
    inner: Weak<Inner>,
    stream: String,
    freed: watch::Sender<()>,
}

impl Place {
    fn fill(&self, published: Published) {
        if let Some(inner) = self.inner.upgrade() {
            inner.lock().insert(self.stream.clone(), Some(published));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.lock().remove(&self.stream);
        }
    }
}
