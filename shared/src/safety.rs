//! The safety code: twenty digits that two users compare to exclude a man-in-the-middle.
//!
//! The server carries the descriptions of two peers, so it could replace their DTLS fingerprints by its own. Both sides compute the code from the two
//! fingerprints that their connection uses; with a man-in-the-middle the codes differ.
//!
//! Twenty digits are 66 bits. An attacker has to find *two* keys with equal codes, about 2^33 attempts, while the peers wait for their connection; `ROUNDS`
//! makes each attempt cost some thousand hashes.

use sha2::{Digest, Sha256};

const ROUNDS: u32 = 4096;
const DIGITS: usize = 20;

/// Five groups of four digits, the same on both sides: `4821 0937 5510 0042 7713`.
///
/// A fingerprint is the value of `a=fingerprint` (RFC 8122 5), as `sha-256 AB:CD:..`; case and white space do not matter.
pub fn safety_code(one: &str, other: &str) -> String {
    let (one, other) = (normal(one), normal(other));
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let text = format!("weir safety code 1\n{first}\n{second}");
    let mut hash = Sha256::digest(text.as_bytes());
    for _ in 1..ROUNDS {
        hash = Sha256::digest(hash);
    }
    let mut number =
        u128::from_be_bytes(hash[..16].try_into().expect("a SHA-256 hash has 32 bytes"));
    let mut code = String::with_capacity(DIGITS + DIGITS / 4);
    for at in 0..DIGITS {
        if at > 0 && at % 4 == 0 {
            code.push(' ');
        }
        code.push(char::from(b'0' + (number % 10) as u8));
        number /= 10;
    }
    code
}

/// The value of the first `a=fingerprint` line of a description; the attribute's name in any case (RFC 5234 2.3).
pub fn fingerprint(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| {
        let (name, value) = line.trim_end().split_once(':')?;
        let is_fingerprint = name.eq_ignore_ascii_case("a=fingerprint");
        is_fingerprint.then(|| value.trim_start())
    })
}

fn normal(fingerprint: &str) -> String {
    fingerprint
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_one_code_and_other_fingerprints_give_another() {
        let code = safety_code("sha-256 AA:BB", "sha-256 CC:DD");
        assert_eq!(code, safety_code("SHA-256 cc:dd", "sha-256 aa:bb"));
        assert_ne!(code, safety_code("sha-256 AA:BB", "sha-256 CC:DE"));
        let groups: Vec<_> = code.split(' ').map(str::len).collect();
        assert_eq!(groups, [4; 5]);
    }

    #[test]
    fn the_fingerprint_is_found_in_a_description() {
        let sdp = "v=0\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n";
        assert_eq!(fingerprint(sdp), Some("sha-256 AA:BB"));
        let capitals = sdp.replace("fingerprint:", "FINGERPRINT: ");
        assert_eq!(fingerprint(&capitals), Some("sha-256 AA:BB"));
        assert_eq!(fingerprint("v=0\r\n"), None);
    }
}
