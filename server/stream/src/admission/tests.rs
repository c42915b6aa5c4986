use std::net::IpAddr;
use std::time::Duration;

use media::source::Input;
use media::track::TrackId;
use shared::api::Codec;
use tokio::sync::Semaphore;

use super::*;

fn quota(total: u32, per_address: u32) -> Quota {
    Quota { total, per_address }
}

fn control(limits: Limits) -> AdmissionControl {
    AdmissionControl::new(limits)
}

fn from(address: &str) -> Option<CountedAddress> {
    Some(address.parse::<IpAddr>().unwrap().into())
}

fn track(id: u16, codec: Codec, bit_rate: u64, encoded: bool) -> OfferedTrack {
    OfferedTrack {
        id: TrackId(id),
        codec,
        size: None,
        frame_rate: None,
        bit_rate,
        encoded,
        single_nal: false,
        inset: false,
    }
}

fn stream(control: &AdmissionControl) -> Arc<Stream> {
    let (grace, probes) = (Duration::from_secs(10), Arc::new(Semaphore::new(1)));
    let encoders = control.encoder_places().clone();
    Stream::played(
        "film".to_owned(),
        Input::Test,
        grace,
        probes,
        encoders,
        None,
    )
}

fn video() -> OfferedTrack {
    track(0, Codec::H264, 2_000_000, false)
}

fn audio() -> OfferedTrack {
    track(1, Codec::Opus, 100_000, true)
}

fn encoded() -> OfferedTrack {
    track(2, Codec::Vp8, 1_000_000, true)
}

#[test]
fn sessions_that_connect_and_viewers_are_counted_apart() {
    let control = control(Limits {
        viewers: quota(1, 1),
        connecting: quota(2, 2),
        ..Limits::default()
    });
    let mut one = control.admit(None).unwrap();
    let mut two = control.admit(None).unwrap();
    assert_eq!((control.viewers(), control.connecting()), (0, 2));
    assert_eq!(
        control.admit(None).unwrap_err(),
        AdmissionError(ViewerLimit::Connecting)
    );
    one.connected().unwrap();
    one.connected().unwrap();
    assert_eq!((control.viewers(), control.connecting()), (1, 1));
    // The place was taken while it connected.
    let refused = two.connected().unwrap_err();
    assert!(matches!(
        refused,
        StreamError::Refused(AdmissionError(ViewerLimit::Viewers))
    ));
    assert_eq!(
        control.admit(None).unwrap_err(),
        AdmissionError(ViewerLimit::Viewers)
    );
    drop(one);
    two.connected().unwrap();
    drop(two);
    assert_eq!((control.viewers(), control.connecting()), (0, 0));
}

#[test]
fn one_address_leaves_places_to_others() {
    let control = control(Limits {
        viewers: quota(10, 2),
        connecting: quota(10, 1),
        ..Limits::default()
    });
    let (one, other) = (from("2001:db8::1"), from("2001:db8:0:1::1"));
    let same = from("2001:db8::ffff:1");
    let first = control.admit(one).unwrap();
    assert_eq!(
        control.admit(same).unwrap_err(),
        AdmissionError(ViewerLimit::ConnectingOfAddress)
    );
    assert!(control.admit(other).is_ok());
    drop(first);
    let mut first = control.admit(one).unwrap();
    first.connected().unwrap();
    let mut second = control.admit(same).unwrap();
    second.connected().unwrap();
    assert_eq!(
        control.admit(one).unwrap_err(),
        AdmissionError(ViewerLimit::ViewersOfAddress)
    );
    assert!(control.admit(other).is_ok());
    assert_eq!(second.address(), one);
}

#[test]
fn viewers_are_admitted_up_to_the_bit_rate_limit() {
    let control = control(Limits {
        egress: Some(5_000_000),
        ..Limits::default()
    });
    let stream = stream(&control);
    let watch = |tracks: &[OfferedTrack]| {
        let mut permit = control.admit(None).unwrap();
        permit.reserve(&stream, tracks)?;
        permit.connected().map(|()| permit)
    };
    let both = [video(), audio()];
    let first = watch(&both).expect("fits");
    let second = watch(&both).expect("fits");
    let third = watch(&both);
    assert!(matches!(
        third,
        Err(StreamError::Refused(AdmissionError(ViewerLimit::Egress)))
    ));
    assert_eq!((control.viewers(), control.egress()), (2, 4_200_000));
    let listener = watch(&[audio()]).expect("audio alone fits");
    drop(first);
    assert_eq!(control.egress(), 2_200_000);
    drop((second, listener));
    assert_eq!((control.viewers(), control.egress()), (0, 0));
}

