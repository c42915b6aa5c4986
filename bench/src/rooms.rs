//! `bench rooms`: how long the server takes to relay, what rooms cost, and whether anything stays behind.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use shared::api::Health;
use shared::signaling::{
    AWAY_TIMEOUT_S, Candidate, ClientMessage, ErrorCode, MAX_PEERS, PeerId, PeerKey, PeerKind,
    ServerMessage, VERSION,
};
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::dice::Dice;
use crate::process::{Server, need_files};

#[derive(Args)]
pub(crate) struct Rooms {
    /// How many people there are, each with a socket.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=4000))]
    sockets: u32,
    /// How many rooms they are in.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rooms: u32,
    /// How long they come, talk and go.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// All come within this time.
const ARRIVAL: Duration = Duration::from_secs(3);
/// Somebody stays for so long, then comes again: milliseconds.
const STAY: std::ops::Range<u64> = 5_000..15_000;
/// And says something this often.
const PAUSE: std::ops::Range<u64> = 500..1_500;
/// SDP with data channels and a call, and a candidate of a browser: bytes.
const OFFER: usize = 5_000;
const CANDIDATE: usize = 150;
/// A step of setting up that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

/// What somebody saw.
#[derive(Default)]
struct Tally {
    /// From sending to hearing, of every message that was heard.
    relayed: Vec<Duration>,
    /// From connecting to `welcome`.
    joined: Vec<Duration>,
    sent: u64,
    /// To somebody who had just gone.
    refused: u64,
}

/// One of many, who comes and goes.
struct Person {
    address: String,
    room: String,
    number: u32,
    dice: Dice,
    began: Instant,
    tally: Tally,
}

impl Rooms {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(
            self.sockets as usize <= self.rooms as usize * MAX_PEERS,
            "{MAX_PEERS} fit into a room; take more rooms"
        );
        need_files(u64::from(self.sockets) + 200)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(self) -> Result<()> {
        let server = Server::start("test:")?;
        // What a first socket allocates for good belongs to none.
        self.crowd(&server, 1, 10).await?;
        emptied(&server).await?;
        let (before, began) = (server.usage()?, Instant::now());
        let watching = self.highest(&server);
        let (tally, highest) =
            tokio::try_join!(self.crowd(&server, self.seconds, self.sockets), watching)?;
        let (took, busy) = (began.elapsed().as_secs_f64(), server.usage()?);
        emptied(&server).await?;
        let after = server.usage()?;

        let Tally {
            mut relayed,
            mut joined,
            sent,
            refused,
        } = tally;
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
            "messages    | {sent} sent, {} heard, {refused} to somebody who had just gone, {} on their way to one who went",
            relayed.len(),
            sent.saturating_sub(relayed.len() as u64 + refused)
        );
        let cpu = (busy.cpu - before.cpu).as_secs_f64();
        println!(
            "server      | {:.1} % of a core, {:.0} µs a message",
            100.0 * cpu / took,
            1e6 * cpu / sent.max(1) as f64
        );
        let mb = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "memory      | {:.1} MB before, {:.1} MB at most ({:.0} kB a socket), {:.1} MB after",
            mb(before.memory),
            mb(highest),
            highest.saturating_sub(before.memory) as f64 / 1000.0 / f64::from(self.sockets),
            mb(after.memory)
        );
        println!(
            "left behind | files {} before, {} after; threads {} before, {} after",
            before.files, after.files, before.threads, after.threads
        );
        if after.files > before.files || after.threads > before.threads {
            bail!("something stayed behind");
        }
        Ok(())
    }

    /// Everybody, for so long.
    async fn crowd(&self, server: &Server, seconds: u64, sockets: u32) -> Result<Tally> {
        let began = Instant::now();
        let until = began + Duration::from_secs(seconds);
        let mut people = tokio::task::JoinSet::new();
        for number in 0..sockets {
            let person = Person {
                address: server.url.trim_start_matches("http://").to_owned(),
                room: format!("room {}", number % self.rooms),
                number,
                dice: Dice::new(number),
                began,
                tally: Tally::default(),
            };
            people.spawn(person.live(until));
        }
        let mut all = Tally::default();
        while let Some(tally) = people.join_next().await {
            let tally = tally??;
            all.relayed.extend(tally.relayed);
            all.joined.extend(tally.joined);
            all.sent += tally.sent;
            all.refused += tally.refused;
        }
        Ok(all)
    }

    /// The most memory that the server has meanwhile.
    async fn highest(&self, server: &Server) -> Result<u64> {
        let mut highest = 0;
        for _ in 0..self.seconds * 2 {
            highest = highest.max(server.usage()?.memory);
            sleep(Duration::from_millis(500)).await;
        }
        Ok(highest)
    }
}

