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
}

/// Identifies the request, to cancel it.
#[derive(Clone, Copy)]
enum Handle {
    Video(f64),
    Screen(i32),
}

impl FrameCallbacks {
    pub(crate) fn of(video: &HtmlVideoElement, mut draw: impl FnMut() + 'static) -> Self {
        let request = Rc::new(FrameRequest {
            video: video.clone(),
            closure: RefCell::new(None),
            handle: Cell::new(None),
        });
        let weak = Rc::downgrade(&request);
        let closure = Closure::<dyn FnMut()>::new(move || {
            if let Some(request) = weak.upgrade() {
                draw();
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

    /// Calls a method of the element; `None` where the browser lacks it.
    fn call(&self, method: &str, argument: &JsValue) -> Option<JsValue> {
        let function = Reflect::get(&self.video, &method.into()).ok()?;
        function
            .dyn_ref::<Function>()?
            .call1(&self.video, argument)
            .ok()
    }
}
