//! The webrtc crate's part of an answer.

use std::sync::Arc;

use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};
use webrtc::rtp_transceiver::RtpSender;

use super::connection::track;
use super::negotiation::Negotiation;
use super::outlet::Track;
use super::sdp::Sdp;
use super::viewers::{SessionError, random_hex};
use net::Route;

/// The crate's part of the first answer.
pub(super) struct Answered {
    pub(super) sdp: String,
    pub(super) tracks: Vec<Track>,
    pub(super) sender: Option<Arc<dyn RtpSender>>,
}

/// Answers the first offer: the tracks are added.
pub(super) async fn answer_first(
    pc: &dyn PeerConnection,
    route: &Route,
    negotiation: &Negotiation,
) -> Result<Answered, SessionError> {
    let offer = RTCSessionDescription::offer(negotiation.offer().to_owned())
        .map_err(SessionError::Offer)?;
    pc.set_remote_description(offer)
        .await
        .map_err(SessionError::Offer)?;
    let stream = random_hex::<8>()?;
    let (mut tracks, mut sender) = (Vec::new(), None);
    for format in [&negotiation.video, &negotiation.audio]
        .into_iter()
        .flatten()
    {
        let numbers = getrandom::u64()
            .map_err(|error| SessionError::Internal(format!("no random numbers: {error}")))?;
        // Neither is 0, and they differ.
        let ssrc = (numbers >> 32) as u32 | 1;
        let rtx_ssrc = (numbers as u32 | 1) ^ 1 | 2;
        let local = Arc::new(track(format, &stream, ssrc, rtx_ssrc));
        sender = Some(
            pc.add_track(local.clone())
                .await
                .map_err(SessionError::Offer)?,
        );
        tracks.push(Track::new(format, ssrc, rtx_ssrc, local));
    }
    let sdp = answer_to_remote(pc, route).await?;
    Ok(Answered {
        sdp,
        tracks,
        sender,
    })
}

/// Answers an offer with new ICE credentials.
pub(super) async fn answer_again(
    pc: &dyn PeerConnection,
    route: &Route,
    negotiation: &Negotiation,
) -> Result<String, SessionError> {
    let offer = RTCSessionDescription::offer(negotiation.offer().to_owned())
        .map_err(SessionError::Offer)?;
    pc.set_remote_description(offer)
        .await
        .map_err(SessionError::Offer)?;
    answer_to_remote(pc, route).await
}

async fn answer_to_remote(pc: &dyn PeerConnection, route: &Route) -> Result<String, SessionError> {
    let answer = pc.create_answer(None).await.map_err(SessionError::Offer)?;
    let sdp = answer.sdp.clone();
    // Before the answer goes out: the viewer's first request may arrive at once.
    if let Some(ufrag) = Sdp::parse(&sdp)
        .ok()
        .and_then(|sdp| sdp.anywhere("ice-ufrag"))
    {
        route.set_ufrag(ufrag);
    }
    pc.set_local_description(answer)
        .await
        .map_err(SessionError::Offer)?;
    Ok(sdp)
}
