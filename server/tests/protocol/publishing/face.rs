//! The face of a publisher's session, as small as a test needs: `POST /whip/{stream}`, and a page for browsers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use connection::{PublisherSession, Publishers};
use media::track::Offering;
use stream::registry::Registry;
use testkit::{TestServer, eventually};
use timeline::retention::Retention;
use tokio::net::TcpListener;

use std::time::Duration;

use crate::attacks::ViewerRelay;

/// Publishes to a server in this process, until the test's runtime ends.
pub(super) struct Face {
    pub(super) url: String,
    state: Arc<Shared>,
}

struct Shared {
    publishers: Publishers,
    registry: Registry,
    /// In the path of the publishers' datagrams.
    relay: Option<ViewerRelay>,
    /// The newest of each stream.
    sessions: Mutex<HashMap<String, Arc<PublisherSession>>>,
}

impl Face {
    pub(super) async fn start(server: &TestServer, relay: Option<ViewerRelay>) -> Self {
        let state = Arc::new(Shared {
            publishers: server.viewers.publishers().clone(),
            registry: server.registry.clone(),
            relay,
            sessions: Mutex::default(),
        });
        let router = Router::new()
            .route(
                "/",
                get(|| async { Html("<!doctype html><title>publisher</title>") }),
            )
            .route("/whip/{stream}", post(open))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}"),
            state,
        }
    }

    /// The session of a stream, once it sends something that viewers can watch.
    pub(super) async fn publishes(&self, stream: &str) -> Arc<PublisherSession> {
        let has_both = || async {
            let Some(stream) = self.state.registry.get(stream) else {
                return false;
            };
            let offering = stream.offering().await;
            offering.is_ok_and(|offering| offering.video.is_some() && offering.audio.is_some())
        };
        let limit = Duration::from_secs(60);
        eventually("picture and sound of the publisher arrive", limit, has_both).await;
        let sessions = self.state.sessions.lock();
        let sessions = sessions.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&sessions[stream])
    }
}

async fn open(
    State(state): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    offer: String,
) -> Response {
    let published = state
        .registry
        .publish(&name, Offering::default(), Retention::default());
    let publication = match published {
        Ok(publication) => publication,
        Err(error) => return (StatusCode::CONFLICT, error.to_string()).into_response(),
    };
    let user_agent = headers.get(header::USER_AGENT);
    let user_agent = user_agent.and_then(|value| value.to_str().ok());
    let publishers = &state.publishers;
    let opened = publishers.open_session(&offer, None, user_agent, publication);
    let opened = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            state.registry.unpublish(&name).await;
            return (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response();
        }
    };
    let session = Arc::clone(&opened.session);
    let mut sessions = state
        .sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    sessions.insert(name.clone(), session);
    drop(sessions);
    let registry = state.registry.clone();
    tokio::spawn(async move {
        opened.session.ended().await;
        registry.unpublish(&name).await;
    });
    let answer = match &state.relay {
        Some(relay) => relay.rewrite(&opened.answer),
        None => opened.answer,
    };
    let headers = [
        (header::CONTENT_TYPE, "application/sdp".to_owned()),
        (header::LOCATION, format!("/session/{}", opened.secret)),
    ];
    (StatusCode::CREATED, headers, answer).into_response()
}
