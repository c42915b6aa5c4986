//! Puts the page into a folder: what `trunk build --release` does with index.html, and byte for byte the same, without Trunk, which
//! takes longer to compile than all the rest of the client.
//!
//! Of what Trunk knows, this knows the links that index.html has: `inline`, `icon`, `copy-file`, and one `rust`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    child,
    wasm::Wasm,
    workspace::{command, root},
};

/// The package, and its binary.
const CLIENT: &str = "client";
/// Calls what wasm-bindgen has written.
const SCRIPT: &str = r#"
<script type="module">
import init, * as bindings from './client.js';
const wasm = await init({ module_or_path: './client_bg.wasm' });


window.wasmBindings = bindings;


dispatchEvent(new CustomEvent("TrunkApplicationStarted", {detail: {wasm}}));

</script>"#;
const PRELOADS: &str = r#"<link rel="modulepreload" href="./client.js" crossorigin="anonymous"><link rel="preload" href="./client_bg.wasm" crossorigin="anonymous" as="fetch" type="application/wasm"></head>"#;

/// Builds the page in `dist`, which it replaces when all is there.
pub(crate) fn build(dist: &Path, quiet: bool) -> Result<()> {
    let html = fs::read_to_string(root().join("index.html"))?;
    let staging = dist.join(".stage");
    let _ = fs::remove_dir_all(&staging);
    fs::create_dir_all(&staging)?;
    let mut page = String::new();
    for line in html.split_inclusive('\n') {
        page += &match Link::read(line) {
            Some(link) => line.replace(link.element, &link.put(&staging, quiet)?),
            None => line.replace("</head>", PRELOADS),
        };
    }
    fs::write(staging.join("index.html"), page)?;
    let mut hook = command("node");
    hook.arg("xtask/compress.mjs")
        .env("TRUNK_PROFILE", "release")
        .env("TRUNK_STAGING_DIR", &staging);
    child::run(&mut hook)?;
    replace(dist, &staging)
}

/// index.html goes first and comes last: a server that runs takes the new page when it is complete.
fn replace(dist: &Path, staging: &Path) -> Result<()> {
    let _ = fs::remove_file(dist.join("index.html"));
    for entry in fs::read_dir(dist)? {
        let path = entry?.path();
        if path != staging {
            match path.is_dir() {
                true => fs::remove_dir_all(path)?,
                false => fs::remove_file(path)?,
            }
        }
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(staging)? {
        names.push(entry?.file_name());
    }
    names.sort_by_key(|name| name == "index.html");
    for name in names {
        fs::rename(staging.join(&name), dist.join(&name))?;
    }
    Ok(fs::remove_dir(staging)?)
}

/// `<link data-trunk ...>`
struct Link<'a> {
    element: &'a str,
}

impl<'a> Link<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let start = line.find("<link data-trunk ")?;
        let end = start + line[start..].find('>')? + 1;
        let element = &line[start..end];
        Some(Self { element })
    }

    fn attribute(&self, name: &str) -> Result<&'a str> {
        let find = || {
            let (_, rest) = self.element.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        find().with_context(|| format!("index.html: {} has no {name}=\"...\"", self.element))
    }

    /// Puts the file there; what stands in the page instead.
    fn put(&self, folder: &Path, quiet: bool) -> Result<String> {
        let (kind, href) = (self.attribute("rel")?, self.attribute("href")?);
        let path = root().join(href);
        let name = path.file_name().unwrap_or_default();
        let copy = || fs::copy(&path, folder.join(name)).with_context(|| format!("copying {href}"));
        let ending = path.extension().and_then(|ending| ending.to_str());
        Ok(match (kind, ending) {
            ("inline", Some("css")) => format!("<style>{}</style>", fs::read_to_string(path)?),
            ("inline", Some("js")) => format!("<script>{}</script>", fs::read_to_string(path)?),
            ("copy-file", _) => copy().map(|_| String::new())?,
            ("icon", _) => {
                copy()?;
                format!(r#"<link rel="icon" href="./{}"/>"#, name.display())
            }
            ("rust", _) => {
                self.compile(folder, quiet)?;
                SCRIPT.to_owned()
            }
            _ => bail!(
                "index.html: xtask/src/page.rs does not know {}",
                self.element
            ),
        })
    }

    fn compile(&self, folder: &Path, quiet: bool) -> Result<()> {
        let profile = self.attribute("data-cargo-profile-release")?;
        child::run(&mut cargo(profile, quiet)?)?;
        let target = root().join("target/wasm32-unknown-unknown");
        let output = root().join("target/page");
        let mut bindgen = command("wasm-bindgen");
        bindgen
            .arg("--target=web")
            .arg(format!("--out-dir={}", output.display()))
            .arg(format!("--out-name={CLIENT}"))
            .arg(target.join(profile).join(format!("{CLIENT}.wasm")))
            .args(["--keep-debug", "--no-typescript"]);
        child::run(&mut bindgen)?;
        let script = format!("{CLIENT}.js");
        fs::copy(output.join(&script), folder.join(&script))?;
        let module = format!("{CLIENT}_bg.wasm");
        let mut optimize = command("wasm-opt");
        optimize
            .arg(format!("--output={}", folder.join(&module).display()))
            .arg(format!("-O{}", self.attribute("data-wasm-opt")?))
            .arg(output.join(&module))
            .args(self.attribute("data-wasm-opt-params")?.split_whitespace());
        child::run(&mut optimize)
    }
}

/// Compiles what Trunk compiles, with the same arguments.
fn cargo(profile: &str, quiet: bool) -> Result<Command> {
    let mut cargo = Wasm::find()?.command("cargo");
    cargo.args(["build", "--target=wasm32-unknown-unknown"]);
    cargo.arg("--manifest-path");
    cargo.arg(root().join(CLIENT).join("Cargo.toml"));
    cargo.args(["--profile", profile]);
    if quiet {
        cargo.arg("--quiet");
    }
    Ok(cargo)
}
