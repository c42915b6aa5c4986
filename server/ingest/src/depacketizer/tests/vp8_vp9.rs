use super::*;

#[test]
fn vp8_descriptors_of_all_forms_are_removed() {
    let key = [0x10, 0x02, 0, 0x9d];
    let descriptors: [&[u8]; 5] = [
        &[0x10],
        &[0x90, 0x80, 0x12],       // a picture id of 7 bits
        &[0x90, 0x80, 0x92, 0x34], // of 15 bits
        &[0x90, 0xe0, 0x92, 0x34, 7, 0x20],
        &[0x90, 0x10, 0x05],
    ];
    for descriptor in descriptors {
        let payload = [descriptor, &key].concat();
        assert!(Depacketizer::new(Codec::Vp8).may_begin(&payload));
        let picture = picture(Codec::Vp8, &[&payload, &[0x00, 5], &[0x12, 6]]);
        assert_eq!(picture.data, [&key[..], &[5, 6]].concat());
        assert!(picture.keyframe);
    }
    assert!(!picture(Codec::Vp8, &[&[0x10, 0x11, 0, 0]]).keyframe);
    assert_eq!(assemble(Codec::Vp8, &[&[0x00, 5]]), Err(Unusable));
    let two: &[&[u8]] = &[&[0x10, 0x10], &[0x10, 0x10]];
    assert_eq!(assemble(Codec::Vp8, two), Err(Unusable));
    assert_eq!(assemble(Codec::Vp8, &[&[0x90, 0x80]]), Err(Unusable));
}

#[test]
fn vp9_descriptors_of_all_forms_are_removed() {
    let key = [0x82, 0x49, 0x83, 0x42];
    let descriptors: [&[u8]; 6] = [
        &[0x0c],
        &[0x8c, 0x12],                               // a picture id
        &[0xac, 0x92, 0x34, 0x00, 0x05],             // and layer indices
        &[0xbc, 0x92, 0x34, 0x00],                   // in flexible mode
        &[0xfc, 0x92, 0x34, 0x00, 0x03, 0x05, 0x04], // with references
        // and a scalability structure of two layers and two pictures
        &[
            0x8e, 0x12, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x08, 1, 2,
        ],
    ];
    for descriptor in descriptors {
        let payload = [descriptor, &key].concat();
        assert!(Depacketizer::new(Codec::Vp9).may_begin(&payload));
        let picture = picture(Codec::Vp9, &[&payload]);
        assert_eq!(picture.data, &key[..], "{descriptor:?}");
        assert!(picture.keyframe);
    }
    // Hidden references, or a frame that exists already, are no keyframes.
    for inter in [0x86, 0x88, 0xb4] {
        assert!(!picture(Codec::Vp9, &[&[0x0c, inter]]).keyframe);
    }
}

#[test]
fn vp9_layers_of_one_picture_are_put_together() {
    let payloads: [&[u8]; 4] = [
        &[0xa8, 0x12, 0x00, 0, 0x82, 1],
        &[0xa4, 0x12, 0x00, 0, 2],
        &[0xe8, 0x12, 0x03, 0, 0x86],
        &[0xe4, 0x12, 0x03, 0, 4],
    ];
    assert_eq!(
        picture(Codec::Vp9, &payloads).data,
        &[0x82, 1, 2, 0x86, 4][..]
    );
    assert!(!Depacketizer::new(Codec::Vp9).may_begin(payloads[2]));
    assert_eq!(assemble(Codec::Vp9, &payloads[2..]), Err(Unusable));
    assert_eq!(assemble(Codec::Vp9, &payloads[..1]), Ok(Finished::Broken));
    assert_eq!(
        assemble(Codec::Vp9, &[payloads[0], payloads[2]]),
        Err(Unusable)
    );
}
