//! Transcoding of a video track. It is decoded once for all requested codecs. The work is divided into small tasks that
//! the source runs while it waits for the next packet, so that a codec that is requested later catches up without
//! delaying the others.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;

use super::decoder;
use super::encoding::Encoding;
use super::error::MediaError;
use super::packet_scan::MAX_GOP_BYTES;
use super::plan;
use super::probe;
use super::raw::allocator::release_free_memory;
use super::renderer::{RenderOutput, RenderParams, Renderer};
use super::time::MediaTime;

/// A frame later than this, in microseconds, is dropped instead of encoded.
const LATE: i64 = 100_000;
/// A late frame is still encoded when none was encoded for this long.
const MAX_FRAME_GAP: Duration = Duration::from_secs(1);
/// Decoding that is later than this, in microseconds, continues at a newer keyframe if there is one.
const MAX_LATENESS: i64 = 2_000_000;

/// One unit of work.
enum DecodeTask {
    /// An iteration of the file begins with this decoder configuration.
    Open(Rc<ffmpeg::codec::Parameters>),
    Packet(Rc<QueuedPacket>),
    /// The iteration has ended: the decoder returns the frames that it holds back.
    Drain,
}

/// A packet of the file, its times on the stream's clock.
struct QueuedPacket {
    packet: ffmpeg::Packet,
    time: MediaTime,
    keyframe: bool,
}

/// The decoder of one track, its queue, and its renderer.
pub(super) struct VideoTranscoder {
    pub renderer: Renderer,
    tasks: VecDeque<DecodeTask>,
    task_bytes: usize,
    decoder: Option<ffmpeg::decoder::Video>,
    parameters: Option<Rc<ffmpeg::codec::Parameters>>,
    /// The packets since the newest keyframe: decoding begins with them when a codec is requested.
    gop: Vec<Rc<QueuedPacket>>,
    gop_bytes: u64,
    /// When a frame was rendered last, or when decoding began.
    rendered_at: Option<Instant>,
    /// Decoding has just begun: late frames are not counted as dropped until decoding has caught up.
    catching_up: bool,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
}

impl VideoTranscoder {
    pub(super) fn new(params: RenderParams) -> Self {
        Self {
            renderer: Renderer::new(params),
            tasks: VecDeque::new(),
            task_bytes: 0,
            decoder: None,
            parameters: None,
            gop: Vec::new(),
            gop_bytes: 0,
            rendered_at: None,
            catching_up: false,
            decode_errors: 0,
        }
    }

    /// Sets the parameters again, after the facts about the track have changed.
    pub(super) fn set_params(&mut self, params: RenderParams) {
        let decoded = self.is_decoding();
        self.renderer.set_params(params);
        if !decoded && self.is_decoding() {
            self.start_decoding();
        }
    }

    /// Encodes these from now on, and no others.
    pub(super) fn set_encodings(&mut self, encodings: &BTreeSet<Encoding>) {
        let decoded = self.is_decoding();
        let closed = self.renderer.set_encodings(encodings);
        match (decoded, self.is_decoding()) {
            (false, true) => self.start_decoding(),
            (true, false) => self.stop_decoding(),
            _ => {}
        }
        if closed {
            release_free_memory();
        }
    }

    /// Stops transcoding permanently: the track cannot be decoded.
    pub(super) fn disable(&mut self) {
        self.renderer.disable();
        self.renderer.params.always_decode = false;
        self.stop_decoding();
    }

    fn is_decoding(&self) -> bool {
        self.renderer.is_encoding() || self.renderer.params.always_decode
    }

    fn start_decoding(&mut self) {
        self.stop_decoding();
        self.catching_up = true;
        if let Some(parameters) = &self.parameters {
            self.tasks
                .push_back(DecodeTask::Open(Rc::clone(parameters)));
        }
        for packet in &self.gop {
            self.task_bytes += packet.packet.size();
            self.tasks.push_back(DecodeTask::Packet(Rc::clone(packet)));
        }
    }

    fn stop_decoding(&mut self) {
        self.tasks.clear();
        self.task_bytes = 0;
        self.decoder = None;
        self.rendered_at = None;
    }

    /// An iteration of the file begins.
    pub(super) fn begin_iteration(&mut self, parameters: ffmpeg::codec::Parameters) {
        let parameters = Rc::new(parameters);
        if self.is_decoding() {
            self.tasks
                .push_back(DecodeTask::Open(Rc::clone(&parameters)));
        }
        self.parameters = Some(parameters);
        self.clear_gop();
    }

    /// Queues a packet of the file, its times in microseconds of the stream's clock.
    pub(super) fn push_packet(&mut self, packet: ffmpeg::Packet, time: MediaTime, keyframe: bool) {
        let size = packet.size();
        if keyframe {
            self.clear_gop();
        }
        let packet = Rc::new(QueuedPacket {
            packet,
            time,
            keyframe,
        });
        // A GOP without its beginning cannot be decoded, so one that grows too large is dropped entirely.
        let has_keyframe = keyframe || !self.gop.is_empty();
        if has_keyframe && self.gop_bytes <= MAX_GOP_BYTES + (MAX_GOP_BYTES >> 2) {
            self.gop_bytes += size as u64;
            self.gop.push(Rc::clone(&packet));
        } else {
            self.clear_gop();
        }
        if self.is_decoding() {
            self.task_bytes += size;
            self.tasks.push_back(DecodeTask::Packet(packet));
        }
    }

