//! What is due, in its order, sealed into batches.

use std::time::{Duration, Instant};

use super::{Next, Picture, SendContext, Viewer};
use crate::srtp::RtpPacket;
use congestion::rtx_history::SentPacket;
use net::batch::FlushOutcome;
use timeline::log::Log;
use timeline::playhead::{DueFrame, Step};

/// A TCP connection that takes nothing more is looked at again after this.
const FULL_AGAIN: Duration = Duration::from_millis(20);

/// A packet does not fit, and the batch before it cannot leave yet.
pub(super) struct Full;

impl Viewer {
    /// Fills batches with what is due. What comes first: repairs, the picture on its way, sound, the next picture.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<Next, Full> {
        if self.path.is_full() {
            return Ok(Next::At(now + FULL_AGAIN));
        }
        let shared_log = self.subscription.log().clone();
        self.repair(now, context)?;
        if let Some(sound) = self.sound.take() {
            self.begin(sound, now, context)?;
        }
        if std::mem::take(&mut self.keyframe_needed) {
            self.find_keyframe(now);
        }
        loop {
            self.send_picture(now, context)?;
            let step = {
                let log = shared_log.lock();
                let step = self.step(&log, now, context);
                if matches!(step, Step::Starved) {
                    self.waker.arm();
                }
                step
            };
            let held = self.picture.is_some() || !self.repairs.is_empty();
            let paced = held.then(|| self.pacer.next(now));
            match (step, paced) {
                (Step::Over, _) => return Ok(Next::Over),
                (Step::Send(due), _) => self.begin(due, now, context)?,
                (Step::Wait(until), Some(paced)) => return Ok(Next::At(until.min(paced))),
                (Step::Wait(until), None) => return Ok(Next::At(until)),
                (Step::Starved, Some(paced)) => return Ok(Next::At(paced)),
                (Step::Starved, None) => return Ok(Next::Appended),
            }
        }
    }

    fn step(&mut self, log: &Log, now: Instant, context: &SendContext<'_>) -> Step {
        let skips = self.playhead.skips();
        if self.picture.is_some() && self.playhead.should_drop_frame(log, now) {
            self.picture = None;
        }
        let step = match self.picture {
            Some(_) => self.playhead.step_audio(log, now),
            None => self.playhead.step(log, now),
        };
        if self.playhead.skips() > skips {
            self.count(context.counters, |counters| counters.skips.add(1));
        }
        step
    }

    /// Sound leaves at once; a picture begins to.
    fn begin(
        &mut self,
        due: DueFrame,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<(), Full> {
        let Some(track) = self.track_of(due.codec) else {
            return Ok(());
        };
        let timestamp = self.tracks[track].timestamp(due.viewer_time);
        if due.codec.is_video() {
            context.note_late(now, due.due_at.max(due.frame.appended));
            self.picture = Some(Picture {
                frame: due.frame,
                number: due.number,
                timestamp,
                done: 0,
            });
            return Ok(());
        }
        for (index, payload) in due.frame.payloads.iter().enumerate() {
            let packet = RtpPacket {
                marker: false,
                timestamp,
                twcc: None,
                original_sequence: None,
                payload,
            };
            let sequence = self.tracks[track].next_sequence();
            if let Err(full) = self.push(track, packet, now, context) {
                self.sound = Some(due);
                return Err(full);
            }
            let sent = SentPacket {
                frame: due.number,
                index: index as u16,
                timestamp,
            };
            self.tracks[track].note(sequence, 1, sent);
        }
        context.note_late(now, due.due_at.max(due.frame.appended));
        Ok(())
    }

    /// Sends as much of the picture as the pacer lets go.
    fn send_picture(&mut self, now: Instant, context: &mut SendContext<'_>) -> Result<(), Full> {
        let Some(mut picture) = self.picture.take() else {
            return Ok(());
        };
        let Some(track) = self
            .tracks
            .iter()
            .position(|track| track.codec().is_video())
        else {
            return Ok(());
        };
        let count = picture.frame.payloads.len();
        let (began, first) = (picture.done, self.tracks[track].next_sequence());
        let mut outcome = Ok(());
        while picture.done < count {
            if !self.pacer.may_send(now) {
                break;
            }
            let packet = RtpPacket {
                marker: picture.done + 1 == count,
                timestamp: picture.timestamp,
                twcc: None,
                original_sequence: None,
                payload: &picture.frame.payloads[picture.done],
            };
            outcome = self.push(track, packet, now, context);
            if outcome.is_err() {
                break;
            }
            picture.done += 1;
        }
        if picture.done > began {
            let sent = SentPacket {
                frame: picture.number,
                index: began as u16,
                timestamp: picture.timestamp,
            };
            self.tracks[track].note(first, picture.done - began, sent);
        }
        if picture.done < count {
            self.picture = Some(picture);
        }
        outcome
    }

    /// Sends again what was asked for, from the log.
    fn repair(&mut self, now: Instant, context: &mut SendContext<'_>) -> Result<(), Full> {
        while let Some(&(track, sequence)) = self.repairs.front() {
            if !self.pacer.may_send(now) {
                break;
            }
            let codec = self.tracks[track].codec();
            let sent = self.tracks[track].sent();
            let found = sent.and_then(|sent| sent.find(sequence)).and_then(|sent| {
                let log = self.subscription.log().lock();
                let frame = log.track(codec)?.get(sent.frame)?;
                Some((sent, frame.clone()))
            });
            if let Some((sent, frame)) = found
                && let Some(payload) = frame.payloads.get(usize::from(sent.index))
                && self.rtx_budget.spend(payload.len())
            {
                let last = usize::from(sent.index) + 1 == frame.payloads.len();
                let packet = RtpPacket {
                    marker: last && codec.is_video(),
                    timestamp: sent.timestamp,
                    twcc: None,
                    original_sequence: Some(sequence),
                    payload,
                };
                self.push(track, packet, now, context)?;
                self.repaired += 1;
            }
            self.repairs.pop_front();
        }
        Ok(())
    }

    /// Seals a packet into the batch; a batch that it does not fit into leaves before.
    fn push(
        &mut self,
        track: usize,
        mut packet: RtpPacket<'_>,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<(), Full> {
        packet.twcc = self.tracks[track].twcc_id().map(|id| (id, 0));
        let size = self.srtp.size(&packet);
        if !context.batch.fits(size, self.segments) && self.flush(context) == FlushOutcome::Full {
            return Err(Full);
        }
        // A number is given once it is certain that the packet leaves.
        if let Some((_, number)) = &mut packet.twcc {
            *number = self.history.add(now, size);
        }
        match self.tracks[track].protect(&mut self.srtp, &packet, context.batch.buffer()) {
            Ok(()) => {
                context.batch.commit(size);
                self.pacer.on_packet_sent(size);
                self.estimator.on_packet_sent(now, size);
                if packet.original_sequence.is_none() {
                    self.rtx_budget.earn(size);
                }
            }
            Err(error) => tracing::error!(%error, "a packet could not be sealed"),
        }
        Ok(())
    }

    /// Sends the batch.
    pub(super) fn flush(&mut self, context: &mut SendContext<'_>) -> FlushOutcome {
        let (packets, bytes) = (context.batch.packets() as u64, context.batch.bytes() as u64);
        let flushed = context.batch.flush(self.route.port(), &self.path);
        self.count(context.counters, |counters| {
            match flushed {
                FlushOutcome::Sent => {
                    counters.packets.add(packets);
                    counters.bytes.add(bytes);
                    counters.batches.add(1);
                }
                FlushOutcome::Refused => counters.send_errors.add(1),
                FlushOutcome::Empty | FlushOutcome::Full => {}
            }
            counters.rtx.add(self.repaired);
        });
        self.repaired = 0;
        flushed
    }
}
