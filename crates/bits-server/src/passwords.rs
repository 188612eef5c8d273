//! Passwords as they are kept: as they are, or as `htpasswd` hashes them.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use ring::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::hmac;
use ring::rand::SystemRandom;
use subtle::ConstantTimeEq;

/// The alphabet of `$apr1$` and of crypt.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many verified passwords are remembered.
const REMEMBERED: usize = 4096;

/// A password, or its hash.
#[derive(Clone)]
pub(crate) enum Secret {
    /// The digest of `NAME:PASSWORD`. Digests are of one length, so comparing them tells nothing.
    Plain(Digest),
    /// `$2y$…`: slow on purpose.
    Bcrypt(String),
    /// `$apr1$SALT$HASH`, the default of older `htpasswd`.
    Apr1(String),
    /// `{SHA}…`.
    Sha1(String),
}

impl Secret {
    /// What stands behind the colon: a hash if it looks like one.
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let text_owned = text.to_owned();
        match text {
            _ if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) => {
                Self::Bcrypt(text_owned)
            }
            _ if text.starts_with("$apr1$") => Self::Apr1(text_owned),
            _ if text.starts_with("{SHA}") => Self::Sha1(text_owned),
            _ => Self::Plain(digest(&SHA256, format!("{name}:{text}").as_bytes())),
        }
    }

    /// Whether it takes long on purpose to compare it.
    pub(crate) const fn is_slow(&self) -> bool {
        matches!(self, Self::Bcrypt(_))
    }

    /// Whether these credentials were verified before.
    pub(crate) fn is_known(&self, credentials: &[u8], known: &Known) -> bool {
        matches!(self, Self::Bcrypt(kept) if known.has(kept, credentials))
    }

    /// Whether it is the password in `NAME:PASSWORD`. Hashes that are slow are remembered in `known`.
    pub(crate) fn is(&self, credentials: &[u8], known: &Known) -> bool {
        let Some(colon) = credentials.iter().position(|byte| *byte == b':') else { return false };
        let password = credentials.get(colon + 1..).unwrap_or_default();
        let same = |one: &[u8], other: &str| bool::from(one.ct_eq(other.as_bytes()));
        match self {
            Self::Plain(kept) => bool::from(kept.as_ref().ct_eq(digest(&SHA256, credentials).as_ref())),
            Self::Sha1(kept) => {
                let hash = BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password));
                same(hash.as_bytes(), kept.trim_start_matches("{SHA}"))
            }
            Self::Apr1(kept) => {
                let salt = kept.split('$').nth(2).unwrap_or_default();
                same(apr1(password, salt.as_bytes()).as_bytes(), kept)
            }
            Self::Bcrypt(kept) => {
                known.remember(kept, credentials, || bcrypt::verify(password, kept).unwrap_or(false))
            }
        }
    }
}

/// Whether it looks like a hash, and is none that can be compared: of another kind, or broken off. Taken for a password, it would let in who
/// knows the hash.
pub(crate) fn is_unusable_hash(text: &str) -> bool {
    let is_kind = |kind: &str, also: fn(&u8) -> bool| {
        !kind.is_empty() && kind.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || also(&byte))
    };
    if let Some((kind, hash)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return match kind {
            "SHA" => BASE64_STANDARD
                .decode(hash)
                .map_or(true, |digest| digest.len() != SHA1_FOR_LEGACY_USE_ONLY.output_len()),
            // `{SSHA}`, `{SHA512-CRYPT}` and the like of directories and mail servers.
            _ => is_kind(kind, u8::is_ascii_uppercase) && !hash.is_empty(),
        };
    }
    let Some((kind, hash)) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
        return false;
    };
    match kind {
        "2a" | "2b" | "2x" | "2y" => text.parse::<bcrypt::HashParts>().is_err(),
        "apr1" => match hash.split_once('$') {
            Some((salt, hash)) => {
                let is_letter = |byte| ALPHABET.contains(&byte);
                salt.len() > 8 || hash.len() != 22 || !hash.bytes().all(is_letter)
            }
            None => true,
        },
        kind => is_kind(kind, u8::is_ascii_alphabetic) && hash.contains('$'),
    }
}

/// Without the password or its hash.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Passwords that were verified, by a hash with a key of this process: so that a slow hash is not paid for each request.
pub(crate) struct Known {
    key: Option<hmac::Key>,
    verified: Mutex<HashSet<Vec<u8>>>,
}

