//! Timers that are cancelled when their Rust value is dropped, and the clocks of the client.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;

/// A timeout or an interval; dropping it cancels it.
#[derive(Debug)]
pub struct Timer {
    id: i32,
    repeats: bool,
    _closure: Closure<dyn FnMut()>,
}

impl Timer {
    pub fn after(ms: f64, handle: impl FnMut() + 'static) -> Self {
        Self::new(ms, false, handle)
    }

    pub fn every(ms: f64, handle: impl FnMut() + 'static) -> Self {
        Self::new(ms, true, handle)
    }

    fn new(ms: f64, repeats: bool, handle: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(handle);
        let function = closure.as_ref().unchecked_ref();
        // A cast of a float saturates; delays here are seconds.
        let ms = ms as i32;
        let id = web_sys::window().and_then(|window| {
            if repeats {
                window
                    .set_interval_with_callback_and_timeout_and_arguments_0(function, ms)
                    .ok()
            } else {
                window
                    .set_timeout_with_callback_and_timeout_and_arguments_0(function, ms)
                    .ok()
            }
        });
        // Timer ids start at 1, so 0 clears nothing.
        Self {
            id: id.unwrap_or(0),
            repeats,
            _closure: closure,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(window) = web_sys::window() else {
            return;
        };
        if self.repeats {
            window.clear_interval_with_handle(self.id);
        } else {
            window.clear_timeout_with_handle(self.id);
        }
    }
}

/// Waits for `ms` milliseconds.
pub async fn sleep(ms: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        }
    });
    let _ = JsFuture::from(promise).await;
}

/// The result of `future`, or `None` after `ms` milliseconds without one.
pub async fn within<T>(ms: i32, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut late) = (pin!(future), pin!(sleep(ms)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Milliseconds of a monotonic clock (`performance.now()`).
pub fn now() -> f64 {
    web_sys::window()
        .and_then(|window| window.performance())
        .map_or(0.0, |performance| performance.now())
}

/// The same in whole milliseconds: the clock of the state machines.
pub fn now_ms() -> u64 {
    now() as u64
}

/// Milliseconds since 1970 UTC, as those of the local time zone.
pub fn local_ms(at: u64) -> u64 {
    let offset = js_sys::Date::new(&(at as f64).into()).get_timezone_offset();
    at.saturating_add_signed(-(offset as i64) * 60_000)
}

/// Milliseconds since 1970, for what people read and for what other pages of this browser read. It may jump.
pub fn wall_ms() -> u64 {
    js_sys::Date::now() as u64
}