impl Person {
    async fn live(mut self, until: Instant) -> Result<Tally> {
        sleep(self.dice.time(0..ARRIVAL.as_millis() as u64)).await;
        while Instant::now() < until {
            let stay = Instant::now() + self.dice.time(STAY);
            let (mut socket, others) = self.join().await?;
            self.talk(&mut socket, others, stay.min(until)).await?;
            // Every third connection breaks without a goodbye, but for the last.
            if Instant::now() >= until || self.dice.number(3) > 0 {
                say(&mut socket, &ClientMessage::Leave).await?;
                let closed = async { while let Some(Ok(_)) = socket.next().await {} };
                timeout(PATIENCE, closed)
                    .await
                    .context("the server does not close")?;
            }
            drop(socket);
            sleep(self.dice.time(100..500)).await;
        }
        Ok(self.tally)
    }

    async fn join(&mut self) -> Result<(Socket, BTreeSet<PeerId>)> {
        let began = Instant::now();
        let url = format!("ws://{}/ws", self.address);
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let opening = tokio_tungstenite::client_async(url, stream);
        let (mut socket, _) = timeout(PATIENCE, opening).await??;
        let join = ClientMessage::Join {
            version: VERSION,
            room: self.room.clone(),
            name: format!("person {}", self.number),
            key: PeerKey::from_random(self.number.into()),
            kind: PeerKind::Terminal,
        };
        say(&mut socket, &join).await?;
        let welcome = timeout(PATIENCE, socket.next()).await?;
        let welcome = welcome.context("the server closed instead of answering")??;
        match serde_json::from_str(welcome.to_text()?)? {
            ServerMessage::Welcome { peers, .. } => {
                self.tally.joined.push(began.elapsed());
                let here = peers.into_iter().filter(|peer| !peer.away);
                Ok((socket, here.map(|peer| peer.id).collect()))
            }
            other => bail!("not welcome: {other:?}"),
        }
    }

    async fn talk(
        &mut self,
        socket: &mut Socket,
        mut others: BTreeSet<PeerId>,
        until: Instant,
    ) -> Result<()> {
        let mut speak = Instant::now() + self.dice.time(PAUSE);
        loop {
            tokio::select! {
                message = socket.next() => {
                    let message = message.context("the server closed the socket")??;
                    if let Message::Text(text) = message {
                        self.hear(serde_json::from_str(&text)?, &mut others)?;
                    }
                }
                () = sleep_until(speak.into()) => {
                    speak = Instant::now() + self.dice.time(PAUSE);
                    let some = others.iter().nth(self.dice.number(others.len().max(1) as u64) as usize);
                    if let Some(to) = some.cloned() {
                        self.tally.sent += 1;
                        say(socket, &self.words(to)).await?;
                    }
                }
                () = sleep_until(until.into()) => return Ok(()),
            }
        }
    }

    /// Every tenth message is an offer. Each says first when it was sent: microseconds.
    fn words(&mut self, to: PeerId) -> ClientMessage {
        let now = self.began.elapsed().as_micros();
        if self.dice.number(10) == 0 {
            let sdp = format!("{now} {}", "x".repeat(OFFER));
            return ClientMessage::Offer { to, sdp };
        }
        let candidate = Candidate {
            candidate: format!("{now} {}", "x".repeat(CANDIDATE)),
            sdp_mid: Some("0".to_owned()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        ClientMessage::Candidate { to, candidate }
    }

    fn hear(&mut self, message: ServerMessage, others: &mut BTreeSet<PeerId>) -> Result<()> {
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
                self.tally.refused += 1;
                return Ok(());
            }
            ServerMessage::Offer { sdp, .. } => sdp,
            ServerMessage::Candidate { candidate, .. } => candidate.candidate,
            other => bail!("nobody asked for {other:?}"),
        };
        let stamp = stamped.split(' ').next().unwrap_or_default().parse()?;
        let now = self.began.elapsed();
        self.tally
            .relayed
            .push(now.saturating_sub(Duration::from_micros(stamp)));
        Ok(())
    }
}

async fn say(socket: &mut Socket, message: &ClientMessage) -> Result<()> {
    let text = serde_json::to_string(message)?;
    Ok(socket.send(Message::text(text)).await?)
}

/// Returns when the server has neither sockets nor rooms.
async fn emptied(server: &Server) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(AWAY_TIMEOUT_S) + PATIENCE;
    loop {
        let url = format!("{}/api/health", server.url);
        let mut answer = ureq::get(url).call()?;
        let health: Health = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        drop(answer);
        if (health.sockets, health.rooms) == (0, 0) {
            // The connection that has just asked is a file of the server as well.
            sleep(Duration::from_millis(500)).await;
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "there are still {} sockets and {} rooms",
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