#[test]
fn what_is_sent_again_counts_towards_the_bit_rate_limit() {
    let control = control(Limits {
        egress: Some(5_000_000),
        ..Limits::default()
    });
    let stream = stream(&control);
    let watch = || {
        let mut permit = control.admit(None).unwrap();
        permit.reserve(&stream, &[video()])?;
        permit.connected().map(|()| permit)
    };
    let first = watch().expect("2 of 5 Mbit/s");
    let start = Instant::now();
    // Half as much again is sent: the path loses packets.
    for second in 0..10 {
        control.note_sent(start + Duration::from_secs(second), second * 3_000_000);
    }
    assert_eq!(control.egress(), 3_000_000);
    let second = watch();
    assert!(matches!(
        second,
        Err(StreamError::Refused(AdmissionError(ViewerLimit::Egress)))
    ));
    // The loss is over.
    for second in 10..21 {
        let sent = 27_000_000 + (second - 9) * 2_000_000;
        control.note_sent(start + Duration::from_secs(second), sent);
    }
    assert_eq!(control.egress(), 2_000_000);
    watch().expect("4 of 5 Mbit/s");
    drop(first);
    assert_eq!(control.egress(), 0);
}

#[test]
fn a_viewer_that_never_connects_uses_no_bit_rate() {
    let control = control(Limits {
        egress: Some(2_000_000),
        ..Limits::default()
    });
    let stream = stream(&control);
    let mut waiting: Vec<_> = (0..3).map(|_| control.admit(None).unwrap()).collect();
    for permit in &mut waiting {
        permit.reserve(&stream, &[video()]).unwrap();
    }
    assert_eq!(control.egress(), 0);
    waiting[0].connected().unwrap();
    let late = waiting[1].connected();
    assert!(matches!(
        late,
        Err(StreamError::Refused(AdmissionError(ViewerLimit::Egress)))
    ));
    assert_eq!(control.egress(), 2_000_000);
}

#[test]
fn without_a_bit_rate_limit_every_viewer_is_admitted() {
    let control = control(Limits::default());
    let stream = stream(&control);
    let mut permit = control.admit(None).unwrap();
    let tracks = [track(0, Codec::H264, u64::MAX, false), audio()];
    permit.reserve(&stream, &tracks).unwrap();
    permit.connected().unwrap();
    assert_eq!(control.egress(), u64::MAX);
}

#[test]
fn encoders_are_counted_by_rendition_and_for_the_first_viewer() {
    let control = control(Limits {
        encoders: quota(3, 1),
        ..Limits::default()
    });
    let (one, other) = (from("192.0.2.1"), from("192.0.2.2"));
    let streams: Vec<_> = (0..4).map(|_| stream(&control)).collect();
    let reserve = |address, stream: &Arc<Stream>, tracks: &[OfferedTrack]| {
        let mut permit = control.admit(address).unwrap();
        permit.reserve(stream, tracks).map(|()| permit)
    };
    let first = reserve(one, &streams[0], &[encoded(), audio()]).unwrap();
    let second = reserve(one, &streams[1], &[encoded()]);
    assert!(matches!(
        second,
        Err(StreamError::Refused(AdmissionError(
            ViewerLimit::EncodersOfAddress
        )))
    ));
    // What is passed through, sound, and a rendition that others watch cost no place.
    let _free = [
        reserve(one, &streams[1], &[video(), audio()]).unwrap(),
        reserve(one, &streams[0], &[encoded()]).unwrap(),
    ];
    let shared = reserve(other, &streams[0], &[encoded()]).unwrap();
    let _others = [
        reserve(other, &streams[1], &[encoded()]).unwrap(),
        reserve(None, &streams[2], &[encoded()]).unwrap(),
    ];
    assert_eq!(control.encoders(), 3);
    let last = reserve(None, &streams[3], &[encoded()]);
    assert!(matches!(
        last,
        Err(StreamError::Refused(AdmissionError(ViewerLimit::Encoders)))
    ));
    // The place is free when the last of its viewers has gone.
    drop((first, shared));
    assert!(reserve(None, &streams[3], &[encoded()]).is_err());
    drop(_free);
    assert!(reserve(None, &streams[3], &[encoded()]).is_ok());
}

