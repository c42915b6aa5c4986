//! `bench rooms`: the time that the server takes to relay, the memory of rooms, and leaks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use shared::api::Health;
use shared::signaling::{
    AWAY_TIMEOUT_S, ClientMessage, ErrorCode, MAX_PEERS, PeerId, ServerMessage,
};
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::process::{raise_file_limit, release, start_server};
use crate::rng::Rng;
use testkit::process::ServerProcess;
use testkit::socket::{candidate, join, offer};

#[derive(Args)]
pub(crate) struct RoomsBench {
    /// Number of members, each with a socket.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=4000))]
    sockets: u32,
    /// Number of rooms that the members share.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rooms: u32,
    /// Seconds for which the members join, send and leave.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// All members join for the first time within this time.
const ARRIVAL: Duration = Duration::from_secs(3);
/// A member stays this long, then joins again.
const STAY_MS: std::ops::Range<u64> = 5_000..15_000;
/// Time between two messages of a member.
const PAUSE_MS: std::ops::Range<u64> = 500..1_500;
/// Bytes: an SDP with data channels and a call, and a candidate of a browser.
const OFFER_BYTES: usize = 5_000;
const CANDIDATE_BYTES: usize = 150;
/// A step of setting up that takes longer is a failure.
const TIMEOUT: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

/// What one member, or all of them, measured.
#[derive(Default)]
struct Measurements {
    /// From sending to receiving, for every received message.
    relayed: Vec<Duration>,
    /// From connecting to `welcome`.
    joined: Vec<Duration>,
    sent: u64,
    /// Messages to a peer that had just left.
    refused: u64,
}

/// One of many members, which joins and leaves.
struct SimulatedMember {
    address: String,
    room: String,
    number: u32,
    rng: Rng,
    began: Instant,
    measurements: Measurements,
}

impl RoomsBench {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(
            self.sockets as usize <= self.rooms as usize * MAX_PEERS,
            "a room has at most {MAX_PEERS} peers; use more rooms"
        );
        raise_file_limit(u64::from(self.sockets) + 200)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(self) -> Result<()> {
        let server = start_server(&release("server")?, &[], "test:")?;
        // The first socket allocates memory that stays; it is not counted.
        self.run_members(&server, 1, 10).await?;
        wait_until_empty(&server).await?;
        let (before, began) = (server.usage(), Instant::now());
        let sampling = self.peak_memory(&server);
        let (measurements, peak) = tokio::try_join!(
            self.run_members(&server, self.seconds, self.sockets),
            sampling
        )?;
        let (took, busy) = (began.elapsed().as_secs_f64(), server.usage());
        wait_until_empty(&server).await?;
        let after = server.usage();

        let Measurements {
            mut relayed,
            mut joined,
            sent,
            refused,
        } = measurements;
        println!(
            "{} sockets in {} rooms, {took:.0} s, {} joins",
            self.sockets,
            self.rooms,
            joined.len()
        );
        println!("            |    p50 |    p99 |    max | ms");
        println!("relay       | {}", percentiles(&mut relayed)?);
        println!("join        | {}", percentiles(&mut joined)?);
        println!(
            "messages    | {sent} sent, {} received, {refused} to a peer that had just left, {} lost with the socket of a peer that left",
            relayed.len(),
            sent.saturating_sub(relayed.len() as u64 + refused)
        );
        let cpu = (busy.cpu - before.cpu).as_secs_f64();
        println!(
            "server      | {:.1} % of a core, {:.0} µs per message",
            100.0 * cpu / took,
            1e6 * cpu / sent.max(1) as f64
        );
        let mb = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "memory      | {:.1} MB before, {:.1} MB at most ({:.0} kB per socket), {:.1} MB after",
            mb(before.memory),
            mb(peak),
            peak.saturating_sub(before.memory) as f64 / 1000.0 / f64::from(self.sockets),
            mb(after.memory)
        );
        println!(
            "leaks       | files {} before, {} after; threads {} before, {} after",
            before.files, after.files, before.threads, after.threads
        );
        if after.files > before.files || after.threads > before.threads {
            bail!("files or threads leaked");
        }
        Ok(())
    }

    /// Runs all members for this time.
    async fn run_members(
        &self,
        server: &ServerProcess,
        seconds: u64,
        sockets: u32,
    ) -> Result<Measurements> {
        let began = Instant::now();
        let until = began + Duration::from_secs(seconds);
        let mut members = tokio::task::JoinSet::new();
        for number in 0..sockets {
            let member = SimulatedMember {
                address: server.url.trim_start_matches("http://").to_owned(),
                room: format!("room {}", number % self.rooms),
                number,
                rng: Rng::new(number),
                began,
                measurements: Measurements::default(),
            };
            members.spawn(member.run(until));
        }
        let mut all = Measurements::default();
        while let Some(measurements) = members.join_next().await {
            let measurements = measurements??;
            all.relayed.extend(measurements.relayed);
            all.joined.extend(measurements.joined);
            all.sent += measurements.sent;
            all.refused += measurements.refused;
        }
        Ok(all)
    }

    /// The server's highest memory meanwhile.
    async fn peak_memory(&self, server: &ServerProcess) -> Result<u64> {
        let mut peak = 0;
        for _ in 0..self.seconds * 2 {
            peak = peak.max(server.usage().memory);
            sleep(Duration::from_millis(500)).await;
        }
        Ok(peak)
    }
}

