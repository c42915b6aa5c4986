//! A proxy before the server, which passes requests on under the name that it has for the server, as many do.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use testkit::TestServer;
use testkit::site::Site;
use tokio::sync::Semaphore;

pub(crate) struct Front {
    site: Site,
    proxy: Arc<Proxy>,
}

struct Proxy {
    server: String,
    http: reqwest::Client,
    /// Paths of requests that were answered.
    answered: Mutex<Vec<String>>,
    /// Requests whose path ends so are passed on by [`Front::release`].
    held: Option<&'static str>,
    gate: Semaphore,
}

impl Front {
    /// With a page without content at `/empty`.
    pub(crate) async fn new(server: &TestServer, held: Option<&'static str>) -> Self {
        let proxy = Arc::new(Proxy {
            server: server.url.clone(),
            http: reqwest::Client::new(),
            answered: Mutex::default(),
            held,
            gate: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/empty", get(|| async { Html("<title>empty</title>") }))
            .fallback(forward)
            .with_state(Arc::clone(&proxy));
        let site = Site::serve(router).await;
        Self { site, proxy }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.site.url(path)
    }

    /// How many requests for this path were answered.
    pub(crate) fn answered(&self, path: &str) -> usize {
        let answered = self.proxy.answered.lock().expect("not poisoned");
        answered.iter().filter(|answered| *answered == path).count()
    }

    pub(crate) fn release(&self) {
        self.proxy.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    if proxy.held.is_some_and(|end| uri.path().ends_with(end)) {
        drop(proxy.gate.acquire().await);
    }
    headers.remove(header::HOST);
    let request = proxy.http.request(method, format!("{}{uri}", proxy.server));
    let answer = request.headers(headers).body(body).send().await;
    let answer = answer.expect("the server answers");
    let path = uri.path().to_owned();
    proxy.answered.lock().expect("not poisoned").push(path);
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    let body = answer.bytes().await.expect("a whole answer");
    (status, headers, body).into_response()
}
