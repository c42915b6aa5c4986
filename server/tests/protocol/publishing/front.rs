//! What publishers of these tests send their offers to: the server, or a proxy of it that leads their media through a relay.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get, post};
use connection::PublisherSession;
use server::publishing::Publishing;
use stream::registry::Registry;
use testkit::site::Site;
use testkit::{TestServer, eventually};

use crate::attacks::ViewerRelay;

/// The key of every stream in these tests.
pub(crate) const KEY: &str = "2f1d6c9ab3e047d58e6a0b1c2d3e4f50";

/// Where publishers go, and what came of it.
pub(super) struct Front {
    pub(super) url: String,
    publishing: Publishing,
    registry: Registry,
}

/// The proxy: `POST /whip/{stream}`, `DELETE` of sessions, and a page for browsers at `/`.
struct Proxy {
    server: String,
    http: reqwest::Client,
    relay: ViewerRelay,
}

impl Front {
    /// The server itself.
    pub(super) fn direct(server: &TestServer) -> Self {
        Self::at(server, server.url.clone())
    }

    /// A proxy with a relay in the path of the publishers' datagrams.
    pub(super) async fn through(server: &TestServer, relay: ViewerRelay) -> Self {
        let proxy = Arc::new(Proxy {
            server: server.url.clone(),
            http: server.http.clone(),
            relay,
        });
        let page = || async { Html("<!doctype html><title>publisher</title>") };
        let router = Router::new()
            .route("/", get(page))
            .route("/whip/{stream}", post(forward))
            .route("/session/{secret}", delete(forward_delete))
            .with_state(proxy);
        let site = Site::serve(router).await;
        Self::at(server, site.url(""))
    }

    fn at(server: &TestServer, url: String) -> Self {
        Self {
            url,
            publishing: server.publishing.clone(),
            registry: server.registry.clone(),
        }
    }

    /// The session of a stream, once it sends something that viewers can watch.
    pub(super) async fn publishes(&self, stream: &str) -> Arc<PublisherSession> {
        let has_both = || async {
            let Some(stream) = self.registry.get(stream) else {
                return false;
            };
            let offering = stream.offering().await;
            offering.is_ok_and(|offering| offering.video.is_some() && offering.audio.is_some())
        };
        let limit = Duration::from_secs(60);
        eventually("picture and sound of the publisher arrive", limit, has_both).await;
        self.publishing.session(stream).expect("it has a publisher")
    }
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    Path(stream): Path<String>,
    headers: HeaderMap,
    offer: String,
) -> Response {
    let mut request = proxy
        .http
        .post(format!("{}/whip/{stream}", proxy.server))
        .body(offer);
    for name in [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::USER_AGENT,
    ] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.expect("an answer");
    let (status, location) = (
        response.status(),
        response.headers().get(header::LOCATION).cloned(),
    );
    let body = response.text().await.expect("a text");
    let Some(location) = location.filter(|_| status == StatusCode::CREATED) else {
        return (status, body).into_response();
    };
    let answer = proxy.relay.rewrite(&body);
    (status, [(header::LOCATION, location)], answer).into_response()
}

async fn forward_delete(State(proxy): State<Arc<Proxy>>, Path(secret): Path<String>) -> StatusCode {
    let url = format!("{}/session/{secret}", proxy.server);
    let response = proxy.http.delete(url).send().await.expect("an answer");
    response.status()
}
