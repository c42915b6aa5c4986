//! The layers of the packages: which packages, and which crates from outside, each may depend on.
//!
//! Cargo only rejects cycles. docs/design.md describes the packages.

use std::path::PathBuf;

use crate::structure::Source;

/// The packages of the workspace that each may depend on, lowest first. Tests (`dev-dependencies`) are free.
const LAYERS: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("bitstream", &[]),
    ("media", &["bitstream", "shared"]),
    ("timeline", &["media", "shared"]),
    ("ingest", &["bitstream", "shared"]),
    ("limits", &[]),
    ("access", &["shared"]),
    ("stream", &["limits", "media", "shared", "timeline"]),
    ("net", &[]),
    ("srtp", &[]),
    ("transport", &["net", "srtp"]),
    ("congestion", &[]),
    (
        "egress",
        &[
            "congestion",
            "limits",
            "media",
            "net",
            "shared",
            "srtp",
            "stream",
            "timeline",
        ],
    ),
    (
        "connection",
        &[
            "bitstream",
            "egress",
            "ingest",
            "limits",
            "media",
            "net",
            "shared",
            "srtp",
            "stream",
            "transport",
        ],
    ),
    ("room", &["limits", "shared"]),
    ("turn", &["shared"]),
    (
        "server",
        &[
            "access",
            "connection",
            "egress",
            "limits",
            "media",
            "net",
            "room",
            "shared",
            "stream",
            "timeline",
            "turn",
        ],
    ),
    ("peer", &["shared"]),
    (
        "testkit",
        &[
            "connection",
            "media",
            "room",
            "server",
            "shared",
            "stream",
            "timeline",
            "turn",
        ],
    ),
    // Builds without FFmpeg and webrtc.
    (
        "fuzz",
        &[
            "access",
            "bitstream",
            "congestion",
            "ingest",
            "limits",
            "net",
            "room",
            "shared",
            "transport",
            "turn",
        ],
    ),
    ("client", &["shared"]),
    ("bench", &["shared", "testkit"]),
    ("xtask", &[]),
    // A third-party viewer of the tests, in a workspace of its own.
    ("whepsrc", &[]),
    // Programs that xtask compiles, in a workspace of their own.
    ("bindgen-tools", &[]),
];

/// Crates that only these packages may depend on.
const OWNED: &[(&str, &[&str])] = &[
    ("axum", &["server", "testkit"]),
    ("ffmpeg-next", &["media"]),
    ("leptos", &["client"]),
    ("quinn-udp", &["net", "bench"]),
    ("rtc", &["peer", "testkit"]),
    ("rtc-crypto", &["connection", "egress", "srtp", "transport"]),
    ("rtc-dtls", &["transport"]),
    // Weir has an ICE agent of its own.
    ("rtc-ice", &[]),
    ("rtc-rtcp", &["egress"]),
    ("rtc-rtp", &["egress", "srtp"]),
    ("rtc-shared", &["egress", "srtp", "transport"]),
    ("rtc-srtp", &["egress", "srtp"]),
    ("rtc-stun", &["transport"]),
    ("turn-types", &["fuzz", "turn"]),
    ("webrtc", &["peer", "testkit"]),
];

/// Packages that use plain threads, or no I/O.
const WITHOUT_TOKIO: &[&str] = &[
    "shared",
    "bitstream",
    "media",
    "timeline",
    "ingest",
    "limits",
    "srtp",
    "transport",
    "congestion",
    "client",
];

#[derive(Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Without those of tests.
    dependencies: Vec<String>,
}

/// Reads a manifest. None for the one of the workspace.
pub(crate) fn package(manifest: &Source) -> Option<Package> {
    let mut section = "";
    let mut name = None;
    let mut dependencies = Vec::new();
    for line in manifest.text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            // [dependencies.web-sys]
            let table = section.strip_prefix("dependencies.");
            dependencies.extend(table.map(str::to_owned));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.split('.').next().unwrap_or(key).trim();
        if section == "package" && key == "name" {
            name = Some(value.trim().trim_matches('"').to_owned());
        }
        let build = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
        if build && section != "workspace.dependencies" && !key.starts_with('#') {
            dependencies.push(key.to_owned());
        }
    }
    Some(Package {
        name: name?,
        folder: manifest.path.parent()?.to_owned(),
        dependencies,
    })
}

