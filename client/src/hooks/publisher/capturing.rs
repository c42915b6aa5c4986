//! The tracks of a publisher: asks the browser for them, watches them, and ends them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::PublisherWarning;
use wasm_bindgen::JsCast;
use web_sys::{EventTarget, MediaStream, MediaStreamTrack};

use super::Publisher;
use super::captured::{Captured, hint_at, inset_camera, inset_of, request};
use crate::hooks::window::storage;
use crate::rtc::capture::{CaptureDevice, device_of, devices, media_devices, tracks};
use crate::rtc::dynamic::get;
use crate::rtc::listener::Listener;
use crate::rtc::timer::{Timer, now_ms};
use crate::state::capture::{CaptureChoice, CaptureProblem, Source, find_device};
use crate::state::meter::Meter;
use crate::state::publish::PublishEvent;

const METER_MS: f64 = 100.0;
/// Names in the local storage of the browser: the device that was chosen last, as its id and its name.
const CAMERA: &str = "weir-camera";
const MICROPHONE: &str = "weir-microphone";

/// The choices of the last visit.
pub(super) fn remembered() -> CaptureChoice {
    CaptureChoice {
        camera: saved_device(true).unwrap_or_default().0,
        microphone: saved_device(false).unwrap_or_default().0,
        ..CaptureChoice::default()
    }
}

impl Publisher {
    /// Sends this file.
    pub(crate) fn choose_file(self, file: web_sys::File) {
        self.resources.update_value(|own| own.file = Some(file));
        self.capture();
    }

    /// Remembers this device, and turns it on.
    pub(crate) fn choose_device(self, is_camera: bool, id: String) {
        let label = self.devices.with_untracked(|devices| {
            let chosen = devices.iter().find(|device| device.id == id);
            chosen.map(|device| device.label.clone())
        });
        let name = if is_camera { CAMERA } else { MICROPHONE };
        if let Some(storage) = storage() {
            // A browser that saves nothing offers its first device the next time.
            let _ = storage.set_item(name, &format!("{id}\n{}", label.unwrap_or_default()));
        }
        self.choice.update(|choice| match is_camera {
            true => choice.camera = id,
            false => choice.microphone = id,
        });
        self.capture_again();
    }

    /// Captures again what is on, with other choices.
    pub(crate) fn capture_again(self) {
        let source = self.choice.with_untracked(|choice| choice.source);
        let is_on = self.media.with_untracked(Option::is_some);
        if is_on && untrack(|| self.sent_source()) == source {
            self.capture();
        }
    }

    pub(super) fn request_tracks(self) {
        let begun = self.resources.try_update_value(|own| {
            own.captures = own.captures.wrapping_add(1);
            (own.captures, own.file.clone(), own.recapturing)
        });
        let Some((number, file, again)) = begun else {
            return;
        };
        let mut choice = self.choice.get_untracked();
        if again {
            choice.source = untrack(|| self.sent_source());
        }
        spawn_local(async move {
            let captured = request(&choice, file).await;
            if self.resources.try_with_value(|own| own.captures) != Some(number) {
                // Stopped, or something else was chosen meanwhile; the drop turns the devices off.
                return;
            }
            match captured {
                Ok(captured) => self.on_captured(captured, choice),
                Err(problem) => self.on_capture_failed(problem),
            }
        });
    }

    fn on_captured(self, mut captured: Captured, mut choice: CaptureChoice) {
        let (stream, problem) = (captured.stream(), captured.problem);
        captured.listeners = tracks(&stream)
            .iter()
            .map(|track| self.on_ended(&stream, track))
            .collect();
        self.meter.set(None);
        let measured = captured.graph.as_ref();
        captured.meter = measured.map(|_| Timer::every(METER_MS, move || self.measure()));
        let before = self.resources.try_update_value(|own| {
            let again = std::mem::take(&mut own.recapturing);
            (own.captured.replace(captured), again)
        });
        let Some((before, again)) = before else {
            return;
        };
        // While the browser asked for the next one.
        let has_ended = tracks(&stream)
            .iter()
            .any(|track| get(track, "readyState") == "ended");
        self.problem.set(problem);
        if problem.is_some() && inset_of(&stream).is_none() {
            // What came is a screen without the camera.
            choice.with_camera = false;
            self.choice.update(|choice| choice.with_camera = false);
        }
        let (is_screen, with_camera) = (choice.source == Source::Screen, choice.with_camera);
        self.sent.set(choice);
        self.media.set(Some(stream));
        self.apply_muted();
        self.send(PublishEvent::Captured);
        // After the new ones are sent.
        drop(before);
        self.list_devices();
        // It was turned on or off while the browser asked.
        let wanted = self.choice.with_untracked(|choice| choice.with_camera);
        if is_screen && wanted != with_camera {
            self.choose_inset(wanted);
        }
        match has_ended {
            true if again => self.send(PublishEvent::CaptureEnded),
            true => self.on_track_ended(),
            false => {}
        }
    }

