//! Sixteen bytes that nobody can guess.

use ring::rand::{SecureRandom, SystemRandom};

/// Of the operating system's generator: whoever guesses a session's id can write into the session.
#[expect(
    clippy::expect_used,
    reason = "without randomness nothing may go on; the one request fails that wants it"
)]
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
