//! Secrets compared without being shown: as digests made with a key of this run alone.

use std::fmt::Write as _;
use std::io::Read as _;

use sha2::{Digest as _, Sha256};

/// The key of a run. It is never printed.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// A secret as a digest. Two are alike where the secrets are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(String);

/// A secret that a container is configured with: where it has it, and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) place: String,
    pub(crate) digest: Digest,
}

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut key = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        Ok(Self(key))
    }

    #[cfg(test)]
    pub(crate) const fn fixed(byte: u8) -> Self {
        Self([byte; 32])
    }

    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The digest of a secret.
    pub(crate) fn of(&self, secret: &str) -> Digest {
        self.of_hash(&hex(&Sha256::digest(secret)))
    }

    /// The digest of a secret of which only the SHA-256 is known, as Redis keeps it.
    pub(crate) fn of_hash(&self, hash: &str) -> Digest {
        Digest(hex(&Sha256::digest(format!("{}{hash}", self.hex()))))
    }
}

impl Secret {
    /// Reads `PLACE DIGEST`.
    pub(crate) fn told(line: &str) -> Option<Self> {
        let (place, digest) = line.rsplit_once(' ')?;
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let whole = digest.len() == 64 && digest.bytes().all(hexadecimal);
        (whole && !place.is_empty()).then(|| Self {
            place: place.to_owned(),
            digest: Digest(digest.to_owned()),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// RFC 4648, for a header that carries a login.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= chunk.len() {
                let digit = bits >> (18 - 6 * at) & 63;
                text.push(char::from(DIGITS[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_and_its_hash_have_one_digest_and_another_key_gives_another() {
        let key = Key::fixed(1);
        let hash = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        assert_eq!(key.of("password"), key.of_hash(hash));
        assert_ne!(key.of("password"), key.of("Password"));
        assert_ne!(key.of("password"), Key::fixed(2).of("password"));
        assert!(!format!("{key:?}").contains('1'));
    }

    #[test]
    fn what_is_no_digest_is_not_read_as_one() {
        let digest = "a".repeat(64);
        assert!(Secret::told(&format!("/run/secrets/a b {digest}")).is_some());
        for line in [
            "",
            "NAME",
            "NAME abc",
            &digest,
            &format!(" {digest}"),
            &format!("N {digest}0"),
        ] {
            assert_eq!(Secret::told(line), None, "{line:?}");
        }
    }

    #[test]
    fn base64_is_as_the_standard_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
