//! A comparison of our SRTP with that of webrtc-rs (`rtc_srtp`) at start.

use bytes::Bytes;
use rtc_crypto::{RTCCrypto, SecretVec};
use rtc_rtp::{Packet, header::Header};
use rtc_shared::marshal::Marshal;
use rtc_srtp::context::Context;

use super::{
    MasterKey, Profile, RtpPacket, RtpStream, SrtcpReceiver, SrtcpSender, SrtpError, SrtpReceiver,
    SrtpSender,
};

const SSRC: u32 = 0x5EA1_ED00;
const PAYLOAD_TYPE: u8 = 96;
/// The sequence number wraps among the first packets, and the roll-over counter with it.
const FIRST: u16 = 65_533;
/// Two empty receiver reports (RFC 3550 6.4.2), so that there is something to encrypt.
const REPORT: [u8; 16] = [0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 201, 0, 1, 0, 0, 0, 2];

/// Encrypts packets in every profile and compares them, byte by byte, with those of `rtc_srtp`, RTCP too; and decrypts
/// what `rtc_srtp` has encrypted. Takes some hundred microseconds; a server runs it at start.
///
/// # Errors
///
/// [`SrtpError::Differs`], or a cipher that fails: then the server must not run.
pub fn self_test(crypto: &dyn RTCCrypto) -> Result<(), SrtpError> {
    for profile in Profile::ALL {
        let differs = SrtpError::Differs(profile);
        let bytes = |len| SecretVec::new((1..=len).map(|byte| byte as u8).collect());
        let master = MasterKey::new(profile, bytes(profile.key_len()), bytes(profile.salt_len()))?;
        let Ok(mut context) = context(crypto, &master) else {
            return Err(differs);
        };
        let mut sender = SrtpSender::new(crypto, &master)?;
        let mut receiver = SrtpReceiver::new(crypto, &master)?;
        let mut stream = RtpStream::new(SSRC, PAYLOAD_TYPE, FIRST);
        let payload = [0xA5; 100];
        for round in 0..8u16 {
            let packet = RtpPacket {
                marker: round % 2 == 1,
                timestamp: u32::from(round) * 3000,
                twcc: (round % 3 > 0).then_some((5, round)),
                original_sequence: (round % 4 == 3).then_some(round),
                payload: payload[..usize::from(round) * 13]
                    .split_at(usize::from(round))
                    .into(),
            };
            let mut ours = Vec::new();
            let sequence = sender.protect(&mut stream, &packet, &mut ours)?;
            let Ok(plain) = plain(&stream, sequence, &packet).and_then(|packet| packet.marshal())
            else {
                return Err(differs);
            };
            let mut theirs = context.encrypt_rtp(&plain).unwrap_or_default();
            if theirs != ours || receiver.unprotect(&mut theirs) != Some(&plain[..]) {
                return Err(differs);
            }
        }
        let theirs = context.encrypt_rtcp(&REPORT).unwrap_or_default();
        let mut ours = Vec::new();
        SrtcpSender::new(crypto, &master)?.protect(&REPORT, &mut ours)?;
        let decrypted = SrtcpReceiver::new(crypto, &master)?.unprotect(&theirs);
        if theirs != ours || decrypted.as_deref() != Some(REPORT.as_slice()) {
            return Err(differs);
        }
    }
    Ok(())
}

/// A context of webrtc-rs for one direction.
pub(super) fn context(
    crypto: &dyn RTCCrypto,
    master: &MasterKey,
) -> rtc_shared::error::Result<Context> {
    let (key, salt) = (master.key(), master.salt());
    Context::new(key, salt, master.profile().into(), None, None, crypto)
}

/// The plain packet, as webrtc-rs writes it.
pub(super) fn plain(
    stream: &RtpStream,
    sequence: u16,
    packet: &RtpPacket<'_>,
) -> rtc_shared::error::Result<Packet> {
    let mut header = Header {
        version: 2,
        marker: packet.marker,
        payload_type: stream.payload_type(),
        sequence_number: sequence,
        timestamp: packet.timestamp,
        ssrc: stream.ssrc(),
        ..Header::default()
    };
    if let Some((id, number)) = packet.twcc {
        header.set_extension(id, Bytes::copy_from_slice(&number.to_be_bytes()))?;
    }
    let osn = packet.original_sequence.map(u16::to_be_bytes);
    let osn = osn.as_ref().map_or(&[][..], |osn| osn);
    let payload = [osn, packet.payload[0], packet.payload[1]].concat();
    Ok(Packet {
        header,
        payload: payload.into(),
    })
}
