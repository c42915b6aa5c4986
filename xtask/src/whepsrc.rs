//! GStreamer's element `whepsrc`, a viewer of the tests that no distribution of Linux that ci runs on has: compiled once into `.tools`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::{
    child,
    job::Step,
    setup::{Missing, Scope},
    workspace::{self, command},
};

const SOURCES: &str = "server/tests/protocol/connecting/whepsrc";
/// GStreamer takes the name of the plugin from that of its file.
const PLUGIN: &str = ".tools/whepsrc/plugins/libgstwebrtchttp.so";

/// The libraries that it is linked with, and what the build scripts of their crates call them.
const LIBRARIES: [(&str, &str); 7] = [
    ("GSTREAMER_1_0", "gstreamer-1.0"),
    ("GSTREAMER_BASE_1_0", "gstbase-1.0"),
    ("GSTREAMER_SDP_1_0", "gstsdp-1.0"),
    ("GSTREAMER_WEBRTC_1_0", "gstwebrtc-1.0"),
    ("GLIB_2_0", "glib-2.0"),
    ("GOBJECT_2_0", "gobject-2.0"),
    ("GIO_2_0", "gio-2.0"),
];

/// The plugin, unless it is there. Its 197 crates take 96 s of CPU.
pub(crate) fn missing(scope: Scope) -> Option<Missing> {
    let sources = ["Cargo.toml", "Cargo.lock"].map(|file| format!("{SOURCES}/{file}"));
    if scope < Scope::Test || workspace::is_newer(PLUGIN, &sources) {
        return None;
    }
    Some(Missing {
        description: "GStreamer's whepsrc from the Rust registry, compiled once, in .tools"
            .to_owned(),
        by_hand: vec!["cargo xtask setup".to_owned()],
        step: Step::new("GStreamer's whepsrc", build).about(60),
        // It is linked with libraries of the system's packages, which are installed before it only in the same list.
        compiled: false,
    })
}

/// The crates need no headers, so that GStreamer's packages for development, half a gigabyte with all that they need, are not
/// needed either: the libraries only get the names that a linker looks for.
fn build() -> Result<()> {
    let plugin = workspace::root().join(PLUGIN);
    let folder = workspace::root().join(".tools/whepsrc");
    let (target, libraries) = (folder.join("target"), folder.join("libraries"));
    for folder in [libraries.as_path(), plugin.parent().unwrap_or(&folder)] {
        fs::create_dir_all(folder)?;
    }
    let mut cargo = command("cargo");
    cargo.args(["build", "--quiet", "--locked"]);
    cargo.args(["--manifest-path", &format!("{SOURCES}/Cargo.toml")]);
    cargo.arg("--target-dir").arg(&target);
    for (name, library) in LIBRARIES {
        let link = libraries.join(format!("lib{library}.so"));
        let _ = fs::remove_file(&link);
        symlink(of_system(library)?, link)?;
        // https://docs.rs/system-deps: Overriding build flags
        cargo.env(format!("SYSTEM_DEPS_{name}_NO_PKG_CONFIG"), "1");
        cargo.env(format!("SYSTEM_DEPS_{name}_LIB"), library);
        cargo.env(format!("SYSTEM_DEPS_{name}_SEARCH_NATIVE"), &libraries);
    }
    child::run(&mut cargo)?;
    fs::copy(target.join("debug/libwhepsrc.so"), plugin)?;
    fs::remove_dir_all(target)?;
    Ok(())
}

/// The path of a library of the system.
fn of_system(library: &str) -> Result<PathBuf> {
    let file = format!("lib{library}.so.0");
    let mut compiler = Command::new("cc");
    let output = compiler.arg(format!("-print-file-name={file}")).output()?;
    let path = String::from_utf8(output.stdout)?;
    let path = Path::new(path.trim());
    ensure!(
        path.is_absolute(),
        "{file} is missing; `cargo xtask setup` installs it"
    );
    Ok(path.to_owned())
}
