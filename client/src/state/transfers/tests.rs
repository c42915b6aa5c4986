use super::*;

fn id(n: u8) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).expect("sixteen digits")
}

fn info(mime: &str, size: u64) -> FileInfo {
    FileInfo {
        name: "f".into(),
        size,
        mime: mime.into(),
    }
}

fn one(stage: TransferStage) -> (Vec<Transfer>, TransferKey) {
    let (mut transfers, key) = (Vec::new(), TransferKey::incoming(&id(1), 7));
    begin(
        &mut transfers,
        &key,
        Direction::Incoming,
        info("", 9),
        0,
        stage,
    );
    (transfers, key)
}

#[test]
fn a_transfer_pauses_with_its_connection() {
    let (mut transfers, key) = one(TransferStage::Running);
    assert!(!pause(&mut transfers, &id(2)));
    assert!(pause(&mut transfers, &id(1)));
    assert_eq!(stage(&transfers, &key), Some(&TransferStage::Paused));
}

#[test]
fn a_transfer_to_somebody_who_left_ends_and_is_asked_for_again() {
    let (mut transfers, key) = one(TransferStage::Running);
    pause(&mut transfers, &id(1));
    assert!(resumable(&transfers, &id(1)).is_empty());
    assert!(!leave(&mut transfers, &id(2)));
    assert!(leave(&mut transfers, &id(1)));
    assert_eq!(stage(&transfers, &key), Some(&TransferStage::Left));
    assert_eq!(resumable(&transfers, &id(1)), [7]);
    assert!(set_stage(&mut transfers, &key, TransferStage::Stopped));
    assert!(resumable(&transfers, &id(1)).is_empty(), "not by itself");
    assert!(!leave(&mut transfers, &id(1)));
}

#[test]
fn what_a_peer_does_not_ask_for_again_stops() {
    let (mut transfers, _) = one(TransferStage::Paused);
    assert!(!stop_unasked(&mut transfers, &id(1)), "this side asks");
    transfers[0].direction = Direction::Outgoing;
    assert!(!stop_unasked(&mut transfers, &id(2)));
    assert!(stop_unasked(&mut transfers, &id(1)));
    assert_eq!(transfers[0].stage, TransferStage::Stopped);
}

#[test]
fn nobody_waits_for_a_missing_file_after_leaving() {
    let (mut transfers, _) = one(TransferStage::Missing);
    assert!(!leave(&mut transfers, &id(1)), "its author may find it");
    transfers[0].direction = Direction::Outgoing;
    assert!(leave(&mut transfers, &id(1)));
    assert_eq!(transfers[0].stage, TransferStage::Left);
}

#[test]
fn deleting_what_was_received_leaves_what_is_sent_and_what_arrives() {
    let (mut transfers, key) = one(TransferStage::Running);
    let sent = TransferKey {
        peer: id(2),
        ..key.clone()
    };
    let (outgoing, url) = (Direction::Outgoing, Some("blob:x".to_owned()));
    let complete = TransferStage::Complete { url };
    begin(
        &mut transfers,
        &sent,
        outgoing,
        info("", 9),
        9,
        complete.clone(),
    );
    assert!(remove_incoming(&mut transfers, &|t| t.number == key.number).is_empty());
    assert_eq!(transfers.len(), 2);
    set_stage(&mut transfers, &key, complete);
    assert_eq!(remove_incoming(&mut transfers, &|_| false), ["blob:x"]);
    assert_eq!(transfers.len(), 1);
}

#[test]
fn an_author_cannot_restart_what_was_stopped() {
    use TransferStage as Stage;
    let complete = Stage::Complete { url: None };
    for (why, then) in [
        (GoneReason::Cancelled, Stage::Cancelled),
        (GoneReason::Missing, Stage::Missing),
    ] {
        for stage in [Stage::Requested, Stage::Running, Stage::Paused, Stage::Left] {
            assert_eq!(gone(Some(&stage), why), Some(then.clone()), "{stage:?}");
        }
        for stage in [
            Stage::Stopped,
            Stage::Cancelled,
            Stage::Corrupt,
            Stage::Failed,
            Stage::Unanswered,
            Stage::Withdrawn,
            complete.clone(),
        ] {
            assert_eq!(gone(Some(&stage), why), None, "{stage:?}");
        }
        assert_eq!(gone(None, why), None);
    }
    let withdrawn = GoneReason::Withdrawn;
    for stage in [None, Some(&Stage::Stopped), Some(&Stage::Missing)] {
        assert_eq!(gone(stage, withdrawn), Some(Stage::Withdrawn));
    }
    assert_eq!(gone(Some(&complete), withdrawn), None, "it is there");
    assert_eq!(gone(Some(&Stage::Withdrawn), withdrawn), None);
}

#[test]
fn what_can_go_on_outlives_the_deletion_of_all() {
    use TransferStage as Stage;
    let kept = Stage::Complete {
        url: Some("blob:x".to_owned()),
    };
    let elsewhere = Stage::Complete { url: None };
    for stage in [
        Stage::Running,
        Stage::Left,
        Stage::Failed,
        Stage::Withdrawn,
        elsewhere,
    ] {
        assert!(outlives_deletion(&stage), "{stage:?}");
    }
    for stage in [Stage::Stopped, Stage::Cancelled, kept] {
        assert!(!outlives_deletion(&stage), "{stage:?}");
        let (mut transfers, _) = one(stage);
        transfers[0].done = 4;
        assert!(is_deletable(&transfers[0]));
    }
    assert!(!is_deletable(&one(Stage::Stopped).0[0]), "nothing is there");
    assert!(!is_deletable(&one(Stage::Running).0[0]), "cancel it before");
}

#[test]
fn a_complete_file_stays_complete() {
    let (mut transfers, key) = one(TransferStage::Running);
    assert!(set_stage(
        &mut transfers,
        &key,
        TransferStage::Complete { url: None }
    ));
    assert_eq!(transfers[0].done, 9);
    assert!(!set_stage(&mut transfers, &key, TransferStage::Stopped));
    assert_eq!(complete(&transfers, &id(1)), [7]);
    assert!(!pause(&mut transfers, &id(1)));
}

#[test]
fn a_download_that_the_user_stopped_stays_stopped_until_it_begins_again() {
    let (mut transfers, key) = one(TransferStage::Running);
    assert!(set_stage(&mut transfers, &key, TransferStage::Stopped));
    assert!(!pause(&mut transfers, &id(1)));
    begin(
        &mut transfers,
        &key,
        Direction::Incoming,
        info("", 9),
        4,
        TransferStage::Requested,
    );
    assert_eq!((transfers.len(), transfers[0].done), (1, 4));
}

#[test]
fn only_small_images_are_downloaded_without_asking() {
    assert!(is_auto_received(&info("image/png", 1_000)));
    assert!(!is_auto_received(&info("image/png", MAX_AUTO_RECEIVE + 1)));
    assert!(!is_auto_received(&info("image/svg+xml", 1_000)));
}