#[test]
fn a_viewer_that_takes_long_to_connect_may_lose_its_encoder() {
    let control = control(Limits {
        encoders: quota(1, 1),
        ..Limits::default()
    });
    let (here, there) = (stream(&control), stream(&control));
    let mut slow = control.admit(None).unwrap();
    slow.reserve(&here, &[encoded()]).unwrap();
    let mut quick = control.admit(None).unwrap();
    assert!(quick.reserve(&there, &[encoded()]).is_err());
    slow.release_encoders();
    quick.reserve(&there, &[encoded()]).unwrap();
    quick.connected().unwrap();
    quick.release_encoders();
    let refused = slow.connected();
    assert!(matches!(
        refused,
        Err(StreamError::Refused(AdmissionError(ViewerLimit::Encoders)))
    ));
    drop(quick);
    slow.connected().unwrap();
    assert_eq!(control.encoders(), 1);
}

/// The test pattern as a stream, with a place for one encoder, on a runtime.
#[tokio::test]
async fn an_encoder_without_viewers_gives_its_place_to_another_stream() {
    let control = control(Limits {
        encoders: quota(1, 1),
        ..Limits::default()
    });
    let (here, there) = (stream(&control), stream(&control));
    let offering = here.offering().await.unwrap();
    let vp8 = offering.with_codec(Codec::Vp8).unwrap().clone();
    assert!(vp8.encoded);
    let mut first = control.admit(None).unwrap();
    first.reserve(&here, std::slice::from_ref(&vp8)).unwrap();
    let subscription = here.subscribe(std::slice::from_ref(&vp8)).unwrap();
    first.connected().unwrap();
    let mut second = control.admit(None).unwrap();
    assert!(second.reserve(&there, std::slice::from_ref(&vp8)).is_err());
    while timeline::index::Index::newest(&**subscription.log(), vp8.id).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The grace period is 10 s: the encoder runs on, for a viewer that comes back.
    drop((first, subscription));
    assert_eq!(here.info().renditions.len(), 1);
    assert_eq!(control.encoders(), 1);
    second.reserve(&there, &[vp8]).unwrap();
    assert_eq!(here.info().renditions.len(), 0);
    here.close().await;
}

#[tokio::test]
async fn an_encoder_that_nobody_has_seen_stops_with_its_viewer() {
    let control = control(Limits::default());
    let stream = stream(&control);
    let offering = stream.offering().await.unwrap();
    let vp8 = offering.with_codec(Codec::Vp8).unwrap().clone();
    let mut permit = control.admit(None).unwrap();
    permit.reserve(&stream, std::slice::from_ref(&vp8)).unwrap();
    let subscription = stream.subscribe(&[vp8]).unwrap();
    drop((permit, subscription));
    assert_eq!((stream.info().renditions.len(), control.encoders()), (0, 0));
    stream.close().await;
}

#[test]
fn refusals_are_counted_by_limit() {
    let control = control(Limits {
        viewers: quota(1, 1),
        connecting: quota(1, 1),
        ..Limits::default()
    });
    let permit = control.admit(from("192.0.2.1")).unwrap();
    assert!(control.admit(from("192.0.2.1")).is_err());
    for host in 2..5 {
        assert!(control.admit(from(&format!("192.0.2.{host}"))).is_err());
    }
    drop(permit);
    let refused: Vec<_> = control.refused().filter(|(_, times)| *times > 0).collect();
    assert_eq!(
        refused,
        [
            (ViewerLimit::ConnectingOfAddress, 1),
            (ViewerLimit::Connecting, 3)
        ]
    );
}
