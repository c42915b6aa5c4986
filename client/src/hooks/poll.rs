//! Polls JSON of the server by `GET`, while the page is visible.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;

use super::app::App;
use crate::http::{self, HttpError};
use crate::rtc::timer::Timer;
use crate::state::remote::RemoteData;

/// A polled response.
#[derive(Debug)]
pub(crate) struct Poll<T: Send + Sync + 'static> {
    pub(crate) value: RwSignal<RemoteData<T, HttpError>>,
    asked: RwSignal<u32>,
    /// Requests without a response: the next one waits for it.
    open: StoredValue<u32>,
}

impl<T: Send + Sync + 'static> Clone for Poll<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Poll<T> {}

impl<T: Send + Sync + 'static> Poll<T> {
    /// Sends a request now.
    pub(crate) fn refresh(self) {
        let _ = self
            .asked
            .try_update(|asked| *asked = asked.wrapping_add(1));
    }

    /// Forgets the last response and sends a request now.
    pub(crate) fn reload(self) {
        self.value.set(RemoteData::Loading);
        self.refresh();
    }
}

/// Requests `path` every `ms` milliseconds. A change of server forgets the last response.
pub(crate) fn use_poll<T>(app: App, path: impl Fn() -> String + 'static, ms: f64) -> Poll<T>
where
    T: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let poll = Poll {
        value: RwSignal::new(RemoteData::Loading),
        asked: RwSignal::new(0),
        open: StoredValue::new(0),
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
    let timer = Timer::every(ms, move || {
        if !document().hidden() && poll.open.try_get_value() == Some(0) {
            poll.refresh();
        }
    });
    let timer = StoredValue::new_local(Some(timer));
    on_cleanup(move || {
        timer.try_update_value(Option::take);
    });
    poll
}
