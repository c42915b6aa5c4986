//! The tracks that a publisher has asked for.

use std::iter;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamTrack, Url};

use crate::rtc::audio_graph::AudioGraph;
use crate::rtc::capture::{
    CaptureError, display_media, is_blocked, media_devices, played_by, tracks, user_media,
};
use crate::rtc::dynamic::set;
use crate::rtc::listener::Listener;
use crate::rtc::timer::Timer;
use crate::state::capture::{CaptureChoice, CaptureProblem, Quality, Source};

/// Ends its tracks when dropped, which turns the devices off.
pub(super) struct Captured {
    /// What is sent.
    pub(super) stream: MediaStream,
    /// Of the browser, some of them mixed into the one that is sent.
    pub(super) sources: Vec<MediaStream>,
    /// The camera that was turned on while the screen was sent.
    camera: Option<AddedCamera>,
    /// Why there is no camera or no microphone with the screen.
    pub(super) problem: Option<CaptureProblem>,
    /// Plays the file until it is dropped.
    _player: Option<Player>,
    pub(super) graph: Option<AudioGraph>,
    pub(super) meter: Option<Timer>,
    pub(super) listeners: Vec<Listener>,
}

impl Captured {
    pub(super) fn stream(&self) -> MediaStream {
        // Not `stream.clone()`: that is the method of the browser and makes a new stream.
        Clone::clone(&self.stream)
    }

    /// `sources`: a picture with its sound, and further sound, or the inset with its sound.
    fn new(sources: Vec<MediaStream>, player: Option<Player>) -> Result<Self, JsValue> {
        let with_audio = |stream: &&MediaStream| stream.get_audio_tracks().length() > 0;
        let audible: Vec<MediaStream> = sources
            .iter()
            .filter(with_audio)
            .map(Clone::clone)
            .collect();
        let graph = match audible.is_empty() {
            true => None,
            false => AudioGraph::new(&audible),
        };
        let stream = MediaStream::new()?;
        let add = |track: JsValue| {
            if let Some(track) = track.dyn_ref::<MediaStreamTrack>() {
                stream.add_track(track);
            }
        };
        if let Some(picture) = sources.first() {
            add(picture.get_video_tracks().get(0));
        }
        // Players take one track of sound.
        match (&graph, audible.as_slice()) {
            (Some(graph), [_, _, ..]) => add(graph.mixed().get_audio_tracks().get(0)),
            (_, audible) => {
                if let Some(audible) = audible.first() {
                    add(audible.get_audio_tracks().get(0));
                }
            }
        }
        if let [_, second] = sources.as_slice() {
            add(second.get_video_tracks().get(0));
        }
        Ok(Self {
            stream,
            sources,
            camera: None,
            problem: None,
            _player: player,
            graph,
            meter: None,
            listeners: Vec::new(),
        })
    }
}

impl Captured {
    /// Sends the picture of this camera as the inset, or none. `on_ended`: listens for its end.
    pub(super) fn set_inset(
        &mut self,
        camera: Option<MediaStream>,
        on_ended: impl FnOnce(&MediaStreamTrack) -> Listener,
    ) {
        if let Some(before) = inset_of(&self.stream) {
            before.stop();
            self.stream.remove_track(&before);
        }
        self.camera = camera.and_then(|stream| {
            let track = stream.get_video_tracks().get(0).dyn_into().ok()?;
            self.stream.add_track(&track);
            Some(AddedCamera {
                _listener: on_ended(&track),
                stream,
            })
        });
    }
}

/// Is turned off when dropped.
struct AddedCamera {
    _listener: Listener,
    stream: MediaStream,
}

impl Drop for AddedCamera {
    fn drop(&mut self) {
        tracks(&self.stream).iter().for_each(|track| track.stop());
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        self.listeners.clear();
        self.sources
            .iter()
            .flat_map(tracks)
            .for_each(|track| track.stop());
    }
}

/// A video element that plays a file again and again, without a sound here.
struct Player(HtmlVideoElement);

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.pause();
        let _ = Url::revoke_object_url(&self.0.src());
        self.0.set_src("");
    }
}

