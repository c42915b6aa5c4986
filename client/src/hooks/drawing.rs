//! Draws the frames of a video element to a canvas, applies filters, and computes the histogram.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement};

use super::frames::FrameCallbacks;
use super::player::Player;
use super::save::save_as;
use crate::rtc::timer::now;
use crate::state::filter::{Filters, Histogram};

/// The histogram is computed from one frame in so many.
const HISTOGRAM_EVERY: u32 = 5;
/// The histogram counts one pixel in so many.
const HISTOGRAM_STEP: usize = 7;

/// Signals between the page and the drawing.
#[derive(Clone, Copy)]
pub(crate) struct Drawing {
    pub(crate) filters: RwSignal<Filters>,
    pub(crate) histogram: RwSignal<Option<Histogram>>,
    /// Mean drawing time in milliseconds, and frames per second, over the last second.
    pub(crate) cost: RwSignal<(f64, f64)>,
}

/// Draws every frame of `video` to `canvas` until the value is dropped. `None` without a 2D context.
pub(crate) fn start_drawing(
    video: HtmlVideoElement,
    canvas: HtmlCanvasElement,
    player: Player,
    drawing: Drawing,
) -> Option<FrameCallbacks> {
    let options = js_sys::Object::new();
    // Filters read the pixels of every frame.
    let _ = js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into());
    let context: CanvasRenderingContext2d = canvas
        .get_context_with_context_options("2d", &options)
        .ok()
        .flatten()?
        .unchecked_into();
    let mut count = 0_u32;
    let mut cost = FrameCost {
        since: now(),
        frames: 0.0,
        spent: 0.0,
    };
    let source = video.clone();
    Some(FrameCallbacks::of(&video, move || {
        let began = now();
        let (width, height) = (source.video_width(), source.video_height());
        if width == 0 || height == 0 || source.ready_state() < 2 {
            return;
        }
        if canvas.width() != width || canvas.height() != height {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        count = count.wrapping_add(1);
        draw(&source, &context, (width, height), count, drawing);
        if !player.shown.get_untracked() {
            player.shown.set(true);
        }
        cost.frame(now() - began, drawing.cost);
    }))
}

fn draw(
    source: &HtmlVideoElement,
    context: &CanvasRenderingContext2d,
    (width, height): (u32, u32),
    count: u32,
    drawing: Drawing,
) {
    if context
        .draw_image_with_html_video_element(source, 0.0, 0.0)
        .is_err()
    {
        return;
    }
    let Some(filters) = drawing.filters.try_get_untracked() else {
        return;
    };
    let measures = count % HISTOGRAM_EVERY == 1;
    if !filters.any() && !measures {
        return;
    }
    let (w, h) = (f64::from(width), f64::from(height));
    let Ok(image) = context.get_image_data(0.0, 0.0, w, h) else {
        return;
    };
    let mut pixels = image.data();
    if filters.any() {
        filters.apply(&mut pixels.0, width as usize, height as usize);
        let done = web_sys::ImageData::new_with_u8_clamped_array_and_sh(
            wasm_bindgen::Clamped(&pixels.0),
            width,
            height,
        );
        if let Ok(done) = done {
            let _ = context.put_image_data(&done, 0.0, 0.0);
        }
    }
    if measures {
        drawing
            .histogram
            .set(Some(Histogram::of(&pixels.0, HISTOGRAM_STEP)));
    }
}

/// Drawing times of the current second.
struct FrameCost {
    since: f64,
    frames: f64,
    spent: f64,
}

impl FrameCost {
    fn frame(&mut self, spent: f64, cost: RwSignal<(f64, f64)>) {
        self.frames += 1.0;
        self.spent += spent;
        let passed = now() - self.since;
        if passed >= 1_000.0 {
            cost.set((self.spent / self.frames, self.frames * 1_000.0 / passed));
            *self = Self {
                since: now(),
                frames: 0.0,
                spent: 0.0,
            };
        }
    }
}

/// Saves the canvas, with filters, as a PNG file.
pub(crate) fn save_image(canvas: &HtmlCanvasElement, name: &str) {
    let name = format!("{name}.png");
    let save = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            save_as(&blob, &name);
        }
    });
    // Fails only for a canvas with pixels of another origin.
    let _ = canvas.to_blob(save.unchecked_ref());
}
