//! The challenges of `WWW-Authenticate` and `Proxy-Authenticate`: several in one line, or one a line (Q36).

use http::HeaderValue;

/// One challenge: a scheme, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) scheme: String,
    /// The token of NTLM and Negotiate; empty in their first challenge, and in those of other schemes.
    pub(crate) token: String,
    /// All of it.
    pub(crate) text: String,
}

impl Offer {
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }
}

/// All challenges, in their order.
pub(crate) fn offers(values: &[HeaderValue]) -> Vec<Offer> {
    let mut offers = Vec::<Offer>::new();
    for text in values.iter().filter_map(|value| value.to_str().ok()) {
        for part in split(text) {
            let (word, rest) = part.split_once([' ', '\t']).unwrap_or((part, ""));
            // `name=value` goes on with the challenge before; `name = value` does, too.
            let is_parameter = word.contains('=') || rest.trim_start().starts_with('=');
            let is_scheme = !word.is_empty() && !is_parameter && word.bytes().all(is_token);
            if is_scheme {
                let token = rest.trim();
                let is_token = !token.contains(' ') && !token.trim_end_matches('=').contains(['=', '"']);
                let token = if is_token { token.to_owned() } else { String::new() };
                offers.push(Offer { scheme: word.to_owned(), token, text: part.to_owned() });
            } else if let (true, Some(offer)) = (is_parameter, offers.last_mut()) {
                offer.text += ", ";
                offer.text += part;
            }
        }
    }
    offers
}

/// Splits at the commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(text.get(begin..at).unwrap_or_default().trim());
                begin = at.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default().trim());
    parts
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&'static str]) -> Vec<(String, String)> {
        let values: Vec<_> = values.iter().map(|value| HeaderValue::from_static(value)).collect();
        offers(&values).into_iter().map(|offer| (offer.scheme, offer.token)).collect()
    }

    #[test]
    fn q36_several_challenges_are_found_in_one_line_or_in_several() {
        let pair = |scheme: &str, token: &str| (scheme.to_owned(), token.to_owned());
        let none = |scheme| pair(scheme, "");
        for (values, expected) in [
            (&["Negotiate", "NTLM"][..], vec![none("Negotiate"), none("NTLM")]),
            (
                &["Negotiate, NTLM, Basic realm=\"a, b\""],
                vec![none("Negotiate"), none("NTLM"), none("Basic")],
            ),
            (&["NTLM TlRMTVNTUAAC=="], vec![pair("NTLM", "TlRMTVNTUAAC==")]),
            (
                &["Digest realm=\"Basic, NTLM\", qop=\"auth,auth-int\", nonce=\"x\\\"y\", Basic realm=x"],
                vec![none("Digest"), none("Basic")],
            ),
            (&["Bearer", "basic realm = \"x\" , charset = \"UTF-8\""], vec![none("Bearer"), none("basic")]),
            (&["", ",,", "\"Basic\""], vec![]),
        ] {
            assert_eq!(found(values), expected, "{values:?}");
        }
        let value =
            HeaderValue::from_static("NTLM, Digest realm=\"a, b\",qop = auth , nonce=x, Basic realm=y");
        let texts: Vec<_> = offers(&[value]).into_iter().map(|offer| offer.text).collect();
        assert_eq!(texts, ["NTLM", "Digest realm=\"a, b\", qop = auth, nonce=x", "Basic realm=y"]);
    }
}
