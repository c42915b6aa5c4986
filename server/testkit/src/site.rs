//! A second web server: pages and bundles on an origin of their own.

use std::path::Path;

use axum::{Router, response::Html, routing::get};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

/// Serves until the test's runtime ends.
pub struct Site {
    origin: String,
}

impl Site {
    /// One page, at `/`.
    pub async fn page(html: String) -> Self {
        Self::serve(Router::new().route("/", get(|| async { Html(html) }))).await
    }

    /// A folder of files under `path`, which starts with a slash.
    pub async fn folder(path: &str, folder: &Path) -> Self {
        Self::serve(Router::new().nest_service(path, ServeDir::new(folder))).await
    }

    /// One page at `/`, which may load the files of a folder under `path`.
    pub async fn page_with_folder(html: &'static str, path: &str, folder: &Path) -> Self {
        let router = Router::new().route("/", get(move || async move { Html(html) }));
        Self::serve(router.nest_service(path, ServeDir::new(folder))).await
    }

    /// These routes.
    pub async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            origin: format!("http://{address}"),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}
