use super::*;

fn frame(text: &str) -> FileFrame {
    serde_json::from_str(text).expect("a frame")
}

#[test]
fn frames_read_like_the_documentation() {
    let begin = r#"{"type":"begin","number":7,"offset":65536}"#;
    let expected = FileFrame::Begin {
        number: 7,
        offset: 65536,
    };
    assert_eq!(frame(begin), expected);
    assert_eq!(serde_json::to_string(&expected).unwrap(), begin);
    assert_eq!(
        frame(r#"{"type":"more","until":8388608,"new":true}"#),
        FileIntake::default().grant()
    );
    for text in [
        "{}",
        r#"{"type":"end","number":7}"#,
        r#"{"type":"shout","number":7}"#,
    ] {
        assert!(serde_json::from_str::<FileFrame>(text).is_err(), "{text}");
    }
}

#[test]
fn a_long_reason_is_cut_at_a_character_and_fits_into_a_frame() {
    let long = FileFrame::broke(u64::MAX, &"会\n\"".repeat(500));
    let text = serde_json::to_string(&long).unwrap();
    assert!(text.len() <= MAX_FILE_FRAME, "{}", text.len());
    assert_eq!(frame(&text), long);
}

#[test]
fn bytes_belong_to_the_file_that_has_begun() {
    let mut intake = FileIntake::default();
    intake.on_begin(7, true);
    assert_eq!(intake.on_bytes(10), Ok(Intake::Take(7)));
    assert_eq!(intake.on_end(7), Ok(Intake::Take(7)));
    intake.on_begin(8, true);
    intake.discard(7);
    assert_eq!(intake.current(), Some(8));
    intake.discard(8);
    assert_eq!(intake.on_bytes(10), Ok(Intake::Discard));
    assert_eq!(intake.on_end(8), Ok(Intake::Discard));
    intake.on_begin(9, true);
    assert!(!intake.on_broke(10));
    assert!(intake.on_broke(9));
    assert!(!intake.on_broke(9));
}

#[test]
fn bytes_without_a_file_beyond_the_credit_or_in_one_piece_are_refused_and_so_is_the_rest() {
    let mut none = FileIntake::default();
    assert_eq!(none.on_bytes(1), Err(Violation::NoFile));
    let mut long = FileIntake::default();
    long.on_begin(1, true);
    assert_eq!(long.on_bytes(MAX_FILE_MESSAGE + 1), Err(Violation::TooLong));
    let mut other = FileIntake::default();
    other.on_begin(1, true);
    assert_eq!(other.on_end(2), Err(Violation::OtherFile));
    let mut beyond = FileIntake::default();
    beyond.on_begin(1, true);
    let messages = WINDOW as usize / MAX_FILE_MESSAGE;
    for _ in 0..messages {
        assert_eq!(beyond.on_bytes(MAX_FILE_MESSAGE), Ok(Intake::Take(1)));
    }
    assert_eq!(beyond.on_bytes(1), Err(Violation::BeyondCredit));
    for mut intake in [none, long, other, beyond] {
        intake.on_begin(3, true);
        assert_eq!(intake.on_bytes(usize::MAX), Ok(Intake::Discard));
        assert_eq!(intake.on_end(3), Ok(Intake::Discard));
        assert_eq!(intake.on_stored(u64::MAX), None, "no further credit");
    }
}

#[test]
fn an_author_within_its_credit_is_never_refused_and_never_stuck() {
    let (mut intake, mut credit) = (FileIntake::default(), SendCredit::default());
    let FileFrame::More { until } = intake.grant() else {
        panic!("a grant")
    };
    credit.on_more(until);
    intake.on_begin(1, true);
    let (mut sent, mut unstored) = (0, 0);
    while sent < 10 * WINDOW {
        let length = credit.left().min(60_000);
        if length == 0 {
            if let Some(FileFrame::More { until }) = intake.on_stored(unstored) {
                credit.on_more(until);
            }
            unstored = 0;
            assert!(credit.left() > 0, "what is stored is granted again");
            continue;
        }
        credit.on_sent(length);
        assert_eq!(intake.on_bytes(length as usize), Ok(Intake::Take(1)));
        (sent, unstored) = (sent + length, unstored + length);
    }
    credit.on_more(0);
    assert!(credit.left() <= WINDOW, "a grant never falls");
}
