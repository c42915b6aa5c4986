//! The memory that re-encoded renditions leave behind.

use std::sync::Arc;
use std::time::Duration;

use media::source::Input;
use media::track::OfferedTrack;
use shared::api::{Codec, StreamState};
use stream::{Stream, Subscription};
use testkit::process::{ProcessUsage, in_own_process};
use testkit::{CLIP, PATIENCE, eventually, repetitions};
use timeline::index::Index;
use tokio::sync::Semaphore;

const STREAMS: usize = 3;
/// An encoder of the clip and its decoder take some 50 MB while they run.
const LEFT: u64 = 15_000_000;

/// The clip under several names.
fn streams() -> Vec<Arc<Stream>> {
    let probes = Arc::new(Semaphore::new(1));
    let streams = (0..STREAMS).map(|number| {
        let (name, grace) = (format!("film {number}"), Duration::from_millis(100));
        Stream::new(name, Input::File(CLIP.into()), grace, Arc::clone(&probes))
    });
    streams.collect()
}

async fn track(stream: &Arc<Stream>, codec: Codec) -> OfferedTrack {
    let offering = stream.offering().await.expect("the clip plays");
    offering.with_codec(codec).expect("it is offered").clone()
}

/// Watches this codec and the sound until half a second of pictures is there.
async fn watch(stream: &Arc<Stream>, codec: Codec) -> Subscription {
    let video = track(stream, codec).await;
    let audio = track(stream, Codec::Opus).await;
    let subscription = stream.subscribe(&[video.clone(), audio]);
    let subscription = subscription.expect("the source runs");
    let newest = || subscription.log().newest(video.id);
    eventually("the first picture", PATIENCE, || async {
        newest().is_some()
    })
    .await;
    let first = newest().expect("seen").time;
    eventually("half a second of pictures", PATIENCE, || async {
        newest().is_some_and(|newest| newest.time.micros_since(first) >= 500_000)
    })
    .await;
    subscription
}

/// All streams are watched at once, and then by nobody.
async fn cycle(streams: &[Arc<Stream>]) {
    let mut watched = tokio::task::JoinSet::new();
    for stream in streams {
        let stream = Arc::clone(stream);
        watched.spawn(async move { watch(&stream, Codec::Vp8).await });
    }
    drop(watched.join_all().await);
    eventually("the sources stop", PATIENCE, || async {
        let mut states = streams.iter().map(|stream| stream.info().state);
        states.all(|state| state == StreamState::Idle)
    })
    .await;
}

/// The encoders end on threads of their own, shortly after nobody watches.
async fn falls_to(what: &str, bound: u64) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let what = format!("{what}: at most {:.1} MB", megabytes(bound));
    eventually(&what, PATIENCE, || async {
        ProcessUsage::own().memory <= bound
    })
    .await;
    println!(
        "{what}, it is {:.1} MB",
        megabytes(ProcessUsage::own().memory)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_encode_leave_no_memory_behind_when_they_stop() {
    if !in_own_process("sources_that_encode_leave_no_memory_behind_when_they_stop") {
        return;
    }
    let streams = streams();
    for stream in &streams {
        track(stream, Codec::Vp8).await;
    }
    let probed = ProcessUsage::own().memory;
    for number in 1..=repetitions(6, 40) {
        cycle(&streams).await;
        falls_to(&format!("after cycle {number}"), probed + LEFT).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_that_nobody_watches_leaves_no_memory_behind_while_its_source_runs() {
    if !in_own_process(
        "a_rendition_that_nobody_watches_leaves_no_memory_behind_while_its_source_runs",
    ) {
        return;
    }
    let streams = streams();
    let mut watched = Vec::new();
    for stream in &streams {
        watched.push(watch(stream, Codec::H264).await);
    }
    let before = ProcessUsage::own().memory;
    for number in 1..=repetitions(3, 20) {
        for (stream, watched) in streams.iter().zip(&watched) {
            let rendition = watch(stream, Codec::Vp8).await;
            let track = rendition.tracks()[0].id;
            drop(rendition);
            eventually("its units are dropped", PATIENCE, || async {
                watched.log().newest(track).is_none()
            })
            .await;
        }
        falls_to(&format!("after cycle {number}"), before + LEFT).await;
    }
    drop(watched);
}
