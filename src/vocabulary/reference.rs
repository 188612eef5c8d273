//! References to URLs, as peers and configurations write them (RFC 3986).

use http::uri::{PathAndQuery, Uri};

use super::digits::hexadecimal;

/// A reference with `\` turned to `/` and with what no URI may hold percent-encoded, without the blanks around it.
pub(crate) fn normalise(reference: &[u8]) -> String {
    encode(reference.trim_ascii(), |byte| if byte == b'\\' { b'/' } else { byte })
}

/// A URL with what no URI may hold percent-encoded, without the blanks around it.
pub(crate) fn escape(url: &[u8]) -> String {
    encode(url.trim_ascii(), |byte| byte)
}

/// The path with what is percent-encoded decoded; `None` if that is no text.
pub(crate) fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = match after {
            [high, low, ..] if byte == b'%' => {
                hexadecimal(&[*high, *low]).and_then(|code| u8::try_from(code).ok())
            }
            _ => None,
        };
        bytes.push(decoded.unwrap_or(byte));
        rest = after.split_at_checked(if decoded.is_some() { 2 } else { 0 })?.1;
    }
    String::from_utf8(bytes).ok()
}

fn encode(bytes: &[u8], turned: impl Fn(u8) -> u8) -> String {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    bytes.iter().copied().map(turned).fold(String::with_capacity(bytes.len()), |mut url, byte| {
        if legal(byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
        url
    })
}

/// Whether this is the whole URL of something on the web.
pub(crate) fn is_http(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}

/// The URL of a reference that names its own scheme and host; `None` for every other.
pub(crate) fn absolute_url(reference: &str) -> Option<Uri> {
    let (scheme, rest) = scheme_of(without_fragment(reference))?;
    let url = format!("{scheme}:{}", rest.strip_prefix("//").map(absolute)??);
    url.parse::<Uri>().ok().filter(is_http)
}

/// RFC 3986 §5.2.2, without fragments: they are never sent. `None` where no `http` or `https` URL comes out.
pub(crate) fn resolve(reference: &str, base: &Uri) -> Option<Uri> {
    let reference = without_fragment(reference);
    let scheme = base.scheme_str()?;
    if scheme_of(reference).is_some() {
        return absolute_url(reference);
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{scheme}:{}", absolute(rest)?).parse::<Uri>().ok().filter(is_http);
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let (path, query) = match path {
        "" => (base.path().to_owned(), query.or(base.query())),
        path if path.starts_with('/') => (without_dots(path), query),
        path => (without_dots(&merged(base.path(), path)), query),
    };
    let path = match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok().filter(is_http)
}

/// The scheme of an absolute reference. A drive letter or a port is none: only what can be followed counts.
fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(legal);
    is_scheme.then_some((scheme, rest))
}

/// What follows `scheme:` of an absolute URL, its path without dots.
fn absolute(rest: &str) -> Option<String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let (path, query) = rest.split_at_checked(rest.find('?').unwrap_or(rest.len()))?;
    Some(format!("//{authority}{}{query}", without_dots(path)))
}

/// `reference` in the folder of `base` (RFC 3986 §5.2.3).
fn merged(base: &str, reference: &str) -> String {
    let folder = base.rfind('/').and_then(|at| base.get(..=at)).unwrap_or("/");
    format!("{folder}{reference}")
}

/// RFC 3986 §5.2.4 for a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn without_fragment(reference: &str) -> &str {
    reference.split_once('#').map_or(reference, |(reference, _)| reference)
}
