//! Calls a closure for every presented frame of a video element.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlVideoElement;

/// Cancels the callback and frees its closure when dropped.
pub(crate) struct FrameCallbacks {
    request: Rc<FrameRequest>,
}

/// The request for the next frame: `requestVideoFrameCallback` (not in web-sys), or `requestAnimationFrame` where the browser
/// lacks it.
struct FrameRequest {
    video: HtmlVideoElement,
    closure: RefCell<Option<Closure<dyn FnMut()>>>,
    handle: Cell<Option<Handle>>,
    /// Counts the frames, or is the time of the last one, where the screen asks.
    presented: Cell<f64>,
}

/// Identifies the request, to cancel it.
#[derive(Clone, Copy)]
enum Handle {
    Video(f64),
    Screen(i32),
}

impl FrameCallbacks {
    pub(crate) fn of(video: &HtmlVideoElement, draw: impl FnMut() + 'static) -> Self {
        Self::call(video, Box::new(draw))
    }

    fn call(video: &HtmlVideoElement, mut draw: Box<dyn FnMut()>) -> Self {
        let request = Rc::new(FrameRequest {
            video: video.clone(),
            closure: RefCell::new(None),
            handle: Cell::new(None),
            presented: Cell::new(0.0),
        });
        let weak = Rc::downgrade(&request);
        let closure = Closure::<dyn FnMut()>::new(move || {
            if let Some(request) = weak.upgrade() {
                if request.is_frame() {
                    draw();
                }
                request.next();
            }
        });
        request.closure.replace(Some(closure));
        request.next();
        Self { request }
    }
}

impl Drop for FrameCallbacks {
    fn drop(&mut self) {
        match self.request.handle.take() {
            Some(Handle::Video(id)) => {
                drop(self.request.call("cancelVideoFrameCallback", &id.into()))
            }
            Some(Handle::Screen(id)) => {
                if let Some(window) = web_sys::window() {
                    // Fails only without a window.
                    let _ = window.cancel_animation_frame(id);
                }
            }
            None => {}
        }
    }
}

impl FrameRequest {
    fn next(&self) {
        let closure = self.closure.borrow();
        let Some(callback) = closure.as_ref().map(|closure| closure.as_ref()) else {
            return;
        };
        let by_video = self
            .call("requestVideoFrameCallback", callback)
            .and_then(|id| id.as_f64())
            .map(Handle::Video);
        let by_screen = || {
            let id = web_sys::window()?.request_animation_frame(callback.unchecked_ref());
            Some(Handle::Screen(id.ok()?))
        };
        self.handle.set(by_video.or_else(by_screen));
    }

    /// Whether the video has a new frame. The screen is refreshed without one too.
    fn is_frame(&self) -> bool {
        if !matches!(self.handle.get(), Some(Handle::Screen(_))) {
            return true;
        }
        let quality = self.call("getVideoPlaybackQuality", &JsValue::UNDEFINED);
        let count = quality
            .and_then(|quality| Reflect::get(&quality, &"totalVideoFrames".into()).ok())
            .and_then(|count| count.as_f64());
        let presented = count.unwrap_or_else(|| self.video.current_time());
        self.presented.replace(presented) != presented
    }

    /// Calls a method of the element; `None` where the browser lacks it.
    fn call(&self, method: &str, argument: &JsValue) -> Option<JsValue> {
        let function = Reflect::get(&self.video, &method.into()).ok()?;
        function
            .dyn_ref::<Function>()?
            .call1(&self.video, argument)
            .ok()
    }
}
