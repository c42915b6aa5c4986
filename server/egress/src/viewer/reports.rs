//! Sender reports to the viewer (RFC 3550 6.4.1): its decoder needs them to synchronize audio and video, and its report blocks refer to them.

use std::time::{Duration, Instant};

use rtc_rtcp::packet::{Packet, marshal};
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};

use super::sending::Full;
use super::{SendContext, Viewer};
use crate::rtp_clock::WallClock;
use net::batch::FlushOutcome;
use srtp::SrtcpSender;

const INTERVAL: Duration = Duration::from_secs(3);
/// The first report soon follows the first packets: without it the viewer cannot synchronize audio and video.
const FIRST: Duration = Duration::from_millis(60);

/// Encrypts the reports of all tracks of a viewer, and says when they are due.
#[derive(Debug)]
pub(super) struct SenderReports {
    srtcp: SrtcpSender,
    cname: String,
    due: Instant,
    pub(super) wall_clock: WallClock,
    /// A report is in the batch.
    pub(super) in_batch: bool,
}

impl SenderReports {
    pub(super) fn new(srtcp: SrtcpSender, cname: String, now: Instant) -> Self {
        Self {
            srtcp,
            cname,
            due: now + FIRST,
            wall_clock: WallClock::new(now),
            in_batch: false,
        }
    }

    /// One compound packet (RFC 3550 6.1): a report for each track, then the CNAME of each.
    fn compound(&self, reports: impl Iterator<Item = SenderReport>) -> Option<Vec<u8>> {
        let mut packets: Vec<Box<dyn Packet>> = Vec::new();
        let mut description = SourceDescription::default();
        for report in reports {
            description.chunks.push(SourceDescriptionChunk {
                source: report.ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: self.cname.clone().into(),
                }],
            });
            packets.push(Box::new(report));
        }
        packets.push(Box::new(description));
        match marshal(&packets) {
            Ok(compound) => Some(compound.into()),
            Err(error) => {
                tracing::error!(%error, "a sender report could not be written");
                None
            }
        }
    }
}

impl Viewer {
    /// When the next sender reports are due.
    pub(super) fn next_report(&self) -> Instant {
        self.reports.due
    }

    /// Adds the sender reports to the batch when they are due: after the media of the same poll, so that they leave in one system call with it.
    pub(super) fn report(
        &mut self,
        now: Instant,
        context: &mut SendContext<'_>,
    ) -> Result<(), Full> {
        if now < self.reports.due {
            return Ok(());
        }
        // Also while nothing is sent.
        self.expire_sent(now);
        let (at, wall) = (self.playhead.clock(now), self.reports.wall_clock.at(now));
        let tracks = self.tracks.iter();
        let reports = tracks.map(|track| track.sender_report(at, wall));
        if let Some(compound) = self.reports.compound(reports) {
            let size = self.reports.srtcp.size(compound.len());
            if !context.batch.fits(size, self.segments) && self.flush(context) == FlushOutcome::Full
            {
                return Err(Full);
            }
            let SenderReports {
                srtcp, in_batch, ..
            } = &mut self.reports;
            match srtcp.protect(&compound, context.batch.buffer()) {
                Ok(()) => {
                    context.batch.commit(size);
                    *in_batch = true;
                }
                Err(error) => tracing::error!(%error, "a sender report could not be encrypted"),
            }
        }
        self.reports.due = now + INTERVAL;
        Ok(())
    }
}