impl SimulatedMember {
    async fn run(mut self, until: Instant) -> Result<Measurements> {
        sleep(self.rng.duration_ms(0..ARRIVAL.as_millis() as u64)).await;
        while Instant::now() < until {
            let stay = Instant::now() + self.rng.duration_ms(STAY_MS);
            let (mut socket, others) = self.join().await?;
            self.send_messages(&mut socket, others, stay.min(until))
                .await?;
            // Every third connection breaks without `leave`, except the last.
            if Instant::now() >= until || self.rng.below(3) > 0 {
                send(&mut socket, &ClientMessage::Leave).await?;
                let closed = async { while let Some(Ok(_)) = socket.next().await {} };
                timeout(TIMEOUT, closed)
                    .await
                    .context("the server does not close the socket")?;
            }
            drop(socket);
            sleep(self.rng.duration_ms(100..500)).await;
        }
        Ok(self.measurements)
    }

    async fn join(&mut self) -> Result<(Socket, BTreeSet<PeerId>)> {
        let began = Instant::now();
        let url = format!("ws://{}/ws", self.address);
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let opening = tokio_tungstenite::client_async(url, stream);
        let (mut socket, _) = timeout(TIMEOUT, opening).await??;
        let name = format!("member {}", self.number);
        let join = join(&self.room, &name, self.number.into());
        send(&mut socket, &join).await?;
        let welcome = timeout(TIMEOUT, socket.next()).await?;
        let welcome = welcome.context("the server closed the socket instead of answering")??;
        match serde_json::from_str(welcome.to_text()?)? {
            ServerMessage::Welcome { peers, .. } => {
                self.measurements.joined.push(began.elapsed());
                let here = peers.into_iter().filter(|peer| !peer.away);
                Ok((socket, here.map(|peer| peer.id).collect()))
            }
            other => bail!("not welcome: {other:?}"),
        }
    }

    async fn send_messages(
        &mut self,
        socket: &mut Socket,
        mut others: BTreeSet<PeerId>,
        until: Instant,
    ) -> Result<()> {
        let mut next_send = Instant::now() + self.rng.duration_ms(PAUSE_MS);
        loop {
            tokio::select! {
                message = socket.next() => {
                    let message = message.context("the server closed the socket")??;
                    if let Message::Text(text) = message {
                        self.on_message(serde_json::from_str(&text)?, &mut others)?;
                    }
                }
                () = sleep_until(next_send.into()) => {
                    next_send = Instant::now() + self.rng.duration_ms(PAUSE_MS);
                    let some = others.iter().nth(self.rng.below(others.len().max(1) as u64) as usize);
                    if let Some(to) = some.cloned() {
                        self.measurements.sent += 1;
                        send(socket, &self.next_message(to)).await?;
                    }
                }
                () = sleep_until(until.into()) => return Ok(()),
            }
        }
    }

    /// Every tenth message is an offer. Each starts with the time of sending in microseconds.
    fn next_message(&mut self, to: PeerId) -> ClientMessage {
        let now = self.began.elapsed().as_micros();
        if self.rng.below(10) == 0 {
            return offer(&to, format!("{now} {}", "x".repeat(OFFER_BYTES)));
        }
        candidate(&to, &format!("{now} {}", "x".repeat(CANDIDATE_BYTES)))
    }

    fn on_message(&mut self, message: ServerMessage, others: &mut BTreeSet<PeerId>) -> Result<()> {
        let stamped = match message {
            ServerMessage::Arrived { peer } => {
                others.insert(peer.id);
                return Ok(());
            }
            ServerMessage::Away { id } | ServerMessage::Left { id, .. } => {
                others.remove(&id);
                return Ok(());
            }
            ServerMessage::Error {
                code: ErrorCode::NoSuchPeer | ErrorCode::PeerAway,
                ..
            } => {
                self.measurements.refused += 1;
                return Ok(());
            }
            ServerMessage::Offer { sdp, .. } => sdp,
            ServerMessage::Candidate { candidate, .. } => candidate.candidate,
            other => bail!("unexpected: {other:?}"),
        };
        let stamp = stamped.split(' ').next().unwrap_or_default().parse()?;
        let now = self.began.elapsed();
        self.measurements
            .relayed
            .push(now.saturating_sub(Duration::from_micros(stamp)));
        Ok(())
    }
}

async fn send(socket: &mut Socket, message: &ClientMessage) -> Result<()> {
    let text = serde_json::to_string(message)?;
    Ok(socket.send(Message::text(text)).await?)
}

/// Returns when the server has neither sockets nor rooms.
async fn wait_until_empty(server: &ServerProcess) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(AWAY_TIMEOUT_S) + TIMEOUT;
    loop {
        let url = format!("{}/api/health", server.url);
        let mut answer = ureq::get(url).call()?;
        let health: Health = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        drop(answer);
        if (health.sockets, health.rooms) == (0, 0) {
            // The connection of this request is an open file of the server as well.
            sleep(Duration::from_millis(500)).await;
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the server still has {} sockets and {} rooms",
            health.sockets,
            health.rooms
        );
        sleep(Duration::from_millis(500)).await;
    }
}

fn percentiles(times: &mut [Duration]) -> Result<String> {
    times.sort();
    let last = times.len().checked_sub(1).context("nothing was measured")?;
    let at = |part: usize| times[last * part / 100].as_secs_f64() * 1000.0;
    Ok(format!(
        "{:6.2} | {:6.2} | {:6.2} |",
        at(50),
        at(99),
        at(100)
    ))
}
