//! A publisher goes and another one comes: viewers stay, and go on with the connection that they have.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use access::{Key, KeyRecord, Store};
use testkit::film::{Film, FilmRecipe};
use testkit::{TestServer, eventually};

use super::front::{Front, KEY};
use super::route::post;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, decode, film, has, is_published, serve, watch};

/// The same with larger pictures.
fn larger_film() -> [Film; 2] {
    let film = FilmRecipe {
        size: (640, 360),
        ..FilmRecipe::default()
    };
    [film.make(), Film::tone(10)]
}

async fn is_over(server: &TestServer) {
    eventually("the stream is over", LIMIT, || async {
        !is_published(server)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_go_on_when_their_publisher_is_killed_and_returns() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let first = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 50).await;
    let early = post(&server, "/whip/camera", Some(KEY))
        .send()
        .await
        .unwrap();
    assert_eq!(early.status(), 409);
    assert_eq!(early.headers()["retry-after"], "2");
    // As by a power failure: it sends nothing more.
    drop(publisher);
    // An encoder tries again; the one before has to have been silent for two seconds.
    let again = Mutex::new(None);
    eventually("the publisher is let in again", LIMIT, || async {
        let publisher = Str0mPublisher::try_publish(KEY, &front, STREAM, larger_film()).await;
        *again.lock().expect("no panic") = publisher;
        server
            .publishing
            .session(STREAM)
            .is_some_and(|session| !Arc::ptr_eq(&session, &first))
    })
    .await;
    first.ended().await;
    let before = viewer.received().frames as usize;
    has(&viewer, before + 100).await;
    // One connection; and every picture of both publishers can be decoded in its order.
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    let stream = server.registry.get(STREAM).expect("it is live");
    let size = stream.info().video.map(|video| (video.width, video.height));
    assert_eq!(size, Some((640, 360)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_takes_the_place_of_one_that_it_names_with_the_same_key() {
    let other = "f".repeat(32);
    let (own, others) = (format!("{STREAM}={KEY}"), format!("{STREAM}={other}"));
    let arguments = ["test:", "--publish", &own, "--publish", &others];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let first = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 10).await;
    let session = publisher.session();
    let named = format!("{STREAM}?after={session}");
    for (path, key) in [
        ("/whip/camera", KEY),
        ("/whip/camera?after=/session/p0", KEY),
        (&format!("/whip/{named}"), &other),
        ("/whip/camera?after=*", &other),
    ] {
        let response = post(&server, path, Some(key)).send().await.unwrap();
        assert_eq!(response.status(), 409, "{path}");
    }
    // An offer that cannot be used does not end the session that it names.
    let unusable = post(&server, &format!("/whip/{named}"), Some(KEY)).body("v=0");
    assert!(unusable.send().await.unwrap().status().is_client_error());
    let current = server.publishing.session(STREAM).expect("it publishes");
    assert!(Arc::ptr_eq(&current, &first));
    let next = Str0mPublisher::publish(&front, &named, film(1)).await;
    tokio::time::timeout(LIMIT, first.ended())
        .await
        .expect("it is replaced");
    assert_ne!(next.session(), session);
    // A person who is live elsewhere does not know that session.
    let second = server.publishing.session(STREAM).expect("it publishes");
    let any = format!("{STREAM}?after=*");
    let _last = Str0mPublisher::publish(&front, &any, film(1)).await;
    tokio::time::timeout(LIMIT, second.ended())
        .await
        .expect("it is replaced too");
    let before = viewer.received().frames as usize;
    has(&viewer, before + 50).await;
    assert_eq!(server.viewers.sessions(), 1);
    let pictures = viewer.recorded();
    assert_eq!(decode(&pictures), pictures.len());
    // The one that was replaced ends nothing any more.
    assert_eq!(server.delete(session).await.status(), 200);
    let units = || units(&server);
    let before = units();
    eventually("the next one is received", LIMIT, || async {
        units() > before + 20
    })
    .await;
    server.stop().await;
}

fn units(server: &TestServer) -> u64 {
    let session = server.publishing.session(STREAM);
    session.expect("it publishes").stats().units
}

/// As OBS does.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_closes_its_connection_and_then_sends_delete_ends_the_stream() {
    let own = format!("{STREAM}={KEY}");
    let arguments = ["test:", "--publish", &own, "--publisher-grace", "3600"];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    front.publishes(STREAM).await.delete().await;
    eventually("the publisher is absent", LIMIT, || async {
        server.publishing.session(STREAM).is_none()
    })
    .await;
    assert!(is_published(&server));
    assert_eq!(server.delete(publisher.session()).await.status(), 200);
    assert!(!is_published(&server));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_the_key_of_its_absent_publisher_is_revoked() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::new(state.path().to_owned());
    let (key, name): (Key, _) = (KEY.parse().unwrap(), STREAM.parse().unwrap());
    let record = KeyRecord::new(&key, name, None, SystemTime::now(), None);
    store.add(record.clone()).unwrap();
    let folder = state.path().to_str().expect("UTF-8");
    let server = TestServer::with(&["test:", "--state", folder, "--publisher-grace", "3600"]).await;
    let front = Front::direct(&server);
    let _publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    front.publishes(STREAM).await.delete().await;
    eventually("the publisher is absent", LIMIT, || async {
        server.publishing.session(STREAM).is_none()
    })
    .await;
    assert!(is_published(&server));
    assert_eq!(store.remove(&record.id).unwrap().len(), 1);
    // No key declares it any more.
    eventually("the stream is gone", LIMIT, || async {
        server.registry.get(STREAM).is_none()
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_publisher_says_so_or_does_not_return() {
    let own = format!("{STREAM}={KEY}");
    let arguments = ["test:", "--publish", &own, "--publisher-grace", "1"];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    for says_so in [false, true] {
        let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
        let session = front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 10).await;
        if says_so {
            assert_eq!(server.delete(publisher.session()).await.status(), 200);
            assert!(!is_published(&server));
        } else {
            // Its connection is lost, which a revoked key or DELETE is not.
            session.delete().await;
            assert!(is_published(&server));
            assert_eq!(server.viewers.sessions(), 1);
            is_over(&server).await;
        }
        eventually("the viewer's session ends", LIMIT, || async {
            server.viewers.sessions() == 0
        })
        .await;
        drop((publisher, viewer));
    }
    server.stop().await;
}
