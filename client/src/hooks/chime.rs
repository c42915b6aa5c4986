//! A short sound, made by WebAudio.

use wasm_bindgen::JsValue;

use crate::rtc::dynamic::{call, construct, get, set};
use crate::rtc::timer::sleep;

/// Hz: a fifth, the higher tone last.
const TONES: [f64; 2] = [660.0, 990.0];
/// Seconds that a tone lasts.
const TONE: f64 = 0.12;
/// Of full scale.
const LOUDNESS: f64 = 0.1;

/// Plays it. Silent where the browser has no WebAudio, or plays nothing before a click or a key.
pub(crate) async fn play() {
    let Ok(context) = construct("AudioContext", &[]) else {
        return;
    };
    let _ = schedule(&context);
    sleep((TONES.len() as f64 * TONE * 1_000.0) as i32 + 200).await;
    // Its promise is never rejected: the context is closed once.
    let _ = call(&context, "close", &[]);
}

fn schedule(context: &JsValue) -> Result<(), JsValue> {
    let gain = call(context, "createGain", &[])?;
    set(&get(&gain, "gain"), "value", &LOUDNESS.into());
    call(&gain, "connect", &[get(context, "destination")])?;
    let mut start = get(context, "currentTime").as_f64().unwrap_or(0.0);
    for tone in TONES {
        let oscillator = call(context, "createOscillator", &[])?;
        set(&get(&oscillator, "frequency"), "value", &tone.into());
        call(&oscillator, "connect", std::slice::from_ref(&gain))?;
        call(&oscillator, "start", &[start.into()])?;
        start += TONE;
        call(&oscillator, "stop", &[start.into()])?;
    }
    Ok(())
}
