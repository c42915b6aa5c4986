//! Measures how long linking takes.
//!
//! Cargo and stable rustc count it as compiling. A linker named in cargo's settings would recompile everything. But rustc
//! finds `cc` on `PATH`, so a script of that name in front of it can measure.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::workspace;

/// Measures the links of one command.
#[derive(Debug)]
pub(crate) struct LinkTimer {
    log: PathBuf,
}

impl LinkTimer {
    /// Makes rustc, under this command, link through a script in `folder`, which is made in `target/`. None on systems
    /// whose `date` lacks milliseconds.
    #[cfg(target_os = "linux")]
    pub(crate) fn attach(command: &mut Command, folder: &str) -> Result<Option<Self>> {
        use std::os::unix::fs::PermissionsExt;
        let Some(linker) = workspace::find("cc") else {
            return Ok(None);
        };
        let folder = workspace::root().join("target").join(folder);
        fs::create_dir_all(&folder)?;
        let log = folder.join("milliseconds");
        fs::write(&log, "")?;
        let script = folder.join("cc");
        fs::write(
            &script,
            format!(
                "#!/bin/sh\n\
                 # Written by xtask: notes how long each link takes.\n\
                 began=$(date +%s%3N)\n\
                 '{}' \"$@\"\n\
                 status=$?\n\
                 case \" $* \" in\n\
                 *.rcgu.o*|*linker-arguments*) echo $(($(date +%s%3N) - began)) >>'{}' ;;\n\
                 esac\n\
                 exit $status\n",
                linker.display(),
                log.display()
            ),
        )
        .with_context(|| format!("cannot write {}", script.display()))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        command.env("PATH", workspace::path_behind(&folder));
        Ok(Some(Self { log }))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn attach(_: &mut Command, _: &str) -> Result<Option<Self>> {
        Ok(None)
    }

    /// The number of links since, and the sum of their times: several may run at once.
    pub(crate) fn finish(self) -> Result<(usize, Duration)> {
        Ok(sum(&fs::read_to_string(self.log)?))
    }
}

/// Lines of milliseconds, one for each link.
fn sum(log: &str) -> (usize, Duration) {
    let times = log.lines().filter_map(|line| line.trim().parse().ok());
    let times: Vec<Duration> = times.map(Duration::from_millis).collect();
    (times.len(), times.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_counted_and_their_times_added() {
        assert_eq!(sum("120\n80\n"), (2, Duration::from_millis(200)));
        assert_eq!(sum(""), (0, Duration::ZERO));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_script_links_and_notes_it() {
        let mut command = Command::new("sh");
        let timer = LinkTimer::attach(&mut command, "link-timer-test")
            .expect("target/ is writable")
            .expect("a C compiler");
        // `cc --version` as rustc would call it, for an object that is not there.
        command.args(["-c", "cc -c --version x.c && cc --version x.rcgu.o"]);
        let output = command.output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(timer.finish().expect("its log").0, 1);
    }
}
