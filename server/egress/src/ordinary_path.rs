//! Sends to one viewer on the ordinary path, where the peer connection encrypts and sends: for viewers whose SRTP keys could not be obtained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::counters::{Counters, ViewerCounters};
use super::end_reason::EndReason;
use super::packet_sink::{Disconnected, OutgoingPacket, PacketSink};
use super::rtp_clock::{RtpClock, WallClock};
use stream::Subscription;
use stream::shared_log::SharedLog;
use timeline::playhead::{DueUnit, Playhead, Step};

/// A request of the viewer, from its RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// A PLI or FIR: the decoder needs a keyframe (RFC 4585 6.3.1, RFC 5104 4.3.1).
    KeyframeNeeded,
}

/// The numbering of one track.
struct OutgoingTrack {
    clock: RtpClock,
    sequence: u16,
}

/// One viewer: a playhead, and the tracks that it feeds.
struct OrdinaryViewer<S> {
    sink: S,
    playhead: Playhead,
    /// By the playhead's slots.
    tracks: Vec<OutgoingTrack>,
    next_report: Instant,
    wall_clock: WallClock,
    restarted: Option<Instant>,
    counters: Arc<ViewerCounters>,
    stream_counters: Arc<Counters>,
}

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The first report soon follows the first packets: without it the viewer cannot synchronize audio and video.
const FIRST_REPORT: Duration = Duration::from_millis(60);
/// A frame is sent in bursts of this many packets with a pause between them, some 200 Mbit/s: a whole keyframe at once overflows the receive
/// buffer of a browser.
const BURST_PACKETS: usize = 24;
const BURST_PAUSE: Duration = Duration::from_millis(1);
/// A paused viewer looks again after this.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// RFC 3550 5.1.
const RTP_HEADER: usize = 12;
/// The shortest time between two restarts at a keyframe.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);

/// Sends due frames to a viewer until the stream or the connection ends.
pub async fn run(
    subscription: Subscription,
    sink: impl PacketSink,
    mut feedback: mpsc::Receiver<Feedback>,
    counters: Arc<ViewerCounters>,
) -> EndReason {
    let now = Instant::now();
    let codecs = subscription.codecs();
    let mut viewer = OrdinaryViewer {
        sink,
        playhead: Playhead::new(subscription.slots(), now),
        tracks: codecs
            .map(|codec| {
                let (clock, sequence) = RtpClock::new(codec);
                OutgoingTrack { clock, sequence }
            })
            .collect(),
        next_report: now + FIRST_REPORT,
        wall_clock: WallClock::new(now),
        restarted: None,
        counters,
        stream_counters: subscription.stream().counters().clone(),
    };
    let ended = viewer.run(subscription.log(), &mut feedback).await;
    let skips = viewer.playhead.skips();
    viewer.counters.sent.skips.add(skips);
    viewer.stream_counters.skips.add(skips);
    if skips > 0 {
        let stream = subscription.stream().name();
        tracing::info!(stream, skips, "frames were skipped for a slow viewer");
    }
    ended
}

impl<S: PacketSink> OrdinaryViewer<S> {
    async fn run(
        &mut self,
        shared_log: &SharedLog,
        feedback: &mut mpsc::Receiver<Feedback>,
    ) -> EndReason {
        loop {
            let appended = shared_log.appended();
            tokio::pin!(appended);
            // Enabled before the log is read, so that no append between reading and waiting is missed.
            appended.as_mut().enable();
            let now = Instant::now();
            let step = self.playhead.step(shared_log, now);
            let until = match step {
                Step::Closed => return EndReason::StreamOver,
                Step::End => return EndReason::TrackGone,
                Step::Send(due) => {
                    if self.send(due).await.is_err() {
                        return EndReason::ViewerGone;
                    }
                    continue;
                }
                Step::Wait(until) => Some(until),
                Step::Starved => None,
                Step::Held | Step::Load(_) => Some(now + POLL_INTERVAL),
            };
            if self.report(now).await.is_err() {
                return EndReason::ViewerGone;
            }
            let wake = until.map_or(self.next_report, |until| until.min(self.next_report));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = appended, if until.is_none() => {}
                request = feedback.recv() => match request {
                    Some(Feedback::KeyframeNeeded) => {
                        self.counters.sent.plis.add(1);
                        self.restart(Instant::now());
                    }
                    None => return EndReason::ViewerGone,
                },
            }
        }
    }

    async fn send(
        &mut self,
        DueUnit {
            slot,
            unit,
            viewer_time,
            ..
        }: DueUnit,
    ) -> Result<(), Disconnected> {
        let Some(track) = self.tracks.get_mut(slot) else {
            return Ok(());
        };
        let codec = track.clock.codec();
        let payloads = &unit.unit().payloads;
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.iter().enumerate() {
            if index > 0 && index % BURST_PACKETS == 0 {
                tokio::time::sleep(BURST_PAUSE).await;
            }
            let marker = codec.is_video() && index == last;
            let packet = OutgoingPacket {
                codec,
                sequence: track.sequence,
                timestamp: track.clock.timestamp(viewer_time),
                marker,
                payload: payload.to_bytes(),
            };
            track.sequence = track.sequence.wrapping_add(1);
            track.clock.count(payload.len());
            for counters in [&self.counters.sent, &*self.stream_counters] {
                counters.packets.add(1);
                counters.bytes.add((RTP_HEADER + payload.len()) as u64);
            }
            self.sink.send(packet).await?;
        }
        Ok(())
    }

    async fn report(&mut self, now: Instant) -> Result<(), Disconnected> {
        if now < self.next_report {
            return Ok(());
        }
        self.next_report = now + REPORT_INTERVAL;
        let (at, wall) = (self.playhead.clock(now), self.wall_clock.at(now));
        for track in &self.tracks {
            self.sink.report(track.clock.sender_info(at, wall)).await?;
        }
        Ok(())
    }

    fn restart(&mut self, now: Instant) {
        if self
            .restarted
            .is_none_or(|last| now.duration_since(last) >= RESTART_INTERVAL)
        {
            self.restarted = Some(now);
            self.playhead.restart();
        }
    }
}
