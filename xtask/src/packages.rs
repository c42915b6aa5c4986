//! System packages: what Weir needs from the operating system, and its name for each package manager.

use std::{fs, path::Path};

use anyhow::{Result, bail};

use crate::{
    debian,
    job::Step,
    setup::{Missing, Scope},
    tools,
    workspace::{answer, command, has},
};

/// Something that Weir needs from the operating system.
struct Need {
    description: &'static str,
    scope: Scope,
    present: fn() -> bool,
    /// Names of packages for apt, dnf, pacman and brew; empty where it comes with something else.
    names: [&'static str; 4],
}

const NEEDS: &[Need] = &[
    Need {
        description: "a C compiler",
        scope: Scope::Run,
        present: || has("cc"),
        names: ["build-essential", "gcc", "base-devel", ""],
    },
    Need {
        description: "pkg-config",
        scope: Scope::Run,
        present: || has("pkg-config"),
        names: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf"],
    },
    Need {
        description: "clang with libclang (it reads FFmpeg's headers)",
        scope: Scope::Run,
        present: || has("clang") && has_libclang(),
        names: ["clang libclang-dev", "clang clang-devel", "clang", "llvm"],
    },
    Need {
        description: "FFmpeg's libraries with headers",
        scope: Scope::Run,
        present: has_ffmpeg_libraries,
        names: [
            "libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev",
            "ffmpeg-free-devel",
            "ffmpeg",
            "ffmpeg",
        ],
    },
    Need {
        description: "npm and Node (npm brings wasm-opt and esbuild, Node compresses the page)",
        scope: Scope::Run,
        present: || has("node") && (tools::has_wasm_opt() && tools::has_esbuild() || has("npm")),
        names: ["npm", "nodejs-npm", "npm", "node"],
    },
    Need {
        description: "npm (it brings axe-core and third-party viewers)",
        scope: Scope::Test,
        present: || tools::has_npm_packages() || has("npm"),
        names: ["npm", "nodejs-npm", "npm", "node"],
    },
    Need {
        description: "a C++ compiler (for libFuzzer)",
        scope: Scope::Test,
        present: || has("c++"),
        names: ["g++", "gcc-c++", "gcc", ""],
    },
    Need {
        description: "the ffmpeg command",
        scope: Scope::Test,
        present: || has("ffmpeg") && has("ffprobe"),
        names: ["ffmpeg", "ffmpeg-free", "ffmpeg", "ffmpeg"],
    },
    Need {
        description: "Chromium with its driver",
        scope: Scope::Test,
        present: || has("chromium") && has("chromedriver"),
        names: [
            "chromium chromium-driver",
            "chromium chromedriver",
            "chromium",
            "chromium chromedriver",
        ],
    },
    Need {
        description: "Firefox",
        scope: Scope::Test,
        present: || has("firefox") || has("firefox-esr"),
        names: ["firefox-esr", "firefox", "firefox", "firefox"],
    },
    Need {
        description: "Python with venv (for aiortc and FFmpeg 9)",
        scope: Scope::Test,
        present: || {
            tools::has_python_packages() || answer("python3", &["-c", "import ensurepip"]).is_some()
        },
        names: ["python3-venv", "python3-pip", "python", "python"],
    },
    Need {
        description: "GStreamer with webrtcbin, for Python (a third-party viewer and publisher)",
        scope: Scope::Test,
        present: has_webrtcbin,
        names: [
            "python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-bad gstreamer1.0-plugins-good",
            "python3-gobject libnice-gstreamer1 gstreamer1-plugins-bad-free gstreamer1-plugins-good gstreamer1-plugin-openh264",
            "python-gobject libnice gst-plugins-bad gst-plugins-good",
            "pygobject3 gstreamer",
        ],
    },
    Need {
        description: "Go (for a viewer built on Pion)",
        scope: Scope::Test,
        present: || has("go"),
        names: ["golang-go", "golang", "go", "go"],
    },
    Need {
        description: "coturn, with its test client",
        scope: Scope::Test,
        present: || has("turnserver") && has("turnutils_uclient"),
        names: ["coturn", "coturn coturn-utils", "coturn", "coturn"],
    },
    Need {
        description: "nginx with its stream module, HAProxy, and Caddy (proxies in front of the server)",
        scope: Scope::Test,
        present: || has("caddy") && has_haproxy() && has_nginx_with_streams(),
        names: [
            "nginx libnginx-mod-stream haproxy caddy",
            "nginx nginx-mod-stream haproxy caddy",
            "nginx haproxy caddy",
            "nginx haproxy caddy",
        ],
    },
    Need {
        description: "network namespaces and nftables (on Linux)",
        scope: Scope::Test,
        present: || !cfg!(target_os = "linux") || (has("ip") && has("nft")),
        names: [
            "iproute2 nftables",
            "iproute nftables",
            "iproute2 nftables",
            "",
        ],
    },
    Need {
        description: "valgrind (on Linux; it counts instructions)",
        scope: Scope::Ci,
        present: || !cfg!(target_os = "linux") || has("valgrind"),
        names: ["valgrind", "valgrind", "valgrind", ""],
    },
    Need {
        description: "debootstrap (on Linux; it installs a Debian 13 in a folder)",
        scope: Scope::Full,
        present: || !cfg!(target_os = "linux") || has("debootstrap"),
        names: ["debootstrap", "debootstrap", "debootstrap", ""],
    },
    Need {
        description: "a font with Chinese characters (for screenshots)",
        scope: Scope::Test,
        present: has_chinese_font,
        names: [
            "fonts-noto-cjk",
            "google-noto-sans-cjk-fonts",
            "noto-fonts-cjk",
            "font-noto-sans-cjk",
        ],
    },
];

/// All missing packages together, if any.
pub(crate) fn missing(scope: Scope) -> Option<Missing> {
    let missing: Vec<&'static Need> = NEEDS
        .iter()
        .filter(|need| scope.includes(need.scope) && !(need.present)())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let uses: Vec<_> = missing.iter().map(|need| need.description).collect();
    let uses = uses.join(", ");
    let lines = install_lines(&missing);
    let (description, by_hand) = if has("apt-get") {
        let packages = names(&missing, 0);
        let description = format!(
            "Debian packages: {packages}\n      for {uses};\n      no service of theirs is started or enabled"
        );
        (description, vec![lines[0].clone()])
    } else {
        (format!("system packages for {uses}"), lines.to_vec())
    };
    Some(Missing {
        description,
        by_hand,
        // Chromium, Firefox and coturn among them take longest.
        step: Step::new("system packages", move || install(&missing)).about(match scope {
            Scope::Run => 25,
            Scope::Test | Scope::Ci | Scope::Full => 90,
        }),
        compiled: false,
    })
}

/// The packages of one manager, by its place in [`Need::names`], each once.
fn names(missing: &[&Need], manager: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in missing
        .iter()
        .flat_map(|need| need.names[manager].split(' '))
    {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" ")
}

/// What installs them, for each manager.
fn install_lines(missing: &[&Need]) -> [String; 4] {
    let commands = [
        debian::BY_HAND,
        "sudo dnf install",
        "sudo pacman -S",
        "brew install",
    ];
    std::array::from_fn(|manager| format!("{} {}", commands[manager], names(missing, manager)))
}

fn install(missing: &[&Need]) -> Result<()> {
    debian::install(&names(missing, 0)).or_else(|error| {
        bail!(
            "{error:#}\n\nInstall them with the line for your system, then start again:\n\n    {}\n",
            install_lines(missing).join("\n    ")
        )
    })?;
    match missing.iter().find(|need| !(need.present)()) {
        Some(need) => bail!(
            "the packages are installed, but {} is not found; `cargo xtask setup` looks again",
            need.description
        ),
        None => Ok(()),
    }
}

fn has_ffmpeg_libraries() -> bool {
    let libraries = [
        "libavcodec",
        "libavfilter",
        "libavformat",
        "libavutil",
        "libswresample",
        "libswscale",
    ];
    command("pkg-config")
        .arg("--exists")
        .args(libraries)
        .status()
        .is_ok_and(|status| status.success())
}

/// Looks for the library: a package `clang` does not contain it on every system.
fn has_libclang() -> bool {
    let mut folders: Vec<String> = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
        "/Library/Developer/CommandLineTools/usr/lib",
    ]
    .map(str::to_owned)
    .to_vec();
    folders.extend(std::env::var("LIBCLANG_PATH"));
    // Debian and others have one folder for each version of LLVM.
    for parent in ["/usr/lib", "/usr/lib64"] {
        let versions = fs::read_dir(parent).into_iter().flatten().flatten();
        let versions =
            versions.filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm"));
        folders.extend(versions.map(|entry| entry.path().join("lib").display().to_string()));
    }
    folders.iter().any(|folder| {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = files.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| {
            let library = name.starts_with("libclang.") || name.starts_with("libclang-");
            library
                && !name.starts_with("libclang-cpp")
                && (name.contains(".so") || name.ends_with(".dylib"))
        })
    })
}

