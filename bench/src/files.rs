//! `bench files`: the throughput of a file between two peers of a room, hashed on both sides and written to disk.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::chromium::{self, WITHOUT_MDNS, milliseconds};
use crate::process::{release, start_server};
use testkit::process::ServerProcess;
use testkit::webdriver::Session;
use testkit::{TestPeer, write_file};

#[derive(Args)]
pub(crate) struct FilesBench {
    /// Size of the file in MB.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=2000))]
    megabytes: u64,
    /// Number of transfers. The best one counts, as other load only makes them slower.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    times: u32,
}

const TIMEOUT: Duration = Duration::from_secs(120);

impl FilesBench {
    pub(crate) fn run(&self) -> Result<()> {
        let server = start_server(&release("server")?, &[], "test:")?;
        println!(
            "a file of {} MB over loopback, from asking for it to its checked hash; best of {}\n",
            self.megabytes, self.times
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (bare, rooms) = runtime.block_on(self.between_browsers(&server))?;
        self.print("Chromium to Chromium", &rooms);
        self.print("  the same bytes, bare", &bare);
        let terminals: Result<Vec<_>> = (0..self.times)
            .map(|round| runtime.block_on(self.between_terminals(&server, round)))
            .collect();
        self.print("terminal to terminal", &terminals?);
        Ok(())
    }

    fn print(&self, label: &str, took: &[Duration]) {
        let rate = |took: &Duration| self.megabytes as f64 * 8.0 / took.as_secs_f64();
        let best = took.iter().map(rate).fold(0.0, f64::max);
        let all: Vec<_> = took
            .iter()
            .map(|took| format!("{:.0}", rate(took)))
            .collect();
        println!(
            "{label:<24} {best:>6.0} Mbit/s   (each: {})",
            all.join(", ")
        );
    }

    /// Over a data channel of a page that does nothing else, and in a room.
    async fn between_browsers(
        &self,
        server: &ServerProcess,
    ) -> Result<(Vec<Duration>, Vec<Duration>)> {
        let sender = chromium::start(&[WITHOUT_MDNS]).await;
        let receiver = chromium::start(&[WITHOUT_MDNS]).await;
        for (session, name) in [(&sender, "sender"), (&receiver, "receiver")] {
            chromium::open(session, &format!("{}/#/room/bench", server.url)).await;
            run(session, &join(name)).await;
        }
        let mut bare = Vec::new();
        for _ in 0..self.times {
            bare.push(self.bare(&sender, &receiver).await?);
        }
        let mut rooms = Vec::new();
        for round in 0..self.times {
            let name = format!("{round}.bin");
            run(&sender, &offer(&name, self.megabytes * 1_000_000)).await;
            rooms.push(milliseconds(&run(&receiver, &receive(&name)).await)?);
        }
        Ok((bare, rooms))
    }

    /// The limit of the browsers: the bytes are generated, and discarded on arrival.
    async fn bare(&self, sender: &Session, receiver: &Session) -> Result<Duration> {
        let bytes = self.megabytes * 1_000_000;
        let gathered = "await until(() => bare.iceGatheringState == 'complete'); return bare.localDescription.sdp;";
        let offer = run(
            sender,
            &format!(
                "window.bare = new RTCPeerConnection(); window.pipe = bare.createDataChannel('bare');
                 await bare.setLocalDescription(); {gathered}"
            ),
        )
        .await;
        let answer = run(
            receiver,
            &format!(
                "window.bare = new RTCPeerConnection(); window.received = 0;
                 bare.ondatachannel = event => {{
                     event.channel.binaryType = 'arraybuffer';
                     event.channel.onmessage = message => {{ window.first ||= performance.now(); received += message.data.byteLength; }};
                 }};
                 window.first = 0;
                 await bare.setRemoteDescription({{ type: 'offer', sdp: {offer} }});
                 await bare.setLocalDescription(); {gathered}"
            ),
        )
        .await;
        run(
            sender,
            &format!(
                "await bare.setRemoteDescription({{ type: 'answer', sdp: {answer} }});
                 await until(() => pipe.readyState == 'open');
                 const piece = new Uint8Array(262144); let left = {bytes};
                 pipe.bufferedAmountLowThreshold = 2 << 20;
                 const pump = () => {{
                     while (left > 0 && pipe.bufferedAmount < 4 << 20) {{
                         const size = Math.min(left, piece.length); pipe.send(piece.subarray(0, size)); left -= size;
                     }}
                 }};
                 pipe.onbufferedamountlow = pump; pump();"
            ),
        )
        .await;
        let took = run(
            receiver,
            &format!("await until(() => received == {bytes}); const took = performance.now() - first; bare.close(); return took;"),
        )
        .await;
        run(sender, "bare.close();").await;
        milliseconds(&took)
    }

    async fn between_terminals(&self, server: &ServerProcess, round: u32) -> Result<Duration> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("file.bin");
        write_file(&file, self.megabytes as usize * 1_000_000);
        let saved = folder.path().join("saved");
        std::fs::create_dir(&saved)?;
        let room = format!("terminals-{round}");
        let start = |name: &str, arguments: &[&str]| -> Result<TestPeer> {
            let command = Command::new(release("peer")?);
            let peer = TestPeer::with(command, &server.url, &room, name, arguments);
            Ok(peer.with_timeout(TIMEOUT))
        };
        let mut receiver = start("receiver", &["--save", text(&saved)?])?;
        receiver.event("welcome", |_| true).await;
        let mut sender = start("sender", &["--file", text(&file)?])?;
        sender.event("connected", |_| true).await;
        let began = Instant::now();
        sender.event("file", |event| event["what"] == "sent").await;
        Ok(began.elapsed())
    }
}

/// Runs the body of an async function in the page, which can wait `until` something holds.
async fn run(session: &Session, script: &str) -> Value {
    let wait = "const until = async holds => { for (;;) { const it = holds(); if (it) return it; await new Promise(done => setTimeout(done, 10)); } };";
    chromium::run(session, &format!("{wait} {script}")).await
}

/// Large files are kept by the browser, without a dialog that asks where to save them.
fn join(name: &str) -> String {
    format!(
        "window.showSaveFilePicker = undefined;
         const field = await until(() => document.querySelector('#name'));
         field.value = '{name}'; field.dispatchEvent(new Event('input', {{ bubbles: true }}));
         document.querySelector('#join').click();
         await until(() => document.querySelector('main.room[data-link=joined]'));"
    )
}

fn offer(name: &str, bytes: u64) -> String {
    format!(
        "await until(() => document.querySelector('.person[data-path=direct]'));
         const words = new Uint32Array({bytes} / 4); let seed = 2463534242;
         for (let at = 0; at < words.length; at++) {{ seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5; words[at] = seed; }}
         const list = new DataTransfer(); list.items.add(new File([words], '{name}'));
         const field = document.querySelector('#file-input'); field.files = list.files;
         field.dispatchEvent(new Event('change', {{ bubbles: true }}));"
    )
}

fn receive(name: &str) -> String {
    let card = format!("#files .file[data-name=\"{name}\"]");
    format!(
        "const get = await until(() => document.querySelector('{card} .get'));
         const began = performance.now(); get.click();
         await until(() => document.querySelector('{card}[data-stage=complete]'));
         return performance.now() - began;"
    )
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .context("a temporary folder has a name in UTF-8")
}
