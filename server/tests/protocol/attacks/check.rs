//! Connectivity checks that are not the viewer's own (RFC 8445 7.2.2).

use turn_types::stun::attribute::{AttributeType, RawAttribute, Username};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, Message, MessageWrite, MessageWriteExt, MessageWriteVec,
    ShortTermCredentials,
};

/// RFC 8445 16.1.
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLING: u16 = 0x802A;

/// What a check on the server needs.
#[derive(Clone, Debug)]
pub(crate) struct CheckCredentials {
    /// The server's ufrag, a colon, the viewer's.
    username: String,
    /// The server's.
    pub(crate) password: String,
}

impl CheckCredentials {
    /// Those of a session, out of its offer and answer.
    pub(crate) fn of(offer: &str, answer: &str) -> Self {
        let [server, viewer] = [answer, offer].map(|sdp| value(sdp, "ice-ufrag"));
        Self {
            username: format!("{server}:{viewer}"),
            password: value(answer, "ice-pwd"),
        }
    }

    /// A check that nominates its path.
    pub(crate) fn check(&self) -> Vec<u8> {
        let mut check = Message::builder_request(BINDING, MessageWriteVec::new());
        let username = Username::new(&self.username).expect("short");
        check.add_attribute(&username).expect("fits");
        let attributes: [(u16, &[u8]); 3] = [
            (PRIORITY, &[0x6E, 0, 1, 0xFF]),
            (ICE_CONTROLLING, &[0xFF; 8]),
            (USE_CANDIDATE, &[]),
        ];
        for (kind, content) in attributes {
            let attribute = RawAttribute::new(AttributeType::new(kind), content);
            check.add_attribute(&attribute).expect("fits");
        }
        let key = ShortTermCredentials::new(self.password.clone()).into();
        let signed = check.add_message_integrity(&key, IntegrityAlgorithm::Sha1);
        signed.expect("fits");
        check.add_fingerprint().expect("fits");
        check.finish()
    }
}

fn value(sdp: &str, name: &str) -> String {
    let start = format!("a={name}:");
    let value = sdp.lines().find_map(|line| line.strip_prefix(&start));
    value.expect("credentials are there").to_owned()
}
