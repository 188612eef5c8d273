//! The cookies of load balancers: sent back to the host that set them, so that it finds its way.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use http::{Request, Response, Uri};
use serde::{Deserialize, Serialize};

/// More is no load balancer's.
const MOST: usize = 32;
const LONGEST: usize = 4096;

/// The cookies that hosts have set. Each goes back to its host alone, whatever domain it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cookie {
    host: String,
    secure: bool,
    name: String,
    value: String,
}

impl Cookies {
    /// Remembers what an answer sets; returns whether that changed anything.
    pub(super) fn hear(&mut self, url: &Uri, answer: &Response<impl Sized>) -> bool {
        let before = self.clone();
        let host = host(url);
        for text in answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || text.len() > LONGEST {
                continue;
            }
            let has = |name: &str| parts.clone().any(|part| part.eq_ignore_ascii_case(name));
            let (gone, secure) = (has("Max-Age=0"), has("Secure"));
            self.0.retain(|cookie| cookie.host != host || cookie.name != name);
            if !gone && self.0.len() < MOST {
                let (name, value) = (name.to_owned(), value.to_owned());
                self.0.push(Cookie { host: host.clone(), secure, name, value });
            }
        }
        *self != before
    }

    /// Adds what the host of the request has set, after the cookies that the request has already.
    pub(super) fn add_to<B>(&self, request: &mut Request<B>) {
        let (host, is_https) = (host(request.uri()), request.uri().scheme_str() == Some("https"));
        let ours = self.0.iter().filter(|cookie| cookie.host == host && (is_https || !cookie.secure));
        let ours: Vec<String> = ours.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        if ours.is_empty() {
            return;
        }
        let theirs = request.headers().get(COOKIE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let all: Vec<String> = theirs.into_iter().chain(ours).collect();
        if let Ok(mut value) = HeaderValue::from_str(&all.join("; ")) {
            value.set_sensitive(true);
            put(request.headers_mut(), value);
        }
    }
}

fn put(headers: &mut HeaderMap, value: HeaderValue) {
    headers.remove(COOKIE);
    let _never_full = headers.try_insert(COOKIE, value);
}

fn host(url: &Uri) -> String {
    url.host().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cookies: &[&'static str]) -> Response<()> {
        let mut answer = Response::new(());
        for cookie in cookies {
            answer.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        answer
    }

    fn sent(cookies: &Cookies, url: &str) -> Option<String> {
        let mut request = Request::builder().uri(url).body(()).unwrap();
        cookies.add_to(&mut request);
        request.headers().get(COOKIE).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_alone() {
        let mut cookies = Cookies::default();
        let url: Uri = "http://Farm.example/a".parse().unwrap();
        assert!(cookies.hear(&url, &answer(&["ARRAffinity=abc; Path=/; HttpOnly", "B=2"])));
        assert!(!cookies.hear(&url, &answer(&["B=2"])));
        assert_eq!(sent(&cookies, "http://farm.example/b").as_deref(), Some("ARRAffinity=abc; B=2"));
        assert_eq!(sent(&cookies, "http://other.example/b"), None);
        assert!(cookies.hear(&url, &answer(&["ARRAffinity=; Max-Age=0", "=x", "nonsense"])));
        assert_eq!(sent(&cookies, "http://farm.example/b").as_deref(), Some("B=2"));
    }

    #[test]
    fn a_secure_cookie_goes_over_tls_alone() {
        let mut cookies = Cookies::default();
        cookies.hear(&"https://h/a".parse().unwrap(), &answer(&["A=1; secure"]));
        assert_eq!(sent(&cookies, "http://h/a"), None);
        assert_eq!(sent(&cookies, "https://h/a").as_deref(), Some("A=1"));
    }

    #[test]
    fn the_callers_own_cookies_stay() {
        let mut cookies = Cookies::default();
        cookies.hear(&"http://h/a".parse().unwrap(), &answer(&["A=1"]));
        let mut request = Request::builder().uri("http://h/a").header(COOKIE, "mine=1").body(()).unwrap();
        cookies.add_to(&mut request);
        assert_eq!(request.headers()[COOKIE], "mine=1; A=1");
    }
}
