//! Digest authentication (RFC 7616): each request is answered by itself.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Uri};
use http_auth::{ChallengeParser, DigestClient, PasswordParams};
use ring::rand::{SecureRandom, SystemRandom};

use crate::challenges::Offer;
use crate::shared::Shared;
use crate::user::User;

/// The name of the scheme, which is also the value of the header until a request is signed.
pub(crate) const NAME: &str = "Digest";

/// What a server and a proxy asked last, and who answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests {
    server: Shared<Option<Digest>>,
    proxy: Shared<Option<Digest>>,
}

struct Digest {
    client: DigestClient,
    user: User,
    /// One for all answers to a challenge: servers may compute the key of a session (`MD5-sess`) from the first alone.
    nonce: String,
}

impl Digests {
    /// Takes up the first of these challenges that can be answered. Returns whether the last answer was right, and only too old.
    pub(crate) fn take_up(&self, name: &HeaderName, offers: &[Offer], user: &User) -> Result<bool, String> {
        let mut why = "there is no challenge".to_owned();
        for offer in offers.iter().filter(|offer| offer.is(NAME)) {
            match client(&offer.text) {
                Ok(client) => {
                    let (is_stale, mut random) = (client.stale(), [0; 18]);
                    SystemRandom::new().fill(&mut random).map_err(|_| "there is no randomness")?;
                    let nonce = BASE64_URL_SAFE_NO_PAD.encode(random);
                    *self.of(name).lock() = Some(Digest { client, user: user.clone(), nonce });
                    return Ok(is_stale);
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// Signs a request, where its headers say that it is to be signed. A server is told the path, and a proxy the whole target.
    pub(crate) fn sign(&self, method: &Method, target: &Uri, headers: &mut HeaderMap) -> Result<(), String> {
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION] {
            let Some(value) = headers.get_mut(&name).filter(|value| *value == NAME) else { continue };
            let whole = target.to_string();
            let path = target.path_and_query().map_or("/", |path| path.as_str());
            let uri = if name == AUTHORIZATION { path } else { &whole };
            if let Some(digest) = &mut *self.of(&name).lock() {
                *value = digest.sign(method, uri)?;
            }
        }
        Ok(())
    }

    fn of(&self, name: &HeaderName) -> &Shared<Option<Digest>> {
        if *name == AUTHORIZATION { &self.server } else { &self.proxy }
    }
}

impl Digest {
    fn sign(&mut self, method: &Method, uri: &str) -> Result<HeaderValue, String> {
        let params = PasswordParams {
            username: &self.user.name,
            password: self.user.password(),
            uri,
            method: method.as_str(),
            // It is not read twice, so its digest (`auth-int`) cannot be in the header.
            body: None,
        };
        let answer = self.client.respond_with_testing_cnonce(&params, &self.nonce)?;
        let mut value = HeaderValue::try_from(answer).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Without the password.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").field("user", &self.user).finish_non_exhaustive()
    }
}

fn client(challenge: &str) -> Result<DigestClient, String> {
    let parsed = ChallengeParser::new(challenge).next().ok_or("there is no challenge")?;
    DigestClient::try_from(&parsed.map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenges::offers;

    fn signed(challenge: &'static str, times: usize) -> Vec<String> {
        let digests = Digests::default();
        let offers = offers(&[HeaderValue::from_static(challenge)]);
        digests.take_up(&AUTHORIZATION, &offers, &User::new("Mufasa", "Circle of Life")).unwrap();
        let target = Uri::from_static("http://server.example/dir/index.html?a=b");
        let sign = |_| {
            let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(NAME))]);
            digests.sign(&Method::GET, &target, &mut headers).unwrap();
            headers.get(AUTHORIZATION).unwrap().to_str().unwrap().to_owned()
        };
        (0..times).map(sign).collect()
    }

    #[test]
    fn requests_are_counted_and_signed_with_one_nonce() {
        let challenge = "Negotiate, Digest realm=\"x, y\", qop=\"auth,auth-int\", nonce=\"n\", algorithm=MD5-sess, Basic realm=x";
        let [first, second] = &*signed(challenge, 2) else { panic!() };
        for (answer, count) in [(first, "nc=00000001"), (second, "nc=00000002")] {
            for part in
                [count, "realm=\"x, y\"", "uri=\"/dir/index.html?a=b\"", "qop=auth,", "username=\"Mufasa\""]
            {
                assert!(answer.contains(part), "{part}: {answer}");
            }
            assert!(!answer.contains("Circle"), "{answer}");
        }
        let part = |answer: &str, name: &str| {
            answer.split(name).nth(1).unwrap().split('"').nth(1).unwrap().to_owned()
        };
        assert_eq!(part(first, "cnonce="), part(second, "cnonce="));
        assert_ne!(part(first, "response="), part(second, "response="));
    }

    #[test]
    fn a_challenge_that_cannot_be_answered_is_passed_over() {
        let challenge = "Digest realm=x, qop=\"auth\", nonce=\"n\", algorithm=SHA-3, Digest realm=x, qop=\"auth\", nonce=\"m\"";
        assert!(signed(challenge, 1)[0].contains("nonce=\"m\""));
        let offers = offers(&[HeaderValue::from_static("Digest realm=x, nonce=n, algorithm=SHA-3")]);
        let none = Digests::default().take_up(&AUTHORIZATION, &offers, &User::new("a", "b"));
        assert!(none.is_err());
    }
}