/// Asks the browser for what was chosen.
pub(super) async fn request(
    choice: &CaptureChoice,
    file: Option<web_sys::File>,
) -> Result<Captured, CaptureProblem> {
    if choice.source != Source::File && !media_devices().is_object() {
        return Err(CaptureProblem::Insecure);
    }
    let is_screen = choice.source == Source::Screen;
    let problem =
        |error: CaptureError| CaptureProblem::of_error(&error.name, &error.message, is_screen);
    let (camera, microphone) = (choice.camera.as_str(), choice.microphone.as_str());
    let height = choice.quality.height();
    let mut lacking = None;
    let (sources, player) = match choice.source {
        Source::Camera => (
            vec![device_stream(Some(camera), Some(microphone), height).await],
            None,
        ),
        Source::Microphone => (
            vec![device_stream(None, Some(microphone), height).await],
            None,
        ),
        Source::Screen => {
            // Without a screen the devices stay off.
            let screen = display_media().await.map_err(problem)?;
            let camera = choice.has_inset().then_some(camera);
            let (devices, problem) = screen_devices(camera, microphone).await;
            lacking = problem;
            (
                iter::once(Ok(screen)).chain(devices.map(Ok)).collect(),
                None,
            )
        }
        Source::File => {
            let player = play(file.ok_or(CaptureProblem::BadFile)?).await;
            let player = player.map_err(|_| CaptureProblem::BadFile)?;
            (vec![played_by(&player.0)], Some(player))
        }
    };
    let sources: Result<Vec<MediaStream>, CaptureError> = sources.into_iter().collect();
    let captured = Captured::new(sources.map_err(problem)?, player);
    let mut captured = captured.map_err(|_| CaptureProblem::Failed)?;
    captured.problem = lacking;
    hint_at(&captured.stream, choice.content_hint());
    Ok(captured)
}

/// Tells the encoder what the picture shows. An inset is a camera.
pub(super) fn hint_at(stream: &MediaStream, hint: &str) {
    let picture = stream.get_video_tracks().get(0);
    if picture.is_object() {
        set(&picture, "contentHint", &hint.into());
    }
}

/// The track of the inset.
pub(super) fn inset_of(stream: &MediaStream) -> Option<MediaStreamTrack> {
    stream.get_video_tracks().get(1).dyn_into().ok()
}

/// A screen is worth sending without a microphone, and without a camera. Returns what works, and why one is lacking.
async fn screen_devices(
    camera: Option<&str>,
    microphone: &str,
) -> (Option<MediaStream>, Option<CaptureProblem>) {
    let microphone = Some(microphone);
    let mut requests = vec![(camera, microphone)];
    let mut lacking = None;
    if camera.is_some() {
        // The person may be asked at each request: none is made for what is known to be blocked, unless that is all, and one tells why.
        let blocked = (is_blocked(true).await, is_blocked(false).await);
        if blocked != (true, true) {
            requests.extend([(camera, None), (None, microphone)]);
            requests.retain(|(camera, microphone)| {
                !(blocked.0 && camera.is_some() || blocked.1 && microphone.is_some())
            });
            lacking = (blocked.0 || blocked.1).then_some(CaptureProblem::Denied);
        }
    }
    for (asked, microphone) in requests {
        match device_stream(asked, microphone, Quality::INSET.height()).await {
            Ok(devices) => return (Some(devices), lacking),
            // The reason of the camera has been told.
            Err(_) if asked.is_none() && lacking.is_some() => {}
            Err(error) => {
                let problem = CaptureProblem::of_error(&error.name, &error.message, false);
                lacking = Some(problem);
            }
        }
    }
    // Nobody asked for a microphone that is not there.
    let is_told = camera.is_some() || lacking != Some(CaptureProblem::NotFound);
    (None, lacking.filter(|_| is_told))
}

/// The chosen devices, or any when they are not there.
async fn device_stream(
    mut camera: Option<&str>,
    mut microphone: Option<&str>,
    height: u32,
) -> Result<MediaStream, CaptureError> {
    loop {
        match user_media(camera, microphone, height).await {
            Err(error)
                if error.name == "OverconstrainedError"
                    && (camera.into_iter().chain(microphone)).any(|id| !id.is_empty()) =>
            {
                (camera, microphone) = (camera.map(|_| ""), microphone.map(|_| ""));
            }
            // A computer with a camera and no microphone.
            Err(error) if error.name == "NotFoundError" && camera.and(microphone).is_some() => {
                microphone = None;
            }
            asked => return asked,
        }
    }
}

/// A camera for an inset, without a sound.
pub(super) async fn inset_camera(camera: &str) -> Result<MediaStream, CaptureProblem> {
    let height = Quality::INSET.height();
    let asked = user_media(Some(camera), None, height).await;
    asked.map_err(|error| CaptureProblem::of_error(&error.name, &error.message, false))
}

async fn play(file: web_sys::File) -> Result<Player, JsValue> {
    let player = Player(document().create_element("video")?.unchecked_into());
    player.0.set_muted(true);
    player.0.set_loop(true);
    player.0.set_src(&Url::create_object_url_with_blob(&file)?);
    JsFuture::from(player.0.play()?).await?;
    Ok(player)
}
