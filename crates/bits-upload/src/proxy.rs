//! The proxy before the server, if there is one: from `--proxy`, or from the environment.

use std::env;
use std::fmt;

use bits_http::client::Lasting;
use reqwest::{NoProxy, Url};

use crate::options::Options;
use crate::problem::Problem;
use crate::user::User;

/// SOCKS with names that this machine looks up, and with names that the proxy looks up.
const SOCKS: [&str; 2] = ["socks5", "socks5h"];

/// The port of a SOCKS proxy, unless its address names one.
const SOCKS_PORT: u16 = 1080;

/// The schemes of proxies that can be used, for messages.
pub(crate) const SUPPORTED: &str = "http, https, socks5 and socks5h are";

/// A proxy, and who named it.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Without a name and a password.
    pub(crate) url: Url,
    pub(crate) user: Option<User>,
    named_by: &'static str,
}

impl Proxy {
    /// The proxy for the address of the command line.
    pub(crate) fn find(options: &Options) -> Result<Option<Self>, Problem> {
        let named = match options.proxy.as_deref() {
            Some("none" | "") => return Ok(None),
            Some(text) => Some(("--proxy", text.to_owned())),
            None => from_environment(options),
        };
        let Some((named_by, text)) = named else { return Ok(None) };
        let is_ours = named_by == "--proxy";
        let unusable = |why: &dyn fmt::Display| match is_ours {
            true => Problem::usage(format_args!("{named_by}: {why}")),
            false => Problem::failed(format_args!("{named_by} in the environment: {why}")),
        };
        let with_scheme = if text.contains("://") { text } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|error| unusable(&error))?;
        let is_socks = SOCKS.contains(&url.scheme());
        if !is_socks && !matches!(url.scheme(), "http" | "https") {
            let (why, scheme) = (Lasting::ProxyScheme.explanation(), url.scheme());
            return Err(unusable(&format_args!("{why}: {scheme} is none here, {SUPPORTED}")));
        }
        if is_socks && url.port().is_none() {
            let _has_a_host = url.set_port(Some(SOCKS_PORT));
        }
        let user = match (&options.proxy_user, url.username(), url.password()) {
            (Some(user), ..) => Some(user.clone()),
            (None, "", _) => None,
            (None, name, password) => Some(User::new(&plain(name), &plain(password.unwrap_or_default()))),
        };
        let _has_a_host = url.set_username("").and_then(|()| url.set_password(None));
        Ok(Some(Self { url, user, named_by }))
    }

    /// Whether it passes bytes on, and knows nothing of HTTP.
    pub(crate) fn is_socks(&self) -> bool {
        SOCKS.contains(&self.url.scheme())
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> (String, u16) {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(80);
        (host.trim_matches(['[', ']']).to_owned(), port)
    }

    /// The hosts that it is not for.
    pub(crate) fn exceptions(&self) -> Option<NoProxy> {
        if self.named_by == "--proxy" { None } else { NoProxy::from_env() }
    }
}

/// The proxy, as messages name it.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.as_str().trim_end_matches('/');
        match self.named_by {
            "--proxy" => write!(f, "{address}"),
            variable => write!(f, "{address}, from {variable} in the environment"),
        }
    }
}

/// The variable that names a proxy for the address, and what it says.
fn from_environment(options: &Options) -> Option<(&'static str, String)> {
    // Who runs under a web server cannot trust HTTP_PROXY: it may be a header of a request.
    if env::var_os("REQUEST_METHOD").is_some() {
        return None;
    }
    let names = match options.url.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let value = |name| env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
    let named = names.into_iter().find_map(|name| Some((name, value(name)?)))?;
    let except = value("NO_PROXY").or_else(|| value("no_proxy")).unwrap_or_default();
    let matcher =
        hyper_util::client::proxy::matcher::Matcher::builder().all("http://proxy").no(except).build();
    matcher.intercept(&options.url).map(|_| named)
}

/// What percent signs stand for in a name or a password.
fn plain(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
