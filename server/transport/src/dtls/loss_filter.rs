//! Which records of the peer reach rtc-dtls.
//!
//! rtc-dtls 0.21.1 (`handshaker.rs`, `wait`) stops its retransmit timer at any handshake record, a repeated one too, and never
//! starts it again. A peer repeats its flight exactly when ours was lost, so one lost datagram would end the handshake for good.
//! Records in clear are not authenticated either, and rtc-dtls acts on them all: an alert, or a byte too many, would end it.

use super::Role;
use super::record::{self, Record};

/// Encrypted records that rtc-dtls may queue before it has the keys. It sets no bound itself.
const MAX_EARLY: u32 = 32;
/// More messages than a handshake has, with a HelloVerifyRequest for each ClientHello.
const MAX_MESSAGES: u16 = 32;
/// Of one message: a chain of certificates fits.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct LossFilter {
    role: Role,
    sent_server_hello: bool,
    sent_change_cipher_spec: bool,
    done: bool,
    early: u32,
}

impl LossFilter {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            sent_server_hello: false,
            sent_change_cipher_spec: false,
            done: false,
            early: 0,
        }
    }

    /// A datagram of ours goes out.
    pub(super) fn sent(&mut self, datagram: &[u8]) {
        for record in record::records(datagram) {
            self.sent_change_cipher_spec |= record.content_type() == record::CHANGE_CIPHER_SPEC;
            self.sent_server_hello |= record
                .fragment()
                .is_some_and(|fragment| fragment.kind == record::SERVER_HELLO);
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

    pub(super) fn admits(&mut self, record: &Record<'_>) -> bool {
        match (record.epoch(), record.content_type()) {
            (0, record::CHANGE_CIPHER_SPEC) => !self.done && record.body() == [1],
            (0, record::HANDSHAKE) => !self.done && self.admits_message(record),
            // Alerts in clear (RFC 6347 4.1.2.7): `Handshake` looks at fatal ones.
            (1, record::HANDSHAKE | record::ALERT) => {
                self.early += u32::from(!self.done);
                self.done || self.early <= MAX_EARLY
            }
            // No data goes over this connection, only keys come of it.
            _ => false,
        }
    }

    fn admits_message(&self, record: &Record<'_>) -> bool {
        let Some(fragment) = record.fragment() else {
            return false;
        };
        let expected = match self.role {
            // The peer repeats its flight until it has ours.
            Role::Client if self.sent_change_cipher_spec => false,
            // ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate to ServerHelloDone, CertificateStatus.
            Role::Client => matches!(fragment.kind, 2..=4 | 11..=14 | 22),
            Role::Server if fragment.kind == record::CLIENT_HELLO => !self.sent_server_hello,
            // Certificate, CertificateVerify, ClientKeyExchange; before our ServerHello they answer nothing.
            Role::Server => self.sent_server_hello && matches!(fragment.kind, 11 | 15 | 16),
        };
        expected && fragment.message < MAX_MESSAGES && fragment.length <= MAX_MESSAGE_BYTES
    }
}