    /// Without its inset a screen goes on.
    fn on_ended(self, stream: &MediaStream, track: &MediaStreamTrack) -> Listener {
        match inset_of(stream).as_ref() == Some(track) {
            true => Listener::new(track, "ended", move |_| self.choose_inset(false)),
            false => Listener::new(track, "ended", move |_| self.on_track_ended()),
        }
    }

    /// Sends the camera over the screen, or no longer. A screen that is on is not asked for again.
    pub(crate) fn choose_inset(self, wanted: bool) {
        self.choice.update(|choice| choice.with_camera = wanted);
        let is_screen = untrack(|| self.sent_source()) == Source::Screen;
        let is_on = self.media.with_untracked(Option::is_some);
        if !(is_on && is_screen) {
            return;
        }
        if !wanted {
            return self.set_inset(None);
        }
        let camera = self.choice.with_untracked(|choice| choice.camera.clone());
        spawn_local(async move {
            let asked = inset_camera(&camera).await;
            let chosen = self.choice.try_with_untracked(CaptureChoice::has_inset);
            match asked {
                // Turned off, or another source was chosen, while the browser asked.
                Ok(stream) if chosen != Some(true) => {
                    tracks(&stream).iter().for_each(|track| track.stop());
                }
                Ok(stream) => self.set_inset(Some(stream)),
                Err(problem) => {
                    let _ = self.choice.try_update(|choice| choice.with_camera = false);
                    let _ = self.problem.try_set(Some(problem));
                }
            }
        });
    }

    /// The session cannot take a further track, or one less: a new one takes its place.
    fn set_inset(self, camera: Option<MediaStream>) {
        let is_on = camera.is_some();
        let changed = self.resources.try_update_value(|own| {
            let captured = own.captured.as_mut()?;
            let on_ended = |track: &MediaStreamTrack| {
                Listener::new(track, "ended", move |_| self.choose_inset(false))
            };
            captured.set_inset(camera.clone(), on_ended);
            Some(captured.stream())
        });
        let Some(stream) = changed.flatten() else {
            // Stopped meanwhile.
            let unused = camera.as_ref().map(tracks).unwrap_or_default();
            return unused.iter().for_each(|track| track.stop());
        };
        self.problem.set(None);
        self.sent.update(|sent| sent.with_camera = is_on);
        self.media.set(Some(stream));
        self.send(PublishEvent::Captured);
        self.list_devices();
    }

    fn on_capture_failed(self, problem: CaptureProblem) {
        let recapturing = self
            .resources
            .try_update_value(|own| std::mem::take(&mut own.recapturing));
        let goes_on = self.phase.with_untracked(|phase| phase.is_publishing());
        if recapturing == Some(true) && goes_on {
            return self.send(PublishEvent::CaptureEnded);
        }
        self.problem.set(goes_on.then_some(problem));
        self.send(PublishEvent::CaptureFailed(problem));
    }

    /// A device was unplugged or taken by the system, or the person ended the sharing of the screen. Devices are asked for once more: phones take them during a
    /// call.
    fn on_track_ended(self) {
        let is_device = matches!(
            untrack(|| self.sent_source()),
            Source::Camera | Source::Microphone
        );
        // The other track of a device that is being asked for.
        let is_replaced = self
            .resources
            .try_update_value(|own| std::mem::replace(&mut own.recapturing, is_device));
        match is_replaced {
            Some(false) if is_device => self.capture(),
            Some(false) => self.send(PublishEvent::CaptureEnded),
            Some(true) | None => {}
        }
    }

    pub(super) fn release(self) {
        let released = self.resources.try_update_value(|own| {
            own.captures = own.captures.wrapping_add(1);
            own.recapturing = false;
            own.captured.take()
        });
        self.media.set(None);
        self.meter.set(None);
        self.problem.set(None);
        drop(released);
    }

