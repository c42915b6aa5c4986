//! The server behind HAProxy, and behind nginx and Caddy as [docs/proxy.md](../../../../../../docs/proxy.md) configures them.

mod clients;
mod kept_errors;
mod streams;

use std::fs::{self, File};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use tempfile::TempDir;
use testkit::{PATIENCE, eventually, skip};
use tokio::net::TcpStream;

/// Where packages have the modules of nginx that are not built in.
const STREAM_MODULES: [&str; 2] = [
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
];

/// The name of the site, as the documentation has it.
const HOST: &str = "video.example.org";

/// The proxies connect from this address, the clients of these tests from others.
const PROXY_IS_TRUSTED: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

/// Another program may get the port that was chosen: a proxy that ends is started so often, each time with another port.
const STARTS: usize = 3;

/// A running proxy, ended on drop.
struct Proxy {
    child: Child,
    /// `http://127.0.0.1:PORT`
    url: String,
    folder: TempDir,
}

impl Proxy {
    /// Both, as documented; those that this machine does not have are skipped.
    async fn documented(server: &str) -> Vec<Self> {
        let nginx = Self::nginx(|address| {
            let site = documented("nginx", server);
            let site = without_lines(&site, "ssl_certificate");
            format!("http {{ {TEMPORARY} {site} }}").replace("443 ssl http2", address)
        });
        let caddy = Self::caddy(|address| {
            let (ip, port) = address.rsplit_once(':').unwrap();
            let site = documented("caddyfile", server);
            let plain = format!("http://{HOST}:{port} {{\n\tbind {ip}");
            site.replace(&format!("{HOST} {{"), &plain)
        });
        let both = [nginx.await, caddy.await];
        both.into_iter().flatten().collect()
    }

    /// nginx, with contexts that listen on the address.
    async fn nginx(contexts: impl Fn(&str) -> String) -> Option<Self> {
        let contexts = |address: &str| {
            // One process: its end is the end of all. `stream` is a part of some packages of nginx, and a module of others.
            let text = format!(
                "daemon off; master_process off; pid nginx.pid; events {{ worker_connections 4096; }}\n{}",
                contexts(address)
            );
            match STREAM_MODULES
                .iter()
                .find(|module| Path::new(module).is_file())
            {
                Some(module) => format!("load_module {module};\n{text}"),
                None => text,
            }
        };
        let arguments = ["-p", ".", "-c", "config", "-e", "stderr"];
        Self::start("nginx", &arguments, contexts).await
    }

    async fn caddy(site: impl Fn(&str) -> String) -> Option<Self> {
        let site =
            |address: &str| format!("{{\n\tadmin off\n\tauto_https off\n}}\n{}", site(address));
        let arguments = ["run", "--config", "config", "--adapter", "caddyfile"];
        Self::start("caddy", &arguments, site).await
    }

    /// HAProxy, which passes connections on to this server, after a header of the PROXY protocol in version 2.
    async fn haproxy(server: &str) -> Option<Self> {
        let config = |address: &str| {
            format!(
                "defaults\n timeout connect 30s\n timeout client 60s\n timeout server 60s\n\
                 listen weir\n bind {address}\n server weir {server} send-proxy-v2\n"
            )
        };
        Self::start("haproxy", &["-db", "-f", "config"], config).await
    }

    async fn start(
        program: &str,
        arguments: &[&str],
        config: impl Fn(&str) -> String,
    ) -> Option<Self> {
        for _ in 0..STARTS {
            let mut proxy = Self::spawn(program, arguments, &config)?;
            let address = proxy.url.trim_start_matches("http://").to_owned();
            let mut has_ended = false;
            eventually("the proxy listens, or ends", PATIENCE, || {
                has_ended = proxy.child.try_wait().unwrap().is_some();
                let (has_ended, address) = (has_ended, address.clone());
                async move { has_ended || TcpStream::connect(address).await.is_ok() }
            })
            .await;
            if !has_ended {
                return Some(proxy);
            }
        }
        panic!("{program} ended {STARTS} times");
    }

    fn spawn(program: &str, arguments: &[&str], config: impl Fn(&str) -> String) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        fs::write(folder.path().join("config"), config(&address.to_string())).unwrap();
        let output = File::create(folder.path().join("output")).unwrap();
        // Debian has nginx and HAProxy where the PATH of ordinary users does not lead.
        let spawn = |program: String| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(&folder);
            command.env("HOME", folder.path()).stdin(Stdio::null());
            command.stdout(output.try_clone().unwrap());
            command.stderr(output.try_clone().unwrap()).spawn().ok()
        };
        let mut programs = [program.to_owned(), format!("/usr/sbin/{program}")].into_iter();
        let Some(child) = programs.find_map(spawn) else {
            skip(&format!(
                "{program} is missing; `cargo xtask setup` installs it"
            ));
            return None;
        };
        Some(Self {
            child,
            url: format!("http://{address}"),
            folder,
        })
    }

    /// What it has printed.
    fn output(&self) -> String {
        let octets = fs::read(self.folder.path().join("output")).unwrap();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Of a test that fails, it says why.
        print!("{}", self.output());
    }
}

/// Where nginx keeps what does not fit into memory.
const TEMPORARY: &str = "access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; \
                         uwsgi_temp_path uwsgi; scgi_temp_path scgi;";

/// The first block of this language in docs/proxy.md, with the address of this server.
fn documented(language: &str, server: &str) -> String {
    let docs = include_str!("../../../../../../docs/proxy.md");
    let (_, rest) = docs.split_once(&format!("```{language}\n")).unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let server = server.trim_start_matches("http://");
    block.replace("127.0.0.1:8000", server)
}

fn without_lines(text: &str, word: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains(word));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A client at this address.
fn client(from: &str) -> Client {
    let address: IpAddr = from.parse().unwrap();
    Client::builder().local_address(address).build().unwrap()
}