pub(crate) fn check(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<String> {
    let name = &*package.name;
    let find = |wanted: &str| LAYERS.iter().find(|(layer, _)| *layer == wanted);
    let Some((_, allowed)) = find(name) else {
        return vec![format!(
            "package `{name}`: add what it may depend on to xtask/src/layers.rs"
        )];
    };
    let mut wrong = Vec::new();
    for dependency in &package.dependencies {
        let dependency = &**dependency;
        let owned = OWNED.iter().find(|(owned, _)| *owned == dependency);
        let refused = find(dependency).is_some() && !allowed.contains(&dependency)
            || owned.is_some_and(|(_, owners)| !owners.contains(&name))
            || dependency == "tokio" && WITHOUT_TOKIO.contains(&name);
        if refused {
            wrong.push(format!("package `{name}` may not depend on `{dependency}`"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Package {
        let path = "server/net/Cargo.toml".into();
        let text = text.to_owned();
        package(&Source { path, text }).expect("it has a name")
    }

    #[test]
    fn dependencies_are_read_in_every_spelling() {
        let package = manifest(
            "[package]\nname = \"net\"\nversion.workspace = true\n\n\
             [dependencies]\nbytes.workspace = true\n# not = this\nureq = { workspace = true }\n\n\
             [dependencies.web-sys]\nfeatures = [\n    \"a\",\n]\n\n\
             [target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n\n\
             [build-dependencies]\ncc = \"1\"\n\n[dev-dependencies]\nstream.workspace = true\n",
        );
        assert_eq!(package.name, "net");
        assert_eq!(package.folder, PathBuf::from("server/net"));
        let expected = ["bytes", "ureq", "web-sys", "rustix", "cc"];
        assert_eq!(package.dependencies, expected);
        assert!(check_package(&package).is_empty());
    }

    #[test]
    fn the_manifest_of_the_workspace_is_no_package() {
        let path = "Cargo.toml".into();
        let text = "[workspace.dependencies]\nnet = { path = \"server/net\" }\n".to_owned();
        assert_eq!(package(&Source { path, text }), None);
    }

    #[test]
    fn packages_depend_on_lower_layers_only() {
        for dependency in ["stream", "webrtc", "rtc", "rtc-ice", "ffmpeg-next"] {
            let package = manifest(&format!(
                "[package]\nname = \"net\"\n[dependencies]\n{dependency}.workspace = true\n"
            ));
            let wrong = check_package(&package);
            assert_eq!(
                wrong,
                [format!("package `net` may not depend on `{dependency}`")]
            );
        }
        let timeline = "[package]\nname = \"timeline\"\n[dependencies]\ntokio.workspace = true\n";
        assert_eq!(check_package(&manifest(timeline)).len(), 1);
    }

    #[test]
    fn only_the_transport_knows_dtls() {
        for (package, wrong) in [("transport", 0), ("egress", 1), ("connection", 1)] {
            let dependency = "[dependencies]\nrtc-dtls.workspace = true\n";
            let package = manifest(&format!("[package]\nname = \"{package}\"\n{dependency}"));
            assert_eq!(check_package(&package).len(), wrong, "{package:?}");
        }
    }

    #[test]
    fn a_new_package_needs_a_layer() {
        let wrong = check_package(&manifest("[package]\nname = \"relay\"\n"));
        assert!(wrong[0].contains("layers.rs"), "{wrong:?}");
    }

    #[test]
    fn layers_are_listed_lowest_first() {
        for (index, (name, allowed)) in LAYERS.iter().enumerate() {
            let before: Vec<_> = LAYERS[..index].iter().map(|(name, _)| name).collect();
            let missing = allowed.iter().find(|other| !before.contains(other));
            assert_eq!(missing, None, "of {name}");
        }
    }
}
