//! The list of streams as `GET /api/streams` sends it: made anew for at most a small part of the time, written once a change, compressed once.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderValue;
use shared::api::StreamList;
use stream::registry::Registry;
use tokio::sync::OnceCell;

use super::compression;

/// A list serves for this many times the time that it took to make.
const REUSE: u32 = 50;
/// At most for this long.
const MAX_AGE: Duration = Duration::from_millis(500);

/// The list of now, for all who ask for it.
#[derive(Debug)]
pub(crate) struct Listing {
    registry: Registry,
    newest: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    at: Instant,
    valid: Duration,
    list: StreamList,
    text: Arc<ListText>,
}

/// A list as JSON.
#[derive(Debug)]
pub(super) struct ListText {
    pub(super) plain: Bytes,
    gzipped: OnceCell<Option<Bytes>>,
    hash: u64,
}

impl Listing {
    pub(crate) fn new(registry: Registry) -> Self {
        Self {
            registry,
            newest: Mutex::default(),
        }
    }

    pub(super) fn current(&self) -> Arc<ListText> {
        // Others wait meanwhile, and then have it.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let valid = newest.as_ref().filter(|made| began - made.at < made.valid);
        if let Some(made) = valid {
            return Arc::clone(&made.text);
        }
        let list = self.registry.list();
        let same = newest.take().filter(|made| made.list == list);
        let text = same.map_or_else(|| Arc::new(ListText::new(&list)), |made| made.text);
        let at = Instant::now();
        *newest = Some(Made {
            at,
            valid: MAX_AGE.min((at - began) * REUSE),
            list,
            text: Arc::clone(&text),
        });
        text
    }
}

impl ListText {
    fn new(list: &StreamList) -> Self {
        // It has no map with keys that are not text, so that it can be written.
        let plain = Bytes::from(serde_json::to_vec(list).unwrap_or_default());
        let mut hasher = DefaultHasher::new();
        hasher.write(&plain);
        Self {
            hash: hasher.finish(),
            plain,
            gzipped: OnceCell::new(),
        }
    }

    /// `None`: it is too short to gain by it, or the server is stopping.
    pub(super) async fn gzipped(&self) -> Option<Bytes> {
        if self.plain.len() < compression::FLOOR {
            return None;
        }
        let plain = self.plain.clone();
        let gzip = || async move { compression::gzip(plain).await.map(Bytes::from) };
        self.gzipped.get_or_init(gzip).await.clone()
    }

    /// A strong entity tag (RFC 9110 8.8.3), of each form its own.
    pub(super) fn etag(&self, is_gzipped: bool) -> HeaderValue {
        let suffix = if is_gzipped { "-gzip" } else { "" };
        let etag = format!("\"{:016x}{suffix}\"", self.hash);
        HeaderValue::try_from(etag).expect("hexadecimal digits are valid in a header")
    }
}
