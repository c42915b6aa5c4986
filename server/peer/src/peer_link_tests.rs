//! Two links in one process, with their messages in any order.

use std::time::Duration;

use shared::chat::ChatFrame;
use shared::signaling::{ClientMessage, Peer, PeerId, PeerKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::connection::{ConnectionSettings, certificate};
use crate::file_sender::{Outgoing, OutgoingFile, SourceFile};
use crate::file_writer::{DownloadOutcome, IncomingFile};
use crate::interfaces::Interfaces;
use crate::partial_file::PartialFile;
use crate::peer_link::{LinkEvent, LinkRole, NOT_NEGOTIATED, PeerLink, TaggedLinkEvent};
use crate::transfer::{
    RunningTransfer, StopSignal, TransferEventSender, TransferProgress, TransferUpdate,
};

const TIMEOUT: Duration = Duration::from_secs(30);

struct Side {
    me: PeerId,
    link: PeerLink,
    reports: mpsc::Receiver<TaggedLinkEvent>,
}

fn id(n: u8) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).unwrap()
}

/// `me` to `other`, on loopback.
fn side(me: u8, other: u8, role: LinkRole) -> Side {
    let settings = ConnectionSettings {
        ice_servers: Vec::new(),
        relay_only: false,
        interfaces: Interfaces { loopback: true },
        certificate: certificate().unwrap(),
    };
    let (reports, reported) = mpsc::channel(1024);
    let me = id(me);
    let other = Peer {
        id: id(other),
        name: "other".to_owned(),
        kind: PeerKind::Terminal,
        native: true,
        away: false,
    };
    let (link, task) = PeerLink::start(settings, &me, &other, 1, role, true, reports);
    tokio::spawn(task);
    Side {
        me,
        link,
        reports: reported,
    }
}

/// The next event of either side other than a signal, and whether it is the first side's; signals go to the other side. `None`: a signal was carried.
async fn next(one: &mut Side, two: &mut Side) -> Option<(bool, LinkEvent)> {
    carry(one, two, |sdp| sdp).await
}

/// The same; descriptions are changed on their way.
async fn carry(
    one: &mut Side,
    two: &mut Side,
    change: impl Fn(String) -> String,
) -> Option<(bool, LinkEvent)> {
    let report = timeout(TIMEOUT, async {
        tokio::select! {
            report = one.reports.recv() => (true, report),
            report = two.reports.recv() => (false, report),
        }
    });
    let (mine, report) = report.await.expect("an event in time");
    let (_, _, report) = report.expect("the link is open");
    let other = if mine { &two.link } else { &one.link };
    let LinkEvent::Signal(signal) = report else {
        return Some((mine, report));
    };
    match signal {
        ClientMessage::Offer { sdp, .. } => other.on_offer(change(sdp)),
        ClientMessage::Answer { sdp, .. } => other.on_answer(change(sdp)),
        ClientMessage::Candidate { candidate, .. } => other.on_candidate(candidate),
        _ => unreachable!("a link signals nothing else"),
    }
    None
}

/// Carries signals both ways until both sides have emitted an event for which `done` holds.
async fn until(one: &mut Side, two: &mut Side, done: impl Fn(&LinkEvent) -> bool) {
    let (mut first, mut second) = (false, false);
    while !(first && second) {
        let Some((mine, report)) = next(one, two).await else {
            continue;
        };
        if let LinkEvent::Closed(why) = &report {
            panic!("{} closed: {why:?}", if mine { &one.me } else { &two.me });
        }
        let done = done(&report);
        first |= mine && done;
        second |= !mine && done;
    }
}

async fn exchange_frames(one: &mut Side, two: &mut Side) {
    for side in [&one, &two] {
        assert!(side.link.send(ChatFrame::Received { number: 7 }));
    }
    let received =
        |report: &LinkEvent| matches!(report, LinkEvent::Frame(ChatFrame::Received { number: 7 }));
    until(one, two, received).await;
}

fn is_open(report: &LinkEvent) -> bool {
    matches!(report, LinkEvent::Open)
}

