//! One viewer's loop on the ordinary path, where the peer connection seals and sends: for those whom a shard cannot serve.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::counters::{Counters, ViewerCounters};
use super::end_reason::EndReason;
use super::packet_sink::{Disconnected, OutgoingPacket, PacketSink};
use super::rtp_clock::RtpClock;
use stream::Subscription;
use stream::shared_log::SharedLog;
use timeline::playhead::{DueFrame, Playhead, Step};

/// What a viewer tells about what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// Its decoder cannot go on without a keyframe: a PLI or FIR (RFC 4585 6.3.1, RFC 5104 4.3.1).
    KeyframeNeeded,
}

/// One RTP stream of the viewing.
struct OutgoingTrack {
    clock: RtpClock,
    sequence: u16,
}

/// One viewing: a playhead, and the RTP streams that it logs.
struct Viewing<O> {
    outlet: O,
    playhead: Playhead,
    streams: Vec<OutgoingTrack>,
    next_report: Instant,
    restarted: Option<Instant>,
    counters: Arc<ViewerCounters>,
    stream: Arc<Counters>,
}

/// Sender reports go out this often; the first follows the first packets at once, for lips to match early.
const REPORT_EVERY: Duration = Duration::from_secs(1);
const FIRST_REPORT: Duration = Duration::from_millis(60);
/// A keyframe leaves in bursts of so many packets with a breath between them, some 200 Mbit/s: a whole
/// one at once is more than the socket buffer of a browser takes.
const BURST: usize = 24;
const BREATH: Duration = Duration::from_millis(1);
/// RFC 3550 5.1.
const RTP_HEADER: usize = 12;
/// A viewer goes back to a keyframe this often at most.
const RESTART_EVERY: Duration = Duration::from_secs(1);

/// Sends what is due to a viewer until the stream is over or the viewer is gone.
pub async fn run(
    subscription: Subscription,
    outlet: impl PacketSink,
    mut feedback: mpsc::Receiver<Feedback>,
    counters: Arc<ViewerCounters>,
) -> EndReason {
    let now = Instant::now();
    let codecs = subscription.video().into_iter().chain(subscription.audio());
    let mut viewing = Viewing {
        outlet,
        playhead: Playhead::new(subscription.video(), subscription.audio(), now),
        streams: codecs
            .map(|codec| {
                let (clock, sequence) = RtpClock::new(codec);
                OutgoingTrack { clock, sequence }
            })
            .collect(),
        next_report: now + FIRST_REPORT,
        restarted: None,
        counters,
        stream: subscription.stream().counters().clone(),
    };
    let ended = viewing.watch(subscription.log(), &mut feedback).await;
    let skips = viewing.playhead.skips();
    viewing.counters.sent.skips.add(skips);
    viewing.stream.skips.add(skips);
    if skips > 0 {
        let stream = subscription.stream().name();
        tracing::info!(stream, skips, "a viewer was too slow and missed pictures");
    }
    ended
}

impl<O: PacketSink> Viewing<O> {
    async fn watch(
        &mut self,
        shared_log: &SharedLog,
        feedback: &mut mpsc::Receiver<Feedback>,
    ) -> EndReason {
        loop {
            let appended = shared_log.appended();
            tokio::pin!(appended);
            // From here on an append is noticed, so none is missed between looking at the log and waiting.
            appended.as_mut().enable();
            let now = Instant::now();
            let step = self.playhead.step(&shared_log.lock(), now);
            let until = match step {
                Step::Over => return EndReason::StreamOver,
                Step::Send(due) => {
                    if self.send(due).await.is_err() {
                        return EndReason::ViewerGone;
                    }
                    continue;
                }
                Step::Wait(until) => Some(until),
                Step::Starved => None,
            };
            if self.report(now).await.is_err() {
                return EndReason::ViewerGone;
            }
            let wake = until.map_or(self.next_report, |until| until.min(self.next_report));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = appended, if until.is_none() => {}
                told = feedback.recv() => match told {
                    Some(Feedback::KeyframeNeeded) => {
                        self.counters.sent.plis.add(1);
                        self.begin_again(Instant::now());
                    }
                    None => return EndReason::ViewerGone,
                },
            }
        }
    }

    async fn send(
        &mut self,
        DueFrame {
            codec,
            frame,
            viewer_time,
            ..
        }: DueFrame,
    ) -> Result<(), Disconnected> {
        let Some(stream) = self
            .streams
            .iter_mut()
            .find(|stream| stream.clock.codec() == codec)
        else {
            return Ok(());
        };
        let last = frame.payloads.len().saturating_sub(1);
        for (index, payload) in frame.payloads.iter().enumerate() {
            if index > 0 && index % BURST == 0 {
                tokio::time::sleep(BREATH).await;
            }
            let marker = codec.is_video() && index == last;
            let packet = OutgoingPacket {
                codec,
                sequence: stream.sequence,
                timestamp: stream.clock.timestamp(viewer_time),
                marker,
                payload: payload.clone(),
            };
            stream.sequence = stream.sequence.wrapping_add(1);
            stream.clock.count(payload.len());
            for counters in [&self.counters.sent, &*self.stream] {
                counters.packets.add(1);
                counters.bytes.add((RTP_HEADER + payload.len()) as u64);
            }
            self.outlet.send(packet).await?;
        }
        Ok(())
    }

    async fn report(&mut self, now: Instant) -> Result<(), Disconnected> {
        if now < self.next_report {
            return Ok(());
        }
        self.next_report = now + REPORT_EVERY;
        let (at, wall) = (self.playhead.clock(now), SystemTime::now());
        for stream in &self.streams {
            self.outlet.report(stream.clock.report(at, wall)).await?;
        }
        Ok(())
    }

    fn begin_again(&mut self, now: Instant) {
        if self
            .restarted
            .is_none_or(|last| now.duration_since(last) >= RESTART_EVERY)
        {
            self.restarted = Some(now);
            self.playhead.restart();
        }
    }
}
