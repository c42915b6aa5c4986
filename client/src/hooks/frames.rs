//! Calls back for every frame of a video element, as it is presented.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlVideoElement;

/// Stops, and frees its closure, when dropped.
pub(crate) struct Frames {
    asked: Rc<Asked>,
}

/// The standing request for the next frame. `requestVideoFrameCallback` is newer than web-sys; where a browser lacks it,
/// the screen's own rhythm stands in.
struct Asked {
    video: HtmlVideoElement,
    closure: RefCell<Option<Closure<dyn FnMut()>>>,
    on: Cell<bool>,
}

impl Frames {
    pub(crate) fn of(video: &HtmlVideoElement, mut draw: impl FnMut() + 'static) -> Self {
        let asked = Rc::new(Asked {
            video: video.clone(),
            closure: RefCell::new(None),
            on: Cell::new(true),
        });
        let weak = Rc::downgrade(&asked);
        let closure = Closure::<dyn FnMut()>::new(move || {
            if let Some(asked) = weak.upgrade().filter(|asked| asked.on.get()) {
                draw();
                asked.next();
            }
        });
        asked.closure.replace(Some(closure));
        asked.next();
        Self { asked }
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.asked.on.set(false);
    }
}

impl Asked {
    fn next(&self) {
        let closure = self.closure.borrow();
        let Some(callback) = closure.as_ref().map(|closure| closure.as_ref()) else {
            return;
        };
        let video: &JsValue = self.video.as_ref();
        let request = Reflect::get(video, &"requestVideoFrameCallback".into())
            .ok()
            .and_then(|function| function.dyn_into::<Function>().ok());
        let callback: &Function = callback.unchecked_ref();
        match (request, web_sys::window()) {
            (Some(request), _) => drop(request.call1(video, callback)),
            (None, Some(window)) => drop(window.request_animation_frame(callback)),
            (None, None) => {}
        }
    }
}