#[tokio::test(flavor = "multi_thread")]
async fn crossing_offers_end_in_one_connection() {
    for (one, two) in [(1, 2), (2, 1)] {
        let mut one = side(one, two, LinkRole::Offer);
        let mut two = side(two, 3 - two, LinkRole::Offer);
        until(&mut one, &mut two, is_open).await;
        exchange_frames(&mut one, &mut two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_candidates_refuse_no_description() {
    let bad = [
        "1 1 udp 4294967296 127.0.0.1 9 typ host",
        "1 1 udp 1 127.0.0.1 9 typ unknown",
        "1 1 udp 1 127.0.0.1 0 typ host",
        "1 1 udp 1 127.0.0.1 65536 typ host",
        "1 1 udp 1 127.0.0 9 typ host",
        "1 1 udp 1 127.0.0.1 9 typ srflx raddr",
        "1 1 udp 1 name.local 9 typ host",
        "1 x udp 1 127.0.0.1 9 typ host",
        "1 1 udp",
        "",
    ];
    let bad: String = bad.map(|line| format!("a=candidate:{line}\r\n")).concat();
    let mut one = side(1, 2, LinkRole::Offer);
    let mut two = side(2, 1, LinkRole::Offer);
    let (mut first, mut second) = (false, false);
    while !(first && second) {
        let carried = carry(&mut one, &mut two, |sdp| {
            sdp.replace("a=setup:", &format!("{bad}a=setup:"))
        });
        match carried.await {
            Some((_, LinkEvent::Closed(why))) => panic!("{why:?}"),
            Some((mine, report)) => {
                first |= mine && is_open(&report);
                second |= !mine && is_open(&report);
            }
            None => {}
        }
    }
    exchange_frames(&mut one, &mut two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_cannot_be_used_ends_the_link_with_a_sentence_of_its_own() {
    for sdp in [
        "",
        "no SDP at all",
        "v=0\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application x\r\n",
    ] {
        let mut one = side(1, 2, LinkRole::Answer(sdp.to_owned()));
        let why = loop {
            let (_, _, report) = timeout(TIMEOUT, one.reports.recv()).await.unwrap().unwrap();
            if let LinkEvent::Closed(why) = report {
                break why;
            }
        };
        assert_eq!(why.as_deref(), Some(NOT_NEGOTIATED), "{sdp}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_or_both_may_restart_ice() {
    let mut one = side(1, 2, LinkRole::Offer);
    let mut two = side(2, 1, LinkRole::Offer);
    until(&mut one, &mut two, is_open).await;
    for (first, second) in [(true, false), (false, true), (true, true)] {
        if first {
            one.link.restart_ice();
        }
        if second {
            two.link.restart_ice();
        }
        // The sockets are new, so the pair is as well.
        let moved = |report: &LinkEvent| matches!(report, LinkEvent::Route { .. });
        until(&mut one, &mut two, moved).await;
        exchange_frames(&mut one, &mut two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_continues_on_a_new_connection() {
    const SIZE: usize = 24 * 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let source = SourceFile {
        path,
        size: SIZE as u64,
    };
    let mut partial: Option<PartialFile> = None;
    for last in [false, true] {
        let mut one = side(1, 2, LinkRole::Offer);
        let mut two = side(2, 1, LinkRole::Offer);
        until(&mut one, &mut two, is_open).await;
        let (sender, mut updates) = mpsc::channel(64);
        let events = TransferEventSender {
            peer: id(1),
            number: 1,
            attempt: 1,
            sender,
        };
        let received = partial.as_ref().map(PartialFile::progress);
        let offset = received.map_or(0, |progress| progress.received());
        assert_eq!(offset > 0, last, "the second connection continues a part");
        let (_sending, stop) = RunningTransfer::start(1, offset);
        one.link.files.send(Outgoing::File(OutgoingFile {
            source: source.clone(),
            number: 1,
            offset,
            stop,
            events: events.clone(),
        }));
        two.link.files.grant();
        let (_receiving, stop) = RunningTransfer::start(1, offset);
        let decision = begins(&mut one, &mut two, offset).await;
        let incoming = IncomingFile {
            partial: partial.take(),
            size: SIZE as u64,
            folder: folder.path().to_owned(),
            name: "copy".to_owned(),
            events,
        };
        assert!(decision.send(Some((incoming, stop))).is_ok());
        let mut links = Some((one, two));
        let outcome = loop {
            let update = timeout(TIMEOUT, updates.recv())
                .await
                .expect("an event in time");
            match update.expect("the tasks run").update {
                TransferUpdate::Receiving(TransferProgress::Ended(outcome)) => break outcome,
                // The connection closes during the transfer.
                TransferUpdate::Sending(TransferProgress::Bytes(_))
                | TransferUpdate::Receiving(TransferProgress::Bytes(_))
                    if !last =>
                {
                    links = None;
                }
                _ => {}
            }
        };
        drop(links);
        match outcome {
            DownloadOutcome::Interrupted(received) if !last => partial = Some(received),
            DownloadOutcome::Complete(path) if last => {
                assert_eq!(std::fs::read(path).unwrap(), bytes);
                return;
            }
            other => panic!("last: {last}, {other:?}"),
        }
    }
}

/// The first side begins to send a file to the second one.
async fn begins(
    one: &mut Side,
    two: &mut Side,
    from: u64,
) -> oneshot::Sender<Option<(IncomingFile, StopSignal)>> {
    loop {
        if let Some((
            false,
            LinkEvent::FileBegins {
                offset, decision, ..
            },
        )) = next(one, two).await
        {
            assert_eq!(offset, from);
            return decision;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_audio_is_declined_and_the_chat_is_not() {
    let mut one = side(1, 2, LinkRole::Offer);
    let offer = loop {
        let (_, _, report) = one.reports.recv().await.unwrap();
        if let LinkEvent::Signal(ClientMessage::Offer { sdp, .. }) = report {
            break sdp;
        }
    };
    let (session, data) = offer.split_at(offer.find("m=application").unwrap());
    let ice: String = data
        .split_inclusive("\r\n")
        .filter(|line| line.starts_with("a=ice-") || line.starts_with("a=setup"))
        .collect();
    let session = session.replace("BUNDLE 0", "BUNDLE 0 1");
    let offer = format!(
        "{session}{data}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n{ice}\
         a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    );
    let mut two = side(2, 1, LinkRole::Answer(offer));
    let answer = loop {
        let (_, _, report) = two.reports.recv().await.unwrap();
        match report {
            LinkEvent::Signal(ClientMessage::Answer { sdp, .. }) => break sdp,
            LinkEvent::Closed(why) => panic!("{why:?}"),
            _ => {}
        }
    };
    assert!(answer.contains("m=audio 0 "), "{answer}");
    assert!(answer.contains("m=application 9 "), "{answer}");
}
