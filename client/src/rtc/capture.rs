//! Tracks of camera, microphone, screen and files (W3C "Media Capture and Streams", "Screen Capture").

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamTrack};

use super::dynamic::{call, call_async, get, object};

/// Frames per second that are asked for.
const FRAME_RATE: u32 = 30;

/// Why the browser gives no tracks: its `DOMException`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    pub name: String,
    pub message: String,
}

impl From<JsValue> for CaptureError {
    fn from(error: JsValue) -> Self {
        let text = |name| get(&error, name).as_string().unwrap_or_default();
        Self {
            name: text("name"),
            message: text("message"),
        }
    }
}

/// A camera or a microphone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureDevice {
    pub is_camera: bool,
    /// May change between visits.
    pub id: String,
    pub label: String,
}

/// Camera and microphone, by one request: on iOS a second one mutes the track of the first. `None`: without this kind; an empty id: any device.
pub async fn user_media(
    camera: Option<&str>,
    microphone: Option<&str>,
    height: u32,
) -> Result<MediaStream, CaptureError> {
    let device = |id: &str| match id {
        "" => object(&[]),
        id => object(&[("exact", id.into())]),
    };
    let ideal = |value: u32| object(&[("ideal", value.into())]);
    let video = camera.map(|id| {
        object(&[
            ("deviceId", device(id)),
            ("width", ideal(height * 16 / 9)),
            ("height", ideal(height)),
            ("frameRate", ideal(FRAME_RATE)),
        ])
    });
    let audio = microphone.map(|id| object(&[("deviceId", device(id))]));
    let constraints = object(&[
        ("video", video.unwrap_or(false.into())),
        ("audio", audio.unwrap_or(false.into())),
    ]);
    request("getUserMedia", constraints).await
}

/// A screen, a window or a tab, with its sound where the browser can.
pub async fn display_media() -> Result<MediaStream, CaptureError> {
    let constraints = object(&[
        ("video", object(&[("frameRate", FRAME_RATE.into())])),
        ("audio", true.into()),
        ("systemAudio", "include".into()),
        ("surfaceSwitching", "include".into()),
        ("selfBrowserSurface", "exclude".into()),
    ]);
    request("getDisplayMedia", constraints).await
}

/// Phones have none.
pub fn has_display_media() -> bool {
    get(&media_devices(), "getDisplayMedia").is_function()
}

async fn request(method: &str, constraints: JsValue) -> Result<MediaStream, CaptureError> {
    let stream = call_async(&media_devices(), method, &[constraints]).await?;
    Ok(stream.unchecked_into())
}

/// `navigator.mediaDevices`: `undefined` on a page that is not secure.
pub fn media_devices() -> JsValue {
    get(&navigator(), "mediaDevices")
}

fn navigator() -> JsValue {
    let window = web_sys::window().map(JsValue::from).unwrap_or_default();
    get(&window, "navigator")
}

/// This page may not use the camera, or the microphone, and the person is not asked (W3C "Permissions"). False where the browser does not tell.
pub async fn is_blocked(is_camera: bool) -> bool {
    let name = if is_camera { "camera" } else { "microphone" };
    let permissions = get(&navigator(), "permissions");
    let status = call_async(&permissions, "query", &[object(&[("name", name.into())])]).await;
    status.is_ok_and(|status| get(&status, "state") == "denied")
}

/// The cameras and microphones. Without permission they have no names.
pub async fn devices() -> Vec<CaptureDevice> {
    let list = call_async(&media_devices(), "enumerateDevices", &[]).await;
    let list: js_sys::Array = list.unwrap_or_default().unchecked_into();
    let device = |device: JsValue| {
        let text = |name| get(&device, name).as_string().unwrap_or_default();
        let is_camera = match text("kind").as_str() {
            "videoinput" => true,
            "audioinput" => false,
            _ => return None,
        };
        let (id, label) = (text("deviceId"), text("label"));
        // Chromium lists the default devices of Windows a second time.
        let is_alias = matches!(id.as_str(), "default" | "communications");
        (!label.is_empty() && !is_alias).then_some(CaptureDevice {
            is_camera,
            id,
            label,
        })
    };
    match list.is_array() {
        true => list.iter().filter_map(device).collect(),
        false => Vec::new(),
    }
}

/// Safari cannot.
pub fn can_play_to_stream() -> bool {
    let video = get(&get(&js_sys::global(), "HTMLVideoElement"), "prototype");
    ["captureStream", "mozCaptureStream"].map(|name| get(&video, name).is_function()) != [false; 2]
}

/// What a video element plays. Safari cannot.
pub fn played_by(video: &HtmlVideoElement) -> Result<MediaStream, CaptureError> {
    let stream =
        call(video, "captureStream", &[]).or_else(|_| call(video, "mozCaptureStream", &[]))?;
    Ok(stream.unchecked_into())
}

/// The tracks of a stream.
pub fn tracks(stream: &MediaStream) -> Vec<MediaStreamTrack> {
    let tracks = stream.get_tracks().into_iter();
    tracks.map(|track| track.unchecked_into()).collect()
}

/// The device that a track comes from.
pub fn device_of(track: &MediaStreamTrack) -> String {
    let settings = call(track, "getSettings", &[]).unwrap_or_default();
    get(&settings, "deviceId").as_string().unwrap_or_default()
}