    fn clear_gop(&mut self) {
        self.gop.clear();
        self.gop_bytes = 0;
    }

    /// The iteration has ended.
    pub(super) fn end_iteration(&mut self) {
        if self.is_decoding() {
            self.tasks.push_back(DecodeTask::Drain);
        }
    }

    /// True when [`Self::run_task`] has work.
    pub(super) fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Runs one task. `live`: the media time that is live now.
    pub(super) fn run_task(
        &mut self,
        live: MediaTime,
        now: Instant,
    ) -> Result<RenderOutput, MediaError> {
        let mut output = RenderOutput::default();
        self.rendered_at.get_or_insert(now);
        self.skip_if_far_behind(live, &mut output)?;
        match self.tasks.pop_front() {
            None => {}
            Some(DecodeTask::Open(parameters)) => self.decoder = Some(self.open(&parameters)?),
            Some(DecodeTask::Drain) => {
                if let Some(decoder) = &mut self.decoder {
                    // Fails only when the end has been signalled before.
                    let _ = decoder.send_eof();
                    self.receive(live, now, &mut output);
                }
                self.renderer.drain(&mut output);
                self.decoder = None;
            }
            Some(DecodeTask::Packet(packet)) => {
                self.task_bytes = self.task_bytes.saturating_sub(packet.packet.size());
                if let Some(decoder) = &mut self.decoder {
                    // While late, frames that no other frame references are not decoded.
                    let late = live.micros_since(packet.time) > LATE;
                    decoder.skip_frame(if late {
                        ffmpeg::Discard::NonReference
                    } else {
                        ffmpeg::Discard::Default
                    });
                    if decoder.send_packet(&packet.packet).is_err() {
                        self.decode_errors += 1;
                    }
                    self.receive(live, now, &mut output);
                }
            }
        }
        Ok(output)
    }

    /// When the last frame is to be repeated; `None` while tasks are queued, before the first frame, or when no codec is requested.
    pub(super) fn repeat_at(&self) -> Option<MediaTime> {
        if self.has_tasks() {
            None
        } else {
            self.renderer.repeat_at()
        }
    }

    /// Drops queued packets up to the newest keyframe when decoding is later than [`MAX_LATENESS`] or the queue is too large.
    fn skip_if_far_behind(
        &mut self,
        live: MediaTime,
        output: &mut RenderOutput,
    ) -> Result<(), MediaError> {
        let Some(DecodeTask::Packet(head)) = self.tasks.front() else {
            return Ok(());
        };
        let late = live.micros_since(head.time) >= MAX_LATENESS;
        if !late && (self.task_bytes as u64) < 2 * MAX_GOP_BYTES {
            return Ok(());
        }
        let keyframe =
            |task: &DecodeTask| matches!(task, DecodeTask::Packet(packet) if packet.keyframe);
        let Some(newer) = self.tasks.iter().rposition(keyframe).filter(|at| *at > 0) else {
            return Ok(());
        };
        let mut parameters = None;
        for task in self.tasks.drain(..newer) {
            match task {
                DecodeTask::Packet(packet) => {
                    self.task_bytes = self.task_bytes.saturating_sub(packet.packet.size());
                    output.dropped += u64::from(!self.catching_up);
                }
                DecodeTask::Open(skipped) => parameters = Some(skipped),
                DecodeTask::Drain => {}
            }
        }
        match parameters {
            Some(parameters) => self.decoder = Some(self.open(&parameters)?),
            None => self.decoder.iter_mut().for_each(|decoder| decoder.flush()),
        }
        Ok(())
    }

    fn receive(&mut self, live: MediaTime, now: Instant, output: &mut RenderOutput) {
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            if self
                .decoder
                .as_mut()
                .is_none_or(|decoder| decoder.receive_frame(&mut frame).is_err())
            {
                return;
            }
            let Some(time) = frame.timestamp().map(MediaTime) else {
                continue;
            };
            let gap = self
                .renderer
                .newest()
                .map(|newest| time.micros_since(newest));
            if gap.is_some_and(|gap| gap < (950_000.0 / plan::MAX_FRAME_RATE) as i64) {
                continue; // above the maximum frame rate, or out of order
            }
            let late = live.micros_since(time) > LATE;
            let starved = self
                .rendered_at
                .is_some_and(|at| now.saturating_duration_since(at) >= MAX_FRAME_GAP);
            if late && !starved && self.has_tasks() {
                output.dropped += u64::from(!self.catching_up);
                continue;
            }
            self.catching_up = false;
            self.rendered_at = Some(now);
            frame.set_pts(Some(time.0));
            self.renderer.render(frame, time, output);
        }
    }

    fn open(
        &self,
        parameters: &ffmpeg::codec::Parameters,
    ) -> Result<ffmpeg::decoder::Video, MediaError> {
        let params = &self.renderer.params;
        // Each thread beyond the first delays output by one frame, which is less than the lead unless the next packet is
        // far away in time.
        let max_threads = if params.low_delay { 1 } else { 2 };
        let mut decoder = decoder::open_video(parameters, probe::cores().min(max_threads))?;
        if params.skip_loop_filter {
            decoder.skip_loop_filter(ffmpeg::Discard::NonReference);
        }
        Ok(decoder)
    }
}
