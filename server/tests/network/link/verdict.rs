//! The expectations of one scenario that failed, reported together so that one does not hide the others.

use super::network::Network;
use super::samples::{Samples, Span};
use super::video::Video;
use super::viewer::Viewer;

/// Runs of a scenario, one of which has to come out well.
const RUNS: usize = 2;

/// Seconds from the end of a fault until frames arrive as before it.
const RECOVERY: f64 = 2.0;
/// Seconds after the recovery in which nothing may freeze.
const CALM: f64 = 5.0;

/// Seconds of freezes that are allowed: Chromium counts one from some 190 ms on, and a load of 12 on 2 cores causes one now and then
/// on a perfect link.
const STUMBLE: f64 = 0.3;

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    name: &'static str,
    wrong: Vec<String>,
}

impl Verdict {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            wrong: Vec::new(),
        }
    }

    /// Prints a measurement, seen with `--nocapture`.
    pub(crate) fn note(&self, what: &str, text: impl std::fmt::Display) {
        println!("{} | {what} | {text}", self.name);
    }

    pub(crate) fn expect(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.push(what.into());
        }
    }

    /// No freeze, and frames at the video's rate.
    pub(crate) fn expect_smooth(&mut self, span: &Span) {
        self.expect(span.frozen <= STUMBLE, format!("it freezes: {span}"));
        self.expect(
            span.rate >= 0.9 * Video::RATE,
            format!("frames are missing: {span}"),
        );
    }

    /// Audio plays throughout, and at most this share of it (of 1.0) is concealed.
    pub(crate) fn expect_audio(&mut self, span: &Span, concealed: f64) {
        self.expect(
            span.audio >= 0.9 * span.seconds,
            format!("no audio is played for a part of the time: {span}"),
        );
        self.expect(
            span.concealed <= concealed,
            format!("the audio has holes: {span}"),
        );
    }

    /// Waits until frames arrive at the video's rate again soon after the end of the fault, and go on doing so.
    pub(crate) async fn expect_recovery(&mut self, viewer: &Viewer<'_>, ended: f64) -> Samples {
        self.expect_recovery_within(viewer, ended, RECOVERY).await
    }

    /// The same, for faults that a browser notices later.
    pub(crate) async fn expect_recovery_within(
        &mut self,
        viewer: &Viewer<'_>,
        ended: f64,
        within: f64,
    ) -> Samples {
        let end = ended + within + CALM;
        viewer.until(end + 0.5).await;
        let samples = viewer.samples().await;
        let recovery = samples.recovery(ended, Video::RATE);
        let recovered = recovery.is_some_and(|seconds| seconds <= within);
        match recovery {
            Some(seconds) => self.note("recovery", format!("{seconds:.2} s")),
            None => self.note("recovery", "none"),
        }
        let all = samples.span(ended, end);
        self.note("after the end of the fault", &all);
        self.expect(
            recovered,
            format!("it does not recover within {within} s, but after {recovery:?}: {all}"),
        );
        if let Some(seconds) = recovery {
            // Chromium counts the freeze of the fault with the first frame after it, which may arrive within the first smooth second.
            let calm = samples.span(ended + seconds + 1.0, end);
            self.expect(
                calm.frozen <= STUMBLE,
                format!("it freezes again once it has recovered: {calm}"),
            );
            // Chromium counts a freeze when the next frame arrives, so one that does not end is in no count.
            self.expect(
                calm.rate >= 0.8 * Video::RATE && calm.gap <= 1.0,
                format!("frames do not go on coming once it has recovered: {calm}"),
            );
        }
        samples
    }

    /// The expectations that failed.
    fn outcome(self) -> Result<(), String> {
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("{}:\n{}", self.name, self.wrong.join("\n"))),
        }
    }
}

/// Runs a scenario of this name with a viewer of this video, on a network of its own.
pub(crate) async fn scenario(
    name: &'static str,
    video: &Video,
    run: impl AsyncFn(&Network, &mut Verdict),
) {
    testkit::one_of(RUNS, async || {
        let Some(network) = Network::build(video) else {
            return Ok(());
        };
        let mut verdict = Verdict::of(name);
        run(&network, &mut verdict).await;
        drop(network);
        verdict.outcome()
    })
    .await;
}
