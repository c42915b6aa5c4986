//! How the sent stream goes: asks the browser for its counters, once a second during a session, and the server less often.

use js_sys::Map;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::Publisher;
use crate::hooks::report::{codec, number, text};
use crate::http::get_json;
use crate::rtc::timer::now;
use crate::state::uplink::{UplinkFigures, UplinkSample};

/// Between two questions to the server, at least.
const REPORT_MS: u64 = 4_500;

impl Publisher {
    pub(super) fn sample(self) {
        let now = self.clock.get_untracked();
        let requested = self.resources.try_update_value(|resources| {
            let whip = resources.whip.as_ref()?;
            let is_due = resources.asked + REPORT_MS <= now;
            if is_due {
                resources.asked = now;
            }
            let url = whip.url().filter(|_| is_due);
            Some((resources.generation, whip.stats(), url))
        });
        let Some(Some((generation, report, url))) = requested else {
            return;
        };
        if let Some(url) = url {
            self.ask_server(generation, url);
        }
        spawn_local(async move {
            let Ok(report) = JsFuture::from(report).await else {
                return;
            };
            if self.is_current(generation) {
                self.on_sample(read(&report));
            }
        });
    }

    fn ask_server(self, generation: u32, url: String) {
        spawn_local(async move {
            let report = get_json(&url).await;
            // Without an answer, connection state and counters show what is wrong.
            if let (Ok(report), true) = (report, self.is_current(generation)) {
                self.report.set(report);
            }
        });
    }

    fn on_sample(self, sample: UplinkSample) {
        let phase = self.phase.get_untracked();
        let compared = self.resources.try_update_value(|resources| {
            let before = resources.sample.replace(sample.clone())?;
            let event = resources.monitor.on_sample(&phase, &before, &sample);
            Some((UplinkFigures::between(&before, &sample), event))
        });
        let Some(Some((mut figures, event))) = compared else {
            return;
        };
        let rtt = self.report.with_untracked(|report| report.rtt);
        let rtt_ms = rtt.map(|seconds| seconds * 1_000.0);
        figures.round_trip_ms = figures.round_trip_ms.or(rtt_ms);
        self.figures.set(figures);
        if let Some(event) = event {
            self.send(event);
        }
    }
}

fn read(report: &JsValue) -> UplinkSample {
    let mut sample = UplinkSample {
        at: now(),
        ..UplinkSample::default()
    };
    let report: &Map = report.unchecked_ref();
    let add = |to: &mut Option<f64>, value: Option<f64>| {
        if let Some(value) = value {
            *to = Some(to.unwrap_or(0.0) + value);
        }
    };
    report.for_each(&mut |entry, _| {
        let kind = text(&entry, "kind");
        let is_video = kind.as_deref() == Some("video");
        match text(&entry, "type").as_deref() {
            Some("outbound-rtp") => {
                add(&mut sample.bytes_sent, number(&entry, "bytesSent"));
                let limited = text(&entry, "qualityLimitationReason");
                sample.limited |= limited.as_deref() == Some("bandwidth");
                let size = number(&entry, "frameWidth").zip(number(&entry, "frameHeight"));
                // The cast saturates.
                let size = size.map(|(width, height)| (width as u32, height as u32));
                // The picture, not its inset.
                if is_video && size >= sample.size {
                    sample.frames = number(&entry, "framesSent");
                    sample.size = size;
                }
                if is_video || sample.codec.is_none() {
                    let id = text(&entry, "codecId").unwrap_or_default();
                    sample.codec = codec(&report.get(&id.into())).or(sample.codec.take());
                }
            }
            Some("remote-inbound-rtp") => {
                sample.round_trip = sample.round_trip.or(number(&entry, "roundTripTime"));
                if let Some(loss) = number(&entry, "fractionLost") {
                    sample.loss = Some(loss.max(sample.loss.unwrap_or(0.0)));
                }
            }
            // Firefox has no `transport`.
            Some("transport" | "candidate-pair") => {
                add(&mut sample.received, number(&entry, "bytesReceived"));
            }
            _ => {}
        }
    });
    sample
}
