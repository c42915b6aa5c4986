//! A job of named steps: runs them in order, some side by side, and tells what comes next and about how long it takes.

use std::{
    fmt::Write as _,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::child;

pub(crate) struct Step {
    name: String,
    work: Work,
    /// Alone on two cores.
    about: Option<Duration>,
}

enum Work {
    One(Box<dyn FnOnce() -> Result<()> + Send>),
    /// Lists that run at the same time, each in order.
    SideBySide(Vec<Vec<Step>>),
}

impl Step {
    pub(crate) fn new(
        name: impl Into<String>,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            work: Work::One(Box::new(work)),
            about: None,
        }
    }

    /// A step that is one command.
    pub(crate) fn command(name: impl Into<String>, mut command: Command) -> Self {
        Self::new(name, move || child::run(&mut command))
    }

    /// Lists of steps that run at the same time: while one waits for the network or has work for one core only, the
    /// other computes. When one fails, the others end after the step that they are in.
    pub(crate) fn side_by_side(lanes: Vec<Vec<Step>>) -> Self {
        Self {
            name: String::new(),
            work: Work::SideBySide(lanes),
            about: None,
        }
    }

    /// About how long it takes, in seconds, on two cores without other work.
    pub(crate) fn about(mut self, seconds: u64) -> Self {
        self.about = Some(Duration::from_secs(seconds));
        self
    }

    fn count(&self) -> usize {
        match &self.work {
            Work::One(_) => 1,
            Work::SideBySide(lanes) => lanes.iter().flatten().map(Step::count).sum(),
        }
    }

    /// How long it takes, as far as that is known; steps side by side share the cores.
    fn expected(&self) -> Duration {
        match &self.work {
            Work::One(_) => self.about.unwrap_or_default(),
            Work::SideBySide(lanes) => lanes.iter().flatten().map(Step::expected).sum(),
        }
    }

    /// The name with its time; of steps side by side, those that begin.
    fn announcement(&self) -> String {
        match (&self.work, self.about) {
            (Work::SideBySide(lanes), _) => {
                let first = lanes.iter().filter_map(|lane| lane.first());
                let first: Vec<_> = first.map(Step::announcement).collect();
                first.join(" and ")
            }
            (Work::One(_), Some(about)) => format!("{}, about {}", self.name, spoken(about)),
            (Work::One(_), None) => self.name.clone(),
        }
    }
}

/// What a job took.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// In the order of their ends. Some ran side by side.
    pub(crate) steps: Vec<(String, Duration)>,
    pub(crate) total: Duration,
}

/// Runs the steps in order up to the first that fails.
pub(crate) fn run(steps: Vec<Step>) -> Result<Times> {
    let began = Instant::now();
    let job = Job {
        total: steps.iter().map(Step::count).sum(),
        left: Mutex::new(steps.iter().map(Step::expected).sum()),
        begun: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        times: Mutex::default(),
    };
    job.run(steps)?;
    Ok(Times {
        steps: job
            .times
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
        total: began.elapsed(),
    })
}

struct Job {
    total: usize,
    /// What the steps that have not ended take.
    left: Mutex<Duration>,
    begun: AtomicUsize,
    failed: AtomicBool,
    times: Mutex<Vec<(String, Duration)>>,
}

impl Job {
    fn run(&self, steps: Vec<Step>) -> Result<()> {
        let mut steps = steps.into_iter().peekable();
        while let Some(step) = steps.next() {
            if self.failed.load(Relaxed) {
                return Ok(());
            }
            let next = steps.peek().map(Step::announcement);
            let outcome = match step.work {
                Work::SideBySide(lanes) => self.run_side_by_side(lanes),
                Work::One(_) => self.run_one(step, next),
            };
            if outcome.is_err() {
                self.failed.store(true, Relaxed);
            }
            outcome?;
        }
        Ok(())
    }

