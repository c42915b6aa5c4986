//! Pictures that have to be encoded again, decoded once whoever watches. The work is cut into small steps, which
//! the source takes while it waits for the next packet: so a codec that starts late catches up without holding up
//! the rest.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use shared::api::Codec;

use super::decode;
use super::error::MediaError;
use super::plan;
use super::render::{Outcome, Renderer, Setup};
use super::scan::MAX_GOP_BYTES;
use super::time::MediaTime;

/// A picture this late, in microseconds, is left out rather than encoded.
const LATE: i64 = 100_000;
/// But one a second of what is left out is encoded, so that there is always something to see.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// When decoding lags this much, in microseconds, it jumps to a newer keyframe if there is one.
const HOPELESS: i64 = 2_000_000;

/// One thing to do.
enum Step {
    /// A pass over the file begins with this decoder configuration.
    Begin(Rc<ffmpeg::codec::Parameters>),
    Packet(Rc<Packet>),
    /// The pass is over: what the decoder holds back comes out.
    End,
}

/// A coded picture of the file, its times moved onto the stream's clock.
struct Packet {
    packet: ffmpeg::Packet,
    time: MediaTime,
    keyframe: bool,
}

/// The decoder of one track, and what is waiting for it.
pub(super) struct Pictures {
    pub renderer: Renderer,
    steps: VecDeque<Step>,
    step_bytes: usize,
    decoder: Option<ffmpeg::decoder::Video>,
    parameters: Option<Rc<ffmpeg::codec::Parameters>>,
    /// The packets since the newest keyframe: where a codec that starts late begins to decode.
    gop: Vec<Rc<Packet>>,
    gop_bytes: u64,
    /// When a picture was rendered last, or the work began.
    rendered_at: Option<Instant>,
    /// Decoding began just now: what is late until it caught up is not counted as dropped.
    catching_up: bool,
    /// Packets that could not be decoded.
    pub bad: u64,
}

