//! Draws the frames of a video element to a canvas, and computes the histogram. The style of the canvas filters (`state::filter`), off the main
//! thread and on the GPU where there is one; the main thread reads only the few pixels of the histogram.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement};

use super::frames::FrameCallbacks;
use super::player::Player;
use super::save::save_as;
use crate::rtc::dynamic::{object, set};
use crate::rtc::timer::now;
use crate::state::filter::{Filters, Histogram};

/// The histogram is computed from one frame in so many.
const HISTOGRAM_EVERY: u32 = 5;
/// The histogram counts a frame of this size.
const SAMPLED: (u32, u32) = (160, 90);

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
    let context = context_of(&canvas, false)?;
    let (_, sampled) = new_canvas(SAMPLED.0, SAMPLED.1, true)?;
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
        // Fails only for a video without a frame.
        let _ = context.draw_image_with_html_video_element(&source, 0.0, 0.0);
        if count % HISTOGRAM_EVERY == 1 {
            measure(&source, &sampled, drawing);
        }
        if !player.shown.get_untracked() {
            player.shown.set(true);
        }
        cost.frame(now() - began, drawing.cost);
    }))
}

/// Not in the document. `read`: its pixels are read often, so that they had better be in main memory.
fn new_canvas(
    width: u32,
    height: u32,
    read: bool,
) -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.unchecked_into();
    canvas.set_width(width);
    canvas.set_height(height);
    let context = context_of(&canvas, read)?;
    Some((canvas, context))
}

fn context_of(canvas: &HtmlCanvasElement, read: bool) -> Option<CanvasRenderingContext2d> {
    let options = object(&[("willReadFrequently", read.into())]);
    let context = canvas.get_context_with_context_options("2d", &options);
    Some(context.ok().flatten()?.unchecked_into())
}

/// Counts the pixels of a frame that is filtered at this small size.
fn measure(source: &HtmlVideoElement, sampled: &CanvasRenderingContext2d, drawing: Drawing) {
    let Some(filters) = drawing.filters.try_get_untracked() else {
        return;
    };
    let (width, height) = (f64::from(SAMPLED.0), f64::from(SAMPLED.1));
    set_filter(sampled, filters);
    let drawn =
        sampled.draw_image_with_html_video_element_and_dw_and_dh(source, 0.0, 0.0, width, height);
    if drawn.is_ok()
        && let Ok(image) = sampled.get_image_data(0.0, 0.0, width, height)
    {
        let histogram = Histogram::of(&image.data().0);
        let _ = drawing.histogram.try_set(Some(histogram));
    }
}

/// Not in web-sys. Safari before 18 draws without.
fn set_filter(context: &CanvasRenderingContext2d, filters: Filters) {
    set(context, "filter", &filters.css().into());
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

/// Saves the frame that `canvas` shows as a PNG file, through filters.
pub(crate) fn save_image(canvas: &HtmlCanvasElement, filters: Filters, name: &str) -> Option<()> {
    let (width, height) = (canvas.width(), canvas.height());
    let (image, context) = new_canvas(width, height, false)?;
    set_filter(&context, filters);
    if filters.mirror {
        // Both fail only for numbers that are not finite.
        let _ = context.translate(f64::from(width), 0.0);
        let _ = context.scale(-1.0, 1.0);
    }
    context
        .draw_image_with_html_canvas_element(canvas, 0.0, 0.0)
        .ok()?;
    let name = format!("{name}.png");
    let save = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            save_as(&blob, &name);
        }
    });
    // Fails only for a canvas with pixels of another origin.
    image.to_blob(save.unchecked_ref()).ok()
}
