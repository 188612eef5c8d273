//! Answers to servers that want to know who uploads.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bits_http::client::Challenge;
use bits_proto::client::Credentials;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::user::User;

/// Answers a 401 or a 407, once.
#[derive(Debug)]
pub(crate) struct Answerer {
    user: Option<User>,
}

impl Answerer {
    pub(crate) const fn new(user: Option<User>) -> Self {
        Self { user }
    }

    /// The headers that answer a challenge, or advice.
    pub(crate) fn answer(&mut self, challenge: &Challenge<'_>) -> Result<Credentials, String> {
        let schemes = schemes(challenge.values);
        let is_basic = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic"));
        let advice = match &self.user {
            _ if challenge.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "the proxy wants a name and a password: put them into its address, https_proxy=http://NAME:PASSWORD@PROXY".to_owned()
            }
            _ if !is_basic => {
                let schemes = if schemes.is_empty() { "no way that it names".to_owned() } else { schemes.join(", ") };
                format!("the server wants credentials by {schemes}, and this program only has Basic: enable that for this directory")
            }
            None => "the server wants a name and a password: give it --user NAME:PASSWORD, or --user NAME and --password-file FILE".to_owned(),
            Some(user) if challenge.earlier > 0 => format!("the server does not accept the name and password of {}: check --user", user.name),
            Some(user) => {
                let pair = BASE64_STANDARD.encode(user.credentials());
                match HeaderValue::from_str(&format!("Basic {pair}")) {
                    Ok(mut value) => {
                        value.set_sensitive(true);
                        return Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]).into());
                    }
                    Err(_) => "the name and password cannot be sent: check --user".to_owned(),
                }
            }
        };
        Err(advice)
    }
}

/// The first word of each challenge. Servers of this protocol send one in a header.
fn schemes(challenges: &[HeaderValue]) -> Vec<String> {
    let words = challenges.iter().filter_map(|value| value.to_str().ok()?.split_whitespace().next());
    words.map(|word| word.trim_end_matches(',').to_owned()).collect()
}
