//! Sends due frames: retransmissions, current video frame, audio, next video frame.

use std::time::{Duration, Instant};

use super::{CurrentFrame, EndReason, NextPoll, SendContext, Viewer};
use congestion::rtx_history::SentPacket;
use net::batch::FlushOutcome;
use srtp::RtpPacket;
use timeline::playhead::{DueUnit, Step};

/// A viewer whose next chunk is being loaded is polled again after this.
const LOAD_INTERVAL: Duration = Duration::from_millis(10);
/// A TCP connection whose send queue is full is polled again after this.
const TCP_RETRY_DELAY: Duration = Duration::from_millis(20);

/// The batch is full and the socket is not writable.
pub(super) struct Full;

impl Viewer {
    /// Fills batches with due packets, and flushes every full one.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<NextPoll, Full> {
        if self.path.is_full() {
            return Ok(NextPoll::At(now + TCP_RETRY_DELAY));
        }
        self.retransmit(now, context)?;
        if let Some(audio) = self.blocked_audio.take() {
            self.begin(audio, now, context)?;
        }
        if std::mem::take(&mut self.keyframes.needed) {
            self.answer_keyframe_request(now);
        }
        loop {
            self.send_current_frame(now, context)?;
            let mut step = self.step(now);
            if matches!(step, Step::Starved) {
                self.waker.arm();
                // It may have been appended just before.
                step = self.step(now);
            }
            self.request_keyframes(now);
            let waiting = self.current_frame.is_some() || !self.retransmissions.is_empty();
            let paced = waiting.then(|| self.pacer.next(now));
            let next = match step {
                Step::Send(due) => {
                    self.begin(due, now, context)?;
                    continue;
                }
                Step::Closed => return Ok(NextPoll::Never(EndReason::StreamOver)),
                Step::Withdrawn(slot) if self.replace_track(slot, now) => continue,
                Step::Withdrawn(slot) if self.is_inset(slot) => {
                    self.set_idle(slot, true, now);
                    continue;
                }
                Step::End | Step::Withdrawn(_) => {
                    return Ok(NextPoll::Never(EndReason::TrackGone));
                }
                Step::Wait(until) => Some(until),
                Step::Load(_) => Some(now + LOAD_INTERVAL),
                // Reports go on.
                Step::Held => Some(self.next_timeout()),
                Step::Starved => None,
            };
            return Ok(match (next, paced) {
                (Some(next), Some(paced)) => NextPoll::At(next.min(paced)),
                (Some(at), None) | (None, Some(at)) => NextPoll::At(at),
                (None, None) => NextPoll::OnAppend,
            });
        }
    }

    /// Moves the playhead; while a video frame is being sent, over audio only.
    fn step(&mut self, now: Instant) -> Step {
        let log = &**self.subscription.log();
        let skips = self.playhead.skips();
        let current = self.current_frame.as_ref();
        let is_main = current.is_some_and(|current| !self.is_inset(current.slot));
        if is_main && self.playhead.should_drop_frame(log, now) {
            self.current_frame = None;
        }
        let step = match self.current_frame {
            Some(_) => self.playhead.step_audio(log, now),
            None => self.playhead.step(log, now),
        };
        if self.playhead.skips() > skips {
            self.tally.skips += 1;
        }
        step
    }

    /// Sends an audio unit whole; makes a video frame the current one.
    fn begin(
        &mut self,
        due: DueUnit,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<(), Full> {
        let slot = due.slot;
        let Some(track) = self.tracks.get(slot) else {
            return Ok(());
        };
        let timestamp = track.timestamp(due.viewer_time);
        let unit = due.unit.unit();
        let ready = due.due_at.max(unit.appended);
        if track.codec().is_video() {
            context.count_lateness(now, ready);
            let is_inset = self.is_inset(slot);
            if !is_inset && std::mem::take(&mut self.keyframes.held) && !unit.keyframe {
                self.keyframes.needed = true;
            }
            self.current_frame = Some(CurrentFrame {
                unit: due.unit,
                slot,
                timestamp,
                packets_sent: 0,
            });
            if !is_inset && std::mem::take(&mut self.keyframes.needed) {
                self.find_keyframe(now);
            }
            if let Some(current) = &self.current_frame {
                self.keyframes.on_picture(slot, &current.unit);
            }
            return Ok(());
        }
        let first = self.tracks[slot].next_sequence();
        let mut sent = 0;
        while let Some(payload) = due.unit.unit().payloads.get(sent) {
            let packet = RtpPacket {
                marker: false,
                timestamp,
                twcc: None,
                original_sequence: None,
                payload: payload.pieces(),
            };
            if let Err(full) = self.push(slot, packet, now, context) {
                self.blocked_audio = Some(due);
                return Err(full);
            }
            sent += 1;
        }
        let from = SentPacket {
            frame: due.unit,
            index: 0,
            timestamp,
        };
        self.tracks[slot].remember(now, first, sent, from);
        context.count_lateness(now, ready);
        Ok(())
    }

    /// Sends as many packets of the current video frame as the pacer allows.
    fn send_current_frame(
        &mut self,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<(), Full> {
        let Some(mut current) = self.current_frame.take() else {
            return Ok(());
        };
        let slot = current.slot;
        let payloads = &current.unit.unit().payloads;
        let count = payloads.len();
        let (sent_before, first) = (current.packets_sent, self.tracks[slot].next_sequence());
        let mut outcome = Ok(());
        while let Some(payload) = payloads.get(current.packets_sent) {
            if !self.pacer.may_send(now) {
                break;
            }
            let packet = RtpPacket {
                marker: current.packets_sent + 1 == count,
                timestamp: current.timestamp,
                twcc: None,
                original_sequence: None,
                payload: payload.pieces(),
            };
            outcome = self.push(slot, packet, now, context);
            if outcome.is_err() {
                break;
            }
            current.packets_sent += 1;
        }
        let complete = current.packets_sent == count;
        let sent = current.packets_sent - sent_before;
        if sent == 0 && !complete {
            self.current_frame = Some(current);
            return outcome;
        }
        let (timestamp, index) = (current.timestamp, sent_before as u16);
        // All shards write the count of references to a chunk: the last part of a picture takes over the reference.
        let frame = match complete {
            true => current.unit,
            false => self.current_frame.insert(current).unit.clone(),
        };
        let from = SentPacket {
            frame,
            index,
            timestamp,
        };
        self.tracks[slot].remember(now, first, sent, from);
        if complete {
            self.expire_sent(now);
        }
        outcome
    }

    /// Retransmits packets that the viewer asked for.
    fn retransmit(&mut self, now: Instant, context: &mut SendContext<'_>) -> Result<(), Full> {
        while let Some(&(slot, sequence)) = self.retransmissions.front() {
            if !self.pacer.may_send(now) {
                break;
            }
            let is_video = self.tracks[slot].codec().is_video();
            let history = self.tracks[slot].rtx_history();
            if let Some(sent) = history.and_then(|history| history.find(sequence))
                && let Some(payload) = sent.frame.unit().payloads.get(sent.index.into())
                && self.rtx_budget.spend(payload.len())
            {
                let last = usize::from(sent.index) + 1 == sent.frame.unit().payloads.len();
                let packet = RtpPacket {
                    marker: last && is_video,
                    timestamp: sent.timestamp,
                    twcc: None,
                    original_sequence: Some(sequence),
                    payload: payload.pieces(),
                };
                self.push(slot, packet, now, context)?;
                self.tally.rtx += 1;
            }
            self.retransmissions.pop_front();
        }
        Ok(())
    }

    /// Encrypts a packet into the batch, after flushing the batch if the packet does not fit.
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
        // The transport-wide number is taken after the last early return: a number that is never sent would count as a loss.
        if let (Some((_, number)), Some(history)) = (&mut packet.twcc, &mut self.history) {
            *number = history.add(now, size);
        }
        match self.tracks[track].protect(&mut self.srtp, &packet, context.batch.buffer()) {
            Ok(()) => {
                context.batch.commit(size);
                self.pacer.on_packet_sent(size);
                self.encrypted += size;
                if packet.original_sequence.is_none() {
                    self.rtx_budget.earn(size);
                }
            }
            Err(error) => tracing::error!(%error, "a packet could not be encrypted"),
        }
        Ok(())
    }

    /// Sends the batch, and counts its packets.
    pub(super) fn flush(&mut self, context: &mut SendContext<'_>) -> FlushOutcome {
        let (packets, bytes) = (context.batch.packets(), context.batch.bytes());
        let outcome = context.batch.flush(&self.path);
        self.count_flush(outcome, packets, bytes);
        outcome
    }

    /// Counts a batch of this viewer that was flushed with this outcome.
    pub(crate) fn count_flush(&mut self, outcome: FlushOutcome, packets: usize, bytes: usize) {
        if outcome == FlushOutcome::Full {
            return;
        }
        let reports = usize::from(std::mem::take(&mut self.reports.in_batch));
        match outcome {
            FlushOutcome::Sent => {
                self.tally.packets += (packets - reports) as u64;
                self.tally.bytes += bytes as u64;
                self.tally.batches += 1;
            }
            FlushOutcome::Refused => self.tally.send_errors += 1,
            FlushOutcome::Empty | FlushOutcome::Full => {}
        }
    }
}
