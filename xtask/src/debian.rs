//! Installs Debian packages without starting or enabling their services, and remembers which, so that they can be removed again.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    child,
    workspace::{self, answer, command, has},
};

/// What a person types, in the root, in front of the names of packages.
pub(crate) const BY_HAND: &str = "sudo sh xtask/debian/install.sh";

const SCRIPT: &str = "xtask/debian/install.sh";

/// Installs packages, as root or by a sudo that asks for no password.
pub(crate) fn install(packages: &str) -> Result<()> {
    if !has("apt-get") {
        bail!("this system has no apt, so xtask cannot install packages itself");
    }
    let mut script = if is_root() {
        command("sh")
    } else if answer("sudo", &["-n", "true"]).is_some() {
        let mut sudo = command("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        bail!("installing packages needs root, and sudo asks for a password");
    };
    let before = installed()?;
    let outcome = child::run(script.arg(SCRIPT).args(packages.split_whitespace()));
    // Also when it failed: some of them may be there.
    let new: BTreeSet<String> = installed()?.difference(&before).cloned().collect();
    remember(new)?;
    outcome
}

/// The line that removes everything that the set-up has installed.
pub(crate) fn undo() -> String {
    undo_line(list().is_file(), is_root())
}

fn undo_line(packages: bool, root: bool) -> String {
    if !packages {
        return "rm -rf .tools".to_owned();
    }
    let sudo = if root { "" } else { "sudo " };
    format!("{sudo}apt-get purge $(cat .tools/debian-packages) && rm -rf .tools")
}

fn is_root() -> bool {
    answer("id", &["-u"]).as_deref() == Some("0")
}

/// The packages that the set-up has installed, one a line, with those that they need.
fn list() -> PathBuf {
    workspace::tools().join("debian-packages")
}

fn remember(new: BTreeSet<String>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let known = fs::read_to_string(list()).unwrap_or_default();
    let mut all = new;
    all.extend(known.lines().map(str::to_owned));
    let text: String = all.iter().map(|package| format!("{package}\n")).collect();
    fs::create_dir_all(workspace::tools())
        .and_then(|()| fs::write(list(), text))
        .with_context(|| format!("cannot write {}", list().display()))
}

/// The packages of this system.
fn installed() -> Result<BTreeSet<String>> {
    let output = Command::new("dpkg-query")
        .args([
            "--show",
            "--showformat=${db:Status-Status} ${binary:Package}\\n",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start dpkg-query, which is a part of Debian")?;
    Ok(installed_in(&String::from_utf8_lossy(&output.stdout)))
}

/// A package of which only its configuration is left is not installed; one that failed half-way is.
fn installed_in(list: &str) -> BTreeSet<String> {
    let lines = list.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(status, _)| !["not-installed", "config-files"].contains(status))
        .map(|(_, package)| package.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::skip;

    #[test]
    fn what_was_there_before_is_not_removed_again() {
        let before = installed_in("installed bash\nconfig-files coturn\nnot-installed npm\n");
        let after = installed_in("installed bash\ninstalled coturn\nhalf-configured npm\n");
        let new: Vec<_> = after.difference(&before).collect();
        assert_eq!(new, ["coturn", "npm"]);
    }

    #[test]
    fn one_line_removes_everything() {
        assert_eq!(undo_line(false, false), "rm -rf .tools");
        assert_eq!(
            undo_line(true, false),
            "sudo apt-get purge $(cat .tools/debian-packages) && rm -rf .tools"
        );
    }

    /// Installs real packages, in a layer over this system.
    #[test]
    fn a_package_with_a_service_is_installed_without_being_started_or_enabled() {
        if !cfg!(target_os = "linux") || !is_root() || !has("apt-get") || !has("unshare") {
            skip("installing packages in a layer over the system needs root on Debian");
            return;
        }
        let folder = workspace::root().join("xtask/debian");
        let output = command("unshare")
            .args(["--mount", "--net", "sh"])
            .arg(folder.join("install_test.sh"))
            .arg(&folder)
            .output()
            .expect("unshare starts");
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(77) {
            skip("this machine cannot lay a file system over its root");
            return;
        }
        assert!(output.status.success(), "{text}");
    }
}