    /// Sends the newest tracks in the open session, or in a new one when their kinds are others.
    pub(super) fn replace(self) {
        let max_bps = self
            .choice
            .with_untracked(|choice| choice.quality.max_bps());
        let replaced = self.resources.try_with_value(|own| {
            let (whip, captured) = own.whip.as_ref().zip(own.captured.as_ref())?;
            Some(whip.replace(&captured.stream, max_bps))
        });
        if replaced.flatten() == Some(false) {
            self.send(PublishEvent::Renew);
        }
    }

    /// Tells the encoder what the picture shows.
    pub(crate) fn hint(self) {
        let (source, hint) = self
            .choice
            .with_untracked(|choice| (choice.source, choice.content_hint()));
        if untrack(|| self.sent_source()) != source {
            return;
        }
        self.media.with_untracked(|media| {
            if let Some(media) = media {
                hint_at(media, hint);
            }
        });
    }

    pub(crate) fn toggle_muted(self) {
        self.muted.update(|muted| *muted = !*muted);
        // The server's report is of before, and the next one comes in seconds.
        self.report.update(|report| {
            report
                .warnings
                .retain(|one| *one != PublisherWarning::Silent);
        });
        self.apply_muted();
    }

    fn apply_muted(self) {
        let muted = self.muted.get_untracked();
        let streams = self.resources.try_with_value(|own| {
            let captured = own.captured.as_ref();
            captured.map(|captured| captured.sources.clone())
        });
        let tracks = streams.flatten().unwrap_or_default();
        for track in tracks.iter().flat_map(tracks_of_sound) {
            track.set_enabled(!muted);
        }
    }

    fn measure(self) {
        let samples = self.resources.try_with_value(|own| {
            let captured = own.captured.as_ref()?;
            captured.graph.as_ref()?.samples()
        });
        let samples = samples.flatten();
        if let Some(samples) = samples {
            self.meter.try_update(|meter| {
                let meter = meter.get_or_insert_with(|| Meter::new(now_ms()));
                meter.on_samples(&samples, now_ms());
            });
        }
    }

    /// Lists the devices, now and whenever one is plugged in; without permission they have no names.
    fn list_devices(self) {
        let target = media_devices();
        if let Some(target) = target.dyn_ref::<EventTarget>() {
            let listener = Listener::new(target, "devicechange", move |_| self.read_devices());
            let resources = self.resources;
            drop(resources.try_update_value(|own| own.device_listener.replace(listener)));
        }
        self.read_devices();
    }

    fn read_devices(self) {
        spawn_local(async move {
            let found = devices().await;
            let used = self.media.try_with_untracked(|media| {
                let tracks = media.as_ref().map(tracks).unwrap_or_default();
                let device = |kind: &str| {
                    let track = tracks.iter().find(|track| track.kind() == kind);
                    track.map(device_of)
                };
                (device("video"), device("audio"))
            });
            let Some((camera, microphone)) = used else {
                return;
            };
            let source = untrack(|| self.sent_source());
            let moved = [
                (source == Source::Camera, true),
                (matches!(source, Source::Camera | Source::Microphone), false),
            ];
            let moved = moved.map(|(is_used, is_camera)| {
                let id = is_used.then(|| renamed(&found, is_camera)).flatten();
                (is_camera, id)
            });
            let _ = self.devices.try_set(found);
            let _ = self.choice.try_update(|choice| {
                if let (Source::Camera, Some(camera)) = (source, camera) {
                    choice.camera = camera;
                }
                if let Some(microphone) = microphone.filter(|id| !id.is_empty()) {
                    choice.microphone = microphone;
                }
            });
            for (is_camera, id) in moved {
                if let Some(id) = id {
                    self.choose_device(is_camera, id);
                }
            }
        });
    }
}

/// The device that was chosen last, when it is here under another id.
fn renamed(devices: &[CaptureDevice], is_camera: bool) -> Option<String> {
    let saved = saved_device(is_camera)?;
    let same = devices
        .iter()
        .filter(|device| device.is_camera == is_camera);
    let same = same.map(|device| (device.id.as_str(), device.label.as_str()));
    let found = find_device(same, (&saved.0, &saved.1))?;
    (found != saved.0).then(|| found.to_owned())
}

/// Id and name.
fn saved_device(is_camera: bool) -> Option<(String, String)> {
    let name = if is_camera { CAMERA } else { MICROPHONE };
    let saved = storage()?.get_item(name).ok()??;
    let (id, label) = saved.split_once('\n')?;
    Some((id.to_owned(), label.to_owned()))
}

fn tracks_of_sound(stream: &MediaStream) -> Vec<MediaStreamTrack> {
    let all = tracks(stream).into_iter();
    all.filter(|track| track.kind() == "audio").collect()
}
