//! Builds GStreamer's element `whepsrc`, which no distribution of Linux that ci runs on has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::clients::FOLDER;

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

/// The folder with the plugin. 96 s of CPU, the first time.
///
/// The crates need no headers, so that GStreamer's packages for development, half a gigabyte with all that they need, are not
/// needed either: the libraries only get the names that a linker looks for.
pub(super) fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whepsrc");
    let (libraries, plugins) = (target.join("libraries"), target.join("plugins"));
    for folder in [&libraries, &plugins] {
        fs::create_dir_all(folder).expect("a folder in target/");
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--locked"]);
    cargo.args(["--manifest-path", &format!("{FOLDER}/whepsrc/Cargo.toml")]);
    cargo.arg("--target-dir").arg(&target);
    // cargo xtask sets it for the test programs.
    cargo.env_remove("RUSTC_BOOTSTRAP");
    for (name, library) in LIBRARIES {
        let link = libraries.join(format!("lib{library}.so"));
        let _ = fs::remove_file(&link);
        symlink(of_system(library), link).expect("a link in target/");
        // https://docs.rs/system-deps: Overriding build flags
        cargo.env(format!("SYSTEM_DEPS_{name}_NO_PKG_CONFIG"), "1");
        cargo.env(format!("SYSTEM_DEPS_{name}_LIB"), library);
        cargo.env(format!("SYSTEM_DEPS_{name}_SEARCH_NATIVE"), &libraries);
    }
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "whepsrc is not built");
    // GStreamer takes the name of the plugin from that of its file.
    let built = target.join("debug/libwhepsrc.so");
    fs::copy(built, plugins.join("libgstwebrtchttp.so")).expect("the plugin is there");
    plugins
}

/// The path of a library of the system.
fn of_system(library: &str) -> PathBuf {
    let file = format!("lib{library}.so.0");
    let mut compiler = Command::new("cc");
    let output = compiler.arg(format!("-print-file-name={file}")).output();
    let output = output.expect("a C compiler starts").stdout;
    let path = String::from_utf8(output).expect("a path");
    let path = PathBuf::from(path.trim());
    assert!(
        path.is_absolute(),
        "{file} is missing; `cargo xtask setup` installs it"
    );
    path
}
