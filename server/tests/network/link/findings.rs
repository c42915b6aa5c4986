//! What a scenario has shown, told all at once: one fault of several hides no other.

use super::film::Film;
use super::record::{Record, Span};
use super::viewer::Viewer;
use super::world::World;

/// A fault is over, and this much later pictures come as before.
const RECOVERY: f64 = 2.0;
/// ...and for so long after that nothing freezes any more.
const CALM: f64 = 5.0;

/// Seconds of freezes that are the machine's: Chromium counts one from some 190 ms on, and a machine with a load of 12 on
/// its 2 cores makes one in a while on a perfect line.
const STUMBLE: f64 = 0.3;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    name: &'static str,
    wrong: Vec<String>,
}

impl Findings {
    pub(crate) fn of(name: &'static str) -> Self {
        Self {
            name,
            wrong: Vec::new(),
        }
    }

    /// Printed, for whoever runs it with `--nocapture`.
    pub(crate) fn note(&self, what: &str, text: impl std::fmt::Display) {
        println!("{} | {what} | {text}", self.name);
    }

    pub(crate) fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.push(what.into());
        }
    }

    /// Nothing freezes, and pictures come at the film's rate.
    pub(crate) fn must_be_smooth(&mut self, span: &Span) {
        self.must(span.frozen <= STUMBLE, format!("it freezes: {span}"));
        self.must(
            span.rate >= 0.9 * Film::RATE,
            format!("pictures are missing: {span}"),
        );
    }

    /// Audio is played all the while, and no more of it is made up than this share of 1.0.
    pub(crate) fn must_sound(&mut self, span: &Span, made_up: f64) {
        self.must(
            span.audio >= 0.9 * span.seconds,
            format!("no audio is played for a part of the time: {span}"),
        );
        self.must(
            span.concealed <= made_up,
            format!("the sound has holes: {span}"),
        );
    }

    /// Waits to see it: pictures come at the film's rate again soon after the fault ended, and go on so.
    pub(crate) async fn must_recover(&mut self, viewer: &Viewer<'_>, ended: f64) -> Record {
        self.must_recover_within(viewer, ended, RECOVERY).await
    }

    /// The same, for faults that take a browser longer to notice.
    pub(crate) async fn must_recover_within(
        &mut self,
        viewer: &Viewer<'_>,
        ended: f64,
        within: f64,
    ) -> Record {
        let end = ended + within + CALM;
        viewer.until(end + 0.5).await;
        let record = viewer.record().await;
        let recovery = record.recovery(ended, Film::RATE);
        let recovered = recovery.is_some_and(|seconds| seconds <= within);
        match recovery {
            Some(seconds) => self.note("recovery", format!("{seconds:.2} s")),
            None => self.note("recovery", "none"),
        }
        let all = record.span(ended, end);
        self.note("after the end of the fault", &all);
        self.must(
            recovered,
            format!("it does not recover within {within} s, but after {recovery:?}: {all}"),
        );
        if let Some(seconds) = recovery {
            // The freeze that the fault made is counted with the first picture after it, which may come within the second that is
            // smooth already.
            let calm = record.span(ended + seconds + 1.0, end);
            self.must(
                calm.frozen <= STUMBLE,
                format!("it freezes again once it has recovered: {calm}"),
            );
            // Chromium counts a freeze when the next frame comes, so one that does not end is in no count.
            self.must(
                calm.rate >= 0.8 * Film::RATE && calm.gap <= 1.0,
                format!("frames do not go on coming once it has recovered: {calm}"),
            );
        }
        record
    }

    /// Fails if something was wrong. `world` and what is in it end first.
    pub(crate) fn tell(self, world: World) {
        drop(world);
        assert!(
            self.wrong.is_empty(),
            "{}:\n{}",
            self.name,
            self.wrong.join("\n")
        );
    }
}
