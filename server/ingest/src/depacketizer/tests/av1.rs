use super::*;

/// A sequence header, and the beginning of a frame that is shown and key.
const SEQUENCE: &[u8] = &[0x08, 0x00, 0x01];
const KEY_FRAME: &[u8] = &[0x30, 0x10, 7];

#[test]
fn av1_elements_with_and_without_lengths_become_obus_with_sizes() {
    let expected = [&[0x0a, 2, 0, 1], &[0x32, 2, 0x10, 7][..]].concat();
    let forms: [Vec<&[u8]>; 5] = [
        vec![&[0x28, 3, 0x08, 0, 1, 0x30, 0x10, 7]],
        vec![&[0x08, 3, 0x08, 0, 1, 3, 0x30, 0x10, 7]],
        // Fragments, of a header too.
        vec![&[0x68, 3, 0x08, 0, 1, 0x30], &[0xd0, 0x10], &[0x90, 7]],
        // Temporal delimiter and tile list are ignored.
        vec![
            &[0x08, 1, 0x10, 3, 0x08, 0, 1, 1, 0x40],
            &[0x10, 0x30, 0x10, 7],
        ],
        // With size fields of their own.
        vec![&[0x28, 4, 0x0a, 2, 0, 1, 0x32, 2, 0x10, 7]],
    ];
    for payloads in forms {
        let picture = picture(Codec::Av1, &payloads);
        assert_eq!(picture.data, expected, "{payloads:?}");
        assert!(picture.keyframe);
    }
    // The extension stays.
    let layer = [&[0x10, 0x34, 0x20], &KEY_FRAME[1..]].concat();
    assert_eq!(
        picture(Codec::Av1, &[&layer]).data,
        &[0x36, 0x20, 2, 0x10, 7][..]
    );
}

#[test]
fn an_av1_keyframe_has_a_sequence_header_and_is_shown() {
    let unit = |frame: u8| [&[0x28, 3], SEQUENCE, &[0x30, frame, 7]].concat();
    assert!(picture(Codec::Av1, &[&unit(0x10)]).keyframe);
    for other in [0x00, 0x30, 0x50, 0x90] {
        assert!(!picture(Codec::Av1, &[&unit(other)]).keyframe, "{other:x}");
    }
    let frame_alone = [&[0x10], KEY_FRAME].concat();
    assert!(!picture(Codec::Av1, &[&frame_alone]).keyframe);
}

#[test]
fn av1_that_does_not_fit_together_is_refused() {
    let wrong: [&[&[u8]]; 6] = [
        &[&[]],
        &[&[0x90, 1]],                      // a continuation of nothing
        &[&[0x50, 0x30], &[0x10, 0x30, 1]], // an OBU that does not continue
        &[&[0x20, 9, 0x30]],                // a length beyond the end
        &[&[0x20, 2, 0x30, 1]],             // one element of two
        &[&[0x10, 0xb0]],                   // the forbidden bit
    ];
    for payloads in wrong {
        assert_eq!(
            assemble(Codec::Av1, payloads),
            Err(Unusable),
            "{payloads:?}"
        );
    }
    assert_eq!(assemble(Codec::Av1, &[&[0x50, 0x30]]), Ok(Finished::Broken));
}
