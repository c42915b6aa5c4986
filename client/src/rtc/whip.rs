//! One WHIP session (RFC 9725): sends tracks.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    MediaStream, MediaStreamTrack, RtcRtpSender, RtcRtpTransceiver, RtcRtpTransceiverDirection,
    RtcRtpTransceiverInit,
};

use super::capture::tracks;
use super::dynamic::{call, call_async, get, object, set};
use super::media_connection::{MediaConnection, MediaEvent, on_dtls_closed};
use super::media_session::{IceServers, MediaSession, MediaSessionError, Resolve, SessionResource};

/// What is sent, and where.
pub struct Publication {
    pub endpoint: String,
    pub key: String,
    pub stream: MediaStream,
    /// The highest rate of the video, and of a second picture.
    pub max_bps: u32,
    pub inset_bps: u32,
    /// Offer H.264 before other codecs.
    pub h264_first: bool,
}

/// Without the key.
impl std::fmt::Debug for Publication {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.endpoint)
    }
}

/// Closes the connection and deletes the session on the server when dropped, even while the page is being closed.
#[derive(Debug)]
pub struct WhipSession {
    session: MediaSession,
    senders: Vec<RtcRtpSender>,
}

impl WhipSession {
    pub async fn open(
        publication: Publication,
        resolve: Resolve,
        ice: IceServers,
        on: Box<dyn Fn(MediaEvent)>,
    ) -> Result<Self, MediaSessionError> {
        let resource = Rc::new(SessionResource::default());
        let handler = SessionResource::follow(&resource, on);
        let connection = Rc::new(MediaConnection::new(&handler)?);
        let mut senders: Vec<RtcRtpSender> = Vec::new();
        for track in tracks(&publication.stream) {
            let max_bps = match has_picture(&senders) {
                true => publication.inset_bps,
                false => publication.max_bps,
            };
            senders.push(add(&connection, &track, max_bps, &publication));
        }
        let session = MediaSession::new(&connection, resource);
        let this = Self { session, senders };
        let key = format!("Bearer {}", publication.key);
        let headers = [
            ("content-type", "application/sdp"),
            ("authorization", key.as_str()),
        ];
        this.session
            .post(&publication.endpoint, &headers, resolve, ice)
            .await?;
        let observed = this.senders.first();
        if let Some(listener) = observed.and_then(|sender| on_dtls_closed(sender, handler)) {
            connection.keep(listener);
        }
        Ok(this)
    }

    /// Restarts ICE. Call it again only after the result; of two calls at once the later wins.
    pub fn restart(&self) -> impl Future<Output = Result<(), MediaSessionError>> + use<> {
        self.session.restart()
    }

    /// Sends the tracks of another stream instead. False: it has other kinds of tracks, which takes a new session.
    pub fn replace(&self, stream: &MediaStream, max_bps: u32) -> bool {
        let tracks = tracks(stream);
        // Browsers list tracks by their kinds, or as they were added: the picture, its sound, the inset.
        let fits = |(track, sender): (&MediaStreamTrack, &RtcRtpSender)| {
            sender.track().is_some_and(|old| old.kind() == track.kind())
        };
        if tracks.len() != self.senders.len() || !tracks.iter().zip(&self.senders).all(fits) {
            return false;
        }
        for (index, track) in tracks.into_iter().enumerate() {
            let sender = &self.senders[index];
            let is_video = track.kind() == "video" && !has_picture(&self.senders[..index]);
            // Both promises are of the browser's own work on this sender, and are rejected when it is closed meanwhile.
            let sender = JsValue::from(sender);
            wasm_bindgen_futures::spawn_local(async move {
                let _ = call_async(&sender, "replaceTrack", &[track.into()]).await;
                if is_video {
                    let parameters = call(&sender, "getParameters", &[]).unwrap_or_default();
                    let encodings: Array = get(&parameters, "encodings").unchecked_into();
                    set(&encodings.get(0), "maxBitrate", &max_bps.into());
                    let _ = call_async(&sender, "setParameters", &[parameters]).await;
                }
            });
        }
        true
    }

    pub fn url(&self) -> Option<String> {
        self.session.url()
    }

    /// An `RTCStatsReport`.
    pub fn stats(&self) -> js_sys::Promise {
        self.session.stats()
    }

    /// Closes the connection and leaves the session on the server as it is. Its URL names it in the request that replaces it.
    pub fn abandon(self) -> Option<String> {
        self.session.abandon()
    }
}

/// One of these sends a picture: the next is the inset.
fn has_picture(senders: &[RtcRtpSender]) -> bool {
    let mut tracks = senders.iter().filter_map(RtcRtpSender::track);
    tracks.any(|track| track.kind() == "video")
}

fn add(
    connection: &MediaConnection,
    track: &MediaStreamTrack,
    max_bps: u32,
    publication: &Publication,
) -> RtcRtpSender {
    let init = RtcRtpTransceiverInit::new();
    init.set_direction(RtcRtpTransceiverDirection::Sendonly);
    init.set_streams(&Array::of1(&publication.stream));
    let is_video = track.kind() == "video";
    if is_video {
        // The scale is explicit: without it browsers differ.
        let encoding = object(&[
            ("maxBitrate", max_bps.into()),
            ("scaleResolutionDownBy", 1.into()),
        ]);
        init.set_send_encodings(&Array::of1(&encoding));
    }
    let transceiver = connection
        .connection
        .add_transceiver_with_media_stream_track_and_init(track, &init);
    if is_video && publication.h264_first {
        prefer_h264(&transceiver);
    }
    transceiver.sender()
}

/// Puts H.264 in front of the other codecs. Packetization mode 0 stays behind: publishers do not use it.
fn prefer_h264(transceiver: &RtcRtpTransceiver) {
    let class = get(&js_sys::global(), "RTCRtpSender");
    let Ok(capabilities) = call(&class, "getCapabilities", &["video".into()]) else {
        return;
    };
    let codecs: Array = get(&capabilities, "codecs").unchecked_into();
    if !codecs.is_array() {
        return;
    }
    let is_h264 = |codec: &JsValue| {
        let text = |name| get(codec, name).as_string().unwrap_or_default();
        text("mimeType") == "video/H264" && text("sdpFmtpLine").contains("packetization-mode=1")
    };
    let (first, rest): (Vec<JsValue>, Vec<JsValue>) = codecs.iter().partition(is_h264);
    let ordered: Array = first.into_iter().chain(rest).collect();
    // A browser that refuses the order keeps its own.
    let _ = call(transceiver, "setCodecPreferences", &[ordered.into()]);
}
