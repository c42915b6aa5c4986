//! Receives video and audio, and a second picture.

use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    MediaStream, RtcPeerConnection, RtcRtpReceiver, RtcRtpTransceiverDirection,
    RtcRtpTransceiverInit, RtcTrackEvent,
};

use super::listener::Listener;
use super::media_connection::{EventHandler, MediaConnection, MediaEvent, on_dtls_closed};

/// Closes the connection, stops its tracks and frees its closures when dropped.
#[derive(Debug)]
pub struct MediaReceiver {
    connection: Rc<MediaConnection>,
    stream: MediaStream,
    inset: MediaStream,
}

impl MediaReceiver {
    /// A connection with a transceiver for each of these kinds (`video`, `audio`).
    pub fn new(kinds: &[&str], on: impl Fn(MediaEvent) + 'static) -> Result<Self, JsValue> {
        Self::with(kinds, Rc::new(on))
    }

    pub(super) fn with(kinds: &[&str], on: EventHandler) -> Result<Self, JsValue> {
        let connection = Rc::new(MediaConnection::new(&on)?);
        let stream = MediaStream::new()?;
        for kind in kinds {
            let init = RtcRtpTransceiverInit::new();
            init.set_direction(RtcRtpTransceiverDirection::Recvonly);
            let transceiver = connection
                .connection
                .add_transceiver_with_str_and_init(kind, &init);
            minimize_playout_delay(&transceiver.receiver());
        }
        let receiver = Self {
            connection,
            stream,
            inset: MediaStream::new()?,
        };
        receiver.connection.keep(receiver.on_track(on));
        Ok(receiver)
    }

    /// Of a connection that has its tracks, the first from `receiver`.
    pub(super) fn of(
        connection: RtcPeerConnection,
        [stream, inset]: [MediaStream; 2],
        receiver: &JsValue,
        on: EventHandler,
    ) -> Self {
        let connection = Rc::new(MediaConnection::observe(connection, &on));
        if let Some(listener) = on_dtls_closed(receiver, on) {
            connection.keep(listener);
        }
        Self {
            connection,
            stream,
            inset,
        }
    }

    /// Collects the tracks and observes the DTLS transport of the first.
    fn on_track(&self, on: EventHandler) -> Listener {
        // Not `stream.clone()`: that is the method of the browser and makes a new stream.
        let (stream, inset) = (Clone::clone(&self.stream), Clone::clone(&self.inset));
        let mut transport_listener: Option<Listener> = None;
        Listener::new(&self.connection.connection, "track", move |event| {
            let event: RtcTrackEvent = event.unchecked_into();
            let track = event.track();
            // The tracks come in the order of the m-lines.
            let is_second = track.kind() == "video" && stream.get_video_tracks().length() > 0;
            let to = if is_second { &inset } else { &stream };
            to.add_track(&track);
            if transport_listener.is_none() {
                transport_listener = on_dtls_closed(&event.receiver(), Rc::clone(&on));
            }
            on(MediaEvent::Track);
        })
    }

    /// The received tracks, for `srcObject`. Empty until they arrive.
    pub fn stream(&self) -> &MediaStream {
        &self.stream
    }

    /// The second picture, in the same way.
    pub(super) fn inset(&self) -> &MediaStream {
        &self.inset
    }

    pub(super) fn connection(&self) -> &Rc<MediaConnection> {
        &self.connection
    }
}

impl Drop for MediaReceiver {
    fn drop(&mut self) {
        let tracks = [self.stream.get_tracks(), self.inset.get_tracks()];
        for track in tracks.iter().flat_map(|tracks| tracks.iter()) {
            track.unchecked_into::<web_sys::MediaStreamTrack>().stop();
        }
        self.connection.close();
    }
}

/// Asks for the smallest jitter buffer, by the standard name (milliseconds) and by that of older Chrome (seconds).
fn minimize_playout_delay(receiver: &RtcRtpReceiver) {
    // A browser that knows neither ignores the property.
    let _ = Reflect::set(receiver, &"jitterBufferTarget".into(), &0.into());
    let _ = Reflect::set(receiver, &"playoutDelayHint".into(), &0.into());
}
