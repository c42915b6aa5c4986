//! Reads the output of `cargo test`: how long each test took, which failed, which did not run.

use std::time::Duration;

/// The results in the lines read so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The test program whose lines follow.
    program: String,
    pub(crate) passed: u64,
    /// Tests with `#[ignore]`, and examples in the documentation marked `ignore`.
    pub(crate) ignored: u64,
    /// Names of tests that failed.
    pub(crate) failed: Vec<String>,
    /// Why tests skipped themselves, one entry for each.
    pub(crate) skipped: Vec<String>,
    times: Vec<TestTime>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TestTime {
    pub(crate) took: Duration,
    pub(crate) program: String,
    pub(crate) name: String,
}

impl Tally {
    /// Reads one line, without its line break.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(reason) = line.strip_prefix("skipped: ") {
            self.skipped.push(reason.to_owned());
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.ignored += count(counts, "ignored");
        } else if let Some(target) = line.strip_prefix("Running ") {
            self.program = program_name(target);
        } else if let Some(package) = line.strip_prefix("Doc-tests ") {
            self.program = package.to_owned();
        } else if let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|test| test.rsplit_once(" ... "))
        {
            self.read_outcome(name, outcome);
        }
    }

    /// The slowest tests, slowest first.
    pub(crate) fn slowest(&self, most: usize) -> Vec<TestTime> {
        let mut times = self.times.clone();
        times.sort_by_key(|time| std::cmp::Reverse(time.took));
        times.truncate(most);
        times
    }

    /// `ok <1.234s>`, `FAILED <0.010s>`, `ignored`.
    fn read_outcome(&mut self, name: &str, outcome: &str) {
        if outcome.starts_with("FAILED") {
            self.failed.push(name.to_owned());
        }
        let seconds = outcome.split_once('<').and_then(|(_, rest)| {
            let seconds = rest.strip_suffix("s>")?;
            seconds.parse().ok()
        });
        if let Some(seconds) = seconds {
            self.times.push(TestTime {
                took: Duration::from_secs_f64(seconds),
                program: self.program.clone(),
                name: name.to_owned(),
            });
        }
    }
}

/// `5` for `passed` in `ok. 5 passed; 0 failed; 1 ignored`.
fn count(counts: &str, kind: &str) -> u64 {
    let mut parts = counts.split(['.', ';']).map(str::trim);
    parts
        .find_map(|part| part.strip_suffix(kind)?.trim().parse().ok())
        .unwrap_or(0)
}

/// `turn` for `tests/turn/main.rs (target/debug/deps/turn-0123456789abcdef)`.
fn program_name(target: &str) -> String {
    let path = target.rsplit_once('(').map_or(target, |(_, path)| path);
    let file = path.trim_end_matches(')').rsplit(['/', '\\']).next();
    let file = file.unwrap_or(path);
    let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    name.to_owned()
}

/// As `testkit::skip`, which xtask does not depend on. libtest does not capture what goes to stderr in this way.
#[cfg(test)]
pub(crate) fn skip(reason: &str) {
    use std::io::Write as _;
    assert!(
        std::env::var_os("WEIR_NO_SKIPS").is_none(),
        "no test may be skipped here: {reason}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn times_are_read_with_the_program_that_they_belong_to() {
        let tally = tally(
            "     Running unittests src/lib.rs (target/debug/deps/media_clip-0123456789abcdef)\n\
             test clock::wraps ... ok <0.002s>\n\
             \x20    Running tests/turn/main.rs (/home/a/target/debug/deps/turn-0123456789abcdef)\n\
             test abuse::a_flood - should panic ... ok <12.500s>\n\
             test naming::fails ... FAILED <0.100s>\n",
        );
        let slowest: Vec<_> = tally
            .slowest(2)
            .into_iter()
            .map(|time| (time.program, time.name, time.took.as_millis()))
            .collect();
        let expected = [
            ("turn", "abuse::a_flood - should panic", 12_500),
            ("turn", "naming::fails", 100),
        ];
        let expected = expected.map(|(program, name, ms)| (program.into(), name.into(), ms));
        assert_eq!(slowest, expected);
        assert_eq!(tally.slowest(9).len(), 3);
        assert_eq!(tally.slowest(9)[2].program, "media_clip");
    }

    #[test]
    fn failures_are_named_with_and_without_times() {
        let tally = tally("test a::b ... FAILED <0.1s>\ntest c ... FAILED\ntest d ... ok\n");
        assert_eq!(tally.failed, ["a::b", "c"]);
    }

    #[test]
    fn counts_of_all_programs_add_up() {
        let tally = tally(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\
             test result: ok. 5 passed; 0 failed; 2 ignored; 0 filtered out; finished in 3.00s\n",
        );
        assert_eq!((tally.passed, tally.ignored), (19, 3));
    }

    #[test]
    fn skipped_tests_say_why() {
        let tally = tally("skipped: this machine has no IPv6\ntest v6 ... ok <0.001s>\n");
        assert_eq!(tally.skipped, ["this machine has no IPv6"]);
    }
}
