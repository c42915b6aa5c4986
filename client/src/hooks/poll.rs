//! Polls JSON of the server by `GET`, while the page is visible; less often while that fails.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use shared::retry::{Backoff, Retry};

use super::app::App;
use super::wake::use_wake;
use crate::http::{self, HttpError};
use crate::rtc::timer::{Timer, now_ms};
use crate::state::remote::RemoteData;

/// A polled response.
#[derive(Debug)]
pub(crate) struct Poll<T: Send + Sync + 'static> {
    pub(crate) value: RwSignal<RemoteData<T, HttpError>>,
    asked: RwSignal<u32>,
    /// Requests without a response: the next one waits for it.
    open: StoredValue<u32>,
    retry: StoredValue<Retry>,
    /// Until the next request.
    timer: StoredValue<Option<Timer>, LocalStorage>,
}

impl<T: Send + Sync + 'static> Clone for Poll<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Poll<T> {}

impl<T: Send + Sync + 'static> Poll<T> {
    /// Sends a request now.
    fn refresh(self) {
        let _ = self
            .asked
            .try_update(|asked| *asked = asked.wrapping_add(1));
    }

    /// Sends a request, unless the page is hidden or one is open.
    fn refresh_when_visible(self) {
        if !document().hidden() && self.open.try_get_value() == Some(0) {
            self.refresh();
        }
    }

    /// The next request is due after `ms`, or after a back-off that `error` begins or continues.
    fn schedule(self, ms: u64, error: Option<&HttpError>) {
        let wait = self.retry.try_update_value(|retry| match error {
            None => {
                retry.on_succeeded(now_ms());
                ms
            }
            Some(error) => {
                retry.on_failed(now_ms(), js_sys::Math::random(), error.retry_after_ms())
            }
        });
        let Some(wait) = wait else { return };
        // A hidden page asks when it is visible again: `use_wake`.
        let timer = Timer::after(wait as f64, move || self.refresh_when_visible());
        drop(self.timer.try_update_value(|held| held.replace(timer)));
    }
}

/// Requests `path` `ms` milliseconds after each response. A change of server forgets the last response.
pub(crate) fn use_poll<T>(app: App, path: impl Fn() -> String + 'static, ms: u64) -> Poll<T>
where
    T: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let poll = Poll {
        value: RwSignal::new(RemoteData::Loading),
        asked: RwSignal::new(0),
        open: StoredValue::new(0),
        retry: StoredValue::new(Retry::new(Backoff::SERVER, 0)),
        timer: StoredValue::new_local(None),
    };
    Effect::new(move |before: Option<Option<String>>| {
        let asked = poll.asked.get();
        let url = app.server_now()?.url(&path());
        if before.flatten().is_some_and(|before| before != url) {
            poll.value.set(RemoteData::Loading);
        }
        let sent = url.clone();
        poll.open.update_value(|open| *open += 1);
        spawn_local(async move {
            let answer = http::get_json::<T>(&sent).await;
            poll.open.try_update_value(|open| *open -= 1);
            poll.schedule(ms, answer.as_ref().err());
            // A newer request was sent meanwhile.
            if poll.asked.try_get_untracked() == Some(asked) {
                let kept =
                    |error: &HttpError| !matches!(error, HttpError::Status { status: 404, .. });
                poll.value.try_update(|value| {
                    *value = std::mem::replace(value, RemoteData::Loading).next(answer, kept);
                });
            }
        });
        Some(url)
    });
    use_wake(app, Box::new(move |_| poll.refresh_when_visible()));
    on_cleanup(move || {
        drop(poll.timer.try_update_value(Option::take));
    });
    poll
}
