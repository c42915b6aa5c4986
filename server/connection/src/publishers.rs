//! The publishers of all streams, on the ports and threads of the viewers: answers their offers, finds their sessions.

use std::sync::Arc;
use std::time::Instant;

use limits::CountedAddress;
use stream::publication::Publication;

use super::client_name::client_name;
use super::connections::Command;
use super::encoder_health::EncoderHealth;
use super::error::SessionError;
use super::host::{Host, random_number};
use super::profiles::ClientKind;
use super::published_media::PublishedMedia;
use super::publisher::{IntakeParams, PublisherStart, SILENCE};
use super::publisher_answer;
use super::publisher_counters::PublisherCounters;
use super::publisher_negotiation::PublisherNegotiation;
use super::publisher_session::PublisherSession;
use super::sessions::Sessions;
use super::viewers::NewSession;

/// All publishers. Clones share them.
#[derive(Clone, Debug)]
pub struct Publishers {
    host: Arc<Host>,
    sessions: Sessions<PublisherSession>,
}

/// An offer that can be answered.
#[derive(Debug)]
pub struct PublisherOffer(PublisherNegotiation);

impl PublisherOffer {
    /// # Errors
    /// The offer cannot be used.
    pub fn parse(offer: &str) -> Result<Self, SessionError> {
        Ok(Self(PublisherNegotiation::new(offer)?))
    }
}

impl Publishers {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            sessions: Sessions::default(),
        }
    }

    /// Answers an offer that sends. What is received is appended to `publication`, whose offering becomes what comes. The session ends when the publisher
    /// does not connect in time, is silent, or leaves, and when the stream is unpublished; that it has ended does not end the stream.
    ///
    /// `address` and `user_agent`: of the request.
    ///
    /// # Errors
    /// The server is overloaded, or cannot set up a connection.
    pub async fn open_session(
        &self,
        offer: PublisherOffer,
        address: Option<CountedAddress>,
        user_agent: Option<&str>,
        publication: Publication,
    ) -> Result<NewSession<PublisherSession>, SessionError> {
        let PublisherOffer(negotiation) = offer;
        let place = self.host.pool.open_route();
        let place = place.ok_or(SessionError::Overloaded)?;
        let offered = &negotiation.connection;
        let connection = self.host.new_connection(offered, address, place)?;
        connection.route.receive_media();
        let answer = connection.answer(|local| publisher_answer::write(&negotiation, local))?;
        let (control, ended) = connection.control(&negotiation.connection);
        let counters = PublisherCounters::default();
        let session = Arc::new(PublisherSession {
            control,
            counters: counters.clone(),
            client: user_agent.and_then(client_name),
        });
        let stream = publication.stream.name().to_owned();
        let params = negotiation.params(random_number()? as u32, &connection.cname);
        let health = EncoderHealth::new(&params.lines, Instant::now());
        let intake = IntakeParams {
            media: PublishedMedia::new(publication, health, &params.lines),
            params,
            counters,
        };
        let client = ClientKind::new(address, user_agent);
        let start = connection.start(negotiation.connection, client, user_agent, SILENCE)?;
        let open = || {
            Command::Publish(Box::new(PublisherStart {
                connection: start,
                stream,
                intake,
                registration: self
                    .sessions
                    .add(&connection.secret, Arc::clone(&session), ended),
            }))
        };
        connection.open(&session.control, open).await?;
        Ok(NewSession {
            answer,
            secret: connection.secret,
            etag: connection.etag,
            session,
        })
    }

    pub fn session(&self, secret: &str) -> Option<Arc<PublisherSession>> {
        self.sessions.get(secret)
    }

    /// Number of sessions that have not ended, connected or not.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn all(&self) -> &Sessions<PublisherSession> {
        &self.sessions
    }
}