impl Pictures {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            renderer: Renderer::new(setup),
            steps: VecDeque::new(),
            step_bytes: 0,
            decoder: None,
            parameters: None,
            gop: Vec::new(),
            gop_bytes: 0,
            rendered_at: None,
            catching_up: false,
            bad: 0,
        }
    }

    /// New facts came up while running.
    pub(super) fn set_up(&mut self, setup: Setup) {
        let decoded = self.is_decoding();
        self.renderer.set_up(setup);
        if !decoded && self.is_decoding() {
            self.start_decoding();
        }
    }

    /// These codecs are to be encoded from now on, and no others.
    pub(super) fn want(&mut self, codecs: &BTreeSet<Codec>) {
        let decoded = self.is_decoding();
        self.renderer.want(codecs);
        match (decoded, self.is_decoding()) {
            (false, true) => self.start_decoding(),
            (true, false) => self.stop_decoding(),
            _ => {}
        }
    }

    /// The track cannot be decoded: nothing of it is encoded any more.
    pub(super) fn give_up(&mut self) {
        self.renderer.give_up();
        self.renderer.setup.always_decode = false;
        self.stop_decoding();
    }

    fn is_decoding(&self) -> bool {
        self.renderer.is_encoding() || self.renderer.setup.always_decode
    }

    fn start_decoding(&mut self) {
        self.stop_decoding();
        self.catching_up = true;
        if let Some(parameters) = &self.parameters {
            self.steps.push_back(Step::Begin(Rc::clone(parameters)));
        }
        for packet in &self.gop {
            self.step_bytes += packet.packet.size();
            self.steps.push_back(Step::Packet(Rc::clone(packet)));
        }
    }

    fn stop_decoding(&mut self) {
        self.steps.clear();
        self.step_bytes = 0;
        self.decoder = None;
        self.rendered_at = None;
    }

    /// A pass over the file begins.
    pub(super) fn begin_pass(&mut self, parameters: ffmpeg::codec::Parameters) {
        let parameters = Rc::new(parameters);
        if self.is_decoding() {
            self.steps.push_back(Step::Begin(Rc::clone(&parameters)));
        }
        self.parameters = Some(parameters);
        self.forget_gop();
    }

    /// A packet of the file, its own times in microseconds of the stream's clock.
    pub(super) fn packet(&mut self, packet: ffmpeg::Packet, time: MediaTime, keyframe: bool) {
        let size = packet.size();
        if keyframe {
            self.forget_gop();
        }
        let packet = Rc::new(Packet {
            packet,
            time,
            keyframe,
        });
        // Without its beginning a GOP is of no use, so it goes whole when it gets too big.
        let begun = keyframe || !self.gop.is_empty();
        if begun && self.gop_bytes <= MAX_GOP_BYTES + (MAX_GOP_BYTES >> 2) {
            self.gop_bytes += size as u64;
            self.gop.push(Rc::clone(&packet));
        } else {
            self.forget_gop();
        }
        if self.is_decoding() {
            self.step_bytes += size;
            self.steps.push_back(Step::Packet(packet));
        }
    }

    fn forget_gop(&mut self) {
        self.gop.clear();
        self.gop_bytes = 0;
    }

    /// The pass is over.
    pub(super) fn end_pass(&mut self) {
        if self.is_decoding() {
            self.steps.push_back(Step::End);
        }
    }

    /// True when there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Does one step. `live`: the media time that is live now.
    pub(super) fn work(&mut self, live: MediaTime, now: Instant) -> Result<Outcome, MediaError> {
        let mut outcome = Outcome::default();
        self.rendered_at.get_or_insert(now);
        self.give_up_the_hopeless(live, &mut outcome)?;
        match self.steps.pop_front() {
            None => {}
            Some(Step::Begin(parameters)) => self.decoder = Some(self.open(&parameters)?),
            Some(Step::End) => {
                if let Some(decoder) = &mut self.decoder {
                    // Fails only where the end was told before.
                    let _ = decoder.send_eof();
                    self.receive(live, now, &mut outcome);
                }
                self.renderer.drain(&mut outcome);
                self.decoder = None;
            }
            Some(Step::Packet(packet)) => {
                self.step_bytes = self.step_bytes.saturating_sub(packet.packet.size());
                if let Some(decoder) = &mut self.decoder {
                    // While late, pictures that no other one needs are not even decoded.
                    let late = live.micros_since(packet.time) > LATE;
                    decoder.skip_frame(if late {
                        ffmpeg::Discard::NonReference
                    } else {
                        ffmpeg::Discard::Default
                    });
                    if decoder.send_packet(&packet.packet).is_err() {
                        self.bad += 1;
                    }
                    self.receive(live, now, &mut outcome);
                }
            }
        }
        Ok(outcome)
    }

    /// When the newest picture has to be shown again for want of a newer one; `None` when never.
    pub(super) fn repeat_due(&self) -> Option<MediaTime> {
        if self.has_work() {
            None
        } else {
            self.renderer.repeat_due()
        }
    }

    fn give_up_the_hopeless(
        &mut self,
        live: MediaTime,
        outcome: &mut Outcome,
    ) -> Result<(), MediaError> {
        let Some(Step::Packet(head)) = self.steps.front() else {
            return Ok(());
        };
        let late = live.micros_since(head.time) >= HOPELESS;
        if !late && (self.step_bytes as u64) < 2 * MAX_GOP_BYTES {
            return Ok(());
        }
        let keyframe = |step: &Step| matches!(step, Step::Packet(packet) if packet.keyframe);
        let Some(newer) = self.steps.iter().rposition(keyframe).filter(|at| *at > 0) else {
            return Ok(());
        };
        let mut parameters = None;
        for step in self.steps.drain(..newer) {
            match step {
                Step::Packet(packet) => {
                    self.step_bytes = self.step_bytes.saturating_sub(packet.packet.size());
                    outcome.dropped += u64::from(!self.catching_up);
                }
                Step::Begin(of_pass) => parameters = Some(of_pass),
                Step::End => {}
            }
        }
        match parameters {
            Some(parameters) => self.decoder = Some(self.open(&parameters)?),
            None => self.decoder.iter_mut().for_each(|decoder| decoder.flush()),
        }
        Ok(())
    }

    fn receive(&mut self, live: MediaTime, now: Instant, outcome: &mut Outcome) {
        loop {
            let mut picture = ffmpeg::frame::Video::empty();
            if self
                .decoder
                .as_mut()
                .is_none_or(|decoder| decoder.receive_frame(&mut picture).is_err())
            {
                return;
            }
            let Some(time) = picture.timestamp().map(MediaTime) else {
                continue;
            };
            let gap = self
                .renderer
                .newest()
                .map(|newest| time.micros_since(newest));
            if gap.is_some_and(|gap| gap < (950_000.0 / plan::MAX_RATE) as i64) {
                continue; // more a second than are encoded, or out of order
            }
            let late = live.micros_since(time) > LATE;
            let starved = self
                .rendered_at
                .is_some_and(|at| now.saturating_duration_since(at) >= AT_LEAST_EVERY);
            if late && !starved && self.has_work() {
                outcome.dropped += u64::from(!self.catching_up);
                continue;
            }
            self.catching_up = false;
            self.rendered_at = Some(now);
            picture.set_pts(Some(time.0));
            self.renderer.picture(picture, time, outcome);
        }
    }

    fn open(
        &self,
        parameters: &ffmpeg::codec::Parameters,
    ) -> Result<ffmpeg::decoder::Video, MediaError> {
        // Two threads keep well within the lead. Where the next packet may be long in coming, there is one.
        let most = if self.renderer.setup.prompt { 1 } else { 2 };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        decode::pictures(parameters, cores.min(most))
    }
}
