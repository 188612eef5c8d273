//! What to say to a server that wants to know who is there.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::user::User;

pub(crate) enum Answer {
    Headers(HeaderMap),
    /// There is none, and this is what to do.
    None(String),
}

/// Answers a 401 or a 407, once.
pub(crate) fn answer(
    user: Option<&User>,
    answered: bool,
    status: StatusCode,
    challenges: &[HeaderValue],
) -> Answer {
    let schemes = schemes(challenges);
    let is_basic = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic"));
    let advice = match user {
        _ if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "the proxy wants a name and a password: put them into its address, https_proxy=http://NAME:PASSWORD@PROXY".to_owned()
        }
        _ if !is_basic => {
            let schemes = if schemes.is_empty() { "no way that it names".to_owned() } else { schemes.join(", ") };
            format!("the server wants credentials by {schemes}, and this program only has Basic: enable that for this directory")
        }
        None => "the server wants a name and a password: give it --user NAME:PASSWORD, or --user NAME and --password-file FILE".to_owned(),
        Some(user) if answered => format!("the server does not accept the name and password of {}: check --user", user.name),
        Some(user) => {
            let pair = BASE64_STANDARD.encode(user.credentials());
            match HeaderValue::from_str(&format!("Basic {pair}")) {
                Ok(mut value) => {
                    value.set_sensitive(true);
                    return Answer::Headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
                }
                Err(_) => "the name and password cannot be sent: check --user".to_owned(),
            }
        }
    };
    Answer::None(advice)
}

/// The first word of each challenge. Servers of this protocol send one in a header.
fn schemes(challenges: &[HeaderValue]) -> Vec<String> {
    let words = challenges.iter().filter_map(|value| value.to_str().ok()?.split_whitespace().next());
    words.map(|word| word.trim_end_matches(',').to_owned()).collect()
}
