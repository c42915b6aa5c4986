//! A published stream in browsers: joining, loss, and changes between renditions.

use std::process::Command;
use std::time::Duration;

use egress::PlayheadCommand;
use media::track::TrackId;
use serde_json::Value;
use shared::api::Codec;
use testkit::browser::{self, TestBrowser};
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::live::{LiveSource, LiveTrack};
use testkit::{TestServer, dist, skip};

use crate::video;

pub(crate) const STREAM: &str = "live";

pub(crate) async fn server() -> TestServer {
    TestServer::with(&["test:", "--dist", dist()]).await
}

/// Opens the page of the stream, and returns once it plays.
pub(crate) async fn watch(browser: &TestBrowser, server: &TestServer, script: &str) {
    browser.open(&server.url("/#/settings")).await;
    video::keep_peers(browser).await;
    browser.run(script).await;
    let page = format!("location.hash = '#/watch/{STREAM}'");
    browser.run(&page).await;
    video::starts(browser).await;
}

/// Notes each picture that the page's video shows: when, its time by RTP, its width.
pub(crate) const NOTE_PICTURES: &str = "
    window.pictures = [];
    const note = (_, { rtpTimestamp, mediaTime, width }) => {
        const video = document.querySelector('video');
        pictures.push([performance.now() / 1000, rtpTimestamp === undefined ? mediaTime : rtpTimestamp / 90000, width]);
        video.requestVideoFrameCallback(note);
    };
    const find = () => {
        const video = document.querySelector('video');
        if (video) video.requestVideoFrameCallback(note); else setTimeout(find, 1);
    };
    find();
";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// Seconds, by the page's clock.
    pub(crate) at: f64,
    /// Seconds of RTP time.
    pub(crate) time: f64,
    pub(crate) width: u64,
}

