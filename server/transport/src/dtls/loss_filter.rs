//! Which records of the peer reach rtc-dtls.
//!
//! rtc-dtls 0.21.1 (`handshaker.rs`, `wait`) stops its retransmit timer at any handshake record, a repeated one too, and never
//! starts it again. A peer repeats its flight exactly when ours was lost, so one lost datagram would end the handshake for good.
//! Records in clear are not authenticated either, and rtc-dtls acts on them all: an alert, or a byte too many, would end it.

use super::Role;
use super::record::{self, Fragment, Record};

/// Encrypted records that rtc-dtls may queue before it has the keys. It sets no bound itself.
const MAX_EARLY: u32 = 32;
/// More messages than a handshake has, with a HelloVerifyRequest for each ClientHello.
const MAX_MESSAGES: usize = 32;
/// Of one message: a chain of certificates fits.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// Of one message, repeated ones too. rtc-dtls looks for each next one among all of them, by recursion, at each that
/// comes: 5,000 of one byte (128 kB) take minutes.
const MAX_FRAGMENTS: u8 = 64;

#[derive(Debug)]
pub(super) struct LossFilter {
    role: Role,
    sent_server_hello: bool,
    sent_change_cipher_spec: bool,
    done: bool,
    early: u32,
    /// Fragments of each message.
    fragments: [u8; MAX_MESSAGES],
}

impl LossFilter {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            sent_server_hello: false,
            sent_change_cipher_spec: false,
            done: false,
            early: 0,
            fragments: [0; MAX_MESSAGES],
        }
    }

    /// A datagram of ours goes out.
    pub(super) fn sent(&mut self, datagram: &[u8]) {
        for record in record::records(datagram) {
            self.sent_change_cipher_spec |= record.content_type() == record::CHANGE_CIPHER_SPEC;
            self.sent_server_hello |= record
                .fragments()
                .any(|fragment| fragment.kind == record::SERVER_HELLO);
        }
    }

    /// The handshake is done on our side.
    pub(super) fn finish(&mut self) {
        self.done = true;
    }

    /// Whether our Finished is out, in a flight that the peer has to answer.
    pub(super) fn awaits_finished(&self) -> bool {
        self.role == Role::Client && self.sent_change_cipher_spec && !self.done
    }

    /// Of records that are no handshake messages in clear.
    pub(super) fn admits(&mut self, record: &Record<'_>) -> bool {
        match (record.epoch(), record.content_type()) {
            (0, record::CHANGE_CIPHER_SPEC) => !self.done && record.body() == [1],
            // Alerts in clear (RFC 6347 4.1.2.7): `Handshake` looks at fatal ones.
            (1, record::HANDSHAKE | record::ALERT) => {
                self.early += u32::from(!self.done);
                self.done || self.early <= MAX_EARLY
            }
            // No data goes over this connection, only keys come of it.
            _ => false,
        }
    }

    pub(super) fn admits_fragment(&mut self, fragment: &Fragment<'_>) -> bool {
        let expected = match self.role {
            _ if self.done => false,
            // The peer repeats its flight until it has ours.
            Role::Client if self.sent_change_cipher_spec => false,
            // ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate to ServerHelloDone, CertificateStatus.
            Role::Client => matches!(fragment.kind, 2..=4 | 11..=14 | 22),
            Role::Server if fragment.kind == record::CLIENT_HELLO => !self.sent_server_hello,
            // Certificate, CertificateVerify, ClientKeyExchange; before our ServerHello they answer nothing.
            Role::Server => self.sent_server_hello && matches!(fragment.kind, 11 | 15 | 16),
        };
        let fits = fragment.length <= MAX_MESSAGE_BYTES
            && fragment.offset + fragment.data.len() <= fragment.length;
        let known = self.fragments.get_mut(usize::from(fragment.message));
        let Some(known) = known.filter(|_| expected && fits) else {
            return false;
        };
        // rtc-dtls takes an empty fragment for the whole message.
        let admitted = *known < MAX_FRAGMENTS && fragment.data.is_empty() == (fragment.length == 0);
        *known += u8::from(admitted);
        admitted
    }
}
