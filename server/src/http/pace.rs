//! How often the API may be asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use limits::{CountedAddress, Exceeded, Paces};

use super::client_counting::Counted;
use super::error::HttpError;
use super::router::App;

/// Requests a second: many people may be behind one address, and each page asks a few times.
const OF_ADDRESS: u32 = 50;
const TOTAL: u32 = 2_000;

/// The requests of late, by address.
#[derive(Debug)]
pub(crate) struct ApiPace {
    paces: Mutex<Paces<OF_ADDRESS, TOTAL>>,
    refused: [AtomicU64; 2],
}

impl ApiPace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            paces: Mutex::new(Paces::new(now)),
            refused: Default::default(),
        }
    }

    fn try_acquire(&self, address: Option<CountedAddress>, now: Instant) -> Result<(), Exceeded> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let acquired = paces.try_acquire(address, now);
        if let Err(exceeded) = acquired {
            self.refused[exceeded as usize].fetch_add(1, Ordering::Relaxed);
        }
        acquired
    }

    /// Requests refused since the start.
    pub(super) fn refused(&self, by: Exceeded) -> u64 {
        self.refused[by as usize].load(Ordering::Relaxed)
    }
}

/// The request is within the pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paced;

impl FromRequestParts<Arc<App>> for Paced {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let Ok(Counted(address)) = Counted::from_request_parts(parts, app).await;
        let acquired = app.pace.try_acquire(address, Instant::now());
        acquired.map_err(HttpError::TooOften)?;
        Ok(Self)
    }
}
