//! With `--full`: Weir is built in a Debian 13, whose FFmpeg is 7.1, and its tests of files and of watching pass there. Timestamps and
//! rotations of odd files differ between FFmpeg 5.1, of Debian 12, and 7.1.

use std::{env, path::PathBuf};

use crate::{
    harness::skip,
    workspace::{answer, command, has, root},
};

/// Debian's mirror that apt uses on this machine.
fn mirror() -> Option<String> {
    let format = "$(REPO_URI)";
    let args = ["indextargets", "--format", format, "Created-By: Packages"];
    answer("apt-get", &[&args[..], &["Label: Debian"]].concat()).filter(|uri| !uri.is_empty())
}

fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

#[test]
fn on_debian13_it_builds_and_plays_the_sample_film_and_the_odd_files() {
    if env::var_os("WEIR_FULL").is_none() {
        return;
    }
    if answer("id", &["-u"]).as_deref() != Some("0") || !has("debootstrap") || !has("unshare") {
        skip("a Debian 13 beside this system needs root, debootstrap and unshare");
        return;
    }
    let (Some(mirror), Some(cargo_home)) = (mirror(), cargo_home()) else {
        skip("apt has no mirror of Debian here, or there is no home of cargo");
        return;
    };
    let sysroot = answer("rustc", &["--print", "sysroot"]).expect("rustc answers");
    let mut script = command("unshare");
    script.args(["--mount", "sh"]);
    script.arg(root().join("xtask/debian/debian13_test.sh"));
    script.arg(root()).arg(sysroot).arg(cargo_home).arg(mirror);
    script.arg(root().join("target/debian13"));
    let output = script.output().expect("unshare starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if output.status.code() == Some(77) {
        let last = said.lines().last().unwrap_or_default();
        skip(&format!("Debian 13 cannot be installed here: {last}"));
        return;
    }
    assert!(output.status.success(), "{said}");
}
