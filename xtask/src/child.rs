//! Child processes: runs them to their end, reads what they print, and shows how to run one alone.

use std::{
    env,
    fmt::Write as _,
    io::{self, BufRead, BufReader, IsTerminal, Write as _, stderr, stdout},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Runs a command to its end. The error says how to run it alone.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    // So that the lines of xtask come before those of the child.
    let _ = stdout().flush();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot start {program}; is it installed?"))?;
    if !status.success() {
        bail!("{status}. To run it alone:\n\n    {}\n", line(command));
    }
    Ok(())
}

/// Like [`run`], and passes each line of both its outputs on to `read`, without its line break, and prints it.
///
/// Both go through one pipe, so the lines keep their order.
pub(crate) fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (output, input) = io::pipe()?;
    command.stdout(input.try_clone()?).stderr(input);
    let child = command.spawn();
    // Closes the end of the pipe in this process.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut child = child.with_context(|| format!("cannot start {program}; is it installed?"))?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines.for_each(|line| drop(sender.send(line)));
    });
    let mut status = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                read(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            // A program that a test left behind may keep the pipe open without end.
            Err(RecvTimeoutError::Timeout) if status.is_some() => break,
            Err(RecvTimeoutError::Timeout) => status = child.try_wait()?,
        }
    }
    let status = status.map_or_else(|| child.wait(), Ok)?;
    if !status.success() {
        bail!("{status}. To run it alone:\n\n    {}\n", line(command));
    }
    Ok(())
}

/// Like [`run`], but gives up after `limit`: for commands that may wait for a network that does not answer.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut child = command.spawn().context("cannot start it")?;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("{status}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    bail!("no answer within {} s", limit.as_secs());
}

/// Whether the output is a terminal: then programs may draw their progress, which would fill a log file.
pub(crate) fn is_terminal() -> bool {
    stderr().is_terminal()
}

/// The command as one would type it in the root.
fn line(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        let Some(value) = value else { continue };
        let value = value.to_string_lossy();
        let value = match name.to_str() {
            Some("PATH") => short_path(&value),
            _ => quoted(&value),
        };
        let _ = write!(line, "{}={value} ", name.to_string_lossy());
    }
    line.push_str(&quoted(&command.get_program().to_string_lossy()));
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        let relative = Path::new(&*arg).strip_prefix(workspace::root());
        let arg = relative.map_or(arg.as_ref(), |path| path.to_str().unwrap_or(&arg));
        line.push(' ');
        line.push_str(&quoted(arg));
    }
    line
}

/// The `PATH` of a command as one would type it: the folders in `.tools/` in front of the inherited `PATH`.
fn short_path(path: &str) -> String {
    let tools = workspace::tools();
    let own = env::split_paths(path).filter(|folder| folder.starts_with(&tools));
    let mut short = String::new();
    for folder in own {
        let relative = folder.strip_prefix(workspace::root()).unwrap_or(&folder);
        let _ = write!(short, "$PWD/{}:", relative.display());
    }
    short + "$PATH"
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args([
            "doc",
            "it's",
            workspace::root().join("dist").to_str().expect("utf-8"),
        ]);
        assert_eq!(
            line(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s' dist"
        );
    }

    #[test]
    fn of_path_only_our_tools_are_shown() {
        let root = workspace::root().display();
        let path = format!("{root}/target/link-timer:{root}/.tools/bin:/usr/bin");
        assert_eq!(short_path(&path), "$PWD/.tools/bin:$PATH");
    }

    #[test]
    fn lines_of_both_outputs_are_read_in_order() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let error = run_reading(&mut command, |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["one", "two", "three"]);
        let error = error.expect_err("it exits with 3").to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("To run it alone"), "{error}");
    }

    #[test]
    fn a_program_left_behind_does_not_delay_the_end() {
        let started = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo done"]);
        run_reading(&mut command, |_| ()).expect("sh succeeds");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_command_that_hangs_is_ended_at_the_limit() {
        let started = Instant::now();
        let error = run_within(Command::new("sleep").arg("60"), Duration::from_millis(100));
        assert!(error.is_err());
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