/// What connecting/gstreamer.py and publishing/publish_gstreamer.py in server/tests/protocol load.
fn has_webrtcbin() -> bool {
    const ASK: &str = "import gi
gi.require_version('Gst', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import Gst, GstWebRTC
Gst.init(None)
elements = ['webrtcbin', 'nicesrc', 'dtlsdec', 'srtpdec', 'rtpbin', 'rtph264depay', 'rtpvp8depay', 'h264parse', 'openh264enc', 'opusenc']
print(all(map(Gst.ElementFactory.find, elements)))";
    answer("/usr/bin/python3", &["-c", ASK]).as_deref() == Some("True")
}

fn has_haproxy() -> bool {
    // Debian has it where the PATH of ordinary users does not lead.
    has("haproxy") || Path::new("/usr/sbin/haproxy").is_file()
}

/// Its stream module is built in, or a package of its own.
fn has_nginx_with_streams() -> bool {
    // Debian has this one there as well.
    let version = |program| command(program).arg("-V").output().ok();
    let Some(version) = ["nginx", "/usr/sbin/nginx"].into_iter().find_map(version) else {
        return false;
    };
    let said = String::from_utf8_lossy(&version.stderr);
    let module = |folder: &str| Path::new(folder).join("ngx_stream_module.so").is_file();
    said.split_whitespace().any(|flag| flag == "--with-stream")
        || ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"]
            .map(module)
            .contains(&true)
}

fn has_chinese_font() -> bool {
    // macOS has such a font, and no fontconfig.
    Path::new("/System/Library/Fonts").is_dir()
        || answer("fc-list", &[":lang=zh", "family"]).is_some_and(|family| !family.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_listed_for_each_manager_without_gaps() {
        let missing: Vec<_> = NEEDS.iter().take(2).collect();
        let [apt, _, _, brew] = install_lines(&missing);
        assert_eq!(
            apt,
            "sudo sh xtask/debian/install.sh build-essential pkg-config"
        );
        assert_eq!(brew, "brew install pkgconf");
        let all: Vec<_> = NEEDS.iter().collect();
        let names = names(&all, 0);
        assert_eq!(names.split(' ').filter(|name| *name == "npm").count(), 1);
    }

    #[test]
    fn every_need_has_a_debian_package() {
        for need in NEEDS {
            assert!(!need.names[0].is_empty(), "{} has none", need.description);
        }
    }
}