impl Known {
    pub(crate) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
        Self { key, verified: Mutex::default() }
    }

    fn tag(&self, kept: &str, credentials: &[u8]) -> Option<Vec<u8>> {
        let mut both = hmac::Context::with_key(self.key.as_ref()?);
        both.update(&(kept.len() as u64).to_be_bytes());
        both.update(kept.as_bytes());
        both.update(credentials);
        Some(both.sign().as_ref().to_vec())
    }

    fn has(&self, kept: &str, credentials: &[u8]) -> bool {
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        self.tag(kept, credentials).is_some_and(|tag| known.contains(&tag))
    }

    /// The result of `verify`, unless it was `true` before.
    fn remember(&self, kept: &str, credentials: &[u8], verify: impl FnOnce() -> bool) -> bool {
        if self.has(kept, credentials) {
            return true;
        }
        let verified = verify();
        if let Some(tag) = self.tag(kept, credentials).filter(|_| verified) {
            let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(tag);
        }
        verified
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

/// Apache's variant of the MD5 crypt. Written here, because no crate that is maintained has it: `pwhash` and `md5crypt` have `$1$` alone,
/// and `htpasswd-verify` needs `rust-crypto`, which nobody has maintained for years.
fn apr1(password: &[u8], salt: &[u8]) -> String {
    let salt = salt.get(..8).unwrap_or(salt);
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut hash = Md5::new().chain_update(password).chain_update("$apr1$").chain_update(salt);
    for left in (0..password.len()).step_by(16).map(|at| password.len() - at) {
        hash.update(inner.get(..left.min(16)).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        hash.update(if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut last = hash.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        next.update(if round & 1 == 1 { password } else { &last });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round & 1 == 1 { &last } else { password });
        last = next.finalize();
    }
    let byte = |at: usize| u32::from(last.get(at).copied().unwrap_or_default());
    let mut text = format!("$apr1${}$", String::from_utf8_lossy(salt));
    let mut push = |mut value: u32, letters: usize| {
        for _ in 0..letters {
            text.push(char::from(ALPHABET.get((value & 0x3F) as usize).copied().unwrap_or_default()));
            value >>= 6;
        }
    };
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push(byte(a) << 16 | byte(b) << 8 | byte(c), 4);
    }
    push(byte(11), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(kept: &str, credentials: &str) -> bool {
        let name = credentials.split(':').next().unwrap();
        Secret::parse(name, kept).is(credentials.as_bytes(), &Known::new())
    }

    #[test]
    fn what_htpasswd_and_openssl_write_is_understood() {
        // `openssl passwd -apr1 -salt …`, which the documentation of Apache names for this format.
        let apr1 = "$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00";
        // The example of Apache's documentation of password formats.
        let sha = "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=";
        for (kept, password) in [(apr1, "password"), (sha, "myPassword")] {
            assert!(is(kept, &format!("ann:{password}")), "{kept}");
            for wrong in ["", "Password", "password ", "myPassword1"] {
                assert!(!is(kept, &format!("ann:{wrong}")), "{kept}: {wrong}");
            }
        }
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        assert!(is(&bcrypt, "ann:secret") && !is(&bcrypt, "ann:Secret"));
        assert!(!is("$2y$broken", "ann:$2y$broken"), "a hash is no password");
    }

    #[test]
    fn apr1_of_every_length_is_what_openssl_makes_of_it() {
        // `openssl passwd -apr1 -salt SALT PASSWORD`. The first is in Apache's documentation, too.
        for (kept, password) in [
            ("$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "myPassword"),
            ("$apr1$ab$8kcutQXL76cHBkdcXul75/", "myPassword"),
            ("$apr1$r31.....$s7OSk4uJoyS8elmZY5Ru40", "a"),
            ("$apr1$r31.....$LTaWPsXNWWe0zznf5.fh/.", "0123456789abcdef"),
            ("$apr1$r31.....$uoNYONO8NKDPK.An3zPyc1", "0123456789abcdefg"),
            (
                "$apr1$r31.....$cDK6R8NOZkpQCwWzlcgna/",
                "a much longer password, of more than two blocks of MD5: sixty-four",
            ),
            ("$apr1$r31.....$CnMBtjJHTKsiwi5FN79xp0", "pässwörd"),
        ] {
            assert!(is(kept, &format!("ann:{password}")), "{kept}");
            assert!(!is(kept, &format!("ann:{password}x")), "{kept}");
        }
    }

    #[test]
    fn hashes_of_other_kinds_are_no_passwords() {
        // glibc's crypt, which `htpasswd -5` writes, too.
        for hash in [
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJu",
            "$1$ab$cdef",
            "$argon2id$v=19$m=1$x$y",
            "$pbkdf2-sha256$29000$salt$hash",
            "{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3",
            "{MD5}rL0Y20zC+Fzt72VPzMSk2A==",
            "{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
        ] {
            assert!(is_unusable_hash(hash), "{hash}");
        }
        for text in
            ["secret", "$", "$a", "pa$$wo$rd", "$$$", "$20 a$b", "{a}b", "{}", "{ABC}", "}{", "{A b}c", "*"]
        {
            assert!(!is_unusable_hash(text), "{text}");
        }
    }

    /// A file that is half written, say. Nobody could ever log in with it.
    #[test]
    fn hashes_that_are_not_whole_are_no_passwords() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        for kind in ["2a", "2b", "2x", "2y"] {
            let hash = bcrypt.replacen("2b", kind, 1);
            assert!(!is_unusable_hash(&hash) && is_unusable_hash(&hash[..59]), "{hash}");
        }
        for whole in ["$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE="] {
            assert!(!is_unusable_hash(whole), "{whole}");
            for end in 6..whole.len() {
                assert!(is_unusable_hash(&whole[..end]), "{}", &whole[..end]);
            }
            assert!(is_unusable_hash(&format!("{whole}x")), "{whole}x");
        }
        assert!(is_unusable_hash("$apr1$more than eight$eIMz/iKDkbtys/uU7LEK00"));
    }

    #[test]
    fn passwords_with_colons_are_one_password() {
        assert!(is("a:b", "ann:a:b") && !is("a:b", "ann:a") && !is("a", "ann:a:b"));
    }

    #[test]
    fn a_slow_hash_is_paid_once() {
        let (known, mut paid) = (Known::new(), 0);
        for (kept, credentials, good) in [
            ("k", "a:1", true),
            ("k", "a:1", true),
            ("k", "a:2", false),
            ("k", "a:2", false),
            ("l", "a:1", true),
        ] {
            let verified = known.remember(kept, credentials.as_bytes(), || {
                paid += 1;
                good
            });
            assert_eq!(verified, good);
        }
        assert_eq!(paid, 4);
    }
}
