//! The sound of captured streams through WebAudio: its level, and one track of several.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::MediaStream;

use super::dynamic::{call, construct, get, set};

/// 85 ms at 48 kHz.
const SAMPLES: u32 = 4_096;

/// Closes its `AudioContext` when dropped.
#[derive(Debug)]
pub struct AudioGraph {
    context: JsValue,
    analyser: JsValue,
    mixed: JsValue,
}

impl AudioGraph {
    /// `None`: the browser has no WebAudio.
    pub fn new(streams: &[MediaStream]) -> Option<Self> {
        let context = construct("AudioContext", &[]).ok()?;
        let make = |method| call(&context, method, &[]).ok();
        let this = Self {
            analyser: make("createAnalyser")?,
            mixed: make("createMediaStreamDestination")?,
            context: context.clone(),
        };
        set(&this.analyser, "fftSize", &SAMPLES.into());
        for stream in streams {
            let source = call(&context, "createMediaStreamSource", &[stream.into()]).ok()?;
            for end in [&this.analyser, &this.mixed] {
                call(&source, "connect", &[Clone::clone(end)]).ok()?;
            }
        }
        Some(this)
    }

    /// All streams in one track.
    pub fn mixed(&self) -> MediaStream {
        get(&self.mixed, "stream").unchecked_into()
    }

    /// The newest samples of 8 bits, silence being 128. `None`: the browser does not run it, for example without an audio device.
    pub fn samples(&self) -> Option<Vec<u8>> {
        if get(&self.context, "state") != "running" {
            return None;
        }
        let samples = Uint8Array::new_with_length(SAMPLES);
        let to = JsValue::from(&samples);
        call(&self.analyser, "getByteTimeDomainData", &[to]).ok()?;
        Some(samples.to_vec())
    }
}

impl Drop for AudioGraph {
    fn drop(&mut self) {
        // Its promise is never rejected: the context is closed once.
        let _ = call(&self.context, "close", &[]);
    }
}
