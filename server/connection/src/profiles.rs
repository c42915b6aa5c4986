//! Which SRTP profiles a viewer is offered (RFC 5764 4.1.2, RFC 7714 14.2). Pure.

use transport::dtls::Profile;

/// In order of preference. AES-GCM costs a third of AES-CM with HMAC-SHA1 to encrypt. Chromium takes it only when GCM-128 is offered alone: with both
/// GCMs it takes 256 bits, with CM in the list CM. Others take 256 bits too where they may, which protects no better here and costs more, so it is not
/// offered.
pub(super) fn offered_to(user_agent: Option<&str>) -> Vec<Profile> {
    match user_agent {
        Some(user_agent) if is_chromium(user_agent) => vec![Profile::AeadAes128Gcm],
        _ => vec![Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80],
    }
}

/// Chrome, Edge, Opera and others on Chromium. The other engines on iOS have another token.
fn is_chromium(user_agent: &str) -> bool {
    user_agent.contains("Chrome/") && user_agent.contains("AppleWebKit/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_on_chromium_are_offered_gcm_alone() {
        let chromium = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36";
        assert_eq!(offered_to(Some(chromium)), [Profile::AeadAes128Gcm]);
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
        for other in [Some(firefox), Some("curl/8"), None] {
            assert_eq!(offered_to(other).len(), 2, "{other:?}");
        }
    }
}