    fn run_one(&self, step: Step, next: Option<String>) -> Result<()> {
        let mut line = step.announcement();
        if let Some(next) = next {
            let _ = write!(line, "; then {next}");
        }
        let expected = step.expected();
        let Work::One(work) = step.work else {
            return Ok(());
        };
        let (name, total) = (step.name, self.total);
        let number = self.begun.fetch_add(1, Relaxed) + 1;
        let left = *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left > expected {
            let _ = write!(line, "; to the end about {}", spoken(left));
        }
        println!("[{number}/{total}] {line}");
        let began = Instant::now();
        work().with_context(|| format!("step '{name}' failed"))?;
        let took = began.elapsed();
        println!("[{number}/{total}] {name}: {:.1} s", took.as_secs_f64());
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) -= expected;
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((name, took));
        Ok(())
    }

    /// All errors together: the second may be the cause of the first.
    fn run_side_by_side(&self, lanes: Vec<Vec<Step>>) -> Result<()> {
        let outcomes: Vec<Result<()>> = thread::scope(|scope| {
            let lanes = lanes.into_iter().map(|lane| {
                scope.spawn(|| {
                    let outcome = self.run(lane);
                    if let Err(error) = &outcome {
                        // The other lanes may take minutes to the end of their steps.
                        println!("\n{error:#}\nWaiting for the step beside it to end.");
                    }
                    outcome
                })
            });
            let lanes: Vec<_> = lanes.collect();
            let panicked = |_| Err(anyhow!("a step panicked"));
            let joined = lanes.into_iter().map(|lane| lane.join());
            joined
                .map(|outcome| outcome.unwrap_or_else(panicked))
                .collect()
        });
        let errors = outcomes.into_iter().filter_map(Result::err);
        let errors: Vec<_> = errors.map(|error| format!("{error:#}")).collect();
        match errors.as_slice() {
            [] => Ok(()),
            errors => Err(anyhow!(errors.join("\n\n"))),
        }
    }
}

/// `40 s`, `2 min`: rounded, as it is a guess.
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..90 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use anyhow::bail;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn nothing(name: &str) -> Step {
        Step::new(name, || Ok(()))
    }

    #[test]
    fn the_first_failure_ends_the_job_and_is_named() {
        let steps = vec![
            nothing("one"),
            Step::new("two", || bail!("no")),
            Step::new("three", || panic!("must not run")),
        ];
        let error = run(steps).expect_err("step two fails");
        assert_eq!(format!("{error:#}"), "step 'two' failed: no");
    }

    #[test]
    fn steps_side_by_side_run_at_the_same_time_and_each_has_a_time() {
        let (to_right, from_left) = mpsc::channel();
        let (to_left, from_right) = mpsc::channel();
        let left = Step::new("left", move || {
            to_right.send(())?;
            Ok(from_right.recv_timeout(PATIENCE)?)
        });
        let right = Step::new("right", move || {
            to_left.send(())?;
            Ok(from_left.recv_timeout(PATIENCE)?)
        });
        let lanes = Step::side_by_side(vec![vec![left], vec![right]]);
        let times = run(vec![lanes, nothing("last")]).expect("they meet");
        let mut names: Vec<_> = times.steps.iter().map(|(name, _)| name.as_str()).collect();
        names[..2].sort_unstable();
        assert_eq!(names, ["left", "right", "last"]);
    }

    #[test]
    fn a_failure_beside_another_step_ends_the_job_after_it() {
        let (failed, wait) = mpsc::channel::<()>();
        let fails = Step::new("fails", move || {
            drop(failed);
            bail!("no")
        });
        let runs = Step::new("runs", move || {
            let _ = wait.recv();
            Ok(())
        });
        let lanes = Step::side_by_side(vec![vec![fails], vec![runs]]);
        let never = Step::new("never", || panic!("must not run"));
        let error = run(vec![lanes, never]).expect_err("one fails");
        assert_eq!(error.to_string(), "step 'fails' failed: no");
    }

    #[test]
    fn a_step_says_how_long_it_takes() {
        let lanes = vec![
            vec![nothing("tools").about(100), nothing("client")],
            vec![nothing("server").about(20)],
        ];
        let lanes = Step::side_by_side(lanes);
        assert_eq!(lanes.count(), 3);
        assert_eq!(lanes.expected().as_secs(), 120, "as far as it is known");
        assert_eq!(
            lanes.announcement(),
            "tools, about 2 min and server, about 20 s"
        );
    }
}