pub(crate) async fn pictures(browser: &TestBrowser) -> Vec<Picture> {
    let noted = browser.run("return pictures").await;
    let noted = noted.as_array().expect("a list").iter();
    let picture = |noted: &Value| Picture {
        at: noted[0].as_f64().expect("seconds"),
        time: noted[1].as_f64().expect("seconds"),
        width: noted[2].as_u64().expect("pixels"),
    };
    noted.map(picture).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_at_most_a_second_of_motion_while_it_catches_up() {
    let test = "live::chromium_shows_at_most_a_second_of_motion_while_it_catches_up";
    if in_namespace(test, LINE).await {
        catches_up().await;
    }
}

/// A line of 12 Mbit/s for UDP, 12 times the rate of the film, with a queue of 100 ms.
const LINE: &[&str] = &[
    "ip link set lo mtu 1500 gso_max_segs 1",
    "tc qdisc add dev lo root handle 1: htb default 1",
    "tc class add dev lo parent 1: classid 1:1 htb rate 1gbit",
    "tc class add dev lo parent 1: classid 1:2 htb rate 12mbit ceil 12mbit burst 3000 cburst 3000",
    "tc qdisc add dev lo parent 1:2 bfifo limit 150000",
    "nft add table inet line",
    "nft add chain inet line output { type filter hook output priority 0 ; }",
    // htb takes a packet's priority as its class.
    "nft add rule inet line output meta l4proto udp meta priority set 1:2",
];

async fn catches_up() {
    let browser = TestBrowser::chromium().await;
    let film = FilmRecipe {
        bit_rate: 1_000_000,
        gop: 10 * RATE,
        seconds: 20,
        ..FilmRecipe::default()
    };
    let film = film.make();
    testkit::one_of(video::ATTEMPTS, async || {
        let server = server().await;
        let tracks = vec![LiveTrack::new(film.clone()), LiveTrack::new(Film::tone(20))];
        // When the page joins, the newest keyframe is 8 s old or some less.
        let age = Duration::from_secs(6);
        browser.open(&server.url("/#/settings")).await;
        let live = LiveSource::publish_since(&server.registry, STREAM, tracks, age);
        tokio::time::sleep(Duration::from_secs(1)).await;
        watch(&browser, &server, NOTE_PICTURES).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let outcome = in_time(&pictures(&browser).await);
        drop(live);
        server.stop().await;
        outcome
    })
    .await;
}

/// Whether the page that showed these pictures has caught up as it should, or what is wrong with them.
fn in_time(pictures: &[Picture]) -> Result<(), String> {
    let first = pictures.first().expect("it plays");
    // While it catches up, pictures are stamped when they are sent, and so closer together than the 40 ms of the film.
    let pairs = || pictures.windows(2).map(|pair| (pair[0], pair[1]));
    let fast = pairs().filter(|(before, after)| after.time - before.time < 0.036);
    let (count, took) = fast.fold((0, 0.0), |(count, _), (_, after)| {
        (count + 1, after.at - first.at)
    });
    println!("{count} pictures of motion in {took:.2} s");
    let after = pictures.iter();
    let after = after.filter(|picture| (1.0..4.0).contains(&(picture.at - first.at)));
    let after = after.count();
    let longest = pairs().map(|(before, after)| after.at - before.at);
    let longest = longest.fold(0.0, f64::max);
    for (holds, fault) in [
        (count > 0, format!("nothing was caught up: {pictures:?}")),
        (took <= 1.0, format!("{took} s of motion")),
        (
            (55..=80).contains(&after),
            format!("{after} pictures in 3 s afterwards"),
        ),
        (longest < 0.5, format!("a pause of {longest} s")),
    ] {
        if !holds {
            return Err(fault);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_changes_renditions_of_vp8_and_vp9_without_a_freeze_at_2_percent_of_loss() {
    let test =
        "live::chromium_changes_renditions_of_vp8_and_vp9_without_a_freeze_at_2_percent_of_loss";
    if in_namespace(test, LOSS).await {
        changes_renditions(&TestBrowser::chromium().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_changes_renditions_of_vp8_and_vp9_without_a_freeze_at_2_percent_of_loss() {
    let test =
        "live::firefox_changes_renditions_of_vp8_and_vp9_without_a_freeze_at_2_percent_of_loss";
    if in_namespace(test, LOSS).await {
        changes_renditions(&TestBrowser::firefox().await).await;
    }
}

/// Two UDP packets of a hundred are lost.
const LOSS: &[&str] = &[
    "nft add table inet loss",
    "nft add chain inet loss input { type filter hook input priority 0 ; }",
    "nft add rule inet loss input meta l4proto udp numgen random mod 100 < 2 drop",
];

/// How often the viewer changes, and how far apart.
const CHANGES: u64 = 6;
const BETWEEN: Duration = Duration::from_secs(2);
/// The longest time without a new picture, in seconds. A retransmission takes some 50 ms, a keyframe that is waited for 2 s.
const FREEZE: f64 = 1.0;

async fn changes_renditions(browser: &TestBrowser) {
    for codec in [Codec::Vp8, Codec::Vp9] {
        let large = FilmRecipe {
            codec,
            gop: RATE,
            size: (480, 270),
            bit_rate: 800_000,
            ..FilmRecipe::default()
        };
        let small = FilmRecipe {
            size: (240, 136),
            bit_rate: 250_000,
            ..large
        };
        let films = [large.make(), small.make()];
        testkit::one_of(video::ATTEMPTS, async || {
            watches_both(browser, codec, &films).await
        })
        .await;
    }
}

/// Watches two renditions in turn.
async fn watches_both(browser: &TestBrowser, codec: Codec, films: &[Film]) -> Result<(), String> {
    let server = server().await;
    let tracks = films.iter().cloned().chain([Film::tone(10)]);
    let tracks = tracks.map(LiveTrack::new).collect();
    let live = LiveSource::publish(&server.registry, STREAM, tracks);
    watch(browser, &server, &format!("{KEEP_SESSIONS}{NOTE_PICTURES}")).await;
    let played = video::codec(browser).await;
    assert_eq!(played, format!("video/{}", codec.rtpmap_name()));
    tokio::time::sleep(BETWEEN).await;
    let from = now(browser).await;
    let secret = browser.run("return sessions.at(-1)").await;
    let secret = secret.as_str().and_then(|url| url.rsplit_once('/'));
    let (_, secret) = secret.expect("a session has an address");
    let session = server.viewers.session(secret).expect("it is watched");
    for id in 1..=CHANGES {
        let command = PlayheadCommand {
            id,
            tracks: vec![(0, TrackId((id % 2) as u16))],
            ..PlayheadCommand::default()
        };
        session.move_playhead(command).expect("it is taken");
        tokio::time::sleep(BETWEEN).await;
    }
    let to = now(browser).await;
    let pictures = pictures(browser).await;
    let pictures = pictures.iter();
    let pictures: Vec<_> = pictures
        .filter(|picture| (from..to).contains(&picture.at))
        .collect();
    let gaps = pictures.windows(2).map(|pair| pair[1].at - pair[0].at);
    let longest = gaps.fold(0.0, f64::max);
    let changes = pictures.windows(2);
    let changes = changes
        .filter(|pair| pair[0].width != pair[1].width)
        .count();
    let stats = browser.run(STATISTICS).await;
    let rate = pictures.len() as f64 / (to - from);
    let sessions = browser.run("return sessions.length").await;
    drop((session, live));
    server.stop().await;
    let measured = format!(
        "{codec:?}: {rate:.1} pictures a second, {changes} changes, none for {longest:.2} s at most, {stats}, {sessions} sessions"
    );
    println!("{measured}");
    // Each change is seen, packets were lost, and it did not reconnect.
    let is_good = changes as u64 == CHANGES
        && longest < FREEZE
        && rate > 20.0
        && stats["nacks"].as_u64() > Some(0)
        && sessions == 1;
    match is_good {
        true => Ok(()),
        false => Err(measured),
    }
}

async fn now(browser: &TestBrowser) -> f64 {
    let now = browser.run("return performance.now() / 1000").await;
    now.as_f64().expect("seconds")
}

/// Keeps the addresses of the page's sessions.
pub(crate) const KEEP_SESSIONS: &str = "
    window.sessions = [];
    const plain = window.fetch;
    window.fetch = async (...all) => {
        const response = await plain(...all);
        const location = response.headers.get('location');
        if (location) sessions.push(location);
        return response;
    };
";

const STATISTICS: &str = "
    const video = [...(await peers.at(-1).getStats()).values()]
        .find(one => one.type == 'inbound-rtp' && one.kind == 'video');
    return {
        nacks: video.nackCount, plis: video.pliCount, lost: video.packetsLost, freezes: video.freezeCount,
        decoded: video.framesDecoded, dropped: video.framesDropped,
    };
";

/// Set for a test in its own network namespace.
const INSIDE: &str = "WEIR_LIVE_IN_NAMESPACE";

/// Runs the test of this name in a process and a network namespace of its own, after these commands. True in that process. In the test's own process
/// false, after the other one has passed: the caller then returns.
async fn in_namespace(test: &str, commands: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let _alone = browser::alone().await;
    let space = format!("weir-live-{}", std::process::id());
    let run = |program: &str, arguments: &[&str]| {
        let ran = Command::new(program).args(arguments).status();
        ran.is_ok_and(|status| status.success())
    };
    if !run("ip", &["netns", "add", &space]) {
        skip("network namespaces need Linux, root and iproute2");
        return false;
    }
    let inside = |words: &str| {
        let words = ["netns", "exec", &space]
            .into_iter()
            .chain(words.split(' '));
        run("ip", &words.collect::<Vec<_>>())
    };
    // Firefox needs a route to the world to gather candidates; packets to the own address pass the loopback interface.
    let ready = inside("ip link set lo up")
        && inside("ip link add wire type veth peer name other")
        && inside("ip link set other up")
        && inside("ip addr add 10.0.0.1/24 dev wire")
        && inside("ip link set wire up")
        && inside("ip route add default via 10.0.0.2")
        && commands.iter().all(|command| inside(command));
    let this = std::env::current_exe().expect("a test is a program");
    let this = this.to_str().expect("its path is UTF-8");
    let alone = [
        "netns",
        "exec",
        &space,
        this,
        "--exact",
        test,
        "--nocapture",
    ];
    let passed = ready
        && Command::new("ip")
            .args(alone)
            .env(INSIDE, "1")
            .status()
            .is_ok_and(|status| status.success());
    run("ip", &["netns", "delete", &space]);
    assert!(
        ready,
        "the namespace could not be set up; are nftables installed?"
    );
    assert!(passed, "see above");
    false
}
