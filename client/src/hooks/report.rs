//! Reads a browser's `RTCStatsReport` into a [`StatsSample`].

use std::collections::HashMap;

use js_sys::{Map, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::state::level::AudioEnergy;
use crate::state::stats::{InboundStats, PairStats, StatsSample};

/// Counters that the report lacks stay `None`. `inset`: the track of the second picture.
pub(crate) fn read(report: &JsValue, inset: Option<&str>, at: f64) -> StatsSample {
    let Some(report) = report.dyn_ref::<js_sys::Object>() else {
        return StatsSample {
            at,
            ..StatsSample::default()
        };
    };
    let mut entries: HashMap<String, JsValue> = HashMap::new();
    report.unchecked_ref::<Map>().for_each(&mut |entry, id| {
        if let Some(id) = id.as_string() {
            entries.insert(id, entry);
        }
    });
    let mut sample = StatsSample {
        at,
        ..StatsSample::default()
    };
    let mut selected = None;
    let mut on_all_pairs = None;
    for entry in entries.values() {
        match text(entry, "type").as_deref() {
            Some("inbound-rtp")
                if inset.is_some() && text(entry, "trackIdentifier").as_deref() == inset =>
            {
                sample.inset_frames = number(entry, "framesDecoded");
            }
            Some("inbound-rtp") => {
                let track = track(entry, &entries);
                match text(entry, "kind").as_deref() {
                    Some("video") => sample.video = Some(track),
                    Some("audio") => sample.audio = Some(track),
                    _ => {}
                }
            }
            Some("transport") => {
                sample.bytes = number(entry, "bytesReceived");
                if let Some(pair) =
                    text(entry, "selectedCandidatePairId").and_then(|id| entries.get(&id))
                {
                    selected = Some(pair);
                }
            }
            Some("candidate-pair") => {
                let bytes = number(entry, "bytesReceived").unwrap_or(0.0);
                on_all_pairs = Some(on_all_pairs.unwrap_or(0.0) + bytes);
                // Firefox has no `selectedCandidatePairId`; it marks the pair.
                if selected.is_none() && flag(entry, "selected") {
                    selected = Some(entry);
                }
            }
            _ => {}
        }
    }
    sample.bytes = sample.bytes.or(on_all_pairs);
    sample.pair = selected.map(|entry| pair(entry, &entries));
    sample
}

/// The energy of the audio, of a report on it alone or on everything.
pub(crate) fn audio_energy(report: &JsValue) -> Option<AudioEnergy> {
    let mut found = None;
    let report: &Map = report.dyn_ref::<js_sys::Object>()?.unchecked_ref();
    report.for_each(&mut |entry, _| {
        if let Some(energy) = number(&entry, "totalAudioEnergy") {
            let duration = number(&entry, "totalSamplesDuration").unwrap_or_default();
            found = Some(AudioEnergy { energy, duration });
        }
    });
    found
}

fn track(entry: &JsValue, entries: &HashMap<String, JsValue>) -> InboundStats {
    InboundStats {
        bytes: number(entry, "bytesReceived"),
        packets: number(entry, "packetsReceived"),
        lost: number(entry, "packetsLost"),
        jitter: number(entry, "jitter"),
        frames_decoded: number(entry, "framesDecoded"),
        freezes: number(entry, "freezeCount"),
        jitter_buffer_delay: number(entry, "jitterBufferDelay"),
        jitter_buffer_emitted: number(entry, "jitterBufferEmittedCount"),
        decode_time: number(entry, "totalDecodeTime"),
        retransmitted: number(entry, "retransmittedPacketsReceived"),
        width: number(entry, "frameWidth"),
        height: number(entry, "frameHeight"),
        codec: text(entry, "codecId")
            .and_then(|id| entries.get(&id))
            .and_then(codec),
    }
}

/// `video/H264` with `profile-level-id=42e01f` becomes `H264 42e01f`.
pub(super) fn codec(entry: &JsValue) -> Option<String> {
    let kind = text(entry, "mimeType")?;
    let name = kind.rsplit('/').next()?.to_owned();
    let parameters = text(entry, "sdpFmtpLine").unwrap_or_default();
    let profile = parameters
        .split(';')
        .find_map(|pair| pair.trim().strip_prefix("profile-level-id="));
    Some(profile.map_or_else(|| name.clone(), |profile| format!("{name} {profile}")))
}

fn pair(entry: &JsValue, entries: &HashMap<String, JsValue>) -> PairStats {
    let side = |name: &str| text(entry, name).and_then(|id| entries.get(&id));
    let (local, remote) = (side("localCandidateId"), side("remoteCandidateId"));
    PairStats {
        round_trip: number(entry, "currentRoundTripTime"),
        local_kind: local.and_then(|side| text(side, "candidateType")),
        remote_kind: remote.and_then(|side| text(side, "candidateType")),
        protocol: local.and_then(|side| text(side, "protocol")),
        remote: remote.and_then(|side| {
            let address = text(side, "address").filter(|address| !address.is_empty())?;
            let port = number(side, "port")? as u16;
            Some(if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            })
        }),
    }
}

pub(super) fn number(entry: &JsValue, name: &str) -> Option<f64> {
    Reflect::get(entry, &name.into()).ok()?.as_f64()
}

pub(super) fn text(entry: &JsValue, name: &str) -> Option<String> {
    Reflect::get(entry, &name.into()).ok()?.as_string()
}

fn flag(entry: &JsValue, name: &str) -> bool {
    Reflect::get(entry, &name.into()).is_ok_and(|value| value.is_truthy())
}
